//! Python's grpcio with stubs generated from the schemas.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::{
    refusals::{self, Refusal},
    schemas,
    server::Server,
    tools::{self, run},
};

/// Directory of the scripts.
pub const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/python");

/// A command that runs Python and leaves nothing behind among the sources.
pub fn command(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

struct Python<'a> {
    program: &'a Path,
    stubs: TempDir,
}

impl Python<'_> {
    /// Generates the stubs.
    async fn new(program: &Path) -> Python<'_> {
        let stubs = TempDir::new().unwrap();
        let mut protoc = command(program);
        protoc
            .args([
                "-m",
                "grpc_tools.protoc",
                "--proto_path",
                schemas::DIRECTORY,
            ])
            .arg("--python_out")
            .arg(stubs.path())
            .arg("--grpc_python_out")
            .arg(stubs.path())
            .args(schemas::files());
        run(protoc, "").await.ok();
        Python { program, stubs }
    }

    /// Runs a script against the server; what it saw.
    async fn run(&self, script: &str, server: &Server, input: &Value) -> Value {
        let mut python = command(self.program);
        python
            .arg(format!("{SCRIPTS}/{script}"))
            .arg(server.address())
            .arg(self.stubs.path());
        run(python, &input.to_string()).await.json()
    }
}

fn case() -> Value {
    json!({
        "name": "orders",
        "signals": [{"name": "sent", "timeout": "300s"}, {"name": "executed", "timeout": "300s"}],
    })
}

/// Python, and a server that knows the case. None when it is to be skipped.
async fn see(script: &str) -> Option<Value> {
    let program = tools::PYTHON.find()?;
    let python = Python::new(&program).await;
    let server = Server::start(&[]).await;
    let apply = json!([["CaseService/ApplyCase", {"case": case()}]]);
    let applied = python.run("calls.py", &server, &apply).await;
    assert_eq!(applied, json!([null]));
    let seen = python.run(script, &server, &Value::Null).await;
    server.stop().await;
    Some(seen)
}

/// Sees that a script saw this, if there is a Python to run it.
async fn sees(script: &str, expected: Value) {
    if let Some(seen) = see(script).await {
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn passes_a_test_on_in_metadata() {
    let expected = json!({
        "sampled": true,
        "headers": [
            "livecheck-test-expires",
            "livecheck-test-id",
            "livecheck-test-name",
            "livecheck-test-timestamp",
        ],
        "outcomes": ["SIGNAL_OUTCOME_ACCEPTED", "SIGNAL_OUTCOME_ACCEPTED"],
        "state": "STATE_PASS",
        "kwargs": {"side": "buy", "amount": 3.0},
        "latencies": ["executed", "sent"],
    });
    sees("submit.py", expected).await;
}

#[tokio::test]
async fn streams_signals_and_reads_what_is_acknowledged() {
    let expected = json!({
        "acks_rise": true,
        "last_ack": 1000,
        "rejections": [
            [10, 5, "CASE_NOT_FOUND"],
            [500, 3, "INVALID_FIELDS"],
            [1000, 3, "INVALID_FIELDS"],
        ],
        "rejected_after_ack": [],
        "again": "SIGNAL_OUTCOME_DUPLICATE",
    });
    sees("stream.py", expected).await;
}

#[tokio::test]
async fn waits_for_signals() {
    let expected = json!({
        "value": 17.0,
        "outcome": "SIGNAL_OUTCOME_EARLY",
        "missed": "WAIT_TIMED_OUT",
    });
    sees("wait.py", expected).await;
}

#[tokio::test]
async fn resumes_a_watch_with_neither_gap_nor_repeat() {
    let expected = json!({
        "begins_with_a_checkpoint": true,
        "before": ["watched-1"],
        "after": ["watched-2", "watched-3"],
    });
    sees("watch.py", expected).await;
}

#[tokio::test]
async fn reads_why_it_is_refused() {
    let Some(program) = tools::PYTHON.find() else {
        return;
    };
    let python = Python::new(&program).await;
    let server = Server::start(refusals::SERVER_FLAGS).await;
    let (preparation, table) = (refusals::preparation(), refusals::table());
    let refused = table.iter().map(|call| json!([call.method, call.request]));
    let calls: Vec<Value> = preparation
        .iter()
        .map(|(method, request)| json!([method, request]))
        .chain(refused)
        .collect();
    let told = python.run("calls.py", &server, &json!(calls)).await;
    let told: Vec<Option<Refusal>> = serde_json::from_value(told).unwrap();
    assert_eq!(told.len(), calls.len());
    let (prepared, told) = told.split_at(preparation.len());
    assert!(prepared.iter().all(Option::is_none), "{prepared:?}");
    for (call, told) in table.iter().zip(told) {
        let told = told.as_ref();
        call.check(told.unwrap_or_else(|| panic!("{} was not refused", call.method)));
    }
    server.stop().await;
}
