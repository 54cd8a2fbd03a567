//! What a run adds up to.
//!
//! Pure: fed with the answers in whatever order they come, and with each of
//! them at most once counted.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use super::{error::status_text, livecheck::Told, plan::Hurt};
use crate::model::{State, TestReport};

/// What a run adds up to; every number is counted from answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Orders that went through.
    pub orders: u64,
    /// Those of them that became tests.
    pub sampled: u64,
    /// The reports about them, by state.
    pub reports: BTreeMap<State, u64>,
    /// The signals of all orders, by the name of their outcome.
    pub signals: BTreeMap<&'static str, u64>,
    /// Calls to LiveCheck that failed.
    pub failed_calls: u64,
    /// The first of them, for people.
    pub first_failure: Option<String>,
    /// The sampled orders by what was done to them and how it was reported.
    pub groups: Vec<Group>,
    /// From the first order to the last report.
    pub took: Duration,
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
}

/// Sampled orders to which the same was done and about which the same was
/// reported.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// What was done to them; nothing if none.
    pub hurt: Option<Hurt>,
    /// How they were reported; none if there is no report.
    pub state: Option<State>,
    /// How many.
    pub orders: u64,
    /// Id of the first one.
    pub example: String,
    /// The error in the report about the first one.
    pub error: Option<String>,
    /// The signals of the first one, by the name of their outcome.
    pub signals: BTreeMap<&'static str, u64>,
}

/// What is known of the orders while they are under way.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// In the order in which they were placed.
    orders: Vec<Entry>,
    by_id: HashMap<String, usize>,
    /// Places of the tests without a report.
    missing: HashSet<usize>,
    failed_calls: u64,
    first_failure: Option<String>,
}

#[derive(Debug, Default)]
struct Entry {
    id: String,
    hurt: Option<Hurt>,
    /// Whether it is a test, once it has gone through.
    sampled: Option<bool>,
    report: Option<(State, Option<String>)>,
    signals: BTreeMap<&'static str, u64>,
}

impl Ledger {
    /// An order was placed.
    pub fn placed(&mut self, id: &str, hurt: Option<Hurt>) {
        self.by_id.insert(id.to_owned(), self.orders.len());
        self.orders.push(Entry {
            id: id.to_owned(),
            hurt,
            ..Entry::default()
        });
    }

    /// An order went through.
    pub fn answered(&mut self, id: &str, sampled: bool) {
        if let Some((place, entry)) = entry(&self.by_id, &mut self.orders, id) {
            entry.sampled = Some(sampled);
            if sampled && entry.report.is_none() {
                self.missing.insert(place);
            }
        }
    }

    /// A service told how a call to LiveCheck went.
    pub fn told(&mut self, told: Told) {
        match told {
            Told::Signal { order_id, outcome } => {
                if let Some((_, entry)) = entry(&self.by_id, &mut self.orders, &order_id) {
                    *entry.signals.entry(outcome.name()).or_default() += 1;
                }
            }
            Told::Failed {
                order_id,
                what,
                status,
            } => {
                self.failed_calls += 1;
                self.first_failure.get_or_insert_with(|| {
                    format!("{what} of {order_id}: {}", status_text(&status))
                });
            }
        }
    }

    /// A report came: what was done to its order, if that was placed here.
    pub fn reported(&mut self, report: &TestReport) -> Option<Hurt> {
        let id = &report.test.as_ref()?.id;
        let (place, entry) = entry(&self.by_id, &mut self.orders, id)?;
        self.missing.remove(&place);
        entry.report = Some((report.state, report.error.clone()));
        entry.hurt
    }

    /// How many tests have no report yet, and the id of the first of them.
    pub fn missing(&self) -> Option<(usize, &str)> {
        let first = self.orders.get(*self.missing.iter().min()?)?;
        Some((self.missing.len(), &first.id))
    }

    /// Adds it up.
    pub fn summary(&self, took: Duration, interrupted: bool) -> Summary {
        let mut summary = Summary {
            orders: 0,
            sampled: 0,
            reports: BTreeMap::new(),
            signals: BTreeMap::new(),
            failed_calls: self.failed_calls,
            first_failure: self.first_failure.clone(),
            groups: Vec::new(),
            took,
            interrupted,
        };
        let mut groups = BTreeMap::new();
        for entry in &self.orders {
            for (outcome, count) in &entry.signals {
                *summary.signals.entry(outcome).or_default() += count;
            }
            summary.orders += u64::from(entry.sampled.is_some());
            if entry.sampled != Some(true) {
                continue;
            }
            summary.sampled += 1;
            let state = entry.report.as_ref().map(|(state, _)| *state);
            if let Some(state) = state {
                *summary.reports.entry(state).or_default() += 1;
            }
            let group = groups.entry((entry.hurt, state));
            group.or_insert_with(|| Group::of(entry)).orders += 1;
        }
        summary.groups = groups.into_values().collect();
        summary
    }
}

impl Group {
    /// The empty group of orders like this one.
    fn of(entry: &Entry) -> Self {
        let (state, error) = entry.report.clone().unzip();
        Group {
            hurt: entry.hurt,
            state,
            orders: 0,
            example: entry.id.clone(),
            error: error.flatten(),
            signals: entry.signals.clone(),
        }
    }
}

/// The entry of an order and its place.
fn entry<'a>(
    by_id: &HashMap<String, usize>,
    orders: &'a mut [Entry],
    id: &str,
) -> Option<(usize, &'a mut Entry)> {
    let place = *by_id.get(id)?;
    Some((place, orders.get_mut(place)?))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use tonic::Status;

    use super::*;
    use crate::model::{SignalOutcome, TestExecution};

    fn report(id: &str, state: State) -> TestReport {
        let at = DateTime::from_timestamp(1_780_000_000, 0).expect("in range");
        TestReport {
            failure: None,
            case_name: "orders".to_owned(),
            state,
            test: Some(TestExecution {
                traceparent: String::new(),
                id: id.to_owned(),
                case_name: "orders".to_owned(),
                timestamp: at,
                test_args: Vec::new(),
                test_kwargs: serde_json::Map::new(),
                expires: at,
                labels: BTreeMap::new(),
            }),
            runtime: None,
            signal_latency: BTreeMap::new(),
            error: Some(format!("error of {id}")),
            traceback: None,
            concluded_at: at,
        }
    }

    #[test]
    fn reports_are_missing_until_they_come() {
        let mut ledger = Ledger::default();
        for id in ["a", "b", "c", "d"] {
            ledger.placed(id, None);
        }
        assert_eq!(ledger.missing(), None);
        ledger.answered("a", false);
        ledger.answered("c", true);
        ledger.answered("b", true);
        assert_eq!(ledger.missing(), Some((2, "b")));

        // A report may come before the answer.
        ledger.reported(&report("d", State::Pass));
        ledger.answered("d", true);
        ledger.reported(&report("b", State::Pass));
        assert_eq!(ledger.missing(), Some((1, "c")));
        ledger.reported(&report("c", State::Pass));
        assert_eq!(ledger.missing(), None);
    }

    #[test]
    fn only_orders_of_the_run_are_counted_and_each_once() {
        let mut ledger = Ledger::default();
        let took = Duration::from_secs(1);
        let hurt = Some(Hurt::SignalDoubled);
        ledger.placed("first", hurt);
        ledger.placed("second", hurt);
        ledger.placed("under way", None);
        for id in ["first", "second", "stranger"] {
            for outcome in [SignalOutcome::Accepted, SignalOutcome::Duplicate] {
                let order_id = id.to_owned();
                ledger.told(Told::Signal { order_id, outcome });
            }
            ledger.answered(id, true);
            let of = (id != "stranger").then_some(hurt).flatten();
            assert_eq!(ledger.reported(&report(id, State::Fail)), of);
            assert_eq!(ledger.reported(&report(id, State::Fail)), of);
        }
        for what in ["submit", "order_created"] {
            ledger.told(Told::Failed {
                order_id: "under way".to_owned(),
                what,
                status: Box::new(Status::unavailable("gone")),
            });
        }

        let summary = ledger.summary(took, true);
        assert_eq!(
            summary,
            Summary {
                orders: 2,
                sampled: 2,
                reports: BTreeMap::from([(State::Fail, 2)]),
                signals: BTreeMap::from([("ACCEPTED", 2), ("DUPLICATE", 2)]),
                failed_calls: 2,
                first_failure: Some("submit of under way: gone (Unavailable)".to_owned()),
                groups: vec![Group {
                    hurt,
                    state: Some(State::Fail),
                    orders: 2,
                    example: "first".to_owned(),
                    error: Some("error of first".to_owned()),
                    signals: BTreeMap::from([("ACCEPTED", 1), ("DUPLICATE", 1)]),
                }],
                took,
                interrupted: true,
            }
        );
    }
}
