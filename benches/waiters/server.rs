//! The real server, in a process of its own.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread,
};

use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

use crate::Any;

/// A server that ends with this value, and its directory with it.
pub struct Server {
    process: Child,
    endpoint: Endpoint,
    _data: TempDir,
}

impl Server {
    /// Starts it with these flags beside the default settings.
    pub fn start(flags: &[String]) -> Result<Server, Any> {
        let data = tempfile::tempdir()?;
        let mut process = Command::new(env!("CARGO_BIN_EXE_livecheck"))
            .args(["serve", "--listen=127.0.0.1:0", "--data-dir"])
            .arg(data.path())
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()?;
        let log = process.stderr.take().ok_or("no log")?;
        let mut log = BufReader::new(log).lines();
        let address = loop {
            let line = log.next().ok_or("the server ended")??;
            if let Some((_, rest)) = line.split_once("serving addr=") {
                let address = rest.split_whitespace().next();
                break address.unwrap_or_default().to_owned();
            }
        };
        // A pipe that is full would hold the server up.
        thread::spawn(move || log.for_each(drop));
        Ok(Server {
            process,
            endpoint: Endpoint::from_shared(format!("http://{address}"))?,
            _data: data,
        })
    }

    /// A connection of its own.
    pub async fn connect(&self) -> Result<Channel, tonic::transport::Error> {
        self.endpoint.connect().await
    }

    /// What the system shows of its process under this name.
    pub fn shown(&self, name: &str) -> Result<String, Any> {
        let path = format!("/proc/{}/{name}", self.process.id());
        Ok(fs::read_to_string(path)?)
    }

    /// What it has in memory, in MiB.
    pub fn resident(&self) -> Result<f64, Any> {
        let status = self.shown("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kib: f64 = kib.ok_or("no VmRSS")?.parse()?;
        Ok(kib / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended already is no loss.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
