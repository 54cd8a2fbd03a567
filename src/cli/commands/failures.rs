//! `failures`: lists failures that look alike as one.

use super::pages::{Kind, Limit, list};
use crate::{
    cli::{
        Context,
        error::CliError,
        exit::Exit,
        render,
        values::{self, When},
    },
    convert::time::time_to_pb,
    pb::v1::ListFailuresRequest,
};

/// List failures, those that look alike as one, the last seen first
///
/// A group is a contract that was violated or a signal that did not come, with
/// the signal that was heard last before. Its example is the last execution of it.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Only of this case
    #[arg(long, value_name = "NAME")]
    case: Option<String>,

    /// Only those seen at this time or later: a time, or how long ago (15m)
    #[arg(long, value_name = "TIME", value_parser = values::when)]
    since: Option<When>,

    #[command(flatten)]
    limit: Limit,
}

/// Carries it out.
pub async fn run(args: Args, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let client = context.connect().await?;
    let now = context.clock.wall();
    let wanted = ListFailuresRequest {
        case_name: args.case.unwrap_or_default(),
        since: args.since.map(|when| time_to_pb(when.time(now))),
        page_size: 0,
        page_token: String::new(),
    };
    let kind = Kind {
        noun: "failure",
        full_name: render::FAILURES,
        render: render::failures,
    };
    let mut calls = client.reports();
    let page = async |page_size, page_token| {
        let request = ListFailuresRequest {
            page_size,
            page_token,
            ..wanted.clone()
        };
        let page = calls.list_failures(request).await?.into_inner();
        Ok((page.failures, page.next_page_token))
    };
    list(context, &client, args.limit, kind, page).await
}
