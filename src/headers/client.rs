//! The metadata layer of a client: puts the current test into every call.
//!
//! A call that carries any of the four headers already goes out as it is; two
//! tests are never mixed.

use std::task::{Context, Poll};

use http::{Extensions, HeaderMap};
use tonic::{Request, Status, service::Interceptor};
use tower::{Layer, Service};

use super::{CurrentTest, carrier::has_any, current_test};

/// Puts the test into the calls of an HTTP or gRPC client: the one in the
/// request's extensions, else the current one of the task
/// ([`with_current_test`](super::with_current_test)).
///
/// It has to be outside of layers that hand calls to another task, such as
/// tower's `Buffer`; around a tonic `Channel` it is.
///
/// ```
/// use livecheck::{headers::CurrentTestLayer, pb::v1::report_service_client::ReportServiceClient};
/// use tonic::transport::Endpoint;
/// use tower::ServiceBuilder;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let channel = Endpoint::from_static("http://localhost:6066").connect_lazy();
/// let channel = ServiceBuilder::new().layer(CurrentTestLayer).service(channel);
/// let client = ReportServiceClient::new(channel);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct CurrentTestLayer;

impl<S> Layer<S> for CurrentTestLayer {
    type Service = PassOn<S>;

    fn layer(&self, inner: S) -> PassOn<S> {
        PassOn { inner }
    }
}

/// The client that [`CurrentTestLayer`] makes of another one.
#[derive(Clone, Debug)]
pub struct PassOn<S> {
    inner: S,
}

impl<S, B> Service<http::Request<B>> for PassOn<S>
where
    S: Service<http::Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: http::Request<B>) -> S::Future {
        if let Some(test) = test_to_pass_on(request.headers(), request.extensions()) {
            test.write_headers(request.headers_mut());
        }
        self.inner.call(request)
    }
}

/// The same as [`CurrentTestLayer`] for a tonic client that has interceptors.
///
/// ```
/// use livecheck::{
///     headers::CurrentTestInterceptor, pb::v1::report_service_client::ReportServiceClient,
/// };
/// use tonic::transport::Endpoint;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let channel = Endpoint::from_static("http://localhost:6066").connect_lazy();
/// let client = ReportServiceClient::with_interceptor(channel, CurrentTestInterceptor);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct CurrentTestInterceptor;

impl Interceptor for CurrentTestInterceptor {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(test) = test_to_pass_on(request.metadata().as_ref(), request.extensions()) {
            test.write_metadata(request.metadata_mut());
        }
        Ok(request)
    }
}

/// The test to write into a call, if it carries none.
fn test_to_pass_on(headers: &HeaderMap, extensions: &Extensions) -> Option<CurrentTest> {
    if has_any(headers) {
        return None;
    }
    extensions
        .get::<CurrentTest>()
        .cloned()
        .or_else(current_test)
}
