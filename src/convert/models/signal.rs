//! Signals: as clients send them, and as they are kept and shown.

use super::{optional, outcome_from_pb, outcome_to_pb, required};
use crate::{
    convert::{
        Violations,
        names::{check_case_name, check_signal_id, check_signal_name},
        time::{duration_from_pb, duration_to_pb, required_time, time_to_pb},
        value::{Limits, json_from_pb, json_to_pb},
    },
    model::{Json, ReceivedSignal, SignalEvent, Signalled},
    pb::v1,
};

/// A signal as a client sends it, within all limits.
#[derive(Clone, Debug, PartialEq)]
pub struct SentSignal {
    /// Name of the signal.
    pub signal_name: String,
    /// What it names of where it belongs.
    pub about: About,
    /// What its sender has to say.
    pub value: Json,
    /// Identity that its sender gave it; empty if none.
    pub signal_id: String,
}

/// Where a signal belongs, as far as it says so itself. On a unary call the
/// current test gives the rest.
#[derive(Clone, Debug, PartialEq)]
pub enum About {
    /// To nothing that it names.
    Nothing,
    /// To this case.
    Case(String),
    /// To this case, under this key, which is not null.
    Key(String, Json),
}

impl SentSignal {
    /// Reads the fields `event` and `signal_id` of a request.
    pub fn from_pb(
        event: Option<v1::SignalEvent>,
        signal_id: String,
    ) -> Result<SentSignal, Violations> {
        let mut bad = Violations::new();
        let sent = Self::read(event, signal_id, false, &mut bad);
        bad.finish(sent)
    }

    /// Reads an item of a stream, where nothing but the item names its case and
    /// key.
    pub fn from_stream(
        event: Option<v1::SignalEvent>,
        signal_id: String,
    ) -> Result<Signalled, Violations> {
        let mut bad = Violations::new();
        let sent = Self::read(event, signal_id, true, &mut bad);
        let signalled =
            sent.and_then(
                |mut sent| match std::mem::replace(&mut sent.about, About::Nothing) {
                    About::Key(case_name, key) => Some(sent.addressed(case_name, key)),
                    About::Nothing | About::Case(_) => None,
                },
            );
        bad.finish(signalled)
    }

    /// The signal with the case and key that are found to be meant.
    pub fn addressed(self, case_name: String, key: Json) -> Signalled {
        Signalled {
            event: SignalEvent {
                signal_name: self.signal_name,
                case_name,
                key,
                value: self.value,
            },
            signal_id: self.signal_id,
        }
    }

    /// Reads a signal; `whole` if it must name its case and key.
    fn read(
        event: Option<v1::SignalEvent>,
        signal_id: String,
        whole: bool,
        bad: &mut Violations,
    ) -> Option<SentSignal> {
        let id_passes = check_signal_id(&signal_id, &mut bad.field("signal_id"));
        let mut bad = bad.field("event");
        let v1::SignalEvent {
            signal_name,
            case_name,
            key,
            value,
        } = required(event, &mut bad, |event, _| Some(event))?;

        let name_passes = check_signal_name(&signal_name, &mut bad.field("signal_name"));
        let key = json_from_pb(key, Limits::KEY, &mut bad.field("key"));
        let has_key = key != Some(Json::Null);
        let case_passes = if !case_name.is_empty() {
            check_case_name(&case_name, &mut bad.field("case_name"))
        } else if whole {
            bad.add_to(
                "case_name",
                "must be set: items of a stream name their case",
            );
            false
        } else if has_key {
            bad.add_to(
                "case_name",
                "must be set: a key says nothing without its case",
            );
            false
        } else {
            true
        };
        if whole && !has_key {
            bad.add_to("key", "must be set: items of a stream name their key");
        }
        let value = json_from_pb(value, Limits::VALUE, &mut bad.field("value"));

        let about = match (case_name, key?) {
            (case_name, Json::Null) if case_name.is_empty() => About::Nothing,
            (case_name, Json::Null) => About::Case(case_name),
            (case_name, key) => About::Key(case_name, key),
        };
        let sent = SentSignal {
            signal_name,
            about,
            value: value?,
            signal_id,
        };
        (id_passes && name_passes && case_passes).then_some(sent)
    }
}

/// Writes a signal.
pub fn signal_event_to_pb(event: &SignalEvent) -> v1::SignalEvent {
    let SignalEvent {
        signal_name,
        case_name,
        key,
        value,
    } = event;
    v1::SignalEvent {
        signal_name: signal_name.clone(),
        case_name: case_name.clone(),
        key: Some(json_to_pb(key)),
        value: Some(json_to_pb(value)),
    }
}

/// Reads a signal that was stored or that a server shows.
pub fn signal_event_from_pb(pb: v1::SignalEvent, bad: &mut Violations) -> Option<SignalEvent> {
    let v1::SignalEvent {
        signal_name,
        case_name,
        key,
        value,
    } = pb;
    let key = json_from_pb(key, Limits::STORED, &mut bad.field("key"));
    let value = json_from_pb(value, Limits::STORED, &mut bad.field("value"));
    if key == Some(Json::Null) {
        bad.add_to("key", "must be set");
        return None;
    }
    Some(SignalEvent {
        signal_name,
        case_name,
        key: key?,
        value: value?,
    })
}

/// Writes a signal that came.
pub fn received_to_pb(received: &ReceivedSignal) -> v1::ReceivedSignal {
    let ReceivedSignal {
        event,
        signal_id,
        at,
        outcome,
        judged,
        late_by,
        value_dropped,
    } = received;
    v1::ReceivedSignal {
        event: Some(signal_event_to_pb(event)),
        signal_id: signal_id.clone(),
        at: Some(time_to_pb(*at)),
        outcome: outcome_to_pb(*outcome).into(),
        judged: *judged,
        late_by: late_by.map(duration_to_pb),
        value_dropped: *value_dropped,
    }
}

/// Reads a signal that came.
pub fn received_from_pb(pb: v1::ReceivedSignal, bad: &mut Violations) -> Option<ReceivedSignal> {
    let v1::ReceivedSignal {
        event,
        signal_id,
        at,
        outcome,
        judged,
        late_by,
        value_dropped,
    } = pb;
    let event = required(event, &mut bad.field("event"), signal_event_from_pb);
    let at = required_time(at, &mut bad.field("at"));
    let outcome = outcome_from_pb(outcome, &mut bad.field("outcome"));
    let late_by = optional(late_by, &mut bad.field("late_by"), duration_from_pb);
    Some(ReceivedSignal {
        event: event?,
        signal_id,
        at: at?,
        outcome: outcome?,
        judged,
        late_by: late_by?,
        value_dropped,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(signal_name: &str, case_name: &str, key: &Json, value: &Json) -> v1::SignalEvent {
        v1::SignalEvent {
            signal_name: signal_name.to_owned(),
            case_name: case_name.to_owned(),
            key: Some(json_to_pb(key)),
            value: Some(json_to_pb(value)),
        }
    }

    #[test]
    fn what_a_unary_call_leaves_out_is_none() {
        let sent = SentSignal::from_pb(
            Some(v1::SignalEvent {
                signal_name: "s".into(),
                ..Default::default()
            }),
            String::new(),
        )
        .unwrap();
        assert_eq!(sent.about, About::Nothing);
        assert_eq!(sent.value, Json::Null);

        let sent = SentSignal::from_pb(Some(event("s", "c", &Json::Null, &json!(1.0))), "x".into())
            .unwrap();
        assert_eq!(sent.about, About::Case("c".into()));
        assert_eq!(
            sent.addressed("c".into(), json!("k")),
            Signalled {
                event: SignalEvent {
                    signal_name: "s".into(),
                    case_name: "c".into(),
                    key: json!("k"),
                    value: json!(1),
                },
                signal_id: "x".into(),
            }
        );
    }

    #[test]
    fn every_bad_field_is_named() {
        let long = "x".repeat(64 * 1024);
        for (event, signal_id, expected) in [
            (None, String::new(), "event: must be set".to_owned()),
            (
                Some(event("a b", "c\n", &json!(1e300), &json!(long))),
                "y".repeat(257),
                "signal_id: is 257 bytes long; at most 256; \
                 event.signal_name: \"a b\" must be made of ASCII letters, digits, '_', '.' \
                 and '-'; \
                 event.key: has the number 1e300 in it, which is beyond ±(2^53 − 1), where \
                 different numbers become the same; send it as a string; \
                 event.case_name: \"c\\n\" must be printable, but has '\\n' in it; \
                 event.value: is too large; at most 65536 bytes as JSON"
                    .to_owned(),
            ),
            (
                Some(event("s", "c", &json!("x".repeat(1023)), &Json::Null)),
                String::new(),
                "event.key: is too large; at most 1024 bytes as JSON".to_owned(),
            ),
        ] {
            let refused = SentSignal::from_pb(event, signal_id).unwrap_err();
            assert_eq!(refused.to_string(), expected);
        }
    }

    #[test]
    fn items_of_a_stream_name_case_and_key() {
        let refused =
            SentSignal::from_stream(Some(event("s", "", &Json::Null, &json!(1))), String::new())
                .unwrap_err();
        assert_eq!(
            refused.to_string(),
            "event.case_name: must be set: items of a stream name their case; \
             event.key: must be set: items of a stream name their key"
        );
        let signalled =
            SentSignal::from_stream(Some(event("s", "c", &json!(17), &json!(1))), "x".into())
                .unwrap();
        assert_eq!(signalled.event.case_name, "c");
        assert_eq!(signalled.event.key, json!(17));
        assert_eq!(signalled.signal_id, "x");
    }
}
