//! Calls a second, as ratios in one run: unary `SendSignal` for live executions
//! under h2load, and a stream of signals, each beside a tonic server of the same
//! runtime that does nothing.
//!
//! `cargo bench --bench calls`. The servers are processes of their own, on one
//! runtime thread each; h2load (package nghttp2-client) has to be on the PATH.

use std::{
    error::Error,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::Path,
    pin::Pin,
    process::{Child, Command, Stdio},
    time::Instant,
};

use livecheck::{
    pb::v1::{
        ApplyCaseRequest, Case, Contract, Sampling, SendSignalRequest, SendSignalResponse, Signal,
        SignalEvent, SignalOutcome, StreamSignalsRequest, StreamSignalsResponse,
        SubmitExecutionRequest, WaitSignalRequest, WaitSignalResponse, WatchSignalsRequest,
        WatchSignalsResponse,
        case_service_client::CaseServiceClient,
        execution_service_client::ExecutionServiceClient,
        signal_service_client::SignalServiceClient,
        signal_service_server::{SignalService, SignalServiceServer},
        stream_signals_response::Payload,
    },
    server,
    settings::ServeSettings,
};
use prost::Message;
use prost_types::{Struct, Value, value::Kind};
use tokio::net::TcpListener;
use tokio_stream::{Stream, StreamExt, wrappers::TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Tells a child of this bench which server to be.
const ROLE: &str = "LIVECHECK_BENCH_ROLE";
const ROUNDS: usize = 5;
const UNARY_CALLS: u32 = 150_000;
const STREAMED: u64 = 1_000_000;
const EXECUTIONS: u64 = 10_000;
const CASE: &str = "bench.orders";

type Any = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Any> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match std::env::var(ROLE).as_deref() {
        Ok("livecheck") => runtime.block_on(serve_livecheck()),
        Ok("no-op") => runtime.block_on(serve_no_op()),
        _ => runtime.block_on(measure()),
    }
}

async fn measure() -> Result<(), Any> {
    let livecheck = Server::start("livecheck")?;
    let no_op = Server::start("no-op")?;
    prepare(livecheck.addr).await?;

    let payload = tempfile::NamedTempFile::new()?;
    payload.as_file().write_all(&frame(&SendSignalRequest {
        event: Some(event(0)),
        signal_id: String::new(),
    })?)?;

    println!("unary SendSignal: h2load, 4 connections x 64 streams, {UNARY_CALLS} calls a round");
    let mut ratios = Vec::new();
    for round in 1..=ROUNDS {
        let ours = h2load(livecheck.addr, payload.path())?;
        let control = h2load(no_op.addr, payload.path())?;
        let ratio = ours / control;
        println!("  round {round}: {ours:.0}/s, no-op {control:.0}/s, ratio {ratio:.2}");
        ratios.push(ratio);
    }
    println!("  median ratio {:.2}", median(&mut ratios));

    println!("StreamSignals: one stream, {STREAMED} distinct signals a round");
    let (mut rates, mut ratios) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let first = round as u64 * STREAMED;
        let ours = stream(livecheck.addr, first).await?;
        let control = stream(no_op.addr, first).await?;
        let ratio = ours / control;
        println!("  round {round}: {ours:.0}/s, no-op {control:.0}/s, ratio {ratio:.2}");
        rates.push(ours);
        ratios.push(ratio);
    }
    let (rate, ratio) = (median(&mut rates), median(&mut ratios));
    println!("  median {rate:.0} durable signals/s, ratio {ratio:.2}");
    Ok(())
}

/// A case, and executions of it that stay live: their second signal never comes.
async fn prepare(addr: SocketAddr) -> Result<(), Any> {
    let url = format!("http://{addr}");
    let hour = prost_types::Duration {
        seconds: 3600,
        nanos: 0,
    };
    let signal = |name: &str, min: u32, expression: Option<&str>| Signal {
        name: name.to_owned(),
        timeout: Some(hour),
        min: Some(min),
        expect: expression
            .into_iter()
            .map(|expression| Contract {
                expression: expression.to_owned(),
                ..Contract::default()
            })
            .collect(),
        ..Signal::default()
    };
    let case = Case {
        name: CASE.to_owned(),
        signals: vec![
            signal("step", 200, Some("value.order >= 0.0")),
            signal("never", 1, None),
        ],
        ..Case::default()
    };
    CaseServiceClient::connect(url.clone())
        .await?
        .apply_case(ApplyCaseRequest {
            case: Some(case),
            validate_only: false,
        })
        .await?;
    let mut executions = ExecutionServiceClient::connect(url).await?;
    for number in 0..EXECUTIONS {
        executions
            .submit_execution(SubmitExecutionRequest {
                case_name: CASE.to_owned(),
                id: id(number),
                sampling: Sampling::Always.into(),
                ..SubmitExecutionRequest::default()
            })
            .await?;
    }
    Ok(())
}

/// Calls a second.
fn h2load(addr: SocketAddr, payload: &Path) -> Result<f64, Any> {
    let output = Command::new("h2load")
        .args(["-c4", "-m64", &format!("-n{UNARY_CALLS}")])
        .args(["-H", "te: trailers", "-H", "content-type: application/grpc"])
        .arg("-d")
        .arg(payload)
        .arg(format!(
            "http://{addr}/livecheck.v1.SignalService/SendSignal"
        ))
        .output()
        .map_err(|error| format!("h2load: {error}; it is in the package nghttp2-client"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !text.contains(&format!("{UNARY_CALLS} succeeded, 0 failed, 0 errored")) {
        return Err(format!("h2load: not every call succeeded:\n{text}").into());
    }
    let finished = text.lines().find(|line| line.starts_with("finished in"));
    let rate = finished.and_then(|line| line.split(", ").nth(1)?.strip_suffix(" req/s"));
    Ok(rate.ok_or("h2load: no rate")?.parse()?)
}

/// Acknowledged signals a second of one stream.
async fn stream(addr: SocketAddr, first: u64) -> Result<f64, Any> {
    let mut client = SignalServiceClient::connect(format!("http://{addr}")).await?;
    let items = tokio_stream::iter(first..first + STREAMED).map(|number| StreamSignalsRequest {
        event: Some(event(number)),
        signal_id: String::new(),
    });
    let began = Instant::now();
    let mut answers = client.stream_signals(items).await?.into_inner();
    let mut acknowledged = 0;
    while let Some(answer) = answers.next().await {
        match answer?.payload {
            Some(Payload::Ack(ack)) => acknowledged = ack,
            other => return Err(format!("unexpected {other:?}").into()),
        }
    }
    if acknowledged != STREAMED {
        return Err(format!("{acknowledged} of {STREAMED} acknowledged").into());
    }
    Ok(STREAMED as f64 / began.elapsed().as_secs_f64())
}

/// A message as it travels: not compressed, its length, itself.
fn frame(message: &impl Message) -> Result<Vec<u8>, Any> {
    let bytes = message.encode_to_vec();
    let mut frame = vec![0];
    frame.extend(u32::try_from(bytes.len())?.to_be_bytes());
    frame.extend(bytes);
    Ok(frame)
}

fn id(number: u64) -> String {
    format!("execution-{:06}", number % EXECUTIONS)
}

fn event(number: u64) -> SignalEvent {
    let of = |kind| Value { kind: Some(kind) };
    let fields = [("order".to_owned(), of(Kind::NumberValue(number as f64)))];
    SignalEvent {
        signal_name: "step".to_owned(),
        case_name: CASE.to_owned(),
        key: Some(of(Kind::StringValue(id(number)))),
        value: Some(of(Kind::StructValue(Struct {
            fields: fields.into(),
        }))),
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A server in a process of its own, ended with this value.
struct Server {
    process: Child,
    addr: SocketAddr,
}

impl Server {
    fn start(role: &str) -> Result<Server, Any> {
        let mut process = Command::new(std::env::current_exe()?)
            .env(ROLE, role)
            .stdout(Stdio::piped())
            .spawn()?;
        let out = process.stdout.take().ok_or("no output")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        Ok(Server {
            process,
            addr: line.trim().parse()?,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended already is no loss.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn serve_livecheck() -> Result<(), Any> {
    let directory = tempfile::tempdir()?;
    let settings = ServeSettings {
        data_dir: directory.path().to_owned(),
        ..ServeSettings::default()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    server::run(&settings, listener, std::future::pending()).await?;
    Ok(())
}

async fn serve_no_op() -> Result<(), Any> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    tonic::transport::Server::builder()
        .tcp_nodelay(true)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .add_service(SignalServiceServer::new(NoOp))
        .serve_with_incoming(TcpListenerStream::new(listener))
        .await?;
    Ok(())
}

/// Takes signals and does nothing with them.
struct NoOp;

type Out<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl SignalService for NoOp {
    async fn send_signal(
        &self,
        _: Request<SendSignalRequest>,
    ) -> Result<Response<SendSignalResponse>, Status> {
        Ok(Response::new(SendSignalResponse {
            outcome: SignalOutcome::Accepted.into(),
            message: String::new(),
        }))
    }

    type StreamSignalsStream = Out<StreamSignalsResponse>;

    async fn stream_signals(
        &self,
        request: Request<Streaming<StreamSignalsRequest>>,
    ) -> Result<Response<Self::StreamSignalsStream>, Status> {
        let mut count = 0;
        let acks = request.into_inner().filter_map(move |item| {
            count += 1;
            let ack = (count % 512 == 0 || count == STREAMED).then_some(count);
            match (item, ack) {
                (Err(status), _) => Some(Err(status)),
                (Ok(_), Some(ack)) => Some(Ok(StreamSignalsResponse {
                    payload: Some(Payload::Ack(ack)),
                })),
                (Ok(_), None) => None,
            }
        });
        Ok(Response::new(Box::pin(acks)))
    }

    async fn wait_signal(
        &self,
        _: Request<WaitSignalRequest>,
    ) -> Result<Response<WaitSignalResponse>, Status> {
        Err(Status::unimplemented("not measured"))
    }

    type WatchSignalsStream = Out<WatchSignalsResponse>;

    async fn watch_signals(
        &self,
        _: Request<WatchSignalsRequest>,
    ) -> Result<Response<Self::WatchSignalsStream>, Status> {
        Err(Status::unimplemented("not measured"))
    }
}
