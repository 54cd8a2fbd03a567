//! The gRPC side of a probe: connecting, finding the method, calling it.

use std::{error::Error as _, time::Duration};

use http::HeaderMap;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tokio::time::timeout;
use tonic::{
    Request, Status,
    client::Grpc,
    metadata::MetadataMap,
    transport::{Channel, ClientTlsConfig, Endpoint},
};

use super::{
    method::{Encoded, Prepared, prepare},
    reflection,
};
use crate::{convert::names::grpc_code_name, http::cause, model::GrpcProbe};

/// Connects to the target, TLS included.
pub(super) async fn connect(probe: &GrpcProbe, within: Duration) -> Result<Channel, String> {
    let target = probe.target.clone();
    let endpoint = move || {
        let endpoint = Endpoint::from_shared(target)?;
        match endpoint.uri().scheme_str() {
            Some("https") => endpoint.tls_config(ClientTlsConfig::new().with_native_roots()),
            _ => Ok(endpoint),
        }
    };
    let connecting = async {
        // It reads the system's certificates.
        let endpoint = tokio::task::spawn_blocking(endpoint).await;
        let endpoint = endpoint.map_err(|error| error.to_string())?;
        let endpoint = endpoint.and_then(|endpoint| {
            endpoint.user_agent(concat!("livecheck/", env!("CARGO_PKG_VERSION")))
        });
        let endpoint = endpoint.map_err(|error| cause(&error))?;
        endpoint.connect().await.map_err(|error| cause(&error))
    };
    let connected = timeout(within, connecting).await;
    connected.map_err(|_| format!("no connection within {within:?}"))?
}

/// Finds the method and prepares the call of it.
pub(super) async fn find_method(probe: &GrpcProbe, channel: &Channel) -> Result<Prepared, String> {
    let (descriptors, from) = if probe.descriptor_set.is_empty() {
        let (service, _) = probe.method.split_once('/').unwrap_or_default();
        let descriptors = reflection::descriptors(channel, service).await?;
        (descriptors, "what the target's reflection says")
    } else {
        let descriptors = FileDescriptorSet::decode(probe.descriptor_set.as_slice());
        let descriptors = descriptors.map_err(|error| format!("descriptor_set: {error}"))?;
        (descriptors, "descriptor_set")
    };
    let probe = probe.clone();
    // Many descriptors take a while.
    let prepared = tokio::task::spawn_blocking(move || prepare(&probe, descriptors, from)).await;
    prepared.map_err(|error| error.to_string())?
}

/// Makes the call; OK is the answer.
pub(super) async fn call(
    channel: Channel,
    prepared: Prepared,
    headers: HeaderMap,
) -> Result<(), String> {
    let calling = async {
        let mut grpc = Grpc::new(channel);
        ready(&mut grpc).await?;
        let mut request = Request::new(prepared.request);
        *request.metadata_mut() = MetadataMap::from_headers(headers);
        grpc.unary(request, prepared.path, Encoded).await
    };
    let answered = calling.await;
    answered.map_or_else(|status| Err(status_text(&status)), |_| Ok(()))
}

/// Waits until a call can be made.
pub(super) async fn ready(grpc: &mut Grpc<Channel>) -> Result<(), Status> {
    let ready = grpc.ready().await;
    ready.map_err(|error| Status::from_error(error.into()))
}

/// What a status says, for people; of a call that did not get through, why.
pub(super) fn status_text(status: &Status) -> String {
    if let Some(error) = status.source() {
        return cause(error);
    }
    let name = grpc_code_name(status.code());
    match status.message() {
        "" => format!("gRPC status {name}"),
        message => format!("gRPC status {name}: {message}"),
    }
}
