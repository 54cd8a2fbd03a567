//! `buf curl`, told of the services by reflection or by the schemas.

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use prost::Message;
use serde_json::Value;
use tokio::process::Command;
use tonic_types::pb::{BadRequest, ErrorInfo};

use crate::{
    json_client::{Answer, JsonClient, documents, input},
    refusals::{self, Refusal},
    schemas,
    server::Server,
    tools::{self, Ran, run},
    tour,
};

/// Where buf knows the services from.
const REFLECTION: &[&str] = &[];
const SCHEMAS: &[&str] = &["--schema", schemas::DIRECTORY];

struct BufCurl<'a> {
    program: &'a Path,
    server: &'a Server,
    source: &'static [&'static str],
}

impl BufCurl<'_> {
    async fn run(&self, flags: &[&str], path: &str, input: &str) -> Ran {
        let mut command = Command::new(self.program);
        command
            .args(["curl", "--protocol", "grpc", "--http2-prior-knowledge"])
            .args(self.source)
            .args(flags)
            .arg(format!("{}{path}", self.server.url()));
        run(command, input).await
    }
}

impl JsonClient for BufCurl<'_> {
    async fn call(&self, method: &str, headers: &[(String, String)], requests: &[Value]) -> Answer {
        let mut flags = vec!["-v", "-d", "@-"];
        let headers: Vec<String> = headers.iter().map(|(n, v)| format!("{n}: {v}")).collect();
        for header in &headers {
            flags.extend(["-H", header]);
        }
        let path = format!("/livecheck.v1.{method}");
        let ran = self.run(&flags, &path, &input(requests)).await.ok();

        let received = ran.err.lines().filter_map(|line| {
            let (_, header) = line.strip_prefix("buf: < (#")?.split_once(") ")?;
            header.split_once(": ")
        });
        Answer {
            headers: received
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect(),
            messages: documents(&ran.out),
        }
    }

    async fn refused(&self, method: &str, request: &Value) -> Refusal {
        let path = format!("/livecheck.v1.{method}");
        let ran = self.run(&["-d", "@-"], &path, &request.to_string()).await;
        let error: Value = serde_json::from_str(&ran.err).unwrap();
        let details = error["details"].as_array().unwrap();
        let detail = |name| {
            let found = details.iter().find(move |detail| detail["type"] == name)?;
            Some(STANDARD_NO_PAD.decode(found["value"].as_str()?).unwrap())
        };
        let info = detail("google.rpc.ErrorInfo").unwrap();
        let info = ErrorInfo::decode(info.as_slice()).unwrap();
        let bad = detail("google.rpc.BadRequest").unwrap_or_default();
        let bad = BadRequest::decode(bad.as_slice()).unwrap();
        Refusal {
            // The number of the status, shifted past buf's own exit codes.
            code: ran.code.unwrap() >> 3,
            message: error["message"].as_str().unwrap().to_owned(),
            reason: info.reason,
            domain: info.domain,
            fields: bad.field_violations.into_iter().map(|v| v.field).collect(),
            retry: detail("google.rpc.RetryInfo").is_some(),
        }
    }
}

#[tokio::test]
async fn lists_the_methods_of_the_schemas() {
    let Some(program) = &tools::BUF.find() else {
        return;
    };
    let server = Server::start(&[]).await;
    let list = async |source| {
        let buf = BufCurl {
            program,
            server: &server,
            source,
        };
        let listed = buf.run(&["--list-methods"], "", "").await.ok().out;
        let methods = listed
            .lines()
            .filter(|name| name.starts_with("livecheck.v1."));
        methods.map(str::to_owned).collect::<Vec<_>>()
    };
    let methods = list(REFLECTION).await;
    assert_eq!(methods, list(SCHEMAS).await);
    for service in schemas::services() {
        let start = format!("{service}/");
        assert!(
            methods.iter().any(|name| name.starts_with(&start)),
            "{start}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn takes_the_tour() {
    let Some(program) = &tools::BUF.find() else {
        return;
    };
    for source in [REFLECTION, SCHEMAS] {
        let server = Server::start(&[]).await;
        tour::take(&BufCurl {
            program,
            server: &server,
            source,
        })
        .await;
        server.stop().await;
    }
}

#[tokio::test]
async fn shows_why_it_is_refused() {
    let Some(program) = &tools::BUF.find() else {
        return;
    };
    for source in [REFLECTION, SCHEMAS] {
        let server = Server::start(refusals::SERVER_FLAGS).await;
        refusals::try_all(&BufCurl {
            program,
            server: &server,
            source,
        })
        .await;
        server.stop().await;
    }
}
