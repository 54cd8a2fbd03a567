use std::{fmt, str::FromStr};

/// State of an execution and of the report about it (`faust.livecheck`'s
/// `State`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Live: no verdict has fallen yet.
    Init,
    /// All needed signals came in time and every contract held.
    Pass,
    /// A contract is false, or a signal came too often.
    Fail,
    /// A contract could not be evaluated.
    Error,
    /// A needed signal did not come in time.
    Timeout,
    /// No execution has come for longer than the case tolerates.
    Stall,
    /// Not judged.
    Skip,
}

impl State {
    /// Every state, in the order of the schema.
    pub const ALL: [State; 7] = [
        State::Init,
        State::Pass,
        State::Fail,
        State::Error,
        State::Timeout,
        State::Stall,
        State::Skip,
    ];

    /// Whether nothing is wrong: INIT, PASS and SKIP.
    pub fn is_ok(self) -> bool {
        matches!(self, State::Init | State::Pass | State::Skip)
    }

    /// Whether it is the verdict on an execution that failed: FAIL, ERROR and
    /// TIMEOUT.
    pub fn is_failure(self) -> bool {
        matches!(self, State::Fail | State::Error | State::Timeout)
    }

    /// The state's name.
    pub fn name(self) -> &'static str {
        match self {
            State::Init => "INIT",
            State::Pass => "PASS",
            State::Fail => "FAIL",
            State::Error => "ERROR",
            State::Timeout => "TIMEOUT",
            State::Stall => "STALL",
            State::Skip => "SKIP",
        }
    }

    /// The text by which Faust knows the state, which differs for PASS.
    pub fn faust_text(self) -> &'static str {
        match self {
            State::Pass => "111/***/111",
            other => other.name(),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no state.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no state; known are INIT, PASS, FAIL, ERROR, TIMEOUT, STALL and SKIP")]
pub struct UnknownState(String);

impl FromStr for State {
    type Err = UnknownState;

    /// Reads a name or Faust's text.
    fn from_str(text: &str) -> Result<Self, UnknownState> {
        State::ALL
            .into_iter()
            .find(|state| state.name() == text || state.faust_text() == text)
            .ok_or_else(|| UnknownState(text.to_owned()))
    }
}
