//! What takes spans to the collector. It works on the thread of the batch
//! processor: whatever the collector does, no call waits for it.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use opentelemetry_otlp::{SpanExporter, WithTonicConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter as Export},
};
use tonic::transport::{ClientTlsConfig, Endpoint};

use super::TracingError;
use crate::clock::Clock;

/// How long the collector may take to answer, and to be connected to.
const TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// While the collector takes no spans, this is logged at most once in this time.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// Exports over gRPC, and logs once in a while what the collector did not take.
pub(super) struct Exporter {
    inner: SpanExporter,
    clock: Arc<dyn Clock>,
    outage: Mutex<Outage>,
}

impl Exporter {
    /// An exporter to a collector, without a connection yet. Must be called on
    /// the runtime, which drives the connection.
    pub(super) fn new(url: &str, clock: Arc<dyn Clock>) -> Result<Exporter, TracingError> {
        let mut endpoint = Endpoint::from_shared(url.to_owned())?
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT);
        if endpoint.uri().scheme() == Some(&http::uri::Scheme::HTTPS) {
            endpoint = endpoint.tls_config(ClientTlsConfig::new().with_native_roots())?;
        }
        let inner = SpanExporter::builder()
            .with_tonic()
            .with_channel(endpoint.connect_lazy())
            .build()?;
        Ok(Exporter {
            inner,
            clock,
            outage: Mutex::default(),
        })
    }

    fn outage(&self) -> MutexGuard<'_, Outage> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter").finish_non_exhaustive()
    }
}

impl Export for Exporter {
    /// Never fails: what failed has been told of.
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        match self.inner.export(batch).await {
            Ok(()) => {
                if let Some(lost) = self.outage().end() {
                    tracing::info!(lost, "the collector takes spans again");
                }
            }
            Err(error) => {
                if let Some(lost) = self.outage().add(spans, self.clock.boot()) {
                    tracing::warn!(lost, %error, "the collector does not take spans");
                }
            }
        }
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// How many spans were lost since the collector last took some, and when that was
/// logged.
#[derive(Debug, Default)]
struct Outage {
    lost: usize,
    logged_at: Option<Duration>,
}

impl Outage {
    /// Adds lost spans; how many there are so far, when it is time to log that.
    fn add(&mut self, spans: usize, now: Duration) -> Option<usize> {
        self.lost = self.lost.saturating_add(spans);
        let logged = self.logged_at;
        let is_due = logged.is_none_or(|at| now.saturating_sub(at) >= LOG_EVERY);
        is_due.then(|| {
            self.logged_at = Some(now);
            self.lost
        })
    }

    /// Ends it; how many were lost, if it was one.
    fn end(&mut self) -> Option<usize> {
        let Outage { lost, logged_at } = std::mem::take(self);
        logged_at.map(|_| lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_logged_once_in_a_while_with_what_was_lost() {
        let mut outage = Outage::default();
        assert_eq!(outage.end(), None);
        for (at_secs, logged) in [(5, Some(10)), (6, None), (64, None), (65, Some(40))] {
            let told = outage.add(10, Duration::from_secs(at_secs));
            assert_eq!(told, logged, "at {at_secs} s");
        }
        assert_eq!(outage.add(1, Duration::from_secs(70)), None);
        assert_eq!(outage.end(), Some(41));
        assert_eq!(outage.end(), None);
        assert_eq!(outage.add(2, Duration::from_secs(71)), Some(2));
    }
}
