//! `signal`: sends one signal, or the lines of the standard input.

use super::stream;
use crate::{
    cli::{Context, error::CliError, exit::Exit, render, values},
    convert::value::json_to_pb,
    model::Json,
    pb::v1::{SendSignalRequest, SignalEvent},
};

/// Send a signal, or with --stdin many
///
/// With --stdin, each line is a StreamSignalsRequest in protobuf JSON, such as
/// {"event": {"case_name": "orders", "signal_name": "sent", "key": "17", "value": 1}}
/// and every signal is sent until it is acknowledged, also when the connection
/// breaks meanwhile. Lines that are wrong are told and left out; the exit code
/// is then 2.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Name of the case
    #[arg(required_unless_present = "stdin")]
    case: Option<String>,

    /// Name of the signal
    #[arg(required_unless_present = "stdin")]
    name: Option<String>,

    /// Key of the signal: JSON, or else a text; 17 is a number, '"17"' a text
    #[arg(long, value_name = "KEY", allow_negative_numbers = true, value_parser = values::key)]
    key: Option<Json>,

    /// Value of the signal [default: null]
    #[arg(long, value_name = "JSON", allow_negative_numbers = true, value_parser = values::json)]
    value: Option<Json>,

    /// Identity of the signal, by which repeats are known [default: its value]
    #[arg(long, value_name = "SIGNAL_ID")]
    id: Option<String>,

    /// Read signals from the standard input, one a line
    #[arg(long, conflicts_with_all = ["case", "name", "key", "value", "id"])]
    stdin: bool,
}

/// Carries it out.
pub async fn run(args: Args, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let client = context.connect().await?;
    if args.stdin {
        return stream::send_lines(context, &client).await;
    }
    let request = SendSignalRequest {
        event: Some(SignalEvent {
            signal_name: args.name.unwrap_or_default(),
            case_name: args.case.unwrap_or_default(),
            key: args.key.as_ref().map(json_to_pb),
            value: args.value.as_ref().map(json_to_pb),
        }),
        signal_id: args.id.unwrap_or_default(),
    };
    let response = client.signals().send_signal(request).await;
    let response = response.map_err(|status| client.error(status))?;
    context.output.message(
        "livecheck.v1.SendSignalResponse",
        &response.into_inner(),
        render::sent_signal,
    )?;
    Ok(Exit::Ok)
}
