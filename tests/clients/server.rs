//! The real binary on a port of its own, with a data directory of its own.

use std::{ffi::OsStr, process::Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStderr, Command},
    sync::oneshot,
    time::timeout,
};

use crate::DEADLINE;

/// What the log line holds that tells the address.
const SERVING: &str = "serving addr=";

/// A running server. It is killed when a test fails before [`Server::stop`].
pub struct Server {
    child: Child,
    address: String,
    _data: TempDir,
}

impl Server {
    /// Starts it with these further flags and waits until it serves.
    pub async fn start(flags: &[&str]) -> Server {
        let data = TempDir::new().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_livecheck"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data.path())
            .args(flags)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        for (name, _) in std::env::vars_os() {
            if is_setting(&name) {
                command.env_remove(name);
            }
        }
        let mut child = command.spawn().unwrap();

        let (serving, address) = oneshot::channel();
        tokio::spawn(follow(child.stderr.take().unwrap(), serving));
        let address = timeout(DEADLINE, address).await;
        let address = address.expect("the server serves in time");
        Server {
            child,
            address: address.expect("the server did not end at once"),
            _data: data,
        }
    }

    /// Address and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The address as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops it as an operator does, and sees that it ends well.
    pub async fn stop(mut self) {
        let pid = self.child.id().expect("the server is still running");
        let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let ended = timeout(DEADLINE, self.child.wait()).await;
        let status = ended.expect("the server ends in time").unwrap();
        assert_eq!(status.code(), Some(0), "{status}");
    }
}

/// Whether the variable of the environment would set something of the server.
fn is_setting(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with("LIVECHECK_")
}

/// Shows the log beside the test's own output, to its end, and tells the address.
async fn follow(stderr: ChildStderr, serving: oneshot::Sender<String>) {
    let mut serving = Some(serving);
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        eprintln!("server: {line}");
        if let Some((_, rest)) = line.split_once(SERVING)
            && let Some(address) = rest.split_whitespace().next()
            && let Some(serving) = serving.take()
        {
            // The test may have given up waiting.
            let _ = serving.send(address.to_owned());
        }
    }
}
