//! What the health of a case takes from the journal, and what follows from it.

use std::sync::Arc;

use crate::model::{
    CaseChange, ControlChange, Counts, Delivered, ProbeResult, Redelivery, SignalOutcome, Time,
    Transitioned,
};

use super::{
    Answer, Effect, Engine, SignalAnswer, Step,
    health::{Health, Notifications, Sight, Subject},
};

impl Engine {
    /// Does something with the health of a case, if there is such a case, and
    /// asks for the transitions that come of it to be appended.
    pub(super) fn with_health<T>(
        &mut self,
        name: &str,
        step: &mut Step<'_>,
        run: impl FnOnce(&mut Health, Sight<'_>) -> T,
    ) -> Option<T> {
        let absent_until = self.absent_until;
        let mut told = Vec::new();
        let done = self.cases.with_health(name, absent_until, |health, case| {
            let sight = Sight {
                case,
                now: step.now,
                absent_until,
            };
            let before = health.transitions();
            let done = run(health, sight);
            told = health.transitions_after(before);
            (health.created, done)
        });
        let (case_created, done) = done?;
        for transition in told {
            if step
                .recorded
                .holds_transition(case_created, transition.number)
            {
                continue;
            }
            step.effects.push(Effect::Announce(Arc::new(Transitioned {
                case_created,
                transition,
                webhooks: Vec::new(),
            })));
        }
        Some(done)
    }

    /// Lets stalls, the ends of mutes and of flapping fall due, the earliest
    /// first. What was due `before`, when the last record was folded, is so since
    /// that record changed the case.
    pub(super) fn pass_health(&mut self, before: Time, step: &mut Step<'_>) {
        while let Some((due, name)) = self.cases.next_due(step.now, self.absent_until) {
            let at = due.max(before);
            self.with_health(&name, step, |health, sight| health.pass_due(at, sight));
        }
    }

    /// Counts what became of the signals of a record.
    pub(super) fn count_signals(&mut self, answer: &Answer, effects: &[Effect]) {
        // The last one is the record's own; the others were claimed or given up.
        let mut own = matches!(answer, Answer::Signalled(SignalAnswer::Taken(..)));
        for effect in effects.iter().rev() {
            let Effect::Signal { seen, .. } = effect else {
                continue;
            };
            let settled = matches!(
                seen.outcome,
                SignalOutcome::Accepted | SignalOutcome::Orphan
            );
            if (std::mem::take(&mut own) || settled)
                && let Some(health) = self.cases.health_mut(&seen.event.case_name)
            {
                health.signal(seen.outcome);
            }
        }
    }

    pub(super) fn controlled(&mut self, change: &ControlChange, step: &mut Step<'_>) -> Answer {
        let changed = self.with_health(&change.case_name, step, |health, sight| {
            let changed = health.controlled(change, sight);
            changed.then(|| health.control())
        });
        if let Some(Some(control)) = changed {
            step.effects.push(Effect::Case(CaseChange::Controlled {
                case_name: change.case_name.clone(),
                control,
            }));
        }
        Answer::Controlled(changed.is_some())
    }

    pub(super) fn counted(&mut self, case_name: &str, counts: Counts) -> Answer {
        if let Some(health) = self.cases.health_mut(case_name) {
            health.counted(counts);
        }
        Answer::Nothing
    }

    pub(super) fn probed(&mut self, result: &ProbeResult, step: &mut Step<'_>) -> Answer {
        self.with_health(&result.case_name, step, |health, sight| {
            // One that ended after the case was declared without a probe.
            if sight.case.probe.is_some() {
                health.probed(result, sight);
            }
        });
        Answer::Nothing
    }

    /// A transition was recorded. Each is recorded once; a second one, and one of
    /// a case that is no more, change nothing.
    pub(super) fn transitioned(
        &mut self,
        transitioned: &Transitioned,
        step: &mut Step<'_>,
    ) -> Answer {
        let Transitioned {
            case_created,
            transition,
            webhooks,
        } = transitioned;
        let name = &transition.case_name;
        let health = self.cases.health_mut(name);
        let Some(health) = health.filter(|health| health.created == *case_created) else {
            return Answer::Nothing;
        };
        if health.confirm(transition.number) {
            if !webhooks.is_empty() {
                let (at, now) = (step.position, step.now);
                let subject = Subject::Transition(Arc::clone(transition));
                self.change_notifications(name, step, |notifications| {
                    notifications.queue(webhooks, at, now, &subject);
                });
            }
            let change = CaseChange::Transitioned(Arc::clone(transition));
            step.effects.push(Effect::Case(change));
        }
        Answer::Nothing
    }

    /// Changes what webhooks are to be told of a case, if there is such a case.
    pub(super) fn change_notifications<T>(
        &mut self,
        name: &str,
        step: &mut Step<'_>,
        change: impl FnOnce(&mut Notifications) -> T,
    ) -> Option<T> {
        let changed = self.cases.change_notifications(name, change);
        step.effects
            .extend(changed.is_some().then_some(Effect::Notifications));
        changed
    }

    pub(super) fn delivered(&mut self, delivered: &Delivered, step: &mut Step<'_>) -> Answer {
        self.change_notifications(&delivered.case_name, step, |notifications| {
            notifications.delivered(delivered);
        });
        Answer::Nothing
    }

    pub(super) fn redelivered(&mut self, wanted: &Redelivery, step: &mut Step<'_>) -> Answer {
        let retry = |notifications: &mut Notifications| notifications.retry(wanted);
        Answer::Redelivered(self.change_notifications(&wanted.case_name, step, retry))
    }
}
