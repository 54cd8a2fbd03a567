//! Decisions: a verdict, why, and what brought it about.

use crate::{
    contract::Verdict,
    model::{State, Time},
    plan::ContractPlan,
};

use super::texts;

/// A verdict and why.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Decision {
    pub state: State,
    pub at: Time,
    pub error: Option<String>,
    pub blame: Blame,
}

/// What brought a verdict about, without what differs from one execution to the
/// next.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Blame {
    /// The contract, by its id or else by its expression; empty if it is none.
    pub contract: String,
    /// The signal; empty if it is none.
    pub signal: String,
}

impl Blame {
    pub(super) fn signal(name: &str) -> Blame {
        Blame {
            contract: String::new(),
            signal: name.to_owned(),
        }
    }
}

/// The decision that a contract brings about, if it does not hold; `signal` is the
/// one at which it was evaluated.
pub(super) fn violation(
    contract: &ContractPlan,
    verdict: Verdict,
    signal: Option<&str>,
    at: Time,
) -> Option<Decision> {
    let (state, text) = match verdict {
        Verdict::Held => return None,
        Verdict::Broken(text) => (State::Fail, text),
        Verdict::Failed(text) => (State::Error, text),
    };
    Some(Decision {
        state,
        at,
        error: Some(texts::violation(contract, state, &text, signal)),
        blame: Blame {
            contract: match contract.id.as_str() {
                "" => contract.program.source().to_owned(),
                id => id.to_owned(),
            },
            signal: signal.unwrap_or_default().to_owned(),
        },
    })
}

/// A decision that rests on a silence which proves nothing.
pub(super) fn skip_in_doubt(
    instead_of: State,
    error: &str,
    absent_until: Time,
    at: Time,
) -> Decision {
    Decision {
        state: State::Skip,
        at,
        error: Some(texts::in_doubt(instead_of, error, absent_until)),
        blame: Blame::default(),
    }
}
