//! What reports say: verdicts explained to people.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use chrono::SecondsFormat;

use crate::{
    convert::value::MAX_KEY_BYTES,
    model::{ReceivedSignal, SignalOutcome, State, Time, json_text},
    plan::{ContractPlan, SignalPlan},
};

use super::{decision::Decision, execution::Execution, limits};

/// Longest value shown in a traceback, in characters.
const VALUE_CHARS: usize = 200;
/// Most signals named in one error.
const NAMED_SIGNALS: usize = 16;
/// Most steps shown in one traceback.
const STEPS: usize = 64;

/// Which of the limits on a signal's coming was the earliest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The signal's own timeout, from the start of its clock.
    Timeout(Duration),
    /// Its longest time from the start of the execution.
    Within(Duration),
    /// The execution expires.
    Expires,
}

/// Why an execution was not judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Skipped<'a> {
    Inactive,
    ExpiredBefore(Time),
    Cancelled(&'a str),
    CaseDeleted,
    KeyHeld {
        signal: &'a str,
        key: &'a str,
        holder: &'a str,
    },
}

pub(super) fn skipped(why: &Skipped<'_>) -> String {
    match why {
        Skipped::Inactive => "Skipped: the case is inactive".to_owned(),
        Skipped::ExpiredBefore(at) => {
            format!("Skipped: expired before it began, at {}", instant(*at))
        }
        Skipped::Cancelled("") => "Skipped: cancelled".to_owned(),
        Skipped::Cancelled(reason) => format!("Skipped: cancelled: {reason}"),
        Skipped::CaseDeleted => "Skipped: the case was deleted".to_owned(),
        Skipped::KeyHeld {
            signal,
            key,
            holder,
        } => {
            format!("Skipped: key {key} of signal {signal} is held by the live execution {holder}")
        }
    }
}

pub(super) fn timed_out(
    execution: &Execution,
    missing: &SignalPlan,
    due: Due,
    deadline: Time,
) -> String {
    let name = &missing.name;
    let mut text = match due {
        Due::Timeout(timeout) => {
            format!(
                "Timed out waiting for signal {name} ({:?})",
                timeout.as_secs_f64()
            )
        }
        Due::Within(within) => format!(
            "Timed out waiting for signal {name} (within {:?} of the start)",
            within.as_secs_f64()
        ),
        Due::Expires => format!("Expired while waiting for signal {name}"),
    };
    let came = execution
        .plan
        .signal_index(name)
        .map_or(0, |index| execution.signals[index].count);
    if missing.min > 1 {
        let _ = write!(text, ", {came} of {} came", missing.min);
    }
    let heard = &execution.received;
    let Some(last) = heard.iter().max_by_key(|one| one.at) else {
        text.push_str("; no signal came");
        return text;
    };
    let start = execution.test.timestamp;
    let named: Vec<_> = heard
        .iter()
        .take(NAMED_SIGNALS)
        .map(|one| format!("{} at {}", one.event.signal_name, offset(start, one.at)))
        .collect();
    let _ = write!(text, "; came: {}", named.join(", "));
    if heard.len() > named.len() {
        let _ = write!(text, " and {} more", heard.len() - named.len());
    }
    let silence = (deadline - last.at).to_std().unwrap_or_default();
    let _ = write!(
        text,
        "; heard last: {}, {:.3} s before",
        last.event.signal_name,
        silence.as_secs_f64()
    );
    text
}

pub(super) fn too_many(name: &str, max: u32) -> String {
    match max {
        0 => format!("Signal {name} came, and must never come"),
        max => format!(
            "Signal {name} came {} times, and may come {max}",
            u64::from(max) + 1
        ),
    }
}

pub(super) fn violation(
    contract: &ContractPlan,
    state: State,
    text: &str,
    signal: Option<&str>,
) -> String {
    let mut out = String::from(match state {
        State::Error => "Contract could not be evaluated",
        _ => "Contract failed",
    });
    if let Some(signal) = signal {
        let _ = write!(out, " at signal {signal}");
    }
    for part in [&contract.id, &contract.message] {
        if !part.is_empty() {
            let _ = write!(out, ": {part}");
        }
    }
    let _ = write!(out, ": {text}");
    out
}

pub(super) fn value_dropped(name: &str) -> String {
    format!(
        "a value of signal {name} was not kept: the values of one execution are limited to {} KiB",
        limits::KEPT_VALUE_BYTES >> 10
    )
}

pub(super) fn key_not_evaluated(name: &str, text: &str) -> String {
    format!("The key of signal {name} could not be evaluated: {text}")
}

pub(super) fn key_too_long(name: &str, bytes: usize) -> String {
    format!(
        "The key of signal {name} is {bytes} bytes long as JSON; at most {MAX_KEY_BYTES}, \
         which is what a signal can carry"
    )
}

pub(super) fn case_broken(text: &str) -> String {
    format!("This server does not understand the case; apply it again: {text}")
}

pub(super) fn silence(name: &str) -> String {
    format!("signal {name} did not come, or not again")
}

pub(super) fn in_doubt(instead_of: State, error: &str, absent_until: Time) -> String {
    format!(
        "Skipped: the server was away until {}, so silence proves nothing; \
         otherwise {instead_of}: {error}",
        instant(absent_until)
    )
}

pub(super) fn no_text_key(name: &str, key: &str) -> String {
    format!(
        "executions are known by ids, which are texts, and the case declares no other key for \
         signal {name}: if the id is meant, send \"{key}\" as a string"
    )
}

/// The steps up to a verdict, one a line, each with its time from the start.
pub(super) fn traceback(execution: &Execution, decision: &Decision) -> String {
    let test = &execution.test;
    let start = test.timestamp;
    let mut text = format!(
        "{} execution {} started at {}, case revision {}",
        offset(start, start),
        test.ident(),
        instant(start),
        execution.plan.case().revision
    );
    let mut steps: Vec<&Arc<ReceivedSignal>> = execution.received.iter().collect();
    steps.sort_by_key(|one| one.at);
    let hidden = steps.len().saturating_sub(STEPS);
    if hidden > 0 {
        let _ = write!(text, "\n… {hidden} signals");
    }
    for step in &steps[hidden..] {
        let _ = write!(
            text,
            "\n{} signal {} {}",
            offset(start, step.at),
            step.event.signal_name,
            if step.value_dropped {
                "(value not kept)".to_owned()
            } else {
                json_text(&step.event.value, VALUE_CHARS)
            }
        );
        match (step.outcome, step.judged) {
            (SignalOutcome::UnknownSignal, _) => text.push_str(" (not declared)"),
            (_, false) => text.push_str(" (not judged)"),
            (_, true) => {}
        }
    }
    let _ = write!(text, "\n{} {}", offset(start, decision.at), decision.state);
    if let Some(error) = &decision.error {
        let _ = write!(text, ": {error}");
    }
    text
}

/// Time from the start, such as `+0.012 s`.
fn offset(start: Time, at: Time) -> String {
    let micros = (at - start).num_microseconds().unwrap_or(i64::MAX);
    format!("{:+.3} s", micros as f64 / 1e6)
}

pub(super) fn instant(at: Time) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
