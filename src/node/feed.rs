//! The feed: who waits for what has been folded. It wakes each only for what it
//! waits for, at a cost that does not grow with the others.

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use crate::{
    archive::{Entry, Finished},
    model::{ReceivedSignal, SignalOutcome, value_size},
};

/// Items that a watcher may be behind before it is cut off.
const WATCHER_BUFFER: usize = 4096;
/// Bytes that these items may take in memory, about.
const WATCHER_BYTES: usize = 16 << 20;

/// A signal that was waited for.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    /// The signal.
    pub seen: Arc<ReceivedSignal>,
    /// Its latency, if it reached an execution.
    pub latency: Option<Duration>,
}

/// What watchers are told.
#[derive(Clone, Debug)]
pub enum Seen {
    /// A signal came.
    Signal(Arc<ReceivedSignal>),
    /// The execution is finished.
    Finished(Arc<Finished>),
}

impl Seen {
    /// Bytes it takes in memory, about.
    fn bytes(&self) -> usize {
        match self {
            Seen::Signal(seen) => {
                let event = &seen.event;
                size_of::<ReceivedSignal>() + value_size(&event.key) + value_size(&event.value)
            }
            Seen::Finished(finished) => {
                let bytes = Entry::Finished(Arc::clone(finished)).bytes();
                usize::try_from(bytes).unwrap_or(usize::MAX)
            }
        }
    }
}

/// Where one watcher is told.
#[derive(Debug)]
struct Teller {
    /// What is seen, with its bytes.
    sender: mpsc::Sender<(usize, Seen)>,
    /// Bytes of what the watcher has not taken yet.
    behind: Arc<AtomicUsize>,
}

impl Teller {
    fn new() -> (Teller, mpsc::Receiver<(usize, Seen)>) {
        let (sender, receiver) = mpsc::channel(WATCHER_BUFFER);
        let behind = Arc::default();
        (Teller { sender, behind }, receiver)
    }

    /// Tells the watcher; `false` when it has left or is too far behind. One that
    /// has taken everything is told whatever the size.
    fn tell(&self, seen: &Seen, bytes: usize) -> bool {
        let behind = self.behind.fetch_add(bytes, Ordering::AcqRel);
        let fits = behind == 0 || behind.saturating_add(bytes) <= WATCHER_BYTES;
        fits && self.sender.try_send((bytes, seen.clone())).is_ok()
    }
}

/// Under what someone waits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct SignalKey {
    pub case_name: String,
    pub signal_name: String,
    /// The key, as JSON.
    pub key: String,
}

/// An execution by its case and id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ExecutionKey {
    pub case_name: String,
    pub id: String,
}

impl ExecutionKey {
    pub(super) fn new(case_name: &str, id: &str) -> Self {
        ExecutionKey {
            case_name: case_name.to_owned(),
            id: id.to_owned(),
        }
    }
}

/// Those who wait, by what they wait for, and among themselves by number: many
/// may wait for the same, and each leaves by itself.
#[derive(Debug)]
struct Waiting<K, S> {
    by_key: HashMap<K, BTreeMap<u64, S>>,
    next: u64,
}

impl<K, S> Default for Waiting<K, S> {
    fn default() -> Self {
        Waiting {
            by_key: HashMap::new(),
            next: 0,
        }
    }
}

impl<K: Hash + Eq + Clone, S> Waiting<K, S> {
    fn add(&mut self, key: K, sender: S) -> u64 {
        let number = self.next;
        self.next += 1;
        self.by_key.entry(key).or_default().insert(number, sender);
        number
    }

    fn remove(&mut self, key: &K, number: u64) {
        if let Some(waiting) = self.by_key.get_mut(key) {
            waiting.remove(&number);
            if waiting.is_empty() {
                self.by_key.remove(key);
            }
        }
    }

    fn take(&mut self, key: &K) -> impl Iterator<Item = S> + use<K, S> {
        let waiting = self.by_key.remove(key).unwrap_or_default();
        waiting.into_values()
    }
}

impl<K: Hash + Eq + Clone> Waiting<K, Teller> {
    /// Tells the watchers of a key; one that is too far behind is cut off.
    fn tell(&mut self, key: &K, seen: &Seen) {
        if let Some(watchers) = self.by_key.get_mut(key) {
            let bytes = seen.bytes();
            watchers.retain(|_, teller| teller.tell(seen, bytes));
            if watchers.is_empty() {
                self.by_key.remove(key);
            }
        }
    }
}

/// The waiters and watchers of one partition.
#[derive(Debug, Default)]
struct Registry {
    signals: Waiting<SignalKey, oneshot::Sender<Arrival>>,
    reports: Waiting<ExecutionKey, oneshot::Sender<Arc<Finished>>>,
    executions: Waiting<ExecutionKey, Teller>,
    cases: Waiting<String, Teller>,
}

/// The feed of one partition.
#[derive(Clone, Debug, Default)]
pub(super) struct Feed {
    registry: Arc<Mutex<Registry>>,
    /// How many wait or watch.
    waiting: Arc<AtomicUsize>,
}

impl Feed {
    /// Whether nobody waits or watches.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
    }

    pub(super) fn wait_signal(&self, key: SignalKey) -> Waiter<Arrival> {
        let (sender, receiver) = oneshot::channel();
        let number = self.lock().signals.add(key.clone(), sender);
        let leave = move |registry: &mut Registry| registry.signals.remove(&key, number);
        Waiter::new(receiver, self, leave)
    }

    pub(super) fn wait_report(&self, key: ExecutionKey) -> Waiter<Arc<Finished>> {
        let (sender, receiver) = oneshot::channel();
        let number = self.lock().reports.add(key.clone(), sender);
        let leave = move |registry: &mut Registry| registry.reports.remove(&key, number);
        Waiter::new(receiver, self, leave)
    }

    pub(super) fn watch_execution(&self, key: ExecutionKey) -> Watcher {
        let (teller, receiver) = Teller::new();
        let behind = Arc::clone(&teller.behind);
        let number = self.lock().executions.add(key.clone(), teller);
        let leave = move |registry: &mut Registry| registry.executions.remove(&key, number);
        Watcher {
            receiver,
            behind,
            _place: Place::new(self, leave),
        }
    }

    pub(super) fn watch_case(&self, case_name: String) -> Watcher {
        let (teller, receiver) = Teller::new();
        let behind = Arc::clone(&teller.behind);
        let number = self.lock().cases.add(case_name.clone(), teller);
        let leave = move |registry: &mut Registry| registry.cases.remove(&case_name, number);
        Watcher {
            receiver,
            behind,
            _place: Place::new(self, leave),
        }
    }

    /// Tells that a signal came. `execution` is the id of the one it reached and
    /// the key that its case declares for the signal.
    pub(super) fn signal(
        &self,
        seen: &Arc<ReceivedSignal>,
        execution: Option<(&str, Option<&str>, Option<Duration>)>,
    ) {
        let registry = &mut *self.lock();
        let event = &seen.event;
        let came = !matches!(
            seen.outcome,
            SignalOutcome::Duplicate | SignalOutcome::Orphan
        );
        if came && !registry.signals.by_key.is_empty() {
            let mut keys = vec![event.key.to_string()];
            if let Some((id, declared, _)) = execution {
                keys.push(crate::model::Json::from(id).to_string());
                keys.extend(declared.map(str::to_owned));
            }
            keys.dedup();
            for key in keys {
                let waited_for = registry.signals.take(&SignalKey {
                    case_name: event.case_name.clone(),
                    signal_name: event.signal_name.clone(),
                    key,
                });
                for sender in waited_for {
                    // One that no longer waits has left.
                    let _ = sender.send(Arrival {
                        seen: Arc::clone(seen),
                        latency: execution.and_then(|(_, _, latency)| latency),
                    });
                }
            }
        }
        if !registry.cases.by_key.is_empty() {
            let seen = Seen::Signal(Arc::clone(seen));
            registry.cases.tell(&event.case_name, &seen);
        }
        if let Some((id, ..)) = execution
            && !registry.executions.by_key.is_empty()
        {
            let key = ExecutionKey::new(&event.case_name, id);
            let seen = Seen::Signal(Arc::clone(seen));
            registry.executions.tell(&key, &seen);
        }
    }

    /// Tells that an execution is finished.
    pub(super) fn finished(&self, finished: &Arc<Finished>) {
        let registry = &mut *self.lock();
        if registry.reports.by_key.is_empty() && registry.executions.by_key.is_empty() {
            return;
        }
        let test = &finished.view.test;
        let key = ExecutionKey::new(&test.case_name, &test.id);
        for sender in registry.reports.take(&key) {
            let _ = sender.send(Arc::clone(finished));
        }
        registry
            .executions
            .tell(&key, &Seen::Finished(Arc::clone(finished)));
    }

    /// Ends every wait and watch.
    pub(super) fn close(&self) {
        *self.lock() = Registry::default();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Leave = Box<dyn FnOnce(&mut Registry) + Send>;

/// A place among those who wait; given up when dropped.
struct Place {
    feed: Feed,
    leave: Option<Leave>,
}

impl Place {
    fn new(feed: &Feed, leave: impl FnOnce(&mut Registry) + Send + 'static) -> Place {
        feed.waiting.fetch_add(1, Ordering::AcqRel);
        Place {
            feed: feed.clone(),
            leave: Some(Box::new(leave)),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(leave) = self.leave.take() {
            leave(&mut self.feed.lock());
        }
        self.feed.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Waits for one thing.
pub(super) struct Waiter<T> {
    receiver: oneshot::Receiver<T>,
    _place: Place,
}

impl<T> Waiter<T> {
    fn new(
        receiver: oneshot::Receiver<T>,
        feed: &Feed,
        leave: impl FnOnce(&mut Registry) + Send + 'static,
    ) -> Self {
        Waiter {
            receiver,
            _place: Place::new(feed, leave),
        }
    }

    /// What was waited for; `None` when the feed was closed.
    pub(super) async fn wait(&mut self) -> Option<T> {
        (&mut self.receiver).await.ok()
    }
}

/// Receives what is seen.
pub struct Watcher {
    receiver: mpsc::Receiver<(usize, Seen)>,
    behind: Arc<AtomicUsize>,
    _place: Place,
}

impl Watcher {
    /// What is seen next; `None` when the watcher was cut off because it is too
    /// slow, or the feed was closed.
    pub async fn next(&mut self) -> Option<Seen> {
        let (bytes, seen) = self.receiver.recv().await?;
        self.behind.fetch_sub(bytes, Ordering::AcqRel);
        Some(seen)
    }
}

#[cfg(test)]
mod tests;
