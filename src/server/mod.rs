//! The server: a node behind its gRPC services, with the limits of a server
//! that strangers can reach.
//!
//! [`start`] takes a listener and gives a running server; the binary only reads
//! settings, binds and waits for a signal.

mod connections;
mod http;
mod reflection;
mod storage;

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tonic::transport::Server;
use tonic_health::{ServingStatus, server::HealthReporter};
use tower::util::{MapResponseLayer, option_layer};

use crate::{
    clock::SystemClock,
    headers::TestHeadersLayer,
    node::{Node, NodeOptions, Opened},
    notify, probe, services,
    settings::ServeSettings,
    telemetry::{Tracing, TracingError},
};

pub use storage::StorageError;

use http::HttpSide;

/// How far a client may send ahead on one stream, in bytes.
const STREAM_WINDOW: u32 = 1 << 20;
/// How far a client may send ahead on one connection, in bytes.
const CONNECTION_WINDOW: u32 = 4 << 20;

/// How much of the grace period is kept, at most, for putting away what the
/// calls have left: a quarter of it if that is less.
const CLOSING: Duration = Duration::from_secs(2);

/// Why a server does not come up, or does not go down as it should.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The data directory.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The node.
    #[error(transparent)]
    Open(#[from] crate::node::OpenError),
    /// The export of spans.
    #[error(transparent)]
    Tracing(#[from] TracingError),
    /// The listener.
    #[error("the listener has no address: {0}")]
    Listener(std::io::Error),
    /// The listener of the HTTP side.
    #[error(
        "cannot listen on {addr} for HTTP: {source}; choose another address with --http-listen"
    )]
    HttpListener {
        /// Where it was to listen.
        addr: SocketAddr,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// The transport.
    #[error("serving failed: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// The reflection service.
    #[error("the descriptors cannot be served: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// A task of the server.
    #[error("the server ended unexpectedly: {0}")]
    Task(#[from] tokio::task::JoinError),
    /// The node gave up.
    #[error("the server went down because its journal failed; the log says why")]
    Failed,
}

/// A server that is up.
pub struct RunningServer {
    addr: SocketAddr,
    http: Option<HttpSide>,
    node: Node,
    opened: Opened,
    health: HealthReporter,
    stop_accepting: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
    probing: JoinHandle<()>,
    notifier: JoinHandle<()>,
    drain_grace: Duration,
    tracing: Option<Tracing>,
}

/// How a server works beside its settings.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    /// How webhooks are told.
    pub notify: notify::Options,
}

/// Starts a server on a listener; resolves when it serves.
pub async fn start(
    settings: &ServeSettings,
    listener: TcpListener,
) -> Result<RunningServer, ServerError> {
    start_with(settings, ServerOptions::default(), listener).await
}

/// [`start`] with other options than the usual ones.
pub async fn start_with(
    settings: &ServeSettings,
    options: ServerOptions,
    listener: TcpListener,
) -> Result<RunningServer, ServerError> {
    let ServerOptions { notify } = options;
    let clock = Arc::new(SystemClock);
    let addr = listener.local_addr().map_err(ServerError::Listener)?;
    let http = http::bind(settings.http_listen).await?;
    let (journal, archive) = storage::open(settings, clock.clone()).await?;
    let opened = Node::open(journal, archive, clock.clone(), node_options(settings)).await?;
    let node = opened.node.clone();
    let tracing = Tracing::start(settings, clock.clone(), &node).await?;

    let health = HealthReporter::new();
    for service in reflection::SERVICES {
        health
            .set_service_status(service, ServingStatus::Serving)
            .await;
    }
    let (v1, v1alpha) = reflection::services()?;
    let max_message = usize::try_from(settings.max_message_bytes.bytes()).unwrap_or(usize::MAX);
    let mut routes = tonic::service::RoutesBuilder::from(services::routes(&node, max_message));
    routes
        .add_service(tonic_health::pb::health_server::HealthServer::new(
            tonic_health::server::HealthService::from_health_reporter(health.clone()),
        ))
        .add_service(v1)
        .add_service(v1alpha);

    let keepalive = Some(settings.http2_keepalive_interval).filter(|every| !every.is_zero());
    let header_list = u32::try_from(settings.max_header_list_bytes.bytes()).unwrap_or(u32::MAX);
    let (stop_accepting, stopped) = oneshot::channel::<()>();
    let serving = Server::builder()
        .tcp_nodelay(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(settings.max_concurrent_streams)
        .http2_keepalive_interval(keepalive)
        .http2_keepalive_timeout(Some(settings.http2_keepalive_timeout))
        .http2_max_header_list_size(header_list)
        .http2_max_pending_accept_reset_streams(Some(settings.max_pending_reset_streams))
        .http2_max_local_error_reset_streams(Some(settings.max_error_reset_streams))
        .layer(option_layer(tracing.as_ref().map(Tracing::layer)))
        .layer(MapResponseLayer::new(services::unread_response))
        .layer(TestHeadersLayer::new(clock))
        .add_routes(routes.routes())
        .serve_with_incoming_shutdown(
            connections::incoming(listener, settings.max_connections),
            async {
                // Dropping the sender means the same.
                let _ = stopped.await;
            },
        );
    let probing = probe::start(node.clone());
    let http = http.map(|(listener, addr)| HttpSide::start(listener, addr, node.clone()));
    let http_addr = http
        .as_ref()
        .map(|http| tracing::field::display(http.addr()));
    // A part of the grace period is enough for what is told while it begins.
    let notify = notify::Options {
        ending: notify.ending.min(settings.drain_grace / 4),
        ..notify
    };
    let notifier = tokio::spawn(notify::run(node.clone(), notify));
    tracing::info!(%addr, http_addr, data_dir = %settings.data_dir.display(), "serving");
    Ok(RunningServer {
        addr,
        http,
        node,
        opened,
        health,
        stop_accepting,
        serving: tokio::spawn(serving),
        probing,
        notifier,
        drain_grace: settings.drain_grace,
        tracing,
    })
}

impl RunningServer {
    /// Address on which it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Address of the HTTP side, if there is one.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.http.as_ref().map(HttpSide::addr)
    }

    /// Resolves when the node has failed and the server has to go down.
    pub async fn failed(&self) {
        self.node.closing().await;
    }

    /// Drains and stops, within the grace period: health says NOT_SERVING, streams
    /// end with their tokens, calls may end, what is queued is made durable.
    pub async fn stop(mut self) -> Result<(), ServerError> {
        tracing::info!(grace = ?self.drain_grace, "draining");
        for service in reflection::SERVICES {
            self.health
                .set_service_status(service, ServingStatus::NotServing)
                .await;
        }
        self.node.end_waits();
        // A transport that has ended already does not listen.
        let _ = self.stop_accepting.send(());
        // Calls that watch the health have been told, and end with this.
        for service in reflection::SERVICES {
            self.health.clear_service_status(service).await;
        }
        let deadline = Instant::now() + self.drain_grace;
        let for_calls = self.drain_grace - CLOSING.min(self.drain_grace / 4);
        let served = match tokio::time::timeout(for_calls, &mut self.serving).await {
            Ok(served) => served?,
            Err(_) => {
                tracing::warn!("calls did not end within the grace period and are cut off");
                self.serving.abort();
                Ok(())
            }
        };
        // What it still has to say must reach the journal.
        if tokio::time::timeout_at(deadline.into(), &mut self.probing)
            .await
            .is_err()
        {
            tracing::warn!("probes did not end within the grace period");
        }
        // It tells to the end of the calls that the server drains.
        if let Some(http) = self.http {
            http.stop(deadline).await;
        }
        // It began to end when the waits did, and what it told is to be recorded.
        if let Err(error) = self.notifier.await {
            tracing::error!(%error, "the task that tells webhooks ended unexpectedly");
        }
        let opened = self.opened;
        let closing = tokio::task::spawn_blocking(move || opened.close(deadline));
        match tokio::time::timeout_at(deadline.into(), closing).await {
            Ok(closed) => closed?,
            // What was acknowledged is durable; the rest is as after a crash.
            Err(_) => tracing::warn!("the grace period is over before everything is put away"),
        }
        if let Some(tracing) = self.tracing {
            tracing.stop(deadline).await;
        }
        tracing::info!("stopped");
        Ok(served?)
    }
}

/// Runs a server until `shutdown` resolves or its journal fails.
pub async fn run(
    settings: &ServeSettings,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServerError> {
    let server = start(settings, listener).await?;
    let failed = tokio::select! {
        () = shutdown => false,
        () = server.failed() => true,
    };
    server.stop().await?;
    match failed {
        true => Err(ServerError::Failed),
        false => Ok(()),
    }
}

fn node_options(settings: &ServeSettings) -> NodeOptions {
    NodeOptions {
        max_live_executions: settings.max_live_executions,
        max_state_bytes: settings.max_state_bytes.as_usize(),
        max_cases: settings.max_cases,
        max_waiters: settings.max_waiters,
        archive_backlog_bytes: settings.archive_backlog_bytes.bytes(),
        retention_age: Some(settings.retention_age).filter(|age| !age.is_zero()),
        retention_size: Some(settings.retention_size.bytes()).filter(|&size| size > 0),
        webhooks: Arc::clone(settings.webhooks.declared()),
        ..NodeOptions::default()
    }
}
