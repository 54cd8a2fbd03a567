//! Random journals: a few cases, ids, keys and values, so that they collide, and
//! times on a coarse grid, so that facts fall on deadlines.

use std::sync::Arc;

use chrono::Duration;
use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::model::{
    Case, CaseControl, ControlChange, Counts, Delivered, Event, Json, ProbeResult, Redelivery,
    SignalEvent, Signalled, Submission, Time,
};

use super::sim::{World, at, case, submission};

/// What happens, and how long after what happened before.
#[derive(Clone, Debug)]
pub struct Step {
    /// In quarters of a second.
    pub after: u64,
    pub action: Action,
}

#[derive(Clone, Debug)]
pub enum Action {
    /// A fact of a client.
    Fact(Fact),
    /// A tick, queued so many quarters of a second before.
    Tick(u64),
    /// Ticks as a node sends them, for so many quarters of a second.
    Ticks(u64),
    /// One of the verdicts that are not recorded is, once or twice.
    Record { which: usize, twice: bool },
    /// One of the changes of a case's health that are not recorded is.
    Announce(usize),
    /// The process starts again.
    Restart { from_snapshot: bool },
}

#[derive(Clone, Debug)]
pub enum Fact {
    Apply(String),
    Delete(&'static str),
    Submit {
        wanted: Submission,
        expires: Option<u64>,
    },
    Signal(Signalled),
    Cancel(&'static str, &'static str),
    /// What is set, and whether all is cleared.
    Control(&'static str, CaseControl, bool),
    /// Whether the target answered.
    Probe(&'static str, bool),
    Count(&'static str, Counts),
    /// Of which record, and whether that was given up.
    Told(&'static str, u64, bool),
    Retry(&'static str),
}

const CASES: [&str; 2] = ["c", "d"];
const IDS: [&str; 4] = ["e1", "e2", "e3", "k1"];

fn key() -> impl Strategy<Value = Json> {
    let ids = select(&IDS[..]).prop_map(Json::from);
    prop_oneof![4 => ids, 1 => Just(Json::from("k2")), 1 => Just(Json::from(1))]
}

/// A declaration without its name.
fn declaration() -> impl Strategy<Value = String> {
    let bounds = prop_oneof![
        4 => Just(""),
        1 => Just(", min: 2"),
        1 => Just(", min: 0"),
        1 => Just(", max: 1"),
        1 => Just(", min: 0, max: 0"),
        1 => Just(", min: 0, max: 2"),
    ];
    let start = prop_oneof![3 => Just(""), 1 => Just(", at_start: true")];
    let more = prop_oneof![
        4 => Just(""),
        1 => Just(", within: 2.5s"),
        1 => Just(", timeout: 1.0000005s"),
        2 => Just(", key: 'execution.kwargs.k'"),
        1 => Just(", expect: [{expression: 'value != 2.0'}]"),
    ];
    let signal = (1..8_u32, bounds, start, more).prop_map(|(quarters, bounds, start, more)| {
        let timeout = match more.contains("timeout") {
            true => String::new(),
            false => format!(", timeout: {}s", f64::from(quarters) / 4.0),
        };
        format!("{timeout}{bounds}{start}{more}")
    });
    let contract = prop_oneof![
        Just("signals.a.count < 2"),
        Just("!has(signals.a.at) || signals.a.value != 1.0"),
        Just("signals.a.at >= execution.timestamp"),
        Just("!(\"k\" in execution.kwargs) || execution.kwargs.k != 1.0"),
    ];
    let active = prop_oneof![6 => Just(""), 1 => Just("active: false, ")];
    let health = prop_oneof![
        3 => Just(""),
        1 => Just("warn_stalled_after: 1.5s, state_transition_delay: 0.5s, "),
        1 => Just("max_consecutive_failures: 1, state_transition_delay: 0s, max_history: 2, "),
        1 => Just("max_executions_per_second: 1, max_live_executions: 2, "),
        1 => Just("probe: {frequency: 1s, http: {url: 'http://h/'}}, "),
    ];
    let expires = prop_oneof![Just("20s"), Just("2s"), Just("1.25s")];
    (
        health,
        active,
        expires,
        vec(signal, 1..=3),
        vec(contract, 0..=2),
    )
        .prop_map(|(health, active, expires, signals, contracts)| {
            let names = ["a", "b", "c"].into_iter().zip(signals);
            let signals: Vec<_> = names
                .map(|(name, rest)| format!("{{name: {name}{rest}}}"))
                .collect();
            let contracts: Vec<_> = contracts
                .into_iter()
                .map(|expression| format!("{{expression: '{expression}'}}"))
                .collect();
            format!(
                "{health}{active}test_expires: {expires}, signals: [{}], contracts: [{}]",
                signals.join(", "),
                contracts.join(", ")
            )
        })
}

fn apply() -> impl Strategy<Value = Fact> {
    (select(&CASES[..]), declaration())
        .prop_map(|(name, declared)| Fact::Apply(format!("{{name: {name}, {declared}}}")))
}

fn submit() -> impl Strategy<Value = Fact> {
    (
        select(&CASES[..]),
        select(&IDS[..]),
        option::of(key()),
        option::weighted(0.2, 0..8_u64),
    )
        .prop_map(|(case_name, id, key, expires)| {
            let mut wanted = submission(case_name, id);
            wanted
                .test_kwargs
                .extend(key.map(|key| ("k".to_owned(), key)));
            Fact::Submit { wanted, expires }
        })
}

fn signal() -> impl Strategy<Value = Fact> {
    let value =
        prop_oneof![3 => Just(Json::Null), 1 => Just(Json::from(1)), 1 => Just(Json::from(2))];
    let name = select(vec!["a", "a", "b", "b", "c", "x"]);
    let signal_id = prop_oneof![3 => Just(""), 1 => Just("s1"), 1 => Just("s2")];
    (select(&CASES[..]), name, key(), value, signal_id).prop_map(
        |(case_name, signal_name, key, value, signal_id)| {
            Fact::Signal(Signalled {
                event: SignalEvent {
                    signal_name: signal_name.to_owned(),
                    case_name: case_name.to_owned(),
                    key,
                    value,
                },
                signal_id: signal_id.to_owned(),
            })
        },
    )
}

fn control() -> impl Strategy<Value = Fact> {
    let set = (
        option::of(any::<bool>()),
        option::of(0.0..=1.0),
        option::of(0..40_u64),
    );
    (select(&CASES[..]), set, any::<bool>()).prop_map(
        |(name, (active, probability, mute), clear)| {
            let set = CaseControl {
                active,
                probability,
                muted_until: mute.map(|quarters| at(quarters * QUARTER)),
            };
            Fact::Control(name, set, clear)
        },
    )
}

fn action() -> impl Strategy<Value = Action> {
    let cancel =
        (select(&CASES[..]), select(&IDS[..])).prop_map(|(name, id)| Fact::Cancel(name, id));
    let fact = prop_oneof![
        1 => apply(),
        1 => select(&CASES[..]).prop_map(Fact::Delete),
        8 => submit(),
        24 => signal(),
        1 => cancel,
        1 => control(),
        2 => (select(&CASES[..]), any::<bool>()).prop_map(|(name, up)| Fact::Probe(name, up)),
        1 => (select(&CASES[..]), 0..9_u64).prop_map(|(name, count)| {
            let counts = Counts { not_sampled: count, ignored: 1, refused: 2 * count };
            Fact::Count(name, counts)
        }),
        2 => (select(&CASES[..]), 1..60_u64, any::<bool>())
            .prop_map(|(name, position, dead)| Fact::Told(name, position, dead)),
        1 => select(&CASES[..]).prop_map(Fact::Retry),
    ];
    prop_oneof![
        24 => fact.prop_map(Action::Fact),
        3 => prop_oneof![3 => Just(0), 1 => 0..20_u64].prop_map(Action::Tick),
        6 => (1..12_u64).prop_map(Action::Ticks),
        10 => (any::<usize>(), prop::bool::weighted(0.2))
            .prop_map(|(which, twice)| Action::Record { which, twice }),
        6 => any::<usize>().prop_map(Action::Announce),
        1 => any::<bool>().prop_map(|from_snapshot| Action::Restart { from_snapshot }),
    ]
}

/// What happens to two cases, from their declarations on.
pub fn steps(length: usize) -> impl Strategy<Value = Vec<Step>> {
    // Most at the same time, some just after, a few so much later that early
    // signals and concluded executions are forgotten.
    let after = prop_oneof![
        8 => Just(0),
        8 => 1..4_u64,
        2 => 4..20_u64,
        1 => select(vec![239, 240, 241, 2399, 2400, 2401]),
    ];
    let step = (after, action()).prop_map(|(after, action)| Step { after, action });
    (vec(apply(), 2..=3), vec(step, 1..length)).prop_map(|(applied, steps)| {
        let applied = applied.into_iter().map(|fact| Step {
            after: 0,
            action: Action::Fact(fact),
        });
        applied.chain(steps).collect()
    })
}

const QUARTER: u64 = 250_000;

/// Lets everything happen, in a world of its own.
pub fn happen(steps: &[Step]) -> World {
    let mut world = World::default();
    let mut grid = 0;
    for Step { after, action } in steps {
        grid += after * QUARTER;
        match action {
            Action::Fact(fact) => {
                let event = event(fact, at(grid));
                world.fold(at(grid), event);
            }
            Action::Tick(before) => {
                let queued_at = at(grid) - Duration::microseconds((before * QUARTER) as i64);
                world.fold(at(grid), Event::Tick { queued_at });
            }
            Action::Ticks(quarters) => {
                world.tick_until(at(grid));
                grid += quarters * QUARTER;
                world.tick_until(at(grid));
            }
            Action::Record { which, twice } => {
                if !world.unrecorded.is_empty() {
                    let which = which % world.unrecorded.len();
                    let verdict = match twice {
                        true => Arc::clone(&world.unrecorded[which]),
                        false => world.unrecorded.remove(which),
                    };
                    world.fold(at(grid), Event::Concluded(verdict));
                }
            }
            Action::Announce(which) => {
                if !world.unannounced.is_empty() {
                    let which = which % world.unannounced.len();
                    let mut transitioned = world.unannounced.remove(which);
                    Arc::make_mut(&mut transitioned).webhooks = vec!["w".to_owned()];
                    world.fold(at(grid), Event::Transitioned(transitioned));
                }
            }
            Action::Restart {
                from_snapshot: true,
            } => world.restart_from_snapshot(),
            Action::Restart {
                from_snapshot: false,
            } => world.restart(),
        }
    }
    world
}

/// The event of a fact that happens at a time.
fn event(fact: &Fact, now: Time) -> Event {
    match fact {
        Fact::Apply(declared) => {
            let declared: Case = case(declared);
            Event::CaseApplied(Arc::new(declared))
        }
        Fact::Delete(name) => Event::CaseDeleted {
            name: (*name).to_owned(),
        },
        Fact::Submit { wanted, expires } => {
            let expires =
                expires.map(|quarters| now + Duration::microseconds((quarters * QUARTER) as i64));
            Event::Submitted(Submission {
                expires,
                ..wanted.clone()
            })
        }
        Fact::Signal(signal) => Event::Signalled(signal.clone()),
        Fact::Cancel(case_name, id) => Event::Cancelled {
            case_name: (*case_name).to_owned(),
            id: (*id).to_owned(),
            reason: String::new(),
        },
        Fact::Control(name, set, clear) => Event::CaseControlled(ControlChange {
            case_name: (*name).to_owned(),
            set: *set,
            clear_active: *clear,
            clear_probability: *clear,
            clear_mute: *clear,
        }),
        Fact::Probe(name, up) => Event::Probed(ProbeResult {
            case_name: (*name).to_owned(),
            due: now,
            attempts: 2,
            error: (!up).then(|| "down".to_owned()),
        }),
        Fact::Count(name, counts) => Event::Counted {
            case_name: (*name).to_owned(),
            counts: *counts,
        },
        Fact::Told(name, position, dead) => Event::Delivered(Delivered {
            case_name: (*name).to_owned(),
            webhook: "w".to_owned(),
            position: *position,
            attempts: 1,
            error: dead.then(|| "refused".to_owned()),
        }),
        Fact::Retry(name) => Event::Redelivered(Redelivery {
            case_name: (*name).to_owned(),
            webhook: None,
            position: None,
        }),
    }
}
