//! One probe: attempts until the target answers, and what is told of them.

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::{Semaphore, watch};

use super::{method::Prepared, schedule::Slot};
use crate::{
    http::{HttpClient, one_line},
    model::{Probe, ProbeResult},
    node::{Node, NodeError},
};

/// A probe on its way.
pub(super) struct Run {
    pub node: Node,
    pub http: HttpClient,
    /// A place for each attempt that may run.
    pub places: Arc<Semaphore>,
    pub slot: Slot,
    pub probe: Arc<Probe>,
    /// What an earlier probe found out about the gRPC method.
    pub prepared: Option<Prepared>,
    /// Set when the probe is to be given up, to why.
    pub revoked: watch::Receiver<Option<&'static str>>,
}

/// Why an attempt ended without an answer.
#[derive(Debug)]
pub(super) enum Ended {
    /// The target did not answer.
    Failed(String),
    /// The node took no execution, which says nothing about the target.
    Refused(NodeError),
    /// The probe is to be given up.
    Revoked(&'static str),
}

impl Ended {
    /// A failure; targets write its text.
    pub(super) fn failed(text: &str) -> Ended {
        Ended::Failed(one_line(text))
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Failed(text) => write!(f, "failed: {text}"),
            Ended::Refused(error) => write!(f, "had no execution: {error}"),
            Ended::Revoked(why) => write!(f, "was given up: {why}"),
        }
    }
}

impl Run {
    /// Probes; gives what it found out about the gRPC method, unless that may be
    /// why it failed.
    pub(super) async fn run(mut self) -> Option<Prepared> {
        let case = self.slot.case.name.clone();
        let attempts = self.probe.attempts();
        let mut attempt = 1;
        loop {
            let ended = match self.attempt(attempt).await {
                Ok(()) => return self.prepared,
                Err(ended) => ended,
            };
            tracing::debug!(case, attempt, attempts, %ended, "an attempt of a probe");
            self.prepared = None;
            match ended {
                Ended::Failed(text) if attempt >= attempts => {
                    let count = if attempts == 1 { "attempt" } else { "attempts" };
                    self.note(attempt, Some(format!("{text} ({attempts} {count})")));
                    return None;
                }
                Ended::Failed(_) => {
                    let pause = self.probe.pause_after(attempt);
                    if self.pause(pause).await.is_err() {
                        return None;
                    }
                    attempt += 1;
                }
                // The case was deleted, or the server goes down.
                Ended::Refused(NodeError::CaseNotFound(_) | NodeError::ShuttingDown)
                | Ended::Revoked(_) => return None,
                Ended::Refused(error) => {
                    tracing::warn!(case, %error, "a probe could not be made");
                    return None;
                }
            }
        }
    }

    async fn pause(&self, pause: Duration) -> Result<(), Ended> {
        self.unless_revoked(tokio::time::sleep(pause)).await
    }

    /// Awaits something, unless the probe is given up before.
    pub(super) async fn unless_revoked<T>(
        &self,
        future: impl Future<Output = T>,
    ) -> Result<T, Ended> {
        let mut revoked = self.revoked.clone();
        tokio::select! {
            biased;
            why = revoked.wait_for(Option::is_some) => {
                // The prober has ended if there is no sender any more.
                let why = why.ok().and_then(|why| *why);
                Err(Ended::Revoked(why.unwrap_or("the prober has ended")))
            }
            done = future => Ok(done),
        }
    }

    /// Has the node take note of what came of the probe.
    pub(super) fn note(&self, attempts: u32, error: Option<String>) {
        self.node.probed(ProbeResult {
            case_name: self.slot.case.name.clone(),
            due: self.slot.at,
            attempts,
            error,
        });
    }
}
