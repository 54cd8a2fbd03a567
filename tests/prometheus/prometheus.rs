//! A real Prometheus with the rules that are shipped.

use std::{net::SocketAddr, path::Path, process::Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStderr, Command},
    sync::oneshot,
    time::{Instant, sleep},
};

use crate::{DEADLINE, get::get, tools::ops};

/// How often it scrapes and evaluates, and how often it is asked.
const EVERY_MS: u64 = 200;

/// A Prometheus that runs; killed when it is dropped.
pub struct Prometheus {
    _child: Child,
    addr: SocketAddr,
    _data: TempDir,
}

impl Prometheus {
    /// One that scrapes an address, as the example configuration says but for the
    /// address and the pace.
    pub async fn start(program: &Path, target: SocketAddr) -> Prometheus {
        let data = TempDir::new().unwrap();
        let example = std::fs::read_to_string(ops().join("prometheus/prometheus.yml")).unwrap();
        let rules = ops().join("prometheus/alerts.yml");
        let every = format!("{EVERY_MS}ms");
        let config = example
            .replace("127.0.0.1:9464\"]", &format!("{target}\"]"))
            .replace("- alerts.yml", &format!("- {}", rules.display()))
            .replace(": 15s", &format!(": {every}"));
        assert!(config.contains(&target.to_string()) && config.contains(&every));
        let file = data.path().join("prometheus.yml");
        std::fs::write(&file, config).unwrap();

        let mut child = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                data.path().join("tsdb").display()
            ))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (ready, addr) = oneshot::channel();
        tokio::spawn(follow(child.stderr.take().unwrap(), ready));
        let addr = tokio::time::timeout(DEADLINE, addr).await;
        let addr = addr.expect("Prometheus is ready in time");
        Prometheus {
            _child: child,
            addr: addr.expect("Prometheus did not end at once"),
            _data: data,
        }
    }

    /// The data of an answer of its API.
    pub async fn api(&self, path: &str) -> Value {
        let answer: Value = serde_json::from_str(&get(self.addr, path).await).unwrap();
        assert_eq!(answer["status"], "success", "{answer}");
        answer["data"].clone()
    }

    /// The samples of a query: labels and value.
    pub async fn query(&self, query: &str) -> Vec<(Value, String)> {
        let encoded =
            percent_encoding::utf8_percent_encode(query, percent_encoding::NON_ALPHANUMERIC);
        let data = self.api(&format!("/api/v1/query?query={encoded}")).await;
        let samples = data["result"].as_array().unwrap().iter();
        let sample = |one: &Value| {
            let value = one["value"][1].as_str().unwrap().to_owned();
            (one["metric"].clone(), value)
        };
        samples.map(sample).collect()
    }

    /// Waits until a query has an answer, for the next scrape to bring it.
    pub async fn until(&self, query: &str) -> Vec<(Value, String)> {
        self.until_is(query, |samples| !samples.is_empty()).await
    }

    /// Waits until the answer to a query is as wanted.
    pub async fn until_is(
        &self,
        query: &str,
        wanted: impl Fn(&[(Value, String)]) -> bool,
    ) -> Vec<(Value, String)> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let samples = self.query(query).await;
            if wanted(&samples) {
                return samples;
            }
            assert!(Instant::now() < deadline, "{query} stays {samples:?}");
            sleep(std::time::Duration::from_millis(EVERY_MS)).await;
        }
    }
}

/// Shows the log beside the test's own output, to its end, and tells the address
/// once it answers there.
async fn follow(stderr: ChildStderr, ready: oneshot::Sender<SocketAddr>) {
    let mut ready = Some(ready);
    let mut addr = None;
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        eprintln!("prometheus: {line}");
        if let Some((_, rest)) = line.split_once("msg=\"Listening on\" address=") {
            let told = rest.split_whitespace().next();
            addr = told.and_then(|told| told.parse().ok());
        }
        if line.contains("Server is ready")
            && let Some(ready) = ready.take()
        {
            // The test may have given up waiting.
            let _ = addr.map(|addr| ready.send(addr));
        }
    }
}
