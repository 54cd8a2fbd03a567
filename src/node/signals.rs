//! Signals: take one or many, wait, watch.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;

use crate::{
    engine::{Answer, FoundSignal, SignalAnswer},
    journal::Admission,
    model::{Event, Json, ReceivedSignal, SignalOutcome, Signalled},
};

use super::{
    Appended, Node, NodeError, Permit,
    executions::Found,
    feed::{Arrival, SignalKey, Watcher},
    partition::{Partition, State},
    reply::{Batch, Refusal, Reply},
};

/// A signal that was waited for.
#[derive(Clone, Debug)]
pub struct ArrivedSignal {
    /// The signal.
    pub seen: Arc<ReceivedSignal>,
    /// From the start of its clock to its arrival, if it reached an execution;
    /// otherwise how long it was waited for.
    pub latency: Duration,
}

/// A signal on its way to the journal.
pub struct TakenSignal {
    case_name: String,
    appended: Appended,
}

impl TakenSignal {
    /// Resolves when it is durable: what became of it, and why where that does
    /// not say it.
    pub async fn outcome(self) -> Result<(SignalOutcome, Option<String>), NodeError> {
        match self.appended.answer().await? {
            Answer::Signalled(SignalAnswer::Taken(outcome, message)) => Ok((outcome, message)),
            Answer::Signalled(SignalAnswer::NoSuchCase) => {
                Err(NodeError::CaseNotFound(self.case_name))
            }
            other => Err(super::unexpected(&other)),
        }
    }
}

/// Resolves when every signal of a batch is durable or refused.
pub struct BatchAnswer(oneshot::Receiver<Vec<Refusal>>);

impl BatchAnswer {
    /// What was refused for good, in order. An error is the whole batch's: what
    /// is not known to be durable has to be sent again.
    pub async fn wait(self) -> Result<Vec<Refusal>, NodeError> {
        let refusals = self.0.await.map_err(|_| NodeError::ShuttingDown)?;
        let (mut final_ones, passing): (Vec<_>, Vec<_>) = refusals
            .into_iter()
            .partition(|(_, error)| matches!(error, NodeError::CaseNotFound(_)));
        if let Some((_, error)) = passing.into_iter().next() {
            return Err(error);
        }
        final_ones.sort_by_key(|(number, _)| *number);
        Ok(final_ones)
    }
}

impl Node {
    /// Takes a signal, which is refused or on its way to the journal.
    pub fn signal(&self, signal: Signalled) -> Result<TakenSignal, NodeError> {
        let case_name = signal.event.case_name.clone();
        {
            let state = self.partition(&case_name).lock();
            self.admit_bytes(&state)?;
            if state.engine.case(&case_name).is_none() {
                return Err(NodeError::CaseNotFound(case_name));
            }
        }
        let appended = self.append(&case_name, Event::Signalled(signal));
        Ok(TakenSignal {
            case_name,
            appended,
        })
    }

    /// Queues signals, in their order within each case; at least one.
    pub fn signal_batch(&self, signals: Vec<Signalled>) -> Result<BatchAnswer, NodeError> {
        let (batch, told) = Batch::new(signals.len());
        let mut queues: Vec<Vec<_>> = self.partitions().map(|_| Vec::new()).collect();
        for (number, signal) in signals.into_iter().enumerate() {
            let partition = self.partition_number(&signal.event.case_name);
            if let Some(queue) = queues.get_mut(partition as usize) {
                queue.push((number, signal));
            }
        }
        for (partition, queue) in self.partitions().zip(queues) {
            if queue.is_empty() {
                continue;
            }
            let queue = self.admit_signals(partition, queue, &batch)?;
            let events = queue.into_iter().map(|(number, signal)| {
                let ticket = Reply::Batch(Arc::clone(&batch), number);
                (Event::Signalled(signal), ticket)
            });
            let events = events.collect();
            self.journal()
                .append(partition.number, Admission::Bounded, events);
        }
        Ok(BatchAnswer(told))
    }

    /// Waits until a signal has come.
    pub async fn wait_signal(
        &self,
        case_name: &str,
        signal_name: &str,
        key: &Json,
        timeout: Duration,
    ) -> Result<ArrivedSignal, NodeError> {
        let began = tokio::time::Instant::now();
        self.case(case_name)?;
        let partition = self.partition(case_name);
        let (found, mut waiter) = {
            let state = partition.lock();
            let found = state.engine.find_signal(case_name, signal_name, key);
            let waiter = partition.feed.wait_signal(SignalKey {
                case_name: case_name.to_owned(),
                signal_name: signal_name.to_owned(),
                key: key.to_string(),
            });
            (found, waiter)
        };
        match found {
            FoundSignal::Here(seen, latency) => {
                let latency = latency.unwrap_or_default();
                return Ok(ArrivedSignal { seen, latency });
            }
            FoundSignal::Concluded(id) => {
                if let Some(arrived) = self.concluded_signal(case_name, &id, signal_name).await? {
                    return Ok(arrived);
                }
            }
            FoundSignal::Nowhere => {}
        }
        let _permit = self.permit()?;
        match tokio::time::timeout(timeout, waiter.wait()).await {
            Ok(Some(Arrival { seen, latency })) => Ok(ArrivedSignal {
                seen,
                latency: latency.unwrap_or_else(|| began.elapsed()),
            }),
            Ok(None) => Err(NodeError::ShuttingDown),
            Err(_) => Err(NodeError::WaitTimedOut(format!(
                "signal {signal_name} of case {case_name:?} with key {key} did not come within \
                 {timeout:?}"
            ))),
        }
    }

    /// The signals of a case as they come.
    pub fn watch_case_signals(&self, case_name: &str) -> Result<(Watcher, Permit), NodeError> {
        self.case(case_name)?;
        let partition = self.partition(case_name);
        let watcher = partition.feed.watch_case(case_name.to_owned());
        Ok((watcher, self.permit()?))
    }

    async fn concluded_signal(
        &self,
        case_name: &str,
        id: &str,
        signal_name: &str,
    ) -> Result<Option<ArrivedSignal>, NodeError> {
        let Found::Finished(finished) = self.find_existing(case_name, id).await? else {
            return Ok(None);
        };
        let view = &finished.view;
        let mut all = view.signals.iter().chain(&view.late_signals);
        let first = all.find(|one| one.event.signal_name == signal_name);
        let report = view.report.as_ref();
        let latency = report.and_then(|one| one.signal_latency.get(signal_name).copied());
        Ok(first.map(|seen| ArrivedSignal {
            seen: Arc::new(seen.clone()),
            latency: latency.unwrap_or_else(|| {
                let since_start = seen.at - view.test.timestamp;
                since_start.to_std().unwrap_or_default()
            }),
        }))
    }

    /// Refuses signals of cases that do not exist, before they are stored, and
    /// returns the others.
    fn admit_signals(
        &self,
        partition: &Partition,
        signals: Vec<(usize, Signalled)>,
        batch: &Batch,
    ) -> Result<Vec<(usize, Signalled)>, NodeError> {
        let state = partition.lock();
        self.admit_bytes(&state)?;
        let mut last_known = String::new();
        let admitted = signals.into_iter().filter_map(|(number, signal)| {
            let name = &signal.event.case_name;
            if *name != last_known {
                if state.engine.case(name).is_none() {
                    batch.refuse(number, NodeError::CaseNotFound(name.clone()));
                    return None;
                }
                last_known.clone_from(name);
            }
            Some((number, signal))
        });
        Ok(admitted.collect())
    }

    /// Signals take memory too: they are refused when there is too little left.
    fn admit_bytes(&self, state: &State) -> Result<(), NodeError> {
        let bytes = state.engine.bytes();
        if bytes >= self.options().max_state_bytes {
            let text = format!(
                "live executions and early signals take {bytes} bytes, and max_state_bytes is {}",
                self.options().max_state_bytes
            );
            return Err(NodeError::TooManyExecutions(text));
        }
        Ok(())
    }
}
