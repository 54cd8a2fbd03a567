//! The server is suspended under load, as when a machine sleeps or a container
//! is frozen: no execution times out and no case stalls because of it.
//!
//! `LIVECHECK_SUSPEND_SECONDS` says for how long.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use livecheck::pb::v1::{
    Absences, Case, Signal, State, TestReport, TransitionKind, WatchCasesRequest,
    watch_cases_response::Payload,
};
use rustix::process::{Signal as ProcessSignal, kill_process};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinSet, time::timeout};

use crate::{
    DEADLINE,
    clients::{Clients, case, event},
    number,
    server::Server,
};

/// Its signals come as they should, before, while and after.
const BUSY: &str = "durability.busy";
/// One of its signals comes only after the server is back, in time.
const PATIENT: &str = "durability.patient";
/// Its signals would have to come while the server is away.
const SILENT: &str = "durability.silent";
/// It passes only if a signal does not come while the server is away.
const NEVER: &str = "durability.never";
/// No execution of it comes again.
const QUIET: &str = "durability.quiet";
const CASES: [&str; 5] = [BUSY, PATIENT, SILENT, NEVER, QUIET];
const CALLERS: u64 = 4;
/// Live executions of each case, when the server is suspended.
const LIVE: u64 = 100;
/// A gap of the clock that is no absence yet.
const NO_ABSENCE: Duration = Duration::from_secs(3);
/// How far what the test sees and what the server records may be apart.
const SLACK: Duration = Duration::from_secs(1);

/// A case that stalls after so long.
fn stalling(mut case: Case, stalled_after: Duration) -> Case {
    case.warn_stalled_after = Some(stalled_after.try_into().unwrap());
    case.max_consecutive_failures = Some(1);
    case
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_times_out_or_stalls_because_the_server_was_suspended() {
    let suspended = Duration::from_secs(number("LIVECHECK_SUSPEND_SECONDS", 10));
    // Shorter than that, and long enough for what comes before it.
    let short = (suspended / 2).min(Duration::from_secs(30));
    let stalled_after = (suspended * 3 / 4).min(Duration::from_secs(60));
    let long = suspended + DEADLINE;
    assert!(short > NO_ABSENCE, "suspend it for longer");

    let data = TempDir::new().unwrap();
    let server = Server::start(data.path()).await;
    let mut clients = server.clients().await;
    let never = Signal {
        name: "never".to_owned(),
        min: Some(0),
        max: Some(0),
        at_start: true,
        timeout: Some(short.try_into().unwrap()),
        ..Signal::default()
    };
    let mut with_never = case(NEVER, &["sent"], short);
    with_never.signals.push(never);
    for declared in [
        case(BUSY, &["first", "second"], short),
        case(PATIENT, &["first", "second"], long),
        case(SILENT, &["sent"], short),
        with_never,
        case(QUIET, &["sent"], short),
    ] {
        clients.apply(stalling(declared, stalled_after)).await;
    }
    let token = clients.case_token().await;
    clients.submit(QUIET, "only").await.unwrap();
    clients.signal(event(QUIET, "only", "sent")).await.unwrap();
    assert_eq!(clients.report(QUIET, "only").await.state(), State::Pass);

    let ended = watch::Sender::new(0_u64);
    let stop = watch::Sender::new(false);
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (clients, ended) = (server.clients().await, ended.clone());
        callers.spawn(call(clients, caller, ended, stop.subscribe()));
    }
    let ids: Vec<_> = (0..LIVE).map(|one| format!("live-{one}")).collect();
    for name in [PATIENT, SILENT, NEVER] {
        clients.submit_all(name, ids.iter().cloned()).await;
    }
    for (name, signal) in [(PATIENT, "first"), (NEVER, "sent")] {
        let events = ids.iter().map(|id| event(name, id, signal)).collect();
        let (acknowledged, failed) = clients.stream(events).await;
        assert_eq!((acknowledged, failed.is_none()), (LIVE, true), "{failed:?}");
    }
    let mut calls = ended.subscribe();
    let under_load = calls.wait_for(|calls| *calls >= 50);
    timeout(DEADLINE, under_load).await.unwrap().unwrap();

    let stopped_at = SystemTime::now();
    kill_process(server.pid(), ProcessSignal::STOP).unwrap();
    let before = *ended.borrow();
    // Not a wait for anything: so long a suspension is what is tested.
    tokio::time::sleep(suspended).await;
    kill_process(server.pid(), ProcessSignal::CONT).unwrap();
    let continued_at = SystemTime::now();

    let events = ids.iter().map(|id| event(PATIENT, id, "second")).collect();
    let (acknowledged, failed) = clients.stream(events).await;
    assert_eq!((acknowledged, failed.is_none()), (LIVE, true), "{failed:?}");
    // The last tick before it may have been a while ago, but was no absence.
    let mut back = SystemTime::now();
    for name in CASES {
        let absences = clients.status(name).await.absences.unwrap();
        let (began, end) = span(&absences);
        assert!(began <= stopped_at + SLACK, "{name}: {absences:?}");
        assert!(
            began + NO_ABSENCE + SLACK >= stopped_at,
            "{name}: {absences:?}"
        );
        assert!(end + SLACK >= continued_at, "{name}: {absences:?}");
        back = back.min(end);
    }
    let mut calls = ended.subscribe();
    let goes_on = calls.wait_for(|calls| *calls >= before + 100);
    timeout(DEADLINE, goes_on).await.unwrap().unwrap();
    stop.send_replace(true);
    let busy: Vec<_> = callers.join_all().await.into_iter().flatten().collect();
    println!("{} busy executions, {before} before", busy.len());

    let reports = clients.reports_of(PATIENT, &ids).await;
    check(&reports, |state| state == State::Pass);
    for name in [SILENT, NEVER] {
        let reports = clients.reports_of(name, &ids).await;
        check(&reports, |state| state == State::Skip);
    }
    let reports = clients.reports_of(BUSY, &busy).await;
    check(&reports, |state| matches!(state, State::Pass | State::Skip));

    for name in CASES {
        let status = clients.status(name).await;
        assert_eq!(status.total_failures, 0, "{status:?}");
    }
    // No case stalls before the silence has lasted anew.
    let stalls = timeout(2 * DEADLINE, clients.stalls(&token, QUIET)).await;
    for (case_name, stalled) in stalls.expect("a case stalls once it is silent") {
        assert!(stalled >= back + stalled_after, "{case_name}: {stalled:?}");
    }
    println!("suspended for {suspended:?}, {short:?} to come and {stalled_after:?} to stall");
    server.stop().await;
}

/// What has come to an end is what it should be, and says why.
fn check(reports: &HashMap<String, TestReport>, expected: impl Fn(State) -> bool) {
    let mut passed = 0;
    for (id, report) in reports {
        assert!(expected(report.state()), "{id}: {report:?}");
        let error = report.error.as_deref().unwrap_or_default();
        let away = error.starts_with("Skipped: the server was away until ");
        assert_eq!(away, report.state() == State::Skip, "{id}: {error}");
        passed += u64::from(report.state() == State::Pass);
    }
    assert!(!reports.is_empty());
    let name = reports.values().next().map(|report| &report.case_name);
    println!(
        "{name:?}: {passed} of {} passed, the others are in doubt",
        reports.len()
    );
}

fn span(absences: &Absences) -> (SystemTime, SystemTime) {
    let began = absences.last_began.unwrap().try_into().unwrap();
    (began, absences.last_ended.unwrap().try_into().unwrap())
}

/// Submits and signals until it is told to stop: the ids of what was submitted.
async fn call(
    mut clients: Clients,
    caller: u64,
    ended: watch::Sender<u64>,
    stop: watch::Receiver<bool>,
) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0_u64.. {
        if *stop.borrow() {
            break;
        }
        let id = format!("{caller}-{number}");
        clients.submit(BUSY, &id).await.unwrap();
        for signal in ["first", "second"] {
            clients.signal(event(BUSY, &id, signal)).await.unwrap();
        }
        ids.push(id);
        ended.send_modify(|ended| *ended += 1);
    }
    ids
}

impl Clients {
    /// The cases whose first transition after a token is told, up to this one,
    /// and when: each is that it stalls.
    async fn stalls(&mut self, token: &str, last: &str) -> Vec<(String, SystemTime)> {
        let request = WatchCasesRequest {
            resume_token: token.to_owned(),
        };
        let mut watch = self.cases.watch_cases(request).await.unwrap().into_inner();
        let mut stalls = Vec::new();
        loop {
            let item = watch.message().await.unwrap().unwrap();
            let Some(Payload::Transition(one)) = item.payload else {
                continue;
            };
            let kind = (one.kind(), one.state());
            let stall = (TransitionKind::IncidentStarted, State::Stall);
            assert_eq!(kind, stall, "{one:?}");
            let ends = one.case_name == last;
            stalls.push((one.case_name, one.at.unwrap().try_into().unwrap()));
            if ends {
                return stalls;
            }
        }
    }
}
