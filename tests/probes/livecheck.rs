//! LiveCheck in the test's own process, on a port and a data directory of its
//! own, and what the tests ask it.

use std::time::Duration;

use livecheck::{
    headers::CurrentTest,
    pb::v1::{
        ApplyCaseRequest, Case, CaseStatus, CaseTransition, ControlCaseRequest, DeleteCaseRequest,
        ExecutionView, GetCaseRequest, GetReportRequest, GrpcProbe, HttpProbe,
        ListExecutionsRequest, Probe, ProbeStatus, SendSignalRequest, Signal, SignalEvent,
        TestReport, WatchCasesRequest, WatchCasesResponse, case_service_client::CaseServiceClient,
        execution_service_client::ExecutionServiceClient, probe::Request as ProbeRequest,
        report_service_client::ReportServiceClient, signal_service_client::SignalServiceClient,
        watch_cases_response::Payload,
    },
    server::{self, RunningServer},
    settings::ServeSettings,
};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::{
    Request, Streaming,
    transport::{Channel, Endpoint},
};

/// For what must come, and would otherwise be waited for for ever.
pub const LONG: Duration = Duration::from_secs(60);
/// The signal that the cases of [`case`] expect.
pub const SIGNAL: &str = "arrived";

/// A running server.
pub struct LiveCheck {
    running: RunningServer,
    settings: ServeSettings,
    data: TempDir,
    channel: Channel,
}

impl LiveCheck {
    pub async fn start() -> LiveCheck {
        LiveCheck::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut ServeSettings)) -> LiveCheck {
        let data = TempDir::new().unwrap();
        let mut settings = ServeSettings {
            data_dir: data.path().to_owned(),
            ..ServeSettings::default()
        };
        change(&mut settings);
        LiveCheck::open(settings, data).await
    }

    async fn open(settings: ServeSettings, mut data: TempDir) -> LiveCheck {
        // A failed test leaves threads behind that still use it.
        data.disable_cleanup(true);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let running = server::start(&settings, listener).await.unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{}", running.addr())).unwrap();
        LiveCheck {
            running,
            settings,
            data,
            channel: endpoint.connect_lazy(),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.running.addr())
    }

    /// Drains it and starts another one over the same data.
    pub async fn restart(self) -> LiveCheck {
        self.running.stop().await.unwrap();
        LiveCheck::open(self.settings, self.data).await
    }

    pub async fn stop(mut self) {
        self.running.stop().await.unwrap();
        self.data.disable_cleanup(false);
    }

    fn cases(&self) -> CaseServiceClient<Channel> {
        CaseServiceClient::new(self.channel.clone())
    }

    pub async fn apply(&self, case: Case) {
        let request = ApplyCaseRequest {
            case: Some(case),
            validate_only: false,
        };
        self.cases().apply_case(request).await.unwrap();
    }

    pub async fn delete(&self, name: &str) {
        let name = name.to_owned();
        let request = DeleteCaseRequest { name };
        self.cases().delete_case(request).await.unwrap();
    }

    pub async fn activate(&self, name: &str, active: bool) {
        let request = ControlCaseRequest {
            name: name.to_owned(),
            active: Some(active),
            ..ControlCaseRequest::default()
        };
        self.cases().control_case(request).await.unwrap();
    }

    pub async fn status(&self, name: &str) -> CaseStatus {
        let name = name.to_owned();
        let answered = self.cases().get_case(GetCaseRequest { name }).await;
        answered.unwrap().into_inner().status.unwrap()
    }

    /// What the status says of the probe.
    pub async fn probe(&self, name: &str) -> Option<ProbeStatus> {
        self.status(name).await.probe
    }

    pub async fn watch(&self) -> Streaming<WatchCasesResponse> {
        let request = WatchCasesRequest::default();
        let watching = self.cases().watch_cases(request).await;
        watching.unwrap().into_inner()
    }

    /// The executions of a case, the first one first.
    pub async fn executions(&self, name: &str) -> Vec<ExecutionView> {
        let request = ListExecutionsRequest {
            case_name: name.to_owned(),
            page_size: 1000,
            ..ListExecutionsRequest::default()
        };
        let mut client = ExecutionServiceClient::new(self.channel.clone());
        let listed = client.list_executions(request).await.unwrap().into_inner();
        let mut executions = listed.executions;
        executions.reverse();
        executions
    }

    /// Waits for a report.
    pub async fn report(&self, test: &CurrentTest) -> TestReport {
        let request = GetReportRequest {
            case_name: test.case_name().to_owned(),
            id: test.id().to_owned(),
            wait: Some(duration(LONG)),
        };
        let mut client = ReportServiceClient::new(self.channel.clone());
        let reported = client.get_report(request).await.unwrap().into_inner();
        reported.report.unwrap()
    }

    /// Sends the signal as a service does that a request with these headers
    /// reached.
    pub async fn signal(&self, test: &CurrentTest) {
        let mut request = Request::new(SendSignalRequest {
            event: Some(SignalEvent {
                signal_name: SIGNAL.to_owned(),
                ..SignalEvent::default()
            }),
            signal_id: String::new(),
        });
        test.write_metadata(request.metadata_mut());
        let mut client = SignalServiceClient::new(self.channel.clone());
        client.send_signal(request).await.unwrap();
    }
}

/// The next change of health.
pub async fn transition(watch: &mut Streaming<WatchCasesResponse>) -> CaseTransition {
    let told = async {
        loop {
            let item = watch.message().await.unwrap().expect("the watch goes on");
            if let Some(Payload::Transition(transition)) = item.payload {
                return transition;
            }
        }
    };
    tokio::time::timeout(LONG, told).await.unwrap()
}

/// A case with one signal, that is probed every second, does not retry, and may
/// recover at once.
pub fn case(name: &str, request: impl Into<ProbeRequest>) -> Case {
    Case {
        name: name.to_owned(),
        signals: vec![Signal {
            name: SIGNAL.to_owned(),
            timeout: Some(duration(LONG)),
            ..Signal::default()
        }],
        state_transition_delay: Some(duration(Duration::ZERO)),
        probe: Some(Probe {
            frequency: Some(duration(Duration::from_secs(1))),
            request: Some(request.into()),
            retries: Some(0),
            delay_min: Some(duration(Duration::from_millis(1))),
            ..Probe::default()
        }),
        ..Case::default()
    }
}

/// The probe of a case, to be changed.
pub fn probe_of(case: &mut Case) -> &mut Probe {
    case.probe.as_mut().unwrap()
}

/// A GET.
pub fn get(url: String) -> ProbeRequest {
    ProbeRequest::Http(HttpProbe {
        url,
        ..HttpProbe::default()
    })
}

/// A call without a request.
pub fn call(target: String, method: &str) -> GrpcProbe {
    GrpcProbe {
        target,
        method: method.to_owned(),
        ..GrpcProbe::default()
    }
}

pub fn duration(duration: Duration) -> prost_types::Duration {
    duration.try_into().unwrap()
}
