//! One span for each call, a child of the caller's span if the call tells it.
//!
//! It is in the stack only while spans are exported, sees headers and trailers
//! only, and changes nothing of what it passes on.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use opentelemetry::{
    Context, KeyValue, StringValue,
    trace::{Span as _, SpanKind, Status, TraceContextExt, Tracer},
};
use opentelemetry_sdk::trace::{SdkTracer, Span};
use percent_encoding::percent_decode;
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::{Code, body::Body};
use tower::{BoxError, Layer, Service};

use super::traceparent::{TraceParent, trace_state};
use crate::pb;

/// The package whose calls have spans. Calls of health and reflection have none:
/// they come in numbers and tell nothing.
const PACKAGE: &str = "livecheck.v1";

/// Makes a span of each call of this API's methods: named by the method, with the
/// attributes of OpenTelemetry's conventions for gRPC, ended with the call's last
/// message.
#[derive(Clone)]
pub struct RpcSpanLayer {
    tracer: SdkTracer,
    methods: Arc<HashMap<String, Method>>,
}

/// What a span tells of a method.
struct Method {
    service: StringValue,
    name: StringValue,
}

impl RpcSpanLayer {
    pub(super) fn new(tracer: SdkTracer) -> Result<RpcSpanLayer, prost::DecodeError> {
        let methods = Arc::new(methods()?);
        Ok(RpcSpanLayer { tracer, methods })
    }

    /// The span of a call, which begins now; `None` for one that has none.
    fn begin<B>(&self, request: &Request<B>) -> Option<RpcSpan> {
        let path = request.uri().path();
        let method = self.methods.get(path)?;
        let headers = request.headers();
        let context = Context::new();
        let parent = match TraceParent::of_headers(headers) {
            Some(parent) => {
                context.with_remote_span_context(parent.span_context(trace_state(headers)))
            }
            None => context,
        };
        let attributes = vec![
            KeyValue::new("rpc.system", "grpc"),
            KeyValue::new("rpc.service", method.service.clone()),
            KeyValue::new("rpc.method", method.name.clone()),
        ];
        let name = path.trim_start_matches('/').to_owned();
        let builder = self.tracer.span_builder(name);
        let builder = builder.with_kind(SpanKind::Server);
        let span = builder
            .with_attributes(attributes)
            .start_with_context(&self.tracer, &parent);
        span.is_recording().then_some(RpcSpan(Some(span)))
    }
}

/// The methods of this API, by the paths of their calls.
fn methods() -> Result<HashMap<String, Method>, prost::DecodeError> {
    let mut methods = HashMap::new();
    let files = FileDescriptorSet::decode(pb::DESCRIPTORS)?.file;
    for file in files.iter().filter(|file| file.package() == PACKAGE) {
        for service in &file.service {
            let full_name = format!("{PACKAGE}.{}", service.name());
            let shared = StringValue::from(Arc::<str>::from(full_name.as_str()));
            for method in &service.method {
                let path = format!("/{full_name}/{}", method.name());
                let name = StringValue::from(Arc::<str>::from(method.name()));
                let service = shared.clone();
                methods.insert(path, Method { service, name });
            }
        }
    }
    Ok(methods)
}

/// The span of a call. A call that is dropped before its end was cancelled.
struct RpcSpan(Option<Span>);

impl RpcSpan {
    /// Ends the span with the status in headers or trailers.
    fn end_with(&mut self, headers: &HeaderMap) {
        let code = headers.get(tonic::Status::GRPC_STATUS);
        let code = code.map_or(Code::Unknown, |code| Code::from_bytes(code.as_bytes()));
        let message = headers.get(tonic::Status::GRPC_MESSAGE);
        let message = message.map(|text| percent_decode(text.as_bytes()).decode_utf8_lossy());
        self.end(code, message.unwrap_or_default().into_owned());
    }

    fn end(&mut self, code: Code, message: String) {
        let Some(mut span) = self.0.take() else {
            return;
        };
        span.set_attribute(KeyValue::new(
            "rpc.grpc.status_code",
            i64::from(code as i32),
        ));
        if is_error(code) {
            span.set_status(Status::error(message));
        }
        span.end();
    }
}

impl Drop for RpcSpan {
    fn drop(&mut self) {
        self.end(Code::Cancelled, String::new());
    }
}

/// Whether the server is to blame: by OpenTelemetry's conventions a span of a
/// server is no error when the call was wrong.
fn is_error(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

impl<S> Layer<S> for RpcSpanLayer {
    type Service = RpcSpans<S>;

    fn layer(&self, inner: S) -> RpcSpans<S> {
        RpcSpans {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service that [`RpcSpanLayer`] makes of another one.
#[derive(Clone)]
pub struct RpcSpans<S> {
    inner: S,
    layer: RpcSpanLayer,
}

impl<S, B, R> Service<Request<B>> for RpcSpans<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let span = self.layer.begin(&request);
        let call = self.inner.call(request);
        Box::pin(async move {
            let Some(mut span) = span else {
                return Ok(call.await?.map(Body::new));
            };
            let response = match call.await {
                Ok(response) => response,
                Err(error) => {
                    span.end(Code::Unknown, String::new());
                    return Err(error);
                }
            };
            if response.headers().contains_key(tonic::Status::GRPC_STATUS) {
                span.end_with(response.headers());
                return Ok(response.map(Body::new));
            }
            Ok(response.map(|body| {
                let inner = Body::new(body);
                Body::new(SpannedBody { inner, span })
            }))
        })
    }
}

/// The messages of an answer, and the span that ends with them.
struct SpannedBody {
    inner: Body,
    span: RpcSpan,
}

impl HttpBody for SpannedBody {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(trailers) = frame.trailers_ref() {
                    self.span.end_with(trailers);
                }
            }
            Poll::Ready(Some(Err(status))) => {
                self.span.end(status.code(), status.message().to_owned());
            }
            Poll::Ready(None) => self.span.end(Code::Unknown, String::new()),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests;
