//! Compiles the schemas with a pure-Rust compiler, so that no protoc is needed,
//! and keeps their descriptors, comments included, for reflection.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

const SCHEMAS: &[&str] = &[
    "livecheck/v1/models.proto",
    "livecheck/v1/case.proto",
    "livecheck/v1/case_status.proto",
    "livecheck/v1/error_reason.proto",
    "livecheck/v1/execution_service.proto",
    "livecheck/v1/signal_service.proto",
    "livecheck/v1/report_service.proto",
    "livecheck/v1/case_service.proto",
    "livecheck/v1/notification_service.proto",
    "livecheck/storage/v1/event.proto",
    "livecheck/demo/v1/order.proto",
    "livecheck/demo/v1/order_init_service.proto",
    "livecheck/demo/v1/order_create_service.proto",
    "livecheck/demo/v1/database_writer_service.proto",
    "livecheck/demo/v1/order_executor_service.proto",
    "livecheck/storage/v1/snapshot.proto",
    "livecheck/storage/v1/token.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);

    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true);
    let descriptors = compiler.open_files(SCHEMAS)?.file_descriptor_set();
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;

    tonic_prost_build::configure()
        .btree_map(".")
        .compile_fds(descriptors)?;
    Ok(())
}
