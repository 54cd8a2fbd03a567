//! `wait`: waits for a signal.

use std::time::Duration;

use crate::{
    cli::{Context, error::CliError, exit, exit::Exit, render, values},
    convert::{time::duration_to_pb, value::json_to_pb},
    model::Json,
    pb::v1::WaitSignalRequest,
    settings::units::parse_duration,
};

/// Wait until a signal has come, and show it
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = exit::HELP)]
pub struct Args {
    /// Name of the case
    case: String,

    /// Name of the signal
    name: String,

    /// Key of the signal: JSON, or else a text; 17 is a number, '"17"' a text
    #[arg(long, value_name = "KEY", allow_negative_numbers = true, value_parser = values::key)]
    key: Json,

    /// How long to wait, such as 30s or 2m; at most 1h
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    timeout: Duration,
}

/// Carries it out.
pub async fn run(args: Args, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let client = context.connect().await?;
    let mut calls = client.signals();
    let call = async |left| {
        let request = WaitSignalRequest {
            case_name: args.case.clone(),
            signal_name: args.name.clone(),
            key: Some(json_to_pb(&args.key)),
            timeout: Some(duration_to_pb(left)),
        };
        Ok(calls.wait_signal(request).await?.into_inner())
    };
    let response = client.wait(args.timeout, context.backoff, call).await?;
    context.output.message(
        "livecheck.v1.WaitSignalResponse",
        &response,
        render::awaited_signal,
    )?;
    Ok(Exit::Ok)
}
