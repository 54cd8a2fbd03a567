//! Commands: what each fact does to the state, and its answer.

use std::sync::Arc;

use crate::{
    contract::Budget,
    convert::value::MAX_KEY_BYTES,
    model::{
        Json, MAX_TEST_EXPIRES, Position, ReceivedSignal, SignalOutcome, Signalled, State,
        Submission, TestExecution,
    },
    plan::Plan,
};

use super::{
    Answer, Effect, Engine, SignalAnswer, Step, SubmitAnswer,
    cases::{CaseState, Current},
    decision::{Blame, Decision},
    early::EarlySignal,
    execution::{self, Circumstances, Execution, later},
    health::Health,
    identity::{Identity, SubmissionDigest, key_text},
    limits,
    remembered::Remembered,
    texts::{self, Skipped},
};

impl Engine {
    pub(super) fn cancelled(
        &mut self,
        case_name: &str,
        id: &str,
        reason: &str,
        step: &mut Step<'_>,
    ) -> Answer {
        let state = self.cases.get(case_name);
        let Some(&position) = state.and_then(|state| state.executions.get(id)) else {
            return Answer::Cancelled(false);
        };
        self.skip(position, &Skipped::Cancelled(reason), step);
        Answer::Cancelled(true)
    }

    pub(super) fn submitted(&mut self, submission: Submission, step: &mut Step<'_>) -> Answer {
        Answer::Submitted(self.submit(submission, step))
    }

    fn submit(&mut self, submission: Submission, step: &mut Step<'_>) -> SubmitAnswer {
        let digest = SubmissionDigest::of(&submission);
        let state = self.cases.get(&submission.case_name);
        if let Some(&known) = state.and_then(|state| state.executions.get(&submission.id)) {
            return self.submitted_before(known, digest);
        }
        let Some(current) = state.and_then(|state| state.current.clone()) else {
            return SubmitAnswer::NoSuchCase;
        };
        let live = state.map_or(0, |state| state.live);
        let health = self.cases.health_mut(&submission.case_name);
        let sampled =
            health.map(|health| health.sample(&current.case, submission.always, live, step.now));
        if let Some(Err(left_out)) = sampled {
            return SubmitAnswer::LeftOut(left_out);
        }
        let start = step.now;
        let latest = later(start, MAX_TEST_EXPIRES);
        let usual = later(start, current.case.execution_life());
        let test = TestExecution {
            expires: submission.expires.unwrap_or(usual).min(latest),
            id: submission.id,
            case_name: submission.case_name,
            timestamp: start,
            test_args: submission.test_args,
            test_kwargs: submission.test_kwargs,
            labels: submission.labels,
            traceparent: submission.traceparent,
        };
        let answer = SubmitAnswer::Execution(Box::new(test.clone()));
        let mut execution = Execution::new(
            step.position,
            test,
            digest,
            Arc::clone(&current.plan),
            current.applied_at,
        );
        execution.asked_expires = submission.expires;
        self.start(execution, &current, step);
        answer
    }

    fn submitted_before(&self, known: Position, digest: SubmissionDigest) -> SubmitAnswer {
        match (self.live.get(&known), self.concluded.get(known)) {
            (Some(live), _) if live.digest == digest => {
                SubmitAnswer::Execution(Box::new(live.test.clone()))
            }
            (None, Some(concluded)) if concluded.digest == digest => SubmitAnswer::Concluded,
            _ => SubmitAnswer::Exists,
        }
    }

    fn start(&mut self, mut execution: Execution, current: &Current, step: &mut Step<'_>) {
        let position = execution.position;
        let case_name = execution.test.case_name.clone();
        let id_key = key_text(&Json::String(execution.test.id.clone()));
        let not_judged = self.refusal(&mut execution, current, &id_key, step.budget);

        let mut early = self.early.claim(&case_name, &id_key, None);
        if not_judged.is_some() {
            execution.keys.clear();
        }
        for (name, key) in &execution.keys {
            early.extend(self.early.claim(&case_name, key, Some(name)));
        }
        early.sort_by_key(|one| one.seen.at);
        let id = &execution.test.id;
        self.cases.know(&case_name, id, &execution.keys, position);
        self.undecided += 1;
        self.cases.started(&case_name);

        let around = self.circumstances(position, step);
        let mut decision = not_judged.map(|(state, error)| Decision {
            state,
            at: step.now,
            error: Some(error),
            blame: Blame::default(),
        });
        if decision.is_none() {
            decision = execution.judge_start(around);
        }
        for one in early {
            // What came before the start is booked in any case; the first of it
            // that decides, decides.
            let around = Circumstances {
                recorded: around.recorded || decision.is_some(),
                ..around
            };
            let came_at = one.seen.at;
            let signal = unseen(one.seen);
            let (seen, verdict) = execution.arrive(signal, one.identity, came_at, around);
            decision = decision.or(verdict);
            step.effects.push(Effect::Signal {
                execution: Some(position),
                seen,
            });
        }
        let skipped = match step.recorded.of(position) {
            Some(verdict) => verdict.decided_by == position && verdict.state == State::Skip,
            None => decision
                .as_ref()
                .is_some_and(|one| one.state == State::Skip),
        };
        self.live_bytes += execution.bytes();
        self.live.insert(position, Arc::new(execution));
        self.conclude(position, decision, step);
        if !skipped {
            self.with_health(&case_name, step, Health::received);
        }
    }

    /// Why an execution is not judged at all, if so; otherwise its declared keys
    /// are evaluated.
    fn refusal(
        &self,
        execution: &mut Execution,
        current: &Current,
        id_key: &str,
        budget: &Budget,
    ) -> Option<(State, String)> {
        if let Some(broken) = &current.broken {
            return Some((State::Error, texts::case_broken(broken)));
        }
        let skip = |why: &Skipped<'_>| Some((State::Skip, texts::skipped(why)));
        let state = self.cases.get(&execution.test.case_name)?;
        if !state.is_active() {
            return skip(&Skipped::Inactive);
        }
        if execution.test.is_expired(execution.test.timestamp) {
            return skip(&Skipped::ExpiredBefore(execution.test.expires));
        }
        match declared_keys(&current.plan, execution, budget) {
            Ok(keys) => execution.keys = keys,
            Err(error) => return Some((State::Error, error)),
        }
        let by_id = state
            .keys
            .iter()
            .filter_map(|(name, keys)| Some((name.as_ref(), id_key, *keys.get(id_key)?)));
        let by_keys = execution.keys.iter().flat_map(|(name, key)| {
            let holders = [state.by_key(name, key), by_id_text(state, key)];
            let holders = holders.into_iter().flatten();
            holders.map(|holder| (name.as_ref(), key.as_str(), holder))
        });
        let held = by_id.chain(by_keys).filter_map(|(signal, key, holder)| {
            let holder = self.live.get(&holder).filter(|one| one.is_undecided())?;
            Some((signal, key, holder.test.id.as_str()))
        });
        // The least, since the order of a hash map is not the same everywhere.
        let (signal, key, holder) = held.min()?;
        skip(&Skipped::KeyHeld {
            signal,
            key,
            holder,
        })
    }

    pub(super) fn signalled(&mut self, signal: Signalled, step: &mut Step<'_>) -> Answer {
        Answer::Signalled(self.signal(signal, step))
    }

    fn signal(&mut self, signal: Signalled, step: &mut Step<'_>) -> SignalAnswer {
        let event = &signal.event;
        let state = self.cases.get(&event.case_name);
        let Some((state, current)) = state.and_then(|s| Some((s, s.current.as_ref()?))) else {
            return SignalAnswer::NoSuchCase;
        };
        let identity = Identity::of(&signal);
        let key = key_text(&event.key);
        match self.reached(state, &event.signal_name, &event.key, &key) {
            Some(position) if self.live.contains_key(&position) => {
                self.signal_live(position, signal, identity, step)
            }
            Some(position) if self.concluded.get(position).is_some() => {
                self.signal_concluded(position, signal, identity, step)
            }
            _ => {
                let declared = current.plan.signal_index(&event.signal_name);
                let declared = declared.map(|index| &current.plan.signals()[index]);
                let unreachable = !event.key.is_string()
                    && declared.is_some_and(|declared| declared.key.is_none());
                let outcome = match declared {
                    None => SignalOutcome::UnknownSignal,
                    Some(_) if unreachable => SignalOutcome::Orphan,
                    Some(_) => SignalOutcome::Early,
                };
                self.signal_unclaimed(&key, signal, identity, outcome, step)
            }
        }
    }

    /// The execution that a signal reaches: by its id, else by the declared key;
    /// one without a verdict before one that has its verdict and had the same
    /// key.
    pub(super) fn reached(
        &self,
        state: &CaseState,
        signal_name: &str,
        key: &Json,
        key_text: &str,
    ) -> Option<Position> {
        let is_undecided = |position| {
            self.live
                .get(&position)
                .is_some_and(|one| one.is_undecided())
        };
        let by_id = key
            .as_str()
            .and_then(|id| state.executions.get(id).copied());
        if by_id.is_some_and(is_undecided) {
            return by_id;
        }
        let by_key = state.by_key(signal_name, key_text);
        by_key.filter(|one| is_undecided(*one)).or(by_id).or(by_key)
    }

    fn signal_live(
        &mut self,
        position: Position,
        signal: Signalled,
        identity: Identity,
        step: &mut Step<'_>,
    ) -> SignalAnswer {
        let around = self.circumstances(position, step);
        let Some(execution) = self.live.get_mut(&position).map(Arc::make_mut) else {
            return SignalAnswer::NoSuchCase;
        };
        let before = execution.bytes();
        let decided_at = execution.decided.as_ref().map(|decided| decided.at);
        let (seen, decision) = match decided_at {
            None => execution.arrive(signal, identity, step.now, around),
            Some(at) => (execution.arrive_late(signal, identity, step.now, at), None),
        };
        self.live_bytes += execution.bytes() - before;
        let outcome = seen.outcome;
        step.effects.push(Effect::Signal {
            execution: Some(position),
            seen,
        });
        if decided_at.is_none() {
            self.conclude(position, decision, step);
        }
        SignalAnswer::Taken(outcome, None)
    }

    fn signal_concluded(
        &mut self,
        position: Position,
        signal: Signalled,
        identity: Identity,
        step: &mut Step<'_>,
    ) -> SignalAnswer {
        let Some(concluded) = self.concluded.get_mut(position) else {
            return SignalAnswer::NoSuchCase;
        };
        if concluded.identities.contains(&identity) {
            let seen = execution::received(signal, step.now, SignalOutcome::Duplicate);
            step.effects.push(Effect::Signal {
                execution: Some(position),
                seen,
            });
            return SignalAnswer::Taken(SignalOutcome::Duplicate, None);
        }
        let seen = execution::late(signal, step.now, concluded.decided_at);
        concluded.late_total += 1;
        let kept = concluded.late_kept < limits::LATE_SIGNALS;
        if kept {
            concluded.late_kept += 1;
            concluded.identities.push(identity);
        }
        if kept {
            step.effects.push(Effect::Late {
                case_name: concluded.case_name.clone(),
                id: concluded.id.clone(),
                signal: Some(Arc::clone(&seen)),
                total: concluded.late_total,
            });
        }
        step.effects.push(Effect::Signal {
            execution: Some(position),
            seen,
        });
        SignalAnswer::Taken(SignalOutcome::Late, None)
    }

    /// A signal that reaches no execution: kept for one to come, unless none
    /// can.
    fn signal_unclaimed(
        &mut self,
        key: &str,
        signal: Signalled,
        identity: Identity,
        outcome: SignalOutcome,
        step: &mut Step<'_>,
    ) -> SignalAnswer {
        let mut seen = execution::received(signal, step.now, outcome);
        if outcome == SignalOutcome::Orphan {
            let message = texts::no_text_key(&seen.event.signal_name, key);
            step.effects.push(Effect::Signal {
                execution: None,
                seen,
            });
            return SignalAnswer::Taken(outcome, Some(message));
        }
        let kept = EarlySignal {
            seen: Arc::clone(&seen),
            identity,
        };
        let outcome = match self.early.keep(key, kept) {
            Some(dropped) => {
                step.effects.extend(dropped.into_iter().map(orphan));
                outcome
            }
            None => {
                Arc::make_mut(&mut seen).outcome = SignalOutcome::Duplicate;
                SignalOutcome::Duplicate
            }
        };
        step.effects.push(Effect::Signal {
            execution: None,
            seen,
        });
        SignalAnswer::Taken(outcome, None)
    }

    /// Ends an execution as SKIP, if it has no verdict yet.
    pub(super) fn skip(&mut self, position: Position, why: &Skipped<'_>, step: &mut Step<'_>) {
        let undecided = self
            .live
            .get(&position)
            .is_some_and(|one| one.is_undecided());
        if undecided {
            let decision = Decision {
                state: State::Skip,
                at: step.now,
                error: Some(texts::skipped(why)),
                blame: Blame::default(),
            };
            self.conclude(position, Some(decision), step);
        }
    }

    /// Books a decision, or the recorded one in its stead.
    fn conclude(&mut self, position: Position, decision: Option<Decision>, step: &mut Step<'_>) {
        let now = step.now;
        if step.recorded.of(position).is_some() {
            self.decide_as_recorded(position, now, step);
        } else {
            self.settle(position, decision, now, step);
        }
    }

    fn circumstances<'a>(&self, execution: Position, step: &Step<'a>) -> Circumstances<'a> {
        Circumstances {
            now: step.now,
            absent_until: self.absent_until,
            recorded: step.recorded.of(execution).is_some(),
            budget: step.budget,
        }
    }
}

/// An early signal that is given up.
pub(super) fn orphan(dropped: EarlySignal) -> Effect {
    let mut seen = dropped.seen;
    Arc::make_mut(&mut seen).outcome = SignalOutcome::Orphan;
    Effect::Signal {
        execution: None,
        seen,
    }
}

/// How many late signals an execution had in all, if that is more than were
/// told one by one.
pub(super) fn final_count(forgotten: Remembered) -> Option<Effect> {
    let told = forgotten.late_kept as u64;
    (forgotten.late_total > told).then_some(Effect::Late {
        case_name: forgotten.case_name,
        id: forgotten.id,
        signal: None,
        total: forgotten.late_total,
    })
}

fn unseen(seen: Arc<ReceivedSignal>) -> Signalled {
    let ReceivedSignal {
        event, signal_id, ..
    } = Arc::unwrap_or_clone(seen);
    Signalled { event, signal_id }
}

fn by_id_text(state: &CaseState, key: &str) -> Option<Position> {
    match serde_json::from_str(key) {
        Ok(Json::String(id)) => state.executions.get(&id).copied(),
        _ => None,
    }
}

fn declared_keys(
    plan: &Plan,
    execution: &Execution,
    budget: &Budget,
) -> Result<Vec<(Arc<str>, String)>, String> {
    let declared = plan.signals().iter();
    let keyed = declared.filter_map(|signal| Some((&signal.name, signal.key.as_ref()?)));
    keyed
        .map(
            |(name, program)| match program.key(execution.value(), budget) {
                Ok(Json::Null) => Err(texts::key_not_evaluated(name, "it is null")),
                Ok(key) => match key_text(&key) {
                    key if key.len() > MAX_KEY_BYTES => Err(texts::key_too_long(name, key.len())),
                    key => Ok((Arc::clone(name), key)),
                },
                Err(text) => Err(texts::key_not_evaluated(name, &text)),
            },
        )
        .collect()
}
