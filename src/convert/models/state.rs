//! States and outcomes: the enumerations of the models.

use crate::{
    convert::{Violations, models::each},
    model::{SignalOutcome, State},
    pb::v1,
};

/// Writes a state.
pub fn state_to_pb(state: State) -> v1::State {
    match state {
        State::Init => v1::State::Init,
        State::Pass => v1::State::Pass,
        State::Fail => v1::State::Fail,
        State::Error => v1::State::Error,
        State::Timeout => v1::State::Timeout,
        State::Stall => v1::State::Stall,
        State::Skip => v1::State::Skip,
    }
}

/// Reads a state; an unknown number is refused, and so is none.
pub fn state_from_pb(pb: i32, bad: &mut Violations) -> Option<State> {
    Some(match v1::State::try_from(pb) {
        Ok(v1::State::Init) => State::Init,
        Ok(v1::State::Pass) => State::Pass,
        Ok(v1::State::Fail) => State::Fail,
        Ok(v1::State::Error) => State::Error,
        Ok(v1::State::Timeout) => State::Timeout,
        Ok(v1::State::Stall) => State::Stall,
        Ok(v1::State::Skip) => State::Skip,
        Ok(v1::State::Unspecified) | Err(_) => return not_known("State", pb, bad),
    })
}

/// Reads a list of states, each as [`state_from_pb`] does.
pub fn states_from_pb(field: &str, pb: Vec<i32>, bad: &mut Violations) -> Option<Vec<State>> {
    each(field, pb, bad, state_from_pb)
}

/// Writes an outcome.
pub fn outcome_to_pb(outcome: SignalOutcome) -> v1::SignalOutcome {
    match outcome {
        SignalOutcome::Accepted => v1::SignalOutcome::Accepted,
        SignalOutcome::Early => v1::SignalOutcome::Early,
        SignalOutcome::Duplicate => v1::SignalOutcome::Duplicate,
        SignalOutcome::Late => v1::SignalOutcome::Late,
        SignalOutcome::UnknownSignal => v1::SignalOutcome::UnknownSignal,
        SignalOutcome::Orphan => v1::SignalOutcome::Orphan,
        SignalOutcome::Ignored => v1::SignalOutcome::Ignored,
    }
}

/// Reads an outcome; an unknown number is refused, and so is none.
pub fn outcome_from_pb(pb: i32, bad: &mut Violations) -> Option<SignalOutcome> {
    Some(match v1::SignalOutcome::try_from(pb) {
        Ok(v1::SignalOutcome::Accepted) => SignalOutcome::Accepted,
        Ok(v1::SignalOutcome::Early) => SignalOutcome::Early,
        Ok(v1::SignalOutcome::Duplicate) => SignalOutcome::Duplicate,
        Ok(v1::SignalOutcome::Late) => SignalOutcome::Late,
        Ok(v1::SignalOutcome::UnknownSignal) => SignalOutcome::UnknownSignal,
        Ok(v1::SignalOutcome::Orphan) => SignalOutcome::Orphan,
        Ok(v1::SignalOutcome::Ignored) => SignalOutcome::Ignored,
        Ok(v1::SignalOutcome::Unspecified) | Err(_) => {
            return not_known("SignalOutcome", pb, bad);
        }
    })
}

fn not_known<T>(name: &str, number: i32, bad: &mut Violations) -> Option<T> {
    bad.add(match number {
        0 => "must be set".to_owned(),
        _ => format!("{number} is no {name} that this version knows"),
    });
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_read_or_refused() {
        let mut known = 0;
        for number in -1..=20 {
            let mut bad = Violations::new();
            match state_from_pb(number, &mut bad) {
                Some(state) => {
                    assert_eq!(state_to_pb(state) as i32, number);
                    assert!(bad.is_empty());
                    known += 1;
                }
                None => assert_eq!(bad.len(), 1),
            }
            let mut bad = Violations::new();
            match outcome_from_pb(number, &mut bad) {
                Some(outcome) => assert_eq!(outcome_to_pb(outcome) as i32, number),
                None => assert_eq!(bad.len(), 1),
            }
        }
        assert_eq!(known, State::ALL.len());
    }

    #[test]
    fn names_are_those_of_the_schema() {
        for state in State::ALL {
            assert_eq!(
                state_to_pb(state).as_str_name(),
                format!("STATE_{}", state.name())
            );
        }
    }

    #[test]
    fn every_unknown_state_of_a_list_is_named() {
        let mut bad = Violations::new();
        assert_eq!(states_from_pb("states", vec![0, 1, 9], &mut bad), None);
        assert_eq!(
            bad.to_string(),
            "states[0]: must be set; states[2]: 9 is no State that this version knows"
        );
        let mut bad = Violations::new();
        assert_eq!(
            states_from_pb("states", vec![1, 7], &mut bad),
            Some(vec![State::Init, State::Skip])
        );
    }
}
