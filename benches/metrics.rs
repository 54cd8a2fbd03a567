//! How long a scrape takes of a node with 1,000 cases of four signals each, every
//! one of which has had executions: `cargo bench --bench metrics`.
//!
//! Beside it, as a control, how long it takes to copy an answer of that size, and
//! how long the figures take, which are collected under the lock of the fold. Of
//! each the time on the clock and that of the processor, which on a busy machine
//! is less.

use std::{
    collections::BTreeMap,
    error::Error,
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use livecheck::{
    archive::Archive,
    clock::SystemClock,
    journal::{Journal, MemoryJournal},
    metrics::{Format, Metrics},
    model::{SignalEvent, Signalled, Submission},
    node::{Node, NodeOptions, Opened, Reply},
    pb::v1,
};
use tokio::task::JoinSet;

const CASES: usize = 1000;
const SIGNALS: [&str; 4] = ["sent_to_db", "sent_to_kafka", "in_redis", "executed"];
/// Executions of each case.
const EXECUTIONS: usize = 3;
const SCRAPES: usize = 40;

type Any = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Any> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(measure())
}

async fn measure() -> Result<(), Any> {
    let opened = open().await?;
    let node = opened.node.clone();
    fill(&node).await?;
    let metrics = Metrics::new(node.clone());
    for (name, format) in [
        ("OpenMetrics", Format::OpenMetrics),
        ("Prometheus text", Format::PrometheusText),
    ] {
        let text = metrics.scrape(format)?;
        println!(
            "{name}: {:.1} MB, {} series",
            text.len() as f64 / 1e6,
            text.lines().filter(|line| !line.starts_with('#')).count()
        );
        told("scrape", || {
            black_box(metrics.scrape(format)?);
            Ok(())
        })?;
        told("control: a copy of the answer", || {
            black_box(black_box(&text).clone());
            Ok(())
        })?;
    }
    told("figures of the node, under its locks", || {
        black_box(node.figures());
        Ok(())
    })?;
    let closing = move || opened.close(Instant::now() + Duration::from_secs(10));
    Ok(tokio::task::spawn_blocking(closing).await?)
}

/// Prints the median and the longest of some runs.
fn told(what: &str, mut run: impl FnMut() -> Result<(), Any>) -> Result<(), Any> {
    let (mut wall, mut processor) = (Vec::new(), Vec::new());
    for _ in 0..SCRAPES {
        let (start, started) = (Instant::now(), processor_time());
        run()?;
        wall.push(start.elapsed());
        processor.push(processor_time().saturating_sub(started));
    }
    let spread = |took: &mut Vec<Duration>| {
        took.sort();
        let ms = |took: Option<&Duration>| took.map_or(0.0, |took| took.as_secs_f64() * 1e3);
        format!(
            "{:>8.2} ms, longest {:>8.2} ms",
            ms(took.get(took.len() / 2)),
            ms(took.last())
        )
    };
    println!("  {what:<36} {}", spread(&mut wall));
    println!(
        "  {:<36} {}",
        "    of the processor",
        spread(&mut processor)
    );
    Ok(())
}

/// Time of the processor that this thread has taken.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), nanos)
}

async fn open() -> Result<Opened, Any> {
    let clock = Arc::new(SystemClock);
    let journal = Arc::new(MemoryJournal::<Reply>::new(1, clock.clone(), 100_000));
    let archive = Archive::in_memory(Journal::<Reply>::id(journal.as_ref()), 1)?;
    Ok(Node::open(journal, archive, clock, NodeOptions::default()).await?)
}

async fn fill(node: &Node) -> Result<(), Any> {
    let mut cases = JoinSet::new();
    for number in 0..CASES {
        let node = node.clone();
        cases.spawn(async move {
            let name = format!("shop.orders.case_{number:04}");
            let signals = SIGNALS.map(|name| v1::Signal {
                name: name.to_owned(),
                ..v1::Signal::default()
            });
            let case = v1::Case {
                name: name.clone(),
                signals: signals.into(),
                ..v1::Case::default()
            };
            node.apply_case(case, false).await?;
            for id in 0..EXECUTIONS {
                run(&node, &name, &id.to_string()).await?;
            }
            Ok::<_, Any>(())
        });
    }
    while let Some(done) = cases.join_next().await {
        done??;
    }
    Ok(())
}

/// One execution, to its end.
async fn run(node: &Node, case_name: &str, id: &str) -> Result<(), Any> {
    let submission = Submission {
        case_name: case_name.to_owned(),
        id: id.to_owned(),
        test_args: Vec::new(),
        test_kwargs: serde_json::Map::new(),
        expires: None,
        labels: BTreeMap::new(),
        traceparent: String::new(),
        always: true,
    };
    node.submit(submission).await?;
    for name in SIGNALS {
        let event = SignalEvent {
            signal_name: name.to_owned(),
            case_name: case_name.to_owned(),
            key: id.into(),
            value: serde_json::Value::Null,
        };
        let signal_id = String::new();
        let signal = node.signal(Signalled { event, signal_id })?;
        signal.outcome().await?;
    }
    node.report(case_name, id, Duration::from_secs(10)).await?;
    Ok(())
}
