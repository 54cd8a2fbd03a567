//! Arguments as people type them: JSON, keys, labels, states and times.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::{
    model::{Json, MAX_SAFE_INTEGER, State, Time},
    settings::units::parse_duration,
};

/// Reads any JSON value.
pub fn json(text: &str) -> Result<Json, String> {
    let value: Json = serde_json::from_str(text).map_err(|error| {
        format!("this is no JSON ({error}); a text needs double quotes of its own: '\"text\"'")
    })?;
    check_exact(&value)?;
    Ok(value)
}

/// Reads a key: what reads as JSON is JSON, anything else a text. So `17` is a
/// number, and `'"17"'` the text.
pub fn key(text: &str) -> Result<Json, String> {
    let value = serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_owned()));
    check_exact(&value)?;
    match value {
        Json::Null => Err("a key cannot be null".to_owned()),
        Json::String(text) if text.is_empty() => Err("the key is empty".to_owned()),
        key => Ok(key),
    }
}

/// Refuses whole numbers that JSON's doubles would change.
fn check_exact(value: &Json) -> Result<(), String> {
    match value {
        Json::Number(number) => {
            let whole = number.is_i64() || number.is_u64();
            let large = number
                .as_f64()
                .is_some_and(|double| double.abs() > MAX_SAFE_INTEGER);
            if whole && large {
                return Err(format!(
                    "{number} is beyond ±(2^53 − 1), where different numbers become the same; \
                     write it as a text, in double quotes"
                ));
            }
            Ok(())
        }
        Json::Array(items) => items.iter().try_for_each(check_exact),
        Json::Object(fields) => fields.values().try_for_each(check_exact),
        Json::Null | Json::Bool(_) | Json::String(_) => Ok(()),
    }
}

/// Reads `NAME=JSON`.
pub fn named_json(text: &str) -> Result<(String, Json), String> {
    let (name, value) = named(text, "NAME=JSON")?;
    Ok((name, json(&value)?))
}

/// Reads `NAME=VALUE`.
pub fn label(text: &str) -> Result<(String, String), String> {
    named(text, "NAME=VALUE")
}

fn named(text: &str, form: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("write {form}")),
    }
}

/// Collects named values; a name that stands twice is an error.
pub fn by_name<T, M>(pairs: Vec<(String, T)>, flag: &str) -> Result<M, String>
where
    M: FromIterator<(String, T)>,
{
    let mut seen = BTreeSet::new();
    match pairs.iter().find(|(name, _)| !seen.insert(name)) {
        Some((name, _)) => Err(format!("{flag} {name} is given twice")),
        None => Ok(pairs.into_iter().collect()),
    }
}

/// Reads the name of a state, in any case.
pub fn state() -> impl TypedValueParser<Value = State> {
    PossibleValuesParser::new(State::ALL.map(State::name))
        .try_map(|name| name.to_uppercase().parse::<State>())
}

/// A point in time: given, or so long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// This one.
    At(Time),
    /// So long before now.
    Ago(std::time::Duration),
}

impl When {
    /// The point in time, seen from `now`.
    pub fn time(self, now: Time) -> Time {
        match self {
            When::At(time) => time,
            // A length of time that was read is at most a century.
            When::Ago(ago) => now - ago,
        }
    }
}

/// Reads a time: RFC 3339, a date, or one without an offset as UTC.
pub fn time(text: &str) -> Result<Time, String> {
    read_time(text).ok_or_else(|| {
        format!("{text:?} is no time; write one such as 2026-11-23T09:08:07Z or 2026-11-23")
    })
}

fn read_time(text: &str) -> Option<Time> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    if let Ok(time) = text.parse::<NaiveDateTime>() {
        return Some(time.and_utc());
    }
    let date = text.parse::<NaiveDate>().ok()?;
    Some(date.and_time(NaiveTime::MIN).and_utc())
}

/// Reads a time, as [`time`] does, or how long ago it was (`15m`).
pub fn when(text: &str) -> Result<When, String> {
    if let Some(time) = read_time(text) {
        return Ok(When::At(time));
    }
    parse_duration(text).map(When::Ago).map_err(|_| {
        format!(
            "{text:?} is neither a time, such as 2026-11-23T09:08:07Z or 2026-11-23, \
             nor how long ago, such as 15m"
        )
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use serde_json::json;

    use super::*;

    #[test]
    fn keys() {
        for (text, expected) in [
            ("17", json!(17)),
            ("\"17\"", json!("17")),
            ("true", json!(true)),
            ("[1, \"a\"]", json!([1, "a"])),
            ("{\"a\": 1}", json!({"a": 1})),
            (
                "0190d2c8-4b3e-7d30-a0f0-5c3f9a1b2c3d",
                json!("0190d2c8-4b3e-7d30-a0f0-5c3f9a1b2c3d"),
            ),
            ("order 17", json!("order 17")),
            ("9007199254740991", json!(9_007_199_254_740_991_i64)),
        ] {
            assert_eq!(key(text), Ok(expected), "{text}");
        }
        for (text, expected) in [
            ("null", "a key cannot be null"),
            ("", "the key is empty"),
            ("\"\"", "the key is empty"),
            (
                "-9007199254740992",
                "-9007199254740992 is beyond ±(2^53 − 1), where different numbers become the \
                 same; write it as a text, in double quotes",
            ),
        ] {
            assert_eq!(key(text), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn named_values() {
        assert_eq!(
            named_json("side=\"buy\""),
            Ok(("side".into(), json!("buy")))
        );
        assert_eq!(named_json("a=[1,2]"), Ok(("a".into(), json!([1, 2]))));
        assert_eq!(
            named_json("a=1=1").unwrap_err().split(' ').next(),
            Some("this")
        );
        assert!(
            named_json("side=buy")
                .unwrap_err()
                .contains("double quotes")
        );
        assert!(
            named_json("a=[9007199254740993]")
                .unwrap_err()
                .contains("2^53")
        );
        assert_eq!(named_json("=1"), Err("write NAME=JSON".into()));
        assert_eq!(named_json("a"), Err("write NAME=JSON".into()));
        assert_eq!(label("team=a=b"), Ok(("team".into(), "a=b".into())));
        assert_eq!(label("team="), Ok(("team".into(), String::new())));
        assert_eq!(label("team"), Err("write NAME=VALUE".into()));
    }

    #[test]
    fn names_stand_once() {
        let pairs = |names: &[&str]| names.iter().map(|name| (name.to_string(), 0)).collect();
        let read = |names: &[&str]| by_name::<_, BTreeMap<_, _>>(pairs(names), "--label");
        assert_eq!(read(&["b", "a"]).map(|map| map.len()), Ok(2));
        assert_eq!(
            read(&["b", "a", "b"]),
            Err("--label b is given twice".to_owned())
        );
    }

    #[test]
    fn times() {
        let at = |text: &str| When::At(DateTime::parse_from_rfc3339(text).unwrap().to_utc());
        for (text, expected) in [
            ("2026-11-23T09:08:07Z", Some(at("2026-11-23T09:08:07Z"))),
            (
                "2026-11-23T09:08:07+02:00",
                Some(at("2026-11-23T07:08:07Z")),
            ),
            ("2026-11-23T09:08:07.5", Some(at("2026-11-23T09:08:07.5Z"))),
            ("2026-11-23", Some(at("2026-11-23T00:00:00Z"))),
            ("15m", Some(When::Ago(Duration::from_secs(900)))),
            ("yesterday", None),
            ("15", None),
        ] {
            assert_eq!(when(text).ok(), expected, "{text}");
        }
        let now = DateTime::from_timestamp(1000, 0).unwrap();
        let ago = When::Ago(Duration::from_secs(1)).time(now);
        assert_eq!(ago.timestamp(), 999);
    }
}
