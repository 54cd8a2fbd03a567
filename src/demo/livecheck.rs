//! All that the services know of LiveCheck: submit an order, send a signal.
//!
//! Neither ever harms an order: what LiveCheck does not take is told and the
//! order goes on, as it should in production.

use std::{net::SocketAddr, time::Duration};

use tokio::sync::mpsc::UnboundedSender;
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};
use tower::Layer;

use super::{case::CASE_NAME, order::Order};
use crate::{
    convert::{
        Violations,
        models::outcome_from_pb,
        value::{json_to_pb, object_to_pb},
    },
    headers::{CurrentTest, CurrentTestLayer, PassOn, read_metadata},
    model::SignalOutcome,
    pb::v1::{
        Sampling, SendSignalRequest, SignalEvent, SubmitExecutionRequest,
        execution_service_client::ExecutionServiceClient,
        signal_service_client::SignalServiceClient,
    },
};

/// How long an order waits for LiveCheck at most.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How a call to LiveCheck went.
#[derive(Debug)]
pub enum Told {
    /// A signal was taken.
    Signal {
        order_id: String,
        outcome: SignalOutcome,
    },
    /// A call failed.
    Failed {
        order_id: String,
        what: &'static str,
        status: Box<Status>,
    },
}

/// The client of a service. Its calls carry the current test in their metadata.
#[derive(Clone)]
pub struct LiveCheck {
    executions: ExecutionServiceClient<PassOn<Channel>>,
    signals: SignalServiceClient<PassOn<Channel>>,
    told: UnboundedSender<Told>,
}

impl LiveCheck {
    /// A client that connects when it is needed and reports each call to
    /// `told`.
    pub fn new(server: SocketAddr, told: UnboundedSender<Told>) -> Self {
        let channel = endpoint(server).timeout(TIMEOUT).connect_lazy();
        let channel = CurrentTestLayer.layer(channel);
        LiveCheck {
            executions: ExecutionServiceClient::new(channel.clone()),
            signals: SignalServiceClient::new(channel),
            told,
        }
    }

    /// Makes the order a test execution, if it is sampled: the test that the
    /// headers of the answer carry.
    pub async fn submit(&self, order: &Order) -> Option<CurrentTest> {
        let request = SubmitExecutionRequest {
            case_name: CASE_NAME.to_owned(),
            id: order.id.clone(),
            test_kwargs: Some(object_to_pb(&order.named_args())),
            sampling: Sampling::ByProbability.into(),
            ..SubmitExecutionRequest::default()
        };
        match self.executions.clone().submit_execution(request).await {
            Ok(response) => read_metadata(response.metadata()).test(),
            Err(status) => {
                self.failed(order, "submit", status);
                None
            }
        }
    }

    /// Sends the signal that the order has got to a step. Case and key come
    /// from the current test, so that an order that is not sampled needs no
    /// care: its signal is ignored.
    pub async fn signal(&self, signal_name: &'static str, order: &Order) {
        let request = SendSignalRequest {
            event: Some(SignalEvent {
                signal_name: signal_name.to_owned(),
                case_name: String::new(),
                key: None,
                value: Some(json_to_pb(&order.signal_value())),
            }),
            signal_id: String::new(),
        };
        let sent = self.signals.clone().send_signal(request).await;
        let outcome = sent.and_then(|response| {
            let mut bad = Violations::new();
            outcome_from_pb(response.into_inner().outcome, &mut bad)
                .ok_or_else(|| Status::internal(bad.to_string()))
        });
        match outcome {
            Ok(outcome) => self.tell(Told::Signal {
                order_id: order.id.clone(),
                outcome,
            }),
            Err(status) => self.failed(order, signal_name, status),
        }
    }

    fn failed(&self, order: &Order, what: &'static str, status: Status) {
        tracing::warn!(order = order.id, what, %status, "LiveCheck did not take a call");
        self.tell(Told::Failed {
            order_id: order.id.clone(),
            what,
            status: Box::new(status),
        });
    }

    fn tell(&self, told: Told) {
        // Nobody listens any more when the demo ends, and then nobody counts.
        let _ = self.told.send(told);
    }
}

/// Where a gRPC server is.
pub fn endpoint(addr: SocketAddr) -> Endpoint {
    Endpoint::from_shared(format!("http://{addr}")).expect("an address makes a URI")
}
