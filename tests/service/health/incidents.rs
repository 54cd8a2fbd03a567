//! A case fails at its limit and recovers by a PASS: the status, the transitions
//! and the reports tell the same.

use livecheck::pb::v1::{
    ControlCaseRequest, IncidentCause, ListCasesRequest, ListExecutionsRequest, ListReportsRequest,
    State, TestReport, TransitionKind, WatchCasesRequest, WatchReportsRequest,
    watch_cases_response::Payload,
};
use prost_types::Timestamp;
use tokio::time::timeout;

use super::{CASE, Day, LIMIT, declared, totals};
use crate::given::{DEADLINE, case, seconds};

#[tokio::test]
async fn a_case_fails_at_its_limit_and_recovers_by_a_pass() {
    let mut case = declared();
    case.state_transition_delay = seconds(60);
    let day = Day::with(case).await;
    let token = day.case_token().await;
    let status = day.status().await;
    assert_eq!(status.state(), State::Init);
    assert_eq!(status.reason, "no execution has passed yet");
    assert_eq!(
        (status.last_test_received, status.last_failure),
        (None, None)
    );

    let passed = day.end("p1", true).await;
    let status = day.status().await;
    assert_eq!(status.state(), State::Pass);
    assert_eq!(status.since, passed.concluded_at);
    assert_eq!(status.reason, "execution p1 passed");
    assert_eq!(status.last_test_received, passed.test.unwrap().timestamp);

    day.fail("f", LIMIT - 1).await;
    day.end("p2", true).await;
    day.fail("g", LIMIT - 1).await;
    let status = day.status().await;
    assert_eq!(
        (status.state(), status.consecutive_failures),
        (State::Pass, 2)
    );
    assert_eq!(status.incident, None);
    day.submit(CASE, "before").await;
    let failed = day.end("limit", false).await;
    let status = day.status().await;
    assert_eq!(
        (status.state(), status.since),
        (State::Fail, failed.concluded_at)
    );
    assert_eq!((status.consecutive_failures, status.total_failures), (3, 5));
    assert_eq!(totals(&status), [(State::Pass, 2), (State::Fail, 5)]);
    let error = failed.error.clone().unwrap();
    let reason = format!("3 failures in a row, the last one FAIL of execution limit: {error}");
    assert_eq!(status.reason, reason);
    let incident = status.incident.unwrap();
    assert_eq!(incident.cause(), IncidentCause::Failed);
    assert_eq!(
        (incident.number, incident.started_at),
        (1, failed.concluded_at)
    );
    let last = status.last_failure.clone().unwrap();
    assert_eq!((last.id.as_str(), last.state()), ("limit", State::Fail));
    assert_eq!((last.at, last.error), (failed.concluded_at, error));

    // Neither a PASS before the delay is over nor one of an execution that is
    // older than the last failure.
    day.end("too soon", true).await;
    let status = day.status().await;
    assert_eq!(
        (status.state(), status.consecutive_failures),
        (State::Fail, 0)
    );
    day.pass_seconds(60).await;
    day.finish("before", true).await;
    let status = day.status().await;
    assert_eq!(
        (status.state(), status.incident),
        (State::Fail, Some(incident))
    );
    let well = day.end("well", true).await;
    let status = day.status().await;
    assert_eq!(
        (status.state(), status.since),
        (State::Pass, well.concluded_at)
    );
    assert_eq!(
        status.reason,
        "well again after 1m 0s: execution well passed"
    );
    assert_eq!((status.incident, status.incidents), (None, 1));
    assert_eq!(
        status.absences.unwrap().count,
        0,
        "the clock was moved well"
    );

    // A page of the cases shows the same.
    let request = ListCasesRequest::default();
    let listed = day.cases.clone().list_cases(request).await;
    let listed = listed.unwrap().into_inner();
    assert_eq!(listed.cases, [day.view().await]);

    let told = day.transitions(&token, 2).await;
    let [began, recovered] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(began.kind(), TransitionKind::IncidentStarted);
    assert_eq!((began.at, &began.reason), (failed.concluded_at, &reason));
    assert_eq!((began.consecutive_failures, began.total_failures), (3, 5));
    assert_eq!(began.incident, Some(incident));
    assert_eq!(recovered.kind(), TransitionKind::Recovered);
    assert_eq!(
        (recovered.at, &recovered.reason),
        (well.concluded_at, &status.reason)
    );
    assert_eq!(recovered.incident, Some(incident));

    // The reports on the case itself are those of the transitions.
    let reports = day.all_reports().await.into_iter();
    let of_case: Vec<_> = reports.filter(|report| report.test.is_none()).collect();
    let of_transitions: Vec<_> = told.iter().filter_map(|one| one.report.clone()).collect();
    assert_eq!(of_case, of_transitions);
    let [began, recovered] = &of_case[..] else {
        panic!("{of_case:?}");
    };
    assert_eq!(
        (began.state(), began.error.as_ref()),
        (State::Fail, Some(&reason))
    );
    assert_eq!(
        (recovered.state(), recovered.error.as_ref()),
        (State::Pass, None)
    );
    let lasted = recovered.runtime.unwrap();
    let (from, to) = (failed.concluded_at.unwrap(), well.concluded_at.unwrap());
    assert_eq!(
        micros(to) - micros(from),
        lasted.seconds * 1_000_000 + i64::from(lasted.nanos / 1000)
    );
    let steps: Vec<_> = recovered.traceback.as_deref().unwrap().lines().collect();
    assert!(steps[0].ends_with(&format!("FAIL: {reason}")), "{steps:?}");
    assert!(
        steps[1].ends_with(&format!("PASS: {}", status.reason)),
        "{steps:?}"
    );
    assert_eq!(steps.len(), 2);
    day.close().await;
}

fn micros(at: Timestamp) -> i64 {
    at.seconds * 1_000_000 + i64::from(at.nanos / 1000)
}

#[tokio::test]
async fn reports_of_incidents_come_once_and_in_order() {
    let day = Day::with(declared()).await;
    let token = day.report_token().await;
    let mut wanted = Vec::new();
    for round in 1..=4 {
        for n in 1..=LIMIT + 1 {
            let id = format!("f{round}.{n}");
            let report = day.end(&id, false).await;
            wanted.push((Some(id), report.state()));
            if n == LIMIT {
                wanted.push((None, State::Fail));
            }
        }
        let id = format!("p{round}");
        day.end(&id, true).await;
        wanted.push((Some(id), State::Pass));
        wanted.push((None, State::Pass));
    }
    for break_after in [1, 2, 3, 1000] {
        let told = told_reports(&day, &token, break_after, None, wanted.len()).await;
        assert_eq!(told.iter().map(named).collect::<Vec<_>>(), wanted);
        assert_eq!(day.all_reports().await, told);
    }
    // By their states.
    let (good, bad): (Vec<_>, Vec<_>) = wanted
        .iter()
        .cloned()
        .partition(|(_, state)| *state == State::Pass);
    let told = told_reports(&day, &token, 2, Some(false), bad.len()).await;
    assert_eq!(told.iter().map(named).collect::<Vec<_>>(), bad);
    let request = ListReportsRequest {
        ok: Some(true),
        page_size: 1000,
        ..ListReportsRequest::default()
    };
    let listed = day.reports.clone().list_reports(request).await.unwrap();
    let listed = listed.into_inner().reports;
    assert_eq!(listed.iter().rev().map(named).collect::<Vec<_>>(), good);

    // They are no executions.
    let request = ListExecutionsRequest {
        page_size: 1000,
        ..ListExecutionsRequest::default()
    };
    let listed = day.executions.clone().list_executions(request).await;
    let listed = listed.unwrap().into_inner().executions.into_iter();
    let listed: Vec<_> = listed.rev().map(|one| one.test.unwrap().id).collect();
    let ids: Vec<_> = wanted.into_iter().filter_map(|(id, _)| id).collect();
    assert_eq!(listed, ids);
    day.close().await;
}

/// Id of a report's execution, if it is about one, and its state.
fn named(report: &TestReport) -> (Option<String>, State) {
    let id = report.test.as_ref().map(|test| test.id.clone());
    (id, report.state())
}

/// So many reports after a token; the watch is broken off after every so many
/// items and resumed.
async fn told_reports(
    day: &Day,
    token: &str,
    break_after: usize,
    ok: Option<bool>,
    count: usize,
) -> Vec<TestReport> {
    let mut request = WatchReportsRequest {
        ok,
        resume_token: token.to_owned(),
        ..WatchReportsRequest::default()
    };
    let reading = async {
        let mut told = Vec::new();
        loop {
            let watch = day.reports.clone().watch_reports(request.clone()).await;
            let mut watch = watch.unwrap().into_inner();
            // The checkpoint at the beginning comes before them.
            for _ in 0..=break_after {
                let item = watch.message().await.unwrap().unwrap();
                request.resume_token = item.resume_token;
                told.extend(item.report);
                if told.len() == count {
                    return told;
                }
            }
        }
    };
    timeout(DEADLINE, reading)
        .await
        .expect("they are told in time")
}

#[tokio::test]
async fn a_watch_tells_the_cases_as_they_are_and_then_each_change_once() {
    const ROUNDS: u32 = 5;
    let day = Day::with(declared()).await;
    let token = day.case_token().await;
    day.fail("f", LIMIT).await;
    day.transitions(&token, 1).await;
    day.apply(case("payments", &["done"])).await;
    let request = WatchCasesRequest::default();
    let watch = day.cases.clone().watch_cases(request).await;
    let mut watch = watch.unwrap().into_inner();
    let mut token = String::new();
    let mut known = Vec::new();
    while token.is_empty() {
        let item = timeout(DEADLINE, watch.message()).await.unwrap();
        let item = item.unwrap().unwrap();
        // The first item is a checkpoint.
        let Some(Payload::Applied(case)) = item.payload else {
            continue;
        };
        let status = item.status.unwrap();
        known.push((case.name, status.state(), status.incidents));
        token = item.resume_token;
    }
    let failed = (CASE.to_owned(), State::Fail, 1);
    assert_eq!(known, [failed, ("payments".to_owned(), State::Init, 0)]);

    let (mut wanted, mut shares, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        day.end(&format!("p{round}"), true).await;
        wanted.push(TransitionKind::Recovered);
        let share = f64::from(round) / 8.0;
        let request = ControlCaseRequest {
            name: CASE.to_owned(),
            probability: Some(share),
            ..ControlCaseRequest::default()
        };
        day.control(request).await.unwrap();
        shares.push(share);
        day.fail(&format!("f{round}."), LIMIT).await;
        wanted.push(TransitionKind::IncidentStarted);
        // With the third incident the case goes back and forth.
        wanted.extend((round == 2).then_some(TransitionKind::FlappingStarted));
        let mut changed = declared();
        changed.description = round.to_string();
        texts.push(changed.description.clone());
        day.apply(changed).await;
    }
    let last = wanted.len() as u64 + 1;
    day.transitions(&token, last).await;
    let end = case("end", &["done"]);
    day.apply(end.clone()).await;
    for break_after in [1, 2, 3, 1000] {
        let ends = |told: &Payload| matches!(told, Payload::Applied(case) if case.name == end.name);
        let mut told = day.changes(&token, break_after, ends).await;
        told.pop();
        let (mut kinds, mut controlled, mut applied) = (Vec::new(), Vec::new(), Vec::new());
        for payload in told {
            match payload {
                Payload::Transition(transition) => {
                    assert_eq!(transition.number, kinds.len() as u64 + 2);
                    kinds.push(transition.kind());
                }
                Payload::Controlled(change) => {
                    controlled.extend(change.control.unwrap().probability);
                }
                Payload::Applied(case) => applied.push(case.description),
                Payload::Deleted(name) => panic!("{name} was not deleted"),
            }
        }
        assert_eq!(kinds, wanted);
        assert_eq!((controlled, applied), (shares.clone(), texts.clone()));
    }
    day.close().await;
}
