//! `cancel`: ends an execution.

use crate::{
    cli::{Context, error::CliError, exit::Exit, render},
    pb::v1::CancelExecutionRequest,
};

/// End a live execution as SKIP; one that has ended stays as it is
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Name of the case
    case: String,

    /// Id of the execution
    id: String,

    /// Why, for the report
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

/// Carries it out.
pub async fn run(args: Args, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let client = context.connect().await?;
    let request = CancelExecutionRequest {
        case_name: args.case,
        id: args.id,
        reason: args.reason,
    };
    let response = client.executions().cancel_execution(request).await;
    let response = response.map_err(|status| client.error(status))?;
    let execution = response.into_inner().execution.unwrap_or_default();
    context
        .output
        .message(render::EXECUTION_VIEW, &execution, render::execution)?;
    Ok(Exit::Ok)
}
