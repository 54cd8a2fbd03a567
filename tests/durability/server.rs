//! The real binary on a data directory that outlives it.

use std::{
    path::Path,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::oneshot,
    time::timeout,
};

use crate::{DEADLINE, clients::Clients};

/// What the log line holds that tells the address.
const SERVING: &str = "serving addr=";

/// A running server; killed when it is dropped.
pub struct Server {
    child: Child,
    address: String,
    /// From the start of the process until it served.
    pub start: Duration,
}

impl Server {
    /// Starts it and waits until it serves.
    pub async fn start(data: &Path) -> Server {
        Server::start_with(data, &[]).await
    }

    /// Starts it with these further flags.
    pub async fn start_with(data: &Path, flags: &[&str]) -> Server {
        let began = Instant::now();
        let mut child = command(data, flags).spawn().unwrap();
        let (serving, address) = oneshot::channel();
        let log = BufReader::new(child.stderr.take().unwrap());
        tokio::spawn(async move {
            let (mut lines, mut serving) = (log.lines(), Some(serving));
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
        });
        let address = timeout(DEADLINE, address).await;
        let address = address.expect("the server serves in time");
        Server {
            child,
            address: address.expect("the server did not end at once"),
            start: began.elapsed(),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub async fn clients(&self) -> Clients {
        Clients::connect(self.url()).await
    }

    pub fn pid(&self) -> Pid {
        let pid = self.child.id().expect("the server is still running");
        Pid::from_raw(pid.try_into().unwrap()).unwrap()
    }

    /// Ends it with kill -9.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        kill_process(self.pid(), Signal::TERM).unwrap();
    }

    /// Waits until it has ended.
    pub async fn ended(mut self) -> ExitStatus {
        let ended = timeout(DEADLINE, self.child.wait()).await;
        ended.expect("the server ends in time").unwrap()
    }

    /// Stops it as an operator does, and sees that it ends well.
    pub async fn stop(self) {
        self.terminate();
        let status = self.ended().await;
        assert_eq!(status.code(), Some(0), "{status}");
    }

    /// Lets no file grow beyond these bytes, nor be written behind them: writes
    /// fail as on a full disk. None: as far as there is space.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let limit = Rlimit {
            current: bytes,
            maximum: None,
        };
        prlimit(Some(self.pid()), Resource::Fsize, limit).unwrap();
    }
}

/// Starts a server that has to refuse: its exit code and what it says.
pub async fn refused(data: &Path) -> (Option<i32>, String) {
    let output = command(data, &[]).output();
    let output = timeout(DEADLINE, output).await;
    let output = output.expect("the server refuses in time").unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), text)
}

fn command(data: &Path, flags: &[&str]) -> Command {
    // A write beyond the limit on files is to fail and not to end the process.
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_livecheck"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data)
        .args(flags)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LIVECHECK_") {
            command.env_remove(name);
        }
    }
    command
}
