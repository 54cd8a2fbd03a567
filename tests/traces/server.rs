//! Servers under test: one in the test's own process, and the binary.

use std::{path::Path, process::Stdio};

use livecheck::{
    server::{self, RunningServer},
    settings::ServeSettings,
};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::{Child, ChildStderr, Command},
    time::timeout,
};

use crate::{DEADLINE, calls::Clients};

/// A running server; ended with [`Server::stop`].
pub struct Server {
    running: RunningServer,
    settings: ServeSettings,
    data: TempDir,
}

impl Server {
    /// A server that exports to a collector; none for an empty address.
    pub async fn start(collector: &str) -> Server {
        Server::with(collector, |_| {}).await
    }

    pub async fn with(collector: &str, change: impl FnOnce(&mut ServeSettings)) -> Server {
        let mut data = TempDir::new().unwrap();
        // A failed test leaves threads behind that still use it.
        data.disable_cleanup(true);
        let mut settings = ServeSettings {
            data_dir: data.path().to_owned(),
            otlp_endpoint: collector.parse().unwrap(),
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

    pub fn url(&self) -> String {
        format!("http://{}", self.running.addr())
    }

    pub fn clients(&self) -> Clients {
        Clients::of(&self.url())
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

/// The binary; killed when it is dropped.
pub struct Process {
    child: Child,
    pub clients: Clients,
    log: tokio::io::Lines<BufReader<ChildStderr>>,
}

impl Process {
    /// Starts it, with these flags and variables, and waits until it serves.
    pub async fn start(data: &Path, flags: &[&str], variables: &[(&str, &str)]) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_livecheck"));
        for (name, _) in std::env::vars_os() {
            let name_text = name.to_string_lossy();
            if name_text.starts_with("LIVECHECK_") || name_text.starts_with("OTEL_") {
                command.env_remove(name);
            }
        }
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data)
            .args(flags)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let serving = line_with(&mut log, "serving addr=").await;
        let (_, rest) = serving.split_once("serving addr=").unwrap();
        let address = rest.split_whitespace().next().unwrap();
        Process {
            clients: Clients::of(&format!("http://{address}")),
            child,
            log,
        }
    }

    /// The next line of the log that holds a text.
    pub async fn logs(&mut self, text: &str) -> String {
        line_with(&mut self.log, text).await
    }

    /// Ends it as an operator does, and sees that it ends well.
    pub async fn stop(mut self) {
        let pid = self.child.id().expect("it is still running");
        let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        // What it writes is read to the end.
        let log = async { while let Ok(Some(_)) = self.log.next_line().await {} };
        let (status, ()) = timeout(DEADLINE, async { tokio::join!(self.child.wait(), log) })
            .await
            .expect("the server ends in time");
        assert_eq!(status.unwrap().code(), Some(0));
    }
}

async fn line_with(log: &mut tokio::io::Lines<BufReader<ChildStderr>>, text: &str) -> String {
    let found = timeout(DEADLINE, async {
        loop {
            let line = log.next_line().await.unwrap();
            let line = line.expect("the server did not end");
            eprintln!("server: {line}");
            if line.contains(text) {
                return line;
            }
        }
    });
    found.await.expect("the line is written in time")
}
