//! `livecheck serve`: runs the server until it is told to stop.

use std::io::{self, IsTerminal, Write};

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tracing_subscriber::EnvFilter;

use crate::{
    cli::{error::CliError, exit::Exit, output::tell},
    server,
    settings::{LogFormat, ServeArgs, ServeSettings},
};

/// Run the server
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    #[command(flatten)]
    serve: ServeArgs,
}

/// Reads the settings and runs the server on a runtime of its own, whose threads
/// are one of the settings.
pub fn main(args: &Args) -> Exit {
    let ended = serve(&args.serve);
    match ended {
        Ok(()) | Err(CliError::OutputClosed) => Exit::Ok,
        Err(error) => {
            tell(&mut io::stderr(), &format!("error: {error}"));
            Exit::of_error(&error)
        }
    }
}

fn serve(args: &ServeArgs) -> Result<(), CliError> {
    let settings = args.settings(&|name| std::env::var_os(name));
    let settings = settings.map_err(|error| CliError::Input(error.to_string()))?;
    if args.print_config {
        return Ok(io::stdout().write_all(settings.to_toml().as_bytes())?);
    }
    log(&settings);
    let runtime = match settings.runtime_threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        threads => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(threads);
            builder
        }
    }
    .enable_all()
    .build()
    .map_err(|error| CliError::Failed(format!("cannot start the runtime: {error}")))?;
    let served = runtime.block_on(run(&settings));
    // What could not be put away in time is not waited for.
    runtime.shutdown_background();
    served
}

async fn run(settings: &ServeSettings) -> Result<(), CliError> {
    let listen = settings.listen;
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        CliError::Failed(format!(
            "cannot listen on {listen}: {error}; choose another address with --listen"
        ))
    })?;
    let unusable = |error: io::Error| CliError::Failed(format!("cannot handle signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(unusable)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(unusable)?;
    let shutdown = async {
        tokio::select! {
            _ = terminate.recv() => tracing::info!(signal = "SIGTERM", "asked to stop"),
            _ = interrupt.recv() => tracing::info!(signal = "SIGINT", "asked to stop"),
        }
    };
    let served = server::run(settings, listener, shutdown).await;
    served.map_err(|error| CliError::Failed(error.to_string()))
}

/// Writes log lines to stderr, as the settings say.
fn log(settings: &ServeSettings) {
    let filter = EnvFilter::new(settings.log.directives());
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match settings.log_format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => lines.json().init(),
    }
}
