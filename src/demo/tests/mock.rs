//! A LiveCheck server that writes down what it is sent, on a real port.
//!
//! It judges no better than the tests need: a changed side is FAIL, the fourth
//! signal PASS, and tests that it was told to give up are TIMEOUT at once.

use std::{
    collections::{HashMap, HashSet},
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use chrono::DateTime;
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet};
use tokio_stream::{Empty, wrappers::UnboundedReceiverStream};
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Server, server::TcpIncoming},
};

use crate::{
    convert::{
        Violations,
        models::{execution_to_pb, report_to_pb},
        value::{Limits, json_from_pb, object_from_pb},
    },
    headers::{CurrentTest, TestHeadersLayer},
    model::{DEFAULT_PROBABILITY, Json, State, TestExecution, TestReport, Time, is_sampled},
    pb::v1::{
        case_service_server::{CaseService, CaseServiceServer},
        execution_service_server::{ExecutionService, ExecutionServiceServer},
        report_service_server::{ReportService, ReportServiceServer},
        signal_service_server::{SignalService, SignalServiceServer},
        *,
    },
};

/// Says of every call that is not made here.
fn not_called<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("not called by the demo"))
}

/// The server; it stops when this is dropped.
pub struct Mock {
    pub addr: SocketAddr,
    state: Shared,
    _server: JoinSet<()>,
}

/// How the server behaves.
#[derive(Clone, Debug, Default)]
pub struct Behaviour {
    /// Ids of tests that are given up at once.
    pub gives_up: HashSet<String>,
    /// Whether submissions are refused.
    pub refuses_submissions: bool,
    /// Whether signals are refused.
    pub refuses_signals: bool,
}

/// A signal as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    pub name: String,
    pub value: Json,
    /// The test in the headers of the call.
    pub test: Option<CurrentTest>,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Inner>>);

struct Inner {
    behaviour: Behaviour,
    applied: Vec<Case>,
    heard: Vec<Heard>,
    live: HashMap<String, TestExecution>,
    watcher: Option<mpsc::UnboundedSender<Result<WatchReportsResponse, Status>>>,
}

impl Mock {
    pub async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port is free");
        let addr = listener.local_addr().expect("is bound");
        let state = Shared(Arc::new(Mutex::new(Inner {
            behaviour,
            applied: Vec::new(),
            heard: Vec::new(),
            live: HashMap::new(),
            watcher: None,
        })));
        let serve = Server::builder()
            .layer(TestHeadersLayer::default())
            .add_service(CaseServiceServer::new(state.clone()))
            .add_service(ExecutionServiceServer::new(state.clone()))
            .add_service(SignalServiceServer::new(state.clone()))
            .add_service(ReportServiceServer::new(state.clone()))
            .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)));
        let mut server = JoinSet::new();
        server.spawn(async move { serve.await.expect("serves") });
        Mock {
            addr,
            state,
            _server: server,
        }
    }

    /// The cases that were applied.
    pub fn applied(&self) -> Vec<Case> {
        self.state.lock().applied.clone()
    }

    /// The signals about an order, in the order in which they came.
    pub fn heard_of(&self, order_id: &str) -> Vec<Heard> {
        let heard = &self.state.lock().heard;
        let of = heard.iter().filter(|heard| heard.value["id"] == order_id);
        of.cloned().collect()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no test panicked with it")
    }
}

impl Inner {
    /// Ends a test that is live.
    fn report(&mut self, id: &str, state: State, error: &str) {
        let Some(test) = self.live.remove(id) else {
            return;
        };
        let report = TestReport {
            failure: None,
            case_name: test.case_name.clone(),
            state,
            runtime: Some(Duration::from_millis(12)),
            signal_latency: Default::default(),
            error: Some(error.to_owned()).filter(|error| !error.is_empty()),
            traceback: None,
            concluded_at: test.timestamp,
            test: Some(test),
        };
        let item = WatchReportsResponse {
            report: Some(report_to_pb(&report)),
            resume_token: "token".to_owned(),
        };
        if let Some(watcher) = &self.watcher {
            // The watcher may be gone at the end of a test.
            let _ = watcher.send(Ok(item));
        }
    }

    fn signal(&mut self, heard: Heard) -> SignalOutcome {
        let known = self.heard.contains(&heard);
        self.heard.push(heard.clone());
        let Some(test) = heard.test else {
            return SignalOutcome::Ignored;
        };
        if known {
            return SignalOutcome::Duplicate;
        }
        let Some(execution) = self.live.get(test.id()) else {
            return SignalOutcome::Late;
        };
        let names: HashSet<_> = self
            .heard
            .iter()
            .filter(|heard| heard.test.as_ref() == Some(&test))
            .map(|heard| &heard.name)
            .collect();
        if heard.value["side"] != execution.test_kwargs["side"] {
            self.report(test.id(), State::Fail, "sides\ndiffer\u{1b}");
        } else if names.len() == 4 {
            self.report(test.id(), State::Pass, "");
        }
        SignalOutcome::Accepted
    }
}

fn start_time() -> Time {
    DateTime::from_timestamp(1_780_000_000, 0).expect("in range")
}

#[tonic::async_trait]
impl CaseService for Shared {
    async fn control_case(
        &self,
        _: Request<ControlCaseRequest>,
    ) -> Result<Response<ControlCaseResponse>, Status> {
        not_called()
    }

    async fn apply_case(
        &self,
        request: Request<ApplyCaseRequest>,
    ) -> Result<Response<ApplyCaseResponse>, Status> {
        let case = request.into_inner().case;
        self.lock().applied.extend(case.clone());
        Ok(Response::new(ApplyCaseResponse {
            case,
            outcome: ApplyOutcome::Created.into(),
        }))
    }

    async fn get_case(
        &self,
        _: Request<GetCaseRequest>,
    ) -> Result<Response<GetCaseResponse>, Status> {
        not_called()
    }

    async fn list_cases(
        &self,
        _: Request<ListCasesRequest>,
    ) -> Result<Response<ListCasesResponse>, Status> {
        not_called()
    }

    async fn delete_case(
        &self,
        _: Request<DeleteCaseRequest>,
    ) -> Result<Response<DeleteCaseResponse>, Status> {
        not_called()
    }

    type WatchCasesStream = Empty<Result<WatchCasesResponse, Status>>;

    async fn watch_cases(
        &self,
        _: Request<WatchCasesRequest>,
    ) -> Result<Response<Self::WatchCasesStream>, Status> {
        not_called()
    }
}

#[tonic::async_trait]
impl ExecutionService for Shared {
    async fn submit_execution(
        &self,
        request: Request<SubmitExecutionRequest>,
    ) -> Result<Response<SubmitExecutionResponse>, Status> {
        let request = request.into_inner();
        let mut inner = self.lock();
        if inner.behaviour.refuses_submissions {
            return Err(Status::resource_exhausted("too much"));
        }
        if !is_sampled(&request.id, DEFAULT_PROBABILITY) {
            return Ok(Response::new(SubmitExecutionResponse {
                sampled: Some(false),
                test: None,
            }));
        }
        let mut bad = Violations::new();
        let test_kwargs = object_from_pb(request.test_kwargs, Limits::ARGS, &mut bad);
        let test = TestExecution {
            traceparent: String::new(),
            id: request.id,
            case_name: request.case_name,
            timestamp: start_time(),
            test_args: Vec::new(),
            test_kwargs: test_kwargs.expect("are valid"),
            expires: start_time() + Duration::from_secs(10),
            labels: Default::default(),
        };
        let mut response = Response::new(SubmitExecutionResponse {
            sampled: Some(true),
            test: Some(execution_to_pb(&test)),
        });
        CurrentTest::try_from(&test)
            .expect("fits into headers")
            .write_metadata(response.metadata_mut());
        let id = test.id.clone();
        inner.live.insert(id.clone(), test);
        if inner.behaviour.gives_up.contains(&id) {
            inner.report(&id, State::Timeout, "nothing came");
        }
        Ok(response)
    }

    async fn get_execution(
        &self,
        _: Request<GetExecutionRequest>,
    ) -> Result<Response<GetExecutionResponse>, Status> {
        not_called()
    }

    async fn list_executions(
        &self,
        _: Request<ListExecutionsRequest>,
    ) -> Result<Response<ListExecutionsResponse>, Status> {
        not_called()
    }

    async fn cancel_execution(
        &self,
        _: Request<CancelExecutionRequest>,
    ) -> Result<Response<CancelExecutionResponse>, Status> {
        not_called()
    }

    type WatchExecutionStream = Empty<Result<WatchExecutionResponse, Status>>;

    async fn watch_execution(
        &self,
        _: Request<WatchExecutionRequest>,
    ) -> Result<Response<Self::WatchExecutionStream>, Status> {
        not_called()
    }
}

#[tonic::async_trait]
impl SignalService for Shared {
    async fn send_signal(
        &self,
        request: Request<SendSignalRequest>,
    ) -> Result<Response<SendSignalResponse>, Status> {
        let test = request.extensions().get::<CurrentTest>().cloned();
        let event = request.into_inner().event.expect("is set");
        assert_eq!((event.key, event.case_name.as_str()), (None, ""));
        let value = json_from_pb(event.value, Limits::ARGS, &mut Violations::new());
        let mut inner = self.lock();
        if inner.behaviour.refuses_signals {
            return Err(Status::unavailable("going away"));
        }
        let outcome = inner.signal(Heard {
            name: event.signal_name,
            value: value.expect("is valid"),
            test,
        });
        Ok(Response::new(SendSignalResponse {
            outcome: outcome.into(),
            message: String::new(),
        }))
    }

    type StreamSignalsStream = Empty<Result<StreamSignalsResponse, Status>>;

    async fn stream_signals(
        &self,
        _: Request<Streaming<StreamSignalsRequest>>,
    ) -> Result<Response<Self::StreamSignalsStream>, Status> {
        not_called()
    }

    async fn wait_signal(
        &self,
        _: Request<WaitSignalRequest>,
    ) -> Result<Response<WaitSignalResponse>, Status> {
        not_called()
    }

    type WatchSignalsStream = Empty<Result<WatchSignalsResponse, Status>>;

    async fn watch_signals(
        &self,
        _: Request<WatchSignalsRequest>,
    ) -> Result<Response<Self::WatchSignalsStream>, Status> {
        not_called()
    }
}

#[tonic::async_trait]
impl ReportService for Shared {
    async fn get_report(
        &self,
        _: Request<GetReportRequest>,
    ) -> Result<Response<GetReportResponse>, Status> {
        not_called()
    }

    async fn list_reports(
        &self,
        _: Request<ListReportsRequest>,
    ) -> Result<Response<ListReportsResponse>, Status> {
        not_called()
    }

    async fn list_failures(
        &self,
        _: Request<ListFailuresRequest>,
    ) -> Result<Response<ListFailuresResponse>, Status> {
        not_called()
    }

    type WatchReportsStream = UnboundedReceiverStream<Result<WatchReportsResponse, Status>>;

    async fn watch_reports(
        &self,
        _: Request<WatchReportsRequest>,
    ) -> Result<Response<Self::WatchReportsStream>, Status> {
        let (watcher, reports) = mpsc::unbounded_channel();
        let checkpoint = WatchReportsResponse::default();
        watcher.send(Ok(checkpoint)).expect("is open");
        self.lock().watcher = Some(watcher);
        Ok(Response::new(UnboundedReceiverStream::new(reports)))
    }
}
