//! `cases`: lists cases.

use super::pages::{Kind, Limit, list};
use crate::{
    cli::{Context, error::CliError, exit::Exit, render},
    pb::v1::ListCasesRequest,
};

/// List the cases, by name
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    #[command(flatten)]
    limit: Limit,
}

/// Carries it out.
pub async fn run(args: Args, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let client = context.connect().await?;
    let kind = Kind {
        noun: "case",
        full_name: render::CASE,
        render: render::cases,
    };
    let mut calls = client.cases();
    let page = async |page_size, page_token| {
        let request = ListCasesRequest {
            page_size,
            page_token,
        };
        let page = calls.list_cases(request).await?.into_inner();
        Ok((page.cases, page.next_page_token))
    };
    list(context, &client, args.limit, kind, page).await
}
