//! A client that makes single requests, each over a connection of its own, so
//! that a connection that is not there shows before anything is sent.
//!
//! Whatever a server does, a request ends within its time and takes no more
//! memory than its caller says. The head of an answer decides what it is: the body
//! is read only where it may say what went wrong, and as far as it comes in time.
//! Nothing follows a redirect or repeats a request.

use std::{
    error::Error,
    io,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, Uri,
    header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING, USER_AGENT},
};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::{Body as _, Incoming},
    client::conn::http1,
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};
use tower::Service as _;

use super::cause;

/// Name under which the client calls.
static AGENT: HeaderValue =
    HeaderValue::from_static(concat!("livecheck/", env!("CARGO_PKG_VERSION")));
/// Largest head of a response, in bytes; also how much is read ahead.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Boxed, as the state of TLS is large.
type Stream = Box<MaybeHttpsStream<TokioIo<TcpStream>>>;

/// Why a request got no answer. The texts are for people.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The URL is not absolute, or neither http nor https.
    #[error("{0} is no http or https URL")]
    Url(Uri),
    /// The certificates that the system trusts cannot be read.
    #[error("the certificates that this system trusts cannot be read: {0}")]
    Roots(io::Error),
    /// There is no connection.
    #[error("{}", cause(.0.as_ref()))]
    Connect(Box<dyn Error + Send + Sync>),
    /// There was no connection in time.
    #[error("no connection within {0:?}")]
    ConnectTimeout(Duration),
    /// The answer did not come in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The connection broke, or what came is not HTTP.
    #[error("{}", cause(.0))]
    Exchange(hyper::Error),
}

/// Makes requests; clones share what they know.
#[derive(Clone, Debug)]
pub struct HttpClient {
    plain: HttpConnector,
    /// Made for the first `https` URL, as it takes the system's certificates.
    secure: Arc<OnceLock<HttpsConnector<HttpConnector>>>,
}

impl Default for HttpClient {
    fn default() -> Self {
        let mut plain = HttpConnector::new();
        plain.set_nodelay(true);
        plain.enforce_http(false);
        HttpClient {
            plain,
            secure: Arc::default(),
        }
    }
}

/// A connection on which nothing has been sent yet.
#[derive(Debug)]
pub struct HttpConnection {
    stream: Stream,
}

impl HttpClient {
    /// Connects to the server of a URL within a time, TLS included.
    pub async fn connect(&self, url: &Uri, within: Duration) -> Result<HttpConnection, HttpError> {
        let connecting = async {
            match url.scheme_str() {
                Some("http") if url.host().is_some() => {
                    let connected = self.plain.clone().call(url.clone()).await;
                    let stream = connected.map_err(|error| HttpError::Connect(error.into()))?;
                    Ok(MaybeHttpsStream::Http(stream))
                }
                Some("https") if url.host().is_some() => {
                    let mut connector = self.secure().await?;
                    let connected = connector.call(url.clone()).await;
                    connected.map_err(HttpError::Connect)
                }
                _ => Err(HttpError::Url(url.clone())),
            }
        };
        let connected = timeout(within, connecting).await;
        let stream = connected.map_err(|_| HttpError::ConnectTimeout(within))??;
        Ok(HttpConnection {
            stream: Box::new(stream),
        })
    }

    /// Connects and makes a request, as [`HttpConnection::exchange`] does, both
    /// within a time.
    pub async fn request(
        &self,
        request: Request<Bytes>,
        within: Duration,
        max_body_bytes: usize,
    ) -> Result<Response<Bytes>, HttpError> {
        let began = Instant::now();
        let connection = self.connect(request.uri(), within).await?;
        let left = within.saturating_sub(began.elapsed());
        let answered = connection.exchange(request, left, max_body_bytes).await;
        answered.map_err(|error| match error {
            HttpError::Timeout(_) => HttpError::Timeout(within),
            other => other,
        })
    }

    async fn secure(&self) -> Result<HttpsConnector<HttpConnector>, HttpError> {
        if let Some(connector) = self.secure.get() {
            return Ok(connector.clone());
        }
        let builder = tokio::task::spawn_blocking(|| {
            Ok(HttpsConnectorBuilder::new()
                .with_native_roots()?
                .https_only()
                .enable_http1())
        });
        let builder: io::Result<_> = builder.await.unwrap_or_else(|error| Err(error.into()));
        let builder = builder.map_err(HttpError::Roots)?;
        let connector = builder.wrap_connector(self.plain.clone());
        Ok(self.secure.get_or_init(|| connector).clone())
    }
}

impl HttpConnection {
    /// Sends a request to the absolute URL that it names, and takes the answer.
    /// The head must come in time. The body of a success is not read; of any other
    /// answer it is kept as far as `max_body_bytes`, and as it came until the time
    /// was over or the connection broke.
    ///
    /// The client adds `Host` and `User-Agent` where they are missing, and itself
    /// says how long the body is.
    pub async fn exchange(
        self,
        request: Request<Bytes>,
        within: Duration,
        max_body_bytes: usize,
    ) -> Result<Response<Bytes>, HttpError> {
        exchange(self.stream, sendable(request), within, max_body_bytes).await
    }
}

/// The request as it goes over a connection to its server.
fn sendable(request: Request<Bytes>) -> Request<Full<Bytes>> {
    let (mut parts, body) = request.into_parts();
    let host = parts.uri.authority().map(|authority| {
        // Without the user's name, which is not for this header.
        let text = authority.as_str();
        text.rsplit_once('@').map_or(text, |(_, host)| host)
    });
    let host = host.and_then(|host| HeaderValue::from_str(host).ok());
    if let Some(host) = host {
        parts.headers.entry(HOST).or_insert(host);
    }
    let headers = &mut parts.headers;
    headers.entry(USER_AGENT).or_insert_with(|| AGENT.clone());
    headers.remove(CONTENT_LENGTH);
    headers.remove(TRANSFER_ENCODING);
    parts.uri = parts
        .uri
        .path_and_query()
        .map_or_else(|| Uri::from_static("/"), |path| Uri::from(path.clone()));
    Request::from_parts(parts, Full::new(body))
}

async fn exchange(
    stream: Stream,
    request: Request<Full<Bytes>>,
    within: Duration,
    max_body_bytes: usize,
) -> Result<Response<Bytes>, HttpError> {
    let began = Instant::now();
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD_BYTES);
    let handshake = builder.handshake(stream).await;
    let (mut sender, connection) = handshake.map_err(HttpError::Exchange)?;
    let answer = async {
        let answered = timeout(within, sender.send_request(request)).await;
        let answered = answered.map_err(|_| HttpError::Timeout(within))?;
        let (parts, body) = answered.map_err(HttpError::Exchange)?.into_parts();
        let mut kept = Vec::new();
        if !parts.status.is_success() {
            let left = within.saturating_sub(began.elapsed());
            // The head has said what matters, so this may end anyhow.
            let _ = timeout(left, keep(body, max_body_bytes, &mut kept)).await;
        }
        Ok(Response::from_parts(parts, Bytes::from(kept)))
    };
    tokio::pin!(answer, connection);
    tokio::select! {
        biased;
        answered = &mut answer => answered,
        // The server has closed it; what came before is on its way to the answer.
        closed = &mut connection => match answer.await {
            Err(HttpError::Exchange(error)) if error.is_canceled() => {
                Err(HttpError::Exchange(closed.err().unwrap_or(error)))
            }
            answered => answered,
        },
    }
}

/// Keeps what comes of a body, until it ends, breaks off or is too much.
async fn keep(mut body: Incoming, max_bytes: usize, kept: &mut Vec<u8>) {
    while kept.len() < max_bytes && !body.is_end_stream() {
        let Some(Ok(frame)) = body.frame().await else {
            return;
        };
        // Trailers are of no interest.
        if let Ok(data) = frame.into_data() {
            let fits = data.len().min(max_bytes - kept.len());
            kept.extend_from_slice(data.get(..fits).unwrap_or_default());
        }
    }
}
