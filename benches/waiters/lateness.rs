//! How late waits end, while unrelated signals flow: never early, and at most
//! 250 ms late (p99). The control is a sleep of the same length beside each.
//!
//! A call's wait is measured from before its request is sent to its answer, so
//! that transport and scheduling of the client count as lateness. A declared one
//! is measured from the start of its execution, which is in its report, to the
//! answer: both clocks are this machine's.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use hdrhistogram::Histogram;
use livecheck::pb::v1::{
    GetReportRequest, State, TestReport, WatchExecutionRequest,
    execution_service_client::ExecutionServiceClient, report_service_client::ReportServiceClient,
    signal_service_client::SignalServiceClient, stream_signals_response, watch_execution_response,
};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::{Code, transport::Channel};

use crate::{
    Any, HOUR, SIGNAL, apply, id, item, on_the_wire, server::Server, signal, submit, submit_all,
    wait_request,
};

/// Unrelated signals a second, on one stream.
const RATE: u64 = 10_000;
/// For how long waits are begun.
const LASTING: Duration = Duration::from_secs(30);
/// Waits at once in each of the ways.
const WAITERS: [(Way, u64); 3] = [
    (Way::WaitSignal, 1000),
    (Way::GetReport, 500),
    (Way::WatchExecution, 500),
];
/// Live executions that get the unrelated signals.
const EXECUTIONS: u64 = 2000;
const UNRELATED: &str = "bench.unrelated";
const WAITED: &str = "bench.waited";
/// The timeouts of declared waits.
const TIMEOUTS: [Duration; 6] = [
    Duration::from_millis(500),
    Duration::from_millis(1000),
    Duration::from_micros(1_500_500),
    Duration::from_millis(2000),
    Duration::from_micros(2_500_001),
    Duration::from_millis(3000),
];
/// The promise: so late at most, 99 times of 100.
const PROMISED: Duration = Duration::from_millis(250);

/// Ways to wait.
#[derive(Clone, Copy)]
enum Way {
    /// For a signal, as long as the call says.
    WaitSignal,
    /// For a report of TIMEOUT, as long as the case says.
    GetReport,
    /// The same, as a watcher.
    WatchExecution,
}

/// A wait that ended.
struct Ended {
    timeout: Duration,
    took: Duration,
    /// What its report says.
    runtime: Option<Duration>,
    /// What a sleep of the same length beside it took.
    slept: Duration,
}

pub async fn measure() -> Result<(), Any> {
    let server = Server::start(&["--max-concurrent-streams=4096".to_owned()])?;
    let channel = server.connect().await?;
    let mut step = signal("step", HOUR);
    step.min = Some(200);
    apply(&channel, UNRELATED, vec![step, signal("never", HOUR)]).await?;
    submit_all(&channel, UNRELATED, 0..EXECUTIONS).await?;
    apply(&channel, WAITED, vec![signal(SIGNAL, HOUR)]).await?;
    for (which, timeout) in TIMEOUTS.into_iter().enumerate() {
        apply(&channel, &timed(which), vec![signal(SIGNAL, timeout)]).await?;
    }

    let stop = Arc::new(AtomicBool::new(false));
    let flowing = tokio::spawn(flow(server.connect().await?, Arc::clone(&stop)));
    let end = Instant::now() + LASTING;
    let mut waiting = Vec::new();
    for (way, count) in WAITERS {
        let channel = server.connect().await?;
        let mut callers = JoinSet::new();
        for caller in 0..count {
            callers.spawn(wait_until(end, way, caller, channel.clone()));
        }
        waiting.push((way, callers));
    }

    let mut kinds = Vec::new();
    let mut control = Lateness::new("a sleep beside each")?;
    for (way, mut callers) in waiting {
        let mut kind = Lateness::new(match way {
            Way::WaitSignal => "WaitSignal",
            Way::GetReport => "declared, GetReport",
            Way::WatchExecution => "declared, WatchExecution",
        })?;
        while let Some(all) = callers.join_next().await {
            for ended in all?? {
                kind.add(ended.timeout, ended.took)?;
                control.add(ended.timeout, ended.slept)?;
                let runtime = ended.runtime.unwrap_or(ended.timeout);
                kind.early += u64::from(runtime < ended.timeout);
            }
        }
        kinds.push(kind);
    }
    stop.store(true, Ordering::Relaxed);
    let rate = flowing.await??;

    println!("waits of 0.5 to 3 s, beside {rate:.0} unrelated signals/s on one stream");
    println!(
        "  {:<26} {:>7} {:>6} {:>10} {:>10} {:>10}",
        "", "ended", "early", "p50 late", "p99", "max"
    );
    kinds.iter().chain([&control]).for_each(Lateness::print);
    let kept = |kind: &Lateness| kind.early == 0 && kind.late(0.99) <= PROMISED;
    match kinds.iter().all(kept) {
        true => Ok(()),
        false => Err(format!("a wait ended early, or p99 is over {PROMISED:?}").into()),
    }
}

/// How late waits of one kind ended.
struct Lateness {
    name: &'static str,
    early: u64,
    micros: Histogram<u64>,
}

impl Lateness {
    fn new(name: &'static str) -> Result<Lateness, Any> {
        Ok(Lateness {
            name,
            early: 0,
            micros: Histogram::new(3)?,
        })
    }

    fn add(&mut self, timeout: Duration, took: Duration) -> Result<(), Any> {
        match took.checked_sub(timeout) {
            Some(late) => self.micros.record(late.as_micros().try_into()?)?,
            None => self.early += 1,
        }
        Ok(())
    }

    fn late(&self, quantile: f64) -> Duration {
        Duration::from_micros(self.micros.value_at_quantile(quantile))
    }

    fn print(&self) {
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|one| self.late(one).as_secs_f64() * 1e3);
        let (name, early, ended) = (self.name, self.early, self.micros.len());
        println!("  {name:<26} {ended:>7} {early:>6} {p50:>7.1} ms {p99:>7.1} ms {max:>7.1} ms");
    }
}

/// Waits one after the other, each until its deadline.
async fn wait_until(
    end: Instant,
    way: Way,
    caller: u64,
    channel: Channel,
) -> Result<Vec<Ended>, Any> {
    let mut ended = Vec::new();
    let first = caller * 1000;
    let mut numbers = first..;
    while Instant::now() < end {
        let number = numbers.next().unwrap_or(first);
        ended.push(match way {
            Way::WaitSignal => wait_signal(&channel, number).await?,
            Way::GetReport | Way::WatchExecution => declared(way, &channel, number).await?,
        });
    }
    Ok(ended)
}

async fn wait_signal(channel: &Channel, number: u64) -> Result<Ended, Any> {
    // Spread over 0.5 to 3 s, to the microsecond.
    let spread = number.wrapping_mul(1_618_033) % 2_500_001;
    let timeout = Duration::from_micros(500_000 + spread);
    let request = wait_request(WAITED, id(number), timeout);
    let mut signals = SignalServiceClient::new(channel.clone());
    let wait = timed_call(signals.wait_signal(request));
    let ((took, answer), (slept, ())) = tokio::join!(wait, timed_call(slept(timeout)));
    match answer {
        Err(status) if status.code() == Code::DeadlineExceeded => Ok(Ended {
            timeout,
            took,
            runtime: None,
            slept,
        }),
        other => Err(format!("not the end of a wait: {other:?}").into()),
    }
}

/// Submits an execution whose signal never comes, and waits for its report.
async fn declared(way: Way, channel: &Channel, number: u64) -> Result<Ended, Any> {
    let which = number as usize % TIMEOUTS.len();
    let (timeout, case_name) = (TIMEOUTS[which], timed(which));
    let id = match way {
        Way::WatchExecution => format!("watched-{number}"),
        Way::GetReport | Way::WaitSignal => id(number),
    };
    let wait = async {
        let mut executions = ExecutionServiceClient::new(channel.clone());
        submit(&mut executions, &case_name, id.clone()).await?;
        let report = match way {
            Way::WatchExecution => watched_report(executions, case_name, id).await,
            Way::GetReport | Way::WaitSignal => awaited_report(channel, case_name, id).await,
        };
        report.map(|report| (report, SystemTime::now()))
    };
    let (report, (slept, ())) = tokio::join!(wait, timed_call(slept(timeout)));
    let (report, answered) = report?;
    let test = report.test.as_ref();
    let start = test.and_then(|test| SystemTime::try_from(test.timestamp?).ok());
    match (report.state(), report.runtime, start) {
        (State::Timeout, Some(runtime), Some(start)) => Ok(Ended {
            timeout,
            took: answered.duration_since(start)?,
            runtime: Some(runtime.try_into()?),
            slept,
        }),
        _ => Err(format!("not the report of a timeout: {report:?}").into()),
    }
}

async fn awaited_report(
    channel: &Channel,
    case_name: String,
    id: String,
) -> Result<TestReport, Any> {
    let request = GetReportRequest {
        case_name,
        id,
        wait: Some(on_the_wire(HOUR)),
    };
    let mut reports = ReportServiceClient::new(channel.clone());
    let answer = reports.get_report(request).await?.into_inner();
    answer.report.ok_or_else(|| "no report".into())
}

async fn watched_report(
    mut executions: ExecutionServiceClient<Channel>,
    case_name: String,
    id: String,
) -> Result<TestReport, Any> {
    use watch_execution_response::Payload;
    let request = WatchExecutionRequest { case_name, id };
    let mut items = executions.watch_execution(request).await?.into_inner();
    while let Some(item) = items.next().await {
        if let Some(Payload::Report(report)) = item?.payload {
            return Ok(report);
        }
    }
    Err("the watch ended without a report".into())
}

/// Begins to sleep when it is polled, as calls begin then.
async fn slept(duration: Duration) {
    sleep(duration).await;
}

async fn timed_call<T>(call: impl Future<Output = T>) -> (Duration, T) {
    let began = Instant::now();
    let answer = call.await;
    (began.elapsed(), answer)
}

/// The case of one of the timeouts.
fn timed(which: usize) -> String {
    format!("bench.timed.{which}")
}

/// Sends unrelated signals at a steady rate until it is told to stop; how many a
/// second were acknowledged.
async fn flow(channel: Channel, stop: Arc<AtomicBool>) -> Result<f64, Any> {
    use stream_signals_response::Payload;
    let (items, queued) = mpsc::channel(1024);
    let began = Instant::now();
    let pace = tokio::spawn(async move {
        let mut turns = interval(Duration::from_millis(1));
        turns.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut sent = 0;
        while !stop.load(Ordering::Relaxed) {
            turns.tick().await;
            let due = began.elapsed().as_micros() as u64 * RATE / 1_000_000;
            for number in sent..due {
                let item = item(UNRELATED, id(number % EXECUTIONS), "step", number);
                if items.send(item).await.is_err() {
                    return number;
                }
            }
            sent = due;
        }
        sent
    });
    let mut signals = SignalServiceClient::new(channel);
    let answers = signals.stream_signals(ReceiverStream::new(queued)).await?;
    let mut answers = answers.into_inner();
    let mut acknowledged = 0;
    while let Some(answer) = answers.next().await {
        match answer?.payload {
            Some(Payload::Ack(ack)) => acknowledged = ack,
            other => return Err(format!("unexpected {other:?}").into()),
        }
    }
    let rate = acknowledged as f64 / began.elapsed().as_secs_f64();
    match pace.await? {
        sent if sent == acknowledged => Ok(rate),
        sent => Err(format!("{acknowledged} of {sent} signals acknowledged").into()),
    }
}
