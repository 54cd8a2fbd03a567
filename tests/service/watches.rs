//! Watches: each report and each change exactly once and in order, however often
//! the watch breaks; an execution from where it is to its report.

use std::collections::{BTreeMap, HashMap};

use livecheck::pb::v1::{
    Case, DeleteCaseRequest, GetExecutionRequest, ListCasesRequest, State, WatchCasesRequest,
    WatchCasesResponse, WatchExecutionRequest, WatchReportsRequest, WatchSignalsRequest,
    watch_cases_response, watch_execution_response::Payload,
};
use proptest::{
    prelude::Rng,
    test_runner::{RngAlgorithm, TestRng},
};

use crate::{
    given::{case, event},
    server::{Clients, Server},
};

fn rng(seed: u8) -> TestRng {
    TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32])
}

/// Follows a watch from a token to the report of `last`, breaking off at random.
/// The ids that it told, by case.
async fn follow(
    clients: Clients,
    mut request: WatchReportsRequest,
    last: &'static str,
    mut rng: TestRng,
) -> HashMap<String, Vec<String>> {
    let mut told: HashMap<String, Vec<String>> = HashMap::new();
    loop {
        let watch = clients.reports.clone().watch_reports(request.clone()).await;
        let mut watch = watch.unwrap().into_inner();
        // The checkpoint at the beginning and some reports; perhaps none.
        for _ in 0..rng.next_u32() % 8 {
            let item = watch.message().await.unwrap().unwrap();
            assert_ne!(item.resume_token, "");
            request.resume_token = item.resume_token;
            let Some(report) = item.report else {
                continue;
            };
            let id = report.test.unwrap().id;
            let ended = id == last;
            told.entry(report.case_name).or_default().push(id);
            if ended {
                return told;
            }
        }
    }
}

#[tokio::test]
async fn every_report_comes_once_and_in_order_whatever_breaks() {
    const REPORTS: usize = 40;
    let server = Server::start().await;
    let clients = server.clients();
    for name in ["orders", "payments"] {
        clients.apply(case(name, &["done"])).await;
    }
    clients.pass("orders", "before").await;
    let all = WatchReportsRequest::default();
    let watch = clients.reports.clone().watch_reports(all.clone()).await;
    let first = watch
        .unwrap()
        .into_inner()
        .message()
        .await
        .unwrap()
        .unwrap();
    let resume_token = first.resume_token;
    let of = |case_name: &str, states: &[State], ok| WatchReportsRequest {
        case_name: case_name.to_owned(),
        states: states.iter().map(|one| i32::from(*one)).collect(),
        ok,
        resume_token: resume_token.clone(),
    };
    let watches = [
        of("", &[], None),
        of("", &[], None),
        of("orders", &[], None),
        of("payments", &[State::Pass], None),
        of("", &[State::Skip], Some(true)),
    ];
    let followers = (1..)
        .zip(watches.clone())
        .map(|(seed, request)| tokio::spawn(follow(server.clients(), request, "last", rng(seed))));
    let followers: Vec<_> = followers.collect();

    let mut wanted: HashMap<String, Vec<(String, State)>> = HashMap::new();
    let mut rng = rng(77);
    for n in 0..REPORTS {
        let name = ["orders", "payments"][rng.next_u32() as usize % 2];
        let (id, state) = (n.to_string(), [State::Pass, State::Skip][n % 2]);
        clients.submit(name, &id).await;
        match state {
            State::Pass => drop(clients.send(event(name, &id, "done")).await),
            _ => cancel(&clients, name, &id).await,
        }
        wanted.entry(name.to_owned()).or_default().push((id, state));
    }
    // The last one is in every watch: it passes in one case, and is cancelled
    // in the other.
    for name in ["orders", "payments"] {
        for state in [State::Skip, State::Pass] {
            let id = match (name, state) {
                ("payments", State::Pass) | ("orders", State::Skip) => "last",
                _ => "before the last",
            };
            clients.submit(name, id).await;
            match state {
                State::Pass => drop(clients.send(event(name, id, "done")).await),
                _ => cancel(&clients, name, id).await,
            }
            wanted
                .entry(name.to_owned())
                .or_default()
                .push((id.to_owned(), state));
        }
    }

    for (request, follower) in watches.into_iter().zip(followers) {
        let told = follower.await.unwrap();
        for (name, wanted) in &wanted {
            if !request.case_name.is_empty() && request.case_name != *name {
                assert_eq!(told.get(name), None);
                continue;
            }
            let among =
                |state: State| request.states.is_empty() || request.states.contains(&state.into());
            let mut wanted: Vec<_> = wanted.iter().filter(|one| among(one.1)).collect();
            // A watch over both ends with the first `last`, that of orders.
            if request.case_name.is_empty() && name == "payments" {
                wanted.retain(|(id, _)| !id.contains("last"));
            } else {
                let end = wanted.iter().position(|(id, _)| id == "last").unwrap();
                wanted.truncate(end + 1);
            }
            let wanted: Vec<_> = wanted.into_iter().map(|(id, _)| id.clone()).collect();
            assert_eq!(told.get(name), Some(&wanted), "{request:?}");
        }
    }
    server.stop().await;
}

async fn cancel(clients: &Clients, case_name: &str, id: &str) {
    let request = livecheck::pb::v1::CancelExecutionRequest {
        case_name: case_name.to_owned(),
        id: id.to_owned(),
        reason: String::new(),
    };
    clients
        .executions
        .clone()
        .cancel_execution(request)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_watch_resumes_over_a_restart() {
    let server = Server::start().await;
    let clients = server.clients();
    clients.apply(case("orders", &["done"])).await;
    let mut request = WatchReportsRequest::default();
    let watch = clients.reports.clone().watch_reports(request.clone()).await;
    let mut watch = watch.unwrap().into_inner();
    request.resume_token = watch.message().await.unwrap().unwrap().resume_token;
    for id in ["a", "b"] {
        clients.pass("orders", id).await;
    }
    let item = watch.message().await.unwrap().unwrap();
    assert_eq!(item.report.unwrap().test.unwrap().id, "a");
    request.resume_token = item.resume_token;
    drop((watch, clients));
    let server = server.restart().await;
    let clients = server.clients();
    clients.pass("orders", "c").await;
    let told = follow(clients, request, "c", rng(5)).await;
    assert_eq!(told["orders"], ["b", "c"]);
    server.stop().await;
}

#[tokio::test]
async fn every_change_of_the_cases_comes_once_whatever_breaks() {
    let server = Server::start().await;
    let clients = server.clients();
    for n in 0..5 {
        clients.apply(case(&format!("case.{n}"), &["done"])).await;
    }
    let watch_from = async |resume_token: &str| {
        let request = WatchCasesRequest {
            resume_token: resume_token.to_owned(),
        };
        let watch = clients.cases.clone().watch_cases(request).await;
        watch.unwrap().into_inner()
    };
    // The cases as they are: no token before the last of them.
    let mut known: BTreeMap<String, Case> = BTreeMap::new();
    let mut watch = watch_from("").await;
    let mut token = String::new();
    while token.is_empty() {
        let item = watch.message().await.unwrap().unwrap();
        token = item.resume_token.clone();
        note(&mut known, item);
    }
    assert_eq!(known.len(), 5);

    let mut rng = rng(3);
    let mut changes = Vec::new();
    for n in 0..40u32 {
        let name = format!("case.{}", rng.next_u32() % 8);
        if rng.next_u32().is_multiple_of(3) {
            let request = DeleteCaseRequest { name: name.clone() };
            if clients.cases.clone().delete_case(request).await.is_ok() {
                changes.push((name, None));
            }
        } else {
            let mut declared = case(&name, &["done"]);
            declared.description = n.to_string();
            clients.apply(declared).await;
            changes.push((name, Some(n.to_string())));
        }
    }
    let mut told = Vec::new();
    while told.len() < changes.len() {
        let mut watch = watch_from(&token).await;
        for _ in 0..rng.next_u32() % 6 {
            if told.len() == changes.len() {
                break;
            }
            let item = watch.message().await.unwrap().unwrap();
            token = item.resume_token.clone();
            told.extend(note(&mut known, item));
        }
    }
    assert_eq!(told, changes);

    // What was told is what there is.
    let listed = clients
        .cases
        .clone()
        .list_cases(ListCasesRequest::default())
        .await;
    let listed = listed.unwrap().into_inner().cases.into_iter();
    let listed: Vec<_> = listed.map(|one| one.case.unwrap()).collect();
    assert_eq!(known.into_values().collect::<Vec<_>>(), listed);
    server.stop().await;
}

/// Takes note of a change: the case's name, and its description unless it is
/// gone.
fn note(
    known: &mut BTreeMap<String, Case>,
    item: WatchCasesResponse,
) -> Option<(String, Option<String>)> {
    match item.payload? {
        watch_cases_response::Payload::Applied(case) => {
            let (name, description) = (case.name.clone(), case.description.clone());
            known.insert(name.clone(), case);
            Some((name, Some(description)))
        }
        watch_cases_response::Payload::Deleted(name) => {
            known.remove(&name);
            Some((name, None))
        }
        watch_cases_response::Payload::Transition(_)
        | watch_cases_response::Payload::Controlled(_) => None,
    }
}

#[tokio::test]
async fn a_watch_of_an_execution_begins_where_it_is_and_ends_with_the_report() {
    let server = Server::start().await;
    let clients = server.clients();
    clients.apply(case("orders", &["one", "two", "done"])).await;
    clients.submit("orders", "a").await;
    clients.send(event("orders", "a", "one")).await;
    let (case_name, id) = ("orders".to_owned(), "a".to_owned());
    let watch = || WatchExecutionRequest {
        case_name: case_name.clone(),
        id: id.clone(),
    };
    let mut executions = clients.executions.clone();
    let mut steps = executions
        .watch_execution(watch())
        .await
        .unwrap()
        .into_inner();
    let mut of_signals = clients.signals.clone();
    let request = WatchSignalsRequest {
        case_name: case_name.clone(),
        id: id.clone(),
    };
    let signals = of_signals.watch_signals(request.clone()).await;
    let mut signals = signals.unwrap().into_inner();
    assert_eq!(signals.message().await.unwrap().unwrap().signal, None);
    let first = steps.message().await.unwrap().unwrap().payload;
    let Some(Payload::Execution(view)) = first else {
        panic!("{first:?}");
    };
    assert_eq!((view.state(), view.signal_count), (State::Init, 1));

    clients.submit("orders", "other").await;
    clients.send(event("orders", "other", "two")).await;
    for name in ["two", "done"] {
        clients.send(event("orders", "a", name)).await;
        for seen in [
            match steps.message().await.unwrap().unwrap().payload {
                Some(Payload::Signal(seen)) => seen,
                other => panic!("{other:?}"),
            },
            signals.message().await.unwrap().unwrap().signal.unwrap(),
        ] {
            assert_eq!(seen.event.unwrap().signal_name, name);
        }
    }
    let last = steps.message().await.unwrap().unwrap().payload;
    let Some(Payload::Report(report)) = last else {
        panic!("{last:?}");
    };
    assert_eq!(report, clients.report("orders", "a").await);
    assert_eq!(steps.message().await.unwrap(), None);
    assert_eq!(signals.message().await.unwrap(), None);

    // One that has ended is told whole.
    let mut steps = executions
        .watch_execution(watch())
        .await
        .unwrap()
        .into_inner();
    let request = GetExecutionRequest {
        case_name: case_name.clone(),
        id: id.clone(),
    };
    let found = executions
        .get_execution(request)
        .await
        .unwrap()
        .into_inner();
    let told = [
        Payload::Execution(found.execution.unwrap()),
        Payload::Report(report),
    ];
    for payload in told {
        let step = steps.message().await.unwrap().unwrap();
        assert_eq!(step.payload, Some(payload));
    }
    assert_eq!(steps.message().await.unwrap(), None);
    server.stop().await;
}
