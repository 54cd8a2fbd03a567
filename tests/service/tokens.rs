//! Tokens of watches and pages that no server gave, or another one.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use livecheck::pb::{
    storage::{PageToken, ResumeToken},
    v1::{ListReportsRequest, WatchCasesRequest, WatchReportsRequest},
};
use prost::Message;
use tonic::Code;

use crate::{
    given::case,
    refusal::{Refusal, Refused},
    server::{Clients, Server},
};

/// A token as a server makes it: the message and its checksum.
fn seal(token: &impl Message) -> String {
    let mut bytes = token.encode_to_vec();
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn unseal<M: Message + Default>(token: &str) -> M {
    let bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
    M::decode(&bytes[..bytes.len() - 4]).unwrap()
}

/// The token with which a watch begins.
async fn first_token(clients: &Clients) -> String {
    let request = WatchReportsRequest::default();
    let watch = clients.reports.clone().watch_reports(request).await;
    let first = watch
        .unwrap()
        .into_inner()
        .message()
        .await
        .unwrap()
        .unwrap();
    assert_eq!(first.report, None);
    first.resume_token
}

/// How both watches that resume take a token.
async fn resumed(clients: &Clients, token: &str) -> [Refusal; 2] {
    let resume_token = || token.to_owned();
    let mut reports = clients.reports.clone();
    let mut cases = clients.cases.clone();
    [
        reports
            .watch_reports(WatchReportsRequest {
                resume_token: resume_token(),
                ..WatchReportsRequest::default()
            })
            .await
            .refusal()
            .await,
        cases
            .watch_cases(WatchCasesRequest {
                resume_token: resume_token(),
            })
            .await
            .refusal()
            .await,
    ]
}

#[tokio::test]
async fn a_watch_resumes_only_where_it_can() {
    let (server, other) = (Server::start().await, Server::start().await);
    let (clients, others) = (server.clients(), other.clients());
    clients.apply(case("orders", &["done"])).await;
    clients.pass("orders", "a").await;
    let token = first_token(&clients).await;
    let foreign = first_token(&others).await;
    let good: ResumeToken = unseal(&token);

    let at = |positions: &[u64]| {
        seal(&ResumeToken {
            positions: positions.to_vec(),
            ..good.clone()
        })
    };
    let journal = |journal_id: &[u8]| {
        seal(&ResumeToken {
            journal_id: journal_id.to_vec(),
            ..good.clone()
        })
    };
    let page = seal(&PageToken::default());
    let (invalid, range) = (
        (Code::InvalidArgument, "INVALID_RESUME_TOKEN"),
        (Code::OutOfRange, "RESUME_OUT_OF_RANGE"),
    );
    for (token, (code, reason)) in [
        ("x".to_owned(), invalid),
        ("\u{0}".to_owned(), invalid),
        ("A".repeat(5000), invalid),
        (token[..token.len() - 1].to_owned(), invalid),
        (token[2..].to_owned(), invalid),
        (at(&[]), invalid),
        (at(&[1, 1]), invalid),
        (foreign, range),
        (journal(&[7; 16]), range),
        (at(&[good.positions[0] + 1_000_000]), range),
        (at(&[u64::MAX]), range),
    ] {
        for refusal in resumed(&clients, &token).await {
            refusal.check(&token, code, reason, &[]);
        }
    }
    // A page's is none, whatever it is taken for.
    for refusal in resumed(&clients, &page).await {
        let refused = matches!(refusal.code, Code::InvalidArgument | Code::OutOfRange);
        assert!(refused, "{refusal:?}");
    }
    server.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_page_begins_only_at_a_place_that_there_can_be() {
    let server = Server::start().await;
    let clients = server.clients();
    clients.apply(case("orders", &["done"])).await;
    for id in ["a", "b"] {
        clients.pass("orders", id).await;
    }
    let list = |page_token: String| ListReportsRequest {
        page_size: 1,
        page_token,
        ..ListReportsRequest::default()
    };
    let mut reports = clients.reports.clone();
    let page = reports.list_reports(list(String::new())).await.unwrap();
    let good: PageToken = unseal(&page.into_inner().next_page_token);
    for forged in [
        PageToken {
            partition: u32::MAX,
            ..good.clone()
        },
        PageToken {
            partition: 1,
            ..good.clone()
        },
        PageToken {
            position: u64::MAX,
            ..good.clone()
        },
        PageToken {
            time_micros: i64::MAX,
            ..good.clone()
        },
        PageToken {
            request: good.request.wrapping_add(1),
            ..good.clone()
        },
    ] {
        let call = format!("{forged:?}");
        let refusal = reports
            .list_reports(list(seal(&forged)))
            .await
            .refusal()
            .await;
        refusal.check(&call, Code::InvalidArgument, "INVALID_PAGE_TOKEN", &[]);
    }
    let page = reports.list_reports(list(seal(&good))).await.unwrap();
    assert_eq!(page.into_inner().reports.len(), 1);
    server.stop().await;
}
