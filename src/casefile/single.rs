//! Single values: a scalar as a field of some kind wants it, in protobuf JSON.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use prost_reflect::{EnumDescriptor, Kind};

use super::{
    scalar::{Meaning, duration, integer, meaning, with_unit},
    suggest::nearest,
    tree::Scalar,
};
use crate::{convert::violation::quoted, model::Json};

/// Full name of the message that is written as a text such as `30s`.
pub(super) const DURATION: &str = "google.protobuf.Duration";

/// Base64 as it is written, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a field of this kind wants, in words.
pub(super) fn wanted(kind: &Kind) -> &'static str {
    match kind {
        Kind::Bool => "true or false",
        Kind::Double | Kind::Float => "a number",
        Kind::Message(_) => "a duration, such as 30s",
        Kind::Enum(_) => "one of its names",
        Kind::Bytes => "base64",
        kind if range(kind).is_some() => "a whole number",
        _ => "a text",
    }
}

/// Reads a scalar that is not null, or says what to write instead.
pub(super) fn read(scalar: &Scalar, kind: &Kind) -> Result<Json, String> {
    let meaning = meaning(scalar);
    match kind {
        Kind::Bool => bool(meaning),
        Kind::Double | Kind::Float => number(meaning),
        Kind::Message(_) => match meaning {
            Meaning::Text(text) => duration(text).map(Json::from),
            Meaning::Number(text, number) => {
                Err(format!("{text} has no unit; write {}", with_unit(number)))
            }
            other => Err(format!("is {}; write {}", shown(other), wanted(kind))),
        },
        Kind::Enum(names) => one_of(meaning, names),
        Kind::Bytes => base64(&scalar.text),
        kind => match range(kind) {
            Some((min, max)) => whole(meaning, min, max),
            None => text(meaning),
        },
    }
}

fn text(meaning: Meaning<'_>) -> Result<Json, String> {
    match meaning {
        Meaning::Text(text) => Ok(Json::from(text)),
        Meaning::Number(text, _) => Err(format!("{text} is a number; write \"{text}\"")),
        other => Err(format!("is {0}, not a text; write \"{0}\"", shown(other))),
    }
}

/// Bytes in either alphabet of base64, which may be written over several lines.
fn base64(text: &str) -> Result<Json, String> {
    let text: String = text.split_ascii_whitespace().collect();
    let text = text.replace('-', "+").replace('_', "/");
    match BASE64.decode(&text) {
        Ok(_) => Ok(Json::from(text)),
        Err(_) => Err("is no base64; write what `base64 FILE` prints".to_owned()),
    }
}

fn bool(meaning: Meaning<'_>) -> Result<Json, String> {
    match meaning {
        Meaning::Bool(value) => Ok(Json::from(value)),
        Meaning::Text(text) => {
            let instead = match text.to_lowercase().as_str() {
                "yes" | "on" | "y" | "true" => "true",
                "no" | "off" | "n" | "false" => "false",
                _ => "true or false",
            };
            Err(format!("{} is a text; write {instead}", quoted(text)))
        }
        other => Err(format!("is {}; write true or false", shown(other))),
    }
}

/// A double. Protobuf JSON takes it as a text too, and NaN only so.
fn number(meaning: Meaning<'_>) -> Result<Json, String> {
    let number = match meaning {
        Meaning::Number(_, number) => number,
        Meaning::Text(text) => match (text, text.parse::<f64>()) {
            ("NaN" | "Infinity" | "-Infinity", _) => return Ok(Json::from(text)),
            (_, Ok(number)) if number.is_finite() => number,
            _ => {
                return Err(format!(
                    "{} is no number; write {}",
                    quoted(text),
                    share(text)
                ));
            }
        },
        other => return Err(format!("is {}; write a number", shown(other))),
    };
    Ok(match serde_json::Number::from_f64(number) {
        Some(number) => Json::Number(number),
        None if number.is_nan() => Json::from("NaN"),
        None if number > 0.0 => Json::from("Infinity"),
        None => Json::from("-Infinity"),
    })
}

/// What to write for `50%`.
fn share(text: &str) -> String {
    let percent = text
        .strip_suffix('%')
        .map(|text| text.trim_end().parse::<f64>());
    match percent {
        Some(Ok(percent)) if percent.is_finite() => (percent / 100.0).to_string(),
        _ => "one, such as 0.5".to_owned(),
    }
}

fn whole(meaning: Meaning<'_>, min: i128, max: i128) -> Result<Json, String> {
    let (text, number) = match meaning {
        Meaning::Number(text, number) => (text, number),
        // Protobuf JSON takes it as a text too, and writes 64 bits so.
        Meaning::Text(text) => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => (text, number),
            _ => return Err(format!("{} is no number; write a whole one", quoted(text))),
        },
        other => return Err(format!("is {}; write a whole number", shown(other))),
    };
    match integer(text, number) {
        Some(integer) if (min..=max).contains(&integer) => match u64::try_from(integer) {
            Ok(integer) => Ok(Json::from(integer)),
            Err(_) => Ok(Json::from(i64::try_from(integer).unwrap_or_default())),
        },
        Some(_) => Err(format!("{text} is out of range; write {min} to {max}")),
        None if number.abs() > max as f64 => {
            Err(format!("{text} is out of range; write {min} to {max}"))
        }
        None => Err(format!("{text} is not whole; write a whole number")),
    }
}

/// The name of a value of an enum, in full. The one that stands for none is read
/// and not proposed.
fn one_of(meaning: Meaning<'_>, names: &EnumDescriptor) -> Result<Json, String> {
    let word = match meaning {
        Meaning::Text(text) if names.get_value_by_name(text).is_some() => {
            return Ok(Json::from(text));
        }
        Meaning::Text(text) => Some(text),
        _ => None,
    };
    let values = names.values().filter(|value| value.number() != 0);
    let known: Vec<_> = values.map(|value| value.name().to_owned()).collect();
    let meant = word.and_then(|word| nearest(word, known.iter().map(String::as_str)));
    Err(match meant {
        Some(meant) => format!("{} is not known; did you mean {meant}?", shown(meaning)),
        None => format!("is {}; write one of {}", shown(meaning), known.join(", ")),
    })
}

fn shown(meaning: Meaning<'_>) -> String {
    match meaning {
        Meaning::Null => "null".to_owned(),
        Meaning::Bool(value) => value.to_string(),
        Meaning::Number(text, _) => text.to_owned(),
        Meaning::Text(text) => quoted(text),
    }
}

/// The smallest and the largest number of an integer kind.
fn range(kind: &Kind) -> Option<(i128, i128)> {
    match kind {
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Some((i32::MIN.into(), i32::MAX.into())),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Some((i64::MIN.into(), i64::MAX.into())),
        Kind::Uint32 | Kind::Fixed32 => Some((0, u32::MAX.into())),
        Kind::Uint64 | Kind::Fixed64 => Some((0, u64::MAX.into())),
        _ => None,
    }
}
