//! The trace that a request belongs to, by the W3C Trace Context: its
//! `traceparent` and `tracestate`.
//!
//! Reading never fails the call that carries them: what is malformed counts as
//! none.

use std::fmt;

use http::HeaderMap;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// Bytes of the fields that every version has.
const FIELDS: usize = 55;
/// The flags of version 00 that say something: sampled, and random trace id.
const KNOWN_FLAGS: u8 = 0b11;
/// Longest `tracestate` that is passed on, in bytes, as the W3C asks for.
const MAX_STATE_BYTES: usize = 512;

/// A valid `traceparent`.
///
/// One of version 00 is written as it was read. One of a later version is
/// written as version 00, as the W3C has it for those who do not know more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    trace_id: u128,
    parent_id: u64,
    flags: u8,
}

impl TraceParent {
    /// Reads the value of a header; `None` for a malformed one.
    pub fn parse(text: &str) -> Option<TraceParent> {
        let fields = text.get(..FIELDS)?;
        let rest = text.get(FIELDS..)?;
        let mut parts = fields.split('-');
        let version = hex(parts.next()?, 2)?;
        let trace_id = hex(parts.next()?, 32)?;
        let parent_id = u64::try_from(hex(parts.next()?, 16)?).ok()?;
        let flags = u8::try_from(hex(parts.next()?, 2)?).ok()?;
        let (known, flags) = match version {
            0 => (rest.is_empty(), flags),
            0xff => (false, flags),
            _ => (
                rest.is_empty() || rest.starts_with('-'),
                flags & KNOWN_FLAGS,
            ),
        };
        let valid = known && parts.next().is_none() && trace_id != 0 && parent_id != 0;
        valid.then_some(TraceParent {
            trace_id,
            parent_id,
            flags,
        })
    }

    /// The `traceparent` of a call: `None` without one, with a malformed one, and
    /// with several.
    pub fn of_headers(headers: &HeaderMap) -> Option<TraceParent> {
        let mut values = headers.get_all("traceparent").iter();
        let value = values.next()?.to_str().ok()?;
        match values.next() {
            None => TraceParent::parse(value.trim_matches([' ', '\t'])),
            Some(_) => None,
        }
    }

    /// It as the parent of spans of this process.
    pub(super) fn span_context(self, state: TraceState) -> SpanContext {
        SpanContext::new(
            TraceId::from(self.trace_id),
            SpanId::from(self.parent_id),
            TraceFlags::new(self.flags),
            true,
            state,
        )
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TraceParent {
            trace_id,
            parent_id,
            flags,
        } = self;
        write!(f, "00-{trace_id:032x}-{parent_id:016x}-{flags:02x}")
    }
}

/// The `tracestate` of a call; empty without one and with a malformed one.
pub(super) fn trace_state(headers: &HeaderMap) -> TraceState {
    let values = headers.get_all("tracestate").iter();
    let texts: Option<Vec<_>> = values.map(|value| value.to_str().ok()).collect();
    let text = texts.unwrap_or_default().join(",");
    match text.len() <= MAX_STATE_BYTES {
        true => text.parse().unwrap_or_default(),
        false => TraceState::default(),
    }
}

/// A number of so many hexadecimal digits in lower case.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    match text.len() == digits && text.bytes().all(is_digit) {
        true => u128::from_str_radix(text, 16).ok(),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn valid_ones_are_read_and_written() {
        for (text, written) in [
            (VALID, VALID),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
            ),
            (
                "00-00000000000000000000000000000001-0000000000000001-ff",
                "00-00000000000000000000000000000001-0000000000000001-ff",
            ),
            // Later versions may have more fields and other flags.
            (
                "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03",
            ),
            (
                "fe-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future",
                VALID,
            ),
            (
                "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
                VALID,
            ),
        ] {
            let read = TraceParent::parse(text).map(|read| read.to_string());
            assert_eq!(read.as_deref(), Some(written), "{text:?}");
        }
    }

    #[test]
    fn malformed_ones_count_as_none() {
        for text in [
            "",
            "00",
            "-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-001",
            "zz-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00F067AA0BA902B7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e47360-0f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00 4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7 01",
            "00-4bf92f3577b34da6a3ce929d0e0e473\u{e9}-0f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceParent::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_call_has_one_at_most() {
        let valid = TraceParent::parse(VALID);
        let padded = format!(" {VALID}\t");
        for (values, expected) in [
            (&[][..], None),
            (&[VALID.as_bytes()], valid),
            (&[padded.as_bytes()], valid),
            (&[VALID.as_bytes(), VALID.as_bytes()], None),
            (&[VALID.as_bytes(), b""], None),
            (&[b"\xff"], None),
            (&[b"none"], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("traceparent", HeaderValue::from_bytes(value).unwrap());
            }
            assert_eq!(TraceParent::of_headers(&headers), expected, "{values:?}");
        }
    }

    #[test]
    fn trace_states_are_joined_and_bounded() {
        let long = format!("a={}", "x".repeat(600));
        for (values, expected) in [
            (&[][..], ""),
            (&["a=1,b=2"], "a=1,b=2"),
            (&["a=1", "b=2"], "a=1,b=2"),
            (&["no state"], ""),
            (&["a=1", "b"], ""),
            (&[long.as_str()], ""),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("tracestate", HeaderValue::from_str(value).unwrap());
            }
            assert_eq!(trace_state(&headers).header(), expected, "{values:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(trace_id in 1u128.., parent_id in 1u64.., flags: u8) {
            let parent = TraceParent { trace_id, parent_id, flags };
            prop_assert_eq!(TraceParent::parse(&parent.to_string()), Some(parent));
        }

        #[test]
        fn any_text_is_harmless(text in ".{0,80}") {
            let _ = TraceParent::parse(&text);
        }
    }
}
