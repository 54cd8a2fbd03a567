//! `SignalService`.

use std::time::Duration;

use tonic::{Request, Response, Status, Streaming};

use crate::{
    convert::{
        Violations,
        models::{About, SentSignal, outcome_to_pb, received_to_pb, signal_event_to_pb},
        names::{check_case_name, check_id, check_signal_name},
        time::{duration_to_pb, time_to_pb},
        value::{Limits, json_from_pb},
    },
    headers::CurrentTest,
    model::{Json, SignalOutcome, Signalled},
    node::{Node, Permit, Seen, TakenSignal, Watcher},
    pb::v1::{
        SendSignalRequest, SendSignalResponse, StreamSignalsRequest, StreamSignalsResponse,
        WaitSignalRequest, WaitSignalResponse, WatchSignalsRequest, WatchSignalsResponse,
        signal_service_server::SignalService,
    },
};

use super::{
    Stream, fields,
    signal_stream::take_stream,
    status::invalid,
    watch::{Watch, watch},
};

/// How long a signal is waited for unless the request says otherwise.
const DEFAULT_WAIT: Duration = Duration::from_secs(30);

/// The service; a thin one over the node.
#[derive(Clone)]
pub struct Signals {
    pub(super) node: Node,
}

#[tonic::async_trait]
impl SignalService for Signals {
    async fn send_signal(
        &self,
        request: Request<SendSignalRequest>,
    ) -> Result<Response<SendSignalResponse>, Status> {
        let (outcome, message) = match self.take(request)? {
            Some(signal) => signal.outcome().await?,
            None => (SignalOutcome::Ignored, None),
        };
        Ok(Response::new(SendSignalResponse {
            outcome: outcome_to_pb(outcome).into(),
            message: message.unwrap_or_default(),
        }))
    }

    type StreamSignalsStream = Stream<StreamSignalsResponse>;

    async fn stream_signals(
        &self,
        request: Request<Streaming<StreamSignalsRequest>>,
    ) -> Result<Response<Self::StreamSignalsStream>, Status> {
        let permit = self.node.permit()?;
        let acks = take_stream(self.node.clone(), request.into_inner(), permit);
        Ok(Response::new(acks))
    }

    async fn wait_signal(
        &self,
        request: Request<WaitSignalRequest>,
    ) -> Result<Response<WaitSignalResponse>, Status> {
        let current = request.extensions().get::<CurrentTest>().cloned();
        let wanted = read_wait(request.into_inner(), current.as_ref())?;
        let arrived = self
            .node
            .wait_signal(
                &wanted.case_name,
                &wanted.signal_name,
                &wanted.key,
                wanted.timeout,
            )
            .await?;
        Ok(Response::new(WaitSignalResponse {
            event: Some(signal_event_to_pb(&arrived.seen.event)),
            latency: Some(duration_to_pb(arrived.latency)),
            at: Some(time_to_pb(arrived.seen.at)),
        }))
    }

    type WatchSignalsStream = Stream<WatchSignalsResponse>;

    async fn watch_signals(
        &self,
        request: Request<WatchSignalsRequest>,
    ) -> Result<Response<Self::WatchSignalsStream>, Status> {
        let WatchSignalsRequest { case_name, id } = request.into_inner();
        let mut bad = Violations::new();
        check_case_name(&case_name, &mut bad.field("case_name"));
        let id = fields::given(id);
        if let Some(id) = &id {
            check_id(id, &mut bad.field("id"));
        }
        bad.finish(Some(())).map_err(invalid)?;
        let watcher = match &id {
            None => Some(self.node.watch_case_signals(&case_name)?),
            Some(id) => self.node.watch_execution(&case_name, id).await?.1,
        };
        Ok(Response::new(watch(SignalWatch {
            watcher,
            node: self.node.clone(),
        })))
    }
}

impl Signals {
    /// Takes the signal of a call; `None` for one that belongs to no test.
    fn take(&self, request: Request<SendSignalRequest>) -> Result<Option<TakenSignal>, Status> {
        let current = request.extensions().get::<CurrentTest>().cloned();
        let SendSignalRequest { event, signal_id } = request.into_inner();
        let sent = SentSignal::from_pb(event, signal_id).map_err(invalid)?;
        let ignored_of = match &sent.about {
            About::Case(case_name) => Some(case_name.clone()),
            About::Nothing | About::Key(..) => None,
        };
        let signal = address(sent, current.as_ref());
        if let (None, Some(case_name)) = (&signal, ignored_of) {
            self.node.count_ignored(&case_name);
        }
        Ok(signal.map(|signal| self.node.signal(signal)).transpose()?)
    }
}

struct SignalWatch {
    /// None once the execution is finished.
    watcher: Option<(Watcher, Permit)>,
    node: Node,
}

impl Watch for SignalWatch {
    type Item = WatchSignalsResponse;

    async fn next(&mut self) -> Result<Option<Vec<WatchSignalsResponse>>, Status> {
        let Some((watcher, _)) = &mut self.watcher else {
            return Ok(None);
        };
        match watcher.next().await {
            Some(Seen::Signal(seen)) => Ok(Some(vec![WatchSignalsResponse {
                signal: Some(received_to_pb(&seen)),
            }])),
            Some(Seen::Finished(_)) => Ok(None),
            None => Err(self.node.why_cut_off().into()),
        }
    }

    fn checkpoint(&self) -> WatchSignalsResponse {
        WatchSignalsResponse { signal: None }
    }
}

/// Fills in case and key from the current test, as far as it is meant: `None`
/// for a signal that belongs to no test.
fn address(mut sent: SentSignal, current: Option<&CurrentTest>) -> Option<Signalled> {
    let case_name = match std::mem::replace(&mut sent.about, About::Nothing) {
        About::Key(case_name, key) => return Some(sent.addressed(case_name, key)),
        About::Case(case_name) => Some(case_name),
        About::Nothing => None,
    };
    let test = current.filter(|test| is_meant(case_name.as_deref(), test))?;
    let key = Json::from(test.id());
    Some(sent.addressed(test.case_name().to_owned(), key))
}

/// Whether a call that names no key, and perhaps a case, belongs to a test.
fn is_meant(case_name: Option<&str>, test: &CurrentTest) -> bool {
    case_name.is_none_or(|name| name == test.case_name())
}

struct Wanted {
    case_name: String,
    signal_name: String,
    key: Json,
    timeout: Duration,
}

fn read_wait(request: WaitSignalRequest, current: Option<&CurrentTest>) -> Result<Wanted, Status> {
    let WaitSignalRequest {
        case_name,
        signal_name,
        key,
        timeout,
    } = request;
    let mut bad = Violations::new();
    let case_name = fields::given(case_name);
    if let Some(name) = &case_name {
        check_case_name(name, &mut bad.field("case_name"));
    }
    check_signal_name(&signal_name, &mut bad.field("signal_name"));
    let key = json_from_pb(key, Limits::KEY, &mut bad.field("key"));
    let timeout = fields::read_wait("timeout", timeout, &mut bad);
    if timeout == Some(Some(Duration::ZERO)) {
        bad.add_to("timeout", "must be more than zero; leave it out for 30 s");
    }

    let has_key = key != Some(Json::Null);
    let meant = current.filter(|test| !has_key && is_meant(case_name.as_deref(), test));
    if has_key && case_name.is_none() {
        let text = "must be set: a key says nothing without its case";
        bad.add_to("case_name", text);
    }
    if !has_key && meant.is_none() {
        let text = "must be set, as the call carries no test of this case";
        bad.add_to("key", text);
        if case_name.is_none() {
            bad.add_to("case_name", "must be set, as the call carries no test");
        }
    }
    let key = key.map(|key| meant.map_or(key, |test| Json::from(test.id())));
    let case_name = case_name.or_else(|| meant.map(|test| test.case_name().to_owned()));
    let read = (|| {
        Some(Wanted {
            case_name: case_name?,
            signal_name,
            key: key?,
            timeout: timeout?.unwrap_or(DEFAULT_WAIT),
        })
    })();
    bad.finish(read).map_err(invalid)
}
