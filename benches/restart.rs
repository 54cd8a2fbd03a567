//! How long a server with 100,000 live executions is away when it is restarted:
//! `cargo bench --bench restart`. Each of them has had one of its two signals.
//!
//! After kill -9 everything is folded again from the journal; after SIGTERM it
//! is read from the snapshot. Beside each, how long an empty server takes.

use std::{
    error::Error,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use livecheck::pb::v1::{
    ApplyCaseRequest, Case, GetCaseRequest, Sampling, Signal, SignalEvent, StreamSignalsRequest,
    SubmitExecutionRequest, case_service_client::CaseServiceClient,
    execution_service_client::ExecutionServiceClient, signal_service_client::SignalServiceClient,
    stream_signals_response::Payload,
};
use prost_types::{ListValue, Value, value::Kind};
use tokio::task::JoinSet;
use tokio_stream::StreamExt;

const EXECUTIONS: u64 = 100_000;
/// Submissions under way at once.
const CALLERS: u64 = 128;
const ROUNDS: usize = 3;
const CASE: &str = "bench.restart";

type Any = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Any> {
    // A thread of its own, so that connections end while a process is waited for.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(measure())
}

async fn measure() -> Result<(), Any> {
    let directory = tempfile::tempdir()?;
    let (server, empty) = Server::start(directory.path())?;
    println!(
        "{:<50} {:>6.2} s",
        "start of an empty server",
        empty.as_secs_f64()
    );
    fill(&server.url).await?;
    let mut server = server;
    for _ in 0..ROUNDS {
        server.end("KILL")?;
        let (after_kill, took) = Server::start(directory.path())?;
        println!(
            "{:<50} {:>6.2} s",
            "start after kill -9",
            took.as_secs_f64()
        );
        after_kill.check().await?;
        server = after_kill;
    }
    for _ in 0..ROUNDS {
        let took = server.end("TERM")?;
        println!("{:<50} {:>6.2} s", "SIGTERM to exit", took.as_secs_f64());
        let (after_term, took) = Server::start(directory.path())?;
        println!(
            "{:<50} {:>6.2} s",
            "start after SIGTERM",
            took.as_secs_f64()
        );
        after_term.check().await?;
        server = after_term;
    }
    server.end("KILL")?;
    Ok(())
}

/// A case, and executions of it with the first of two signals.
async fn fill(url: &str) -> Result<(), Any> {
    let hour = prost_types::Duration {
        seconds: 3600,
        nanos: 0,
    };
    let signals = ["first", "second"].map(|name| Signal {
        name: name.to_owned(),
        timeout: Some(hour),
        ..Signal::default()
    });
    let case = Case {
        name: CASE.to_owned(),
        signals: signals.into(),
        ..Case::default()
    };
    CaseServiceClient::connect(url.to_owned())
        .await?
        .apply_case(ApplyCaseRequest {
            case: Some(case),
            validate_only: false,
        })
        .await?;

    let client = ExecutionServiceClient::connect(url.to_owned()).await?;
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let mut client = client.clone();
        callers.spawn(async move {
            for number in (caller..EXECUTIONS).step_by(CALLERS as usize) {
                let request = SubmitExecutionRequest {
                    case_name: CASE.to_owned(),
                    id: id(number),
                    test_args: Some(ListValue {
                        values: vec![text("an order"), text(&id(number))],
                    }),
                    sampling: Sampling::Always.into(),
                    ..SubmitExecutionRequest::default()
                };
                client.submit_execution(request).await?;
            }
            Ok::<_, tonic::Status>(())
        });
    }
    while let Some(done) = callers.join_next().await {
        done??;
    }

    let items = tokio_stream::iter(0..EXECUTIONS).map(|number| StreamSignalsRequest {
        event: Some(SignalEvent {
            signal_name: "first".to_owned(),
            case_name: CASE.to_owned(),
            key: Some(text(&id(number))),
            value: Some(text("sent")),
        }),
        signal_id: String::new(),
    });
    let mut client = SignalServiceClient::connect(url.to_owned()).await?;
    let mut answers = client.stream_signals(items).await?.into_inner();
    let mut acknowledged = 0;
    while let Some(answer) = answers.next().await {
        if let Some(Payload::Ack(ack)) = answer?.payload {
            acknowledged = ack;
        }
    }
    match acknowledged {
        EXECUTIONS => Ok(()),
        _ => Err(format!("{acknowledged} of {EXECUTIONS} signals acknowledged").into()),
    }
}

fn id(number: u64) -> String {
    format!("execution-{number:06}")
}

fn text(text: &str) -> Value {
    Value {
        kind: Some(Kind::StringValue(text.to_owned())),
    }
}

/// The real server, in a process of its own that ends with this value.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    /// Starts it; with how long it took until it served.
    fn start(data: &Path) -> Result<(Server, Duration), Any> {
        let began = Instant::now();
        let mut process = Command::new(env!("CARGO_BIN_EXE_livecheck"))
            .args(["serve", "--listen=127.0.0.1:0", "--data-dir"])
            .arg(data)
            .stderr(Stdio::piped())
            .spawn()?;
        let log = process.stderr.take().ok_or("no log")?;
        let mut log = BufReader::new(log).lines();
        let address = loop {
            let line = log.next().ok_or("the server ended")??;
            if let Some((_, rest)) = line.split_once("serving addr=") {
                break rest
                    .split_whitespace()
                    .next()
                    .unwrap_or_default()
                    .to_owned();
            }
        };
        let took = began.elapsed();
        // A pipe that is full would hold the server up.
        thread::spawn(move || log.for_each(drop));
        let url = format!("http://{address}");
        Ok((Server { process, url }, took))
    }

    /// All executions have to be there.
    async fn check(&self) -> Result<(), Any> {
        let mut client = CaseServiceClient::connect(self.url.clone()).await?;
        let request = GetCaseRequest {
            name: CASE.to_owned(),
        };
        let live = client.get_case(request).await?.into_inner().live_executions;
        match live {
            EXECUTIONS => Ok(()),
            _ => Err(format!("{live} of {EXECUTIONS} executions are live").into()),
        }
    }

    /// Ends it with a signal; how long that took.
    fn end(mut self, signal: &str) -> Result<Duration, Any> {
        let began = Instant::now();
        let sent = Command::new("kill")
            .args(["-s", signal])
            .arg(self.process.id().to_string())
            .status()?;
        self.process.wait()?;
        match sent.success() {
            true => Ok(began.elapsed()),
            false => Err("no signal was sent".into()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended already is no loss.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
