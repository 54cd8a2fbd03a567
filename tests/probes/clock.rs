//! The schedule by a clock that the test moves.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use http::StatusCode;
use livecheck::{
    archive::Archive,
    clock::{Clock as _, ManualClock},
    journal::{Journal, MemoryJournal},
    node::{Node, NodeOptions, Reply},
    probe,
};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::{
    http_target::Target,
    livecheck::{LONG, case, duration, get, probe_of},
};

const HOUR: Duration = Duration::from_secs(3600);
/// From the start of the clock to the first slot of an hourly probe of the case
/// `orders`: the clock starts 1600 s into an hour, and the name has its slots
/// 394.988291 s into each.
const FIRST_SLOT: Duration = Duration::from_micros(2_394_988_291);

fn move_to(clock: &ManualClock, time: Duration) {
    clock.advance(time.checked_sub(clock.boot()).expect("time goes on"));
}

/// Waits until so many probes of a case are noted, which is the last that they
/// do: on one thread they have ended by then.
async fn probed(node: &Node, name: &str, probes: u64) {
    let noted = async {
        loop {
            let probe = node.case_view(name).unwrap().status().probe;
            match probe.map_or(0, |probe| probe.probes) {
                noted if noted < probes => tokio::task::yield_now().await,
                noted => return noted,
            }
        }
    };
    assert_eq!(timeout(LONG, noted).await.unwrap(), probes);
}

#[tokio::test]
async fn slots_are_kept_and_those_that_passed_unseen_are_skipped() {
    let (mut target, mut each_second) = (Target::start().await, Target::start().await);
    let directory = TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::fixed());
    let start = clock.wall();
    let journal: Arc<dyn Journal<Reply>> = Arc::new(MemoryJournal::new(2, clock.clone(), 1000));
    let archive = Archive::open(&directory.path().join("archive"), journal.id(), 2).unwrap();
    let opened = Node::open(journal, archive, clock.clone(), NodeOptions::default());
    let opened = opened.await.unwrap();
    let node = opened.node.clone();

    let mut declared = case("orders", get(target.url("/")));
    probe_of(&mut declared).frequency = Some(duration(HOUR));
    node.apply_case(declared, false).await.unwrap();
    let seconds = case("seconds", get(each_second.url("/")));
    node.apply_case(seconds, false).await.unwrap();
    let probing = probe::start(node.clone());
    // It looks at the cases when it first runs.
    tokio::task::yield_now().await;

    let mut each_probes = 0;
    for (probes, (slot, step_wall)) in (1..).zip([(0, 0), (1, 5), (2, -9), (13, 0), (14, 0)]) {
        if slot == 13 {
            // Suspended: the time goes on, the slots pass. That the schedule has
            // been looked at shows by the other probe.
            move_to(&clock, FIRST_SLOT + HOUR * 12 + Duration::from_secs(2));
            each_second.call().await.answer(StatusCode::OK);
            each_probes += 1;
            probed(&node, "seconds", each_probes).await;
            assert!(!target.is_called());
        }
        clock.step_wall(clock.wall() + TimeDelta::hours(step_wall));
        let due = FIRST_SLOT + HOUR * slot;
        move_to(&clock, due);
        let call = target.call().await;
        let submitted = call.test().timestamp() - start;
        let late = submitted.to_std().unwrap().checked_sub(due);
        let late = late.expect("it was submitted when it was due");
        assert!(late < Duration::from_secs(1), "{late:?}");
        call.answer(StatusCode::OK);
        each_second.call().await.answer(StatusCode::OK);
        each_probes += 1;
        probed(&node, "orders", probes).await;
        probed(&node, "seconds", each_probes).await;
    }

    node.end_waits();
    probing.await.unwrap();
    opened.close(Instant::now() + LONG);
}
