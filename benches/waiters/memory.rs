//! Whether memory levels off: what a server has resident after so many concluded
//! executions, and after so many signals that no execution has claimed.

use std::ops::Range;

use livecheck::pb::v1::{
    State, StreamSignalsRequest, WatchReportsRequest, report_service_client::ReportServiceClient,
    signal_service_client::SignalServiceClient, stream_signals_response::Payload,
};
use tokio_stream::{Stream, StreamExt};
use tonic::transport::Channel;

use crate::{Any, HOUR, apply, id, item, server::Server, signal, submit_all};

/// Executions, or signals, a step: as many as are remembered.
const STEP: u64 = 100_000;
const STEPS: u64 = 8;
const CASE: &str = "bench.memory";
const SIGNALS: [&str; 2] = ["sent", "done"];

pub async fn measure() -> Result<(), Any> {
    println!("resident memory after concluded executions of two signals");
    let server = start().await?;
    let channel = server.connect().await?;
    let mut before = print(0, &server, None)?;
    for step in 1..=STEPS {
        conclude(&channel, (step - 1) * STEP..step * STEP).await?;
        before = print(step * STEP, &server, Some(before))?;
    }
    drop(server);

    println!("resident memory after signals for executions that nobody knows");
    let server = start().await?;
    let channel = server.connect().await?;
    let mut before = print(0, &server, None)?;
    for step in 1..=STEPS {
        let numbers = (step - 1) * STEP..step * STEP;
        let items = numbers.map(|number| item(CASE, id(number), SIGNALS[0], number));
        stream(&channel, tokio_stream::iter(items), STEP).await?;
        before = print(step * STEP, &server, Some(before))?;
    }
    Ok(())
}

async fn start() -> Result<Server, Any> {
    let server = Server::start(&[])?;
    let signals = SIGNALS.map(|name| signal(name, HOUR));
    apply(&server.connect().await?, CASE, signals.into()).await?;
    Ok(server)
}

fn print(count: u64, server: &Server, before: Option<f64>) -> Result<f64, Any> {
    let resident = server.resident()?;
    let grown = before.map_or(String::new(), |before| format!("{:+.1}", resident - before));
    println!("  {count:>9} {resident:>8.1} MiB {grown:>8}");
    Ok(resident)
}

/// Submits executions and lets them pass; resolves when the archive has them.
async fn conclude(channel: &Channel, numbers: Range<u64>) -> Result<(), Any> {
    let request = WatchReportsRequest {
        case_name: CASE.to_owned(),
        ..WatchReportsRequest::default()
    };
    let mut reports = ReportServiceClient::new(channel.clone());
    let mut watch = reports.watch_reports(request).await?.into_inner();
    submit_all(channel, CASE, numbers.clone()).await?;
    for name in SIGNALS {
        let items = numbers.clone();
        let items = items.map(move |number| item(CASE, id(number), name, number));
        stream(channel, tokio_stream::iter(items), STEP).await?;
    }
    let mut passed = 0;
    while passed < STEP {
        let item = watch.next().await.ok_or("the watch ended")??;
        match item.report {
            Some(report) if report.state() == State::Pass => passed += 1,
            Some(report) => return Err(format!("not passed: {report:?}").into()),
            None => {}
        }
    }
    Ok(())
}

/// Sends signals; resolves when each is acknowledged.
async fn stream(
    channel: &Channel,
    items: impl Stream<Item = StreamSignalsRequest> + Send + 'static,
    count: u64,
) -> Result<(), Any> {
    let mut signals = SignalServiceClient::new(channel.clone());
    let mut answers = signals.stream_signals(items).await?.into_inner();
    let mut acknowledged = 0;
    while let Some(answer) = answers.next().await {
        match answer?.payload {
            Some(Payload::Ack(ack)) => acknowledged = ack,
            other => return Err(format!("unexpected {other:?}").into()),
        }
    }
    match acknowledged == count {
        true => Ok(()),
        false => Err(format!("{acknowledged} of {count} signals acknowledged").into()),
    }
}
