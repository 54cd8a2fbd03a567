//! Why a contract is false, or could not be evaluated, in words and with the
//! values. Parts of the expression are evaluated again for this, so that an
//! evaluation that goes well pays nothing for it. The budget bounds it; where
//! that ends, so does the explanation.

use cel::{
    Context, ExecutionError, IdedExpr, Value,
    common::{
        ast::{CallExpr, Expr, operators},
        types::{CelBool, Kind},
        value::Val,
    },
};

use super::{
    check::{MacroCall, comprehension},
    lower, names, ops, paths,
    program::Needed,
    render, source, work,
};

/// Most fields of a map that an explanation lists.
const SHOWN_FIELDS: usize = 20;

const NOT_COME: &str = "the signal has not come";

/// Explains one program.
pub(super) struct Explain<'a> {
    needed: &'a Needed,
}

type Evaluated<'v> = Result<Box<dyn Val + 'v>, ExecutionError>;

impl<'a> Explain<'a> {
    pub(super) fn new(needed: &'a Needed) -> Self {
        Explain { needed }
    }

    fn evaluate<'v>(&self, node: &IdedExpr, context: &Context<'_, 'v>) -> Evaluated<'v> {
        let lowered = lower::lower(node, self.needed);
        work::charge(lower::weight(&lowered))?;
        Value::resolve_val(&lowered, context).map(|value| value.into_owned())
    }

    fn is(&self, node: &IdedExpr, truth: bool, context: &Context<'_, '_>) -> bool {
        self.evaluate(node, context).is_ok_and(|value| {
            value
                .downcast_ref::<CelBool>()
                .is_some_and(|is| *is.inner() == truth)
        })
    }

    /// The value of a node as text.
    fn shown(&self, node: &IdedExpr, context: &Context<'_, '_>) -> String {
        match self.evaluate(node, context) {
            Ok(value) => render::value(value.as_ref()),
            Err(_) => render::expression(node),
        }
    }

    /// Why a node that is false is false.
    pub(super) fn why_false(&self, node: &IdedExpr, context: &Context<'_, '_>) -> String {
        let text = render::expression(node);
        let Expr::Call(call) = &node.expr else {
            return format!("{text}: false");
        };
        if let Some(macro_call) = comprehension(call) {
            return format!("{text}: {}", self.elements(&macro_call, context));
        }
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_AND, [a, b]) => {
                let part = if self.is(a, false, context) { a } else { b };
                self.why_false(part, context)
            }
            (operators::LOGICAL_OR, [a, b]) => {
                let [a, b] = [a, b].map(|part| self.why_false(part, context));
                format!("{a}; {b}")
            }
            (operators::CONDITIONAL, [condition, yes, no]) => {
                let part = if self.is(condition, true, context) {
                    yes
                } else {
                    no
                };
                self.why_false(part, context)
            }
            _ => format!("{text}: {}", self.with_values(node, context)),
        }
    }

    /// A node with the values of its operands.
    fn with_values(&self, node: &IdedExpr, context: &Context<'_, '_>) -> String {
        let Expr::Call(call) = &node.expr else {
            return self.shown(node, context);
        };
        match (call.func_name.as_str(), call.args.as_slice()) {
            (name, [a, b]) if let Some((sign, _)) = render::binary(name) => {
                let [a, b] = [a, b].map(|operand| self.shown(operand, context));
                format!("{a} {sign} {b}")
            }
            (operators::LOGICAL_NOT, [operand]) => {
                let values = self.with_values(operand, context);
                match &operand.expr {
                    Expr::Call(call) if render::binary(&call.func_name).is_some() => {
                        format!("!({values})")
                    }
                    Expr::Call(call) if call.func_name == operators::HAS => values,
                    _ => format!("!{values}"),
                }
            }
            (operators::HAS, [argument]) => match &argument.expr {
                _ if self.is_of_signal(argument) && self.is(node, false, context) => {
                    NOT_COME.to_owned()
                }
                Expr::Select(select) if !self.is_of_signal(argument) => {
                    self.fields_of(&select.operand, context)
                }
                _ => self.shown(argument, context),
            },
            _ if comprehension(call).is_some() => self.shown(node, context),
            (operators::NEGATE, [operand]) => format!("-{}", self.shown(operand, context)),
            (operators::INDEX, [operand, index]) => {
                format!(
                    "{}[{}]",
                    self.shown(operand, context),
                    self.shown(index, context)
                )
            }
            (name, arguments) => {
                let arguments: Vec<_> = arguments
                    .iter()
                    .map(|argument| self.shown(argument, context))
                    .collect();
                let arguments = arguments.join(", ");
                match &call.target {
                    Some(target) => format!("{}.{name}({arguments})", self.shown(target, context)),
                    None => format!("{name}({arguments})"),
                }
            }
        }
    }

    /// Whether a node is a signal's own field, such as `signals.NAME.at`.
    fn is_of_signal(&self, node: &IdedExpr) -> bool {
        let names: Vec<_> = self.needed.signals.iter().map(String::as_str).collect();
        paths::path(node).is_some_and(|path| {
            path.variable == paths::SIGNALS
                && paths::signal_field(&path.segments, &names)
                    .is_ok_and(|found| found.rest.is_empty())
        })
    }

    /// What a value has instead of a field.
    fn fields_of(&self, node: &IdedExpr, context: &Context<'_, '_>) -> String {
        let text = render::expression(node);
        match self.evaluate(node, context) {
            Ok(value) if value.get_type().kind() == Kind::Map => {
                format!("{text} has {}", fields(value.as_ref()))
            }
            Ok(value) => format!("{text} is {}", render::value(value.as_ref())),
            Err(error) => told(&error),
        }
    }

    /// Which elements make a comprehension false.
    fn elements(&self, call: &MacroCall<'_>, context: &Context<'_, '_>) -> String {
        let (Ok(range), Expr::Ident(element), [body, ..]) = (
            self.evaluate(call.range, context),
            &call.element.expr,
            call.body,
        ) else {
            return "false".to_owned();
        };
        let list = render::value(range.as_ref());
        if call.name == operators::EXISTS {
            return format!("not for any of {list}");
        }
        let mut context = context.new_inner_scope();
        let mut held = 0_usize;
        for (index, item) in ops::items(range.as_ref()).into_iter().enumerate() {
            context.add_variable_as_val(element.as_str(), item.clone_as_boxed());
            if call.name == operators::ALL && self.is(body, false, &context) {
                let why = self.why_false(body, &context);
                let item = render::value(item);
                return format!("not for element {index}, {item}: {why}");
            }
            held += usize::from(self.is(body, true, &context));
            if work::is_used_up() {
                return "false".to_owned();
            }
        }
        format!("for {held} of {list}")
    }

    /// Why the evaluation of a node ended with an error: which part of it is to
    /// blame, and what is wrong there.
    pub(super) fn why_failed(
        &self,
        node: &IdedExpr,
        context: &Context<'_, '_>,
        error: &ExecutionError,
    ) -> String {
        if let Expr::Call(call) = &node.expr {
            if let Some(macro_call) = comprehension(call) {
                return self.why_element_failed(node, &macro_call, context, error);
            }
            if call.func_name == operators::HAS
                && let [argument] = call.args.as_slice()
                && let Expr::Select(select) = &argument.expr
            {
                return match self.evaluate(&select.operand, context) {
                    Err(error) => self.why_failed(&select.operand, context, &error),
                    Ok(_) => self.what_is_wrong(node, argument, context, error),
                };
            }
            if call.func_name == operators::CONDITIONAL
                && let [condition, yes, no] = call.args.as_slice()
                && self.evaluate(condition, context).is_ok()
            {
                let part = match (
                    self.is(condition, true, context),
                    self.is(condition, false, context),
                ) {
                    (true, _) => yes,
                    (_, true) => no,
                    _ => return not_a_truth(condition, &self.shown(condition, context)),
                };
                return self.why_failed(part, context, error);
            }
        }
        // A signal is no value on its own, so its fields are not taken apart.
        let parts = match self.is_of_signal(node) {
            true => Vec::new(),
            false => source::children(node),
        };
        for child in parts {
            if let Err(error) = self.evaluate(child, context) {
                return self.why_failed(child, context, &error);
            }
        }
        self.what_is_wrong(node, node, context, error)
    }

    fn why_element_failed(
        &self,
        node: &IdedExpr,
        call: &MacroCall<'_>,
        context: &Context<'_, '_>,
        error: &ExecutionError,
    ) -> String {
        let range = match self.evaluate(call.range, context) {
            Ok(range) => range,
            Err(error) => return self.why_failed(call.range, context, &error),
        };
        let text = render::expression(node);
        if !matches!(range.get_type().kind(), Kind::List | Kind::Map) {
            let over = render::expression(call.range);
            let name = call.name;
            let kind = render::type_name(range.as_ref());
            return format!("{text}: `{name}` needs a list or a map, but {over} is {kind}");
        }
        if let (Expr::Ident(element), true) = (
            &call.element.expr,
            ops::size(range.as_ref()) <= work::MAX_LIST,
        ) {
            let mut context = context.new_inner_scope();
            for (index, item) in ops::items(range.as_ref()).into_iter().enumerate() {
                context.add_variable_as_val(element.as_str(), item.clone_as_boxed());
                for (place, body) in call.body.iter().enumerate() {
                    let is_condition = place + 1 < call.body.len() || call.name != operators::MAP;
                    let why = match self.evaluate(body, &context) {
                        Err(error) => Some(self.why_failed(body, &context, &error)),
                        Ok(value) if is_condition && value.downcast_ref::<CelBool>().is_none() => {
                            Some(not_a_truth(body, &render::value(value.as_ref())))
                        }
                        Ok(_) => None,
                    };
                    if let Some(why) = why {
                        let item = render::value(item);
                        return format!("{text}: for element {index}, {item}: {why}");
                    }
                    if work::is_used_up() {
                        return format!("{text}: {}", told(error));
                    }
                }
            }
        }
        format!("{text}: {}", told(error))
    }

    /// What is wrong with a node whose parts can be evaluated.
    fn what_is_wrong(
        &self,
        node: &IdedExpr,
        field: &IdedExpr,
        context: &Context<'_, '_>,
        error: &ExecutionError,
    ) -> String {
        if let Expr::Call(call) = &node.expr
            && let operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT =
                call.func_name.as_str()
            && let Some(operand) = call.args.iter().find(|operand| {
                !self.is(operand, true, context) && !self.is(operand, false, context)
            })
        {
            return not_a_truth(operand, &self.shown(operand, context));
        }
        let text = render::expression(node);
        let why = match (&field.expr, error) {
            _ if self.is_of_signal(field) => {
                let field = render::expression(field);
                format!("{NOT_COME}; ask has({field}) first")
            }
            (Expr::Select(select), _) => self.no_field(&select.operand, &select.field, context),
            (Expr::Call(call), _) => self.wrong_call(node, call, context, error),
            (Expr::Ident(_), _) => "nothing is known of it here".to_owned(),
            _ => told(error),
        };
        format!("{text}: {why}")
    }

    fn no_field(&self, operand: &IdedExpr, field: &str, context: &Context<'_, '_>) -> String {
        let text = render::expression(operand);
        match self.evaluate(operand, context) {
            Ok(value) if value.get_type().kind() == Kind::Map => {
                let fields = fields(value.as_ref());
                let keys: Vec<_> = ops::items(value.as_ref())
                    .into_iter()
                    .take(work::MAX_LIST)
                    .map(key_text)
                    .collect();
                let near = names::nearest(field, keys.iter().map(String::as_str));
                let near = near.map(|near| format!("; did you mean `{near}`?"));
                let near = near.unwrap_or_default();
                format!("no such field `{field}`; {text} has {fields}{near}")
            }
            Ok(value) => {
                let kind = render::type_name(value.as_ref());
                format!("no such field `{field}`; {text} is {kind}")
            }
            Err(error) => told(&error),
        }
    }

    fn wrong_call(
        &self,
        node: &IdedExpr,
        call: &CallExpr,
        context: &Context<'_, '_>,
        error: &ExecutionError,
    ) -> String {
        let name = call.func_name.as_str();
        let operands = source::children(node);
        let values = || self.with_values(node, context);
        match error {
            ExecutionError::NoSuchKey(key) if let [map, _] = operands.as_slice() => {
                self.no_field(map, key, context)
            }
            ExecutionError::IndexOutOfBounds(_) if let [list, index] = operands.as_slice() => {
                let size = self.evaluate(list, context);
                let size = size.map_or(0, |list| ops::size(list.as_ref()));
                let index = self.shown(index, context);
                let list = render::expression(list);
                format!("no element {index}; {list} has {size}, the first is 0")
            }
            ExecutionError::NoSuchOverload(_) | ExecutionError::UnexpectedType { .. } => {
                let kinds: Vec<_> = operands
                    .iter()
                    .map(|operand| self.evaluate(operand, context))
                    .map(|value| value.map_or("unknown", |value| render::type_name(value.as_ref())))
                    .collect();
                let sign = match name {
                    operators::INDEX => "[…]",
                    operators::NEGATE => "-",
                    name => render::binary(name).map_or(name, |(sign, _)| sign),
                };
                format!(
                    "`{sign}` does not work on {}: {}",
                    kinds.join(" and "),
                    values()
                )
            }
            _ if work::is_limit(error) => told(error),
            ExecutionError::FunctionError { .. } if name == "duration" => {
                format!("no duration such as \"1m30.5s\": {}", values())
            }
            ExecutionError::FunctionError { .. } if name == "timestamp" => {
                format!(
                    "no timestamp such as \"2026-01-31T09:00:00Z\": {}",
                    values()
                )
            }
            error => format!("{}: {}", told(error), values()),
        }
    }
}

fn not_a_truth(node: &IdedExpr, value: &str) -> String {
    let text = render::expression(node);
    format!("{text}: it is {value}, not true or false")
}

/// The fields of a map, as a list.
fn fields(map: &dyn Val) -> String {
    let keys = ops::items(map);
    let more = keys.len().saturating_sub(SHOWN_FIELDS);
    let shown: Vec<_> = keys.into_iter().take(SHOWN_FIELDS).map(key_text).collect();
    match (shown.as_slice(), more) {
        ([], _) => "no fields".to_owned(),
        (shown, 0) => shown.join(", "),
        (shown, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

fn key_text(key: &dyn Val) -> String {
    const SHOWN: usize = 40;
    let text = render::value(key);
    render::cut(text.trim_matches('"'), SHOWN)
}

/// An error of `cel` in words, where the place of it says nothing better.
fn told(error: &ExecutionError) -> String {
    match error {
        ExecutionError::FunctionError { message, .. } => {
            render::cut(message.lines().next().unwrap_or_default(), render::MAX_PART)
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "division by zero".to_owned()
        }
        ExecutionError::Overflow(..) => "the result is too large".to_owned(),
        ExecutionError::DuplicateKey(_) => "a key is there twice".to_owned(),
        ExecutionError::UnsupportedKeyType(_) => {
            "a key of a map must be a text, an int or true or false".to_owned()
        }
        other => render::cut(&other.to_string(), render::MAX_PART),
    }
}
