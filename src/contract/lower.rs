//! From the expression as it was written to the one that `cel` evaluates:
//! macros become comprehensions over [`ops::RANGE`], operators become those of
//! [`ops`], signals and patterns become variables of their own.
//!
//! The names that this puts in begin with `@` and cannot be written in CEL. A
//! tree that was checked can be lowered, and so can each part of it.

use cel::{
    IdedExpr,
    common::ast::{
        CallExpr, ComprehensionExpr, EntryExpr, Expr, ListExpr, LiteralValue, MapExpr, SelectExpr,
        operators,
    },
};

use super::{
    check::{MacroCall, comprehension},
    ops,
    paths::{self, SIGNALS},
    program::Needed,
    source,
};

/// The variable of the signal with that index among those needed.
pub(super) const SIGNAL_PREFIX: &str = "@signal";
/// The variable of the pattern with that index among those needed.
pub(super) const PATTERN_PREFIX: &str = "@pattern";
/// What a comprehension has gathered so far; `cel` knows it by this name.
const RESULT: &str = "@result";

/// Lowers a node.
pub(super) fn lower(node: &IdedExpr, needed: &Needed) -> IdedExpr {
    Lower { needed }.node(node)
}

struct Lower<'a> {
    needed: &'a Needed,
}

impl Lower<'_> {
    fn node(&self, node: &IdedExpr) -> IdedExpr {
        if let Some(signal) = self.signal(node) {
            return signal;
        }
        let expr = match &node.expr {
            Expr::Call(call) => self.call(call),
            Expr::Select(select) => Expr::Select(SelectExpr {
                operand: Box::new(self.node(&select.operand)),
                field: select.field.clone(),
                test: select.test,
            }),
            Expr::List(list) => Expr::List(ListExpr::new(self.nodes(&list.elements))),
            Expr::Map(map) => {
                let mut entries = map.entries.clone();
                for entry in &mut entries {
                    if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                        entry.key = self.node(&entry.key);
                        entry.value = self.node(&entry.value);
                    }
                }
                Expr::Map(MapExpr { entries })
            }
            other => other.clone(),
        };
        IdedExpr { id: node.id, expr }
    }

    fn nodes(&self, nodes: &[IdedExpr]) -> Vec<IdedExpr> {
        nodes.iter().map(|node| self.node(node)).collect()
    }

    /// A field of a signal, with the path that follows it.
    fn signal(&self, node: &IdedExpr) -> Option<IdedExpr> {
        let path = paths::path(node)?;
        if path.variable != SIGNALS {
            return None;
        }
        let names: Vec<_> = self.needed.signals.iter().map(String::as_str).collect();
        let found = paths::signal_field(&path.segments, &names).ok()?;
        let index = names.binary_search(&found.signal.as_str()).ok()?;
        let variable = ident(&format!("{SIGNAL_PREFIX}{index}"));
        let field = select(variable, found.field.name);
        Some(
            found
                .rest
                .iter()
                .fold(field, |operand, rest| select(operand, rest.name)),
        )
    }

    fn call(&self, call: &CallExpr) -> Expr {
        if let Some(macro_call) = comprehension(call) {
            return self.comprehension(&macro_call);
        }
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::HAS, [argument]) => {
                let mut field = self.node(argument);
                if let Expr::Select(select) = &mut field.expr {
                    select.test = true;
                }
                field.expr
            }
            ("matches", [.., pattern]) => {
                let text = call.target.as_deref().or(call.args.first());
                let source = paths::text(pattern).unwrap_or_default();
                let patterns = &self.needed.patterns;
                let index = patterns.binary_search_by(|(known, _)| known.as_str().cmp(source));
                let index = index.unwrap_or(patterns.len());
                let pattern = ident(&format!("{PATTERN_PREFIX}{index}"));
                let text = text.map(|text| self.node(text));
                global(ops::MATCHES, text.into_iter().chain([pattern]))
            }
            (operator, operands) => Expr::Call(CallExpr {
                func_name: ops::own_operator(operator).unwrap_or(operator).to_owned(),
                target: call
                    .target
                    .as_ref()
                    .map(|target| Box::new(self.node(target))),
                args: self.nodes(operands),
            }),
        }
    }

    /// As the macros of `cel` do it, so that it recognizes the shapes that it
    /// evaluates in place.
    fn comprehension(&self, call: &MacroCall<'_>) -> Expr {
        let body = self.nodes(call.body);
        let steps = body.iter().map(weight).fold(2, usize::saturating_add);
        let steps = i64::try_from(steps).unwrap_or(i64::MAX);
        let range = node(global(ops::RANGE, [self.node(call.range), int(steps)]));
        let Expr::Ident(element) = &call.element.expr else {
            return Expr::Unspecified;
        };
        let result = || ident(RESULT);
        let append = |value: IdedExpr| {
            let one = node(Expr::List(ListExpr::new(vec![value])));
            node(global(operators::ADD, [result(), one]))
        };
        let when =
            |condition, then| node(global(operators::CONDITIONAL, [condition, then, result()]));
        let goes_on = |condition| node(global(operators::NOT_STRICTLY_FALSE, [condition]));
        let mut body = body.into_iter();
        let (Some(first), second) = (body.next(), body.next()) else {
            return Expr::Unspecified;
        };
        let (accu_init, loop_cond, loop_step, result) = match call.name {
            operators::ALL => (
                truth(true),
                goes_on(result()),
                node(global(operators::LOGICAL_AND, [result(), first])),
                result(),
            ),
            operators::EXISTS => (
                truth(false),
                goes_on(node(global(operators::LOGICAL_NOT, [result()]))),
                node(global(operators::LOGICAL_OR, [result(), first])),
                result(),
            ),
            operators::EXISTS_ONE => (
                int(0),
                truth(true),
                when(first, node(global(operators::ADD, [result(), int(1)]))),
                node(global(operators::EQUALS, [result(), int(1)])),
            ),
            name => {
                let step = match second {
                    Some(value) => when(first, append(value)),
                    None if name == operators::FILTER => when(first, append(ident(element))),
                    None => append(first),
                };
                let empty = node(Expr::List(ListExpr::default()));
                (empty, truth(true), step, result())
            }
        };
        Expr::Comprehension(Box::new(ComprehensionExpr {
            iter_range: range,
            iter_var: element.clone(),
            iter_var2: None,
            accu_var: RESULT.to_owned(),
            accu_init,
            loop_cond,
            loop_step,
            result,
        }))
    }
}

/// Steps that the evaluation of a node takes at least: one for each of its
/// nodes.
pub(super) fn weight(node: &IdedExpr) -> usize {
    source::children(node)
        .into_iter()
        .map(weight)
        .fold(1, usize::saturating_add)
}

/// A node that stands for nothing in the source.
fn node(expr: Expr) -> IdedExpr {
    IdedExpr { id: 0, expr }
}

fn ident(name: &str) -> IdedExpr {
    node(Expr::Ident(name.to_owned()))
}

fn int(value: i64) -> IdedExpr {
    node(Expr::Literal(LiteralValue::Int(value.into())))
}

fn truth(value: bool) -> IdedExpr {
    node(Expr::Literal(LiteralValue::Boolean(value.into())))
}

fn select(operand: IdedExpr, field: &str) -> IdedExpr {
    node(Expr::Select(SelectExpr {
        operand: Box::new(operand),
        field: field.to_owned(),
        test: false,
    }))
}

fn global(name: &str, args: impl IntoIterator<Item = IdedExpr>) -> Expr {
    Expr::Call(CallExpr {
        func_name: name.to_owned(),
        target: None,
        args: args.into_iter().collect(),
    })
}
