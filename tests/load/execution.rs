//! One execution after the other, each with signals of its own kind; the answers
//! are counted.

use std::collections::BTreeMap;

use livecheck::{
    convert::value::json_to_pb,
    pb::v1::{
        CancelExecutionRequest, Sampling, SendSignalRequest, SignalEvent, SignalOutcome,
        SubmitExecutionRequest, execution_service_client::ExecutionServiceClient,
        signal_service_client::SignalServiceClient,
    },
};
use serde_json::{Value, json};
use tonic::transport::Channel;

use super::{Any, Sent, random::Random};

/// Sends executions and knows what was answered.
pub struct Sender {
    executions: ExecutionServiceClient<Channel>,
    signals: SignalServiceClient<Channel>,
    /// By case.
    pub sent: BTreeMap<String, Sent>,
}

impl Sender {
    pub fn new(channel: Channel) -> Sender {
        Sender {
            executions: ExecutionServiceClient::new(channel.clone()),
            signals: SignalServiceClient::new(channel),
            sent: BTreeMap::new(),
        }
    }

    /// Sends an execution of one of the cases with its signals.
    pub async fn send(&mut self, names: &[String], seed: u64, number: u64) -> Result<(), Any> {
        let mut random = Random::new(seed, number);
        let name = &names[random.below(names.len() as u64) as usize];
        let id = format!("execution-{number}");
        let to = Target { name, id: &id };
        let good = json!({ "ok": true });
        match random.below(100) {
            0..=11 => {
                self.submit(to, Sampling::Always).await?;
                self.signal(to, "first", json!({ "ok": false })).await?;
            }
            12..=15 => {
                self.submit(to, Sampling::Always).await?;
                self.signal(to, "first", json!({})).await?;
            }
            // Nothing comes, or the second signal does not.
            16..=19 => {
                self.submit(to, Sampling::Always).await?;
            }
            20..=23 => {
                self.submit(to, Sampling::Always).await?;
                self.signal(to, "first", good).await?;
            }
            24..=29 => {
                self.submit(to, Sampling::Always).await?;
                self.cancel(to).await?;
            }
            30..=35 => {
                let early = self.signal(to, "first", good).await?;
                self.submit(to, Sampling::Always).await?;
                // It has found its execution.
                let accepted = &mut self.of(name).signals.accepted;
                *accepted += u64::from(early == SignalOutcome::Early);
                self.signal(to, "second", json!(number)).await?;
            }
            36..=40 => {
                self.submit(to, Sampling::Always).await?;
                self.signal(to, "first", good.clone()).await?;
                self.signal(to, "first", good).await?;
                self.signal(to, "second", json!(number)).await?;
            }
            41..=45 => {
                self.submit(to, Sampling::Always).await?;
                self.signal(to, "other", json!(number)).await?;
                self.pass(to, number).await?;
            }
            46..=50 => {
                self.submit(to, Sampling::Always).await?;
                self.pass(to, number).await?;
                self.signal(to, "second", json!("another")).await?;
            }
            51..=53 => {
                // A key that no execution of these cases can have.
                self.signal_of(name, Some(json!(number)), "first", good)
                    .await?;
            }
            54..=56 => {
                self.signal_of(name, None, "first", good).await?;
            }
            57..=66 => {
                if self.submit(to, Sampling::ByProbability).await? {
                    self.pass(to, number).await?;
                }
            }
            _ => {
                self.submit(to, Sampling::Always).await?;
                self.pass(to, number).await?;
            }
        }
        Ok(())
    }

    async fn pass(&mut self, to: Target<'_>, number: u64) -> Result<(), Any> {
        self.signal(to, "first", json!({ "ok": true })).await?;
        self.signal(to, "second", json!(number)).await?;
        Ok(())
    }

    async fn submit(&mut self, to: Target<'_>, sampling: Sampling) -> Result<bool, Any> {
        let request = SubmitExecutionRequest {
            case_name: to.name.to_owned(),
            id: to.id.to_owned(),
            sampling: sampling.into(),
            ..SubmitExecutionRequest::default()
        };
        let answer = self.executions.submit_execution(request).await?;
        let sampled = answer.into_inner().test.is_some();
        let sampling = &mut self.of(to.name).sampling;
        match sampled {
            true => sampling.sampled += 1,
            false => sampling.not_sampled += 1,
        }
        Ok(sampled)
    }

    async fn cancel(&mut self, to: Target<'_>) -> Result<(), Any> {
        let request = CancelExecutionRequest {
            case_name: to.name.to_owned(),
            id: to.id.to_owned(),
            reason: "not wanted".to_owned(),
        };
        self.executions.cancel_execution(request).await?;
        Ok(())
    }

    async fn signal(
        &mut self,
        to: Target<'_>,
        signal_name: &str,
        value: Value,
    ) -> Result<SignalOutcome, Any> {
        self.signal_of(to.name, Some(json!(to.id)), signal_name, value)
            .await
    }

    async fn signal_of(
        &mut self,
        case_name: &str,
        key: Option<Value>,
        signal_name: &str,
        value: Value,
    ) -> Result<SignalOutcome, Any> {
        let request = SendSignalRequest {
            event: Some(SignalEvent {
                signal_name: signal_name.to_owned(),
                case_name: case_name.to_owned(),
                key: key.as_ref().map(json_to_pb),
                value: Some(json_to_pb(&value)),
            }),
            signal_id: String::new(),
        };
        let answer = self.signals.send_signal(request).await?;
        let outcome = answer.into_inner().outcome();
        let totals = &mut self.of(case_name).signals;
        *match outcome {
            SignalOutcome::Unspecified => return Err("a signal without an outcome".into()),
            SignalOutcome::Accepted => &mut totals.accepted,
            SignalOutcome::Early => &mut totals.early,
            SignalOutcome::Duplicate => &mut totals.duplicate,
            SignalOutcome::Late => &mut totals.late,
            SignalOutcome::UnknownSignal => &mut totals.unknown_signal,
            SignalOutcome::Orphan => &mut totals.orphan,
            SignalOutcome::Ignored => &mut totals.ignored,
        } += 1;
        Ok(outcome)
    }

    fn of(&mut self, case_name: &str) -> &mut Sent {
        self.sent.entry(case_name.to_owned()).or_default()
    }
}

/// An execution that signals are sent to.
#[derive(Clone, Copy)]
struct Target<'a> {
    name: &'a str,
    id: &'a str,
}
