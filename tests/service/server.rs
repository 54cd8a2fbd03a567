//! A server of the test's own process: on a port and a data directory of its
//! own, with clients of the public API.

use livecheck::{
    pb::v1::{
        case_service_client::CaseServiceClient, execution_service_client::ExecutionServiceClient,
        report_service_client::ReportServiceClient, signal_service_client::SignalServiceClient,
    },
    server::{self, RunningServer},
    settings::ServeSettings,
};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::transport::{Channel, Endpoint};

/// A running server; ended with [`Server::stop`].
pub struct Server {
    running: RunningServer,
    settings: ServeSettings,
    data: TempDir,
}

impl Server {
    /// A server with the default settings.
    pub async fn start() -> Server {
        Server::with(|_| {}).await
    }

    /// A server with some settings changed.
    pub async fn with(change: impl FnOnce(&mut ServeSettings)) -> Server {
        let mut data = TempDir::new().unwrap();
        // A failed test leaves threads behind that still use it.
        data.disable_cleanup(true);
        let mut settings = ServeSettings {
            data_dir: data.path().to_owned(),
            ..ServeSettings::default()
        };
        change(&mut settings);
        Server::open(settings, data).await
    }

    async fn open(settings: ServeSettings, data: TempDir) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let running = server::start(&settings, listener).await.unwrap();
        Server {
            running,
            settings,
            data,
        }
    }

    /// The way to it, without a connection yet.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::from_shared(format!("http://{}", self.running.addr())).unwrap()
    }

    /// Clients on a connection of their own.
    pub fn clients(&self) -> Clients {
        Clients::over(self.endpoint().connect_lazy())
    }

    /// Stops it and starts another one over the same data.
    pub async fn restart(self) -> Server {
        self.running.stop().await.unwrap();
        Server::open(self.settings, self.data).await
    }

    /// Drains it and ends it.
    pub async fn stop(mut self) {
        self.running.stop().await.unwrap();
        self.data.disable_cleanup(false);
    }
}

/// Clients of the four services.
#[derive(Clone)]
pub struct Clients {
    pub channel: Channel,
    pub cases: CaseServiceClient<Channel>,
    pub executions: ExecutionServiceClient<Channel>,
    pub reports: ReportServiceClient<Channel>,
    pub signals: SignalServiceClient<Channel>,
}

impl Clients {
    /// Clients over a channel.
    pub fn over(channel: Channel) -> Clients {
        Clients {
            cases: CaseServiceClient::new(channel.clone()),
            executions: ExecutionServiceClient::new(channel.clone()),
            reports: ReportServiceClient::new(channel.clone()),
            signals: SignalServiceClient::new(channel.clone()),
            channel,
        }
    }
}
