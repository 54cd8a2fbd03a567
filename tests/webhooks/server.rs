//! The server: in the test's own process, with short pauses between attempts.

use std::{path::Path, time::Duration};

use http::HeaderMap;
use livecheck::{
    model::{Secret, Webhook, WebhookFormat},
    notify,
    server::{self, RunningServer, ServerOptions},
    settings::{ServeSettings, Webhooks},
};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::{receiver::KEY, swings::Clients};

/// A webhook that is told of every case, as CloudEvents, and signs.
pub fn webhook(name: &str, url: String) -> Webhook {
    Webhook {
        name: name.to_owned(),
        url: Secret::new(url.parse().unwrap()),
        format: WebhookFormat::CloudEvents,
        every_case: true,
        reports: false,
        key: Some(Secret::new(KEY.to_vec())),
        headers: Secret::new(HeaderMap::new()),
        max_attempts: 1000,
        timeout: Duration::from_millis(500),
    }
}

/// Starts a server over a directory.
pub async fn start(data: &Path, webhooks: Vec<Webhook>) -> RunningServer {
    let settings = ServeSettings {
        data_dir: data.to_owned(),
        webhooks: Webhooks::new(webhooks),
        ..ServeSettings::default()
    };
    let options = ServerOptions {
        notify: notify::Options {
            first_pause: Duration::from_millis(5),
            longest_pause: Duration::from_millis(40),
            ..notify::Options::default()
        },
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let running = server::start_with(&settings, options, listener).await;
    running.unwrap()
}

/// A running server with its data; ended with [`Server::stop`].
pub struct Server {
    running: RunningServer,
    data: TempDir,
}

impl Server {
    pub async fn start(webhooks: Vec<Webhook>) -> Server {
        let mut data = TempDir::new().unwrap();
        // A failed test leaves threads behind that still use it.
        data.disable_cleanup(true);
        let running = start(data.path(), webhooks).await;
        Server { running, data }
    }

    pub async fn clients(&self) -> Clients {
        Clients::connect(&self.running.addr().to_string()).await
    }

    /// Stops it and starts another one over the same data.
    pub async fn restart(self, webhooks: Vec<Webhook>) -> Server {
        self.running.stop().await.unwrap();
        let running = start(self.data.path(), webhooks).await;
        Server {
            running,
            data: self.data,
        }
    }

    pub async fn stop(mut self) {
        self.running.stop().await.unwrap();
        self.data.disable_cleanup(false);
    }
}
