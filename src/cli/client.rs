//! The connection to the server, and what to do when it breaks.
//!
//! Calls that only look can be made again; calls that change something are made
//! once.

use std::{fmt, str::FromStr, time::Duration};

use tokio::time::{Instant, sleep};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

use super::error::{CliError, is_broken, retry_delay, root_cause};
use crate::pb::v1::{
    case_service_client::CaseServiceClient, execution_service_client::ExecutionServiceClient,
    notification_service_client::NotificationServiceClient,
    report_service_client::ReportServiceClient, signal_service_client::SignalServiceClient,
};

/// Where the server is unless said otherwise.
pub const DEFAULT_SERVER: &str = "http://127.0.0.1:50051";
/// The port where none is given.
const DEFAULT_PORT: u16 = 50051;
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often an idle connection is asked whether it is still there, so that a
/// watch notices that its server is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Largest answer: a page of reports with their tracebacks.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Address of a server, such as `http://127.0.0.1:50051`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddr(http::Uri);

impl fmt::Display for ServerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.to_string().trim_end_matches('/'))
    }
}

impl FromStr for ServerAddr {
    type Err = String;

    /// Reads `http://HOST:PORT`; scheme and port may be left out.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("{why}; write HOST:PORT or http://HOST:PORT"));
        let authority = match text.trim().split_once("://") {
            None => text.trim(),
            Some(("http", authority)) => authority,
            Some(("https", _)) => return wrong("TLS is not spoken here"),
            Some(_) => return wrong("only http is spoken here"),
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let Ok(parsed) = authority.parse::<http::uri::Authority>() else {
            return wrong("this is no address of a server");
        };
        // Without a port, the host is all there may be.
        let port = match parsed.port_u16() {
            None if parsed.as_str() == parsed.host() => DEFAULT_PORT,
            Some(port) if !parsed.as_str().contains('@') => port,
            _ => return wrong("this is no address of a server"),
        };
        if parsed.host().is_empty() {
            return wrong("this is no address of a server");
        }
        http::Uri::builder()
            .scheme("http")
            .authority(format!("{}:{port}", parsed.host()))
            .path_and_query("/")
            .build()
            .map(ServerAddr)
            .or_else(|_| wrong("this is no address of a server"))
    }
}

/// How long to wait between attempts: twice as long after each failure.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Default for Backoff {
    /// From 0.25 s to 10 s.
    fn default() -> Self {
        Backoff::new(Duration::from_millis(250), Duration::from_secs(10))
    }
}

impl Backoff {
    /// Waits `first`, then doubles up to `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Backoff {
            first,
            longest,
            next: first,
        }
    }

    /// Begins anew: an attempt succeeded.
    pub fn reset(&mut self) {
        self.next = self.first;
    }

    /// How long to wait now; at least as long as the server asks.
    pub fn delay(&mut self, asked: Duration) -> Duration {
        let delay = self.next.max(asked);
        self.next = self.next.saturating_mul(2).min(self.longest);
        delay
    }
}

/// A connection to the server.
#[derive(Clone, Debug)]
pub struct Client {
    channel: Channel,
    server: ServerAddr,
}

impl Client {
    /// Connects.
    pub async fn connect(server: &ServerAddr) -> Result<Self, CliError> {
        let channel = Endpoint::from(server.0.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .connect()
            .await
            .map_err(|error| CliError::Unreachable {
                server: server.clone(),
                cause: root_cause(&error),
            })?;
        Ok(Client {
            channel,
            server: server.clone(),
        })
    }

    /// The calls about executions.
    pub fn executions(&self) -> ExecutionServiceClient<Channel> {
        ExecutionServiceClient::new(self.channel.clone())
            .max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    /// The calls about signals.
    pub fn signals(&self) -> SignalServiceClient<Channel> {
        SignalServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    /// The calls about reports.
    pub fn reports(&self) -> ReportServiceClient<Channel> {
        ReportServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    /// The calls about cases.
    pub fn cases(&self) -> CaseServiceClient<Channel> {
        CaseServiceClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    /// The calls about notifications.
    pub fn notifications(&self) -> NotificationServiceClient<Channel> {
        NotificationServiceClient::new(self.channel.clone())
            .max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    /// What a failed call means.
    pub fn error(&self, status: Status) -> CliError {
        if is_broken(&status) {
            CliError::Broken {
                server: self.server.clone(),
                cause: root_cause(&status),
            }
        } else {
            CliError::Refused(Box::new(status))
        }
    }

    /// Makes a call that waits on the server, again when the server goes away
    /// meanwhile, until the time is over. The call is told what is left of it.
    pub async fn wait<T>(
        &self,
        time: Duration,
        mut backoff: Backoff,
        mut call: impl AsyncFnMut(Duration) -> Result<T, Status>,
    ) -> Result<T, CliError> {
        let over = Instant::now() + time;
        let mut left = time;
        loop {
            let status = match call(left).await {
                Ok(answer) => return Ok(answer),
                Err(status) => status,
            };
            let delay = retry_delay(&status).map(|asked| backoff.delay(asked));
            match delay {
                Some(delay) if delay < over.duration_since(Instant::now()) => sleep(delay).await,
                _ => return Err(self.error(status)),
            }
            left = over.duration_since(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (text, expected) in [
            (DEFAULT_SERVER, Some("http://127.0.0.1:50051")),
            ("http://127.0.0.1:50051/", Some("http://127.0.0.1:50051")),
            ("localhost:9", Some("http://localhost:9")),
            (" localhost ", Some("http://localhost:50051")),
            (
                "http://livecheck.example",
                Some("http://livecheck.example:50051"),
            ),
            ("[::1]:9", Some("http://[::1]:9")),
            ("", None),
            (":50051", None),
            ("https://localhost:9", None),
            ("ftp://localhost:9", None),
            ("localhost:99999", None),
            ("localhost/path", None),
            ("user@localhost", None),
            ("a b", None),
        ] {
            let read = text.parse::<ServerAddr>().ok().map(|addr| addr.to_string());
            assert_eq!(read.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn delays_double_up_to_the_longest() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(10), ms(35));
        let delays = [0, 0, 0, 50, 0].map(|asked| backoff.delay(ms(asked)));
        assert_eq!(delays, [ms(10), ms(20), ms(35), ms(50), ms(35)]);
        backoff.reset();
        assert_eq!(backoff.delay(ms(0)), ms(10));
    }
}
