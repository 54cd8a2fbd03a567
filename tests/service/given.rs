//! What tests are given: short ways to write and make usual calls.

use livecheck::{
    convert::value::json_to_pb,
    pb::v1::{
        ApplyCaseRequest, Case, Contract, GetReportRequest, ListCasesRequest,
        ListExecutionsRequest, ListReportsRequest, Sampling, SendSignalRequest, Signal,
        SignalEvent, SignalOutcome, StreamSignalsRequest, SubmitExecutionRequest, TestExecution,
        TestReport,
    },
};
use serde_json::Value;
use tonic::Status;

use crate::server::Clients;

/// How long a test waits for what must come.
pub const DEADLINE: std::time::Duration = std::time::Duration::from_secs(20);

/// A span of time on the wire.
pub fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

/// A case whose executions last until all of these signals have come.
pub fn case(name: &str, signals: &[&str]) -> Case {
    let signals = signals.iter().map(|name| signal(name)).collect();
    Case {
        name: name.to_owned(),
        signals,
        ..Case::default()
    }
}

/// A signal that may take an hour.
pub fn signal(name: &str) -> Signal {
    Signal {
        name: name.to_owned(),
        timeout: seconds(3600),
        ..Signal::default()
    }
}

/// A contract without further ado.
pub fn contract(expression: &str) -> Contract {
    Contract {
        expression: expression.to_owned(),
        ..Contract::default()
    }
}

/// A submission that is sampled.
pub fn submission(case_name: &str, id: &str) -> SubmitExecutionRequest {
    SubmitExecutionRequest {
        case_name: case_name.to_owned(),
        id: id.to_owned(),
        sampling: Sampling::Always.into(),
        ..SubmitExecutionRequest::default()
    }
}

/// A signal without a value.
pub fn event(case_name: &str, key: &str, signal_name: &str) -> SignalEvent {
    event_of(case_name, Value::from(key), signal_name, Value::Null)
}

/// A signal with any key and value.
pub fn event_of(case_name: &str, key: Value, signal_name: &str, value: Value) -> SignalEvent {
    SignalEvent {
        signal_name: signal_name.to_owned(),
        case_name: case_name.to_owned(),
        key: Some(json_to_pb(&key)),
        value: Some(json_to_pb(&value)),
    }
}

/// A request to send a signal.
pub fn sending(event: SignalEvent) -> SendSignalRequest {
    SendSignalRequest {
        event: Some(event),
        signal_id: String::new(),
    }
}

/// An item of a stream of signals.
pub fn item(event: SignalEvent) -> StreamSignalsRequest {
    StreamSignalsRequest {
        event: Some(event),
        signal_id: String::new(),
    }
}

/// A request for a report that waits for it.
pub fn report_of(case_name: &str, id: &str) -> GetReportRequest {
    GetReportRequest {
        case_name: case_name.to_owned(),
        id: id.to_owned(),
        wait: seconds(DEADLINE.as_secs() as i64),
    }
}

impl Clients {
    /// Applies a case.
    pub async fn apply(&self, case: Case) {
        self.try_apply(case).await.unwrap();
    }

    /// Applies a case, or tells why not.
    pub async fn try_apply(&self, case: Case) -> Result<(), Status> {
        let request = ApplyCaseRequest {
            case: Some(case),
            validate_only: false,
        };
        let applied = self.cases.clone().apply_case(request).await;
        applied.map(|_| ())
    }

    /// Submits an execution that is sampled.
    pub async fn submit(&self, case_name: &str, id: &str) -> TestExecution {
        let request = submission(case_name, id);
        let answer = self.executions.clone().submit_execution(request).await;
        answer.unwrap().into_inner().test.unwrap()
    }

    /// Sends a signal.
    pub async fn send(&self, event: SignalEvent) -> SignalOutcome {
        let sent = self.signals.clone().send_signal(sending(event)).await;
        sent.unwrap().into_inner().outcome()
    }

    /// The report of an execution, once there is one.
    pub async fn report(&self, case_name: &str, id: &str) -> TestReport {
        let request = report_of(case_name, id);
        let answer = self.reports.clone().get_report(request).await;
        answer.unwrap().into_inner().report.unwrap()
    }

    /// Submits an execution of a case with the one signal `done`, and ends it as
    /// PASS.
    pub async fn pass(&self, case_name: &str, id: &str) -> TestReport {
        self.submit(case_name, id).await;
        self.send(event(case_name, id, "done")).await;
        self.report(case_name, id).await
    }

    /// Everything that the lists show, to see that nothing has changed.
    pub async fn everything(&self) -> String {
        let request = ListCasesRequest {
            page_size: 1000,
            ..ListCasesRequest::default()
        };
        let cases = self.cases.clone().list_cases(request).await;
        let mut cases = cases.unwrap().into_inner();
        for case in &mut cases.cases {
            // A restart is an absence.
            case.status.as_mut().unwrap().absences = None;
        }
        let request = ListExecutionsRequest {
            page_size: 1000,
            ..ListExecutionsRequest::default()
        };
        let executions = self.executions.clone().list_executions(request).await;
        let mut executions = executions.unwrap().into_inner();
        for execution in &mut executions.executions {
            // What is derived from the time of the call.
            execution.human_date.clear();
            execution.was_issued_today = false;
            execution.is_expired = false;
        }
        let request = ListReportsRequest {
            page_size: 1000,
            ..ListReportsRequest::default()
        };
        let reports = self.reports.clone().list_reports(request).await;
        let reports = reports.unwrap().into_inner();
        format!("{cases:#?}\n{executions:#?}\n{reports:#?}")
    }
}
