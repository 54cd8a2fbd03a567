//! What the health of cases is made of: probes, transitions, control, and the
//! events that tell of them.

use std::sync::Arc;

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{duration, json, object, report, time};
use crate::model::{
    CaseControl, ControlChange, Counts, Delivered, Event, GrpcProbe, HttpProbe, Incident,
    IncidentCause, Probe, ProbeRequest, ProbeResult, Redelivery, State, Transition, TransitionKind,
    Transitioned,
};

/// Any probe.
pub fn probe() -> impl Strategy<Value = Probe> {
    let http = (
        any::<(String, String, String)>(),
        prop::collection::btree_map(any::<String>(), any::<String>(), 0..3),
    )
        .prop_map(|((method, url, body), headers)| {
            ProbeRequest::Http(HttpProbe {
                method,
                url,
                headers,
                body,
            })
        });
    let grpc = (
        any::<(String, String, Vec<u8>)>(),
        prop::collection::btree_map(any::<String>(), any::<String>(), 0..3),
        option::of(object()),
    )
        .prop_map(|((target, method, descriptor_set), metadata, request)| {
            ProbeRequest::Grpc(GrpcProbe {
                target,
                method,
                request,
                metadata,
                descriptor_set,
            })
        });
    (
        duration(),
        prop_oneof![http, grpc],
        (option::of(duration()), option::of(duration())),
        (option::of(duration()), option::of(duration())),
        (
            any::<Option<u32>>(),
            option::of(1.0..100.0),
            any::<String>(),
        ),
        vec(json(), 0..3),
        object(),
    )
        .prop_map(
            |(
                frequency,
                request,
                (timeout, connect_timeout),
                (delay_min, delay_max),
                (retries, delay_backoff, fake_header),
                test_args,
                test_kwargs,
            )| Probe {
                frequency,
                request,
                timeout,
                connect_timeout,
                retries,
                delay_min,
                delay_backoff,
                delay_max,
                fake_header,
                test_args,
                test_kwargs,
            },
        )
}

/// A text that is not empty, or none.
fn given_text() -> impl Strategy<Value = Option<String>> {
    option::of("\\PC{1,8}")
}

fn incident() -> impl Strategy<Value = Incident> {
    let causes = vec![
        IncidentCause::Failed,
        IncidentCause::Stalled,
        IncidentCause::TargetDown,
    ];
    (any::<u64>(), select(causes), time(), time()).prop_map(
        |(number, cause, started_at, cause_since)| Incident {
            number,
            started_at,
            cause,
            cause_since,
        },
    )
}

fn transition() -> impl Strategy<Value = Transition> {
    let kinds = vec![
        TransitionKind::IncidentStarted,
        TransitionKind::CauseChanged,
        TransitionKind::Recovered,
        TransitionKind::FlappingStarted,
        TransitionKind::FlappingEnded,
        TransitionKind::Unmuted,
    ];
    (
        any::<(String, u64, String, bool, bool, u32, u64)>(),
        select(kinds),
        time(),
        select(State::ALL.to_vec()),
        option::of(incident()),
        option::of(report()),
    )
        .prop_map(
            |(
                (case_name, number, reason, muted, flapping, consecutive_failures, total_failures),
                kind,
                at,
                state,
                incident,
                report,
            )| Transition {
                case_name,
                number,
                kind,
                at,
                state,
                reason,
                incident,
                muted,
                flapping,
                consecutive_failures,
                total_failures,
                report,
            },
        )
}

/// Any event of these.
pub fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (
            any::<(String, Option<bool>, Option<f64>)>(),
            option::of(time()),
            any::<(bool, bool, bool)>()
        )
            .prop_map(
                |(
                    (case_name, active, probability),
                    muted_until,
                    (clear_active, clear_probability, clear_mute),
                )| {
                    Event::CaseControlled(ControlChange {
                        case_name,
                        set: CaseControl {
                            active,
                            probability,
                            muted_until,
                        },
                        clear_active,
                        clear_probability,
                        clear_mute,
                    })
                }
            ),
        any::<(String, u64, u64, u64)>().prop_map(|(case_name, not_sampled, ignored, refused)| {
            Event::Counted {
                case_name,
                counts: Counts {
                    not_sampled,
                    ignored,
                    refused,
                },
            }
        }),
        (any::<(String, u32)>(), time(), given_text()).prop_map(
            |((case_name, attempts), due, error)| Event::Probed(ProbeResult {
                case_name,
                due,
                attempts,
                error,
            })
        ),
        (any::<(u64, Vec<String>)>(), transition()).prop_map(
            |((case_created, webhooks), transition)| {
                Event::Transitioned(Arc::new(Transitioned {
                    case_created,
                    transition: Arc::new(transition),
                    webhooks,
                }))
            }
        ),
        (any::<(String, String, u64, u32)>(), given_text()).prop_map(
            |((case_name, webhook, position, attempts), error)| Event::Delivered(Delivered {
                case_name,
                webhook,
                position,
                attempts,
                error,
            })
        ),
        (any::<String>(), given_text(), option::of(1..u64::MAX)).prop_map(
            |(case_name, webhook, position)| Event::Redelivered(Redelivery {
                case_name,
                webhook,
                position,
            })
        ),
    ]
}
