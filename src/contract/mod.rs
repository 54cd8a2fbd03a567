//! Contracts: CEL expressions over an execution and its signals.
//!
//! An expression is compiled when its case is applied, and everything that is
//! wrong with it is told then, with line and column. Compiled, it is evaluated
//! any number of times, and the same facts always give the same verdict: there
//! is no clock, no chance and no I/O here, and no protobuf.
//!
//! # The language
//!
//! CEL as the `cel` crate has it, without optional values and messages, and
//! with these differences:
//!
//! - JSON numbers are doubles. An int beside a double is calculated as a
//!   double (`value.amount + 1`, `value.n % 2`); between ints CEL's integer
//!   arithmetic holds (`size(value.items) / 2`). `signals.NAME.count` is an
//!   int. A literal beyond ±(2^53 − 1) is refused.
//! - Macros cannot be nested, except in what they iterate over
//!   (`value.items.filter(…).all(…)`). Maps are iterated in the order of their
//!   keys.
//! - The pattern of `matches` is a literal.
//! - A signal whose name has dots is written `signals.a.b.value`, if that can
//!   mean one declared signal only, or `signals["a.b"].value`; one with `-`
//!   only like the latter. There is no other access to `signals`.
//!
//! # Limits
//!
//! An expression has at most 4 KiB, 100 levels and 16 patterns. It iterates over and builds
//! lists of at most 1,000 elements and texts of at most 64 KiB; values that
//! came may be longer, and `size`, `in`, `==` and `[…]` work on them. An
//! evaluation takes at most 100,000 steps, and those of one [`Budget`] take
//! 500,000 together. What is over a limit at evaluation is [`Verdict::Failed`].

mod check;
mod explain;
mod lower;
mod names;
mod ops;
mod paths;
mod program;
mod render;
mod source;
mod view;
mod work;

#[cfg(test)]
mod tests;

pub use program::{Program, Verdict, compile};
pub use view::{ExecutionValue, SignalFacts};
pub use work::Budget;

/// Stack of the threads that compile and evaluate: deep expressions need it.
pub const STACK_SIZE: usize = 16 * 1024 * 1024;

/// Where an expression stands, which decides what it can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    /// A contract on one signal's value: `value` and `execution`.
    Expect,
    /// A contract of a case: `execution` and `signals.NAME`.
    Case {
        /// Names of the declared signals.
        signals: &'a [&'a str],
    },
    /// The key of a signal: `execution`.
    Key,
}

impl Scope<'_> {
    fn variables(self) -> &'static [&'static str] {
        match self {
            Scope::Expect => &[paths::EXECUTION, paths::VALUE],
            Scope::Case { .. } => &[paths::EXECUTION, paths::SIGNALS],
            Scope::Key => &[paths::EXECUTION],
        }
    }
}

/// What is wrong with an expression, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct SourceError {
    /// Line in the expression's text, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong, and what to write instead.
    pub message: String,
}
