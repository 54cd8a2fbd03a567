//! What scalars mean: the core schema of YAML 1.2, and durations.
//!
//! Invariant: a text is never taken for something else because it looks like
//! it: quoted scalars are texts, and `yes` is one too.

use granit_parser::ScalarStyle;

use super::tree::Scalar;
use crate::convert::violation::quoted;

/// Longest duration of protobuf, in seconds.
const MAX_DURATION_SECONDS: u64 = 315_576_000_000;
const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// What a scalar means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Meaning<'a> {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A number, as it is written and as a double.
    Number(&'a str, f64),
    /// A text.
    Text(&'a str),
}

/// What a scalar means.
pub(super) fn meaning(scalar: &Scalar) -> Meaning<'_> {
    let text = scalar.text.as_str();
    if scalar.style != ScalarStyle::Plain {
        return Meaning::Text(text);
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Meaning::Null,
        "true" | "True" | "TRUE" => Meaning::Bool(true),
        "false" | "False" | "FALSE" => Meaning::Bool(false),
        _ => match plain_number(text) {
            Some(number) => Meaning::Number(text, number),
            None => Meaning::Text(text),
        },
    }
}

fn plain_number(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    match unsigned {
        ".inf" | ".Inf" | ".INF" if text.starts_with('-') => return Some(f64::NEG_INFINITY),
        ".inf" | ".Inf" | ".INF" => return Some(f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" if unsigned == text => return Some(f64::NAN),
        _ => {}
    }
    let (radix, digits) = if let Some(digits) = text.strip_prefix("0x") {
        (16, digits)
    } else if let Some(digits) = text.strip_prefix("0o") {
        (8, digits)
    } else {
        // Rust reads `inf` and `nan` as well, which are texts here.
        let digits = unsigned.trim_start_matches('.');
        return digits
            .starts_with(|c: char| c.is_ascii_digit())
            .then(|| text.parse().ok())?;
    };
    u64::from_str_radix(digits, radix)
        .ok()
        .filter(|_| !digits.starts_with('+'))
        .map(|number| number as f64)
}

/// A whole number, exactly; none if it is none or beyond 64 bits.
pub(super) fn integer(text: &str, number: f64) -> Option<i128> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if let Ok(integer) = text.parse::<i128>() {
        return Some(integer);
    }
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i128)
}

/// A duration in the form of protobuf JSON (`1.5s`), or what to write instead.
pub(super) fn duration(text: &str) -> Result<&str, String> {
    let Some(seconds) = protobuf_seconds(text) else {
        return Err(match other_units(text) {
            Some(nanos) => format!(
                "{} is not in seconds; write {}",
                quoted(text),
                nanos_text(nanos)
            ),
            None => format!(
                "{} is no duration; write seconds, such as 30s or 0.5s",
                quoted(text)
            ),
        });
    };
    match seconds.parse::<u64>() {
        Ok(seconds) if seconds <= MAX_DURATION_SECONDS => Ok(text),
        _ => Err(format!(
            "is longer than durations can be; at most {MAX_DURATION_SECONDS}s"
        )),
    }
}

/// The whole seconds of `-12.5s`, if the text has this form.
fn protobuf_seconds(text: &str) -> Option<&str> {
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let number = text.strip_suffix('s')?;
    let number = number.strip_prefix('-').unwrap_or(number);
    let (seconds, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let fits = !seconds.is_empty() && digits(seconds) && digits(fraction);
    (fits && (1..=9).contains(&fraction.len())).then_some(seconds)
}

/// Nanoseconds of a duration as people write it elsewhere: `500ms`, `1h30m`,
/// `5 minutes`, `30`.
fn other_units(text: &str) -> Option<u128> {
    let mut rest = text.trim();
    let mut nanos = 0_u128;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(number_end);
        let after = after.trim_start();
        let unit_end = after
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        nanos = nanos.checked_add(scaled(number, unit_nanos(unit)?)?)?;
        rest = after.trim_start();
    }
    (nanos > 0 && nanos / NANOS_PER_SECOND <= u128::from(MAX_DURATION_SECONDS)).then_some(nanos)
}

fn unit_nanos(unit: &str) -> Option<u128> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" | "msec" | "millis" | "milliseconds" => 1_000_000,
        "s" | "sec" | "secs" | "second" | "seconds" => NANOS_PER_SECOND,
        "m" | "min" | "mins" | "minute" | "minutes" => 60 * NANOS_PER_SECOND,
        "h" | "hr" | "hour" | "hours" => 3_600 * NANOS_PER_SECOND,
        "d" | "day" | "days" => 86_400 * NANOS_PER_SECOND,
        _ => return None,
    })
}

/// A decimal number times a unit, exactly.
fn scaled(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.len() > 9 {
        return None;
    }
    let whole: u128 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let billionths: u128 = format!("{fraction:0<9}").parse().ok()?;
    let parts = billionths
        .checked_mul(unit)?
        .checked_div(NANOS_PER_SECOND)?;
    whole.checked_mul(unit)?.checked_add(parts)
}

fn nanos_text(nanos: u128) -> String {
    let text = format!(
        "{}.{:09}",
        nanos / NANOS_PER_SECOND,
        nanos % NANOS_PER_SECOND
    );
    format!("{}s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// What to write for a number that stands where a duration is wanted.
pub(super) fn with_unit(number: f64) -> String {
    if number.is_finite() && number > 0.0 && number <= MAX_DURATION_SECONDS as f64 {
        format!("{number}s")
    } else {
        "seconds, such as 30s".to_owned()
    }
}
