//! A server whose answers are written in the test, and which notes its calls.

use std::{
    any::{Any, TypeId},
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
};

use livecheck::{
    convert::json::to_json,
    pb::v1::{
        case_service_server::{CaseService, CaseServiceServer},
        execution_service_server::{ExecutionService, ExecutionServiceServer},
        notification_service_server::NotificationServiceServer,
        report_service_server::{ReportService, ReportServiceServer},
        signal_service_server::{SignalService, SignalServiceServer},
        stream_signals_response::Payload,
        *,
    },
};
use prost::Message;
use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream, wrappers::TcpListenerStream};
use tonic::{Request, Response, Status, Streaming, transport::Server};

/// The answers to come, by the type of the response, and the calls that came.
#[derive(Clone, Default)]
pub struct Mock(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    answers: HashMap<TypeId, VecDeque<Box<dyn Any + Send>>>,
    calls: Vec<String>,
}

pub type Answer<T> = Result<Response<T>, Status>;
type Items<T> = Vec<Result<T, Status>>;
type ItemStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// How a stream of signals goes.
#[derive(Clone, Default)]
pub struct SignalStream {
    /// Positions that are rejected.
    pub reject: Vec<u64>,
    /// Position after which the stream breaks, unacknowledged.
    pub break_at: Option<u64>,
}

impl Mock {
    /// Starts to serve on a port of the system's choice.
    pub async fn serve() -> (Mock, SocketAddr) {
        let mock = Mock::default();
        let address = mock.serve_at("127.0.0.1:0".parse().unwrap()).await;
        (mock, address)
    }

    /// Starts to serve at an address.
    pub async fn serve_at(&self, address: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Server::builder()
            .add_service(CaseServiceServer::new(self.clone()))
            .add_service(ExecutionServiceServer::new(self.clone()))
            .add_service(NotificationServiceServer::new(self.clone()))
            .add_service(ReportServiceServer::new(self.clone()))
            .add_service(SignalServiceServer::new(self.clone()));
        tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
        address
    }

    /// The next call with this response is answered so.
    pub fn answer<T: Send + 'static>(&self, answer: T) -> &Self {
        self.push::<Answer<T>>(Ok(Response::new(answer)))
    }

    /// The next call with this response is answered so, with metadata.
    pub fn answer_with<T: Send + 'static>(&self, answer: Response<T>) -> &Self {
        self.push::<Answer<T>>(Ok(answer))
    }

    /// The next call with this response is refused.
    pub fn refuse<T: Send + 'static>(&self, status: Status) -> &Self {
        self.push::<Answer<T>>(Err(status))
    }

    /// The next stream of this response has these items, and then ends if the
    /// last one is an error, or else stays open.
    pub fn stream<T: Send + 'static>(&self, items: Items<T>) -> &Self {
        self.push::<Items<T>>(items)
    }

    /// The next stream of signals goes so.
    pub fn signals(&self, stream: SignalStream) -> &Self {
        self.push::<SignalStream>(stream)
    }

    /// The calls that came: `NAME JSON`, oldest first.
    pub fn calls(&self) -> Vec<String> {
        self.script().calls.clone()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap()
    }

    fn push<T: Send + 'static>(&self, answer: T) -> &Self {
        let mut script = self.script();
        let answers = script.answers.entry(TypeId::of::<T>()).or_default();
        answers.push_back(Box::new(answer));
        drop(script);
        self
    }

    fn next<T: Send + 'static>(&self) -> Option<T> {
        let mut script = self.script();
        let answer = script.answers.get_mut(&TypeId::of::<T>())?.pop_front()?;
        Some(*answer.downcast().unwrap())
    }

    fn note<R: Message>(&self, request: &R) {
        let full = std::any::type_name::<R>();
        let name = full.rsplit("::").next().unwrap();
        let json = to_json(request, &format!("livecheck.v1.{name}")).unwrap();
        let call = name.strip_suffix("Request").unwrap();
        self.script().calls.push(format!("{call} {json}"));
    }

    pub fn unary<R: Message, T: Send + 'static>(&self, request: Request<R>) -> Answer<T> {
        self.note(request.get_ref());
        self.next::<Answer<T>>()
            .unwrap_or_else(|| Err(Status::unimplemented("the test has no answer")))
    }

    fn watch<R: Message, T: Send + Sync + 'static>(
        &self,
        request: Request<R>,
    ) -> Answer<ItemStream<T>> {
        self.note(request.get_ref());
        let items = self
            .next::<Items<T>>()
            .ok_or_else(|| Status::unimplemented("the test has no answer"))?;
        let ends = items.last().is_none_or(Result::is_err);
        let items = tokio_stream::iter(items);
        let rest = tokio_stream::pending::<Result<T, Status>>();
        Ok(Response::new(match ends {
            true => Box::pin(items),
            false => Box::pin(items.chain(rest)),
        }))
    }
}

#[tonic::async_trait]
impl CaseService for Mock {
    type WatchCasesStream = ItemStream<WatchCasesResponse>;

    async fn apply_case(&self, request: Request<ApplyCaseRequest>) -> Answer<ApplyCaseResponse> {
        self.unary(request)
    }

    async fn get_case(&self, request: Request<GetCaseRequest>) -> Answer<GetCaseResponse> {
        self.unary(request)
    }

    async fn list_cases(&self, request: Request<ListCasesRequest>) -> Answer<ListCasesResponse> {
        self.unary(request)
    }

    async fn control_case(
        &self,
        request: Request<ControlCaseRequest>,
    ) -> Answer<ControlCaseResponse> {
        self.unary(request)
    }

    async fn delete_case(&self, request: Request<DeleteCaseRequest>) -> Answer<DeleteCaseResponse> {
        self.unary(request)
    }

    async fn watch_cases(
        &self,
        request: Request<WatchCasesRequest>,
    ) -> Answer<Self::WatchCasesStream> {
        self.watch(request)
    }
}

#[tonic::async_trait]
impl ExecutionService for Mock {
    type WatchExecutionStream = ItemStream<WatchExecutionResponse>;

    async fn submit_execution(
        &self,
        request: Request<SubmitExecutionRequest>,
    ) -> Answer<SubmitExecutionResponse> {
        self.unary(request)
    }

    async fn get_execution(
        &self,
        request: Request<GetExecutionRequest>,
    ) -> Answer<GetExecutionResponse> {
        self.unary(request)
    }

    async fn list_executions(
        &self,
        request: Request<ListExecutionsRequest>,
    ) -> Answer<ListExecutionsResponse> {
        self.unary(request)
    }

    async fn cancel_execution(
        &self,
        request: Request<CancelExecutionRequest>,
    ) -> Answer<CancelExecutionResponse> {
        self.unary(request)
    }

    async fn watch_execution(
        &self,
        request: Request<WatchExecutionRequest>,
    ) -> Answer<Self::WatchExecutionStream> {
        self.watch(request)
    }
}

#[tonic::async_trait]
impl ReportService for Mock {
    type WatchReportsStream = ItemStream<WatchReportsResponse>;

    async fn get_report(&self, request: Request<GetReportRequest>) -> Answer<GetReportResponse> {
        self.unary(request)
    }

    async fn list_reports(
        &self,
        request: Request<ListReportsRequest>,
    ) -> Answer<ListReportsResponse> {
        self.unary(request)
    }

    async fn list_failures(
        &self,
        request: Request<ListFailuresRequest>,
    ) -> Answer<ListFailuresResponse> {
        self.unary(request)
    }

    async fn watch_reports(
        &self,
        request: Request<WatchReportsRequest>,
    ) -> Answer<Self::WatchReportsStream> {
        self.watch(request)
    }
}

#[tonic::async_trait]
impl SignalService for Mock {
    type StreamSignalsStream = ReceiverStream<Result<StreamSignalsResponse, Status>>;
    type WatchSignalsStream = ItemStream<WatchSignalsResponse>;

    async fn send_signal(&self, request: Request<SendSignalRequest>) -> Answer<SendSignalResponse> {
        self.unary(request)
    }

    async fn wait_signal(&self, request: Request<WaitSignalRequest>) -> Answer<WaitSignalResponse> {
        self.unary(request)
    }

    async fn watch_signals(
        &self,
        request: Request<WatchSignalsRequest>,
    ) -> Answer<Self::WatchSignalsStream> {
        self.watch(request)
    }

    async fn stream_signals(
        &self,
        request: Request<Streaming<StreamSignalsRequest>>,
    ) -> Answer<Self::StreamSignalsStream> {
        let script = self
            .next::<SignalStream>()
            .ok_or_else(|| Status::unimplemented("the test has no answer"))?;
        let (sender, receiver) = mpsc::channel(1);
        let mock = self.clone();
        tokio::spawn(async move {
            let mut signals = request.into_inner();
            let mut position = 0;
            while let Ok(Some(signal)) = signals.message().await {
                position += 1;
                mock.note(&signal);
                if script.break_at == Some(position) {
                    let _ = sender.send(Err(Status::unavailable("going away"))).await;
                    return;
                }
                if script.reject.contains(&position) {
                    let rejection = Payload::Rejection(SignalRejection {
                        position,
                        code: 5,
                        reason: "CASE_NOT_FOUND".into(),
                        message: "there is no such case".into(),
                    });
                    answer(&sender, rejection).await;
                }
                answer(&sender, Payload::Ack(position)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

async fn answer(sender: &mpsc::Sender<Result<StreamSignalsResponse, Status>>, payload: Payload) {
    let answer = StreamSignalsResponse {
        payload: Some(payload),
    };
    let _ = sender.send(Ok(answer)).await;
}
