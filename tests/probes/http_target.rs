//! An HTTP server whose every answer is the test's.

use std::{convert::Infallible, net::SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use livecheck::headers::{CurrentTest, read_headers};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::{JoinHandle, JoinSet},
    time::timeout,
};

use crate::livecheck::LONG;

/// A request that waits for its answer.
pub struct Call {
    pub request: Request<Bytes>,
    answer: oneshot::Sender<StatusCode>,
}

impl Call {
    pub fn headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    /// Value of a header that came once; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        let mut values = self.headers().get_all(name).iter();
        let value = values.next().map_or("", |value| value.to_str().unwrap());
        assert!(values.next().is_none(), "{name} came twice");
        value
    }

    /// The test whose headers it carries.
    pub fn test(&self) -> CurrentTest {
        read_headers(self.headers()).test().expect("it has a test")
    }

    pub fn answer(self, status: StatusCode) {
        self.answer.send(status).expect("it is waited for");
    }

    /// Waits until the client has gone without an answer.
    pub async fn given_up(mut self) {
        timeout(LONG, self.answer.closed()).await.unwrap();
    }
}

/// A server on a port of its own.
pub struct Target {
    addr: SocketAddr,
    calls: mpsc::UnboundedReceiver<Call>,
    serving: JoinHandle<()>,
}

impl Target {
    pub async fn start() -> Target {
        Target::on(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    async fn on(addr: SocketAddr) -> Target {
        let listener = TcpListener::bind(addr).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (tell, calls) = mpsc::unbounded_channel();
        Target {
            addr,
            calls,
            serving: tokio::spawn(serve(listener, tell)),
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// The next request.
    pub async fn call(&mut self) -> Call {
        let call = timeout(LONG, self.calls.recv()).await;
        call.expect("a request comes").expect("the server is up")
    }

    /// Whether a request waits for its answer.
    pub fn is_called(&self) -> bool {
        !self.calls.is_empty()
    }

    /// Kills it, with all its connections: where it was.
    pub async fn kill(self) -> Killed {
        self.serving.abort();
        assert!(self.serving.await.unwrap_err().is_cancelled());
        Killed(self.addr)
    }
}

/// Where a killed server was.
pub struct Killed(SocketAddr);

impl Killed {
    pub async fn start(self) -> Target {
        Target::on(self.0).await
    }
}

async fn serve(listener: TcpListener, tell: mpsc::UnboundedSender<Call>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let tell = tell.clone();
        let service = service_fn(move |request| respond(request, tell.clone()));
        connections.spawn(async move {
            // A client that goes is an error here.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn respond(
    request: Request<Incoming>,
    tell: mpsc::UnboundedSender<Call>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let request = Request::from_parts(parts, body);
    let (answer, answered) = oneshot::channel();
    let mut response = Response::new(Full::new(Bytes::from_static(b"an answer")));
    let told = tell.send(Call { request, answer });
    *response.status_mut() = match (told, answered.await) {
        (Ok(()), Ok(status)) => status,
        // The test has ended.
        _ => StatusCode::GONE,
    };
    Ok(response)
}
