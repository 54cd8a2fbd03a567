//! The messages and services of `proto/`, generated at build time.

#[allow(missing_docs, clippy::all, clippy::pedantic)]
mod livecheck {
    pub mod v1 {
        tonic::include_proto!("livecheck.v1");
    }
    pub mod storage {
        pub mod v1 {
            tonic::include_proto!("livecheck.storage.v1");
        }
    }
    pub mod demo {
        pub mod v1 {
            tonic::include_proto!("livecheck.demo.v1");
        }
    }
}

/// The order system of `livecheck demo`, package `livecheck.demo.v1`.
pub use livecheck::demo::v1 as demo;
/// What is stored on disk, package `livecheck.storage.v1`.
pub use livecheck::storage::v1 as storage;
/// The public API, package `livecheck.v1`.
pub use livecheck::v1;

/// Descriptors of every schema, comments included: an encoded
/// `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
