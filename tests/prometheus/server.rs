//! A server with an HTTP side in the test's own process.

use std::net::SocketAddr;

use livecheck::{
    pb::v1::{
        ApplyCaseRequest, Case, Contract, GetReportRequest, Sampling, SendSignalRequest, Signal,
        SignalEvent, State, SubmitExecutionRequest, case_service_client::CaseServiceClient,
        execution_service_client::ExecutionServiceClient,
        report_service_client::ReportServiceClient, signal_service_client::SignalServiceClient,
    },
    server::{self, RunningServer},
    settings::{HttpListen, ServeSettings},
};
use prost_types::{Value, value::Kind};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::transport::{Channel, Endpoint};

/// A running server.
pub struct Server {
    pub running: RunningServer,
    settings: ServeSettings,
    data: TempDir,
}

impl Server {
    /// A server whose HTTP side listens.
    pub async fn start(change: impl FnOnce(&mut ServeSettings)) -> Server {
        let mut data = TempDir::new().unwrap();
        // A failed test leaves threads behind that still use it.
        data.disable_cleanup(true);
        let mut settings = ServeSettings {
            data_dir: data.path().to_owned(),
            http_listen: HttpListen::On(SocketAddr::from(([127, 0, 0, 1], 0))),
            ..ServeSettings::default()
        };
        change(&mut settings);
        Server::open(settings, data).await
    }

    async fn open(settings: ServeSettings, data: TempDir) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let running = server::start(&settings, listener).await.unwrap();
        Server {
            running,
            settings,
            data,
        }
    }

    /// Where its HTTP side listens.
    pub fn http(&self) -> SocketAddr {
        self.running.http_addr().unwrap()
    }

    /// A connection to its services.
    pub fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.running.addr()));
        endpoint.unwrap().connect_lazy()
    }

    /// Stops it and starts another one over the same data, with its HTTP side
    /// where it was.
    pub async fn restart(self) -> Server {
        let settings = ServeSettings {
            http_listen: HttpListen::On(self.http()),
            ..self.settings
        };
        self.running.stop().await.unwrap();
        Server::open(settings, self.data).await
    }

    /// Drains it and ends it.
    pub async fn stop(mut self) {
        self.running.stop().await.unwrap();
        self.data.disable_cleanup(false);
    }
}

/// Applies a case that fails with its first failure and may recover at once. Its
/// executions pass when the signal `done` comes with the value `good`.
pub async fn apply(channel: &Channel, name: &str) {
    let case = Case {
        name: name.to_owned(),
        signals: vec![Signal {
            name: "done".to_owned(),
            expect: vec![Contract {
                expression: "value == 'good'".to_owned(),
                ..Contract::default()
            }],
            ..Signal::default()
        }],
        max_consecutive_failures: Some(1),
        state_transition_delay: Some(prost_types::Duration::default()),
        ..Case::default()
    };
    let request = ApplyCaseRequest {
        case: Some(case),
        validate_only: false,
    };
    let mut cases = CaseServiceClient::new(channel.clone());
    cases.apply_case(request).await.unwrap();
}

/// Runs an execution to its verdict.
pub async fn execution(channel: &Channel, case_name: &str, id: &str, value: &str) -> State {
    let text = |text: &str| Value {
        kind: Some(Kind::StringValue(text.to_owned())),
    };
    let submission = SubmitExecutionRequest {
        case_name: case_name.to_owned(),
        id: id.to_owned(),
        sampling: Sampling::Always.into(),
        ..SubmitExecutionRequest::default()
    };
    let mut executions = ExecutionServiceClient::new(channel.clone());
    executions.submit_execution(submission).await.unwrap();
    let event = SignalEvent {
        signal_name: "done".to_owned(),
        case_name: case_name.to_owned(),
        key: Some(text(id)),
        value: Some(text(value)),
    };
    let request = SendSignalRequest {
        event: Some(event),
        signal_id: String::new(),
    };
    let mut signals = SignalServiceClient::new(channel.clone());
    signals.send_signal(request).await.unwrap();
    let request = GetReportRequest {
        case_name: case_name.to_owned(),
        id: id.to_owned(),
        wait: Some(prost_types::Duration {
            seconds: 20,
            nanos: 0,
        }),
    };
    let mut reports = ReportServiceClient::new(channel.clone());
    let report = reports.get_report(request).await.unwrap().into_inner();
    report.report.unwrap().state()
}
