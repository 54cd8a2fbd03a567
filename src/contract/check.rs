//! What is wrong with an expression that can be told without values: unknown
//! names, calls that cannot work, nested comprehensions. All of it at once,
//! each with its place.

use std::collections::{BTreeMap, BTreeSet};

use cel::{
    IdedExpr,
    common::ast::{CallExpr, EntryExpr, Expr, LiteralValue, operators},
};

use super::{
    Scope, SourceError, names,
    ops::{self, Pattern},
    paths::{self, EXECUTION, SIGNALS, VALUE},
    source::{self, MAX_ERRORS, Parsed},
    view::ExecutionValue,
};
use crate::model::MAX_SAFE_INTEGER;

/// Most different patterns of one expression: compiled, each takes up to 256 KiB.
const MAX_PATTERNS: usize = 16;

/// What an expression needs at evaluation.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// Names of the signals that it uses.
    pub(super) signals: BTreeSet<String>,
    /// The patterns that it matches, by their source.
    pub(super) patterns: BTreeMap<String, Pattern>,
}

/// Checks an expression.
pub(super) fn check(parsed: &Parsed, scope: Scope<'_>) -> Result<Needs, Vec<SourceError>> {
    let mut check = Check {
        parsed,
        scope,
        around: Vec::new(),
        needs: Needs::default(),
        errors: Vec::new(),
    };
    if scope != Scope::Key {
        check.truth(&parsed.tree);
    }
    check.node(&parsed.tree);
    if check.errors.is_empty() {
        return Ok(check.needs);
    }
    check.errors.sort_by_key(|error| (error.line, error.column));
    check.errors.dedup();
    check.errors.truncate(MAX_ERRORS);
    Err(check.errors)
}

/// A walk over the tree.
struct Check<'a> {
    parsed: &'a Parsed,
    scope: Scope<'a>,
    /// The comprehensions around, outermost first: macro and name of the element.
    around: Vec<(&'a str, &'a str)>,
    needs: Needs,
    errors: Vec<SourceError>,
}

impl<'a> Check<'a> {
    fn wrong(&mut self, node: &IdedExpr, message: impl Into<String>) {
        self.errors.push(self.parsed.error(node, message));
    }

    fn wrong_whole(&mut self, node: &IdedExpr, message: impl Into<String>) {
        self.errors.push(self.parsed.error_about(node, message));
    }

    fn node(&mut self, node: &'a IdedExpr) {
        if self.path(node) {
            return;
        }
        match &node.expr {
            Expr::Ident(name) => self.name(node, name),
            Expr::Literal(literal) => self.literal(node, literal),
            Expr::Call(call) => return self.call(node, call),
            Expr::Struct(_) => {
                self.wrong(
                    node,
                    "messages cannot be built; a map is written {\"key\": value}",
                );
            }
            Expr::Map(map) => {
                let mut keys = BTreeSet::new();
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr
                        && let Some(key) = paths::text(&entry.key)
                        && !keys.insert(key)
                    {
                        self.wrong(&entry.key, format!("the key {key:?} is there twice"));
                    }
                }
            }
            Expr::Unspecified | Expr::Comprehension(_) => {
                self.wrong(node, "the expression is not complete");
            }
            Expr::Select(_) | Expr::List(_) => {}
        }
        for child in source::children(node) {
            self.node(child);
        }
    }

    /// Checks the names of a path. False: it is none, or has no fixed names.
    fn path(&mut self, node: &'a IdedExpr) -> bool {
        let Some(path) = paths::path(node) else {
            return false;
        };
        match (path.variable, self.scope) {
            (SIGNALS, Scope::Case { signals }) => {
                match paths::signal_field(&path.segments, signals) {
                    Ok(found) => {
                        self.needs.signals.insert(found.signal);
                    }
                    Err((segment, message)) => {
                        self.wrong(segment.map_or(node, |segment| segment.node), message);
                    }
                }
                true
            }
            (EXECUTION, _) => {
                let Some(field) = path.segments.first() else {
                    return true;
                };
                if !ExecutionValue::FIELDS.contains(&field.name) {
                    let known = ExecutionValue::FIELDS;
                    let instead =
                        names::instead(field.name.trim_start_matches("test_"), &known, |field| {
                            format!("`{field}`")
                        });
                    let name = field.name;
                    self.wrong(
                        field.node,
                        format!("unknown field `{name}` of execution{instead}"),
                    );
                }
                true
            }
            ("google", _) => {
                let types = ["google.protobuf.Duration", "google.protobuf.Timestamp"];
                let names = path.segments.iter().map(|segment| segment.name);
                let name = ["google"]
                    .into_iter()
                    .chain(names)
                    .collect::<Vec<_>>()
                    .join(".");
                types.contains(&name.as_str())
            }
            _ => false,
        }
    }

    fn name(&mut self, node: &IdedExpr, name: &str) {
        let elements: Vec<_> = self.around.iter().map(|(_, element)| *element).collect();
        if elements.contains(&name)
            || names::TYPES.contains(&name)
            || self.scope.variables().contains(&name)
        {
            return;
        }
        let mut known = self.scope.variables().to_vec();
        known.extend(elements);
        let mut instead = names::instead(name, &known, |name| format!("`{name}`"));
        match (name, self.scope) {
            (VALUE, Scope::Case { .. }) => instead.push_str("; write signals.NAME.value"),
            (SIGNALS, Scope::Expect) => {
                instead.push_str("; what compares signals belongs to the case's `contracts`")
            }
            _ if name.starts_with('.') => instead = "; leave out the first dot".to_owned(),
            _ => {}
        }
        self.wrong(node, format!("unknown variable `{name}`{instead}"));
    }

    fn literal(&mut self, node: &IdedExpr, literal: &LiteralValue) {
        let size = match literal {
            LiteralValue::Int(int) => int.inner().unsigned_abs(),
            LiteralValue::UInt(uint) => *uint.inner(),
            _ => 0,
        };
        if size as f64 > MAX_SAFE_INTEGER {
            self.wrong(
                node,
                "JSON numbers are not exact beyond ±9007199254740991; send and compare a text",
            );
        }
    }

    fn call(&mut self, node: &'a IdedExpr, call: &'a CallExpr) {
        let name = call.func_name.as_str();
        match name {
            operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT => {
                for operand in &call.args {
                    self.truth(operand);
                }
            }
            operators::CONDITIONAL => {
                if let Some(condition) = call.args.first() {
                    self.truth(condition);
                }
            }
            operators::INDEX | operators::NEGATE => {}
            _ if ops::own_operator(name).is_some() => {}
            _ => {
                let arguments = call.args.len();
                if let Err(wrong) = names::check_call(name, call.target.is_some(), arguments) {
                    self.wrong(node, wrong);
                } else if let Some(macro_call) = comprehension(call) {
                    return self.comprehension(node, &macro_call);
                } else if name == operators::HAS {
                    self.has(node, call);
                } else if name == "matches" {
                    return self.matches(call);
                }
            }
        }
        for child in source::children(node) {
            self.node(child);
        }
    }

    fn comprehension(&mut self, node: &'a IdedExpr, call: &MacroCall<'a>) {
        self.node(call.range);
        if let Some((outer, _)) = self.around.last() {
            let name = call.name;
            self.wrong(
                node,
                format!("`{name}` inside of `{outer}`: these cannot be nested"),
            );
        }
        let Expr::Ident(element) = &call.element.expr else {
            let name = call.name;
            self.wrong(
                call.element,
                format!("`{name}` needs a plain name for the element first, as in {name}(x, …)"),
            );
            return;
        };
        if [VALUE, EXECUTION, SIGNALS].contains(&element.as_str()) || element.starts_with('.') {
            self.wrong(
                call.element,
                format!("`{element}` is taken; choose another name"),
            );
            return;
        }
        self.around.push((call.name, element));
        if !matches!(call.name, operators::MAP) {
            call.body.iter().for_each(|body| self.truth(body));
        } else if let [condition, _] = call.body {
            self.truth(condition);
        }
        for body in call.body {
            self.node(body);
        }
        self.around.pop();
    }

    fn has(&mut self, node: &IdedExpr, call: &CallExpr) {
        let Some(argument) = call.args.first() else {
            return;
        };
        if !matches!(argument.expr, Expr::Select(_)) {
            self.wrong(
                node,
                "`has` takes a field, as in has(x.field); for other names write \"name\" in x",
            );
        }
    }

    fn matches(&mut self, call: &'a CallExpr) {
        let (text, pattern) = match (call.target.as_deref(), call.args.as_slice()) {
            (Some(text), [pattern]) | (None, [text, pattern]) => (text, pattern),
            _ => return,
        };
        self.node(text);
        let Some(source) = paths::text(pattern) else {
            self.wrong_whole(pattern, "the pattern of `matches` must be a text in quotes");
            return self.node(pattern);
        };
        if !self.needs.patterns.contains_key(source) {
            if self.needs.patterns.len() >= MAX_PATTERNS {
                self.wrong(
                    pattern,
                    format!("more than {MAX_PATTERNS} patterns; write a contract for each part"),
                );
                return;
            }
            match Pattern::new(source) {
                Ok(compiled) => {
                    self.needs.patterns.insert(source.to_owned(), compiled);
                }
                Err(wrong) => self.wrong(pattern, format!("this pattern is wrong: {wrong}")),
            }
        }
    }

    /// Checks that a node can be true or false.
    fn truth(&mut self, node: &IdedExpr) {
        let given = match &node.expr {
            Expr::Literal(LiteralValue::Boolean(_)) => None,
            Expr::Literal(LiteralValue::String(_)) => Some("a text"),
            Expr::Literal(LiteralValue::Bytes(_)) => Some("bytes"),
            Expr::Literal(LiteralValue::Null) => Some("null"),
            Expr::Literal(_) => Some("a number"),
            Expr::List(_) => Some("a list"),
            Expr::Map(_) => Some("a map"),
            Expr::Ident(name) if name == EXECUTION => Some("the execution"),
            Expr::Call(call) => match call.func_name.as_str() {
                operators::ADD => Some("a sum"),
                operators::SUBSTRACT => Some("a difference"),
                operators::MULTIPLY | operators::DIVIDE | operators::MODULO | operators::NEGATE => {
                    Some("a number")
                }
                name => names::find(name).and_then(|function| function.gives),
            },
            _ => None,
        };
        if let Some(given) = given {
            self.wrong_whole(
                node,
                format!("this is {given}, not true or false; compare it"),
            );
        }
    }
}

/// A call of `all`, `exists`, `exists_one`, `map` or `filter`.
#[derive(Debug)]
pub(super) struct MacroCall<'a> {
    /// Name of the macro.
    pub(super) name: &'a str,
    /// What it iterates over.
    pub(super) range: &'a IdedExpr,
    /// Names the element.
    pub(super) element: &'a IdedExpr,
    /// What is evaluated for each element: one, or a condition and a value.
    pub(super) body: &'a [IdedExpr],
}

/// The macro that a call with fitting numbers of arguments is.
pub(super) fn comprehension(call: &CallExpr) -> Option<MacroCall<'_>> {
    let name = match call.func_name.as_str() {
        "existsOne" => operators::EXISTS_ONE,
        name => name,
    };
    let is_macro = [
        operators::ALL,
        operators::EXISTS,
        operators::EXISTS_ONE,
        operators::MAP,
        operators::FILTER,
    ];
    if !is_macro.contains(&name) {
        return None;
    }
    match call.args.as_slice() {
        [element, body @ ..] if !body.is_empty() => Some(MacroCall {
            name,
            range: call.target.as_deref()?,
            element,
            body,
        }),
        _ => None,
    }
}
