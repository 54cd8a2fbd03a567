//! Steps of the wall clock: nothing fires early or late for them.

use std::time::Duration;

use chrono::TimeDelta;
use livecheck::{
    clock::Clock,
    model::{State, TestReport},
    node::NodeError,
};
use tokio::time::timeout;

use crate::{
    given::{DEADLINE, case, seconds},
    stepped::Stepped,
};

/// Cases enough for every partition to have one.
const CASES: usize = 12;
/// How long their executions wait for their signal.
const TIMEOUT: i64 = 30;
/// A step of the wall clock.
const HOUR: TimeDelta = TimeDelta::hours(1);

impl Stepped {
    fn step(&self, by: TimeDelta) {
        self.clock.step_wall(self.clock.wall() + by);
    }

    async fn report(&self, n: usize, wait: Duration) -> Result<TestReport, NodeError> {
        let name = name(n);
        let report = self.node().report(&name, "a", wait);
        timeout(DEADLINE, report).await.expect("it is answered")
    }
}

fn name(n: usize) -> String {
    format!("case.{n}")
}

/// Executions that time out after 30 s, the wall clock stepped as `steps` says at
/// each of these seconds.
async fn time_out(partitions: u32, steps: &[(i64, TimeDelta)]) {
    let stepped = Stepped::start(partitions).await;
    for n in 0..CASES {
        let mut declared = case(&name(n), &["done"]);
        declared.signals[0].timeout = seconds(TIMEOUT);
        stepped.node().apply_case(declared, false).await.unwrap();
    }
    let has_cases = |one| stepped.head(one) > 1;
    assert!(stepped.partitions().all(has_cases), "each has a case");
    for n in 0..CASES {
        stepped.submit(&name(n), "a").await;
    }
    let shown = format!("{partitions} partitions, steps {steps:?}");
    for second in 0..TIMEOUT {
        for n in 0..CASES {
            let report = stepped.report(n, Duration::ZERO).await;
            let live = matches!(report, Err(NodeError::ReportNotReady { .. }));
            assert!(live, "{shown}: after {second} s {report:?}");
        }
        let due = steps.iter().filter(|(at, _)| *at == second);
        due.for_each(|(_, by)| stepped.step(*by));
        stepped.second().await;
    }
    for n in 0..CASES {
        let report = stepped.report(n, DEADLINE).await.unwrap();
        assert_eq!(report.state, State::Timeout, "{shown}: {report:?}");
        let runtime = report.runtime.unwrap();
        let wait = Duration::from_secs(TIMEOUT.unsigned_abs());
        let late = runtime.checked_sub(wait).expect("no sooner");
        assert!(late < Duration::from_millis(250), "{shown}: {late:?} late");
        let took = report.concluded_at - report.test.unwrap().timestamp;
        assert_eq!(took.to_std().unwrap(), runtime, "{shown}");
    }
    stepped.close().await;
}

#[tokio::test]
async fn a_steady_clock_fires_in_time() {
    time_out(1, &[]).await;
    time_out(4, &[]).await;
}

#[tokio::test]
async fn a_step_forth_fires_nothing_early() {
    time_out(1, &[(1, HOUR)]).await;
    time_out(4, &[(10, HOUR), (11, HOUR)]).await;
}

#[tokio::test]
async fn a_step_back_fires_nothing_late() {
    time_out(1, &[(29, -HOUR)]).await;
    time_out(4, &[(1, -HOUR), (20, -HOUR)]).await;
}

#[tokio::test]
async fn steps_both_ways_change_nothing() {
    let steps = [
        (2, HOUR),
        (5, -HOUR * 2),
        (6, HOUR),
        (28, -HOUR),
        (29, HOUR),
    ];
    time_out(1, &steps).await;
    time_out(4, &steps).await;
}
