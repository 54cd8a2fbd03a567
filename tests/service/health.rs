//! The health of cases as clients see it, with the clock moved by hand: status,
//! transitions, incidents, control, budgets, and failures that look alike.

mod budgets;
mod control;
mod failures;
mod incidents;
mod silence;

use std::ops::Deref;

use livecheck::{
    clock::Clock,
    node::NodeOptions,
    pb::v1::{
        ApplyOutcome, Case, CaseStatus, CaseTransition, ControlCaseRequest, GetCaseRequest,
        GetCaseResponse, ListReportsRequest, State, TestReport, WatchCasesRequest,
        WatchReportsRequest, watch_cases_response::Payload,
    },
};
use prost_types::Timestamp;
use serde_json::json;
use tokio::time::timeout;
use tonic::Status;

use crate::{
    given::{DEADLINE, case, contract, event_of, seconds},
    server::Clients,
    stepped::Stepped,
};

/// Name of the case of these tests.
const CASE: &str = "orders";
/// Failures in a row that make it fail.
const LIMIT: u32 = 3;

/// A stepped node and clients of its services.
struct Day {
    stepped: Stepped,
    clients: Clients,
}

impl Deref for Day {
    type Target = Clients;

    fn deref(&self) -> &Clients {
        &self.clients
    }
}

/// A case whose executions end with their one signal: it neither stalls nor
/// waits before it recovers.
fn declared() -> Case {
    let mut case = case(CASE, &["done"]);
    case.signals[0].expect = vec![contract("value.ok")];
    case.max_consecutive_failures = Some(LIMIT);
    case.state_transition_delay = seconds(0);
    case.warn_stalled_after = seconds(0);
    case
}

impl Day {
    /// A day that begins with this case.
    async fn with(case: Case) -> Day {
        Day::limited(case, NodeOptions::default()).await
    }

    /// A day that begins with this case, on a server with these limits.
    async fn limited(case: Case, options: NodeOptions) -> Day {
        let stepped = Stepped::with(1, options).await;
        let clients = stepped.clients().await;
        clients.apply(case).await;
        Day { stepped, clients }
    }

    /// Lets so many seconds pass.
    async fn pass_seconds(&self, count: u32) {
        self.stepped.seconds(count).await;
    }

    /// What the clock shows, and so many seconds more.
    fn in_seconds(&self, seconds: i64) -> Timestamp {
        let now = self.stepped.clock.wall();
        Timestamp {
            seconds: now.timestamp() + seconds,
            nanos: now.timestamp_subsec_nanos() as i32,
        }
    }

    /// Ends an execution by its signal.
    async fn end(&self, id: &str, ok: bool) -> TestReport {
        self.submit(CASE, id).await;
        self.finish(id, ok).await
    }

    /// Ends an execution that was submitted.
    async fn finish(&self, id: &str, ok: bool) -> TestReport {
        let value = json!({ "ok": ok });
        self.send(event_of(CASE, id.into(), "done", value)).await;
        let report = self.report(CASE, id).await;
        let state = if ok { State::Pass } else { State::Fail };
        assert_eq!(report.state(), state, "{report:?}");
        report
    }

    /// Ends executions as failures, with these prefix and numbers.
    async fn fail(&self, prefix: &str, count: u32) {
        for n in 1..=count {
            self.end(&format!("{prefix}{n}"), false).await;
        }
    }

    async fn view(&self) -> GetCaseResponse {
        let request = GetCaseRequest {
            name: CASE.to_owned(),
        };
        let view = self.cases.clone().get_case(request).await;
        view.unwrap().into_inner()
    }

    /// The status of the case.
    async fn status(&self) -> CaseStatus {
        self.view().await.status.unwrap()
    }

    /// The status once all that is on its way to the journal is folded: what
    /// was counted goes there with the clock's next step.
    async fn settled(&self) -> CaseStatus {
        self.pass_seconds(2).await;
        let case = self.view().await.case.unwrap();
        let request = livecheck::pb::v1::ApplyCaseRequest {
            case: Some(case),
            validate_only: false,
        };
        let applied = self.cases.clone().apply_case(request).await.unwrap();
        assert_eq!(applied.into_inner().outcome(), ApplyOutcome::Unchanged);
        self.status().await
    }

    async fn control(&self, request: ControlCaseRequest) -> Result<GetCaseResponse, Status> {
        let answer = self.cases.clone().control_case(request).await?;
        Ok(answer.into_inner().case.unwrap())
    }

    /// Where a watch of the cases resumes after all that there is now.
    async fn case_token(&self) -> String {
        let watch = self
            .cases
            .clone()
            .watch_cases(WatchCasesRequest::default())
            .await;
        let mut watch = watch.unwrap().into_inner();
        loop {
            let item = timeout(DEADLINE, watch.message()).await.unwrap();
            let token = item.unwrap().unwrap().resume_token;
            if !token.is_empty() {
                return token;
            }
        }
    }

    /// Where a watch of the reports resumes after all that there is now.
    async fn report_token(&self) -> String {
        let request = WatchReportsRequest::default();
        let watch = self.reports.clone().watch_reports(request).await;
        let first = watch.unwrap().into_inner().message().await;
        first.unwrap().unwrap().resume_token
    }

    /// What a watch of the cases tells after a token, up to one of these. It is
    /// broken off after every so many items and resumed.
    async fn changes(
        &self,
        token: &str,
        break_after: usize,
        last: impl Fn(&Payload) -> bool,
    ) -> Vec<Payload> {
        let mut resume_token = token.to_owned();
        let mut told = Vec::new();
        let reading = async {
            loop {
                let request = WatchCasesRequest {
                    resume_token: resume_token.clone(),
                };
                let watch = self.cases.clone().watch_cases(request).await;
                let mut watch = watch.unwrap().into_inner();
                // The checkpoint at the beginning comes before them.
                for _ in 0..=break_after {
                    let item = watch.message().await.unwrap().unwrap();
                    assert_ne!(item.resume_token, "");
                    resume_token = item.resume_token;
                    assert_eq!(item.status, None, "of the cases as they are only");
                    let Some(payload) = item.payload else {
                        continue;
                    };
                    let ends = last(&payload);
                    told.push(payload);
                    if ends {
                        return told;
                    }
                }
            }
        };
        timeout(DEADLINE, reading)
            .await
            .expect("it is told in time")
    }

    /// The transitions after a token, up to the one of this number.
    async fn transitions(&self, token: &str, number: u64) -> Vec<CaseTransition> {
        let is_last =
            |told: &Payload| matches!(told, Payload::Transition(one) if one.number == number);
        let told = self.changes(token, 1000, is_last).await.into_iter();
        told.filter_map(|payload| match payload {
            Payload::Transition(transition) => Some(transition),
            _ => None,
        })
        .collect()
    }

    /// All reports, the oldest first, page by page.
    async fn all_reports(&self) -> Vec<TestReport> {
        let mut all = Vec::new();
        let mut request = ListReportsRequest {
            page_size: 3,
            ..ListReportsRequest::default()
        };
        loop {
            let page = self.reports.clone().list_reports(request.clone()).await;
            let page = page.unwrap().into_inner();
            all.extend(page.reports);
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                all.reverse();
                return all;
            }
        }
    }

    async fn close(self) {
        self.stepped.close().await;
    }
}

/// Totals of a status by state.
fn totals(status: &CaseStatus) -> Vec<(State, u64)> {
    let totals = status.totals.iter();
    totals.map(|total| (total.state(), total.count)).collect()
}
