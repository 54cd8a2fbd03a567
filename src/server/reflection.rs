//! Reflection: what grpcurl and the like are told of the services.

use tonic_reflection::server::{Builder, Error};

use crate::pb;

/// The services whose health is told, and that reflection lists; the empty name
/// stands for the server as a whole and is told only as health.
pub(super) const SERVICES: [&str; 6] = [
    "",
    "livecheck.v1.CaseService",
    "livecheck.v1.ExecutionService",
    "livecheck.v1.NotificationService",
    "livecheck.v1.ReportService",
    "livecheck.v1.SignalService",
];

fn builder() -> Builder<'static> {
    let builder = Builder::configure()
        .register_encoded_file_descriptor_set(pb::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        .with_service_name("grpc.health.v1.Health");
    let named = SERVICES.into_iter().filter(|name| !name.is_empty());
    named.fold(builder, Builder::with_service_name)
}

/// The reflection services, v1 and v1alpha.
pub(super) fn services() -> Result<
    (
        tonic_reflection::server::v1::ServerReflectionServer<
            impl tonic_reflection::server::v1::ServerReflection,
        >,
        tonic_reflection::server::v1alpha::ServerReflectionServer<
            impl tonic_reflection::server::v1alpha::ServerReflection,
        >,
    ),
    Error,
> {
    Ok((builder().build_v1()?, builder().build_v1alpha()?))
}
