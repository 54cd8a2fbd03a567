use std::{convert::Infallible, sync::Mutex, time::Duration};

use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SdkTracerProvider, SpanData, SpanProcessor},
};
use tower::{ServiceExt, service_fn};

use super::*;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Keeps the spans that ended.
#[derive(Clone, Debug, Default)]
struct Ended(Arc<Mutex<Vec<SpanData>>>);

impl SpanProcessor for Ended {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.lock().unwrap().push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl Ended {
    fn layer(&self) -> RpcSpanLayer {
        let provider = SdkTracerProvider::builder()
            .with_span_processor(self.clone())
            .build();
        RpcSpanLayer::new(provider.tracer("test")).unwrap()
    }

    /// What the one span that ended tells: its name, code and status.
    fn only(&self) -> (String, Option<i64>, Status) {
        let spans = self.0.lock().unwrap();
        let [span] = spans.as_slice() else {
            panic!("{spans:?}");
        };
        let code = span.attributes.iter().find_map(|one| match &one.value {
            opentelemetry::Value::I64(code) => {
                (one.key.as_str() == "rpc.grpc.status_code").then_some(*code)
            }
            _ => None,
        });
        (span.name.to_string(), code, span.status.clone())
    }
}

fn request(path: &str) -> Request<()> {
    let request = Request::post(path).header("traceparent", PARENT);
    request.body(()).unwrap()
}

/// An answer of two messages, and trailers if there are any.
fn answer(trailers: Option<HeaderMap>) -> Response<Body> {
    let message = || Frame::data(Bytes::from_static(b"message"));
    let frames = [message(), message()].into_iter();
    let frames = frames.chain(trailers.map(Frame::trailers));
    let frames = stream::iter(frames.map(Ok::<_, tonic::Status>));
    Response::new(Body::new(StreamBody::new(frames)))
}

fn status(code: &'static str, message: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("grpc-status", code.parse().unwrap());
    headers.insert("grpc-message", message.parse().unwrap());
    headers
}

const SEND: &str = "/livecheck.v1.SignalService/SendSignal";
const SEND_NAME: &str = "livecheck.v1.SignalService/SendSignal";

#[tokio::test]
async fn a_span_ends_with_the_status_of_its_call() {
    for (code, message, number, expected) in [
        ("0", "", 0, Status::Unset),
        ("3", "wrong", 3, Status::Unset),
        ("5", "none", 5, Status::Unset),
        ("2", "100%25", 2, Status::error("100%")),
        ("4", "late", 4, Status::error("late")),
        ("12", "what", 12, Status::error("what")),
        ("13", "bug", 13, Status::error("bug")),
        ("14", "away", 14, Status::error("away")),
        ("15", "lost", 15, Status::error("lost")),
        ("many", "", 2, Status::error("")),
    ] {
        for in_trailers in [true, false] {
            let ended = Ended::default();
            let service = service_fn(move |_: Request<()>| {
                let headers = status(code, message);
                let response = match in_trailers {
                    true => answer(Some(headers)),
                    false => {
                        let mut response = Response::new(Body::empty());
                        *response.headers_mut() = headers;
                        response
                    }
                };
                std::future::ready(Ok::<_, Infallible>(response))
            });
            let service = ended.layer().layer(service);
            let response = service.oneshot(request(SEND)).await.unwrap();
            let collected = response.into_body().collect().await.unwrap();
            let bytes = if in_trailers { 14 } else { 0 };
            assert_eq!(collected.trailers().is_some(), in_trailers);
            assert_eq!(collected.to_bytes().len(), bytes);
            let expected = (SEND_NAME.to_owned(), Some(number), expected.clone());
            assert_eq!(ended.only(), expected, "{code} {in_trailers}");
        }
    }
}

#[tokio::test]
async fn a_call_that_is_left_was_cancelled() {
    let cancelled = (SEND_NAME.to_owned(), Some(1), Status::Unset);

    // Before its answer,
    let ended = Ended::default();
    let service = ended.layer().layer(service_fn(async |_: Request<()>| {
        std::future::pending::<Result<Response<Body>, Infallible>>().await
    }));
    let mut call = Box::pin(service.oneshot(request(SEND)));
    assert!(futures_util::poll!(&mut call).is_pending());
    assert!(ended.0.lock().unwrap().is_empty());
    drop(call);
    assert_eq!(ended.only(), cancelled);

    // or in the middle of it.
    let ended = Ended::default();
    let service = ended.layer().layer(service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(answer(Some(status("0", ""))))
    }));
    let response = service.oneshot(request(SEND)).await.unwrap();
    let mut frames = response.into_body().into_data_stream();
    frames.next().await.unwrap().unwrap();
    assert!(ended.0.lock().unwrap().is_empty());
    drop(frames);
    assert_eq!(ended.only(), cancelled);
}

#[tokio::test]
async fn an_answer_without_trailers_has_no_known_status() {
    let ended = Ended::default();
    let service = ended.layer().layer(service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(answer(None))
    }));
    let response = service.oneshot(request(SEND)).await.unwrap();
    response.into_body().collect().await.unwrap();
    let unknown = (SEND_NAME.to_owned(), Some(2), Status::error(""));
    assert_eq!(ended.only(), unknown);
}

#[tokio::test]
async fn only_methods_of_this_api_have_spans() {
    for (path, spans) in [
        (SEND, 1),
        ("/livecheck.v1.ReportService/WatchReports", 1),
        ("/livecheck.v1.ReportService/Invented", 0),
        ("/livecheck.demo.v1.OrderInitService/InitOrder", 0),
        ("/grpc.health.v1.Health/Check", 0),
        ("/", 0),
    ] {
        let ended = Ended::default();
        let service = ended.layer().layer(service_fn(async |_: Request<()>| {
            Ok::<_, Infallible>(answer(Some(status("0", ""))))
        }));
        let response = service.oneshot(request(path)).await.unwrap();
        response.into_body().collect().await.unwrap();
        assert_eq!(ended.0.lock().unwrap().len(), spans, "{path}");
    }
}
