//! Cases as the journal stores them: what once was applied is read back,
//! whatever rules an apply has to keep today.

use std::time::Duration;

use crate::{
    convert::{Violations, models::optional, probe::probe_from_stored, time::duration_from_pb},
    model::{Case, Contract, Signal},
    pb::v1,
};

/// Reads a case that was stored.
pub fn case_from_stored(pb: v1::Case, bad: &mut Violations) -> Option<Case> {
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
    let mut duration = |pb, field: &str| duration(pb, &mut bad.field(field));
    let warn_stalled_after = duration(warn_stalled_after, "warn_stalled_after");
    let state_transition_delay = duration(state_transition_delay, "state_transition_delay");
    let test_expires = duration(test_expires, "test_expires");
    let probe = optional(probe, &mut bad.field("probe"), probe_from_stored);
    let signals = signals
        .into_iter()
        .enumerate()
        .map(|(i, signal)| signal_from_stored(signal, &mut bad.at("signals", i)))
        .collect::<Option<_>>();
    Some(Case {
        name,
        description,
        labels,
        active,
        probability,
        test_expires: test_expires?,
        signals: signals?,
        contracts: contracts.into_iter().map(contract_from_stored).collect(),
        warn_stalled_after: warn_stalled_after?,
        probe: probe?,
        max_consecutive_failures,
        state_transition_delay: state_transition_delay?,
        max_history,
        max_executions_per_second,
        max_live_executions,
        webhooks,
        revision,
    })
}

fn signal_from_stored(pb: v1::Signal, bad: &mut Violations) -> Option<Signal> {
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
    let timeout = duration(timeout, &mut bad.field("timeout"));
    let within = duration(within, &mut bad.field("within"));
    Some(Signal {
        name,
        timeout: timeout?,
        after,
        at_start,
        min,
        max,
        within: within?,
        key,
        expect: expect.into_iter().map(contract_from_stored).collect(),
    })
}

fn contract_from_stored(pb: v1::Contract) -> Contract {
    let v1::Contract {
        expression,
        id,
        message,
    } = pb;
    Contract {
        expression,
        id,
        message,
    }
}

fn duration(pb: Option<prost_types::Duration>, bad: &mut Violations) -> Option<Option<Duration>> {
    match pb {
        Some(pb) => duration_from_pb(pb, bad).map(Some),
        None => Some(None),
    }
}
