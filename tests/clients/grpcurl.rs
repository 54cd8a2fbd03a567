//! grpcurl, which knows nothing but what reflection tells it.

use std::path::PathBuf;

use serde_json::Value;
use tokio::process::Command;

use crate::{
    json_client::{Answer, JsonClient, input},
    refusals::{self, Refusal},
    schemas,
    server::Server,
    tools::{self, Ran, run},
    tour,
};

/// What grpcurl adds to the number of a status to make its exit code.
const STATUS: i32 = 64;

struct Grpcurl {
    program: PathBuf,
    server: Server,
}

impl Grpcurl {
    /// Runs it. The address stands between the flags and what is asked.
    async fn run(&self, flags: &[&str], asked: &[&str], input: &str) -> Ran {
        let mut command = Command::new(&self.program);
        command
            .arg("-plaintext")
            .args(flags)
            .arg(self.server.address())
            .args(asked);
        run(command, input).await
    }

    async fn describe(&self, symbol: &str) -> String {
        self.run(&[], &["describe", symbol], "").await.ok().out
    }
}

impl JsonClient for Grpcurl {
    async fn call(&self, method: &str, headers: &[(String, String)], requests: &[Value]) -> Answer {
        let method = format!("livecheck.v1.{method}");
        let mut flags = vec!["-v", "-d", "@"];
        let headers: Vec<String> = headers.iter().map(|(n, v)| format!("{n}: {v}")).collect();
        for header in &headers {
            flags.extend(["-H", header]);
        }
        let out = self
            .run(&flags, &[&method], &input(requests))
            .await
            .ok()
            .out;

        let (head, rest) = out.split_once("\nResponse contents:\n").unwrap();
        let (_, head) = head.split_once("Response headers received:\n").unwrap();
        let headers = head.lines().filter_map(|line| line.split_once(": "));
        let messages = rest.split("\nResponse contents:\n").map(|text| {
            let mut documents = serde_json::Deserializer::from_str(text).into_iter();
            documents.next().unwrap().unwrap()
        });
        Answer {
            headers: headers.map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
            messages: messages.collect(),
        }
    }

    /// Reads what a person reads.
    async fn refused(&self, method: &str, request: &Value) -> Refusal {
        let method = format!("livecheck.v1.{method}");
        let ran = self
            .run(&["-d", "@"], &[&method], &request.to_string())
            .await;
        let line = |start: &str| {
            let line = ran
                .err
                .lines()
                .find_map(|line| line.trim().strip_prefix(start));
            line.unwrap_or_else(|| panic!("no {start} in {}", ran.err))
                .to_owned()
        };
        let details = ran.err.lines().filter_map(|line| line.split_once(")\t"));
        let details: Vec<Value> = details
            .map(|(_, detail)| serde_json::from_str(detail).unwrap())
            .collect();
        let detail = |name| {
            let name = format!("type.googleapis.com/google.rpc.{name}");
            details.iter().find(move |detail| detail["@type"] == *name)
        };
        let info = detail("ErrorInfo").unwrap();
        let violations = detail("BadRequest").map(|detail| &detail["fieldViolations"]);
        let violations = violations.and_then(Value::as_array).into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap().to_owned();

        let code = tonic::Code::from_i32(ran.code.unwrap() - STATUS);
        assert_eq!(line("Code: "), format!("{code:?}"));
        Refusal {
            code: code as i32,
            message: line("Message: "),
            reason: text(&info["reason"]),
            domain: text(&info["domain"]),
            fields: violations
                .map(|violation| text(&violation["field"]))
                .collect(),
            retry: detail("RetryInfo").is_some(),
        }
    }
}

/// grpcurl and a server with these flags. None when it is to be skipped.
async fn start(flags: &[&str]) -> Option<Grpcurl> {
    let program = tools::GRPCURL.find()?;
    let server = Server::start(flags).await;
    Some(Grpcurl { program, server })
}

#[tokio::test]
async fn lists_every_service() {
    let Some(grpcurl) = start(&[]).await else {
        return;
    };
    let mut services = schemas::services();
    services.push("grpc.health.v1.Health".to_owned());
    services.sort();
    let out = grpcurl.run(&[], &["list"], "").await.ok().out;
    let mut listed: Vec<&str> = out.lines().collect();
    listed.retain(|service| !service.starts_with("grpc.reflection."));
    assert_eq!(listed, services);
    grpcurl.server.stop().await;
}

#[tokio::test]
async fn describes_everything_with_its_comments() {
    let Some(grpcurl) = start(&[]).await else {
        return;
    };
    let shown = ["SignalEvent", "TestReport", "Case", "ErrorReason"];
    let mut described = 0;
    for declaration in schemas::declarations() {
        if declaration.kind != "service" && !shown.contains(&declaration.name.as_str()) {
            continue;
        }
        let text = grpcurl
            .describe(&format!("livecheck.v1.{}", declaration.name))
            .await;
        let head = format!("{} {} {{", declaration.kind, declaration.name);
        assert!(text.lines().any(|line| line == head), "{head}: {text}");
        assert_eq!(schemas::comments(&text), declaration.comments, "{head}");
        described += 1;
    }
    assert_eq!(described, schemas::services().len() + shown.len());
    grpcurl.server.stop().await;
}

#[tokio::test]
async fn takes_the_tour() {
    let Some(grpcurl) = start(&[]).await else {
        return;
    };
    tour::take(&grpcurl).await;
    grpcurl.server.stop().await;
}

#[tokio::test]
async fn shows_why_it_is_refused() {
    let Some(grpcurl) = start(refusals::SERVER_FLAGS).await else {
        return;
    };
    refusals::try_all(&grpcurl).await;
    grpcurl.server.stop().await;
}
