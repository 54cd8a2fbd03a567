//! JSON values on the wire (`google.protobuf.Value`, `Struct`, `ListValue`).
//!
//! Invariant: a value that is read is real JSON (no NaN, no infinities), has
//! equal numbers as equal values, and is never nested too deeply to be read
//! again from whatever message it is put into.

use prost_types as wkt;
use wkt::value::Kind;

use super::Violations;
use crate::model::{Json, MAX_SAFE_INTEGER, number};

/// Most lists and objects inside each other.
///
/// Protobuf decoders give up below 100 nested messages, and an object takes
/// three of them (value, struct, map entry). This leaves ten for the messages
/// around a value, in every RPC and in the journal.
pub const MAX_DEPTH: usize = 30;
/// Largest value of a signal, in bytes of JSON.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;
/// Largest key of a signal, in bytes of JSON.
pub const MAX_KEY_BYTES: usize = 1024;
/// Largest arguments of an execution, the positional and the named ones each,
/// in bytes of JSON.
pub const MAX_ARGS_BYTES: usize = 64 * 1024;

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes of compact JSON.
    max_bytes: usize,
    /// Whether numbers must be so small that all integers up to them are exact.
    exact_numbers: bool,
}

impl Limits {
    /// Of the value of a signal.
    pub const VALUE: Limits = Limits::of_bytes(MAX_VALUE_BYTES);
    /// Of the key of a signal.
    pub const KEY: Limits = Limits {
        max_bytes: MAX_KEY_BYTES,
        exact_numbers: true,
    };
    /// Of the arguments of an execution.
    pub const ARGS: Limits = Limits::of_bytes(MAX_ARGS_BYTES);
    /// Of what passed its limits when it was stored: none.
    pub const STORED: Limits = Limits::of_bytes(usize::MAX);

    const fn of_bytes(max_bytes: usize) -> Limits {
        Limits {
            max_bytes,
            exact_numbers: false,
        }
    }
}

/// Reads a value; one that is left out, or has no kind, is null.
pub fn json_from_pb(pb: Option<wkt::Value>, limits: Limits, bad: &mut Violations) -> Option<Json> {
    Reading::of(limits, bad, |reading| {
        pb.map_or(Ok(Json::Null), |pb| reading.value(pb, MAX_DEPTH))
    })
}

/// Reads a list of values; one that is left out is empty.
pub fn list_from_pb(
    pb: Option<wkt::ListValue>,
    limits: Limits,
    bad: &mut Violations,
) -> Option<Vec<Json>> {
    let list = Reading::of(limits, bad, |reading| {
        reading.list(pb.unwrap_or_default(), MAX_DEPTH)
    })?;
    match list {
        Json::Array(items) => Some(items),
        _ => None,
    }
}

/// Reads an object; one that is left out is empty.
pub fn object_from_pb(
    pb: Option<wkt::Struct>,
    limits: Limits,
    bad: &mut Violations,
) -> Option<serde_json::Map<String, Json>> {
    let object = Reading::of(limits, bad, |reading| {
        reading.object(pb.unwrap_or_default(), MAX_DEPTH)
    })?;
    match object {
        Json::Object(fields) => Some(fields),
        _ => None,
    }
}

/// Writes a value.
pub fn json_to_pb(json: &Json) -> wkt::Value {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(b) => Kind::BoolValue(*b),
        Json::Number(n) => Kind::NumberValue(n.as_f64().unwrap_or_default()),
        Json::String(s) => Kind::StringValue(s.clone()),
        Json::Array(items) => Kind::ListValue(list_to_pb(items)),
        Json::Object(fields) => Kind::StructValue(object_to_pb(fields)),
    };
    wkt::Value { kind: Some(kind) }
}

/// Writes a list of values.
pub fn list_to_pb(items: &[Json]) -> wkt::ListValue {
    wkt::ListValue {
        values: items.iter().map(json_to_pb).collect(),
    }
}

/// Writes an object.
pub fn object_to_pb(fields: &serde_json::Map<String, Json>) -> wkt::Struct {
    wkt::Struct {
        fields: fields
            .iter()
            .map(|(name, value)| (name.clone(), json_to_pb(value)))
            .collect(),
    }
}

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum Problem {
    #[error("is nested too deeply; at most {MAX_DEPTH} lists and objects inside each other")]
    TooDeep,
    #[error("is too large; at most {0} bytes as JSON")]
    TooLarge(usize),
    #[error("has the number {0:?} in it, which is not JSON; send null or a string")]
    NotFinite(f64),
    #[error(
        "has the number {0:?} in it, which is beyond ±(2^53 − 1), where different numbers become \
         the same; send it as a string"
    )]
    Inexact(f64),
}

/// A value being read, with bounds on its size as JSON that are cheap to keep:
/// only a value between them has to be measured.
struct Reading {
    limits: Limits,
    at_least: usize,
    at_most: usize,
}

impl Reading {
    fn of(
        limits: Limits,
        bad: &mut Violations,
        read: impl FnOnce(&mut Reading) -> Result<Json, Problem>,
    ) -> Option<Json> {
        let mut reading = Reading {
            limits,
            at_least: 0,
            at_most: 0,
        };
        let read = read(&mut reading).and_then(|json| {
            if reading.at_most > limits.max_bytes && json_len(&json) > limits.max_bytes {
                return Err(Problem::TooLarge(limits.max_bytes));
            }
            Ok(json)
        });
        read.map_err(|problem| bad.add(problem.to_string())).ok()
    }

    /// Reads a value inside of which `depth` levels are left.
    fn value(&mut self, pb: wkt::Value, depth: usize) -> Result<Json, Problem> {
        match pb.kind {
            None | Some(Kind::NullValue(_)) => {
                self.count(4, 4)?;
                Ok(Json::Null)
            }
            Some(Kind::BoolValue(b)) => {
                self.count(4, 5)?;
                Ok(Json::Bool(b))
            }
            Some(Kind::NumberValue(n)) => {
                self.count(1, 25)?;
                if !n.is_finite() {
                    return Err(Problem::NotFinite(n));
                }
                if self.limits.exact_numbers && n.abs() > MAX_SAFE_INTEGER {
                    return Err(Problem::Inexact(n));
                }
                Ok(number(n))
            }
            Some(Kind::StringValue(s)) => {
                self.count_text(&s)?;
                Ok(Json::String(s))
            }
            Some(Kind::ListValue(list)) => self.list(list, depth),
            Some(Kind::StructValue(object)) => self.object(object, depth),
        }
    }

    fn list(&mut self, pb: wkt::ListValue, depth: usize) -> Result<Json, Problem> {
        let wkt::ListValue { values } = pb;
        let depth = depth.checked_sub(1).ok_or(Problem::TooDeep)?;
        self.count(
            values.len().max(1).saturating_add(1),
            values.len().saturating_add(2),
        )?;
        values
            .into_iter()
            .map(|value| self.value(value, depth))
            .collect()
    }

    fn object(&mut self, pb: wkt::Struct, depth: usize) -> Result<Json, Problem> {
        let wkt::Struct { fields } = pb;
        let depth = depth.checked_sub(1).ok_or(Problem::TooDeep)?;
        self.count(2, fields.len().saturating_mul(2).saturating_add(2))?;
        fields
            .into_iter()
            .map(|(name, value)| {
                self.count_text(&name)?;
                Ok((name, self.value(value, depth)?))
            })
            .collect()
    }

    /// Counts a string: two quotes, and at most six bytes for one (`\u001f`).
    fn count_text(&mut self, text: &str) -> Result<(), Problem> {
        self.count(
            text.len().saturating_add(2),
            text.len().saturating_mul(6).saturating_add(2),
        )
    }

    fn count(&mut self, at_least: usize, at_most: usize) -> Result<(), Problem> {
        self.at_least = self.at_least.saturating_add(at_least);
        self.at_most = self.at_most.saturating_add(at_most);
        if self.at_least > self.limits.max_bytes {
            return Err(Problem::TooLarge(self.limits.max_bytes));
        }
        Ok(())
    }
}

/// Length of a value as a message, in bytes, or a little more.
pub fn message_len(json: &Json) -> usize {
    /// Tags and lengths around a text, a list or an object.
    const FRAMES: usize = 12;
    match json {
        Json::Null | Json::Bool(_) | Json::Number(_) => FRAMES,
        Json::String(text) => FRAMES + text.len(),
        Json::Array(items) => FRAMES + items.iter().map(message_len).sum::<usize>(),
        Json::Object(fields) => FRAMES + object_len(fields),
    }
}

/// Length of the fields of an object as a message, in bytes, or a little more.
pub fn object_len(fields: &serde_json::Map<String, Json>) -> usize {
    const FRAMES: usize = 8;
    let fields = fields.iter();
    let lens = fields.map(|(name, value)| FRAMES + name.len() + message_len(value));
    lens.sum()
}

/// Length of a value as compact JSON, in bytes.
pub fn json_len(json: &Json) -> usize {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.saturating_add(buf.len());
            Ok(buf.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // Neither the counter nor a value with text keys can fail.
    let _ = serde_json::to_writer(&mut counter, json);
    counter.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn pb(kind: Kind) -> wkt::Value {
        wkt::Value { kind: Some(kind) }
    }

    fn read(pb: wkt::Value, limits: Limits) -> Result<Json, String> {
        let mut bad = Violations::new();
        let json = json_from_pb(Some(pb), limits, &mut bad);
        bad.finish(json).map_err(|bad| bad.to_string())
    }

    /// Objects or lists inside each other, around nothing.
    fn nested(levels: usize, object: bool) -> Json {
        (1..levels).fold(if object { json!({}) } else { json!([]) }, |inner, _| {
            if object {
                json!({"k": inner})
            } else {
                json!([inner])
            }
        })
    }

    #[test]
    fn what_is_left_out_is_null_or_empty() {
        let mut bad = Violations::new();
        let nothing = wkt::Value { kind: None };
        assert_eq!(json_from_pb(None, Limits::KEY, &mut bad), Some(Json::Null));
        assert_eq!(
            json_from_pb(Some(nothing.clone()), Limits::KEY, &mut bad),
            Some(Json::Null)
        );
        let list = wkt::ListValue {
            values: vec![nothing, pb(Kind::NullValue(7))],
        };
        assert_eq!(
            list_from_pb(Some(list), Limits::ARGS, &mut bad),
            Some(vec![Json::Null, Json::Null])
        );
        assert_eq!(list_from_pb(None, Limits::ARGS, &mut bad), Some(vec![]));
        assert_eq!(
            object_from_pb(None, Limits::ARGS, &mut bad),
            Some(serde_json::Map::new())
        );
        assert!(bad.is_empty());
    }

    #[test]
    fn numbers() {
        for (double, expected) in [
            (17.0, "17"),
            (-0.0, "0"),
            (2.5, "2.5"),
            (9_007_199_254_740_991.0, "9007199254740991"),
            (1e300, "1e+300"),
        ] {
            let read = read(pb(Kind::NumberValue(double)), Limits::VALUE);
            assert_eq!(read.map(|json| json.to_string()).as_deref(), Ok(expected));
        }
        for double in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let text = format!(
                "has the number {double:?} in it, which is not JSON; send null or a string"
            );
            let inner = wkt::ListValue {
                values: vec![pb(Kind::NumberValue(double))],
            };
            assert_eq!(
                read(pb(Kind::NumberValue(double)), Limits::VALUE),
                Err(text.clone())
            );
            assert_eq!(read(pb(Kind::ListValue(inner)), Limits::STORED), Err(text));
        }
    }

    #[test]
    fn numbers_of_keys_are_exact() {
        for double in [9_007_199_254_740_992.0, -9_007_199_254_740_992.0, 1e300] {
            let key = json_to_pb(&json!({"order": [double]}));
            assert_eq!(
                read(key.clone(), Limits::KEY),
                Err(format!(
                    "has the number {double:?} in it, which is beyond ±(2^53 − 1), where different \
                     numbers become the same; send it as a string"
                ))
            );
            assert!(read(key, Limits::VALUE).is_ok());
        }
        let largest = json_to_pb(&json!(-9_007_199_254_740_991_i64));
        assert!(read(largest, Limits::KEY).is_ok());
    }

    #[test]
    fn sizes_are_those_of_compact_json() {
        for json in [
            json!("x".repeat(1022)),
            json!("\u{1}".repeat(170)),
            json!(vec![Json::Null; 204]),
            json!({"a\n\n": "é".repeat(506), "b": null}),
            json!(["x".repeat(1007), 1.25, {}, [], true]),
        ] {
            let len = json.to_string().len();
            assert_eq!(json_len(&json), len);
            let limits = |max_bytes| Limits {
                max_bytes,
                exact_numbers: false,
            };
            assert_eq!(read(json_to_pb(&json), limits(len)), Ok(json.clone()));
            assert_eq!(
                read(json_to_pb(&json), limits(len - 1)),
                Err(format!("is too large; at most {} bytes as JSON", len - 1))
            );
        }
    }

    #[test]
    fn depth_is_bounded() {
        for object in [false, true] {
            let deepest = nested(MAX_DEPTH, object);
            assert_eq!(read(json_to_pb(&deepest), Limits::VALUE), Ok(deepest));
            assert_eq!(
                read(json_to_pb(&nested(MAX_DEPTH + 1, object)), Limits::STORED),
                Err(
                    "is nested too deeply; at most 30 lists and objects inside each other"
                        .to_owned()
                )
            );
        }
    }

    proptest! {
        #[test]
        fn bounds_on_the_size_hold(json in crate::convert::arbitrary::json()) {
            let mut reading = Reading { limits: Limits::STORED, at_least: 0, at_most: 0 };
            let read = reading.value(json_to_pb(&json), MAX_DEPTH).unwrap();
            prop_assert!(reading.at_least <= json_len(&read));
            prop_assert!(json_len(&read) <= reading.at_most);
            let message = prost::Message::encoded_len(&json_to_pb(&json));
            prop_assert!(message <= message_len(&json), "{}", message);
            prop_assert_eq!(read, json);
        }

        #[test]
        fn objects_survive(object in crate::convert::arbitrary::object()) {
            let mut bad = Violations::new();
            let read = object_from_pb(Some(object_to_pb(&object)), Limits::STORED, &mut bad);
            prop_assert_eq!(read, Some(object));
        }
    }
}
