//! The health of a case.

use crate::{
    cli::{
        output::{Rows, Style, cell, fields},
        text,
    },
    model::DEFAULT_PROBABILITY,
    pb::v1,
};

/// The health of a case: where it stands and why, then what it counts.
pub fn status(case: &v1::Case, status: &v1::CaseStatus, live: u64, style: Style) -> String {
    let mut text = fields(&[
        ("Case", case.name.clone()),
        ("State", text::state(status.state).into_owned()),
        ("Since", text::time(status.since.as_ref())),
        ("Why", status.reason.clone()),
        ("Marks", marks(case, status).join(", ")),
        ("Incident", incident(status)),
        ("Failures", failures(status)),
        ("Totals", totals(&status.totals)),
        ("Last test", text::time(status.last_test_received.as_ref())),
        ("Last failure", last_failure(status.last_failure.as_ref())),
        ("Live executions", live.to_string()),
        ("Requests", requests(&status.sampling.unwrap_or_default())),
        ("Signals", signals(&status.signals.unwrap_or_default())),
        (
            "Probe",
            status.probe.as_ref().map_or_else(String::new, probe),
        ),
        ("Server away", away(&status.absences.unwrap_or_default())),
        ("Control", overlay(status.control.as_ref())),
        ("Notifications", notifications(status)),
    ]);
    let history = history(status, style);
    if !history.is_empty() {
        text.push('\n');
        text.push_str(&history);
    }
    text
}

/// What stands out about a case besides its state.
pub fn marks(case: &v1::Case, status: &v1::CaseStatus) -> Vec<&'static str> {
    let control = status.control.unwrap_or_default();
    let active = control.active.or(case.active).unwrap_or(true);
    [
        (!active, "inactive"),
        (status.flapping, "flapping"),
        (control.muted_until.is_some(), "muted"),
        (status.notifications_dead > 0, "undelivered"),
    ]
    .into_iter()
    .filter_map(|(so, mark)| so.then_some(mark))
    .collect()
}

fn incident(status: &v1::CaseStatus) -> String {
    let Some(incident) = &status.incident else {
        return match status.incidents {
            0 => String::new(),
            before => format!("none; {before} before"),
        };
    };
    let v1::Incident {
        number,
        started_at,
        cause,
        cause_since,
    } = incident;
    let cause = text::cause(*cause);
    let since = text::time(cause_since.as_ref());
    match started_at == cause_since {
        true => format!("{number}: {cause} since {since}"),
        false => {
            let began = text::time(started_at.as_ref());
            format!("{number}: began {began}, {cause} since {since}")
        }
    }
}

fn failures(status: &v1::CaseStatus) -> String {
    match status.total_failures {
        0 => "none".to_owned(),
        all => format!("{} in a row, {all} in all", status.consecutive_failures),
    }
}

fn totals(totals: &[v1::StateTotal]) -> String {
    let one = |total: &v1::StateTotal| format!("{} {}", total.count, text::state(total.state));
    totals.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn last_failure(failure: Option<&v1::FailedExecution>) -> String {
    let Some(v1::FailedExecution {
        id,
        state,
        at,
        error,
    }) = failure
    else {
        return String::new();
    };
    let (state, at) = (text::state(*state), text::time(at.as_ref()));
    match error.is_empty() {
        true => format!("{state} of {id} at {at}"),
        false => format!("{state} of {id} at {at}: {error}"),
    }
}

fn requests(sampling: &v1::SamplingTotals) -> String {
    let v1::SamplingTotals {
        sampled,
        not_sampled,
        over_rate,
        over_live,
        refused,
        share,
    } = sampling;
    let Some(share) = share else {
        return String::new();
    };
    let left_out = counts(&[
        (*not_sampled, "by the probability"),
        (*over_rate, "over the rate"),
        (*over_live, "over the live executions"),
        (*refused, "over a limit of the server"),
    ]);
    let left_out = match left_out.is_empty() {
        true => String::new(),
        false => format!("; left out: {left_out}"),
    };
    format!("{sampled} sampled, {:.1}% of all{left_out}", 100.0 * share)
}

fn signals(signals: &v1::SignalTotals) -> String {
    let v1::SignalTotals {
        accepted,
        early,
        duplicate,
        late,
        unknown_signal,
        orphan,
        ignored,
    } = signals;
    format!(
        "{accepted} accepted, {early} early, {late} late, {duplicate} duplicate, {orphan} orphan, \
         {unknown_signal} unknown, {ignored} ignored"
    )
}

fn probe(probe: &v1::ProbeStatus) -> String {
    let v1::ProbeStatus {
        last_at,
        last_due: _,
        error,
        probes,
        attempts,
        failures,
        consecutive_failures,
    } = probe;
    let at = text::time(last_at.as_ref());
    let last = match error {
        None => format!("answered at {at}"),
        Some(error) => format!("failed at {at}: {error}"),
    };
    format!(
        "{last}\n{probes} in all with {attempts} attempts, {failures} failed, \
         {consecutive_failures} of them in a row"
    )
}

fn away(absences: &v1::Absences) -> String {
    let v1::Absences {
        count,
        last_began,
        last_ended,
    } = absences;
    let times = match count {
        0 => return String::new(),
        1 => "once".to_owned(),
        many => format!("{many} times, the last one"),
    };
    let (began, ended) = (
        text::time(last_began.as_ref()),
        text::time(last_ended.as_ref()),
    );
    format!("{times} from {began} to {ended}")
}

fn notifications(status: &v1::CaseStatus) -> String {
    counts(&[
        (status.notifications_pending.into(), "pending"),
        (status.notifications_dead.into(), "given up"),
    ])
}

/// What lies over a declaration, on one line; empty if nothing does.
pub fn overlay(control: Option<&v1::CaseControl>) -> String {
    let v1::CaseControl {
        active,
        probability,
        muted_until,
    } = control.copied().unwrap_or_default();
    let parts = [
        active.map(|active| format!("active {}", text::yes_or_no(active))),
        probability.map(|share| format!("probability {}", text::share(share))),
        muted_until.map(|until| format!("muted until {}", text::time(Some(&until)))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What lies over the declaration of a case, beside what is declared.
pub fn control(response: &v1::GetCaseResponse, _style: Style) -> String {
    let case = response.case.clone().unwrap_or_default();
    let control = response.status.as_ref().and_then(|status| status.control);
    let v1::CaseControl {
        active,
        probability,
        muted_until,
    } = control.unwrap_or_default();
    let (declared_active, declared_share) = (
        text::yes_or_no(case.active.unwrap_or(true)),
        text::share(case.probability.unwrap_or(DEFAULT_PROBABILITY)),
    );
    let as_declared = |declared| format!("{declared}, as declared");
    fields(&[
        ("Case", case.name),
        (
            "Active",
            match active {
                Some(active) => {
                    let active = text::yes_or_no(active);
                    format!("{active}; declared: {declared_active}")
                }
                None => as_declared(declared_active.to_owned()),
            },
        ),
        (
            "Probability",
            match probability {
                Some(share) => format!("{}; declared: {declared_share}", text::share(share)),
                None => as_declared(declared_share),
            },
        ),
        (
            "Muted",
            match muted_until {
                Some(until) => format!("until {}", text::time(Some(&until))),
                None => "no".to_owned(),
            },
        ),
    ])
}

/// Counts that are not zero.
fn counts(counts: &[(u64, &str)]) -> String {
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: Vec<_> = counts
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    counts.join(", ")
}

/// What the histories are like, a line each; empty without any.
fn history(status: &v1::CaseStatus, style: Style) -> String {
    let latencies = status.signal_latency.iter();
    let latencies = latencies.map(|(name, summary)| (format!("latency of {name}"), Some(*summary)));
    let all: Vec<_> = [
        ("runtime".to_owned(), status.runtime),
        ("time between executions".to_owned(), status.frequency),
    ]
    .into_iter()
    .chain(latencies)
    .filter_map(|(name, summary)| Some((name, summary.filter(|one| one.count > 0)?)))
    .collect();
    if all.is_empty() {
        return String::new();
    }
    let mut rows = Rows::new(&["HISTORY", ">VALUES", ">MEDIAN", ">P90"], style);
    for (name, summary) in all {
        let cells = [
            cell(name),
            cell(summary.count),
            cell(text::seconds(summary.median.as_ref())),
            cell(text::seconds(summary.p90.as_ref())),
        ];
        rows.add(cells, "");
    }
    rows.render()
}
