//! Events about the health of cases.

use std::sync::Arc;

use super::{given, micros};
use crate::{
    convert::{
        Violations,
        status::{control_from_pb, control_to_pb, transition_from_pb, transition_to_pb},
    },
    model::{ControlChange, Counts, Delivered, Event, ProbeResult, Redelivery, Transitioned},
    pb::storage as pb,
};

pub(super) fn controlled_to_pb(change: &ControlChange) -> pb::CaseControlled {
    let ControlChange {
        case_name,
        set,
        clear_active,
        clear_probability,
        clear_mute,
    } = change;
    pb::CaseControlled {
        case_name: case_name.clone(),
        set: Some(control_to_pb(set)),
        clear_active: *clear_active,
        clear_probability: *clear_probability,
        clear_mute: *clear_mute,
    }
}

pub(super) fn controlled_from_pb(pb: pb::CaseControlled, bad: &mut Violations) -> Option<Event> {
    let pb::CaseControlled {
        case_name,
        set,
        clear_active,
        clear_probability,
        clear_mute,
    } = pb;
    let set = given(set, &mut bad.field("set"))?;
    Some(Event::CaseControlled(ControlChange {
        case_name,
        set: control_from_pb(set, &mut bad.field("set"))?,
        clear_active,
        clear_probability,
        clear_mute,
    }))
}

pub(super) fn counted_to_pb(case_name: &str, counts: &Counts) -> pb::Counted {
    let Counts {
        not_sampled,
        ignored,
        refused,
    } = *counts;
    pb::Counted {
        case_name: case_name.to_owned(),
        not_sampled,
        ignored,
        refused,
    }
}

pub(super) fn counted_from_pb(pb: pb::Counted) -> Event {
    let pb::Counted {
        case_name,
        not_sampled,
        ignored,
        refused,
    } = pb;
    let counts = Counts {
        not_sampled,
        ignored,
        refused,
    };
    Event::Counted { case_name, counts }
}

pub(super) fn probed_to_pb(probed: &ProbeResult) -> pb::Probed {
    let ProbeResult {
        case_name,
        due,
        attempts,
        error,
    } = probed;
    pb::Probed {
        case_name: case_name.clone(),
        due_micros: due.timestamp_micros(),
        attempts: *attempts,
        error: error.clone(),
    }
}

pub(super) fn probed_from_pb(pb: pb::Probed, bad: &mut Violations) -> Option<Event> {
    let pb::Probed {
        case_name,
        due_micros,
        attempts,
        error,
    } = pb;
    Some(Event::Probed(ProbeResult {
        case_name,
        due: micros(due_micros, &mut bad.field("due_micros"))?,
        attempts,
        error,
    }))
}

pub(super) fn transitioned_to_pb(transitioned: &Transitioned) -> pb::Transitioned {
    let Transitioned {
        case_created,
        transition,
        webhooks,
    } = transitioned;
    pb::Transitioned {
        case_created: *case_created,
        transition: Some(transition_to_pb(transition)),
        webhooks: webhooks.clone(),
    }
}

pub(super) fn transitioned_from_pb(pb: pb::Transitioned, bad: &mut Violations) -> Option<Event> {
    let pb::Transitioned {
        case_created,
        transition,
        webhooks,
    } = pb;
    let transition = given(transition, &mut bad.field("transition"))?;
    Some(Event::Transitioned(Arc::new(Transitioned {
        case_created,
        transition: Arc::new(transition_from_pb(
            transition,
            &mut bad.field("transition"),
        )?),
        webhooks,
    })))
}

pub(super) fn delivered_to_pb(delivered: &Delivered) -> pb::Delivered {
    let Delivered {
        case_name,
        webhook,
        position,
        attempts,
        error,
    } = delivered;
    pb::Delivered {
        case_name: case_name.clone(),
        webhook: webhook.clone(),
        position: *position,
        attempts: *attempts,
        error: error.clone(),
    }
}

pub(super) fn delivered_from_pb(pb: pb::Delivered) -> Event {
    let pb::Delivered {
        case_name,
        webhook,
        position,
        attempts,
        error,
    } = pb;
    Event::Delivered(Delivered {
        case_name,
        webhook,
        position,
        attempts,
        error,
    })
}

pub(super) fn redelivered_to_pb(redelivery: &Redelivery) -> pb::Redelivered {
    let Redelivery {
        case_name,
        webhook,
        position,
    } = redelivery;
    pb::Redelivered {
        case_name: case_name.clone(),
        webhook: webhook.clone().unwrap_or_default(),
        position: position.unwrap_or_default(),
    }
}

pub(super) fn redelivered_from_pb(pb: pb::Redelivered) -> Event {
    let pb::Redelivered {
        case_name,
        webhook,
        position,
    } = pb;
    Event::Redelivered(Redelivery {
        case_name,
        webhook: given_text(webhook),
        position: Some(position).filter(|&position| position > 0),
    })
}

/// A text, if it is not empty.
fn given_text(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
