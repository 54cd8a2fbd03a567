//! The engine: a pure fold over the facts of one partition.
//!
//! No clock, no I/O, no await. Answers and verdicts are functions of the
//! journal up to a record; the same records give the same ones in any batches,
//! after any restart. Fold on a thread with a stack of
//! [`contract::STACK_SIZE`](crate::contract::STACK_SIZE).
//!
//! Deadlines pass only by folding: before a fact of time t is applied, all
//! deadlines up to t fire, the earliest first. What is decided is *pending*
//! until the journal holds it: [`Effect::Append`] asks for that, and
//! [`Engine::pending`] tells it again after a restart.

mod case_events;
mod cases;
mod commands;
mod decision;
mod declarations;
mod early;
mod execution;
pub mod health;
mod identity;
mod kept;
pub mod limits;
mod outcome;
mod queries;
mod recorded;
mod remembered;
mod snapshot;
mod texts;
mod view;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

pub use identity::SubmissionDigest;
pub use outcome::{Answer, ApplyOutcome, Effect, Finished, SignalAnswer, SubmitAnswer};
pub use queries::FoundSignal;
pub use recorded::Recorded;
pub use snapshot::{Frozen, SnapshotError};

use foldhash::fast::RandomState;

use crate::{
    contract::Budget,
    model::{Concluded as Verdict, Event, Position, Record, Time, Transitioned},
};

use cases::Cases;
use decision::Decision;
use early::EarlySignals;
use execution::{Circumstances, Decided, Execution};
use health::{Health, Subject};
use remembered::{Concluded, Remembered};

/// The state of one partition.
#[derive(Debug)]
pub struct Engine {
    /// Position of the last record that was folded.
    position: Position,
    /// Its time.
    time: Time,
    /// The last sign of life of the clock.
    heartbeat: Time,
    /// When the last absence began.
    absent_from: Time,
    /// When it ended.
    absent_until: Time,
    /// How many absences there were.
    absences: u64,
    cases: Cases,
    /// Shared with the [`Frozen`] states that are being written.
    live: HashMap<Position, Arc<Execution>, RandomState>,
    /// How many of `live` have no verdict yet.
    undecided: usize,
    deadlines: BTreeSet<(Time, Position)>,
    early: EarlySignals,
    concluded: Concluded,
    /// Bytes of the live executions, about.
    live_bytes: usize,
}

impl Default for Engine {
    fn default() -> Self {
        Engine {
            position: 0,
            time: Time::UNIX_EPOCH,
            heartbeat: Time::UNIX_EPOCH,
            absent_from: Time::UNIX_EPOCH,
            absent_until: Time::UNIX_EPOCH,
            absences: 0,
            cases: Cases::default(),
            live: HashMap::default(),
            undecided: 0,
            deadlines: BTreeSet::new(),
            early: EarlySignals::default(),
            concluded: Concluded::default(),
            live_bytes: 0,
        }
    }
}

/// One record on its way through the fold.
struct Step<'a> {
    position: Position,
    now: Time,
    recorded: &'a Recorded,
    effects: &'a mut Vec<Effect>,
    /// For what the fact itself brings about; each execution whose deadline it
    /// lets pass has its own.
    budget: &'a Budget,
}

impl Engine {
    /// Folds the next record. `recorded` holds the verdicts that follow in the
    /// journal, on a replay. Effects are added to `effects` in their order.
    pub fn fold(
        &mut self,
        record: Record,
        recorded: &Recorded,
        effects: &mut Vec<Effect>,
    ) -> Answer {
        let budget = &Budget::of_one_fact();
        let step = &mut Step {
            position: record.position,
            now: record.time,
            recorded,
            effects,
            budget,
        };
        let effects_before = step.effects.len();
        let before = std::mem::replace(&mut self.time, step.now);
        self.position = step.position;

        let ticked = self.needs_ticks();
        self.notice_absence(before, step.now, ticked, &record.event);
        self.pass_health(before, step);
        self.pass_deadlines(step);
        for dropped in self.early.expire(step.now) {
            step.effects.push(commands::orphan(dropped));
        }
        while let Some((position, forgotten)) = self.concluded.forget(step.now) {
            self.cases.forget(position, &forgotten);
            step.effects.extend(commands::final_count(forgotten));
        }

        let answer = match record.event {
            Event::Opened { .. } | Event::Tick { .. } => Answer::Nothing,
            Event::CaseApplied(case) => self.case_applied(&case, step),
            Event::CaseDeleted { name } => self.case_deleted(&name, step),
            Event::Submitted(submission) => self.submitted(submission, step),
            Event::Signalled(signal) => self.signalled(signal, step),
            Event::Cancelled {
                case_name,
                id,
                reason,
            } => self.cancelled(&case_name, &id, &reason, step),
            Event::Concluded(verdict) => self.recorded(verdict, step),
            Event::CaseControlled(change) => self.controlled(&change, step),
            Event::Counted { case_name, counts } => self.counted(&case_name, counts),
            Event::Probed(result) => self.probed(&result, step),
            Event::Transitioned(transitioned) => self.transitioned(&transitioned, step),
            Event::Delivered(delivered) => self.delivered(&delivered, step),
            Event::Redelivered(wanted) => self.redelivered(&wanted, step),
        };
        self.count_signals(&answer, &step.effects[effects_before..]);
        if !ticked && self.needs_ticks() {
            self.heartbeat = step.now;
        }
        answer
    }

    /// Whether ticks must come at least once a second: while a case is active or
    /// an execution live.
    pub fn needs_ticks(&self) -> bool {
        self.undecided > 0 || self.cases.active() > 0
    }

    /// When the next tick is due: at the earliest deadline, and a while after
    /// the last one. When no ticks are needed, by when the health of an inactive
    /// case changes by itself, as when its mute ends.
    pub fn tick_due(&self) -> Option<Time> {
        if !self.needs_ticks() {
            return self.cases.first_due();
        }
        let regular = execution::later(self.heartbeat, limits::TICK_INTERVAL);
        let deadline = self.deadlines.first().map(|&(at, _)| at);
        Some(deadline.map_or(regular, |at| at.min(regular)))
    }

    /// The transitions of cases that are not recorded yet, to be appended after a
    /// restart.
    pub fn pending_transitions(&self) -> Vec<Arc<Transitioned>> {
        let healths = self.cases.healths();
        let pending = healths.flat_map(|(_, health)| {
            let pending = health.transitions_after(0).into_iter();
            pending.map(|transition| {
                Arc::new(Transitioned {
                    case_created: health.created,
                    transition,
                    webhooks: Vec::new(),
                })
            })
        });
        pending.collect()
    }

    /// What is decided and not recorded yet, to be appended after a restart.
    pub fn pending(&self) -> Vec<Arc<Verdict>> {
        let live = self.live.values();
        let decided = live.filter_map(|execution| execution.decided.as_ref());
        let mut pending: Vec<_> = decided.filter_map(|one| one.verdict.clone()).collect();
        pending.sort_by_key(|verdict| (verdict.decided_by, verdict.execution));
        pending
    }

    fn notice_absence(&mut self, before: Time, now: Time, ticked: bool, event: &Event) {
        let gap = ticked && longer_than_absence(self.heartbeat, now);
        let away_from = match event {
            _ if gap => Some(self.heartbeat),
            Event::Opened { .. } if ticked => Some(self.heartbeat),
            Event::Opened { .. } => Some(before),
            Event::Tick { queued_at } if longer_than_absence(*queued_at, now) => Some(*queued_at),
            _ => None,
        };
        if let Some(from) = away_from {
            // Before the first record nobody was away; and until the clock shows
            // life again it is one absence.
            let new = before > Time::UNIX_EPOCH && from != self.absent_from;
            self.absences += u64::from(new);
            self.absent_from = from;
            self.absent_until = now;
        }
        if matches!(event, Event::Opened { .. } | Event::Tick { .. }) {
            self.heartbeat = now;
        }
    }

    fn pass_deadlines(&mut self, step: &mut Step<'_>) {
        while let Some(&(due, position)) = self.deadlines.first()
            && due <= step.now
        {
            self.deadlines.pop_first();
            let Some(execution) = self.live.get_mut(&position).map(Arc::make_mut) else {
                continue;
            };
            execution.queued = None;
            let verdict = step.recorded.of(position);
            let decided = verdict.filter(|verdict| verdict.decided_by == step.position);
            // The fact of this record may have decided as well, if it took its
            // place at the deadline: judging again tells which of the two did.
            let either = decided.is_some_and(|verdict| verdict.at == due && due == step.now);
            let around = Circumstances {
                now: due,
                absent_until: self.absent_until,
                recorded: verdict.is_some() && !either,
                budget: &Budget::of_one_fact(),
            };
            let decision = execution.pass_deadlines(around);
            match decided {
                Some(verdict) if due >= verdict.at && (!either || decision.is_some()) => {
                    self.decide_as_recorded(position, due, step);
                }
                _ if verdict.is_some() => self.settle(position, None, due, step),
                _ => self.settle(position, decision, due, step),
            }
        }
    }

    /// Books the decision on an execution, if there is one, and queues its next
    /// deadline after `passed`.
    fn settle(
        &mut self,
        position: Position,
        decision: Option<Decision>,
        passed: Time,
        step: &mut Step<'_>,
    ) {
        let Some(execution) = self.live.get_mut(&position).map(Arc::make_mut) else {
            return;
        };
        if let Some(decision) = decision {
            let verdict = Arc::new(Verdict {
                execution: position,
                decided_by: step.position,
                report: execution.report(&decision),
                webhooks: Vec::new(),
            });
            execution.decided = Some(Decided {
                by: step.position,
                at: decision.at,
                verdict: Some(Arc::clone(&verdict)),
            });
            self.undecided -= 1;
            self.cases.decided(&execution.test.case_name);
            step.effects.push(Effect::Append(verdict));
        }
        let next = execution.next_deadline(passed);
        if next != execution.queued {
            if let Some(old) = execution.queued {
                self.deadlines.remove(&(old, position));
            }
            if let Some(next) = next {
                self.deadlines.insert((next, position));
            }
            execution.queued = next;
        }
    }

    /// Decides an execution if the journal says that this record decided it;
    /// its report comes with a later record.
    fn decide_as_recorded(&mut self, position: Position, passed: Time, step: &mut Step<'_>) {
        let Some(verdict) = step.recorded.of(position) else {
            return;
        };
        if verdict.decided_by != step.position {
            return self.settle(position, None, passed, step);
        }
        if let Some(execution) = self.live.get_mut(&position).map(Arc::make_mut)
            && execution.is_undecided()
        {
            execution.decided = Some(Decided {
                by: step.position,
                at: verdict.at,
                verdict: None,
            });
            self.undecided -= 1;
            self.cases.decided(&execution.test.case_name);
        }
        self.settle(position, None, passed, step);
    }

    /// A verdict was recorded. The first one of a live execution counts, any
    /// other changes nothing.
    fn recorded(&mut self, verdict: Arc<Verdict>, step: &mut Step<'_>) -> Answer {
        let position = verdict.execution;
        let Some(execution) = self.live.remove(&position) else {
            return Answer::Nothing;
        };
        let mut execution = Arc::unwrap_or_clone(execution);
        if execution.is_undecided() {
            self.undecided -= 1;
            self.cases.decided(&execution.test.case_name);
        }
        if let Some(queued) = execution.queued {
            self.deadlines.remove(&(queued, position));
        }
        self.live_bytes = self.live_bytes.saturating_sub(execution.bytes());
        execution.decided = None;
        let remembered = Remembered {
            case_name: execution.test.case_name.clone(),
            id: execution.test.id.clone(),
            digest: execution.digest,
            started_at: Some(execution.test.timestamp),
            decided_at: verdict.report.concluded_at,
            recorded_at: step.now,
            identities: std::mem::take(&mut execution.identities),
            keys: std::mem::take(&mut execution.keys),
            late_total: execution.late_total,
            late_kept: execution.late.len(),
        };
        self.concluded.insert(position, remembered);
        let Verdict {
            report, webhooks, ..
        } = Arc::unwrap_or_clone(verdict);
        let case_name = execution.test.case_name.clone();
        let started = execution.test.timestamp;
        let of_this_case = |health: &Health| position >= health.created;
        let known = self
            .cases
            .get(&case_name)
            .and_then(|one| one.health.as_ref());
        // Not of one that was deleted and created again.
        let counts = known.is_some_and(|health| of_this_case(health));
        if counts {
            self.with_health(&case_name, step, |health, sight| {
                health.verdict(&report, started, sight);
            });
        }
        if counts && !webhooks.is_empty() {
            let subject = Subject::Report {
                id: execution.test.id.clone(),
                state: report.state,
            };
            let (at, now) = (step.position, step.now);
            self.change_notifications(&case_name, step, |notifications| {
                notifications.queue(&webhooks, at, now, &subject);
            });
        }
        step.effects.push(Effect::Finished(Box::new(Finished {
            execution: position,
            concluded: step.position,
            asked_expires: execution.asked_expires,
            view: execution.into_view(report),
        })));
        Answer::Nothing
    }
}

fn longer_than_absence(from: Time, to: Time) -> bool {
    (to - from).to_std().is_ok_and(|gap| gap > limits::ABSENCE)
}
