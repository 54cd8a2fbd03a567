//! How the answer to an appended fact finds its caller: a ticket goes through
//! the journal with the fact and is answered when that has been folded.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::sync::{mpsc, oneshot};

use crate::{
    engine::{Answer, SignalAnswer},
    journal::{AppendError, Ticket},
};

use super::NodeError;

/// Where a call waits for its answer.
pub type Caller = oneshot::Sender<Result<Answer, AppendError>>;

/// Answers on their way to the calls that wait for them.
pub type Answers = Vec<(Caller, Answer)>;

/// Tells calls their answers, on the runtime that runs the calls: those that are
/// told together go on together, and their replies leave in one write for each
/// connection. Told from another thread, they would leave one by one.
pub async fn tell(mut folded: mpsc::UnboundedReceiver<Answers>) {
    while let Some(answers) = folded.recv().await {
        for (caller, answer) in answers {
            // A caller that has left is not told.
            let _ = caller.send(Ok(answer));
        }
    }
}

/// The ticket of a fact.
#[derive(Debug)]
pub enum Reply {
    /// Nobody waits for the answer.
    Nobody,
    /// The answer to a tick: the next one may be queued.
    Tick(Arc<AtomicBool>),
    /// The ticket of a verdict or transition: sets the flag if it is refused.
    Decided(Arc<AtomicBool>),
    /// One call waits.
    One(Caller),
    /// A batch waits, of which this is the item of a number.
    Batch(Arc<Batch>, usize),
}

impl Reply {
    /// Gives the answer; that of a single call is added to `answers`.
    pub fn answer(self, answer: Answer, answers: &mut Answers) {
        match self {
            Reply::Nobody | Reply::Decided(_) => {}
            Reply::Tick(queued) => queued.store(false, Ordering::Release),
            Reply::One(caller) => answers.push((caller, answer)),
            Reply::Batch(batch, number) => batch.answer(number, &answer),
        }
    }
}

impl Ticket for Reply {
    fn refuse(self, error: AppendError) {
        match self {
            Reply::Nobody => {}
            Reply::Tick(queued) => queued.store(false, Ordering::Release),
            Reply::Decided(refused) => refused.store(true, Ordering::Release),
            Reply::One(caller) => {
                let _ = caller.send(Err(error));
            }
            Reply::Batch(batch, number) => batch.refuse(number, error.into()),
        }
    }
}

/// What an item of a batch was refused for, by its number.
pub type Refusal = (usize, NodeError);

/// The answers of a batch of signals, told when the last one is in: its
/// refusals, or what failed the batch as a whole.
#[derive(Debug)]
pub struct Batch {
    missing: AtomicUsize,
    refusals: Mutex<Vec<Refusal>>,
    caller: Mutex<Option<oneshot::Sender<Vec<Refusal>>>>,
}

impl Batch {
    /// A batch of `len` signals, at least one, and where its end is told.
    pub fn new(len: usize) -> (Arc<Batch>, oneshot::Receiver<Vec<Refusal>>) {
        let (caller, told) = oneshot::channel();
        let batch = Batch {
            missing: AtomicUsize::new(len),
            refusals: Mutex::default(),
            caller: Mutex::new(Some(caller)),
        };
        (Arc::new(batch), told)
    }

    /// A signal of the batch is refused.
    pub fn refuse(&self, number: usize, error: NodeError) {
        self.refusals().push((number, error));
        self.done();
    }

    fn answer(&self, number: usize, answer: &Answer) {
        match answer {
            Answer::Signalled(SignalAnswer::NoSuchCase) => {
                let deleted = "(deleted meanwhile)".to_owned();
                self.refuse(number, NodeError::CaseNotFound(deleted));
            }
            _ => self.done(),
        }
    }

    fn done(&self) {
        if self.missing.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        let caller = self.caller.lock();
        if let Some(caller) = caller.unwrap_or_else(PoisonError::into_inner).take() {
            let _ = caller.send(std::mem::take(&mut *self.refusals()));
        }
    }

    fn refusals(&self) -> MutexGuard<'_, Vec<Refusal>> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
