//! The calls of a client that is traced.

use livecheck::{
    convert::value::json_to_pb,
    pb::v1::{
        ApplyCaseRequest, Case, Contract, GetExecutionRequest, GetReportRequest,
        ListExecutionsRequest, ListReportsRequest, Sampling, SendSignalRequest, Signal,
        SignalEvent, SubmitExecutionRequest, TestExecution, TestReport,
        case_service_client::CaseServiceClient, execution_service_client::ExecutionServiceClient,
        report_service_client::ReportServiceClient, signal_service_client::SignalServiceClient,
    },
};
use serde_json::json;
use tonic::{
    Request,
    metadata::AsciiMetadataValue,
    transport::{Channel, Endpoint},
};

use crate::DEADLINE;

/// Clients of the four services.
#[derive(Clone)]
pub struct Clients {
    pub cases: CaseServiceClient<Channel>,
    pub executions: ExecutionServiceClient<Channel>,
    pub reports: ReportServiceClient<Channel>,
    pub signals: SignalServiceClient<Channel>,
}

/// A request that carries these `traceparent`s.
pub fn traced<T>(message: T, traceparents: &[&str]) -> Request<T> {
    let mut request = Request::new(message);
    for text in traceparents {
        let value = AsciiMetadataValue::try_from(*text).unwrap();
        request.metadata_mut().append("traceparent", value);
    }
    request
}

pub fn submission(case_name: &str, id: &str) -> SubmitExecutionRequest {
    SubmitExecutionRequest {
        case_name: case_name.to_owned(),
        id: id.to_owned(),
        sampling: Sampling::Always.into(),
        ..SubmitExecutionRequest::default()
    }
}

impl Clients {
    pub fn of(url: &str) -> Clients {
        let channel = Endpoint::from_shared(url.to_owned())
            .unwrap()
            .connect_lazy();
        Clients {
            cases: CaseServiceClient::new(channel.clone()),
            executions: ExecutionServiceClient::new(channel.clone()),
            reports: ReportServiceClient::new(channel.clone()),
            signals: SignalServiceClient::new(channel),
        }
    }

    /// Declares a case that waits for the signal `done` with the value 1.
    pub async fn apply(&self, name: &str) {
        let contract = Contract {
            expression: "value == 1".to_owned(),
            ..Contract::default()
        };
        let case = Case {
            name: name.to_owned(),
            signals: vec![Signal {
                name: "done".to_owned(),
                expect: vec![contract],
                timeout: Some(prost_types::Duration {
                    seconds: 3600,
                    nanos: 0,
                }),
                ..Signal::default()
            }],
            ..Case::default()
        };
        let request = ApplyCaseRequest {
            case: Some(case),
            validate_only: false,
        };
        // A call that begins no trace: the spans are those of the test.
        let request = traced(
            request,
            &["00-00000000000000000000000000000001-0000000000000001-00"],
        );
        self.cases.clone().apply_case(request).await.unwrap();
    }

    pub async fn submit(&self, case_name: &str, id: &str, traceparents: &[&str]) -> TestExecution {
        let request = traced(submission(case_name, id), traceparents);
        let answer = self.executions.clone().submit_execution(request).await;
        answer.unwrap().into_inner().test.unwrap()
    }

    pub async fn send(&self, case_name: &str, id: &str, value: i64, traceparents: &[&str]) {
        let request = SendSignalRequest {
            event: Some(SignalEvent {
                signal_name: "done".to_owned(),
                case_name: case_name.to_owned(),
                key: Some(json_to_pb(&json!(id))),
                value: Some(json_to_pb(&json!(value))),
            }),
            signal_id: String::new(),
        };
        let request = traced(request, traceparents);
        self.signals.clone().send_signal(request).await.unwrap();
    }

    /// The report of an execution, once there is one.
    pub async fn report(&self, case_name: &str, id: &str, traceparents: &[&str]) -> TestReport {
        let request = GetReportRequest {
            case_name: case_name.to_owned(),
            id: id.to_owned(),
            wait: Some(prost_types::Duration {
                seconds: DEADLINE.as_secs() as i64,
                nanos: 0,
            }),
        };
        let request = traced(request, traceparents);
        let answer = self.reports.clone().get_report(request).await;
        answer.unwrap().into_inner().report.unwrap()
    }

    /// The `traceparent`s that every RPC shows of the only execution.
    pub async fn shown(&self, case_name: &str, id: &str) -> [String; 4] {
        let request = GetExecutionRequest {
            case_name: case_name.to_owned(),
            id: id.to_owned(),
        };
        let execution = self.executions.clone().get_execution(request).await;
        let execution = execution.unwrap().into_inner().execution.unwrap();
        let request = ListExecutionsRequest {
            case_name: case_name.to_owned(),
            ..ListExecutionsRequest::default()
        };
        let executions = self.executions.clone().list_executions(request).await;
        let mut executions = executions.unwrap().into_inner().executions;
        let report = self.report(case_name, id, &[]).await;
        let request = ListReportsRequest {
            case_name: case_name.to_owned(),
            ..ListReportsRequest::default()
        };
        let reports = self.reports.clone().list_reports(request).await;
        let mut reports = reports.unwrap().into_inner().reports;
        assert_eq!((executions.len(), reports.len()), (1, 1));
        [
            execution.test,
            executions.remove(0).test,
            report.test,
            reports.remove(0).test,
        ]
        .map(|test| test.unwrap().traceparent)
    }
}
