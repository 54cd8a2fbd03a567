//! The metadata layer of a server: reads the test headers of every call, once.
//!
//! It never fails or delays a call: headers that make no test are counted, and
//! the call goes on as one without a test.

use std::{
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::task::futures::TaskLocalFuture;
use tower::{Layer, Service};

use super::{CurrentTest, Reading, read_headers, with_current_test};
use crate::clock::{Clock, SystemClock};

/// Malformed sets are logged at most once in this time.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Reads the headers of every call and puts the test, if it belongs to one,
/// into the request's extensions as [`CurrentTest`]. It is the current test
/// of the handler too, so that calls that the handler makes carry it on.
///
/// For tonic (`Server::builder().layer(…)`), axum and anything else that serves
/// `http::Request`s. Sets that make no test are counted and, at most once in 10
/// seconds, logged with the reason of the latest one. Clones share the counter.
///
/// ```
/// use livecheck::headers::{CurrentTest, TestHeadersLayer, current_test};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let layer = TestHeadersLayer::default();
/// let service = ServiceBuilder::new().layer(layer.clone()).service(service_fn(
///     async |request: http::Request<()>| {
///         let test = request.extensions().get::<CurrentTest>().cloned();
///         assert_eq!(test, current_test());
///         Ok::<_, std::convert::Infallible>(test)
///     },
/// ));
///
/// let request = http::Request::builder()
///     .header("LiveCheck-Test-Id", "o-1")
///     .header("LiveCheck-Test-Name", "orders.test_order")
///     .header("LiveCheck-Test-Timestamp", "2026-11-23T09:08:07+00:00")
///     .header("LiveCheck-Test-Expires", "2026-11-23T12:08:07+00:00")
///     .body(())?;
/// let test = service.oneshot(request).await?.expect("the call belongs to a test");
/// assert_eq!(test.id(), "o-1");
/// assert_eq!(layer.malformed_sets(), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TestHeadersLayer {
    clock: Arc<dyn Clock>,
    malformed: Arc<Malformed>,
}

impl TestHeadersLayer {
    /// A layer; `clock` tells when malformed sets may be logged again.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        TestHeadersLayer {
            clock,
            malformed: Arc::default(),
        }
    }

    /// How many sets of headers made no test.
    pub fn malformed_sets(&self) -> u64 {
        self.malformed.total()
    }

    /// The test of a call, what is wrong with it counted.
    fn read(&self, headers: &http::HeaderMap) -> Option<CurrentTest> {
        match read_headers(headers) {
            Reading::None => None,
            Reading::Test(test) => Some(test),
            Reading::Malformed(reason) => {
                if let Some(count) = self.malformed.count(self.clock.boot()) {
                    tracing::warn!(
                        count,
                        %reason,
                        "calls with malformed LiveCheck-Test headers, served as calls without a test"
                    );
                }
                None
            }
        }
    }
}

impl Default for TestHeadersLayer {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}

impl<S> Layer<S> for TestHeadersLayer {
    type Service = ReadTestHeaders<S>;

    fn layer(&self, inner: S) -> ReadTestHeaders<S> {
        ReadTestHeaders {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service that [`TestHeadersLayer`] makes of another one.
#[derive(Clone)]
pub struct ReadTestHeaders<S> {
    inner: S,
    layer: TestHeadersLayer,
}

impl<S, B> Service<http::Request<B>> for ReadTestHeaders<S>
where
    S: Service<http::Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = TaskLocalFuture<Option<CurrentTest>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: http::Request<B>) -> Self::Future {
        let test = self.layer.read(request.headers());
        if let Some(test) = &test {
            request.extensions_mut().insert(test.clone());
        }
        with_current_test(test, self.inner.call(request))
    }
}

/// Counts malformed sets and says when to log.
#[derive(Debug, Default)]
struct Malformed(Mutex<MalformedCounts>);

#[derive(Clone, Copy, Debug, Default)]
struct MalformedCounts {
    total: u64,
    logged: u64,
    logged_at: Option<Duration>,
}

impl Malformed {
    fn total(&self) -> u64 {
        self.lock().total
    }

    /// Counts one set. When it is time to log: how many came since the last
    /// time.
    fn count(&self, now: Duration) -> Option<u64> {
        let mut counts = self.lock();
        counts.total = counts.total.saturating_add(1);
        if counts
            .logged_at
            .is_some_and(|at| now.saturating_sub(at) < LOG_EVERY)
        {
            return None;
        }
        let since = counts.total.saturating_sub(counts.logged);
        counts.logged = counts.total;
        counts.logged_at = Some(now);
        Some(since)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, MalformedCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_sets_are_logged_once_in_a_while_with_their_count() {
        let malformed = Malformed::default();
        for (at_millis, logged) in [
            (5_000, Some(1)),
            (5_000, None),
            (14_999, None),
            (15_000, Some(3)),
            (15_001, None),
            (100_000, Some(2)),
            (110_000, Some(1)),
        ] {
            let count = malformed.count(Duration::from_millis(at_millis));
            assert_eq!(count, logged, "at {at_millis} ms");
        }
        assert_eq!(malformed.total(), 7);
    }
}
