//! Failures that look alike are one line.

use livecheck::pb::v1::{FailureGroup, ListFailuresRequest, State};
use serde_json::json;

use super::{CASE, Day, LIMIT, declared};
use crate::given::{case, contract, event_of, seconds, signal};

/// Failures of one cause.
const MANY: u32 = 1000;

impl Day {
    /// All groups, so many a page.
    async fn failures(&self, request: ListFailuresRequest) -> Vec<FailureGroup> {
        let (mut all, mut request) = (Vec::new(), request);
        loop {
            let page = self.reports.clone().list_failures(request.clone()).await;
            let page = page.unwrap().into_inner();
            if request.page_size > 0 {
                assert!(page.failures.len() <= request.page_size as usize);
            }
            all.extend(page.failures);
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return all;
            }
        }
    }
}

#[tokio::test]
async fn a_thousand_failures_of_one_cause_are_one_line() {
    let mut several = declared();
    several.signals[0].expect.push(contract("value.sum < 10"));
    let mut second = signal("second");
    second.timeout = seconds(5);
    several.signals.push(second);
    let day = Day::with(several).await;
    let first_many = day.end("many 1", false).await;
    for n in 2..MANY {
        day.end(&format!("many {n}"), false).await;
    }
    // Two of another contract, one that waits in vain, and one more of the many.
    for (id, sum) in [("sum 1", 11), ("sum 2", 12)] {
        day.submit(CASE, id).await;
        let value = json!({ "ok": true, "sum": sum });
        day.send(event_of(CASE, id.into(), "done", value)).await;
        assert_eq!(day.report(CASE, id).await.state(), State::Fail);
    }
    day.submit(CASE, "silent").await;
    let value = json!({ "ok": true, "sum": 1 });
    day.send(event_of(CASE, "silent".into(), "done", value))
        .await;
    day.pass_seconds(5).await;
    let silent = day.report(CASE, "silent").await;
    assert_eq!(silent.state(), State::Timeout);
    let last_many = day.end(&format!("many {MANY}"), false).await;
    day.apply(case("payments", &["done"])).await;

    let all = day.failures(ListFailuresRequest::default()).await;
    let lines: Vec<_> = all
        .iter()
        .map(|group| {
            let failure = group.failure.clone().unwrap();
            assert_eq!(failure.fingerprint.len(), 16);
            assert_eq!(group.case_name, CASE);
            let what = (failure.contract, failure.signal, failure.last_signal);
            (group.state(), group.count, what)
        })
        .collect();
    let what = |contract: &str, signal: &str, last: &str| {
        (contract.to_owned(), signal.to_owned(), last.to_owned())
    };
    assert_eq!(
        lines,
        [
            (State::Fail, MANY.into(), what("value.ok", "done", "done")),
            (State::Timeout, 1, what("", "second", "done")),
            (State::Fail, 2, what("value.sum < 10", "done", "done")),
        ]
    );
    let many = &all[0];
    let ids = [1, MANY - 2, MANY - 1, MANY].map(|n| format!("many {n}"));
    assert_eq!(many.examples, ids);
    assert_eq!(many.first_at, first_many.concluded_at);
    assert_eq!(many.last_at, last_many.concluded_at);
    assert_eq!(Some(&many.error), last_many.error.as_ref());
    assert_eq!(many.failure, last_many.failure);
    assert_eq!(all[2].examples, ["sum 1", "sum 2"]);
    let total = day.status().await.total_failures;
    assert_eq!(all.iter().map(|group| group.count).sum::<u64>(), total);

    // Page by page, of one case, and from a time on.
    for page_size in [1, 2, 3] {
        let request = ListFailuresRequest {
            page_size,
            ..ListFailuresRequest::default()
        };
        assert_eq!(day.failures(request).await, all);
    }
    let request = ListFailuresRequest {
        case_name: "payments".to_owned(),
        ..ListFailuresRequest::default()
    };
    assert_eq!(day.failures(request).await, []);
    let request = ListFailuresRequest {
        case_name: CASE.to_owned(),
        since: silent.concluded_at,
        ..ListFailuresRequest::default()
    };
    assert_eq!(day.failures(request).await, all[..2]);
    assert_eq!(
        day.status().await.incidents,
        1,
        "whatever the number beyond {LIMIT}"
    );
    day.close().await;
}
