//! Pages: every item exactly once, whatever comes meanwhile, and tokens that are
//! taken only where they were given.

use std::collections::{BTreeMap, BTreeSet};

use livecheck::{
    convert::value::json_to_pb,
    pb::v1::{
        Case, Contract, ListCasesRequest, ListExecutionsRequest, ListReportsRequest, Signal, State,
        SubmitExecutionRequest, TestReport,
    },
};
use serde_json::json;
use tonic::Code;

use crate::{
    given::{case, contract, signal, submission},
    refusal::Refused,
    server::{Clients, Server},
};

async fn reports(clients: &Clients, page_size: i32, token: &str) -> (Vec<TestReport>, String) {
    let request = ListReportsRequest {
        page_size,
        page_token: token.to_owned(),
        ..ListReportsRequest::default()
    };
    let page = clients.reports.clone().list_reports(request).await;
    let page = page.unwrap().into_inner();
    (page.reports, page.next_page_token)
}

fn id_of(report: TestReport) -> String {
    report.test.unwrap().id
}

#[tokio::test]
async fn every_report_is_listed_once_while_new_ones_come() {
    let server = Server::start().await;
    let clients = server.clients();
    for name in ["orders", "payments"] {
        clients.apply(case(name, &["done"])).await;
    }
    let names = ["orders", "payments"];
    for n in 0..21 {
        clients.pass(names[n % 2], &format!("old-{n}")).await;
    }
    for page_size in [2, 7, 50] {
        let (mut seen, mut token, mut new) = (Vec::new(), String::new(), 0);
        loop {
            let (page, next) = reports(&clients, page_size, &token).await;
            assert!(page.len() <= page_size as usize);
            let ordered = page.is_sorted_by_key(|one| {
                let at = one.concluded_at.unwrap();
                std::cmp::Reverse((at.seconds, at.nanos))
            });
            assert!(ordered);
            seen.extend(page.into_iter().map(id_of));
            if next.is_empty() {
                break;
            }
            token = next;
            new += 1;
            clients
                .pass("orders", &format!("new-{page_size}-{new}"))
                .await;
        }
        let all = seen.len();
        let distinct: BTreeSet<_> = seen.into_iter().collect();
        assert_eq!(distinct.len(), all, "page size {page_size}");
        let old = distinct.iter().filter(|id| id.starts_with("old-"));
        assert_eq!(old.count(), 21, "page size {page_size}");
    }
    server.stop().await;
}

#[tokio::test]
async fn every_execution_is_listed_once_while_they_end() {
    let server = Server::start().await;
    let clients = server.clients();
    clients.apply(case("orders", &["done"])).await;
    for n in 0..30 {
        clients.submit("orders", &format!("{n:02}")).await;
    }
    let (mut seen, mut token) = (Vec::new(), String::new());
    for n in 0.. {
        let request = ListExecutionsRequest {
            page_size: 4,
            page_token: token,
            ..ListExecutionsRequest::default()
        };
        let page = clients.executions.clone().list_executions(request).await;
        let page = page.unwrap().into_inner();
        let tests = page.executions.into_iter().map(|one| one.test.unwrap());
        seen.extend(tests.map(|test| test.id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
        // Some that were told, some that are to be, and one that is new.
        for id in [n, 29 - n] {
            let id = format!("{id:02}");
            clients
                .send(crate::given::event("orders", &id, "done"))
                .await;
            clients.report("orders", &id).await;
        }
        clients.submit("orders", &format!("new-{n}")).await;
    }
    let wanted: Vec<_> = (0..30).rev().map(|n| format!("{n:02}")).collect();
    assert_eq!(seen, wanted);
    server.stop().await;
}

#[tokio::test]
async fn every_case_is_listed_once() {
    let server = Server::start().await;
    let clients = server.clients();
    for n in 0..23 {
        clients
            .apply(case(&format!("case.{n:02}"), &["done"]))
            .await;
    }
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let request = ListCasesRequest {
            page_size: 5,
            page_token: token,
        };
        let page = clients
            .cases
            .clone()
            .list_cases(request)
            .await
            .unwrap()
            .into_inner();
        seen.extend(page.cases.into_iter().map(|one| one.case.unwrap().name));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
        clients
            .apply(case(&format!("before.{}", seen.len()), &[]))
            .await;
    }
    let wanted: Vec<_> = (0..23).map(|n| format!("case.{n:02}")).collect();
    assert_eq!(seen, wanted);
    server.stop().await;
}

#[tokio::test]
async fn a_token_is_taken_only_for_its_own_list() {
    let server = Server::start().await;
    let clients = server.clients();
    for n in 0..3 {
        clients.apply(case(&format!("case.{n}"), &["done"])).await;
        clients.pass(&format!("case.{n}"), "a").await;
    }
    let of_reports = reports(&clients, 1, "").await.1;
    let request = ListExecutionsRequest {
        page_size: 1,
        ..ListExecutionsRequest::default()
    };
    let page = clients.executions.clone().list_executions(request).await;
    let of_executions = page.unwrap().into_inner().next_page_token;
    let request = ListCasesRequest {
        page_size: 1,
        ..ListCasesRequest::default()
    };
    let page = clients.cases.clone().list_cases(request).await;
    let of_cases = page.unwrap().into_inner().next_page_token;
    for token in [&of_reports, &of_executions, &of_cases] {
        assert_ne!(token, "");
    }

    let flipped = {
        let mut bytes = of_reports.clone().into_bytes();
        bytes[3] = if bytes[3] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    let wrong = [
        "x".to_owned(),
        "\u{0}".to_owned(),
        "é".repeat(100),
        "A".repeat(10_000),
        of_reports[1..].to_owned(),
        of_reports[..of_reports.len() - 1].to_owned(),
        format!("{of_reports}A"),
        flipped,
    ];
    let wrong = || wrong.iter().cloned();
    for page_token in wrong().chain([of_executions.clone(), of_cases.clone()]) {
        let request = ListReportsRequest {
            page_size: 1,
            page_token: page_token.clone(),
            ..ListReportsRequest::default()
        };
        let refusal = clients
            .reports
            .clone()
            .list_reports(request)
            .await
            .refusal()
            .await;
        refusal.check(
            &page_token,
            Code::InvalidArgument,
            "INVALID_PAGE_TOKEN",
            &[],
        );
    }
    for page_token in wrong().chain([of_reports.clone(), of_cases.clone()]) {
        let request = ListExecutionsRequest {
            page_size: 1,
            page_token: page_token.clone(),
            ..ListExecutionsRequest::default()
        };
        let executions = clients.executions.clone().list_executions(request).await;
        let refusal = executions.refusal().await;
        refusal.check(
            &page_token,
            Code::InvalidArgument,
            "INVALID_PAGE_TOKEN",
            &[],
        );
    }
    for page_token in wrong().chain([of_reports.clone(), of_executions.clone()]) {
        let request = ListCasesRequest {
            page_size: 1,
            page_token: page_token.clone(),
        };
        let refusal = clients
            .cases
            .clone()
            .list_cases(request)
            .await
            .refusal()
            .await;
        refusal.check(
            &page_token,
            Code::InvalidArgument,
            "INVALID_PAGE_TOKEN",
            &[],
        );
    }

    // Another filter is another list; another page size is the same.
    let of = |case_name: &str, states: &[State], ok| ListReportsRequest {
        case_name: case_name.to_owned(),
        states: states.iter().map(|one| i32::from(*one)).collect(),
        ok,
        page_token: of_reports.clone(),
        ..ListReportsRequest::default()
    };
    for request in [
        of("case.1", &[], None),
        of("", &[State::Pass], None),
        of("", &[], Some(true)),
        ListReportsRequest {
            since: Some(prost_types::Timestamp::default()),
            ..of("", &[], None)
        },
    ] {
        let call = format!("{request:?}");
        let refusal = clients
            .reports
            .clone()
            .list_reports(request)
            .await
            .refusal()
            .await;
        refusal.check(&call, Code::InvalidArgument, "INVALID_PAGE_TOKEN", &[]);
    }
    assert_eq!(reports(&clients, 1000, &of_reports).await.0.len(), 2);
    server.stop().await;
}

/// Clients take messages of 4 MiB unless they are told otherwise.
#[tokio::test]
async fn pages_of_large_cases_fit_into_a_message() {
    let server = Server::start().await;
    let clients = server.clients();
    let long = Contract {
        message: "x".repeat(1000),
        ..contract("value != null")
    };
    let large = (0..60).map(|n| Signal {
        expect: vec![long.clone(); 16],
        ..signal(&format!("signal-{n}"))
    });
    let large: Vec<_> = large.collect();
    for n in 0..5 {
        let large = Case {
            name: format!("large.{n}"),
            signals: large.clone(),
            ..Case::default()
        };
        clients.apply(large).await;
        clients.apply(case(&format!("small.{n}"), &["done"])).await;
    }
    let (mut listed, mut token) = (BTreeMap::new(), String::new());
    loop {
        let request = ListCasesRequest {
            page_size: 1000,
            page_token: token,
        };
        let page = clients.cases.clone().list_cases(request).await;
        let page = page.unwrap().into_inner();
        assert!(!page.cases.is_empty());
        for one in page.cases {
            let case = one.case.unwrap();
            let signals = case.signals.len();
            assert_eq!(listed.insert(case.name, signals), None, "told twice");
        }
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let wanted = [("large", 60), ("small", 1)].into_iter();
    let wanted = wanted.flat_map(|(name, len)| (0..5).map(move |n| (format!("{name}.{n}"), len)));
    assert_eq!(listed, wanted.collect());
    server.stop().await;
}

/// Clients take messages of 4 MiB unless they are told otherwise.
#[tokio::test]
async fn pages_of_large_items_fit_into_a_message() {
    const ITEMS: usize = 45;
    let server = Server::start().await;
    let clients = server.clients();
    clients.apply(case("live", &["done"])).await;
    let over = Case {
        active: Some(false),
        ..case("over", &["done"])
    };
    clients.apply(over).await;
    let large = || json_to_pb(&json!("x".repeat(60_000)));
    for n in 0..ITEMS {
        for name in ["live", "over"] {
            let request = SubmitExecutionRequest {
                test_args: Some(prost_types::ListValue {
                    values: vec![large()],
                }),
                test_kwargs: Some(prost_types::Struct {
                    fields: [("x".to_owned(), large())].into(),
                }),
                ..submission(name, &n.to_string())
            };
            let mut executions = clients.executions.clone();
            executions.submit_execution(request).await.unwrap();
        }
    }
    clients.report("over", &(ITEMS - 1).to_string()).await;
    let (mut seen, mut token) = (BTreeSet::new(), String::new());
    loop {
        let (page, next) = reports(&clients, 0, &token).await;
        assert!(!page.is_empty());
        for report in page {
            assert!(seen.insert(id_of(report)), "told twice");
        }
        token = next;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen.len(), ITEMS);

    let mut seen = BTreeSet::new();
    loop {
        let request = ListExecutionsRequest {
            page_size: 1000,
            page_token: token,
            ..ListExecutionsRequest::default()
        };
        let page = clients.executions.clone().list_executions(request).await;
        let page = page.unwrap().into_inner();
        assert!(!page.executions.is_empty());
        for execution in page.executions {
            let test = execution.test.unwrap();
            assert!(seen.insert((test.case_name, test.id)), "told twice");
        }
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen.len(), 2 * ITEMS);
    server.stop().await;
}
