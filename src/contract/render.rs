//! Values and expressions as text for people, and values as JSON.

use std::fmt::{self, Write};

use cel::{
    IdedExpr,
    common::{
        ast::{CallExpr, EntryExpr, Expr, LiteralValue, operators},
        types::{CelBool, CelBytes, CelDuration, CelString, CelTimestamp, CelType, Kind},
        value::Val,
    },
};

use super::{
    ops::{self, Number},
    work,
};
use crate::model::{self, Json};

/// Longest text of a value or an expression inside of an explanation, in
/// characters.
pub(super) const MAX_PART: usize = 200;

/// A text that takes only so many characters and then ends with an ellipsis.
struct Short {
    text: String,
    left: usize,
}

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        match text.char_indices().nth(self.left) {
            None => {
                self.left -= text.chars().count();
                self.text.push_str(text);
                Ok(())
            }
            Some((end, _)) => {
                self.text.extend(text.get(..end));
                self.text.push('…');
                self.left = 0;
                Err(fmt::Error)
            }
        }
    }
}

/// What writes a short text fails when the text is full, which is all right.
fn short(max: usize, write: impl FnOnce(&mut Short) -> fmt::Result) -> String {
    let mut short = Short {
        text: String::new(),
        left: max,
    };
    let _full = write(&mut short);
    short.text
}

/// A text cut to so many characters.
pub(super) fn cut(text: &str, max: usize) -> String {
    short(max, |short| short.write_str(text))
}

/// A value as text: JSON where it is JSON.
pub(super) fn value(value: &dyn Val) -> String {
    short(MAX_PART, |short| write_value(short, value))
}

fn write_value(out: &mut Short, value: &dyn Val) -> fmt::Result {
    if let Some(number) = ops::number(value) {
        return match number {
            Number::Int(n) => write!(out, "{n}"),
            Number::UInt(n) => write!(out, "{n}"),
            Number::Double(n) if n.is_finite() => write!(out, "{}", model::number(n)),
            Number::Double(n) => write!(out, "{n}"),
        };
    }
    if let Some(text) = value.downcast_ref::<CelString>() {
        return write_text(out, text.inner());
    }
    if let Some(truth) = value.downcast_ref::<CelBool>() {
        return write!(out, "{}", truth.inner());
    }
    if let Some(time) = value.downcast_ref::<CelTimestamp>() {
        let time = time.inner().to_utc();
        return out.write_str(&time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true));
    }
    if let Some(duration) = value.downcast_ref::<CelDuration>() {
        return out.write_str(&seconds(duration.inner()));
    }
    if let Some(bytes) = value.downcast_ref::<CelBytes>() {
        return write!(out, "{} bytes", bytes.inner().len());
    }
    match value.get_type().kind() {
        // Going through a list or a map is work, wherever it is cut.
        Kind::List | Kind::Map if work::charge(ops::size(value)).is_err() => out.write_char('…'),
        Kind::List => {
            out.write_char('[')?;
            for (index, item) in ops::items(value).into_iter().enumerate() {
                if index > 0 {
                    out.write_char(',')?;
                }
                write_value(out, item)?;
            }
            out.write_char(']')
        }
        Kind::Map => {
            out.write_char('{')?;
            for (index, key) in ops::items(value).into_iter().enumerate() {
                if index > 0 {
                    out.write_char(',')?;
                }
                write_value(out, key)?;
                out.write_char(':')?;
                if let Some(Ok(entry)) = value.as_indexer().map(|map| map.get(key)) {
                    write_value(out, entry.as_ref())?;
                }
            }
            out.write_char('}')
        }
        Kind::NullType => out.write_str("null"),
        Kind::Type => {
            let name = value.downcast_ref::<CelType>().map(CelType::name);
            out.write_str(name.unwrap_or("type"))
        }
        _ => out.write_str(value.get_type().name()),
    }
}

/// A text in quotes, as JSON has it. What is too long for any explanation is
/// not even looked at.
fn write_text(out: &mut Short, text: &str) -> fmt::Result {
    let end = text
        .char_indices()
        .nth(MAX_PART + 1)
        .map_or(text.len(), |(end, _)| end);
    let begin = text.get(..end).unwrap_or_default();
    let quoted = serde_json::to_string(begin).map_err(|_| fmt::Error)?;
    out.write_str(&quoted)
}

fn seconds(duration: &chrono::Duration) -> String {
    let nanos =
        i128::from(duration.num_seconds()) * 1_000_000_000 + i128::from(duration.subsec_nanos());
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let fraction = format!("{:09}", nanos % 1_000_000_000);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{fraction}s", nanos / 1_000_000_000)
}

/// The type of a value, in words.
pub(super) fn type_name(value: &dyn Val) -> &'static str {
    match value.get_type().kind() {
        Kind::Boolean => "true or false",
        Kind::Int => "an int",
        Kind::UInt => "a uint",
        Kind::Double => "a number",
        Kind::String => "a text",
        Kind::Bytes => "bytes",
        Kind::List => "a list",
        Kind::Map => "a map",
        Kind::NullType => "null",
        Kind::Timestamp => "a timestamp",
        Kind::Duration => "a duration",
        Kind::Type => "a type",
        _ => "something else",
    }
}

/// A value as JSON.
///
/// # Errors
///
/// What in it JSON does not have.
pub(super) fn to_json(value: &dyn Val) -> Result<Json, &'static str> {
    if let Some(number) = ops::number(value) {
        let double = number.as_f64();
        return if double.is_finite() {
            Ok(model::number(double))
        } else {
            Err("a number that is not finite")
        };
    }
    if let Some(text) = value.downcast_ref::<CelString>() {
        return Ok(Json::from(text.inner()));
    }
    if let Some(truth) = value.downcast_ref::<CelBool>() {
        return Ok(Json::from(*truth.inner()));
    }
    match value.get_type().kind() {
        Kind::NullType => Ok(Json::Null),
        Kind::List => ops::items(value).into_iter().map(to_json).collect(),
        Kind::Map => {
            let mut map = serde_json::Map::new();
            for key in ops::items(value) {
                let name = key
                    .downcast_ref::<CelString>()
                    .ok_or("a map whose keys are no texts")?;
                let entry = value.as_indexer().and_then(|index| index.get(key).ok());
                let entry = entry.map_or(Ok(Json::Null), |entry| to_json(entry.as_ref()))?;
                map.insert(name.inner().to_owned(), entry);
            }
            Ok(Json::Object(map))
        }
        _ => Err(type_name(value)),
    }
}

/// An expression as text, on one line.
pub(super) fn expression(node: &IdedExpr) -> String {
    short(MAX_PART, |short| write_node(short, node, 0))
}

/// Sign and rank of a binary operator; what binds more tightly ranks higher.
pub(super) fn binary(operator: &str) -> Option<(&'static str, u8)> {
    Some(match operator {
        operators::LOGICAL_OR => ("||", 2),
        operators::LOGICAL_AND => ("&&", 3),
        operators::EQUALS => ("==", 4),
        operators::NOT_EQUALS => ("!=", 4),
        operators::LESS => ("<", 4),
        operators::LESS_EQUALS => ("<=", 4),
        operators::GREATER => (">", 4),
        operators::GREATER_EQUALS => (">=", 4),
        operators::IN => ("in", 4),
        operators::ADD => ("+", 5),
        operators::SUBSTRACT => ("-", 5),
        operators::MULTIPLY => ("*", 6),
        operators::DIVIDE => ("/", 6),
        operators::MODULO => ("%", 6),
        _ => return None,
    })
}

/// Sign of a unary operator.
pub(super) fn unary(operator: &str) -> Option<char> {
    match operator {
        operators::LOGICAL_NOT => Some('!'),
        operators::NEGATE => Some('-'),
        _ => None,
    }
}

/// Writes a node, in brackets if it ranks lower than what is around it.
fn write_node(out: &mut Short, node: &IdedExpr, around: u8) -> fmt::Result {
    match &node.expr {
        Expr::Ident(name) => out.write_str(name),
        Expr::Literal(literal) => {
            let negative = match literal {
                LiteralValue::Int(n) => *n.inner() < 0,
                LiteralValue::Double(n) => n.inner().is_sign_negative(),
                _ => false,
            };
            bracketed(out, negative && around > 7, |out| {
                write_literal(out, literal)
            })
        }
        Expr::Select(select) => {
            write_node(out, &select.operand, 8)?;
            write!(out, ".{}", select.field)
        }
        Expr::Call(call) => write_call(out, call, around),
        Expr::List(list) => {
            out.write_char('[')?;
            write_nodes(out, &list.elements)?;
            out.write_char(']')
        }
        Expr::Map(map) => {
            out.write_char('{')?;
            for (index, entry) in map.entries.iter().enumerate() {
                if index > 0 {
                    out.write_str(", ")?;
                }
                if let EntryExpr::MapEntry(entry) = &entry.expr {
                    write_node(out, &entry.key, 0)?;
                    out.write_str(": ")?;
                    write_node(out, &entry.value, 0)?;
                }
            }
            out.write_char('}')
        }
        Expr::Unspecified | Expr::Comprehension(_) | Expr::Struct(_) => out.write_char('…'),
    }
}

fn write_nodes(out: &mut Short, nodes: &[IdedExpr]) -> fmt::Result {
    for (index, node) in nodes.iter().enumerate() {
        if index > 0 {
            out.write_str(", ")?;
        }
        write_node(out, node, 0)?;
    }
    Ok(())
}

fn write_call(out: &mut Short, call: &CallExpr, around: u8) -> fmt::Result {
    let name = call.func_name.as_str();
    match call.args.as_slice() {
        [a, b] if let Some((sign, rank)) = binary(name) => {
            bracketed(out, rank < around, |out| {
                // `&&` and `||` may be grouped in any way.
                let left = if rank == 4 { rank + 1 } else { rank };
                let right = if rank > 3 { rank + 1 } else { rank };
                write_node(out, a, left)?;
                write!(out, " {sign} ")?;
                write_node(out, b, right)
            })
        }
        [condition, yes, no] if name == operators::CONDITIONAL => {
            bracketed(out, around > 1, |out| {
                write_node(out, condition, 2)?;
                out.write_str(" ? ")?;
                write_node(out, yes, 2)?;
                out.write_str(" : ")?;
                write_node(out, no, 1)
            })
        }
        [operand] if let Some(sign) = unary(name) => bracketed(out, around > 7, |out| {
            out.write_char(sign)?;
            write_node(out, operand, 8)
        }),
        [operand, index] if name == operators::INDEX => {
            write_node(out, operand, 8)?;
            out.write_char('[')?;
            write_node(out, index, 0)?;
            out.write_char(']')
        }
        arguments => {
            if let Some(target) = &call.target {
                write_node(out, target, 8)?;
                out.write_char('.')?;
            }
            write!(out, "{name}(")?;
            write_nodes(out, arguments)?;
            out.write_char(')')
        }
    }
}

fn bracketed(
    out: &mut Short,
    brackets: bool,
    write: impl FnOnce(&mut Short) -> fmt::Result,
) -> fmt::Result {
    if !brackets {
        return write(out);
    }
    out.write_char('(')?;
    write(out)?;
    out.write_char(')')
}

fn write_literal(out: &mut Short, literal: &LiteralValue) -> fmt::Result {
    match literal {
        LiteralValue::UInt(n) => write!(out, "{}u", n.inner()),
        LiteralValue::Double(n) if n.inner().fract() == 0.0 => write!(out, "{:.1}", n.inner()),
        LiteralValue::Bytes(bytes) => {
            out.write_char('b')?;
            write_text(out, &String::from_utf8_lossy(bytes.inner()))
        }
        other => write_value(out, other.to_val().as_ref()),
    }
}
