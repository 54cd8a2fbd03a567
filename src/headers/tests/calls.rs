//! Tests on their way through calls: into a server, on from its handlers and
//! out of clients.

use std::{convert::Infallible, sync::Arc, time::Duration};

use chrono::DateTime;
use http::HeaderMap;
use hyper_util::rt::TokioIo;
use tokio_stream::Empty;
use tonic::{
    Request, Response, Status,
    metadata::MetadataMap,
    service::Interceptor,
    transport::{Channel, Endpoint, Server},
};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};

use crate::{
    clock::ManualClock,
    headers::*,
    pb::v1::{
        GetReportRequest, GetReportResponse, ListFailuresRequest, ListFailuresResponse,
        ListReportsRequest, ListReportsResponse, TestReport, WatchReportsRequest,
        WatchReportsResponse,
        report_service_client::ReportServiceClient,
        report_service_server::{ReportService, ReportServiceServer},
    },
};

fn test(id: &str) -> CurrentTest {
    let at = DateTime::from_timestamp(1_780_000_000, 0).expect("in range");
    CurrentTest::new(id, "orders.test_order", at, at).expect("fits")
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (name.parse().expect("name"), value.parse().expect("value")))
        .collect()
}

#[tokio::test]
async fn a_server_reads_the_test_of_each_call() {
    let clock = Arc::new(ManualClock::fixed());
    let layer = TestHeadersLayer::new(clock);
    let server = layer
        .clone()
        .layer(service_fn(async |request: http::Request<()>| {
            let in_extensions = request.extensions().get::<CurrentTest>().cloned();
            assert_eq!(in_extensions, current_test());
            Ok::<_, Infallible>(in_extensions)
        }));

    let mut whole = HeaderMap::new();
    test("o-1").write_headers(&mut whole);
    let mut doubled = whole.clone();
    doubled.append("livecheck-test-id", "o-2".parse().expect("value"));
    for (headers, expected, malformed) in [
        (HeaderMap::new(), None, 0),
        (whole.clone(), Some(test("o-1")), 0),
        (headers(&[("livecheck-test-id", "o-1")]), None, 1),
        (headers(&[("livecheck-test-name", "orders")]), None, 1),
        (doubled, None, 2),
        (whole, Some(test("o-1")), 2),
    ] {
        let context = format!("{headers:?}");
        let mut request = http::Request::new(());
        *request.headers_mut() = headers;

        // The caller's own test is not the server's.
        let call = server.clone().oneshot(request);
        let read = with_current_test(test("outside"), call).await;
        assert_eq!(read, Ok(expected), "{context}");
        assert_eq!(layer.malformed_sets(), malformed, "{context}");
    }
}

#[tokio::test]
async fn a_client_writes_the_test_unless_the_call_has_one() {
    let client = CurrentTestLayer.layer(service_fn(async |request: http::Request<()>| {
        Ok::<_, Infallible>(request.into_parts().0.headers)
    }));

    let mut other = HeaderMap::new();
    test("written").write_headers(&mut other);
    let partial = headers(&[("livecheck-test-name", "written")]);
    for (written, given, current, expected) in [
        (HeaderMap::new(), None, None, Reading::None),
        (
            HeaderMap::new(),
            None,
            Some("current"),
            Reading::Test(test("current")),
        ),
        (
            HeaderMap::new(),
            Some("given"),
            None,
            Reading::Test(test("given")),
        ),
        (
            HeaderMap::new(),
            Some("given"),
            Some("current"),
            Reading::Test(test("given")),
        ),
        (
            other,
            Some("given"),
            Some("current"),
            Reading::Test(test("written")),
        ),
        (partial, Some("given"), Some("current"), Reading::None),
    ] {
        let mut intercepted = Request::new(());
        *intercepted.metadata_mut() = MetadataMap::from_headers(written.clone());
        let mut request = http::Request::new(());
        *request.headers_mut() = written;
        if let Some(id) = given {
            request.extensions_mut().insert(test(id));
            intercepted.extensions_mut().insert(test(id));
        }

        let (sent, intercepted) = with_current_test(current.map(test), async {
            (
                client.clone().oneshot(request).await.expect("infallible"),
                CurrentTestInterceptor
                    .call(intercepted)
                    .expect("never refuses"),
            )
        })
        .await;
        assert_eq!(read_headers(&sent), expected);
        assert_eq!(intercepted.metadata().as_ref(), &sent);
    }
}

/// Tells which test its calls belong to, and asks the next one if there is one.
struct Service {
    next: Option<Channel>,
}

#[tonic::async_trait]
impl ReportService for Service {
    async fn list_failures(
        &self,
        _: Request<ListFailuresRequest>,
    ) -> Result<Response<ListFailuresResponse>, Status> {
        Err(Status::unimplemented("not called"))
    }

    async fn get_report(
        &self,
        request: Request<GetReportRequest>,
    ) -> Result<Response<GetReportResponse>, Status> {
        let test = request.extensions().get::<CurrentTest>();
        let here = test.map_or("none", CurrentTest::id);
        let Some(next) = self.next.clone() else {
            return Ok(reply(here.to_owned()));
        };
        let next = ServiceBuilder::new().layer(CurrentTestLayer).service(next);
        let reply_of_next = ReportServiceClient::new(next)
            .get_report(GetReportRequest::default())
            .await?;
        Ok(reply(format!("{here}, then {}", told(reply_of_next))))
    }

    async fn list_reports(
        &self,
        _: Request<ListReportsRequest>,
    ) -> Result<Response<ListReportsResponse>, Status> {
        Err(Status::unimplemented("not called here"))
    }

    type WatchReportsStream = Empty<Result<WatchReportsResponse, Status>>;

    async fn watch_reports(
        &self,
        _: Request<WatchReportsRequest>,
    ) -> Result<Response<Self::WatchReportsStream>, Status> {
        Err(Status::unimplemented("not called here"))
    }
}

fn reply(id: String) -> Response<GetReportResponse> {
    Response::new(GetReportResponse {
        report: Some(TestReport {
            case_name: id,
            ..TestReport::default()
        }),
    })
}

fn told(reply: Response<GetReportResponse>) -> String {
    reply.into_inner().report.unwrap_or_default().case_name
}

/// Starts a server with the layer and connects to it.
async fn connect(service: Service) -> Channel {
    let (client, server) = tokio::io::duplex(64 * 1024);
    tokio::spawn(
        Server::builder()
            .layer(TestHeadersLayer::default())
            .add_service(ReportServiceServer::new(service))
            .serve_with_incoming(tokio_stream::once(Ok::<_, std::io::Error>(server))),
    );
    let mut client = Some(TokioIo::new(client));
    Endpoint::from_static("http://duplex")
        .timeout(Duration::from_secs(30))
        .connect_with_connector(service_fn(move |_| {
            let client = client
                .take()
                .ok_or_else(|| std::io::Error::other("connects once"));
            async move { client }
        }))
        .await
        .expect("connects")
}

#[tokio::test]
async fn a_test_goes_through_tonic_services() {
    let last = connect(Service { next: None }).await;
    let channel = connect(Service { next: Some(last) }).await;

    let layered = ServiceBuilder::new()
        .layer(CurrentTestLayer)
        .service(channel.clone());
    let mut layered = ReportServiceClient::new(layered);
    let mut intercepted = ReportServiceClient::with_interceptor(channel, CurrentTestInterceptor);

    for (given, current, expected) in [
        (None, None, "none, then none"),
        (None, Some("ключ 100%"), "ключ 100%, then ключ 100%"),
        (Some("given"), Some("current"), "given, then given"),
    ] {
        let request = || {
            let mut request = Request::new(GetReportRequest::default());
            if let Some(id) = given {
                request.extensions_mut().insert(test(id));
            }
            request
        };
        let replies = with_current_test(current.map(test), async {
            [
                layered.get_report(request()).await,
                intercepted.get_report(request()).await,
            ]
        })
        .await;
        for reply in replies {
            assert_eq!(told(reply.expect("is answered")), expected);
        }
    }
}
