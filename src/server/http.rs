//! The HTTP side: metrics for Prometheus, and health for load balancers and
//! orchestrators.
//!
//! | path | answer |
//! | --- | --- |
//! | `/metrics` | the [metrics](crate::metrics), as OpenMetrics or as Prometheus text |
//! | `/healthz` | 200 while the server is up |
//! | `/readyz` | 200 while it takes calls, 503 while it drains |
//!
//! A connection carries one request, and is cut off when that takes too long:
//! strangers hold nothing for longer than that.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE},
};
use http_body_util::Full;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, oneshot},
    task::{JoinHandle, JoinSet},
};
use tokio_stream::StreamExt;

use crate::{
    metrics::{Format, Metrics},
    node::Node,
    settings::HttpListen,
};

use super::{
    ServerError,
    connections::{self, Connection},
};

/// Connections that may be open at once; further ones wait.
const CONNECTIONS: usize = 32;
/// How long a client may take to send a request.
const TIME_TO_ASK: Duration = Duration::from_secs(10);
/// How long a connection may last.
const TIME_TO_ANSWER: Duration = Duration::from_secs(30);
/// Largest head of a request, in bytes.
const HEAD_BYTES: usize = 16 << 10;
/// Most headers of a request.
const HEADERS: usize = 64;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

type Answer = Response<Full<Bytes>>;

/// The HTTP side of a server that is up.
pub(super) struct HttpSide {
    addr: SocketAddr,
    stop_accepting: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

/// Binds where the settings say; none if nowhere.
pub(super) async fn bind(
    listen: HttpListen,
) -> Result<Option<(TcpListener, SocketAddr)>, ServerError> {
    let HttpListen::On(addr) = listen else {
        return Ok(None);
    };
    let error = |source| ServerError::HttpListener { addr, source };
    let listener = TcpListener::bind(addr).await.map_err(error)?;
    let addr = listener.local_addr().map_err(error)?;
    Ok(Some((listener, addr)))
}

impl HttpSide {
    /// Answers for a node.
    pub(super) fn start(listener: TcpListener, addr: SocketAddr, node: Node) -> HttpSide {
        let (stop_accepting, stopped) = oneshot::channel();
        let site = Arc::new(Site {
            metrics: Arc::new(Metrics::new(node.clone())),
            node,
            scraping: Arc::new(Semaphore::new(1)),
        });
        HttpSide {
            addr,
            stop_accepting,
            serving: tokio::spawn(serve(listener, site, stopped)),
        }
    }

    /// Where it listens.
    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Takes no more connections and lets those that are open end, no longer than
    /// to the deadline.
    pub(super) async fn stop(mut self, deadline: Instant) {
        // It may have ended already.
        let _ = self.stop_accepting.send(());
        let ended = tokio::time::timeout_at(deadline.into(), &mut self.serving).await;
        if ended.is_err() {
            self.serving.abort();
        }
    }
}

async fn serve(listener: TcpListener, site: Arc<Site>, stopped: oneshot::Receiver<()>) {
    let mut open = JoinSet::new();
    let mut stopped = pin!(stopped);
    {
        let mut connections = pin!(connections::incoming(listener, CONNECTIONS));
        loop {
            tokio::select! {
                // Dropping the sender means the same.
                _ = &mut stopped => break,
                Some(Ok(connection)) = connections.next() => {
                    open.spawn(answer(connection, Arc::clone(&site)));
                }
                Some(_) = open.join_next() => {}
            }
        }
    }
    while open.join_next().await.is_some() {}
}

/// Answers the one request of a connection.
async fn answer(connection: Connection, site: Arc<Site>) {
    let service = service_fn(|request| {
        let site = Arc::clone(&site);
        async move { Ok::<_, Infallible>(site.respond(&request).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(TIME_TO_ASK)
        .keep_alive(false)
        .max_headers(HEADERS)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(connection), service);
    match tokio::time::timeout(TIME_TO_ANSWER, serving).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection of the HTTP side failed"),
        Err(_) => tracing::debug!("a connection of the HTTP side took too long and is cut off"),
    }
}

/// What the HTTP side answers from.
struct Site {
    node: Node,
    metrics: Arc<Metrics>,
    /// One scrape at a time: with many cases it is work.
    scraping: Arc<Semaphore>,
}

impl Site {
    async fn respond<B>(&self, request: &Request<B>) -> Answer {
        let path = request.uri().path();
        if !matches!(path, "/metrics" | "/healthz" | "/readyz") {
            return told(
                StatusCode::NOT_FOUND,
                "not found: /metrics, /healthz and /readyz are\n",
            );
        }
        // To HEAD, the transport sends the headers alone.
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut answer = told(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            let allowed = HeaderValue::from_static("GET, HEAD");
            answer.headers_mut().insert(ALLOW, allowed);
            return answer;
        }
        match path {
            "/healthz" => told(StatusCode::OK, "up\n"),
            "/readyz" if self.node.is_closing() => {
                told(StatusCode::SERVICE_UNAVAILABLE, "draining\n")
            }
            "/readyz" => told(StatusCode::OK, "serving\n"),
            _ => {
                let accept = request.headers().get_all(ACCEPT).iter();
                let accept = accept.filter_map(|value| value.to_str().ok());
                self.scrape(Format::accepted(accept)).await
            }
        }
    }

    async fn scrape(&self, format: Format) -> Answer {
        let metrics = Arc::clone(&self.metrics);
        // Never closed; and whoever leaves in between leaves the turn to the work.
        let turn = Arc::clone(&self.scraping).acquire_owned().await;
        let scraped = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            metrics.scrape(format)
        });
        match scraped.await {
            Ok(Ok(text)) => {
                let content_type = HeaderValue::from_static(format.content_type());
                answered(StatusCode::OK, content_type, text.into())
            }
            failed => {
                tracing::error!(?failed, "the metrics cannot be written");
                told(StatusCode::INTERNAL_SERVER_ERROR, "the log says why\n")
            }
        }
    }
}

fn told(status: StatusCode, text: &'static str) -> Answer {
    answered(status, TEXT, Bytes::from_static(text.as_bytes()))
}

fn answered(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
