//! `delete`: deletes a case.

use crate::{
    cli::{Context, error::CliError, exit::Exit, text::clean},
    pb::v1::DeleteCaseRequest,
};

/// Delete a case; its live executions end as SKIP, its reports stay
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Name of the case
    case: String,
}

/// Carries it out.
pub async fn run(args: Args, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let client = context.connect().await?;
    let request = DeleteCaseRequest {
        name: args.case.clone(),
    };
    let response = client.cases().delete_case(request).await;
    let response = response.map_err(|status| client.error(status))?;
    context.output.message(
        "livecheck.v1.DeleteCaseResponse",
        &response.into_inner(),
        |_, _| format!("{} deleted\n", clean(&args.case)),
    )?;
    Ok(Exit::Ok)
}
