//! Asks a gRPC server for the descriptors of a service: by reflection v1, or
//! v1alpha where that is not served.
//!
//! Whatever the server answers, it is asked a bounded number of times and what
//! is kept of it is bounded.

use std::collections::{HashSet, VecDeque};

use http::uri::PathAndQuery;
use prost::Message as _;
use prost_types::{FileDescriptorProto, FileDescriptorSet};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status, client::Grpc, transport::Channel};
use tonic_prost::ProstCodec;
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, ServerReflectionResponse, server_reflection_request::MessageRequest,
    server_reflection_response::MessageResponse,
};

use super::grpc::{ready, status_text};

/// Both versions have the same messages.
const VERSIONS: [&str; 2] = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];
/// Most files that a service may need.
const MAX_FILES: usize = 1000;
/// Most bytes of them together.
const MAX_BYTES: usize = 8 << 20;

/// The file that has a service, with everything that it imports.
pub(super) async fn descriptors(
    channel: &Channel,
    service: &str,
) -> Result<FileDescriptorSet, String> {
    for version in VERSIONS {
        match ask(channel.clone(), version, service).await {
            Err(status) if status.code() == Code::Unimplemented => {}
            Err(status) if status.code() == Code::NotFound => {
                return Err(format!("the target knows no service {service}"));
            }
            Err(status) => return Err(format!("reflection: {}", status_text(&status))),
            Ok(files) => return Ok(files),
        }
    }
    Err(
        "the target serves no reflection: turn it on, or give the probe a descriptor_set"
            .to_owned(),
    )
}

async fn ask(
    channel: Channel,
    version: &'static str,
    service: &str,
) -> Result<FileDescriptorSet, Status> {
    let mut grpc = Grpc::new(channel);
    ready(&mut grpc).await?;
    let (questions, asked) = mpsc::channel(1);
    let ask = async |question| {
        let question = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(question),
        };
        let sent = questions.send(question).await;
        sent.map_err(|_| Status::unavailable("the stream ended before the last answer"))
    };
    // Some servers say nothing before the first question.
    ask(MessageRequest::FileContainingSymbol(service.to_owned())).await?;
    let codec = ProstCodec::<ServerReflectionRequest, ServerReflectionResponse>::default();
    let questions = Request::new(ReceiverStream::new(asked));
    let path = PathAndQuery::from_static(version);
    let mut answers = grpc.streaming(questions, path, codec).await?.into_inner();

    let mut collected = Collected::default();
    loop {
        let answer = answers.message().await?;
        let answer = answer.and_then(|answer| answer.message_response);
        collected.take(answer)?;
        match collected.missing() {
            Some(file) => ask(MessageRequest::FileByFilename(file)).await?,
            None => return Ok(collected.files),
        }
    }
}

/// The files that came so far.
#[derive(Default)]
struct Collected {
    files: FileDescriptorSet,
    bytes: usize,
    /// Names of the files that came or were asked for.
    known: HashSet<String>,
    /// Names of files that are imported.
    wanted: VecDeque<String>,
}

impl Collected {
    fn take(&mut self, answer: Option<MessageResponse>) -> Result<(), Status> {
        let files = match answer {
            Some(MessageResponse::FileDescriptorResponse(files)) => files.file_descriptor_proto,
            Some(MessageResponse::ErrorResponse(error)) => {
                return Err(Status::new(error.error_code.into(), error.error_message));
            }
            _ => return Err(Status::internal("the answer is to another question")),
        };
        for bytes in files {
            self.bytes = self.bytes.saturating_add(bytes.len());
            if self.bytes > MAX_BYTES || self.known.len() >= MAX_FILES {
                return Err(Status::resource_exhausted(format!(
                    "the service has over {MAX_FILES} files or {MAX_BYTES} bytes of descriptors"
                )));
            }
            let file = FileDescriptorProto::decode(bytes.as_slice());
            let file = file.map_err(|error| Status::internal(error.to_string()))?;
            let name = file.name().to_owned();
            if self.files.file.iter().any(|one| one.name() == name) {
                continue;
            }
            self.known.insert(name);
            self.wanted.extend(file.dependency.iter().cloned());
            self.files.file.push(file);
        }
        Ok(())
    }

    /// The next file to ask for.
    fn missing(&mut self) -> Option<String> {
        while let Some(name) = self.wanted.pop_front() {
            if self.known.insert(name.clone()) {
                return Some(name);
            }
        }
        None
    }
}
