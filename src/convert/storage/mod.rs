//! Events as the journal stores them (`livecheck.storage.v1.Event`).
//!
//! Invariant: every event is read back as it was written, by this version and
//! by later ones, whatever the limits of that day.

mod case;
mod health;
mod signalled;

use std::sync::Arc;

use chrono::DateTime;
use prost::Message;

pub use case::case_from_stored;

use super::{
    Violations,
    case::case_to_pb,
    models::{report_from_pb, report_to_pb, signal_event_from_pb, signal_event_to_pb},
    value::{Limits, list_from_pb, list_to_pb, object_from_pb, object_to_pb},
};
use crate::{
    model::{Concluded, Event, Signalled, Submission, Time},
    pb::storage::{self as pb, event::Kind},
};

/// Why stored bytes are no event.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are no message of the schema.
    #[error("no event can be read from the bytes: {0}")]
    Bytes(#[from] prost::DecodeError),
    /// The kind of event is one that this version does not know.
    #[error("the kind of the event is unknown; a newer version may have written it")]
    UnknownKind,
    /// The message is no event of the model.
    #[error("the event does not hold together: {0}")]
    Fields(Violations),
}

/// Appends the encoded event to `out`.
pub fn encode_event(event: &Event, out: &mut Vec<u8>) {
    if let Event::Signalled(signalled) = event {
        signalled::encode(signalled, out);
        return;
    }
    let event = event_to_pb(event);
    out.reserve(event.encoded_len());
    event.encode_raw(out);
}

fn event_to_pb(event: &Event) -> pb::Event {
    let kind = match event {
        Event::Opened { server_version } => Kind::Opened(pb::Opened {
            server_version: server_version.clone(),
        }),
        Event::Tick { queued_at } => Kind::Tick(pb::Tick {
            queued_at_micros: queued_at.timestamp_micros(),
        }),
        Event::CaseApplied(case) => Kind::CaseApplied(pb::CaseApplied {
            case: Some(case_to_pb(case)),
        }),
        Event::CaseDeleted { name } => Kind::CaseDeleted(pb::CaseDeleted { name: name.clone() }),
        Event::Submitted(submission) => Kind::Submitted(submission_to_pb(submission)),
        Event::Signalled(signalled) => Kind::Signalled(signalled_to_pb(signalled)),
        Event::Cancelled {
            case_name,
            id,
            reason,
        } => Kind::Cancelled(pb::Cancelled {
            case_name: case_name.clone(),
            id: id.clone(),
            reason: reason.clone(),
        }),
        Event::Concluded(concluded) => Kind::Concluded(concluded_to_pb(concluded)),
        Event::CaseControlled(change) => Kind::CaseControlled(health::controlled_to_pb(change)),
        Event::Counted { case_name, counts } => {
            Kind::Counted(health::counted_to_pb(case_name, counts))
        }
        Event::Probed(probed) => Kind::Probed(health::probed_to_pb(probed)),
        Event::Transitioned(transitioned) => {
            Kind::Transitioned(health::transitioned_to_pb(transitioned))
        }
        Event::Delivered(delivered) => Kind::Delivered(health::delivered_to_pb(delivered)),
        Event::Redelivered(redelivery) => Kind::Redelivered(health::redelivered_to_pb(redelivery)),
    };
    pb::Event { kind: Some(kind) }
}

/// Reads an encoded event.
pub fn decode_event(bytes: &[u8]) -> Result<Event, DecodeError> {
    if let Some(signalled) = signalled::decode(bytes) {
        return Ok(Event::Signalled(signalled));
    }
    decode_any(bytes)
}

fn decode_any(bytes: &[u8]) -> Result<Event, DecodeError> {
    let pb::Event { kind } = pb::Event::decode(bytes)?;
    let kind = kind.ok_or(DecodeError::UnknownKind)?;
    let mut bad = Violations::new();
    let event = event_from_pb(kind, &mut bad);
    bad.finish(event).map_err(DecodeError::Fields)
}

fn event_from_pb(kind: Kind, bad: &mut Violations) -> Option<Event> {
    Some(match kind {
        Kind::Opened(pb::Opened { server_version }) => Event::Opened { server_version },
        Kind::Tick(pb::Tick { queued_at_micros }) => Event::Tick {
            queued_at: micros(queued_at_micros, &mut bad.field("queued_at_micros"))?,
        },
        Kind::CaseApplied(pb::CaseApplied { case }) => {
            let case = given(case, &mut bad.field("case"))?;
            Event::CaseApplied(Arc::new(case_from_stored(case, &mut bad.field("case"))?))
        }
        Kind::CaseDeleted(pb::CaseDeleted { name }) => Event::CaseDeleted { name },
        Kind::Submitted(submitted) => Event::Submitted(submission_from_pb(submitted, bad)?),
        Kind::Signalled(signalled) => Event::Signalled(signalled_from_pb(signalled, bad)?),
        Kind::Cancelled(pb::Cancelled {
            case_name,
            id,
            reason,
        }) => Event::Cancelled {
            case_name,
            id,
            reason,
        },
        Kind::Concluded(concluded) => {
            Event::Concluded(Arc::new(concluded_from_pb(concluded, bad)?))
        }
        Kind::CaseControlled(controlled) => health::controlled_from_pb(controlled, bad)?,
        Kind::Counted(counted) => health::counted_from_pb(counted),
        Kind::Probed(probed) => health::probed_from_pb(probed, bad)?,
        Kind::Transitioned(transitioned) => health::transitioned_from_pb(transitioned, bad)?,
        Kind::Delivered(delivered) => health::delivered_from_pb(delivered),
        Kind::Redelivered(redelivered) => health::redelivered_from_pb(redelivered),
    })
}

/// Writes a submission.
pub fn submission_to_pb(submission: &Submission) -> pb::Submitted {
    let Submission {
        case_name,
        id,
        test_args,
        test_kwargs,
        expires,
        labels,
        traceparent,
        always,
    } = submission;
    pb::Submitted {
        case_name: case_name.clone(),
        id: id.clone(),
        test_args: Some(list_to_pb(test_args)),
        test_kwargs: Some(object_to_pb(test_kwargs)),
        expires_micros: expires.map(|time| time.timestamp_micros()),
        labels: labels.clone(),
        traceparent: traceparent.clone(),
        always: *always,
    }
}

/// Reads a submission.
pub fn submission_from_pb(pb: pb::Submitted, bad: &mut Violations) -> Option<Submission> {
    let pb::Submitted {
        case_name,
        id,
        test_args,
        test_kwargs,
        expires_micros,
        labels,
        traceparent,
        always,
    } = pb;
    let test_args = list_from_pb(test_args, Limits::STORED, &mut bad.field("test_args"));
    let test_kwargs = object_from_pb(test_kwargs, Limits::STORED, &mut bad.field("test_kwargs"));
    let expires = match expires_micros {
        Some(time) => micros(time, &mut bad.field("expires_micros")).map(Some),
        None => Some(None),
    };
    Some(Submission {
        case_name,
        id,
        test_args: test_args?,
        test_kwargs: test_kwargs?,
        expires: expires?,
        labels,
        traceparent,
        always,
    })
}

fn signalled_to_pb(signalled: &Signalled) -> pb::Signalled {
    let Signalled { event, signal_id } = signalled;
    pb::Signalled {
        event: Some(signal_event_to_pb(event)),
        signal_id: signal_id.clone(),
    }
}

fn signalled_from_pb(pb: pb::Signalled, bad: &mut Violations) -> Option<Signalled> {
    let pb::Signalled { event, signal_id } = pb;
    let event = given(event, &mut bad.field("event"))?;
    Some(Signalled {
        event: signal_event_from_pb(event, &mut bad.field("event"))?,
        signal_id,
    })
}

fn concluded_to_pb(concluded: &Concluded) -> pb::Concluded {
    let Concluded {
        execution,
        decided_by,
        report,
        webhooks,
    } = concluded;
    pb::Concluded {
        execution: *execution,
        decided_by: *decided_by,
        report: Some(report_to_pb(report)),
        webhooks: webhooks.clone(),
    }
}

fn concluded_from_pb(pb: pb::Concluded, bad: &mut Violations) -> Option<Concluded> {
    let pb::Concluded {
        execution,
        decided_by,
        report,
        webhooks,
    } = pb;
    let report = given(report, &mut bad.field("report"))?;
    Some(Concluded {
        execution,
        decided_by,
        report: report_from_pb(report, &mut bad.field("report"))?,
        webhooks,
    })
}

/// A field without which the event means nothing.
fn given<T>(pb: Option<T>, bad: &mut Violations) -> Option<T> {
    if pb.is_none() {
        bad.add("is missing");
    }
    pb
}

fn micros(micros: i64, bad: &mut Violations) -> Option<Time> {
    let time = DateTime::from_timestamp_micros(micros);
    if time.is_none() {
        bad.add(format!("{micros} is no time"));
    }
    time
}

#[cfg(test)]
mod tests;
