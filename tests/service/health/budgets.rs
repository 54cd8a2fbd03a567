//! Limits on executions beside the probability, and what is counted without an
//! event of its own.

use livecheck::{
    node::NodeOptions,
    pb::v1::{
        Sampling, SamplingTotals, SignalEvent, SignalOutcome, SubmitExecutionRequest, TestExecution,
    },
};
use tonic::{Code, Status};

use super::{CASE, Day, declared};
use crate::given::submission;

impl Day {
    /// Submits by the probability: the execution, if it was sampled.
    async fn offer(&self, id: &str) -> Result<Option<TestExecution>, Status> {
        let request = SubmitExecutionRequest {
            sampling: Sampling::ByProbability.into(),
            ..submission(CASE, id)
        };
        let answer = self.executions.clone().submit_execution(request).await?;
        Ok(answer.into_inner().test)
    }

    async fn sampled(&self, ids: &[&str]) -> Vec<String> {
        let mut sampled = Vec::new();
        for id in ids {
            sampled.extend(self.offer(id).await.unwrap().map(|test| test.id));
        }
        sampled
    }
}

#[tokio::test]
async fn no_more_executions_a_second_than_the_case_allows() {
    let mut case = declared();
    case.probability = Some(1.0);
    case.max_executions_per_second = Some(2.0);
    let day = Day::with(case).await;
    assert_eq!(day.sampled(&["a", "b", "c", "d"]).await, ["a", "b"]);
    // Told to be sampled always, and what is known already.
    let always = day.submit(CASE, "always").await;
    assert_eq!(day.submit(CASE, "always").await, always);
    let again = day.offer("a").await.unwrap().unwrap();
    let first = day.submit(CASE, "a").await;
    assert_eq!(again, first);
    let sampling = day.status().await.sampling.unwrap();
    let wanted = SamplingTotals {
        sampled: 3,
        over_rate: 2,
        share: Some(3.0 / 5.0),
        ..SamplingTotals::default()
    };
    assert_eq!(sampling, wanted);
    day.finish("a", true).await;
    day.pass_seconds(1).await;
    assert_eq!(
        day.offer("a").await.unwrap(),
        Some(first),
        "ended, and the same"
    );
    assert_eq!(day.sampled(&["c", "d", "e"]).await, ["c", "d"]);
    day.pass_seconds(60).await;
    // No more is saved up than a second's.
    assert_eq!(day.sampled(&["f", "g", "h"]).await, ["f", "g"]);
    let sampling = day.status().await.sampling.unwrap();
    assert_eq!((sampling.sampled, sampling.over_rate), (7, 4));
    day.close().await;
}

#[tokio::test]
async fn no_more_live_executions_than_the_case_allows() {
    let mut case = declared();
    case.probability = Some(1.0);
    case.max_live_executions = Some(2);
    let day = Day::with(case).await;
    assert_eq!(day.sampled(&["a", "b", "c"]).await, ["a", "b"]);
    let first = day.offer("a").await.unwrap();
    assert_eq!(first, Some(day.submit(CASE, "a").await));
    day.submit(CASE, "always").await;
    day.finish("a", true).await;
    assert_eq!(day.sampled(&["c"]).await, [""; 0], "two are live still");
    day.finish("always", true).await;
    assert_eq!(day.sampled(&["c", "d"]).await, ["c"]);
    assert_eq!(day.view().await.live_executions, 2);
    let wanted = SamplingTotals {
        sampled: 4,
        over_live: 3,
        share: Some(4.0 / 7.0),
        ..SamplingTotals::default()
    };
    assert_eq!(day.status().await.sampling, Some(wanted));
    day.close().await;
}

#[tokio::test]
async fn what_has_no_event_of_its_own_is_counted_within_a_second() {
    let mut case = declared();
    case.probability = Some(0.0);
    let options = NodeOptions {
        max_live_executions: 1,
        ..NodeOptions::default()
    };
    let day = Day::limited(case, options).await;
    for n in 0..7 {
        assert_eq!(day.offer(&n.to_string()).await.unwrap(), None);
    }
    let keyless = || SignalEvent {
        signal_name: "done".to_owned(),
        case_name: CASE.to_owned(),
        ..SignalEvent::default()
    };
    for _ in 0..5 {
        assert_eq!(day.send(keyless()).await, SignalOutcome::Ignored);
    }
    day.submit(CASE, "live").await;
    for n in 0..3 {
        let request = submission(CASE, &n.to_string());
        let refused = day.executions.clone().submit_execution(request).await;
        assert_eq!(refused.unwrap_err().code(), Code::ResourceExhausted);
    }
    let status = day.settled().await;
    let wanted = SamplingTotals {
        sampled: 1,
        not_sampled: 7,
        refused: 3,
        share: Some(1.0 / 11.0),
        ..SamplingTotals::default()
    };
    assert_eq!(status.sampling, Some(wanted));
    assert_eq!(status.signals.unwrap().ignored, 5);
    day.close().await;
}
