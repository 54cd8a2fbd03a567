//! `cases`: lists cases, or watches them.

use super::{
    pages::{Kind, Limit, list},
    watch::{Resume, watch},
};
use crate::{
    cli::{Context, error::CliError, exit::Exit, render},
    pb::v1::{ListCasesRequest, WatchCasesRequest},
};

/// List the cases with their health, by name, or watch them
///
/// A watch shows every case as it is, then what changes: incidents and
/// recoveries, cases that are applied or deleted, settings that are laid over
/// them. It goes on when the server goes away for a while, without a gap and
/// without a repeat. When it ends it tells the token by which it can go on
/// later. As JSON, a watch writes each change with its token.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Show the cases as they are, then what changes; with --limit, so many
    #[arg(long)]
    watch: bool,

    /// Watch from where an earlier watch ended
    #[arg(long, value_name = "TOKEN", requires = "watch")]
    resume_token: Option<String>,

    #[command(flatten)]
    limit: Limit,
}

/// Carries it out.
pub async fn run(args: Args, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let client = context.connect().await?;
    let mut calls = client.cases();
    if args.watch {
        let open = async |resume_token| {
            let request = WatchCasesRequest { resume_token };
            Ok(calls.watch_cases(request).await?.into_inner())
        };
        let resume = Resume {
            token: args.resume_token,
            limit: args.limit,
        };
        return watch(context, &client, resume, open, render::watched_case).await;
    }
    let kind = Kind {
        noun: "case",
        full_name: render::CASE,
        render: render::cases,
    };
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
