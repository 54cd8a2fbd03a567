//! From text to syntax tree, with places in the text for everything that is
//! wrong. What leaves here is bounded: in length by [`MAX_SOURCE`], in depth by
//! [`MAX_DEPTH`].

use std::panic::{AssertUnwindSafe, catch_unwind};

use cel::{
    IdedExpr, ParseError,
    common::ast::{EntryExpr, Expr, SourceInfo},
};

use super::{SourceError, ops};

/// Longest expression, in bytes.
pub(super) const MAX_SOURCE: usize = 4 * 1024;

/// How deep an expression may be nested. A chain of operators or fields counts
/// too; one of `&&` or `||` hardly does, `cel` balances it.
pub(super) const MAX_DEPTH: usize = 100;

/// Most errors that are told about one expression.
pub(super) const MAX_ERRORS: usize = 20;

/// An expression and where its parts are in the text.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) tree: IdedExpr,
    source: String,
    places: SourceInfo,
}

impl Parsed {
    /// Parses an expression.
    pub(super) fn new(source: &str) -> Result<Self, Vec<SourceError>> {
        if source.len() > MAX_SOURCE {
            return Err(vec![error_at(
                source,
                0,
                format!(
                    "the expression has {} bytes; at most {MAX_SOURCE}",
                    source.len()
                ),
            )]);
        }
        if source.trim().is_empty() {
            return Err(vec![error_at(source, 0, "the expression is empty")]);
        }
        // The parser is generated and large. A panic in it, on a text that
        // nobody has thought of, must end neither a thread nor the process.
        let parsed = catch_unwind(AssertUnwindSafe(|| {
            ops::ENV.parser().parse_with_source_info(source)
        }));
        let (tree, places) = parsed
            .map_err(|_| vec![error_at(source, 0, "the expression cannot be parsed")])?
            .map_err(|errors| syntax_errors(source, &errors.errors))?;
        let parsed = Parsed {
            tree,
            source: source.to_owned(),
            places,
        };
        match too_deep(&parsed.tree, MAX_DEPTH) {
            None => Ok(parsed),
            Some(node) => Err(vec![parsed.error(
                node,
                format!("the expression is nested more than {MAX_DEPTH} levels deep here"),
            )]),
        }
    }

    /// An error about a node.
    pub(super) fn error(&self, node: &IdedExpr, message: impl Into<String>) -> SourceError {
        let start = self
            .places
            .offset_for(node.id)
            .map_or(0, |(start, _)| start);
        let start = usize::try_from(start).unwrap_or(0);
        let place = match &node.expr {
            // The parser places a field at its dot and a call at its bracket.
            Expr::Select(_) => self.after(start, 1),
            Expr::Call(call) if self.rest(start).starts_with('(') => {
                let name = self.source.get(..start).unwrap_or_default().trim_end();
                match name.strip_suffix(call.func_name.trim_start_matches('.')) {
                    Some(before) => before.len(),
                    None => start,
                }
            }
            Expr::Call(_) if self.rest(start).starts_with('[') => self.after(start, 1),
            _ => start,
        };
        error_at(&self.source, place, message)
    }

    /// An error about an expression as a whole: it stands where that begins.
    pub(super) fn error_about(&self, node: &IdedExpr, message: impl Into<String>) -> SourceError {
        let mut first = node;
        loop {
            first = match &first.expr {
                Expr::Select(select) => &select.operand,
                Expr::Call(call) => match (&call.target, call.args.as_slice()) {
                    (Some(target), _) => target,
                    (None, [operand, _, ..]) if !is_named(&call.func_name) => operand,
                    _ => return self.error(first, message),
                },
                _ => return self.error(first, message),
            };
        }
    }

    fn rest(&self, start: usize) -> &str {
        self.source.get(start..).unwrap_or_default()
    }

    /// The place of what follows so many bytes and any white space.
    fn after(&self, start: usize, bytes: usize) -> usize {
        let from = start.saturating_add(bytes);
        let rest = self.rest(from);
        from + (rest.len() - rest.trim_start().len())
    }
}

/// Whether a function is called by a name, and is no operator.
fn is_named(function: &str) -> bool {
    function.starts_with(|c: char| c.is_ascii_alphabetic() || c == '.')
}

/// The nodes directly below one, in the order of the text.
pub(super) fn children(node: &IdedExpr) -> Vec<&IdedExpr> {
    match &node.expr {
        Expr::Call(call) => call
            .target
            .iter()
            .map(AsRef::as_ref)
            .chain(&call.args)
            .collect(),
        Expr::Select(select) => vec![select.operand.as_ref()],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => map
            .entries
            .iter()
            .flat_map(|entry| entry_nodes(&entry.expr))
            .collect(),
        Expr::Struct(message) => {
            let entries = message.entries.iter();
            entries.flat_map(|entry| entry_nodes(&entry.expr)).collect()
        }
        // The parser leaves macros as calls, so that there are none of these.
        Expr::Comprehension(_) => Vec::new(),
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => Vec::new(),
    }
}

fn entry_nodes(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}

/// The first node that lies too deep.
fn too_deep(node: &IdedExpr, levels: usize) -> Option<&IdedExpr> {
    match levels.checked_sub(1) {
        None => Some(node),
        Some(levels) => children(node)
            .into_iter()
            .find_map(|child| too_deep(child, levels)),
    }
}

/// An error at a place that is given in bytes.
fn error_at(source: &str, place: usize, message: impl Into<String>) -> SourceError {
    let before = source.get(..place).unwrap_or_default();
    let (line, column) = match before.rsplit_once('\n') {
        Some((lines, rest)) => (lines.split('\n').count() + 1, rest.chars().count() + 1),
        None => (1, before.chars().count() + 1),
    };
    SourceError {
        line,
        column,
        message: message.into(),
    }
}

/// The parser's errors in words. Where characters make no token at all, what
/// the parser says about the rest only follows from that.
fn syntax_errors(source: &str, errors: &[ParseError]) -> Vec<SourceError> {
    let told = |wanted: fn(&str) -> bool| -> Vec<SourceError> {
        errors
            .iter()
            .filter(|error| wanted(&error.msg))
            .take(MAX_ERRORS)
            .map(|error| SourceError {
                line: usize::try_from(error.pos.0).unwrap_or(1).max(1),
                column: usize::try_from(error.pos.1).unwrap_or(1).max(1),
                message: in_words(source, error),
            })
            .collect()
    };
    let mut told = [
        told(|msg| msg.contains(TOO_DEEP)),
        told(|msg| msg.contains(NO_TOKEN)),
        told(|msg| !msg.starts_with("No `") && !msg.starts_with("Incomplete")),
        told(|_| true),
    ]
    .into_iter()
    .find(|told| !told.is_empty())
    .unwrap_or_default();
    told.dedup();
    if told.is_empty() {
        told.push(error_at(source, 0, "the expression cannot be parsed"));
    }
    told
}

const TOO_DEEP: &str = "Recursion limit";
const NO_TOKEN: &str = "token recognition error at: '";

fn in_words(source: &str, error: &ParseError) -> String {
    let msg = error.msg.trim_start_matches("Syntax error: ");
    if msg.contains(TOO_DEEP) {
        return "brackets or conditions are nested too deep here".to_owned();
    }
    if let Some(text) = msg.strip_prefix(NO_TOKEN) {
        return match text.chars().next() {
            Some('=') => "`=` compares nothing; write `==`".to_owned(),
            Some('&') => "write `&&` for and".to_owned(),
            Some('|') => "write `||` for or".to_owned(),
            Some('#') => "`#` begins no comment; write `//`".to_owned(),
            Some('\'' | '"') => "this text does not end, or has an unknown escape".to_owned(),
            Some(c) if c.is_ascii() => format!("unexpected {c:?}"),
            Some(c) => format!("unexpected {c:?}; outside of quotes only ASCII has a meaning"),
            None => "unexpected character".to_owned(),
        };
    }
    let unexpected = [
        "mismatched input '",
        "extraneous input '",
        "no viable alternative at input '",
    ];
    if let Some(text) = unexpected.iter().find_map(|start| msg.strip_prefix(start)) {
        let token = match text.split_once("' expecting") {
            Some((token, _)) => token,
            None => text.strip_suffix('\'').unwrap_or(text),
        };
        return match token {
            "<EOF>" => "the expression ends too early".to_owned(),
            "and" => "write `&&` for and".to_owned(),
            "or" => "write `||` for or".to_owned(),
            "is" => "write `==`".to_owned(),
            "not" => "write `!` for not".to_owned(),
            _ if source.trim_start().starts_with("not ") => "write `!` for not".to_owned(),
            _ => format!(
                "unexpected `{}`",
                token.chars().take(40).collect::<String>()
            ),
        };
    }
    match msg {
        "unsupported syntax: '`'" => "write [\"name\"] for a field of such a name".to_owned(),
        "unsupported syntax '?'" | "unsupported syntax '.?'" | "unsupported syntax '[?'" => {
            "optional fields are not supported; write has(x.field)".to_owned()
        }
        "invalid int literal" | "invalid uint literal" => "this number is too large".to_owned(),
        _ if msg.starts_with("No `") || msg.starts_with("Incomplete") => {
            "the expression is not complete".to_owned()
        }
        _ => msg.chars().take(200).collect(),
    }
}
