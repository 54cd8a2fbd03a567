use std::{collections::BTreeMap, time::Duration};

use super::{Json, ReceivedSignal, State, TestReport, Time};

/// A test execution: one sampled request on its way through the system
/// (`faust.livecheck`'s `TestExecution`).
#[derive(Clone, Debug, PartialEq)]
pub struct TestExecution {
    /// Identity within the case.
    pub id: String,
    /// Name of the case.
    pub case_name: String,
    /// When it started.
    pub timestamp: Time,
    /// Positional arguments of the request.
    pub test_args: Vec<Json>,
    /// Named arguments of the request.
    pub test_kwargs: serde_json::Map<String, Json>,
    /// When it expires.
    pub expires: Time,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// W3C `traceparent` of the request that submitted it; empty if it had none.
    pub traceparent: String,
}

/// Length of an id in [`TestExecution::shortident`], as in Faust.
const SHORT_ID_CHARS: usize = 15;

impl TestExecution {
    /// `case_name:id`.
    pub fn ident(&self) -> String {
        format!("{}:{}", self.case_name, self.id)
    }

    /// `short_case_name:id`; an id of 15 characters or more is cut to 15 and
    /// marked with `[...]`, as Faust does.
    pub fn shortident(&self) -> String {
        let case = self.short_case_name();
        match self.id.char_indices().nth(SHORT_ID_CHARS - 1) {
            None => format!("{case}:{}", self.id),
            Some((last, c)) => format!("{case}:{}[...]", &self.id[..last + c.len_utf8()]),
        }
    }

    /// The case's name after its last dot.
    pub fn short_case_name(&self) -> &str {
        self.case_name
            .rsplit_once('.')
            .map_or(self.case_name.as_str(), |(_, last)| last)
    }

    /// When it was issued, for people: `Today 09:08:07`, or the whole time.
    pub fn human_date(&self, now: Time) -> String {
        if self.was_issued_today(now) {
            self.timestamp.format("Today %H:%M:%S").to_string()
        } else {
            let format = match self.timestamp.timestamp_subsec_micros() {
                0 => "%Y-%m-%d %H:%M:%S%:z",
                _ => "%Y-%m-%d %H:%M:%S%.6f%:z",
            };
            self.timestamp.format(format).to_string()
        }
    }

    /// Whether it was issued on the same day, in UTC.
    pub fn was_issued_today(&self, now: Time) -> bool {
        self.timestamp.date_naive() == now.date_naive()
    }

    /// Whether it has expired.
    pub fn is_expired(&self, now: Time) -> bool {
        now >= self.expires
    }
}

/// Where a declared signal of an execution stands.
#[derive(Clone, Debug, PartialEq)]
pub struct SignalProgress {
    /// Name of the signal.
    pub signal_name: String,
    /// How many different ones came.
    pub count: u64,
    /// How many must come.
    pub min: u32,
    /// How many may come.
    pub max: Option<u32>,
    /// Whether nothing more is awaited of it.
    pub settled: bool,
    /// When its clock started.
    pub clock_started_at: Option<Time>,
    /// By when it must come.
    pub deadline: Time,
    /// From the start of its clock to its arrival.
    pub latency: Option<Duration>,
}

/// An execution with everything that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecutionView {
    /// The execution.
    pub test: TestExecution,
    /// Revision of the case that judges it.
    pub case_revision: u64,
    /// The declared signals, in the case's order.
    pub progress: Vec<SignalProgress>,
    /// The signals that came and are kept, in their order.
    pub signals: Vec<ReceivedSignal>,
    /// How many came.
    pub signal_count: u64,
    /// The first signals that came after the verdict.
    pub late_signals: Vec<ReceivedSignal>,
    /// How many came after the verdict.
    pub late_signal_count: u64,
    /// The report, once there is one.
    pub report: Option<TestReport>,
}

impl ExecutionView {
    /// INIT while the execution is live, then the state of its report.
    pub fn state(&self) -> State {
        self.report
            .as_ref()
            .map_or(State::Init, |report| report.state)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn time(text: &str) -> Time {
        DateTime::parse_from_rfc3339(text).expect(text).to_utc()
    }

    fn execution(id: &str, case_name: &str, timestamp: &str, expires: &str) -> TestExecution {
        TestExecution {
            traceparent: String::new(),
            id: id.to_owned(),
            case_name: case_name.to_owned(),
            timestamp: time(timestamp),
            test_args: Vec::new(),
            test_kwargs: serde_json::Map::new(),
            expires: time(expires),
            labels: BTreeMap::new(),
        }
    }

    #[test]
    fn derived_values_are_those_of_faust() {
        let vectors: Json =
            serde_json::from_str(include_str!("../../tests/vectors/faust-0.15.3.json"))
                .expect("vectors are JSON");
        for vector in vectors["executions"].as_array().expect("a list") {
            let text = |field: &str| vector[field].as_str().expect("text");
            let test = execution(
                text("id"),
                text("case_name"),
                text("timestamp"),
                text("expires"),
            );
            let now = time(text("now"));

            let mut expected = vector["derived"].clone();
            if !text("timestamp").ends_with("+00:00") {
                // Faust takes the date where the execution started, LiveCheck
                // that of the same instant in UTC.
                expected["human_date"] = "Today 22:00:00".into();
                expected["was_issued_today"] = true.into();
            }
            let derived = serde_json::json!({
                "ident": test.ident(),
                "shortident": test.shortident(),
                "short_case_name": test.short_case_name(),
                "human_date": test.human_date(now),
                "was_issued_today": test.was_issued_today(now),
                "is_expired": test.is_expired(now),
            });
            assert_eq!(derived, expected, "{}", test.ident());
        }
    }

    #[test]
    fn dates_are_told_in_full_except_today() {
        for (timestamp, now, expected) in [
            (
                "2026-01-01T23:59:59.9Z",
                "2026-01-01T00:00:00Z",
                "Today 23:59:59",
            ),
            (
                "2026-01-01T23:59:59.9Z",
                "2026-01-02T00:00:00Z",
                "2026-01-01 23:59:59.900000+00:00",
            ),
            (
                "2026-01-02T00:00:00Z",
                "2026-01-01T23:59:59Z",
                "2026-01-02 00:00:00+00:00",
            ),
            (
                "0001-01-01T00:00:00Z",
                "2026-01-01T00:00:00Z",
                "0001-01-01 00:00:00+00:00",
            ),
        ] {
            let test = execution("i", "n", timestamp, timestamp);
            assert_eq!(test.human_date(time(now)), expected);
        }
    }
}
