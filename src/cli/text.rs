//! Values as text for people.
//!
//! What comes from a server was written by others: nothing of it reaches the
//! terminal as a control character.

use std::{borrow::Cow, time::Duration};

use chrono::SecondsFormat;
use prost_types as wkt;

use crate::{
    convert::{
        Violations,
        time::{duration_from_pb, time_from_pb},
        value::{Limits, json_from_pb},
    },
    model::{Json, json_text},
    pb::v1,
    settings::units::format_duration,
};

/// Longest value in a table, in characters.
const MAX_VALUE_CHARS: usize = 60;
/// What stands where there is nothing.
pub const NOTHING: &str = "-";

/// A text on one line, its control characters escaped.
pub fn clean(text: &str) -> String {
    escape(text, |c| c.is_control())
}

/// A text whose lines stay; other control characters are escaped.
pub fn clean_lines(text: &str) -> String {
    escape(text, |c| c.is_control() && c != '\n')
}

/// A text on one line, cut to so many characters with an ellipsis.
pub fn cut(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{}…", clean(text.get(..end).unwrap_or_default())),
        None => clean(text),
    }
}

fn escape(text: &str, hidden: impl Fn(char) -> bool) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if hidden(c) {
            clean.extend(c.escape_default());
        } else {
            clean.push(c);
        }
    }
    clean
}

/// A time as RFC 3339 in UTC, with milliseconds.
pub fn time(time: Option<&wkt::Timestamp>) -> String {
    let Some(time) = time else {
        return NOTHING.to_owned();
    };
    match time_from_pb(*time, &mut Violations::new()) {
        Some(time) => time.to_rfc3339_opts(SecondsFormat::Millis, true),
        None => format!("{} s", time.seconds),
    }
}

/// A span of time in seconds, with milliseconds: `1.234s`.
pub fn seconds(span: Option<&wkt::Duration>) -> String {
    match span.and_then(read_span) {
        Some(span) => format!("{:.3}s", span.as_secs_f64()),
        None => NOTHING.to_owned(),
    }
}

/// A span of time in the units that fit it: `1h30m`.
pub fn span(span: Option<&wkt::Duration>) -> String {
    span.and_then(read_span)
        .map_or_else(|| NOTHING.to_owned(), format_duration)
}

/// A span of time, if it is a valid one.
pub fn read_span(span: &wkt::Duration) -> Option<Duration> {
    duration_from_pb(*span, &mut Violations::new())
}

/// The name of a state without its prefix; `?` for one that is not known here.
pub fn state(number: i32) -> Cow<'static, str> {
    name(
        v1::State::try_from(number).map(|state| state.as_str_name()),
        "STATE_",
        number,
    )
}

/// The name of a signal's outcome without its prefix.
pub fn signal_outcome(number: i32) -> Cow<'static, str> {
    let known = v1::SignalOutcome::try_from(number).map(|outcome| outcome.as_str_name());
    name(known, "SIGNAL_OUTCOME_", number)
}

/// The name of an enum's value without its prefix.
pub fn name<E>(known: Result<&'static str, E>, prefix: &str, number: i32) -> Cow<'static, str> {
    match known {
        Ok(name) => Cow::Borrowed(name.strip_prefix(prefix).unwrap_or(name)),
        // A newer server knows more names.
        Err(_) => Cow::Owned(format!("?{number}")),
    }
}

/// The name of a cause of an incident, in words.
pub fn cause(number: i32) -> String {
    let known = v1::IncidentCause::try_from(number).map(|cause| cause.as_str_name());
    words(&name(known, "INCIDENT_CAUSE_", number))
}

/// The name of a kind of transition, in words.
pub fn transition_kind(number: i32) -> String {
    let known = v1::TransitionKind::try_from(number).map(|kind| kind.as_str_name());
    words(&name(known, "TRANSITION_KIND_", number))
}

/// `TARGET_DOWN` as `target down`.
fn words(name: &str) -> String {
    name.replace('_', " ").to_lowercase()
}

/// A share in percent, as exact as people write one: 0.07 is 7% and not
/// 7.000000000000001%.
pub fn share(share: f64) -> String {
    format!("{}%", (100.0 * share * 1e6).round() / 1e6)
}

/// Whether something is so.
pub fn yes_or_no(so: bool) -> &'static str {
    if so { "yes" } else { "no" }
}

/// A JSON value on one line, cut where it is long.
pub fn value(value: Option<&wkt::Value>) -> String {
    match json_from_pb(value.cloned(), Limits::STORED, &mut Violations::new()) {
        Some(json) => clean(&json_text(&json, MAX_VALUE_CHARS)),
        None => NOTHING.to_owned(),
    }
}

/// A JSON list or object in full, on one line.
pub fn json(json: &Json) -> String {
    clean(&json.to_string())
}

/// Labels as `a=1 b=2`.
pub fn labels<'a>(labels: impl IntoIterator<Item = (&'a String, &'a String)>) -> String {
    let labels: Vec<_> = labels
        .into_iter()
        .map(|(name, value)| format!("{}={}", clean(name), clean(value)))
        .collect();
    labels.join(" ")
}

/// A word in single quotes for the shell.
pub fn shell_word(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// `1 report`, `2 reports`.
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::convert::value::json_to_pb;

    #[test]
    fn control_characters_do_not_pass() {
        assert_eq!(clean("a\u{1b}[31m\nb\té"), "a\\u{1b}[31m\\nb\\té");
        assert_eq!(clean_lines("a\r\n\u{9b}b"), "a\\r\n\\u{9b}b");
        let value = self::value(Some(&json_to_pb(&json!("\u{1b}"))));
        assert_eq!(value, r#""\u001b""#);
    }

    #[test]
    fn times_and_spans() {
        let at = |seconds, nanos| time(Some(&wkt::Timestamp { seconds, nanos }));
        assert_eq!(at(1_764_000_000, 1_999_999), "2025-11-24T16:00:00.001Z");
        assert_eq!(at(i64::MAX, 0), "9223372036854775807 s");
        assert_eq!(time(None), "-");

        let span = |seconds, nanos| self::seconds(Some(&wkt::Duration { seconds, nanos }));
        assert_eq!(span(1, 234_000_000), "1.234s");
        assert_eq!(span(0, 0), "0.000s");
        assert_eq!(span(-1, 0), "-");
        assert_eq!(self::seconds(None), "-");
        let long = wkt::Duration {
            seconds: 5400,
            nanos: 0,
        };
        assert_eq!(self::span(Some(&long)), "1h30m");
        assert_eq!(self::span(None), "-");
    }

    #[test]
    fn names() {
        assert_eq!(state(v1::State::Pass.into()), "PASS");
        assert_eq!(state(99), "?99");
        let early = v1::SignalOutcome::Early.into();
        assert_eq!(signal_outcome(early), "EARLY");
        let down = v1::IncidentCause::TargetDown.into();
        assert_eq!(cause(down), "target down");
        let flapping = v1::TransitionKind::FlappingStarted.into();
        assert_eq!(transition_kind(flapping), "flapping started");
        assert_eq!(transition_kind(99), "?99");
    }

    #[test]
    fn shares_and_cuts() {
        for (number, expected) in [(0.07, "7%"), (1.0 / 3.0, "33.333333%"), (0.0, "0%")] {
            assert_eq!(share(number), expected);
        }
        assert_eq!(cut("é\nb", 3), "é\\nb");
        assert_eq!(cut("é\nbc", 3), "é\\nb…");
    }

    #[test]
    fn words_for_the_shell() {
        assert_eq!(shell_word("a b"), "'a b'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
    }
}
