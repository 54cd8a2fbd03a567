//! `execution`: shows an execution, or watches it.

use std::ops::ControlFlow;

use prost_types::Timestamp;

use super::watch::follow;
use crate::{
    cli::{
        Context,
        error::{CliError, even_unread},
        exit,
        exit::Exit,
        render,
    },
    pb::v1::{
        GetExecutionRequest, ReceivedSignal, TestReport, WatchExecutionRequest,
        WatchExecutionResponse, watch_execution_response::Payload,
    },
};

/// Show an execution, or watch it up to its report
///
/// With --watch, the exit code tells whether the report is OK.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = exit::HELP)]
pub struct Args {
    /// Name of the case
    case: String,

    /// Id of the execution
    id: String,

    /// Show where it is now, then each step, up to its report
    #[arg(long)]
    watch: bool,
}

/// Carries it out.
pub async fn run(args: Args, context: &mut Context<'_>) -> Result<Exit, CliError> {
    if args.watch {
        return watch(args, context).await;
    }
    let client = context.connect().await?;
    let request = GetExecutionRequest {
        case_name: args.case,
        id: args.id,
    };
    let response = client.executions().get_execution(request).await;
    let response = response.map_err(|status| client.error(status))?;
    let execution = response.into_inner().execution.unwrap_or_default();
    context
        .output
        .message(render::EXECUTION_VIEW, &execution, render::execution)?;
    Ok(Exit::Ok)
}

async fn watch(args: Args, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let client = context.connect().await?;
    let request = WatchExecutionRequest {
        case_name: args.case,
        id: args.id,
    };
    let mut calls = client.executions();
    let open =
        async |_: &Context<'_>| Ok(calls.watch_execution(request.clone()).await?.into_inner());
    let mut watch = Watch::default();
    let each = |context: &mut Context<'_>, item| watch.item(context, item);
    follow(context, &client, open, each).await
}

/// What was shown of an execution. The stream does not resume: each begins with
/// where the execution is, of which only the news are shown.
#[derive(Default)]
struct Watch {
    begun: bool,
    /// When the last signal came that was shown.
    shown_up_to: Option<(i64, i32)>,
}

impl Watch {
    fn item(
        &mut self,
        context: &mut Context<'_>,
        item: WatchExecutionResponse,
    ) -> Result<ControlFlow<Exit>, CliError> {
        match item.payload {
            // It only keeps the connection awake.
            None => Ok(ControlFlow::Continue(())),
            Some(Payload::Signal(signal)) => {
                self.signal(context, signal)?;
                Ok(ControlFlow::Continue(()))
            }
            Some(Payload::Report(report)) => conclude(context, report),
            Some(Payload::Execution(mut view)) => {
                let report = view.report.take();
                if self.begun {
                    for signal in view.signals {
                        self.signal(context, signal)?;
                    }
                } else {
                    self.begun = true;
                    self.shown_up_to = view.signals.iter().filter_map(arrival).max();
                    show(context, Payload::Execution(view))?;
                }
                match report {
                    Some(report) => conclude(context, report),
                    None => Ok(ControlFlow::Continue(())),
                }
            }
        }
    }

    fn signal(
        &mut self,
        context: &mut Context<'_>,
        signal: ReceivedSignal,
    ) -> Result<(), CliError> {
        let arrival = arrival(&signal);
        if arrival <= self.shown_up_to {
            return Ok(());
        }
        self.shown_up_to = arrival;
        show(context, Payload::Signal(signal))
    }
}

/// When a signal came. No two of one execution come at the same time.
fn arrival(signal: &ReceivedSignal) -> Option<(i64, i32)> {
    let Timestamp { seconds, nanos } = signal.at?;
    Some((seconds, nanos))
}

/// Shows the report, with which the watch ends.
fn conclude(context: &mut Context<'_>, report: TestReport) -> Result<ControlFlow<Exit>, CliError> {
    let exit = Exit::of_report(&report);
    show(context, Payload::Report(report))?;
    Ok(ControlFlow::Break(exit))
}

fn show(context: &mut Context<'_>, payload: Payload) -> Result<(), CliError> {
    let item = WatchExecutionResponse {
        payload: Some(payload),
    };
    even_unread(
        context
            .output
            .message(render::WATCHED_STEP, &item, render::watched_step),
    )
}
