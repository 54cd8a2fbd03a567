//! One live execution: its signals, its deadlines, and the verdict that follows
//! from them. Knows no other execution; what is outside it is told in
//! [`Circumstances`].
//!
//! Each step first books what happened and then judges. A replay that already
//! knows the verdict books the same and judges nothing.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use crate::{
    contract::{Budget, ExecutionValue, SignalFacts, Verdict},
    model::{
        Concluded, Json, Position, ReceivedSignal, SignalOutcome, Signalled, State, TestExecution,
        Time,
    },
    plan::{CaseContract, Plan, SignalPlan, Starts},
};

use super::{
    decision::{Blame, Decision, skip_in_doubt, violation},
    identity::{Identity, SubmissionDigest},
    kept::base_bytes,
    limits,
    texts::{self, Due},
};

/// What an execution needs to know of the world when it takes a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances<'a> {
    /// Time of the fact, or of the deadline.
    pub now: Time,
    /// End of the last absence: silence before it proves nothing.
    pub absent_until: Time,
    /// Whether the verdict is known from the journal, so that none is sought.
    pub recorded: bool,
    /// What evaluating may cost yet.
    pub budget: &'a Budget,
}

/// Where one declared signal stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct SignalState {
    /// How many different ones came.
    pub count: u64,
    /// Nothing more is awaited of it.
    pub settled: bool,
    /// It was settled by a silence that proves nothing.
    pub in_doubt: bool,
    /// When its clock started.
    pub clock: Option<Time>,
    /// When as many had come as must, or the first of an optional one.
    pub arrived: Option<Time>,
}

impl SignalState {
    pub(super) fn latency(&self) -> Option<Duration> {
        let (clock, arrived) = (self.clock?, self.arrived?);
        Some((arrived - clock).to_std().unwrap_or_default())
    }
}

/// A live execution, or one that is decided and not yet recorded.
#[derive(Clone, Debug)]
pub(super) struct Execution {
    pub position: Position,
    pub test: TestExecution,
    pub digest: SubmissionDigest,
    /// When it was to expire, if its client said so.
    pub asked_expires: Option<Time>,
    pub plan: Arc<Plan>,
    /// Position at which the plan's declaration was applied.
    pub plan_position: Position,
    /// Keys other than its id by which signals reach it: (signal, key text).
    pub keys: Vec<(Arc<str>, String)>,
    pub signals: Vec<SignalState>,
    /// One bit for each contract that has held.
    pub held: u64,
    pub received: Vec<Arc<ReceivedSignal>>,
    pub identities: Vec<Identity>,
    pub value_bytes: usize,
    /// Bytes of the received and the late signals but for those values.
    pub signal_bytes: usize,
    pub total: u64,
    pub late: Vec<Arc<ReceivedSignal>>,
    pub late_total: u64,
    pub decided: Option<Decided>,
    /// Bytes of all but its signals.
    pub base_bytes: usize,
    /// The deadline under which the engine has queued it.
    pub queued: Option<Time>,
    /// The execution as contracts see it; made when first needed.
    value: OnceLock<ExecutionValue>,
}

/// The verdict of an execution that is not recorded yet.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Decided {
    pub by: Position,
    pub at: Time,
    /// The verdict with its report; none while a replay has not reached it.
    pub verdict: Option<Arc<Concluded>>,
}

impl Execution {
    pub(super) fn new(
        position: Position,
        test: TestExecution,
        digest: SubmissionDigest,
        plan: Arc<Plan>,
        plan_position: Position,
    ) -> Execution {
        let base_bytes = base_bytes(&test, &plan);
        let signals = plan
            .signals()
            .iter()
            .map(|signal| SignalState {
                clock: matches!(signal.starts, Starts::AtStart).then_some(test.timestamp),
                ..SignalState::default()
            })
            .collect();
        Execution {
            position,
            test,
            digest,
            asked_expires: None,
            plan,
            plan_position,
            keys: Vec::new(),
            signals,
            held: 0,
            received: Vec::new(),
            identities: Vec::new(),
            value_bytes: 0,
            signal_bytes: 0,
            total: 0,
            late: Vec::new(),
            late_total: 0,
            decided: None,
            base_bytes,
            queued: None,
            value: OnceLock::new(),
        }
    }

    /// The execution as contracts see it.
    pub(super) fn value(&self) -> &ExecutionValue {
        self.value.get_or_init(|| ExecutionValue::new(&self.test))
    }

    /// Takes a signal that came at `at`, which is before the start for an early
    /// one, and seeks a verdict.
    pub(super) fn arrive(
        &mut self,
        signal: Signalled,
        identity: Identity,
        at: Time,
        around: Circumstances<'_>,
    ) -> (Arc<ReceivedSignal>, Option<Decision>) {
        if self.identities.contains(&identity) {
            return (received(signal, at, SignalOutcome::Duplicate), None);
        }
        self.total += 1;
        let plan = Arc::clone(&self.plan);
        let Some(index) = plan.signal_index(&signal.event.signal_name) else {
            let seen = received(signal, at, SignalOutcome::UnknownSignal);
            return (self.keep_unknown(seen, identity), None);
        };

        let (declared, state) = (&plan.signals()[index], &mut self.signals[index]);
        state.count += 1;
        let judged = !state.settled;
        let needed = state.count <= u64::from(declared.min.max(1));
        let counted = judged && state.count <= limits::KEPT_SIGNALS as u64;
        let mut seen = received(signal, at, SignalOutcome::Accepted);
        seen_mut(&mut seen).judged = judged;
        let kept = self.keep(Arc::clone(&seen), identity, judged && needed, counted);
        if !judged {
            return (kept, None);
        }
        self.book_arrival(index, at);
        if around.recorded {
            return (kept, None);
        }
        let decision = self
            .judge_arrival(index, &seen, around)
            .or_else(|| self.judge_contracts(around));
        (kept, decision)
    }

    /// Takes a signal that came after the verdict.
    pub(super) fn arrive_late(
        &mut self,
        signal: Signalled,
        identity: Identity,
        at: Time,
        decided_at: Time,
    ) -> Arc<ReceivedSignal> {
        if self.identities.contains(&identity) {
            return received(signal, at, SignalOutcome::Duplicate);
        }
        let seen = late(signal, at, decided_at);
        self.late_total += 1;
        self.keep_late(&seen, identity);
        seen
    }

    /// Lets every deadline up to `around.now` pass, and seeks a verdict.
    pub(super) fn pass_deadlines(&mut self, around: Circumstances<'_>) -> Option<Decision> {
        let plan = Arc::clone(&self.plan);
        let mut missed: Option<(Time, usize, Due)> = None;
        for (index, declared) in plan.signals().iter().enumerate() {
            let (deadline, due) = self.deadline(index, declared);
            let state = &mut self.signals[index];
            if state.settled || deadline > around.now {
                continue;
            }
            if state.count >= u64::from(declared.min) {
                state.settled = true;
                state.in_doubt = self.test.timestamp < around.absent_until;
            } else if missed.is_none_or(|(earliest, ..)| deadline < earliest) {
                missed = Some((deadline, index, due));
            }
        }
        if around.recorded {
            return None;
        }
        let Some((deadline, index, due)) = missed else {
            return self.judge_contracts(around);
        };
        let error = texts::timed_out(self, &plan.signals()[index], due, deadline);
        Some(if self.test.timestamp < around.absent_until {
            skip_in_doubt(State::Timeout, &error, around.absent_until, deadline)
        } else {
            Decision {
                state: State::Timeout,
                at: deadline,
                error: Some(error),
                blame: Blame::signal(&plan.signals()[index].name),
            }
        })
    }

    /// When the next deadline after `passed` passes; none when nothing is
    /// awaited. One that has passed stays open only where the journal holds
    /// another verdict than this version would reach.
    pub(super) fn next_deadline(&self, passed: Time) -> Option<Time> {
        if self.decided.is_some() {
            return None;
        }
        let waiting = self.plan.signals().iter().enumerate();
        waiting
            .filter(|(index, _)| !self.signals[*index].settled)
            .map(|(index, declared)| self.deadline(index, declared).0)
            .filter(|deadline| *deadline > passed)
            .min()
    }

    /// The verdict of an execution that awaits nothing, if it has one already:
    /// sought once at its submission.
    pub(super) fn judge_start(&mut self, around: Circumstances<'_>) -> Option<Decision> {
        if around.recorded {
            return None;
        }
        self.judge_contracts(around)
    }

    /// The earliest of clock start + timeout, start + within, and `expires`.
    pub(super) fn deadline(&self, index: usize, declared: &SignalPlan) -> (Time, Due) {
        let mut earliest = (self.test.expires, Due::Expires);
        if let Some(within) = declared.within {
            let at = later(self.test.timestamp, within);
            if at <= earliest.0 {
                earliest = (at, Due::Within(within));
            }
        }
        if let Some(clock) = self.signals[index].clock {
            let at = later(clock, declared.timeout);
            if at <= earliest.0 {
                earliest = (at, Due::Timeout(declared.timeout));
            }
        }
        earliest
    }

    fn book_arrival(&mut self, index: usize, at: Time) {
        let plan = Arc::clone(&self.plan);
        let (declared, state) = (&plan.signals()[index], &mut self.signals[index]);
        if state.count != u64::from(declared.min.max(1)) {
            return;
        }
        state.arrived = Some(at);
        state.settled = declared.max.is_none();
        if declared.min == 0 {
            return;
        }
        for &dependent in &declared.dependents {
            let Starts::After(all) = &plan.signals()[dependent].starts else {
                continue;
            };
            let arrivals = all.iter().map(|&one| self.signals[one].arrived);
            let last = arrivals.collect::<Option<Vec<_>>>();
            if let Some(last) = last.and_then(|all| all.into_iter().max()) {
                self.signals[dependent].clock = Some(last.max(self.test.timestamp));
            }
        }
    }

    fn judge_arrival(
        &self,
        index: usize,
        seen: &ReceivedSignal,
        around: Circumstances<'_>,
    ) -> Option<Decision> {
        let (declared, state) = (&self.plan.signals()[index], &self.signals[index]);
        if let Some(max) = declared.max
            && state.count > u64::from(max)
        {
            return Some(Decision {
                state: State::Fail,
                at: around.now,
                error: Some(texts::too_many(&declared.name, max)),
                blame: Blame::signal(&declared.name),
            });
        }
        let at = Some(declared.name.as_ref());
        declared.expect.iter().find_map(|contract| {
            let verdict =
                contract
                    .program
                    .check_value(self.value(), &seen.event.value, around.budget);
            violation(contract, verdict, at, around.now)
        })
    }

    /// Evaluates the contracts that have become ready, and passes when all is
    /// settled and held.
    fn judge_contracts(&mut self, around: Circumstances<'_>) -> Option<Decision> {
        let plan = Arc::clone(&self.plan);
        let all_settled = self.signals.iter().all(|signal| signal.settled);
        for (number, contract) in plan.contracts().iter().enumerate() {
            // A case of more contracts than bits, which no apply lets through, has
            // the rest of them evaluated each time.
            let bit = u32::try_from(number)
                .ok()
                .and_then(|n| 1_u64.checked_shl(n));
            let bit = bit.unwrap_or_default();
            let ready = match contract.signals.as_slice() {
                [] => all_settled,
                named => named.iter().all(|&one| self.signals[one].settled),
            };
            if self.held & bit != 0 || !ready {
                continue;
            }
            let verdict = self.check(contract, around.budget);
            if let Some(decision) = violation(&contract.contract, verdict, None, around.now) {
                let in_doubt = contract.signals.iter().any(|&i| self.signals[i].in_doubt);
                return Some(match (in_doubt, &decision.error) {
                    (true, Some(error)) => {
                        skip_in_doubt(decision.state, error, around.absent_until, around.now)
                    }
                    _ => decision,
                });
            }
            self.held |= bit;
        }
        if !all_settled {
            return None;
        }
        Some(
            match self.signals.iter().position(|signal| signal.in_doubt) {
                Some(index) => {
                    let error = texts::silence(&plan.signals()[index].name);
                    skip_in_doubt(State::Pass, &error, around.absent_until, around.now)
                }
                None => Decision {
                    state: State::Pass,
                    at: around.now,
                    error: None,
                    blame: Blame::default(),
                },
            },
        )
    }

    fn check(&self, contract: &CaseContract, budget: &Budget) -> Verdict {
        if let Some(&index) = contract.signals.iter().find(|&&i| self.lacks_value(i)) {
            let name = &self.plan.signals()[index].name;
            return Verdict::Failed(texts::value_dropped(name));
        }
        let named = contract.signals.iter();
        let named = named.map(|&index| (&self.plan.signals()[index].name, &self.signals[index]));
        let named: Vec<_> = named
            .map(|(name, state)| {
                let values: Vec<_> = self.judged(name).map(|one| &one.event.value).collect();
                (name, state, self.judged(name).next(), values)
            })
            .collect();
        let facts = named
            .iter()
            .map(|(name, state, first, values)| SignalFacts {
                name: name.as_ref(),
                value: first.map_or(&Json::Null, |one| &one.event.value),
                key: first.map_or(&Json::Null, |one| &one.event.key),
                at: state.arrived,
                latency: state.latency(),
                count: state.count,
                values,
            });
        let facts: Vec<_> = facts.collect();
        let program = &contract.contract.program;
        program.check_signals(self.value(), &facts, budget)
    }

    fn lacks_value(&self, index: usize) -> bool {
        let name = &self.plan.signals()[index].name;
        self.judged(name).any(|one| one.value_dropped)
    }

    fn judged<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a ReceivedSignal> {
        let all = self.received.iter().map(Arc::as_ref);
        all.filter(move |one| one.judged && one.event.signal_name == name)
    }

    /// Whether no verdict has fallen yet.
    pub(super) fn is_undecided(&self) -> bool {
        self.decided.is_none()
    }
}

/// A time later by a duration; the end of time when there is no such. Parts of
/// a microsecond count as a whole one: what follows from times of the journal is
/// in whole microseconds too, and no deadline passes early.
pub(super) fn later(time: Time, by: Duration) -> Time {
    let part = by.subsec_nanos() % 1_000;
    let missing = if part == 0 { 0 } else { 1_000 - part };
    let by = by.saturating_add(Duration::from_nanos(u64::from(missing)));
    chrono::Duration::from_std(by)
        .ok()
        .and_then(|by| time.checked_add_signed(by))
        .unwrap_or(Time::MAX_UTC)
}

/// A signal as it is kept and shown.
pub(super) fn received(signal: Signalled, at: Time, outcome: SignalOutcome) -> Arc<ReceivedSignal> {
    Arc::new(ReceivedSignal {
        event: signal.event,
        signal_id: signal.signal_id,
        at,
        outcome,
        judged: false,
        late_by: None,
        value_dropped: false,
    })
}

/// A signal after the verdict.
pub(super) fn late(signal: Signalled, at: Time, decided_at: Time) -> Arc<ReceivedSignal> {
    let mut seen = received(signal, at, SignalOutcome::Late);
    seen_mut(&mut seen).late_by = Some((at - decided_at).to_std().unwrap_or_default());
    seen
}

fn seen_mut(seen: &mut Arc<ReceivedSignal>) -> &mut ReceivedSignal {
    Arc::make_mut(seen)
}
