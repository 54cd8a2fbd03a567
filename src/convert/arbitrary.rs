//! Arbitrary models, for the property tests.

mod health;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::DateTime;
use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::model::{
    Case, Concluded, Contract, Event, ExecutionView, Failure, Json, ReceivedSignal, Signal,
    SignalEvent, SignalOutcome, SignalProgress, Signalled, State, Submission, TestExecution,
    TestReport, Time, number,
};

/// Any JSON value, as it comes out of a message.
pub fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i32>().prop_map(|n| number(f64::from(n))),
        any::<f64>().prop_map(number),
        any::<String>().prop_map(Json::String),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Json::Array),
            object_of(inner).prop_map(Json::Object),
        ]
    })
}

/// Any JSON object.
pub fn object() -> impl Strategy<Value = serde_json::Map<String, Json>> {
    object_of(json())
}

fn object_of(
    inner: impl Strategy<Value = Json>,
) -> impl Strategy<Value = serde_json::Map<String, Json>> {
    vec((any::<String>(), inner), 0..4).prop_map(|fields| fields.into_iter().collect())
}

/// Any instant of the years 1 to 9999.
pub fn time() -> impl Strategy<Value = Time> {
    (-62_135_596_800_000_000..253_402_300_800_000_000_i64)
        .prop_map(|micros| DateTime::from_timestamp_micros(micros).unwrap_or_default())
}

/// Any span of time up to protobuf's longest.
pub fn duration() -> impl Strategy<Value = Duration> {
    (0..=315_576_000_000_u64, 0..1_000_000_000_u32).prop_map(|(s, ns)| Duration::new(s, ns))
}

fn labels() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map(any::<String>(), any::<String>(), 0..3)
}

fn contract() -> impl Strategy<Value = Contract> {
    any::<(String, String, String)>().prop_map(|(expression, id, message)| Contract {
        expression,
        id,
        message,
    })
}

fn signal() -> impl Strategy<Value = Signal> {
    (
        any::<(
            String,
            Vec<String>,
            bool,
            Option<u32>,
            Option<u32>,
            Option<String>,
        )>(),
        option::of(duration()),
        option::of(duration()),
        vec(contract(), 0..3),
    )
        .prop_map(
            |((name, after, at_start, min, max, key), timeout, within, expect)| Signal {
                name,
                timeout,
                after,
                at_start,
                min,
                max,
                within,
                key,
                expect,
            },
        )
}

/// Any case, even one that no apply would let pass.
pub fn case() -> impl Strategy<Value = Case> {
    (
        any::<(String, String, Option<bool>, u64)>(),
        labels(),
        option::of(0.0..=1.0),
        option::of(duration()),
        vec(signal(), 0..4),
        vec(contract(), 0..3),
        (option::of(duration()), option::of(duration())),
        option::of(health::probe()),
        any::<(Option<u32>, Option<u32>, Option<u32>)>(),
        (option::of(0.0..1e6), vec(any::<String>(), 0..3)),
    )
        .prop_map(
            |(
                (name, description, active, revision),
                labels,
                probability,
                test_expires,
                signals,
                contracts,
                (warn_stalled_after, state_transition_delay),
                probe,
                (max_consecutive_failures, max_history, max_live_executions),
                (max_executions_per_second, webhooks),
            )| Case {
                name,
                description,
                labels,
                active,
                probability,
                test_expires,
                signals,
                contracts,
                warn_stalled_after,
                probe,
                max_consecutive_failures,
                state_transition_delay,
                max_history,
                max_executions_per_second,
                max_live_executions,
                webhooks,
                revision,
            },
        )
}

/// Any execution.
pub fn execution() -> impl Strategy<Value = TestExecution> {
    (
        any::<(String, String, String)>(),
        (time(), time()),
        vec(json(), 0..3),
        object(),
        labels(),
    )
        .prop_map(
            |(
                (id, case_name, traceparent),
                (timestamp, expires),
                test_args,
                test_kwargs,
                labels,
            )| {
                TestExecution {
                    id,
                    case_name,
                    timestamp,
                    test_args,
                    test_kwargs,
                    expires,
                    labels,
                    traceparent,
                }
            },
        )
}

/// Any submission.
pub fn submission() -> impl Strategy<Value = Submission> {
    (execution(), any::<(bool, bool)>()).prop_map(|(test, (expires, always))| Submission {
        case_name: test.case_name,
        id: test.id,
        test_args: test.test_args,
        test_kwargs: test.test_kwargs,
        expires: expires.then_some(test.expires),
        labels: test.labels,
        traceparent: test.traceparent,
        always,
    })
}

/// Any signal.
pub fn signal_event() -> impl Strategy<Value = SignalEvent> {
    let key = json().prop_filter("a key is never null", |key| !key.is_null());
    (any::<(String, String)>(), key, json()).prop_map(|((signal_name, case_name), key, value)| {
        SignalEvent {
            signal_name,
            case_name,
            key,
            value,
        }
    })
}

/// Any signal as it was sent.
pub fn signalled() -> impl Strategy<Value = Signalled> {
    (signal_event(), any::<String>()).prop_map(|(event, signal_id)| Signalled { event, signal_id })
}

fn outcome() -> impl Strategy<Value = SignalOutcome> {
    select(vec![
        SignalOutcome::Accepted,
        SignalOutcome::Early,
        SignalOutcome::Duplicate,
        SignalOutcome::Late,
        SignalOutcome::UnknownSignal,
        SignalOutcome::Orphan,
        SignalOutcome::Ignored,
    ])
}

/// Any signal that came.
pub fn received() -> impl Strategy<Value = ReceivedSignal> {
    (
        signal_event(),
        any::<(String, bool, bool)>(),
        time(),
        outcome(),
        option::of(duration()),
    )
        .prop_map(
            |(event, (signal_id, judged, value_dropped), at, outcome, late_by)| ReceivedSignal {
                event,
                signal_id,
                at,
                outcome,
                judged,
                late_by,
                value_dropped,
            },
        )
}

/// Any report.
pub fn report() -> impl Strategy<Value = TestReport> {
    (
        any::<(String, Option<String>, Option<String>)>(),
        select(State::ALL.to_vec()),
        option::of(execution()),
        option::of(duration()),
        prop::collection::btree_map(any::<String>(), duration(), 0..3),
        time(),
        option::of(any::<(String, String, String, String)>()),
    )
        .prop_map(
            |(
                (case_name, error, traceback),
                state,
                test,
                runtime,
                signal_latency,
                concluded_at,
                failure,
            )| {
                TestReport {
                    case_name,
                    state,
                    test,
                    runtime,
                    signal_latency,
                    error,
                    traceback,
                    concluded_at,
                    failure: failure.map(|(fingerprint, contract, signal, last_signal)| Failure {
                        fingerprint,
                        contract,
                        signal,
                        last_signal,
                    }),
                }
            },
        )
}

fn progress() -> impl Strategy<Value = SignalProgress> {
    (
        any::<(String, u64, u32, Option<u32>, bool)>(),
        option::of(time()),
        time(),
        option::of(duration()),
    )
        .prop_map(
            |((signal_name, count, min, max, settled), clock_started_at, deadline, latency)| {
                SignalProgress {
                    signal_name,
                    count,
                    min,
                    max,
                    settled,
                    clock_started_at,
                    deadline,
                    latency,
                }
            },
        )
}

/// Any view.
pub fn view() -> impl Strategy<Value = ExecutionView> {
    (
        execution(),
        any::<(u64, u64, u64)>(),
        vec(progress(), 0..3),
        vec(received(), 0..3),
        vec(received(), 0..3),
        option::of(report()),
    )
        .prop_map(
            |(
                test,
                (case_revision, signal_count, late_signal_count),
                progress,
                signals,
                late_signals,
                report,
            )| ExecutionView {
                test,
                case_revision,
                progress,
                signals,
                signal_count,
                late_signals,
                late_signal_count,
                report,
            },
        )
}

/// Any event.
pub fn event() -> impl Strategy<Value = Event> {
    let of_executions = prop_oneof![
        any::<String>().prop_map(|server_version| Event::Opened { server_version }),
        time().prop_map(|queued_at| Event::Tick { queued_at }),
        case().prop_map(|case| Event::CaseApplied(Arc::new(case))),
        any::<String>().prop_map(|name| Event::CaseDeleted { name }),
        submission().prop_map(Event::Submitted),
        signalled().prop_map(Event::Signalled),
        any::<(String, String, String)>().prop_map(|(case_name, id, reason)| Event::Cancelled {
            case_name,
            id,
            reason
        }),
        (any::<(u64, u64, Vec<String>)>(), report()).prop_map(
            |((execution, decided_by, webhooks), report)| {
                Event::Concluded(Arc::new(Concluded {
                    execution,
                    decided_by,
                    report,
                    webhooks,
                }))
            }
        ),
    ];
    // By how many kinds there are of each.
    prop_oneof![8 => of_executions, 6 => health::event()]
}
