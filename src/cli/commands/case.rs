//! `case`: shows a case.

use crate::{
    cli::{Context, error::CliError, exit::Exit, render},
    pb::v1::GetCaseRequest,
};

/// Show a case
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Name of the case
    name: String,
}

/// Carries it out.
pub async fn run(args: Args, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let client = context.connect().await?;
    let response = client
        .cases()
        .get_case(GetCaseRequest { name: args.name })
        .await
        .map_err(|status| client.error(status))?;
    context
        .output
        .message(render::CASE, &response.into_inner(), render::case)?;
    Ok(Exit::Ok)
}
