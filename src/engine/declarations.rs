//! Declarations: a case is applied or deleted.

use std::sync::Arc;

use crate::model::{Case, CaseChange, Position};

use super::{
    Answer, ApplyOutcome, Effect, Engine, Step,
    cases::{CaseState, Current},
    commands::orphan,
    health::Health,
    texts::Skipped,
};

impl Engine {
    pub(super) fn case_applied(&mut self, declared: &Case, step: &mut Step<'_>) -> Answer {
        let before = self
            .cases
            .get(&declared.name)
            .and_then(|state| state.current.as_ref());
        let revision = before.map_or(0, |current| current.case.revision);
        let mut case = declared.clone();
        case.revision = revision;
        let outcome = match before {
            None => ApplyOutcome::Created,
            Some(current) if *current.case == case => {
                return Answer::CaseApplied(Arc::clone(&current.case), ApplyOutcome::Unchanged);
            }
            Some(_) => ApplyOutcome::Updated,
        };
        case.revision = revision.saturating_add(1);
        let case = Arc::new(case);
        let current = Current::new(Arc::clone(&case), step.position);
        let known = self.cases.get(&case.name);
        let was_active = known.is_some_and(CaseState::is_active);
        let health = known.and_then(|state| state.health.clone());
        let health = health.unwrap_or_else(|| {
            let (position, now) = (step.position, step.now);
            Arc::new(Health::new(&case.name, position, now, self.absences))
        });
        self.cases.replace(&case.name, current, health);
        self.with_health(&case.name, step, |health, sight| {
            health.redeclared(was_active, sight);
        });
        step.effects
            .push(Effect::Case(CaseChange::Applied(Arc::clone(&case))));
        Answer::CaseApplied(case, outcome)
    }

    pub(super) fn case_deleted(&mut self, name: &str, step: &mut Step<'_>) -> Answer {
        let Some(state) = self.cases.get(name).filter(|s| s.current.is_some()) else {
            return Answer::CaseDeleted(false);
        };
        let mut positions: Vec<Position> = state.executions.values().copied().collect();
        positions.sort_unstable();
        self.cases.remove(name);
        for position in positions {
            self.skip(position, &Skipped::CaseDeleted, step);
        }
        for dropped in self.early.claim_case(name) {
            step.effects.push(orphan(dropped));
        }
        step.effects
            .push(Effect::Case(CaseChange::Deleted(name.to_owned())));
        Answer::CaseDeleted(true)
    }
}
