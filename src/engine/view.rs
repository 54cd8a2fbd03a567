//! What is shown of an execution: its report and its view.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::model::{ExecutionView, Failure, ReceivedSignal, SignalProgress, TestReport};

use super::{
    decision::{Blame, Decision},
    execution::Execution,
    identity::fingerprint,
    texts,
};

impl Execution {
    /// The report that a decision makes.
    pub(super) fn report(&self, decision: &Decision) -> TestReport {
        let latencies = self.plan.signals().iter().zip(&self.signals);
        let signal_latency: BTreeMap<_, _> = latencies
            .filter_map(|(declared, state)| Some((declared.name.to_string(), state.latency()?)))
            .collect();
        let explained = !decision.state.is_ok();
        TestReport {
            case_name: self.test.case_name.clone(),
            state: decision.state,
            test: Some(self.test.clone()),
            runtime: Some(
                (decision.at - self.test.timestamp)
                    .to_std()
                    .unwrap_or_default(),
            ),
            signal_latency,
            error: decision.error.clone(),
            traceback: explained.then(|| texts::traceback(self, decision)),
            concluded_at: decision.at,
            failure: decision.state.is_failure().then(|| self.failure(decision)),
        }
    }

    /// What failed, for failures that look alike the same.
    fn failure(&self, decision: &Decision) -> Failure {
        let Blame { contract, signal } = decision.blame.clone();
        let last = self.received.iter().max_by_key(|one| one.at);
        let last_signal = last.map_or(String::new(), |one| one.event.signal_name.clone());
        Failure {
            fingerprint: fingerprint(&[
                &self.test.case_name,
                decision.state.name(),
                &contract,
                &signal,
                &last_signal,
            ]),
            contract,
            signal,
            last_signal,
        }
    }

    /// Everything that is known of the execution before its verdict is recorded.
    pub(super) fn view(&self) -> ExecutionView {
        ExecutionView {
            test: self.test.clone(),
            case_revision: self.plan.case().revision,
            progress: self.progress(),
            signals: self.received.iter().map(|one| (**one).clone()).collect(),
            signal_count: self.total,
            late_signals: self.late.iter().map(|one| (**one).clone()).collect(),
            late_signal_count: self.late_total,
            report: None,
        }
    }

    /// Everything that is known of the execution when its verdict is recorded.
    pub(super) fn into_view(self, report: TestReport) -> ExecutionView {
        let owned = |signals: Vec<Arc<ReceivedSignal>>| {
            let signals = signals.into_iter().map(Arc::unwrap_or_clone);
            signals.collect()
        };
        ExecutionView {
            case_revision: self.plan.case().revision,
            progress: self.progress(),
            test: self.test,
            signals: owned(self.received),
            signal_count: self.total,
            late_signals: owned(self.late),
            late_signal_count: self.late_total,
            report: Some(report),
        }
    }

    fn progress(&self) -> Vec<SignalProgress> {
        let declared = self.plan.signals().iter().enumerate();
        declared
            .map(|(index, declared)| {
                let state = &self.signals[index];
                SignalProgress {
                    signal_name: declared.name.to_string(),
                    count: state.count,
                    min: declared.min,
                    max: declared.max,
                    settled: state.settled,
                    clock_started_at: state.clock,
                    deadline: self.deadline(index, declared).0,
                    latency: state.latency(),
                }
            })
            .collect()
    }

    /// The first signal of a name that came, with its latency.
    pub(super) fn first_of(&self, name: &str) -> Option<(&Arc<ReceivedSignal>, Duration)> {
        let all = self.received.iter().chain(&self.late);
        let first = all.into_iter().find(|one| one.event.signal_name == name)?;
        let latency = match self.plan.signal_index(name) {
            Some(index) => self.signals[index].latency(),
            None => None,
        };
        let since_start = (first.at - self.test.timestamp).to_std();
        Some((first, latency.or(since_start.ok()).unwrap_or_default()))
    }
}
