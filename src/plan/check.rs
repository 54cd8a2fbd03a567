//! From a written case to its plan in one step, with all that is wrong at once.

use super::{CaseViolation, Plan};
use crate::{
    convert::{Violation, Violations, case::read_case},
    pb::v1,
};

/// The plan of a written case, or everything that is wrong with it: with its
/// fields, between its signals, and with its expressions.
///
/// Expressions need a deep stack: call it on a thread that has
/// [`crate::contract::STACK_SIZE`].
pub fn check(pb: v1::Case) -> Result<Plan, Vec<CaseViolation>> {
    let mut bad = Violations::new();
    let case = read_case(pb, &mut bad);

    // Names that are missing would be missed again wherever they are used.
    let all_named = case.signals.iter().all(|signal| !signal.name.is_empty());
    let names_known = all_named && bad.iter().all(|violation| violation.field != "signals");
    let planned = if names_known {
        Plan::compile(case)
    } else {
        Err(Vec::new())
    };
    match planned {
        Ok(plan) if bad.is_empty() => Ok(plan),
        Ok(_) => Err(fields(bad)),
        Err(more) => {
            let mut found = fields(bad);
            let known = found.len();
            for violation in more {
                // An empty expression does not compile either: that is one error.
                if !found.iter().take(known).any(|v| v.field == violation.field) {
                    found.push(violation);
                }
            }
            Err(found)
        }
    }
}

fn fields(bad: Violations) -> Vec<CaseViolation> {
    bad.into_iter()
        .map(|Violation { field, description }| CaseViolation {
            field,
            description,
            at: None,
        })
        .collect()
}
