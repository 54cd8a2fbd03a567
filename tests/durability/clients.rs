//! Calls as the tests make them.

use std::{collections::HashMap, time::Duration};

use livecheck::pb::v1::{
    ApplyCaseRequest, Case, CaseStatus, ExecutionView, GetCaseRequest, GetCaseResponse,
    GetExecutionRequest, GetReportRequest, ListExecutionsRequest, ListReportsRequest, Sampling,
    SendSignalRequest, Signal, SignalEvent, SignalOutcome, StreamSignalsRequest,
    SubmitExecutionRequest, TestReport, WatchCasesRequest, case_service_client::CaseServiceClient,
    execution_service_client::ExecutionServiceClient, report_service_client::ReportServiceClient,
    signal_service_client::SignalServiceClient, stream_signals_response::Payload,
};
use prost_types::{Value, value::Kind};
use tokio::{sync::mpsc, task::JoinSet, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming, transport::Channel};

use crate::DEADLINE;

/// Calls that are under way at once where there are many.
const CALLERS: usize = 32;
const PAGE: i32 = 500;

/// A client of each service, over one connection.
#[derive(Clone)]
pub struct Clients {
    pub channel: Channel,
    pub cases: CaseServiceClient<Channel>,
    pub executions: ExecutionServiceClient<Channel>,
    pub signals: SignalServiceClient<Channel>,
    pub reports: ReportServiceClient<Channel>,
}

/// A case of these signals in any order, each of which has this long to come.
pub fn case(name: &str, signals: &[&str], timeout: Duration) -> Case {
    let signals = signals.iter().map(|name| Signal {
        name: (*name).to_owned(),
        at_start: true,
        timeout: Some(timeout.try_into().unwrap()),
        ..Signal::default()
    });
    Case {
        name: name.to_owned(),
        signals: signals.collect(),
        ..Case::default()
    }
}

/// A signal as it is sent, alone or in a stream.
pub fn event(case_name: &str, id: &str, signal_name: &str) -> SignalEvent {
    SignalEvent {
        signal_name: signal_name.to_owned(),
        case_name: case_name.to_owned(),
        key: Some(text(id)),
        value: Some(text(&format!("{signal_name} of {id}"))),
    }
}

pub fn text(text: &str) -> Value {
    Value {
        kind: Some(Kind::StringValue(text.to_owned())),
    }
}

impl Clients {
    pub async fn connect(url: String) -> Clients {
        let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
        Clients {
            cases: CaseServiceClient::new(channel.clone()),
            executions: ExecutionServiceClient::new(channel.clone()),
            signals: SignalServiceClient::new(channel.clone()),
            reports: ReportServiceClient::new(channel.clone()),
            channel,
        }
    }

    pub async fn apply(&mut self, case: Case) {
        let request = ApplyCaseRequest {
            case: Some(case),
            validate_only: false,
        };
        self.cases.apply_case(request).await.unwrap();
    }

    pub async fn live(&mut self, case_name: &str) -> u64 {
        self.view(case_name).await.live_executions
    }

    /// The health of a case.
    pub async fn status(&mut self, case_name: &str) -> CaseStatus {
        self.view(case_name).await.status.unwrap()
    }

    /// Where a watch of the cases resumes after all that there is now.
    pub async fn case_token(&mut self) -> String {
        let watch = self.cases.watch_cases(WatchCasesRequest::default());
        let mut watch = watch.await.unwrap().into_inner();
        loop {
            let item = timeout(DEADLINE, watch.message()).await.unwrap();
            let token = item.unwrap().unwrap().resume_token;
            if !token.is_empty() {
                return token;
            }
        }
    }

    async fn view(&mut self, case_name: &str) -> GetCaseResponse {
        let request = GetCaseRequest {
            name: case_name.to_owned(),
        };
        self.cases.get_case(request).await.unwrap().into_inner()
    }

    pub async fn submit(&mut self, case_name: &str, id: &str) -> Result<(), Status> {
        let request = SubmitExecutionRequest {
            case_name: case_name.to_owned(),
            id: id.to_owned(),
            sampling: Sampling::Always.into(),
            ..SubmitExecutionRequest::default()
        };
        self.executions.submit_execution(request).await.map(drop)
    }

    /// Submits many, several at once.
    pub async fn submit_all(&self, case_name: &str, ids: impl IntoIterator<Item = String>) {
        let ids: Vec<String> = ids.into_iter().collect();
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            let (mut clients, case_name) = (self.clone(), case_name.to_owned());
            let ids: Vec<_> = ids.iter().skip(caller).step_by(CALLERS).cloned().collect();
            callers.spawn(async move {
                for id in ids {
                    clients.submit(&case_name, &id).await.unwrap();
                }
            });
        }
        callers.join_all().await;
    }

    pub async fn signal(&mut self, event: SignalEvent) -> Result<SignalOutcome, Status> {
        let request = SendSignalRequest {
            event: Some(event),
            signal_id: String::new(),
        };
        let answer = self.signals.send_signal(request).await?;
        Ok(answer.into_inner().outcome())
    }

    /// Sends signals by one stream; how many of them were acknowledged, and why
    /// no more.
    pub async fn stream(&mut self, events: Vec<SignalEvent>) -> (u64, Option<Status>) {
        let items = events.into_iter().map(item);
        let answers = self.signals.stream_signals(tokio_stream::iter(items)).await;
        let mut answers = match answers {
            Ok(answers) => answers.into_inner(),
            Err(status) => return (0, Some(status)),
        };
        let mut acknowledged = 0;
        loop {
            match answers.message().await {
                Ok(Some(answer)) => match answer.payload {
                    Some(Payload::Ack(ack)) => acknowledged = ack,
                    other => panic!("{other:?}"),
                },
                Ok(None) => return (acknowledged, None),
                Err(status) => return (acknowledged, Some(status)),
            }
        }
    }

    /// A stream that stays open, and where its items go in.
    pub async fn open_stream(
        &mut self,
    ) -> (
        mpsc::Sender<StreamSignalsRequest>,
        Streaming<livecheck::pb::v1::StreamSignalsResponse>,
    ) {
        let (sender, items) = mpsc::channel(64);
        let answers = self
            .signals
            .stream_signals(ReceiverStream::new(items))
            .await;
        (sender, answers.unwrap().into_inner())
    }

    /// The report, once it is there.
    pub async fn report(&mut self, case_name: &str, id: &str) -> TestReport {
        let request = GetReportRequest {
            case_name: case_name.to_owned(),
            id: id.to_owned(),
            wait: Some(DEADLINE.try_into().unwrap()),
        };
        let report = self.reports.get_report(request).await.unwrap();
        report.into_inner().report.unwrap()
    }

    /// The reports of many, each once it is there.
    pub async fn reports_of(&self, case_name: &str, ids: &[String]) -> HashMap<String, TestReport> {
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            let (mut clients, case_name) = (self.clone(), case_name.to_owned());
            let ids: Vec<_> = ids.iter().skip(caller).step_by(CALLERS).cloned().collect();
            callers.spawn(async move {
                let mut reports = Vec::with_capacity(ids.len());
                for id in ids {
                    let report = clients.report(&case_name, &id).await;
                    reports.push((id, report));
                }
                reports
            });
        }
        callers.join_all().await.into_iter().flatten().collect()
    }

    pub async fn execution(&mut self, case_name: &str, id: &str) -> Result<ExecutionView, Status> {
        let request = GetExecutionRequest {
            case_name: case_name.to_owned(),
            id: id.to_owned(),
        };
        let found = self.executions.get_execution(request).await?;
        Ok(found.into_inner().execution.unwrap())
    }

    /// All executions of a case by their ids; each is listed once.
    pub async fn all_executions(&mut self, case_name: &str) -> HashMap<String, ExecutionView> {
        let mut all = HashMap::new();
        let mut page_token = String::new();
        loop {
            let request = ListExecutionsRequest {
                case_name: case_name.to_owned(),
                page_size: PAGE,
                page_token,
                ..ListExecutionsRequest::default()
            };
            let page = self.executions.list_executions(request).await.unwrap();
            let page = page.into_inner();
            for execution in page.executions {
                let id = execution.test.as_ref().unwrap().id.clone();
                let twice = all.insert(id, execution);
                assert!(twice.is_none(), "{twice:?} is listed twice");
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return all;
            }
        }
    }

    /// All reports of a case by the ids of their executions; each has one.
    pub async fn all_reports(&mut self, case_name: &str) -> HashMap<String, TestReport> {
        let mut all = HashMap::new();
        for report in self.list_reports(case_name).await {
            // Others are about the case itself.
            if let Some(id) = report.test.as_ref().map(|test| test.id.clone()) {
                let twice = all.insert(id, report);
                assert!(twice.is_none(), "{twice:?} is not the only report");
            }
        }
        all
    }

    /// All reports of a case, the newest first.
    pub async fn list_reports(&mut self, case_name: &str) -> Vec<TestReport> {
        let mut all = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListReportsRequest {
                case_name: case_name.to_owned(),
                page_size: PAGE,
                page_token,
                ..ListReportsRequest::default()
            };
            let page = self.reports.list_reports(request).await.unwrap();
            let page = page.into_inner();
            all.extend(page.reports);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return all;
            }
        }
    }
}

/// A signal as an item of a stream.
pub fn item(event: SignalEvent) -> StreamSignalsRequest {
    StreamSignalsRequest {
        event: Some(event),
        signal_id: String::new(),
    }
}
