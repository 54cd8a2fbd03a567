//! The fold thread of a partition: follows the journal, folds each record and
//! does what follows from it. It alone changes the engine.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::Thread,
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use crate::{
    abort::AbortOnPanic,
    archive::{Entry, Finished},
    engine::{self, Effect, Recorded, health::Health},
    journal::{Admission, Delivered, Follower, Journal, JournalError},
    model::{Case, CaseChange, Concluded, Event, Position, Submission, Transitioned, Webhook},
};

use super::{
    archiver::Job,
    feed::ExecutionKey,
    partition::{Partition, State},
    reply::{Answers, Reply},
};

/// Records folded under one lock: so long may a question have to wait,
const CHUNK: usize = 64;
/// or so long, when contracts make much work.
const LOCKED_FOR: Duration = Duration::from_millis(5);

/// What the fold thread works with.
pub(super) struct Folder {
    pub partition: Arc<Partition>,
    pub journal: Arc<dyn Journal<Reply>>,
    pub follower: Box<dyn Follower<Reply>>,
    /// The verdicts and transitions that a replay finds in the journal.
    pub recorded: Recorded,
    /// Up to here it is a replay.
    pub replay_to: Position,
    pub archiver: mpsc::Sender<Job>,
    /// To [`reply::tell`](super::reply::tell).
    pub callers: tokio::sync::mpsc::UnboundedSender<Answers>,
    pub ticker: Thread,
    /// Records between two snapshots.
    pub snapshot_every: u64,
    /// Position of the last snapshot.
    pub snapshot_at: Position,
    /// Whether one is on its way to the disk: the next one waits for it.
    pub snapshot_queued: Arc<AtomicBool>,
    /// Whether a decision could not be appended and is to be tried again.
    pub refused: Arc<AtomicBool>,
    /// Who is told of the health of cases.
    pub webhooks: Arc<[Webhook]>,
    /// Told when what webhooks are to be told has changed.
    pub notified: Arc<Notify>,
    /// Told when cases have changed.
    pub cases_changed: Arc<Notify>,
    /// Effects of the record that is being folded.
    pub effects: Vec<Effect>,
}

impl Folder {
    /// Folds until the journal is closed, then hands a last snapshot over.
    pub(super) fn run(mut self) -> Result<(), JournalError> {
        let _guard = AbortOnPanic("fold");
        self.append_pending();
        loop {
            let mut batch = self.follower.next()?.into_iter().peekable();
            if batch.peek().is_none() {
                break;
            }
            while batch.peek().is_some() {
                self.fold(batch.by_ref().take(CHUNK));
            }
        }
        self.hand_over_snapshot();
        Ok(())
    }

    fn fold(&mut self, records: impl Iterator<Item = Delivered<Reply>>) {
        let mut answers = Vec::with_capacity(CHUNK);
        let mut decided = Vec::new();
        let partition = Arc::clone(&self.partition);
        let mut state = partition.lock();
        let locked = Instant::now();
        for Delivered { record, ticket } in records {
            let position = record.position;
            let answer = state.engine.fold(record, &self.recorded, &mut self.effects);
            let mut entries = Vec::new();
            for effect in std::mem::take(&mut self.effects) {
                self.apply(&mut state, position, effect, &mut decided, &mut entries);
            }
            self.archive(position, entries);
            if let Some(ticket) = ticket {
                answers.push((ticket, answer));
            }
            if position == self.replay_to {
                self.recorded = Recorded::default();
            }
            if locked.elapsed() > LOCKED_FOR {
                break;
            }
        }
        let due = state.engine.tick_due();
        let position = state.engine.position();
        drop(state);

        self.append(decided);
        let ticked = answers
            .iter()
            .any(|(ticket, _)| matches!(ticket, Reply::Tick(_)));
        let mut told = Answers::new();
        for (ticket, answer) in answers {
            ticket.answer(answer, &mut told);
        }
        if !told.is_empty() {
            // Calls that are not told any more see that the server goes down.
            let _ = self.callers.send(told);
        }
        self.set_tick_due(due.map_or(i64::MAX, |due| due.timestamp_micros()), ticked);
        if ticked && self.refused.swap(false, Ordering::AcqRel) {
            self.append_pending();
        }
        let passed = position.saturating_sub(self.snapshot_at);
        if passed >= self.snapshot_every && !self.snapshot_queued.load(Ordering::Acquire) {
            self.hand_over_snapshot();
        }
    }

    fn apply(
        &mut self,
        state: &mut State,
        position: Position,
        effect: Effect,
        decided: &mut Vec<Event>,
        entries: &mut Vec<Entry>,
    ) {
        let feed = &self.partition.feed;
        if let Effect::Case(change) = &effect
            && !matches!(change, CaseChange::Transitioned(_))
        {
            self.cases_changed.notify_one();
        }
        match effect {
            Effect::Append(verdict) => {
                let case = state.engine.health(&verdict.report.case_name);
                decided.push(concluded(verdict, &self.webhooks, case));
            }
            Effect::Announce(transitioned) => {
                let case = state.engine.case(&transitioned.transition.case_name);
                decided.push(announced(transitioned, &self.webhooks, case));
            }
            Effect::Notifications => self.notified.notify_one(),
            Effect::Signal { execution, seen } => {
                if !feed.is_idle() {
                    let reached = execution.and_then(|at| state.engine.signal_keys(at, &seen));
                    feed.signal(&seen, reached);
                }
            }
            Effect::Finished(finished) => {
                let finished = Arc::new(archived(self.partition.number, *finished));
                if !feed.is_idle() {
                    feed.finished(&finished);
                }
                if self.is_unarchived(position) {
                    state.unarchived.insert(Arc::clone(&finished));
                    entries.push(Entry::Finished(finished));
                }
            }
            Effect::Late {
                case_name,
                id,
                signal,
                total,
            } => {
                if self.is_unarchived(position) {
                    let key = ExecutionKey { case_name, id };
                    state.unarchived.late(&key, position, signal.clone(), total);
                    entries.push(Entry::Late {
                        partition: self.partition.number,
                        position,
                        case_name: key.case_name,
                        id: key.id,
                        signal: signal.map(Arc::unwrap_or_clone),
                        count: total,
                    });
                }
            }
            Effect::Case(change) if self.is_unarchived(position) => {
                entries.push(Entry::Case {
                    partition: self.partition.number,
                    position,
                    time: state.engine.time(),
                    change,
                });
            }
            // The archive has it.
            Effect::Case(_) => {}
        }
    }

    /// Hands over what the archive has to know of a record, all of it at once: a
    /// position that it has is not written again.
    fn archive(&self, position: Position, entries: Vec<Entry>) {
        if !entries.is_empty() {
            // The archiver ends after the fold.
            let _ = self
                .archiver
                .send(Job::write(&self.partition, position, entries));
        }
    }

    /// Whether the archive does not have a record yet: on a replay it has some.
    fn is_unarchived(&self, position: Position) -> bool {
        position > *self.partition.archived.borrow()
    }

    /// Appends what was decided before this process came up, or could not be
    /// appended.
    fn append_pending(&self) {
        let state = self.partition.lock();
        let mut decided = Vec::new();
        for verdict in state.engine.pending() {
            if !self.recorded.holds(verdict.execution) {
                let case = state.engine.health(&verdict.report.case_name);
                decided.push(concluded(verdict, &self.webhooks, case));
            }
        }
        for transitioned in state.engine.pending_transitions() {
            let number = transitioned.transition.number;
            if !self
                .recorded
                .holds_transition(transitioned.case_created, number)
            {
                let case = state.engine.case(&transitioned.transition.case_name);
                decided.push(announced(transitioned, &self.webhooks, case));
            }
        }
        drop(state);
        self.append(decided);
    }

    fn append(&self, decided: Vec<Event>) {
        if decided.is_empty() {
            return;
        }
        let decided = decided.into_iter().map(|event| {
            let ticket = Reply::Decided(Arc::clone(&self.refused));
            (event, ticket)
        });
        let number = self.partition.number;
        self.journal
            .append(number, Admission::Always, decided.collect());
    }

    fn set_tick_due(&self, due: i64, ticked: bool) {
        let before = self.partition.tick_due.swap(due, Ordering::AcqRel);
        if due < before || ticked {
            self.ticker.unpark();
        }
    }

    fn hand_over_snapshot(&mut self) {
        let state = self.partition.lock().engine.freeze();
        if state.position() > self.snapshot_at {
            self.snapshot_at = state.position();
            self.snapshot_queued.store(true, Ordering::Release);
            let _ = self.archiver.send(Job::Snapshot {
                partition: Arc::clone(&self.partition),
                state: Box::new(state),
                queued: Arc::clone(&self.snapshot_queued),
            });
        }
    }
}

/// A verdict to be appended, with those who are told of every report.
fn concluded(
    mut verdict: Arc<Concluded>,
    webhooks: &[Webhook],
    case: Option<(&Arc<Case>, &Arc<Health>)>,
) -> Event {
    let at = verdict.report.concluded_at;
    let case = case.filter(|(_, health)| !health.control().is_muted(at));
    let case = case.map(|(case, _)| case);
    let told = told(webhooks, case, |webhook| webhook.reports);
    if !told.is_empty() {
        Arc::make_mut(&mut verdict).webhooks = told;
    }
    Event::Concluded(verdict)
}

/// A transition to be appended, with those who are told of it.
fn announced(
    mut transitioned: Arc<Transitioned>,
    webhooks: &[Webhook],
    case: Option<&Arc<Case>>,
) -> Event {
    if transitioned.transition.is_notified() {
        Arc::make_mut(&mut transitioned).webhooks = told(webhooks, case, |_| true);
    }
    Event::Transitioned(transitioned)
}

/// Names of the webhooks that a case is told to.
fn told(
    webhooks: &[Webhook],
    case: Option<&Arc<Case>>,
    wants: impl Fn(&Webhook) -> bool,
) -> Vec<String> {
    let Some(case) = case else {
        return Vec::new();
    };
    let of_case = |one: &&Webhook| one.every_case || case.webhooks.contains(&one.name);
    let told = webhooks.iter().filter(of_case).filter(|one| wants(one));
    told.map(|one| one.name.clone()).collect()
}

/// A finished execution as the archive holds it.
fn archived(partition: u32, finished: engine::Finished) -> Finished {
    let engine::Finished {
        execution,
        concluded,
        asked_expires,
        view,
    } = finished;
    let test = &view.test;
    let submission = Submission {
        case_name: test.case_name.clone(),
        id: test.id.clone(),
        test_args: test.test_args.clone(),
        test_kwargs: test.test_kwargs.clone(),
        expires: asked_expires,
        labels: test.labels.clone(),
        traceparent: test.traceparent.clone(),
        always: false,
    };
    Finished {
        partition,
        execution,
        concluded,
        view,
        submission,
    }
}
