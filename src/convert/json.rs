//! Protobuf JSON, for files and for the command line.
//!
//! Invariant: the same message gives the same text: maps are sorted, `17` is
//! never `17.0`. Fields have their names of the schema (`case_name`, as in
//! Faust's JSON), which protobuf JSON allows beside `caseName`; both are read.
//! Fields without presence are left out at their default, an unset `optional`
//! is left out, and 64-bit integers are strings.

use std::sync::OnceLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};

use crate::{
    model::{Json, number},
    pb,
};

/// Why a message could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The schemas do not describe the message. A defect, and not one of the
    /// input.
    #[error("the schemas have no message {0}")]
    UnknownMessage(String),
    /// The JSON is not that of the message.
    #[error("not a {message}: {source}")]
    NotTheMessage {
        /// Full name of the message.
        message: String,
        /// What does not fit.
        source: serde_json::Error,
    },
    /// The message does not fit its description. A defect, and not one of the
    /// input.
    #[error("{0} does not fit its schema: {1}")]
    NotTheSchema(String, prost::DecodeError),
}

/// Descriptors of every schema.
pub fn descriptors() -> &'static DescriptorPool {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    // A pool of nothing if the build's own descriptors are broken: every use
    // then says which message is missing.
    POOL.get_or_init(|| DescriptorPool::decode(pb::DESCRIPTORS).unwrap_or_default())
}

/// The JSON of a message; `full_name` is such as `livecheck.v1.TestReport`.
pub fn to_json(message: &impl Message, full_name: &str) -> Result<Json, JsonError> {
    let encoded = message.encode_to_vec();
    let message = DynamicMessage::decode(descriptor(full_name)?, encoded.as_slice())
        .map_err(|source| JsonError::NotTheSchema(full_name.to_owned(), source))?;
    let options = SerializeOptions::new().use_proto_field_name(true);
    let json = message
        .serialize_with_options(serde_json::value::Serializer, &options)
        .map_err(|source| JsonError::NotTheMessage {
            message: full_name.to_owned(),
            source,
        })?;
    Ok(tidy(json))
}

/// The message of some JSON. Unknown fields are refused. Protobuf JSON lets
/// pass what no message may hold (NaN, negative spans of time), so convert the
/// message to its model before it is used.
pub fn from_json<M: Message + Default>(full_name: &str, json: &Json) -> Result<M, JsonError> {
    let message = DynamicMessage::deserialize(descriptor(full_name)?, json).map_err(|source| {
        JsonError::NotTheMessage {
            message: full_name.to_owned(),
            source,
        }
    })?;
    M::decode(message.encode_to_vec().as_slice())
        .map_err(|source| JsonError::NotTheSchema(full_name.to_owned(), source))
}

fn descriptor(full_name: &str) -> Result<MessageDescriptor, JsonError> {
    descriptors()
        .get_message_by_name(full_name)
        .ok_or_else(|| JsonError::UnknownMessage(full_name.to_owned()))
}

/// Gives numbers the form that they have in the models.
fn tidy(json: Json) -> Json {
    match json {
        Json::Number(n) if n.is_f64() => n.as_f64().map_or(Json::Null, number),
        Json::Array(items) => items.into_iter().map(tidy).collect(),
        Json::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (name, tidy(value)))
            .collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::pb::v1;

    #[test]
    fn both_ways() {
        let case = json!({
            "name": "c",
            "labels": {"b": "2", "a": "1"},
            "active": false,
            "probability": 1,
            "test_expires": "10800s",
            "signals": [{"name": "s", "timeout": "0.500s", "min": 0}],
            "revision": "17",
        });
        let message: v1::Case = from_json("livecheck.v1.Case", &case).unwrap();
        assert_eq!(message.active, Some(false));
        assert_eq!(message.probability, Some(1.0));
        assert_eq!(message.signals[0].min, Some(0));
        assert_eq!(message.signals[0].max, None);
        assert_eq!(to_json(&message, "livecheck.v1.Case").unwrap(), case);

        let camel = json!({"name": "c", "testExpires": "1s"});
        let message: v1::Case = from_json("livecheck.v1.Case", &camel).unwrap();
        let snake = json!({"name": "c", "test_expires": "1s"});
        assert_eq!(to_json(&message, "livecheck.v1.Case").unwrap(), snake);
    }

    #[test]
    fn values_keep_their_nulls_and_integers() {
        let event = json!({
            "signal_name": "s",
            "case_name": "c",
            "key": 17,
            "value": {"z": null, "a": [1, 2.5, -0.5, {"y": 1, "x": 2}]},
        });
        let message: v1::SignalEvent = from_json("livecheck.v1.SignalEvent", &event).unwrap();
        let written = to_json(&message, "livecheck.v1.SignalEvent").unwrap();
        assert_eq!(written.to_string(), event.to_string());
        assert_eq!(
            written["value"].to_string(),
            r#"{"a":[1,2.5,-0.5,{"x":2,"y":1}],"z":null}"#
        );

        let null = json!({"signal_name": "s", "value": null});
        let message: v1::SignalEvent = from_json("livecheck.v1.SignalEvent", &null).unwrap();
        assert!(message.value.is_some());
        assert_eq!(to_json(&message, "livecheck.v1.SignalEvent").unwrap(), null);
    }

    #[test]
    fn either_name_of_pass_is_read() {
        for name in ["STATE_PASS", "STATE_DO_NOT_SHARE"] {
            let json = json!({ "state": name });
            let report: v1::TestReport = from_json("livecheck.v1.TestReport", &json).unwrap();
            assert_eq!(report.state(), v1::State::Pass);
            assert_eq!(
                to_json(&report, "livecheck.v1.TestReport").unwrap(),
                json!({"state": "STATE_PASS"})
            );
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (json, expected) in [
            (json!({"nane": "c"}), "nane"),
            (json!({"name": 1}), "expected a string"),
            (json!([]), "expected a map"),
        ] {
            let refused = from_json::<v1::Case>("livecheck.v1.Case", &json).unwrap_err();
            let text = refused.to_string();
            assert!(text.starts_with("not a livecheck.v1.Case: "), "{text}");
            assert!(text.contains(expected), "{text}");
        }
        let refused = to_json(&v1::Case::default(), "livecheck.v1.Nothing").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the schemas have no message livecheck.v1.Nothing"
        );
    }
}
