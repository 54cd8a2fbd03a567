//! Cases, between the schema and the model.
//!
//! A declaration that passes keeps every rule that can be told from its fields
//! alone; what was left out stays left out. The rules between signals and those
//! of the expressions are [`crate::plan`]'s.

use std::{collections::HashMap, time::Duration};

use super::{
    Violations,
    names::{check_case_name, check_labels, check_length, check_signal_name},
    probe::{probe_from_pb, probe_to_pb},
    time::{duration_from_pb, duration_to_pb},
    violation::quoted,
};
use crate::{
    model::{Case, Contract, MAX_TEST_EXPIRES, Signal},
    pb::v1,
};

/// Longest description of a case, in bytes.
pub const MAX_DESCRIPTION_BYTES: usize = 4 * 1024;
/// Most signals of a case.
pub const MAX_SIGNALS: usize = 64;
/// Most contracts of a case.
pub const MAX_CONTRACTS: usize = 64;
/// Longest time after its last failure until a case may recover.
const MAX_STATE_TRANSITION_DELAY: Duration = Duration::from_secs(30 * 24 * 3600);
/// Most failures in a row that a case may take.
const MAX_CONSECUTIVE_FAILURES: u32 = 1_000_000;
/// Longest history.
const MAX_HISTORY: u32 = 1000;
/// Highest rate of executions.
const MAX_EXECUTIONS_PER_SECOND: f64 = 1e6;
/// Most webhooks of a case.
pub const MAX_WEBHOOKS: usize = 16;
/// Most contracts of a signal.
pub const MAX_EXPECT: usize = 16;
/// Most signals that a case may need, its optional ones counted once each: an
/// execution keeps as many.
pub const MAX_NEEDED: u32 = 256;
/// Longest expression, in bytes.
pub const MAX_EXPRESSION_BYTES: usize = 4 * 1024;
/// Longest id of a contract, in bytes.
pub const MAX_CONTRACT_ID_BYTES: usize = 128;
/// Longest message of a contract, in bytes.
pub const MAX_CONTRACT_MESSAGE_BYTES: usize = 1024;

/// The message of a case.
pub fn case_to_pb(case: &Case) -> v1::Case {
    let Case {
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
    } = case;
    v1::Case {
        name: name.clone(),
        description: description.clone(),
        labels: labels.clone(),
        active: *active,
        probability: *probability,
        test_expires: test_expires.map(duration_to_pb),
        signals: signals.iter().map(signal_to_pb).collect(),
        contracts: contracts.iter().map(contract_to_pb).collect(),
        warn_stalled_after: warn_stalled_after.map(duration_to_pb),
        probe: probe.as_ref().map(probe_to_pb),
        max_consecutive_failures: *max_consecutive_failures,
        state_transition_delay: state_transition_delay.map(duration_to_pb),
        max_history: *max_history,
        revision: *revision,
        max_executions_per_second: *max_executions_per_second,
        max_live_executions: *max_live_executions,
        webhooks: webhooks.clone(),
    }
}

fn signal_to_pb(signal: &Signal) -> v1::Signal {
    let Signal {
        name,
        timeout,
        after,
        at_start,
        min,
        max,
        within,
        key,
        expect,
    } = signal;
    v1::Signal {
        name: name.clone(),
        timeout: timeout.map(duration_to_pb),
        after: after.clone(),
        at_start: *at_start,
        min: *min,
        max: *max,
        within: within.map(duration_to_pb),
        key: key.clone(),
        expect: expect.iter().map(contract_to_pb).collect(),
    }
}

fn contract_to_pb(contract: &Contract) -> v1::Contract {
    let Contract {
        expression,
        id,
        message,
    } = contract;
    v1::Contract {
        expression: expression.clone(),
        id: id.clone(),
        message: message.clone(),
    }
}

/// Reads a case; its revision is taken as it stands.
pub fn case_from_pb(pb: v1::Case) -> Result<Case, Violations> {
    let mut bad = Violations::new();
    let case = read_case(pb, &mut bad);
    bad.finish(Some(case))
}

/// Reads a case as far as it can be read: what is wrong goes to `bad`, and the
/// answer is then good only for finding what else is wrong. A field that cannot
/// be read is left out, and so are items of a list over its limit.
pub fn read_case(pb: v1::Case, bad: &mut Violations) -> Case {
    let v1::Case {
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
        revision,
        max_executions_per_second,
        max_live_executions,
        webhooks,
    } = pb;

    check_case_name(&name, &mut bad.field("name"));
    check_length(
        &description,
        MAX_DESCRIPTION_BYTES,
        &mut bad.field("description"),
    );
    check_labels("labels", &labels, bad);
    if let Some(share) = probability
        && !(0.0..=1.0).contains(&share)
    {
        bad.add_to(
            "probability",
            format!("is {share}; write a share from 0 to 1, such as 0.5 for every second request"),
        );
    }
    let test_expires = positive(
        test_expires,
        "write how long an execution may live, or leave it out for 3 hours",
        &mut bad.field("test_expires"),
    );
    if test_expires.is_some_and(|life| life > MAX_TEST_EXPIRES) {
        bad.add_to("test_expires", "must be at most 30 days, which is 2592000s");
    }
    check_count("signals", signals.len(), MAX_SIGNALS, bad);
    check_unique(&signals, bad);
    check_needed(&signals, bad);
    let signals = signals
        .into_iter()
        .take(MAX_SIGNALS)
        .enumerate()
        .map(|(i, signal)| signal_from_pb(signal, &mut bad.at("signals", i)))
        .collect();
    let contracts = contracts_from_pb("contracts", contracts, MAX_CONTRACTS, bad);
    let probe = probe.and_then(|probe| probe_from_pb(probe, &mut bad.field("probe")));
    let mut duration = |pb: Option<prost_types::Duration>, field: &str| {
        pb.and_then(|pb| duration_from_pb(pb, &mut bad.field(field)))
    };
    let warn_stalled_after = duration(warn_stalled_after, "warn_stalled_after");
    let state_transition_delay = duration(state_transition_delay, "state_transition_delay");
    if state_transition_delay.is_some_and(|delay| delay > MAX_STATE_TRANSITION_DELAY) {
        bad.add_to(
            "state_transition_delay",
            "must be at most 30 days, which is 2592000s",
        );
    }
    check_range(
        "max_consecutive_failures",
        max_consecutive_failures,
        MAX_CONSECUTIVE_FAILURES,
        bad,
    );
    check_range("max_history", max_history, MAX_HISTORY, bad);
    check_range("max_live_executions", max_live_executions, u32::MAX, bad);
    if let Some(rate) = max_executions_per_second
        && !(rate > 0.0 && rate <= MAX_EXECUTIONS_PER_SECOND)
    {
        bad.add_to(
            "max_executions_per_second",
            format!(
                "is {rate}; write a number of more than 0 and at most \
                 {MAX_EXECUTIONS_PER_SECOND}, such as 0.5 for one in two seconds"
            ),
        );
    }
    check_webhooks(&webhooks, bad);

    Case {
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
    }
}

fn signal_from_pb(pb: v1::Signal, bad: &mut Violations) -> Signal {
    let v1::Signal {
        name,
        timeout,
        after,
        at_start,
        min,
        max,
        within,
        key,
        expect,
    } = pb;

    check_signal_name(&name, &mut bad.field("name"));
    let timeout = positive(
        timeout,
        "write how long to wait for the signal, or leave it out for 30s",
        &mut bad.field("timeout"),
    );
    let within = positive(
        within,
        "write the longest time since the start, or leave it out for no limit",
        &mut bad.field("within"),
    );
    if at_start && !after.is_empty() {
        bad.add_to(
            "after",
            "the clock starts at the start or after other signals, not both; \
             take out `after` or `at_start`",
        );
    }
    if let Some(min) = min
        && min > MAX_NEEDED
    {
        bad.add_to("min", format!("is {min}; at most {MAX_NEEDED}"));
    }
    match (min, max) {
        (None, Some(0)) => bad.add_to(
            "max",
            "is 0 while one signal must come; write `min: 0` too for one that must never come",
        ),
        (Some(min), Some(max)) if max < min => {
            bad.add_to("max", format!("is {max}, less than `min`, which is {min}"));
        }
        _ => {}
    }
    if let Some(key) = &key {
        check_expression(key, &mut bad.field("key"));
    }
    let expect = contracts_from_pb("expect", expect, MAX_EXPECT, bad);

    Signal {
        name,
        timeout,
        after,
        at_start,
        min,
        max,
        within,
        key,
        expect,
    }
}

fn contracts_from_pb(
    field: &str,
    pb: Vec<v1::Contract>,
    most: usize,
    bad: &mut Violations,
) -> Vec<Contract> {
    check_count(field, pb.len(), most, bad);
    pb.into_iter()
        .take(most)
        .enumerate()
        .map(|(i, contract)| contract_from_pb(contract, &mut bad.at(field, i)))
        .collect()
}

fn contract_from_pb(pb: v1::Contract, bad: &mut Violations) -> Contract {
    let v1::Contract {
        expression,
        id,
        message,
    } = pb;
    check_expression(&expression, &mut bad.field("expression"));
    check_length(&id, MAX_CONTRACT_ID_BYTES, &mut bad.field("id"));
    check_length(
        &message,
        MAX_CONTRACT_MESSAGE_BYTES,
        &mut bad.field("message"),
    );
    Contract {
        expression,
        id,
        message,
    }
}

/// Checks what can be told without compiling the expression.
fn check_expression(source: &str, bad: &mut Violations) {
    if source.trim().is_empty() {
        bad.add("is empty; write a CEL expression");
    }
    check_length(source, MAX_EXPRESSION_BYTES, bad);
}

/// Reads a span of time that must be more than zero. Zero is not taken for the
/// default, because whoever writes it means something else.
fn positive(
    pb: Option<prost_types::Duration>,
    instead: &str,
    bad: &mut Violations,
) -> Option<Duration> {
    let duration = duration_from_pb(pb?, bad)?;
    if duration.is_zero() {
        bad.add(format!("is 0s, which is no time at all; {instead}"));
        return None;
    }
    Some(duration)
}

/// Checks a number that must be at least 1.
fn check_range(field: &str, number: Option<u32>, most: u32, bad: &mut Violations) {
    if let Some(number) = number
        && !(1..=most).contains(&number)
    {
        bad.add_to(
            field,
            format!("is {number}; write a number from 1 to {most}"),
        );
    }
}

fn check_webhooks(names: &[String], bad: &mut Violations) {
    check_count("webhooks", names.len(), MAX_WEBHOOKS, bad);
    for (i, name) in names.iter().take(MAX_WEBHOOKS).enumerate() {
        let mut bad = bad.at("webhooks", i);
        if check_signal_name(name, &mut bad) && names.iter().take(i).any(|earlier| earlier == name)
        {
            bad.add(format!("{} is named twice", quoted(name)));
        }
    }
}

fn check_unique(signals: &[v1::Signal], bad: &mut Violations) {
    let mut first = HashMap::new();
    for (i, signal) in signals.iter().take(MAX_SIGNALS).enumerate() {
        let earlier = *first.entry(signal.name.as_str()).or_insert(i);
        if earlier != i && !signal.name.is_empty() {
            bad.at("signals", i).add_to(
                "name",
                format!("{} is signals[{earlier}] already", quoted(&signal.name)),
            );
        }
    }
}

/// Tells at which signal the case comes to need more than an execution keeps.
fn check_needed(signals: &[v1::Signal], bad: &mut Violations) {
    let mut needed = 0_u32;
    for (i, signal) in signals.iter().take(MAX_SIGNALS).enumerate() {
        let min = signal.min.unwrap_or(1);
        if min > MAX_NEEDED {
            // Its own error.
            return;
        }
        needed += min.max(1);
        if needed > MAX_NEEDED {
            return bad.at("signals", i).add_to(
                "min",
                format!(
                    "is {min}, which makes {needed} signals that the case needs up to here; an \
                     execution keeps {MAX_NEEDED}: write smaller numbers here or before"
                ),
            );
        }
    }
}

fn check_count(field: &str, count: usize, most: usize, bad: &mut Violations) {
    if count > most {
        bad.add_to(field, format!("has {count} items; at most {most}"));
    }
}

#[cfg(test)]
mod tests;
