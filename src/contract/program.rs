//! Compiled expressions and their evaluation.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use cel::{
    Context, ExecutionError, IdedExpr, Value,
    common::{
        types::{CelBool, CelString},
        value::{CowVal, Val},
    },
    context::VariableResolver,
};

use super::{
    Budget, ExecutionValue, Scope, SignalFacts, SourceError, check,
    explain::Explain,
    lower::{self, PATTERN_PREFIX, SIGNAL_PREFIX},
    ops::{self, Pattern},
    paths::{EXECUTION, VALUE},
    render,
    source::Parsed,
    view, work,
};
use crate::model::{Json, MAX_SAFE_INTEGER};

/// Longest explanation of a verdict, in characters.
const MAX_EXPLANATION: usize = 2_000;

/// A compiled expression.
pub struct Program {
    source: String,
    /// As it was written; explanations walk it.
    tree: IdedExpr,
    /// As it is evaluated.
    lowered: IdedExpr,
    needed: Needed,
}

/// What an expression needs at evaluation beside its variables. Both are
/// sorted, and the lowered expression refers to them by index.
#[derive(Debug)]
pub(super) struct Needed {
    /// Names of the signals.
    pub(super) signals: Vec<String>,
    /// Patterns by their source.
    pub(super) patterns: Vec<(String, Pattern)>,
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Program").field(&self.source).finish()
    }
}

/// Compiles an expression. Call it on a thread whose stack has
/// [`STACK_SIZE`](super::STACK_SIZE).
///
/// # Errors
///
/// Everything that is wrong with it, in the order of the text; what cannot be
/// parsed is not looked at further. At most 20 errors.
pub fn compile(source: &str, scope: Scope<'_>) -> Result<Program, Vec<SourceError>> {
    let parsed = Parsed::new(source)?;
    let needs = check::check(&parsed, scope)?;
    let needed = Needed {
        signals: needs.signals.into_iter().collect(),
        patterns: needs.patterns.into_iter().collect(),
    };
    Ok(Program {
        source: source.to_owned(),
        lowered: lower::lower(&parsed.tree, &needed),
        tree: parsed.tree,
        needed,
    })
}

/// What came of evaluating a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is true.
    Held,
    /// It is false. The text shows what is false in it, with the values on both
    /// sides; at most 2,000 characters.
    Broken(String),
    /// It could not be evaluated. The text says why; at most 2,000 characters.
    Failed(String),
}

impl Program {
    /// The expression as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Names of the signals that it uses, sorted; none outside of
    /// [`Scope::Case`].
    pub fn signals(&self) -> &[String] {
        &self.needed.signals
    }

    /// Evaluates a contract on the value of a signal ([`Scope::Expect`]).
    pub fn check_value(
        &self,
        execution: &ExecutionValue,
        value: &Json,
        budget: &Budget,
    ) -> Verdict {
        self.check(
            budget,
            &Variables {
                needed: &self.needed,
                execution,
                value: Some(value),
                signals: &[],
            },
        )
    }

    /// Evaluates a contract of a case ([`Scope::Case`]). A signal without facts
    /// has not come; facts that the contract does not need do no harm.
    pub fn check_signals(
        &self,
        execution: &ExecutionValue,
        signals: &[SignalFacts<'_>],
        budget: &Budget,
    ) -> Verdict {
        self.check(
            budget,
            &Variables {
                needed: &self.needed,
                execution,
                value: None,
                signals,
            },
        )
    }

    /// The key that a signal carries ([`Scope::Key`]); never null.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn key(&self, execution: &ExecutionValue, budget: &Budget) -> Result<Json, String> {
        let variables = Variables {
            needed: &self.needed,
            execution,
            value: None,
            signals: &[],
        };
        guarded(|| self.key_of(budget, &variables))
            .map_err(|why| render::cut(&why, MAX_EXPLANATION))
    }

    fn key_of(&self, budget: &Budget, variables: &Variables<'_>) -> Result<Json, String> {
        let context = context(variables);
        let result = budget.spend(|| Value::resolve_val(&self.lowered, &context));
        if work::is_used_up() {
            return Err(self.named(&budget.too_much()));
        }
        let value = result.map_err(|error| self.why_failed(&context, &error))?;
        match render::to_json(value.as_ref()) {
            Ok(Json::Null) => Err(self.named("a key must not be null")),
            Ok(Json::Number(n)) if n.as_f64().is_none_or(|n| n.abs() > MAX_SAFE_INTEGER) => {
                Err(self.named("a key must be within ±9007199254740991; string(…) makes it a text"))
            }
            Ok(key) => Ok(key),
            Err(what) => Err(self.named(&format!(
                "a key cannot be {what}; string(…) makes it a text"
            ))),
        }
    }

    fn check(&self, budget: &Budget, variables: &Variables<'_>) -> Verdict {
        let verdict = guarded(|| Ok(self.verdict(budget, variables)));
        match verdict.unwrap_or_else(Verdict::Failed) {
            Verdict::Held => Verdict::Held,
            Verdict::Broken(why) => Verdict::Broken(render::cut(&why, MAX_EXPLANATION)),
            Verdict::Failed(why) => Verdict::Failed(render::cut(&why, MAX_EXPLANATION)),
        }
    }

    fn verdict(&self, budget: &Budget, variables: &Variables<'_>) -> Verdict {
        let context = context(variables);
        let result = budget.spend(|| Value::resolve_val(&self.lowered, &context));
        if work::is_used_up() {
            return Verdict::Failed(self.named(&budget.too_much()));
        }
        let value = match result {
            Ok(value) => value,
            Err(error) => return Verdict::Failed(self.why_failed(&context, &error)),
        };
        match value.downcast_ref::<CelBool>().map(|truth| *truth.inner()) {
            Some(true) => Verdict::Held,
            Some(false) => {
                work::begin();
                Verdict::Broken(Explain::new(&self.needed).why_false(&self.tree, &context))
            }
            None => {
                let value = render::value(value.as_ref());
                Verdict::Failed(self.named(&format!("it is {value}, not true or false")))
            }
        }
    }

    fn why_failed(&self, context: &Context<'_, '_>, error: &ExecutionError) -> String {
        work::begin();
        Explain::new(&self.needed).why_failed(&self.tree, context, error)
    }

    /// What is to be said about the expression as a whole.
    fn named(&self, what: &str) -> String {
        format!("{}: {what}", render::expression(&self.tree))
    }
}

/// A panic in `cel`, on values that nobody has thought of, is a failure of one
/// contract and ends neither a thread nor the process.
fn guarded<T>(evaluate: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(evaluate))
        .unwrap_or_else(|_| Err("it cannot be evaluated on these values".to_owned()))
}

fn context<'v>(variables: &'v Variables<'_>) -> Context<'v, 'v> {
    // What is dear about a context is the library, and all share it.
    let mut context = Context::with_env(Arc::clone(&ops::ENV));
    context.set_variable_resolver(variables);
    context
}

/// The variables of one evaluation.
struct Variables<'a> {
    needed: &'a Needed,
    execution: &'a ExecutionValue,
    value: Option<&'a Json>,
    signals: &'a [SignalFacts<'a>],
}

impl VariableResolver for Variables<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        match variable {
            VALUE => {
                let value = view::json(self.value?);
                if let Some(text) = value.downcast_ref::<CelString>() {
                    // Nothing can fail here; the end of the budget shows later.
                    let _used_up = work::charge_text(text.inner().len());
                }
                Some(value)
            }
            EXECUTION => Some(view::execution(self.execution)),
            _ if let Some(index) = variable.strip_prefix(SIGNAL_PREFIX) => {
                let name = self.needed.signals.get(index.parse::<usize>().ok()?)?;
                let facts = self.signals.iter().find(|facts| facts.name == name);
                let facts = facts.copied().unwrap_or(SignalFacts::absent(name));
                Some(view::signal(facts))
            }
            _ => {
                let index = variable.strip_prefix(PATTERN_PREFIX)?;
                let (_, pattern) = self.needed.patterns.get(index.parse::<usize>().ok()?)?;
                Some(CowVal::Borrowed(pattern as &dyn Val))
            }
        }
    }
}
