//! Calls made of bytes: what no client of a generated library would send.

use http_body_util::{BodyExt, Full};
use tonic::{Code, Status, body::Body, transport::Channel};
use tower::ServiceExt;

/// Every RPC, and whether it answers with a stream.
pub const METHODS: [(&str, bool); 17] = [
    ("ExecutionService/SubmitExecution", false),
    ("ExecutionService/GetExecution", false),
    ("ExecutionService/ListExecutions", false),
    ("ExecutionService/CancelExecution", false),
    ("ExecutionService/WatchExecution", true),
    ("SignalService/SendSignal", false),
    ("SignalService/StreamSignals", false),
    ("SignalService/WaitSignal", false),
    ("SignalService/WatchSignals", true),
    ("ReportService/GetReport", false),
    ("ReportService/ListReports", false),
    ("ReportService/WatchReports", true),
    ("CaseService/ApplyCase", false),
    ("CaseService/GetCase", false),
    ("CaseService/ListCases", false),
    ("CaseService/DeleteCase", false),
    ("CaseService/WatchCases", true),
];

/// A message as it travels: not compressed, its length, itself.
pub fn frame(message: &[u8]) -> Vec<u8> {
    let len = u32::try_from(message.len()).unwrap();
    [&[0][..], &len.to_be_bytes(), message].concat()
}

/// A field of bytes with a number below 16.
pub fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    prost::encoding::encode_varint(content.len() as u64, &mut bytes);
    bytes.extend(content);
    bytes
}

/// Posts a body to a method; the status with which it ends. A stream of answers
/// is left as soon as it has begun.
pub async fn post(channel: &Channel, method: &str, body: Vec<u8>) -> Status {
    let request = http::Request::post(format!("/livecheck.v1.{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::new(Full::from(body)))
        .unwrap();
    let response = channel.clone().oneshot(request).await.unwrap();
    if let Some(status) = Status::from_header_map(response.headers()) {
        return status;
    }
    let streams = METHODS.contains(&(method, true));
    if streams {
        return Status::new(Code::Ok, "it streams");
    }
    let answer = response.into_body().collect().await.unwrap();
    Status::from_header_map(answer.trailers().unwrap()).unwrap()
}
