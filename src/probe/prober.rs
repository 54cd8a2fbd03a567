//! The task that starts probes when they are due and gives them up when their
//! cases say so.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    sync::{Semaphore, watch},
    task::JoinHandle,
    time::{Instant, sleep_until},
};

use super::{
    method::Prepared,
    run::Run,
    schedule::{Schedule, Slot},
};
use crate::{http::HttpClient, node::Node};

/// Attempts of probes that run at once.
pub const ATTEMPTS_AT_ONCE: usize = 256;
/// Longest sleep: the journal's time goes on while the machine is suspended, and
/// sleeps do not.
const LONGEST_SLEEP: Duration = Duration::from_millis(500);
/// Changes of cases that come within this time are looked at together.
const SETTLING: Duration = Duration::from_millis(50);

/// Starts to make the probes of a node's cases. The task ends, and with it every
/// probe, when the node goes down.
pub fn start(node: Node) -> JoinHandle<()> {
    let prober = Prober {
        node,
        http: HttpClient::default(),
        places: Arc::new(Semaphore::new(ATTEMPTS_AT_ONCE)),
        schedule: Schedule::default(),
        started: HashMap::new(),
    };
    tokio::spawn(prober.run())
}

struct Prober {
    node: Node,
    http: HttpClient,
    places: Arc<Semaphore>,
    schedule: Schedule,
    /// The last probe of each case.
    started: HashMap<String, Started>,
}

/// A probe that was started.
struct Started {
    revoke: watch::Sender<Option<&'static str>>,
    task: JoinHandle<Option<Prepared>>,
}

impl Started {
    fn revoke(&self, why: &'static str) {
        self.revoke.send_replace(Some(why));
    }

    /// What it found out, once it has ended and was not given up.
    async fn found(self) -> Option<Prepared> {
        match self.task.await {
            Ok(found) => found.filter(|_| self.revoke.borrow().is_none()),
            Err(error) => {
                tracing::error!(%error, "a probe ended unexpectedly");
                None
            }
        }
    }
}

impl Prober {
    async fn run(mut self) {
        let node = self.node.clone();
        let closing = node.closing();
        tokio::pin!(closing);
        self.look_at_cases();
        // When changes of cases have settled.
        let mut settled: Option<Instant> = None;
        loop {
            if settled.is_some_and(|at| at <= Instant::now()) {
                settled = None;
                self.look_at_cases();
            }
            self.start_due().await;
            let wake = [settled, self.next_due()].into_iter().flatten().min();
            tokio::select! {
                biased;
                () = &mut closing => break,
                () = node.cases_changed(), if settled.is_none() => {
                    settled = Some(Instant::now() + SETTLING);
                }
                () = until(wake) => {}
            }
        }
        let started = self.started.into_values();
        let started: Vec<_> = started
            .inspect(|one| one.revoke("the server is shutting down"))
            .collect();
        for one in started {
            one.found().await;
        }
    }

    /// When to look whether something is due.
    fn next_due(&self) -> Option<Instant> {
        let next = self.schedule.next()?;
        let left = (next - self.node.journal_time()).to_std();
        Some(Instant::now() + left.unwrap_or_default().min(LONGEST_SLEEP))
    }

    fn look_at_cases(&mut self) {
        let (cases, now) = (self.node.probed_cases(), self.node.journal_time());
        let changed = self.schedule.replace(cases, now);
        for name in changed {
            if let Some(started) = self.started.get(&name) {
                started.revoke("the probe was changed or switched off");
            }
        }
        let schedule = &self.schedule;
        self.started
            .retain(|name, started| schedule.holds(name) || !started.task.is_finished());
    }

    async fn start_due(&mut self) {
        for slot in self.schedule.due(self.node.journal_time()) {
            let name = slot.case.name.clone();
            let prepared = match self.started.remove(&name) {
                Some(before) if !before.task.is_finished() => {
                    tracing::debug!(case = name, "a slot is skipped: the probe still runs");
                    self.started.insert(name, before);
                    continue;
                }
                Some(before) => before.found().await,
                None => None,
            };
            if let Some(started) = self.start(slot, prepared) {
                self.started.insert(name, started);
            }
        }
    }

    fn start(&self, slot: Slot, prepared: Option<Prepared>) -> Option<Started> {
        let probe = Arc::new(slot.case.probe.clone()?);
        let (revoke, revoked) = watch::channel(None);
        let run = Run {
            node: self.node.clone(),
            http: self.http.clone(),
            places: Arc::clone(&self.places),
            slot,
            probe,
            prepared,
            revoked,
        };
        let task = tokio::spawn(run.run());
        Some(Started { revoke, task })
    }
}

/// Resolves at an instant, or never.
async fn until(wake: Option<Instant>) {
    match wake {
        Some(wake) => sleep_until(wake).await,
        None => std::future::pending().await,
    }
}
