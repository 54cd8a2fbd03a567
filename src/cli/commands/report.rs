//! `report`: shows a report, or waits for it. The exit code is the report's, even
//! if nobody reads the output.

use std::time::Duration;

use tonic::Status;

use crate::{
    cli::{
        Context,
        client::Client,
        error::{CliError, even_unread},
        exit,
        exit::Exit,
        render,
    },
    convert::time::duration_to_pb,
    pb::v1::{GetReportRequest, TestReport},
    settings::units::parse_duration,
};

/// Show the report of an execution; the exit code tells whether it is OK
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = exit::HELP)]
pub struct Args {
    /// Name of the case
    case: String,

    /// Id of the execution
    id: String,

    /// Wait so long for the report, such as 30s or 2m; at most 1h
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    wait: Option<Duration>,
}

/// Carries it out.
pub async fn run(args: Args, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let client = context.connect().await?;
    let report = get(&client, context, &args.case, &args.id, args.wait).await?;
    show(context, &report)
}

/// Gets a report, waiting for it if asked to.
pub async fn get(
    client: &Client,
    context: &Context<'_>,
    case: &str,
    id: &str,
    wait: Option<Duration>,
) -> Result<TestReport, CliError> {
    let call = async |wait: Option<Duration>| {
        let request = GetReportRequest {
            case_name: case.to_owned(),
            id: id.to_owned(),
            wait: wait.map(duration_to_pb),
        };
        let response = client.reports().get_report(request).await?.into_inner();
        response
            .report
            .ok_or_else(|| Status::internal("the server answered without a report"))
    };
    match wait {
        None => call(None).await.map_err(|status| client.error(status)),
        Some(time) => {
            client
                .wait(time, context.backoff, async |left| call(Some(left)).await)
                .await
        }
    }
}

/// Shows a report. The exit code is the report's even if nobody reads it.
pub fn show(context: &mut Context<'_>, report: &TestReport) -> Result<Exit, CliError> {
    even_unread(
        context
            .output
            .message(render::REPORT, report, render::report),
    )?;
    Ok(Exit::of_report(report))
}
