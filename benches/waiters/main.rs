//! What waiting costs: how late waits end, what it costs to wake one of many,
//! and whether memory levels off.
//!
//! `cargo bench --bench waiters`; or only some of the parts, such as
//! `cargo bench --bench waiters -- lateness wake-ups memory`. The servers are
//! processes of their own, on one runtime thread each, over directories that
//! are gone afterwards. It fails where a promise is not kept.

mod lateness;
mod memory;
mod server;
mod wake_ups;

use std::{error::Error, time::Duration};

use livecheck::pb::v1::{
    ApplyCaseRequest, Case, Sampling, Signal, SignalEvent, StreamSignalsRequest,
    SubmitExecutionRequest, TestExecution, WaitSignalRequest,
    case_service_client::CaseServiceClient, execution_service_client::ExecutionServiceClient,
};
use prost_types::{Value, value::Kind};
use tokio::task::JoinSet;
use tonic::{Status, transport::Channel};

/// Submissions under way at once.
const CALLERS: u64 = 128;
/// Name of the signal that is waited for.
const SIGNAL: &str = "sent";
/// Longer than anything lasts here.
const HOUR: Duration = Duration::from_secs(3600);

type Any = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Any> {
    // Cargo adds a flag of its own.
    let named = std::env::args().skip(1).filter(|one| one != "--bench");
    let named: Vec<_> = named.collect();
    let parts = ["lateness", "wake-ups", "memory"];
    if let Some(unknown) = named.iter().find(|one| !parts.contains(&one.as_str())) {
        return Err(format!("there is no part {unknown:?}; there are {parts:?}").into());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let wanted = |part: &str| named.is_empty() || named.iter().any(|one| one == part);
    if wanted("lateness") {
        runtime.block_on(lateness::measure())?;
    }
    if wanted("wake-ups") {
        runtime.block_on(wake_ups::measure())?;
    }
    if wanted("memory") {
        runtime.block_on(memory::measure())?;
    }
    Ok(())
}

/// Applies a case whose executions wait for these signals.
async fn apply(channel: &Channel, name: &str, signals: Vec<Signal>) -> Result<(), Status> {
    let case = Case {
        name: name.to_owned(),
        signals,
        ..Case::default()
    };
    let request = ApplyCaseRequest {
        case: Some(case),
        validate_only: false,
    };
    let mut cases = CaseServiceClient::new(channel.clone());
    cases.apply_case(request).await.map(|_| ())
}

/// Submits an execution.
async fn submit(
    executions: &mut ExecutionServiceClient<Channel>,
    case_name: &str,
    id: String,
) -> Result<TestExecution, Any> {
    let request = SubmitExecutionRequest {
        case_name: case_name.to_owned(),
        id,
        sampling: Sampling::Always.into(),
        ..SubmitExecutionRequest::default()
    };
    let answer = executions.submit_execution(request).await?.into_inner();
    answer.test.ok_or_else(|| "not sampled".into())
}

/// Submits the executions of these numbers, many at once.
async fn submit_all(
    channel: &Channel,
    case_name: &'static str,
    numbers: std::ops::Range<u64>,
) -> Result<(), Any> {
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let mut executions = ExecutionServiceClient::new(channel.clone());
        let numbers = numbers.clone();
        callers.spawn(async move {
            for number in numbers.skip(caller as usize).step_by(CALLERS as usize) {
                submit(&mut executions, case_name, id(number)).await?;
            }
            Ok::<_, Any>(())
        });
    }
    while let Some(done) = callers.join_next().await {
        done??;
    }
    Ok(())
}

/// A signal as the item of a stream.
fn item(case_name: &str, key: String, signal_name: &str, value: u64) -> StreamSignalsRequest {
    StreamSignalsRequest {
        event: Some(event(case_name, key, signal_name, value)),
        signal_id: String::new(),
    }
}

fn event(case_name: &str, key: String, signal_name: &str, value: u64) -> SignalEvent {
    let of = |kind| Some(Value { kind: Some(kind) });
    SignalEvent {
        signal_name: signal_name.to_owned(),
        case_name: case_name.to_owned(),
        key: of(Kind::StringValue(key)),
        value: of(Kind::NumberValue(value as f64)),
    }
}

fn wait_request(case_name: &str, key: String, timeout: Duration) -> WaitSignalRequest {
    WaitSignalRequest {
        case_name: case_name.to_owned(),
        signal_name: SIGNAL.to_owned(),
        key: Some(Value {
            kind: Some(Kind::StringValue(key)),
        }),
        timeout: Some(on_the_wire(timeout)),
    }
}

fn signal(name: &str, timeout: Duration) -> Signal {
    Signal {
        name: name.to_owned(),
        timeout: Some(on_the_wire(timeout)),
        ..Signal::default()
    }
}

fn on_the_wire(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: duration.as_secs() as i64,
        nanos: duration.subsec_nanos() as i32,
    }
}

fn id(number: u64) -> String {
    format!("execution-{number:07}")
}
