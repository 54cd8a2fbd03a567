//! How much work one evaluation may do, and all that one fact brings about in an
//! execution. It is counted in steps, not in time, so that the same expressions
//! over the same values always end the same way.
//!
//! What is left to an evaluation lies in a thread-local, because the operators are plain functions
//! that `cel` calls: an evaluation begins and ends on one thread.

use std::cell::Cell;

use cel::ExecutionError;

/// Steps of one evaluation. A step is one part of the expression, one element
/// that is looked at, or 256 bytes of text: 20 to 250 ns in the worst
/// expressions that were tried, so that an evaluation ends within 30 ms: everyone
/// else's signals wait for it.
pub(super) const BUDGET: u64 = 100_000;

/// Steps of all evaluations that one fact brings about in one execution: a case
/// has dozens of expressions, and everyone else's signals wait for all of them.
const FACT_BUDGET: u64 = 5 * BUDGET;

/// Most elements of a list that is iterated over or built.
pub(super) const MAX_LIST: usize = 1_000;

/// Longest text or bytes that an expression may build, in bytes.
pub(super) const MAX_TEXT: usize = 64 * 1024;

/// Bytes of text that count as one step.
const BYTES_A_STEP: usize = 256;

/// Name under which a broken limit travels as an error of `cel`.
const LIMIT: &str = "@limit";

thread_local! {
    static LEFT: Cell<u64> = const { Cell::new(0) };
}

/// What is left of the steps that one fact may take in one execution.
#[derive(Debug)]
pub struct Budget(Cell<u64>);

impl Budget {
    /// The whole of it.
    pub fn of_one_fact() -> Self {
        Budget(Cell::new(FACT_BUDGET))
    }

    /// Evaluates with the steps of one evaluation, or with fewer if fewer are
    /// left.
    pub(super) fn spend<T>(&self, evaluate: impl FnOnce() -> T) -> T {
        let given = BUDGET.min(self.0.get());
        LEFT.set(given);
        let result = evaluate();
        let taken = given - LEFT.get().min(given);
        self.0.set(self.0.get() - taken);
        result
    }

    /// Why an evaluation that used up what it was given has no result.
    pub(super) fn too_much(&self) -> String {
        match self.0.get() {
            0 => "too much work together with the other expressions that are evaluated at the \
                  same moment: compare less, or iterate over fewer elements"
                .to_owned(),
            _ => too_much(),
        }
    }
}

/// Begins an explanation: it has the steps of one evaluation to itself, since
/// there is one for each verdict at most.
pub(super) fn begin() {
    LEFT.set(BUDGET);
}

/// Takes steps from the budget. Once it is used up nothing can be taken any
/// more.
pub(super) fn charge(steps: usize) -> Result<(), ExecutionError> {
    let left = LEFT.get().saturating_sub(steps as u64);
    LEFT.set(left);
    if left == 0 {
        return Err(limit(too_much()));
    }
    Ok(())
}

/// Takes the steps for reading a text.
pub(super) fn charge_text(bytes: usize) -> Result<(), ExecutionError> {
    charge(bytes / BYTES_A_STEP + 1)
}

/// Whether the budget is used up. `||` and `exists` can swallow the error, so
/// a result counts only if this is false.
pub(super) fn is_used_up() -> bool {
    LEFT.get() == 0
}

/// Why an evaluation whose budget is used up has no result.
fn too_much() -> String {
    "too much work: compare less, or iterate over fewer elements".to_owned()
}

/// An error about a limit.
pub(super) fn limit(message: String) -> ExecutionError {
    ExecutionError::function_error(LIMIT, message)
}

/// Whether an error is about a limit.
pub(super) fn is_limit(error: &ExecutionError) -> bool {
    matches!(error, ExecutionError::FunctionError { function, .. } if function == LIMIT)
}

/// An error unless a list of so many elements may be iterated over or built.
pub(super) fn check_list(elements: usize) -> Result<(), ExecutionError> {
    if elements > MAX_LIST {
        return Err(limit(format!(
            "a list of {elements} elements is too long here; at most {MAX_LIST}"
        )));
    }
    Ok(())
}

/// An error unless a text or bytes of that length may be built.
pub(super) fn check_text(bytes: usize) -> Result<(), ExecutionError> {
    if bytes > MAX_TEXT {
        return Err(limit(format!(
            "a text of {bytes} bytes is too long; an expression may build at most {MAX_TEXT}"
        )));
    }
    charge_text(bytes)
}
