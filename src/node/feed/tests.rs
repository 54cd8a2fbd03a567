//! Who is told, and at what cost.

use std::{cell::Cell, hash::Hasher, rc::Rc};

use futures_util::FutureExt;

use super::*;
use crate::model::{Json, SignalEvent, Time};

/// Those who wait, each for another signal.
const WAITERS: usize = 10_000;

fn key(number: usize) -> SignalKey {
    SignalKey {
        case_name: "orders".to_owned(),
        signal_name: "sent".to_owned(),
        key: Json::from(number).to_string(),
    }
}

fn seen(number: usize, outcome: SignalOutcome) -> Arc<ReceivedSignal> {
    Arc::new(ReceivedSignal {
        event: SignalEvent {
            signal_name: "sent".to_owned(),
            case_name: "orders".to_owned(),
            key: Json::from(number),
            value: Json::Null,
        },
        signal_id: String::new(),
        at: Time::UNIX_EPOCH,
        outcome,
        judged: false,
        late_by: None,
        value_dropped: false,
    })
}

/// Tells of a signal, and says which of the waiters have something then.
fn told(feed: &Feed, waiters: &mut [Waiter<Arrival>], seen: &Arc<ReceivedSignal>) -> Vec<usize> {
    feed.signal(seen, None);
    let ready = waiters.iter_mut().enumerate();
    let ready = ready.filter_map(|(number, one)| one.wait().now_or_never().map(|_| number));
    ready.collect()
}

#[test]
fn a_signal_is_told_to_those_who_wait_for_it() {
    let feed = Feed::default();
    let mut waiters: Vec<_> = (0..WAITERS).map(|n| feed.wait_signal(key(n))).collect();
    waiters.push(feed.wait_signal(key(7)));
    for nothing_new in [SignalOutcome::Duplicate, SignalOutcome::Orphan] {
        assert!(told(&feed, &mut waiters, &seen(7, nothing_new)).is_empty());
    }
    let seven = seen(7, SignalOutcome::Early);
    assert_eq!(told(&feed, &mut waiters, &seven), [7, WAITERS]);
    assert_eq!(Arc::strong_count(&seven), 1, "nobody else holds it");
    assert_eq!(feed.lock().signals.by_key.len(), WAITERS - 1);
}

#[test]
fn who_leaves_is_forgotten_alone() {
    let feed = Feed::default();
    let (first, mut second) = (feed.wait_signal(key(7)), feed.wait_signal(key(7)));
    drop(first);
    feed.signal(&seen(7, SignalOutcome::Early), None);
    assert!(second.wait().now_or_never().flatten().is_some());
    drop(second);
    assert!(feed.is_idle());

    let waiters: Vec<_> = (0..WAITERS).map(|n| feed.wait_signal(key(n))).collect();
    assert!(!feed.is_idle());
    drop(waiters);
    assert!(feed.is_idle());
    assert!(feed.lock().signals.by_key.is_empty());
}

/// A key that counts how often it is compared.
#[derive(Clone)]
struct Compared(usize, Rc<Cell<usize>>);

impl PartialEq for Compared {
    fn eq(&self, other: &Self) -> bool {
        self.1.set(self.1.get() + 1);
        self.0 == other.0
    }
}

impl Eq for Compared {}

impl Hash for Compared {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[test]
fn who_waits_is_looked_up_not_searched() {
    let compared = Rc::new(Cell::new(0));
    let key = |number| Compared(number, Rc::clone(&compared));
    let mut waiting = Waiting::default();
    for number in 0..WAITERS {
        waiting.add(key(number), number);
    }
    compared.set(0);
    assert_eq!(waiting.take(&key(5000)).collect::<Vec<_>>(), [5000]);
    assert_eq!(waiting.take(&key(WAITERS)).count(), 0);
    // The one that is there, and any whose hashes begin alike by chance.
    assert!((1..100).contains(&compared.get()), "{compared:?}");
}

#[tokio::test]
async fn a_watcher_is_cut_off_when_it_is_too_many_bytes_behind() {
    const ITEMS: usize = 100;
    let feed = Feed::default();
    for (bytes, kept) in [(1 << 10, ITEMS), (1 << 20, 15), (WATCHER_BYTES, 1)] {
        let seen = Arc::new(ReceivedSignal {
            event: SignalEvent {
                signal_name: "sent".to_owned(),
                case_name: "orders".to_owned(),
                key: Json::from("a"),
                value: Json::from("x".repeat(bytes)),
            },
            signal_id: String::new(),
            at: Time::default(),
            outcome: SignalOutcome::Early,
            judged: false,
            late_by: None,
            value_dropped: false,
        });
        let mut slow = feed.watch_case("orders".to_owned());
        let mut quick = feed.watch_case("orders".to_owned());
        for _ in 0..ITEMS {
            feed.signal(&seen, None);
            assert!(quick.next().await.is_some());
        }
        let mut told = 0;
        while slow.behind.load(Ordering::Acquire) > 0 && slow.next().await.is_some() {
            told += 1;
        }
        assert_eq!(told, kept, "{bytes}");
        if kept < ITEMS {
            assert!(slow.next().await.is_none());
        }
    }
}
