//! `case`: shows a case.

use crate::{
    cli::{Context, error::CliError, exit::Exit, render},
    pb::v1::GetCaseRequest,
};

/// Show a case: its health, then its declaration
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Name of the case
    name: String,

    /// Show only the declaration, as a file that `apply -f` takes
    #[arg(long)]
    declaration: bool,
}

/// Carries it out.
pub async fn run(args: Args, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let client = context.connect().await?;
    let response = client
        .cases()
        .get_case(GetCaseRequest { name: args.name })
        .await
        .map_err(|status| client.error(status))?
        .into_inner();
    if args.declaration {
        let case = response.case.unwrap_or_default();
        let file = render::case_file(case, context.output.is_json())?;
        context.output.text(&file)?;
    } else {
        context
            .output
            .message(render::CASE, &response, render::case)?;
    }
    Ok(Exit::Ok)
}
