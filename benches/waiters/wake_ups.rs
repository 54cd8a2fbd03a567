//! What it costs to wake one waiter, beside 9,999 others that wait for other
//! signals, and beside none: from sending a signal to the waiter's answer. The
//! two servers take turns.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use livecheck::pb::v1::{SendSignalRequest, signal_service_client::SignalServiceClient};
use tokio::task::JoinHandle;
use tonic::{Code, transport::Channel};

use crate::{Any, HOUR, SIGNAL, apply, event, id, server::Server, signal, wait_request};

/// Those who wait.
const CROWD: usize = 10_000;
/// Connections over which they wait.
const CONNECTIONS: usize = 4;
const SAMPLES: usize = 3000;
/// Samples before those that count.
const WARM_UP: usize = 200;
const CASE: &str = "bench.waited";

type Signals = SignalServiceClient<Channel>;

pub async fn measure() -> Result<(), Any> {
    let mut crowd = Waiting::start(CROWD).await?;
    let mut alone = Waiting::start(1).await?;
    let mut histograms = [Histogram::<u64>::new(3)?, Histogram::new(3)?];
    for round in 0..WARM_UP + SAMPLES {
        for (waiting, histogram) in [&mut crowd, &mut alone].into_iter().zip(&mut histograms) {
            let took = waiting.wake_one().await?;
            if round >= WARM_UP {
                histogram.record(took.as_micros().try_into()?)?;
            }
        }
    }
    println!("from SendSignal to the one waiter's answer, {SAMPLES} samples of each in turns");
    println!("  {:<26} {:>10} {:>10}", "", "median", "p99");
    let quantiles = histograms.map(|one| [0.5, 0.99].map(|q| one.value_at_quantile(q) as f64));
    let [[many, many_p99], [one, one_p99]] = quantiles;
    for (waiters, median, p99) in [(CROWD, many, many_p99), (1, one, one_p99)] {
        println!(
            "  {waiters:>6} {:<19} {median:>7.0} us {p99:>7.0} us",
            "waiting"
        );
    }
    println!(
        "  {:<26} {:>10.2} {:>10.2}",
        "ratio",
        many / one,
        many_p99 / one_p99
    );
    Ok(())
}

/// A server with just so many waiters as it takes, each for a signal of its own.
struct Waiting {
    _server: Server,
    /// Connections of the waiters.
    clients: Vec<Signals>,
    /// Sends the signals.
    sender: Signals,
    /// The waiters, in the order in which they are woken.
    waiters: VecDeque<JoinHandle<Result<Instant, Any>>>,
    /// Number of the signal that is sent next.
    next: u64,
}

impl Waiting {
    async fn start(count: usize) -> Result<Waiting, Any> {
        let streams = 2 * CROWD / CONNECTIONS;
        let server = Server::start(&[
            format!("--max-waiters={count}"),
            format!("--max-concurrent-streams={streams}"),
        ])?;
        let channel = server.connect().await?;
        apply(&channel, CASE, vec![signal(SIGNAL, HOUR)]).await?;
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            clients.push(Signals::new(server.connect().await?));
        }
        let mut waiting = Waiting {
            _server: server,
            clients,
            sender: Signals::new(channel),
            waiters: VecDeque::new(),
            next: 0,
        };
        (0..count).for_each(|_| waiting.add());
        waiting.until_all_wait().await?;
        Ok(waiting)
    }

    /// Adds a waiter for the next signal that nobody waits for.
    fn add(&mut self) {
        let number = self.next + self.waiters.len() as u64;
        let client = self.clients[number as usize % CONNECTIONS].clone();
        self.waiters.push_back(tokio::spawn(wait(client, number)));
    }

    /// Resolves when the server takes no further waiter.
    async fn until_all_wait(&mut self) -> Result<(), Any> {
        loop {
            let request = wait_request(CASE, "none".to_owned(), Duration::from_millis(1));
            match self.sender.wait_signal(request).await {
                Err(status) if status.code() == Code::ResourceExhausted => return Ok(()),
                Err(status) if status.code() == Code::DeadlineExceeded => {}
                other => return Err(format!("not the end of a wait: {other:?}").into()),
            }
        }
    }

    /// Sends the signal of the first waiter; how long until that has it.
    async fn wake_one(&mut self) -> Result<Duration, Any> {
        let first = self.waiters.pop_front().ok_or("nobody waits")?;
        let number = self.next;
        self.next += 1;
        let request = SendSignalRequest {
            event: Some(event(CASE, id(number), SIGNAL, number)),
            signal_id: String::new(),
        };
        let began = Instant::now();
        let (sent, woken) = tokio::join!(self.sender.send_signal(request), first);
        sent?;
        let took = woken?? - began;
        self.add();
        self.until_all_wait().await?;
        Ok(took)
    }
}

/// Waits for the signal of a number; when it came.
async fn wait(mut client: Signals, number: u64) -> Result<Instant, Any> {
    loop {
        match client
            .wait_signal(wait_request(CASE, id(number), HOUR))
            .await
        {
            Ok(answer) => {
                let woken = Instant::now();
                let latency = answer.into_inner().latency.unwrap_or_default();
                return match (latency.seconds, latency.nanos) {
                    (0, 0) => Err("the signal was there before its waiter".into()),
                    _ => Ok(woken),
                };
            }
            // The place is taken by a look whether there is one.
            Err(status) if status.code() == Code::ResourceExhausted => {}
            Err(status) => return Err(status.into()),
        }
    }
}
