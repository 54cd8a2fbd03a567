//! One probe: attempts until the target answers, and what is told of them.

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::{Semaphore, watch};

use super::{method::Prepared, schedule::Slot};
use crate::{
    http::HttpClient,
    model::{Probe, ProbeResult},
    node::{Node, NodeError},
};

/// Longest text that is kept of a failure, in characters; targets write it.
const MAX_FAILURE_CHARS: usize = 300;

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
    /// A failure; its text is cut to a bearable length and to one line.
    pub(super) fn failed(text: &str) -> Ended {
        let printable = |c: char| if c.is_control() { ' ' } else { c };
        let mut kept: String = text
            .chars()
            .take(MAX_FAILURE_CHARS)
            .map(printable)
            .collect();
        if text.chars().nth(MAX_FAILURE_CHARS).is_some() {
            kept.push('…');
        }
        Ended::Failed(kept)
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
                Ok(()) => {
                    self.note(attempt, None);
                    return self.prepared;
                }
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

    fn note(&self, attempts: u32, error: Option<String>) {
        self.node.probed(ProbeResult {
            case_name: self.slot.case.name.clone(),
            due: self.slot.at,
            attempts,
            error,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_short_and_on_one_line() {
        let long = "é".repeat(301);
        let cut = format!("{}…", "é".repeat(300));
        for (text, expected) in [
            ("connection refused", "connection refused"),
            ("a\nb\u{1b}[31m\u{85}", "a b [31m "),
            (&long, &cut),
            (&long[2..], &long[2..]),
        ] {
            let Ended::Failed(kept) = Ended::failed(text) else {
                panic!("{text} is no failure");
            };
            assert_eq!(kept, expected);
        }
    }
}
