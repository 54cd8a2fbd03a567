use std::{collections::BTreeMap, time::Duration};

use super::Json;

/// Longest time of one attempt unless the probe says otherwise.
pub const DEFAULT_PROBE_TIMEOUT: Duration = Duration::from_secs(300);
/// Longest time of connecting unless the probe says otherwise.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a failed attempt is followed by another one unless the probe says
/// otherwise.
pub const DEFAULT_PROBE_RETRIES: u32 = 10;
/// Pause before the first retry unless the probe says otherwise.
pub const DEFAULT_DELAY_MIN: Duration = Duration::from_millis(500);
/// By what each further pause is longer unless the probe says otherwise.
pub const DEFAULT_DELAY_BACKOFF: f64 = 1.5;
/// Longest pause unless the probe says otherwise.
pub const DEFAULT_DELAY_MAX: Duration = Duration::from_secs(5);

/// A fake request that LiveCheck makes at a fixed pace: what is left out is
/// `None`, the methods give the defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Time from one probe to the next.
    pub frequency: Duration,
    /// What is called.
    pub request: ProbeRequest,
    /// Longest time of one attempt.
    pub timeout: Option<Duration>,
    /// Longest time of connecting.
    pub connect_timeout: Option<Duration>,
    /// How often a failed attempt is followed by another one.
    pub retries: Option<u32>,
    /// Pause before the first retry.
    pub delay_min: Option<Duration>,
    /// By what each further pause is longer.
    pub delay_backoff: Option<f64>,
    /// Longest pause.
    pub delay_max: Option<Duration>,
    /// Header or metadata that marks the request; empty if none.
    pub fake_header: String,
    /// Positional arguments of the executions.
    pub test_args: Vec<Json>,
    /// Named arguments of the executions.
    pub test_kwargs: serde_json::Map<String, Json>,
}

/// What a probe calls.
#[derive(Clone, Debug, PartialEq)]
pub enum ProbeRequest {
    /// An HTTP request.
    Http(HttpProbe),
    /// A unary gRPC call.
    Grpc(GrpcProbe),
}

/// An HTTP request.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpProbe {
    /// Method; empty: GET.
    pub method: String,
    /// An absolute URL.
    pub url: String,
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// Body.
    pub body: String,
}

/// A unary gRPC call.
#[derive(Clone, Debug, PartialEq)]
pub struct GrpcProbe {
    /// URL of the server.
    pub target: String,
    /// `package.Service/Method`.
    pub method: String,
    /// The request as JSON; none: an empty message.
    pub request: Option<serde_json::Map<String, Json>>,
    /// Metadata.
    pub metadata: BTreeMap<String, String>,
    /// A serialised `google.protobuf.FileDescriptorSet`; empty: by reflection.
    pub descriptor_set: Vec<u8>,
}

impl Probe {
    /// Longest time of one attempt.
    pub fn attempt_timeout(&self) -> Duration {
        self.timeout.unwrap_or(DEFAULT_PROBE_TIMEOUT)
    }

    /// Longest time of connecting.
    pub fn time_to_connect(&self) -> Duration {
        self.connect_timeout.unwrap_or(DEFAULT_CONNECT_TIMEOUT)
    }

    /// How many attempts are made at most.
    pub fn attempts(&self) -> u32 {
        self.retries
            .unwrap_or(DEFAULT_PROBE_RETRIES)
            .saturating_add(1)
    }

    /// The pause after so many failed attempts, from 1.
    pub fn pause_after(&self, failed: u32) -> Duration {
        let first = self.delay_min.unwrap_or(DEFAULT_DELAY_MIN);
        let backoff = self.delay_backoff.unwrap_or(DEFAULT_DELAY_BACKOFF);
        let longest = self.delay_max.unwrap_or(DEFAULT_DELAY_MAX);
        let further = i32::try_from(failed.saturating_sub(1)).unwrap_or(i32::MAX);
        let pause = first.as_secs_f64() * backoff.powi(further);
        // Beyond all bounds where the backoff is large.
        Duration::try_from_secs_f64(pause).map_or(longest, |pause| pause.min(longest))
    }
}

/// What came of a probe.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeResult {
    /// Name of the case.
    pub case_name: String,
    /// When it was due.
    pub due: super::Time,
    /// Attempts that were made.
    pub attempts: u32,
    /// Why it failed; none if the target answered.
    pub error: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest() {
        let plain = Probe {
            frequency: Duration::from_secs(60),
            request: ProbeRequest::Http(HttpProbe {
                method: String::new(),
                url: "http://orders/".to_owned(),
                headers: BTreeMap::new(),
                body: String::new(),
            }),
            timeout: None,
            connect_timeout: None,
            retries: None,
            delay_min: None,
            delay_backoff: None,
            delay_max: None,
            fake_header: String::new(),
            test_args: Vec::new(),
            test_kwargs: serde_json::Map::new(),
        };
        let with = |min: u64, backoff, max: u64| Probe {
            delay_min: Some(Duration::from_millis(min)),
            delay_backoff: Some(backoff),
            delay_max: Some(Duration::from_millis(max)),
            ..plain.clone()
        };
        assert_eq!((plain.attempts(), with(0, 1.0, 0).attempts()), (11, 11));
        for (probe, failed, expected) in [
            (&plain, 1, 500.0),
            (&plain, 2, 750.0),
            (&plain, 3, 1125.0),
            (&plain, 6, 3796.875),
            (&plain, 7, 5000.0),
            (&plain, u32::MAX, 5000.0),
            (&with(0, 1.5, 100), 9, 0.0),
            (&with(20, 1.0, 100), 9, 20.0),
            (&with(20, 100.0, 100), 2, 100.0),
            (&with(20, 100.0, 86_400_000), 3, 200_000.0),
            (&with(20, 100.0, 86_400_000), 1000, 86_400_000.0),
        ] {
            let pause = probe.pause_after(failed).as_secs_f64() * 1000.0;
            assert!((pause - expected).abs() < 1e-6, "{failed}: {pause}");
        }
    }
}
