//! Waits: none ends before its deadline, whatever else comes meanwhile, and what
//! comes wakes only those who wait for it.

use std::{
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use chrono::TimeDelta;
use futures_util::FutureExt;
use livecheck::{
    model::{Json, SignalEvent, SignalOutcome, Signalled, State},
    node::NodeError,
};
use tokio::{
    task::{JoinHandle, yield_now},
    time::{self, timeout},
};

use crate::{
    given::{DEADLINE, case, seconds},
    stepped::Stepped,
};

/// How long is waited, in seconds.
const TIMEOUT: i64 = 30;
const MILLISECOND: Duration = Duration::from_millis(1);
/// Calls that wait at once.
const WAITERS: usize = 10_000;

/// Signals that nobody waits for: each differs from the one that is waited for,
/// `done` of `a` in `orders`, in one of the three.
const UNRELATED: [(&str, &str, &str); 3] = [
    ("orders", "b", "done"),
    ("orders", "a", "step"),
    ("others", "a", "done"),
];

/// A node with two cases, each with signals of its own.
async fn node() -> Stepped {
    let stepped = Stepped::start(1).await;
    for name in ["orders", "others"] {
        let declared = case(name, &["done", "step"]);
        stepped.node().apply_case(declared, false).await.unwrap();
    }
    stepped
}

async fn send(stepped: &Stepped, (case_name, key, name): (&str, &str, &str), value: i64) {
    let signal = Signalled {
        event: SignalEvent {
            signal_name: name.to_owned(),
            case_name: case_name.to_owned(),
            key: Json::from(key),
            value: Json::from(value),
        },
        signal_id: String::new(),
    };
    let taken = stepped.node().signal(signal).unwrap();
    let (outcome, _) = taken.outcome().await.unwrap();
    assert_ne!(outcome, SignalOutcome::Duplicate);
}

/// Awaits without letting the runtime idle, which would move its paused clock.
async fn busily<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Some(done) = future.as_mut().now_or_never() {
            return done;
        }
        yield_now().await;
    }
}

#[tokio::test]
async fn calls_wait_as_long_as_they_say() {
    let stepped = node().await;
    stepped.submit("orders", "live").await;
    let node = stepped.node().clone();
    let (wait, key) = (secs(TIMEOUT), Json::from("a"));
    time::pause();
    let mut signal = pin!(node.wait_signal("orders", "done", &key, wait));
    let mut report = pin!(node.report("orders", "live", wait));
    for tenth in 0..10 * TIMEOUT {
        assert!(signal.as_mut().now_or_never().is_none(), "{tenth}");
        assert!(report.as_mut().now_or_never().is_none(), "{tenth}");
        for unrelated in UNRELATED {
            busily(send(&stepped, unrelated, tenth)).await;
        }
        let last = tenth == 10 * TIMEOUT - 1;
        let step = Duration::from_millis(if last { 99 } else { 100 });
        time::advance(step).await;
    }
    assert!(signal.as_mut().now_or_never().is_none());
    assert!(report.as_mut().now_or_never().is_none());
    // To the deadline; the timer tells whole milliseconds.
    time::advance(2 * MILLISECOND).await;
    let signal = signal.now_or_never().expect("it is over");
    assert!(matches!(signal, Err(NodeError::WaitTimedOut(_))));
    let report = report.now_or_never().expect("it is over");
    assert!(matches!(report, Err(NodeError::WaitTimedOut(_))));
    time::resume();
    stepped.close().await;
}

#[tokio::test]
async fn a_declared_wait_lasts_as_long_as_its_case_says() {
    let stepped = node().await;
    let mut declared = case("orders", &["done", "step"]);
    declared.signals[0].timeout = seconds(TIMEOUT);
    stepped.node().apply_case(declared, false).await.unwrap();
    let test = stepped.submit("orders", "a").await;
    let deadline = test.timestamp + TimeDelta::seconds(TIMEOUT);
    let is_live = async |value: i64| {
        for unrelated in UNRELATED {
            send(&stepped, unrelated, value).await;
        }
        let report = stepped.node().report("orders", "a", Duration::ZERO).await;
        matches!(report, Err(NodeError::ReportNotReady { .. }))
    };
    for second in 0..TIMEOUT - 1 {
        assert!(is_live(second).await, "after {second} s");
        stepped.second().await;
    }
    // What comes now takes its place well within the millisecond.
    stepped.advance_to(deadline - TimeDelta::milliseconds(1));
    assert!(is_live(TIMEOUT).await, "a millisecond before its deadline");
    stepped.advance_to(deadline);
    let report = stepped
        .node()
        .report("orders", "a", DEADLINE)
        .await
        .unwrap();
    assert_eq!(report.state, State::Timeout, "{report:?}");
    assert_eq!(report.runtime, Some(secs(TIMEOUT)));
    assert_eq!(report.concluded_at, deadline);
    stepped.close().await;
}

#[tokio::test]
async fn a_signal_wakes_only_who_waits_for_it() {
    let stepped = node().await;
    let polls = Arc::new(AtomicUsize::new(0));
    let mut waits = Vec::new();
    for number in 0..WAITERS {
        let node = stepped.node().clone();
        waits.push(counted(&polls, async move {
            let key = Json::from(format!("key-{number}"));
            let arrived = node.wait_signal("orders", "done", &key, DEADLINE).await;
            arrived.map(|arrived| arrived.seen.event.key.clone())
        }));
    }
    until_polled(&polls, WAITERS).await;

    for unrelated in UNRELATED {
        send(&stepped, unrelated, 0).await;
    }
    send(&stepped, ("orders", "key-5000", "done"), 0).await;
    let woken = waits.swap_remove(5000).await.unwrap().unwrap();
    assert_eq!(woken, Json::from("key-5000"));
    check_polls(&polls, WAITERS + 1).await;
    stepped.close().await;
}

#[tokio::test]
async fn a_report_wakes_only_who_waits_for_it() {
    const EXECUTIONS: usize = 1000;
    let stepped = node().await;
    let polls = Arc::new(AtomicUsize::new(0));
    let mut waits = Vec::new();
    for number in 0..EXECUTIONS {
        let id = format!("id-{number}");
        stepped.submit("orders", &id).await;
        let node = stepped.node().clone();
        waits.push(counted(&polls, async move {
            let report = node.report("orders", &id, DEADLINE).await?;
            Ok(report.test.unwrap().id)
        }));
    }
    until_polled(&polls, EXECUTIONS).await;

    for unrelated in UNRELATED {
        send(&stepped, unrelated, 0).await;
    }
    for name in ["step", "done"] {
        send(&stepped, ("orders", "id-500", name), 0).await;
    }
    let woken = waits.swap_remove(500).await.unwrap().unwrap();
    assert_eq!(woken, "id-500");
    check_polls(&polls, EXECUTIONS + 1).await;
    stepped.close().await;
}

/// Spawns a call and counts how often it is polled.
fn counted<T: Send + 'static>(
    polls: &Arc<AtomicUsize>,
    call: impl Future<Output = Result<T, NodeError>> + Send + 'static,
) -> JoinHandle<Result<T, NodeError>> {
    tokio::spawn(Counted {
        call: Box::pin(call),
        polls: Arc::clone(polls),
    })
}

struct Counted<T> {
    call: Pin<Box<dyn Future<Output = T> + Send>>,
    polls: Arc<AtomicUsize>,
}

impl<T> Future for Counted<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        self.polls.fetch_add(1, Ordering::Relaxed);
        self.call.as_mut().poll(context)
    }
}

/// Waits until each of so many calls has been polled, and so waits.
async fn until_polled(polls: &AtomicUsize, calls: usize) {
    let polled = async {
        while polls.load(Ordering::Relaxed) < calls {
            yield_now().await;
        }
    };
    timeout(DEADLINE, polled).await.expect("all are polled");
    assert_eq!(polls.load(Ordering::Relaxed), calls);
}

/// Lets every task that was woken have its turn, and counts.
async fn check_polls(polls: &AtomicUsize, expected: usize) {
    // Those that were woken stand before this one in the runtime's queue.
    yield_now().await;
    assert_eq!(polls.load(Ordering::Relaxed), expected);
}

fn secs(seconds: i64) -> Duration {
    Duration::from_secs(seconds.unsigned_abs())
}
