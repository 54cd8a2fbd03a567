//! A collector: takes spans by OTLP over gRPC and keeps them.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::StreamExt;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{ResourceSpans, Span},
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// A running collector; it ends with the test's runtime.
pub struct Collector {
    pub url: String,
    taken: Taken,
    connections: Arc<AtomicUsize>,
}

#[derive(Clone, Default)]
struct Taken {
    spans: Arc<Mutex<Vec<ResourceSpans>>>,
    /// The `authorization` of each export.
    authorizations: Arc<Mutex<Vec<Option<String>>>>,
}

#[tonic::async_trait]
impl TraceService for Taken {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let authorization = request.metadata().get("authorization");
        let authorization = authorization.map(|text| text.to_str().unwrap().to_owned());
        self.authorizations.lock().unwrap().push(authorization);
        let spans = request.into_inner().resource_spans;
        self.spans.lock().unwrap().extend(spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    pub async fn start() -> Collector {
        Collector::start_at(([127, 0, 0, 1], 0).into()).await
    }

    pub async fn start_at(address: SocketAddr) -> Collector {
        let listener = TcpListener::bind(address).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (taken, connections) = (Taken::default(), Arc::<AtomicUsize>::default());
        let counted = Arc::clone(&connections);
        let incoming = TcpListenerStream::new(listener).inspect(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let server = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(taken.clone()))
            .serve_with_incoming(incoming);
        tokio::spawn(server);
        Collector {
            url,
            taken,
            connections,
        }
    }

    /// How many connections it was asked for.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The `authorization` that all exports carried.
    pub fn authorization(&self) -> Option<String> {
        let mut all = self.taken.authorizations.lock().unwrap().clone();
        all.dedup();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    /// What it has taken.
    pub fn spans(&self) -> Spans {
        let taken = self.taken.spans.lock().unwrap();
        let scopes = taken.iter().flat_map(|one| &one.scope_spans);
        Spans(scopes.flat_map(|one| one.spans.clone()).collect())
    }

    /// An attribute of the resource of all spans.
    pub fn resource(&self, key: &str) -> String {
        let taken = self.taken.spans.lock().unwrap();
        let resources = taken.iter().map(|one| one.resource.as_ref().unwrap());
        let mut values: Vec<_> = resources.map(|one| text(&one.attributes, key)).collect();
        values.dedup();
        assert_eq!(values.len(), 1, "{key}: {values:?}");
        values.remove(0)
    }
}

/// Spans that were taken.
#[derive(Debug)]
pub struct Spans(pub Vec<Span>);

impl Spans {
    /// The one span of a name.
    pub fn only(&self, name: &str) -> &Span {
        let named: Vec<_> = self.0.iter().filter(|span| span.name == name).collect();
        match named.as_slice() {
            [span] => span,
            others => panic!("{name}: {others:?} of {self:?}"),
        }
    }

    /// The names, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.0.iter().map(|span| span.name.as_str()).collect();
        names.sort_unstable();
        names
    }
}

/// An attribute as text; empty if it is not there.
pub fn text(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|one| one.key == key);
    match found.and_then(|one| one.value.as_ref()?.value.as_ref()) {
        None => String::new(),
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(other) => panic!("{key}: {other:?}"),
    }
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
