//! The text of a header's value, both ways: percent-encoding and times.
//!
//! Whatever is written is visible ASCII, so no value can end a header or begin
//! another one; whatever is read becomes a value within its bounds or a
//! [`Reason`].

use std::borrow::Cow;

use chrono::{DateTime, Datelike, SecondsFormat};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::{Header, Reason};
use crate::model::Time;

/// What is encoded besides everything that is not ASCII.
const NOT_VISIBLE_AND_PERCENT: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// Bytes that one byte takes at most when it is percent-encoded.
const ENCODED_BYTES_PER_BYTE: usize = 3;

/// The value as visible ASCII.
pub(super) fn write(value: &str) -> String {
    utf8_percent_encode(value, NOT_VISIBLE_AND_PERCENT).to_string()
}

/// The time as `2026-11-23T09:08:07.123456+00:00`, the fraction left out when
/// it is zero.
pub(super) fn write_time(time: Time) -> String {
    let format = match time.timestamp_subsec_micros() {
        0 => SecondsFormat::Secs,
        _ => SecondsFormat::Micros,
    };
    time.to_rfc3339_opts(format, false)
}

/// Reads an id or a name.
pub(super) fn read(header: Header, bytes: &[u8]) -> Result<String, Reason> {
    fitting(header, decode(header, bytes)?.into_owned())
}

/// Reads a time: RFC 3339, without an offset it is UTC. A leap second is the
/// second after it; digits beyond microseconds are cut.
pub(super) fn read_time(header: Header, bytes: &[u8]) -> Result<Time, Reason> {
    let text = decode(header, bytes)?;
    if text.len() > header.max_bytes() {
        return Err(Reason::TooLong(header));
    }
    DateTime::parse_from_rfc3339(&text)
        .or_else(|_| DateTime::parse_from_rfc3339(&format!("{text}Z")))
        .ok()
        .and_then(|time| whole_micros(time.to_utc()))
        .ok_or_else(|| Reason::BadTime {
            header,
            text: text.into_owned(),
        })
}

/// The value, if it may stand in the header.
pub(super) fn fitting(header: Header, value: String) -> Result<String, Reason> {
    if value.is_empty() {
        Err(Reason::Empty(header))
    } else if value.len() > header.max_bytes() {
        Err(Reason::TooLong(header))
    } else {
        Ok(value)
    }
}

/// The time in whole microseconds, if it may stand in the header.
pub(super) fn fitting_time(header: Header, time: Time) -> Result<Time, Reason> {
    whole_micros(time).ok_or_else(|| Reason::BadTime {
        header,
        text: time.to_rfc3339(),
    })
}

/// Cuts a time to microseconds, a leap second being the second after it; none
/// outside the years that four digits can tell.
fn whole_micros(time: Time) -> Option<Time> {
    DateTime::from_timestamp_micros(time.timestamp_micros())
        .filter(|time| (1..=9999).contains(&time.year()))
}

/// Undoes the percent-encoding. A value with an escape that is malformed, or
/// does not give UTF-8, was written by someone who does not encode: it is taken
/// as it stands.
fn decode(header: Header, bytes: &[u8]) -> Result<Cow<'_, str>, Reason> {
    if bytes.len() > header.max_bytes() * ENCODED_BYTES_PER_BYTE {
        return Err(Reason::TooLong(header));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Reason::NotUtf8(header))?;
    if !has_only_whole_escapes(text) {
        return Ok(Cow::Borrowed(text));
    }
    Ok(percent_decode_str(text)
        .decode_utf8()
        .unwrap_or(Cow::Borrowed(text)))
}

/// Whether two hexadecimal digits follow every `%`.
fn has_only_whole_escapes(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| {
        let mut digits = rest.bytes().take(2).filter(u8::is_ascii_hexdigit);
        digits.next().is_some() && digits.next().is_some()
    })
}
