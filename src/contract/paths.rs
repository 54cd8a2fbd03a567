//! Fields of variables as they are written: `signals.NAME.value.amount`,
//! `execution["id"]`. A path is a variable with the names that follow it.

use cel::{
    IdedExpr,
    common::ast::{Expr, LiteralValue, operators},
};

use super::{names, view::SignalFacts};

/// The variable of the execution.
pub(super) const EXECUTION: &str = "execution";
/// The variable of the signals.
pub(super) const SIGNALS: &str = "signals";
/// The variable of the value that came.
pub(super) const VALUE: &str = "value";

/// A name that follows a variable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'e> {
    /// The node that ends with it.
    pub(super) node: &'e IdedExpr,
    pub(super) name: &'e str,
    /// Whether it is written `["name"]`.
    quoted: bool,
}

/// A variable with the names that follow it.
#[derive(Debug)]
pub(super) struct Path<'e> {
    pub(super) variable: &'e str,
    pub(super) segments: Vec<Segment<'e>>,
}

/// The path that a node is, if it is one.
pub(super) fn path(node: &IdedExpr) -> Option<Path<'_>> {
    let mut segments = Vec::new();
    let mut at = node;
    loop {
        match &at.expr {
            Expr::Ident(variable) => {
                segments.reverse();
                return Some(Path { variable, segments });
            }
            Expr::Select(select) => {
                segments.push(Segment {
                    node: at,
                    name: &select.field,
                    quoted: false,
                });
                at = &select.operand;
            }
            Expr::Call(call) if call.func_name == operators::INDEX => {
                let [operand, index] = call.args.as_slice() else {
                    return None;
                };
                segments.push(Segment {
                    node: at,
                    name: text(index)?,
                    quoted: true,
                });
                at = operand;
            }
            _ => return None,
        }
    }
}

/// The text that a node is, if it is a literal one.
pub(super) fn text(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// A field of a signal, as a path names it.
#[derive(Debug)]
pub(super) struct SignalField<'e> {
    /// Name of the signal.
    pub(super) signal: String,
    /// The segment that names the field.
    pub(super) field: Segment<'e>,
    /// What follows.
    pub(super) rest: Vec<Segment<'e>>,
}

/// The field of a signal that the segments after `signals` name. Names of
/// signals may have dots: of the declared ones, exactly one must fit.
///
/// # Errors
///
/// The segment that is wrong, if one is, and what to write instead.
pub(super) fn signal_field<'e>(
    segments: &[Segment<'e>],
    declared: &[&str],
) -> Result<SignalField<'e>, (Option<Segment<'e>>, String)> {
    let Some(first) = segments.first() else {
        return Err((None, format!("write {}", fields_of("NAME"))));
    };
    let mut found = Vec::new();
    let mut nearly = None;
    let mut name = String::new();
    for (index, segment) in segments.iter().enumerate() {
        if index > 0 {
            if first.quoted || segment.quoted {
                break;
            }
            name.push('.');
        }
        name.push_str(segment.name);
        if !declared.contains(&name.as_str()) {
            continue;
        }
        match segments.get(index + 1) {
            Some(field) if SignalFacts::FIELDS.contains(&field.name) => found.push(SignalField {
                signal: name.clone(),
                field: *field,
                rest: segments.iter().skip(index + 2).copied().collect(),
            }),
            Some(field) => {
                let instead = names::instead(field.name, &SignalFacts::FIELDS, |field| {
                    format!("`{field}`")
                });
                let wrong = field.name;
                nearly = Some((*field, format!("a signal has no field `{wrong}`{instead}")));
            }
            None => nearly = Some((*segment, format!("write {}", fields_of(&name)))),
        }
    }
    if found.len() > 1 {
        let ways = found.iter().map(|found| {
            let rest: String = found
                .rest
                .iter()
                .map(|rest| format!(".{}", rest.name))
                .collect();
            format!("signals[\"{}\"].{}{rest}", found.signal, found.field.name)
        });
        let ways: Vec<_> = ways.collect();
        return Err((
            Some(*first),
            format!("ambiguous; write {}", ways.join(" or ")),
        ));
    }
    match (found.pop(), nearly) {
        (Some(found), _) => Ok(found),
        (None, Some((segment, message))) => Err((Some(segment), message)),
        (None, None) => Err((Some(*first), unknown_signal(first.name, &name, declared))),
    }
}

fn unknown_signal(first: &str, whole: &str, declared: &[&str]) -> String {
    let longer = |known: &&&str| {
        let rest = known.strip_prefix(first).unwrap_or_default();
        rest.starts_with(['-', '.'])
    };
    let without_field = whole.rsplit_once('.').map_or(whole, |(name, _)| name);
    let near = declared
        .iter()
        .find(longer)
        .map(|known| format!("; write {}", signal(known)));
    let near = near.unwrap_or_else(|| {
        let name = [whole, without_field]
            .into_iter()
            .find(|name| names::nearest(name, declared.iter().copied()).is_some());
        names::instead(name.unwrap_or(first), declared, signal)
    });
    if declared.is_empty() {
        return format!("unknown signal `{first}`; the case declares none");
    }
    format!("unknown signal `{first}`{near}")
}

/// How a signal is written.
pub(super) fn signal(name: &str) -> String {
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if is_plain {
        format!("signals.{name}")
    } else {
        format!("signals[\"{name}\"]")
    }
}

fn fields_of(name: &str) -> String {
    let fields = SignalFacts::FIELDS.map(|field| format!("{}.{field}", signal(name)));
    fields.join(", ")
}
