//! Traces: the server's part in the traces of those who call it, told to an
//! OpenTelemetry collector.
//!
//! A call may tell its trace in the metadata `traceparent` (and `tracestate`), by
//! the W3C Trace Context; what is malformed counts as none. That of a submission
//! is kept as sent, on the execution and so on its report, whether spans are
//! exported or not.
//!
//! With `otlp_endpoint` set, spans go there by OTLP over gRPC:
//!
//! - Each call of the API's own services has a span of kind server, a child of
//!   the caller's span, named like `livecheck.v1.SignalService/SendSignal`, with
//!   `rpc.system`, `rpc.service`, `rpc.method` and `rpc.grpc.status_code`. A
//!   stream has one span, which ends with it. Health and reflection have none.
//! - Each execution with a `traceparent` has a span `execution CASE` from its
//!   start to its verdict, a child of the span that submitted it, with
//!   `livecheck.case`, `livecheck.execution` (its id), `livecheck.state` and
//!   `livecheck.error`. It is made when the report is archived; the span of an
//!   execution whose verdict fell in a crash is not made again.
//!
//! A call with a `traceparent` is traced if its sampled flag is set, one without
//! begins a trace with the probability `trace_sample_ratio`.
//!
//! The SDK's own variables hold besides: `OTEL_SERVICE_NAME` (`livecheck` without
//! it) and `OTEL_RESOURCE_ATTRIBUTES` say what the server is called,
//! `OTEL_EXPORTER_OTLP_HEADERS` what a collector wants for authentication,
//! `OTEL_BSP_MAX_QUEUE_SIZE` (2048 spans), `OTEL_BSP_MAX_EXPORT_BATCH_SIZE` (512)
//! and `OTEL_BSP_SCHEDULE_DELAY` (5000 ms) how spans are batched. Where they go
//! is told by the setting alone.
//!
//! The invariant: no call waits for a collector or fails because of one. Spans
//! that the collector does not take are dropped, which is logged at most once a
//! minute, and so are those that the queue has no room for, which is logged when
//! it begins and summed up at the end. At the end what is left is exported for
//! two seconds at most, within the grace period.

mod executions;
mod exporter;
mod layer;
mod traceparent;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use opentelemetry::{InstrumentationScope, Key, trace::TracerProvider};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider},
};

pub use layer::{RpcSpanLayer, RpcSpans};
pub use traceparent::TraceParent;

use crate::{
    clock::Clock,
    node::{Node, NodeError},
    settings::ServeSettings,
};
use executions::ExecutionSpans;
use exporter::Exporter;

/// How long the last spans may take at the end.
const FLUSH: Duration = Duration::from_secs(2);

/// Why spans cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum TracingError {
    /// The address of the collector.
    #[error("otlp_endpoint cannot be used: {0}")]
    Endpoint(#[from] tonic::transport::Error),
    /// The variables of the environment that the exporter reads.
    #[error("the exporter of spans cannot be set up: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The names of the methods.
    #[error("the descriptors cannot be read: {0}")]
    Descriptors(#[from] prost::DecodeError),
    /// The watch over the reports.
    #[error("the executions cannot be followed: {0}")]
    Executions(#[from] NodeError),
}

/// The export of a server's spans, while it is on.
pub struct Tracing {
    provider: SdkTracerProvider,
    layer: RpcSpanLayer,
    executions: ExecutionSpans,
}

impl Tracing {
    /// Starts to export the spans of a node's server, if the settings ask for it.
    pub async fn start(
        settings: &ServeSettings,
        clock: Arc<dyn Clock>,
        node: &Node,
    ) -> Result<Option<Tracing>, TracingError> {
        let Some(url) = settings.otlp_endpoint.url() else {
            return Ok(None);
        };
        let ratio = Sampler::TraceIdRatioBased(settings.trace_sample_ratio);
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(Exporter::new(url, clock)?)
            .with_sampler(Sampler::ParentBased(Box::new(ratio)))
            .with_resource(resource())
            .build();
        let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        let tracer = provider.tracer_with_scope(scope);
        let layer = RpcSpanLayer::new(tracer.clone())?;
        let executions = ExecutionSpans::start(tracer, node.clone()).await?;
        tracing::info!(collector = url, "exporting spans");
        Ok(Some(Tracing {
            provider,
            layer,
            executions,
        }))
    }

    /// What makes spans of the calls.
    pub fn layer(&self) -> RpcSpanLayer {
        self.layer.clone()
    }

    /// Exports what is left, after the node went down; gives up at the deadline.
    pub async fn stop(self, deadline: Instant) {
        let deadline = deadline.min(Instant::now() + FLUSH);
        if tokio::time::timeout_at(deadline.into(), self.executions.end())
            .await
            .is_err()
        {
            tracing::warn!("some executions have no span: the grace period is over");
        }
        let provider = self.provider;
        let flush = move || {
            let left = deadline.saturating_duration_since(Instant::now());
            provider.shutdown_with_timeout(left)
        };
        match tokio::task::spawn_blocking(flush).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last spans were not exported"),
            Err(error) => tracing::error!(%error, "the exporter ended unexpectedly"),
        }
    }
}

/// What the server is called: as the environment has it, else `livecheck`.
fn resource() -> Resource {
    let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let named = Resource::builder().with_attribute(version);
    let found = Resource::builder().build().get(&Key::new("service.name"));
    match found {
        Some(name) if !name.as_str().starts_with("unknown_service") => named.build(),
        _ => named.with_service_name(env!("CARGO_PKG_NAME")).build(),
    }
}
