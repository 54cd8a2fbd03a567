//! Calls that are refused, and what a client can read of why.

use serde::Deserialize;
use serde_json::{Value, json};
use tonic::Code;

use crate::json_client::JsonClient;

/// What a client reads of a status and its details.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Refusal {
    /// Number of the status code.
    pub code: i32,
    pub message: String,
    /// Reason and domain of `google.rpc.ErrorInfo`.
    pub reason: String,
    pub domain: String,
    /// Fields of `google.rpc.BadRequest`.
    pub fields: Vec<String>,
    /// Whether `google.rpc.RetryInfo` tells when to try again.
    pub retry: bool,
}

/// A call and its refusal.
pub struct Refused {
    pub method: &'static str,
    pub request: Value,
    code: Code,
    reason: &'static str,
    fields: &'static [&'static str],
}

impl Refused {
    /// Sees that a client read what it should.
    pub fn check(&self, read: &Refusal) {
        let Refusal {
            code,
            message,
            reason,
            domain,
            fields,
            retry,
        } = read;
        let told = (*code, reason.as_str(), domain.as_str());
        assert_eq!(
            told,
            (self.code as i32, self.reason, "livecheck"),
            "{read:?}"
        );
        assert_eq!(fields, self.fields, "{}", self.method);
        assert_eq!(*retry, self.code == Code::ResourceExhausted, "{read:?}");
        // The message alone already names every bad field.
        assert_ne!(message, "", "{}", self.method);
        for field in fields {
            assert!(message.contains(field), "{field}: {message}");
        }
    }
}

/// Flags of the server that refuses.
pub const SERVER_FLAGS: &[&str] = &["--max-live-executions", "1"];

/// What makes the calls below be refused as they are.
pub fn preparation() -> [(&'static str, Value); 2] {
    let case = json!({"name": "orders", "signals": [{"name": "sent", "timeout": "3600s"}]});
    let submitted = json!({"case_name": "orders", "id": "live", "sampling": "SAMPLING_ALWAYS"});
    [
        ("CaseService/ApplyCase", json!({"case": case})),
        ("ExecutionService/SubmitExecution", submitted),
    ]
}

/// The calls.
pub fn table() -> Vec<Refused> {
    let refused = |method, request, code, reason, fields| Refused {
        method,
        request,
        code,
        reason,
        fields,
    };
    let bad_case = json!({
        "probability": 2,
        "signals": [{"name": "a b", "timeout": "0s"}],
    });
    vec![
        refused(
            "CaseService/ApplyCase",
            json!({"case": bad_case}),
            Code::InvalidArgument,
            "INVALID_FIELDS",
            &[
                "case.name",
                "case.probability",
                "case.signals[0].name",
                "case.signals[0].timeout",
            ],
        ),
        refused(
            "ExecutionService/SubmitExecution",
            json!({"case_name": "unknown", "id": "a"}),
            Code::NotFound,
            "CASE_NOT_FOUND",
            &[],
        ),
        refused(
            "ExecutionService/SubmitExecution",
            json!({"case_name": "orders", "id": "live", "labels": {"run": "2"}}),
            Code::AlreadyExists,
            "EXECUTION_EXISTS",
            &[],
        ),
        refused(
            "ExecutionService/SubmitExecution",
            json!({"case_name": "orders", "id": "more", "sampling": "SAMPLING_ALWAYS"}),
            Code::ResourceExhausted,
            "TOO_MANY_EXECUTIONS",
            &[],
        ),
        refused(
            "ReportService/GetReport",
            json!({"case_name": "orders", "id": "live"}),
            Code::FailedPrecondition,
            "REPORT_NOT_READY",
            &[],
        ),
        refused(
            "ReportService/ListReports",
            json!({"page_token": "nonsense"}),
            Code::InvalidArgument,
            "INVALID_PAGE_TOKEN",
            &[],
        ),
        refused(
            "ReportService/WatchReports",
            json!({"resume_token": "nonsense"}),
            Code::InvalidArgument,
            "INVALID_RESUME_TOKEN",
            &[],
        ),
        refused(
            "SignalService/WaitSignal",
            json!({"case_name": "orders", "signal_name": "sent", "key": 1, "timeout": "0.001s"}),
            Code::DeadlineExceeded,
            "WAIT_TIMED_OUT",
            &[],
        ),
    ]
}

/// Lets a client make the calls and checks what it reads.
pub async fn try_all(client: &impl JsonClient) {
    for (method, request) in preparation() {
        client.call(method, &[], &[request]).await;
    }
    for refused in table() {
        let read = client.refused(refused.method, &refused.request).await;
        refused.check(&read);
    }
}
