//! The short way for signals, which are most of what the journal stores: between
//! the model and bytes without the generated messages in between.
//!
//! Invariant: the bytes are those that the generated messages give, and bytes
//! of any other form (other order, unknown fields, damage) are left to them.

use crate::{
    convert::value::MAX_DEPTH,
    model::{Json, SignalEvent, Signalled, number},
};

/// A field's key on the wire: its number and the type of what follows.
const fn key(field: u8, wire_type: u8) -> u8 {
    field << 3 | wire_type
}
const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LENGTH: u8 = 2;

const EVENT_SIGNALLED: u8 = key(6, LENGTH);

const SIGNALLED_EVENT: u8 = key(1, LENGTH);
const SIGNALLED_ID: u8 = key(2, LENGTH);

const SIGNAL_NAME: u8 = key(1, LENGTH);
const SIGNAL_CASE: u8 = key(2, LENGTH);
const SIGNAL_KEY: u8 = key(3, LENGTH);
const SIGNAL_VALUE: u8 = key(4, LENGTH);

const VALUE_NULL: u8 = key(1, VARINT);
const VALUE_NUMBER: u8 = key(2, FIXED64);
const VALUE_STRING: u8 = key(3, LENGTH);
const VALUE_BOOL: u8 = key(4, VARINT);
const VALUE_STRUCT: u8 = key(5, LENGTH);
const VALUE_LIST: u8 = key(6, LENGTH);

const STRUCT_FIELD: u8 = key(1, LENGTH);
const FIELD_NAME: u8 = key(1, LENGTH);
const FIELD_VALUE: u8 = key(2, LENGTH);
const LIST_ITEM: u8 = key(1, LENGTH);

/// Appends the event of a signal.
pub fn encode(signalled: &Signalled, out: &mut Vec<u8>) {
    let Signalled { event, signal_id } = signalled;
    let SignalEvent {
        signal_name,
        case_name,
        key,
        value,
    } = event;
    nested(EVENT_SIGNALLED, out, |out| {
        nested(SIGNALLED_EVENT, out, |out| {
            text_unless_empty(SIGNAL_NAME, signal_name, out);
            text_unless_empty(SIGNAL_CASE, case_name, out);
            nested(SIGNAL_KEY, out, |out| encode_value(key, out));
            nested(SIGNAL_VALUE, out, |out| encode_value(value, out));
        });
        text_unless_empty(SIGNALLED_ID, signal_id, out);
    });
}

fn encode_value(value: &Json, out: &mut Vec<u8>) {
    match value {
        Json::Null => out.extend([VALUE_NULL, 0]),
        Json::Bool(b) => out.extend([VALUE_BOOL, u8::from(*b)]),
        Json::Number(n) => {
            out.push(VALUE_NUMBER);
            out.extend(n.as_f64().unwrap_or_default().to_le_bytes());
        }
        Json::String(s) => text(VALUE_STRING, s, out),
        Json::Array(items) => nested(VALUE_LIST, out, |out| {
            for item in items {
                nested(LIST_ITEM, out, |out| encode_value(item, out));
            }
        }),
        Json::Object(fields) => nested(VALUE_STRUCT, out, |out| {
            for (name, value) in fields {
                nested(STRUCT_FIELD, out, |out| {
                    text_unless_empty(FIELD_NAME, name, out);
                    nested(FIELD_VALUE, out, |out| encode_value(value, out));
                });
            }
        }),
    }
}

fn text_unless_empty(key: u8, text: &str, out: &mut Vec<u8>) {
    if !text.is_empty() {
        self::text(key, text, out);
    }
}

fn text(key: u8, text: &str, out: &mut Vec<u8>) {
    out.push(key);
    length(text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

fn length(len: usize, out: &mut Vec<u8>) {
    // It fails only where there is no room, and a vector always has some.
    let _ = prost::encode_length_delimiter(len, out);
}

/// Writes a message field. Its length is known when it is written; most fit
/// the one byte that is kept for it, the others are moved on.
fn nested(key: u8, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(key);
    let start = out.len();
    out.push(0);
    write(out);
    let len = out.len() - start - 1;
    match (u8::try_from(len), out.get_mut(start)) {
        (Ok(len @ ..0x80), Some(byte)) => *byte = len,
        _ => {
            let mut length = Vec::with_capacity(10);
            self::length(len, &mut length);
            out.splice(start..=start, length);
        }
    }
}

/// Reads the event of a signal, if the bytes are one of the form above.
pub fn decode(bytes: &[u8]) -> Option<Signalled> {
    let mut event = Input(bytes);
    let mut signalled = event.message(EVENT_SIGNALLED)?;
    event.end()?;

    let mut signal = signalled.message(SIGNALLED_EVENT)?;
    let signal_id = signalled.text_or_empty(SIGNALLED_ID)?;
    signalled.end()?;

    let signal_name = signal.text_or_empty(SIGNAL_NAME)?;
    let case_name = signal.text_or_empty(SIGNAL_CASE)?;
    let key = signal.value(SIGNAL_KEY, MAX_DEPTH)?;
    let value = signal.value(SIGNAL_VALUE, MAX_DEPTH)?;
    signal.end()?;

    (!key.is_null()).then_some(Signalled {
        event: SignalEvent {
            signal_name,
            case_name,
            key,
            value,
        },
        signal_id,
    })
}

/// Encoded fields, read from the front. `None` means: not of the form that is
/// written here.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn expect(&mut self, key: u8) -> Option<()> {
        (self.byte()? == key).then_some(())
    }

    /// The bytes behind their length.
    fn delimited(&mut self) -> Option<&'a [u8]> {
        let len = match self.byte()? {
            len @ ..0x80 => usize::from(len),
            low => {
                let mut len = usize::from(low & 0x7f);
                for shift in [7, 14, 21] {
                    let byte = self.byte()?;
                    len |= usize::from(byte & 0x7f) << shift;
                    if byte < 0x80 {
                        break;
                    }
                    if shift == 21 {
                        return None;
                    }
                }
                len
            }
        };
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<String> {
        Some(str::from_utf8(self.delimited()?).ok()?.to_owned())
    }

    fn text_or_empty(&mut self, key: u8) -> Option<String> {
        if self.0.first() != Some(&key) {
            return Some(String::new());
        }
        self.byte()?;
        self.text()
    }

    fn message(&mut self, key: u8) -> Option<Input<'a>> {
        self.expect(key)?;
        self.delimited().map(Input)
    }

    /// A value inside of which `depth` levels are left.
    fn value(&mut self, key: u8, depth: usize) -> Option<Json> {
        let mut value = self.message(key)?;
        let json = match value.byte()? {
            VALUE_NULL => {
                value.expect(0)?;
                Json::Null
            }
            VALUE_BOOL => match value.byte()? {
                0 => Json::Bool(false),
                1 => Json::Bool(true),
                _ => return None,
            },
            VALUE_NUMBER => {
                let (bytes, rest) = value.0.split_first_chunk()?;
                value.0 = rest;
                let double = f64::from_le_bytes(*bytes);
                if !double.is_finite() {
                    return None;
                }
                number(double)
            }
            VALUE_STRING => Json::String(value.text()?),
            VALUE_LIST => {
                let depth = depth.checked_sub(1)?;
                let mut list = Input(value.delimited()?);
                let mut items = Vec::new();
                while !list.0.is_empty() {
                    items.push(list.value(LIST_ITEM, depth)?);
                }
                Json::Array(items)
            }
            VALUE_STRUCT => {
                let depth = depth.checked_sub(1)?;
                let mut object = Input(value.delimited()?);
                let mut fields = serde_json::Map::new();
                while !object.0.is_empty() {
                    let mut field = object.message(STRUCT_FIELD)?;
                    let name = field.text_or_empty(FIELD_NAME)?;
                    fields.insert(name, field.value(FIELD_VALUE, depth)?);
                    field.end()?;
                }
                Json::Object(fields)
            }
            _ => return None,
        };
        value.end()?;
        Some(json)
    }
}
