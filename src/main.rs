//! The `livecheck` binary: it parses the command line and calls the library.

use std::process::ExitCode;

use clap::Parser;
use livecheck::cli::{self, Cli};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main(Cli::parse()).into()
}
