//! What the language of the tables has for the health of the case.
//!
//! ```text
//! 4    control active=false probability=0.1 mute=9 clear=active,mute
//! 4    probe                             the target answered …
//! 4    probe connection refused          … or not
//! 4    count not_sampled=3 ignored=1 refused=2
//! 4    told w 17                         webhook w was told of position 17 …
//! 4    told w 17 HTTP status 500         … or that was given up
//! 4    retry                             what was given up is queued again
//!      status, counts, failures, notifications
//! ```

use crate::{
    engine::{
        Engine,
        health::{Notification, Subject},
    },
    model::{
        CaseControl, ControlChange, Counts, Delivered, Event, ProbeResult, Redelivery, State,
        Summary, Time,
    },
};

use super::{
    script::{micros, seconds},
    sim::at,
};

/// The event of a command.
pub fn event(case: &str, verb: &str, rest: &str, time: Time) -> Option<Event> {
    let case_name = case.to_owned();
    let values = || {
        let words = rest.split_whitespace();
        words.map(|word| word.split_once('=').expect(word))
    };
    Some(match verb {
        "control" => {
            let mut change = ControlChange {
                case_name,
                set: CaseControl::default(),
                clear_active: false,
                clear_probability: false,
                clear_mute: false,
            };
            for (name, value) in values() {
                match name {
                    "active" => change.set.active = value.parse().ok(),
                    "probability" => change.set.probability = value.parse().ok(),
                    "mute" => change.set.muted_until = micros(value).map(at),
                    _ => {
                        change.clear_active = value.contains("active");
                        change.clear_probability = value.contains("probability");
                        change.clear_mute = value.contains("mute");
                    }
                }
            }
            Event::CaseControlled(change)
        }
        "probe" => Event::Probed(ProbeResult {
            case_name,
            due: time,
            attempts: if rest.is_empty() { 1 } else { 11 },
            error: (!rest.is_empty()).then(|| rest.to_owned()),
        }),
        "count" => {
            let mut counts = Counts::default();
            for (name, value) in values() {
                let value = value.parse().expect(value);
                match name {
                    "not_sampled" => counts.not_sampled = value,
                    "ignored" => counts.ignored = value,
                    _ => counts.refused = value,
                }
            }
            Event::Counted { case_name, counts }
        }
        "told" => {
            let mut words = rest.splitn(3, ' ');
            Event::Delivered(Delivered {
                case_name,
                webhook: words.next()?.to_owned(),
                position: words.next()?.parse().ok()?,
                attempts: 3,
                error: words.next().map(str::to_owned),
            })
        }
        "retry" => Event::Redelivered(Redelivery {
            case_name,
            webhook: None,
            position: None,
        }),
        _ => return None,
    })
}

/// The answer to a query.
pub fn query(engine: &Engine, case: &str, verb: &str) -> Option<Vec<String>> {
    let health = || engine.health(case).expect("a case").1;
    let status = || health().status(engine.absences());
    Some(match verb {
        "status" => {
            let status = status();
            let since = seconds(status.since);
            let mut lines = vec![format!("{} since {since}: {}", status.state, status.reason)];
            if let Some(incident) = &status.incident {
                lines.push(format!(
                    "incident {} since {}: {:?} since {}",
                    incident.number,
                    seconds(incident.started_at),
                    incident.cause,
                    seconds(incident.cause_since)
                ));
            }
            lines.extend(status.flapping.then(|| "flapping".to_owned()));
            let muted = status.control.muted_until;
            lines.extend(muted.map(|until| format!("muted until {}", seconds(until))));
            lines
        }
        "counts" => {
            let status = status();
            let total = |state| status.totals.get(&state).copied().unwrap_or_default();
            let totals: Vec<_> = State::ALL
                .into_iter()
                .filter(|state| total(*state) > 0)
                .map(|state| format!("{state} {}", total(state)))
                .collect();
            let (signals, sampling) = (status.signals, status.sampling);
            let share = sampling.share();
            let absences = status.absences;
            vec![
                format!(
                    "{}; {} in a row, {} failures",
                    totals.join(", "),
                    status.consecutive_failures,
                    status.total_failures()
                ),
                format!(
                    "accepted {}, early {}, duplicate {}, late {}, unknown {}, orphan {}, \
                     ignored {}",
                    signals.accepted,
                    signals.early,
                    signals.duplicate,
                    signals.late,
                    signals.unknown_signal,
                    signals.orphan,
                    signals.ignored
                ),
                format!(
                    "sampled {}, not {}, over rate {}, over live {}, refused {}, share {share:?}",
                    sampling.sampled,
                    sampling.not_sampled,
                    sampling.over_rate,
                    sampling.over_live,
                    sampling.refused
                ),
                format!(
                    "away {}, last {:?}; live {}",
                    absences.count,
                    absences.last.map(|(from, to)| (seconds(from), seconds(to))),
                    engine.live_of(case)
                ),
            ]
        }
        "histories" => {
            let status = status();
            let shown = |name: &str, summary: &Summary| {
                let Summary { count, median, p90 } = summary;
                format!("{name} {count}: {median:?}, {p90:?}")
            };
            let latency = status.signal_latency.iter();
            let latency = latency.map(|(name, summary)| shown(name, summary));
            let others = [
                shown("runtime", &status.runtime),
                shown("frequency", &status.frequency),
            ];
            others.into_iter().chain(latency).collect()
        }
        "failures" => {
            let healths = engine.healths();
            let groups = healths.flat_map(|(_, health)| health.failures().iter().rev());
            let lines = groups.map(|group| {
                let failure = &group.failure;
                format!(
                    "{} {} of {:?} at {:?} after {:?}, {} to {}, {}",
                    group.count,
                    group.state,
                    failure.contract,
                    failure.signal,
                    failure.last_signal,
                    seconds(group.first_at),
                    seconds(group.last_at),
                    group.examples.join(" ")
                )
            });
            lines.collect()
        }
        "notifications" => {
            let all = health().notifications();
            let shown = |one: &Notification| match &one.subject {
                Subject::Transition(of) => {
                    format!("{} {:?} {}", one.webhook, of.kind, one.position)
                }
                Subject::Report { id, state } => {
                    format!("{} {state} of {id} {}", one.webhook, one.position)
                }
            };
            let pending = all.pending().map(|one| shown(one));
            let dead = all.dead();
            let dead =
                dead.map(|dead| format!("{} dead: {}", shown(&dead.notification), dead.error));
            pending.chain(dead).collect()
        }
        _ => return None,
    })
}
