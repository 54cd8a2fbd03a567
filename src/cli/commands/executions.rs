//! `executions`: lists executions.

use super::pages::{Kind, Limit, list};
use crate::{
    cli::{
        Context,
        error::CliError,
        exit::Exit,
        render,
        values::{self, When},
    },
    convert::{models::state_to_pb, time::time_to_pb},
    model::State,
    pb::v1::ListExecutionsRequest,
};

/// List executions, the newest first
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Only of this case
    #[arg(long, value_name = "NAME")]
    case: Option<String>,

    /// Only in this state (INIT: live); can be repeated
    #[arg(long = "state", value_name = "STATE", value_parser = values::state(), ignore_case = true)]
    states: Vec<State>,

    /// Only started at this time or later: a time, or how long ago (15m)
    #[arg(long, value_name = "TIME", value_parser = values::when)]
    since: Option<When>,

    /// Only started before this time: a time, or how long ago (15m)
    #[arg(long, value_name = "TIME", value_parser = values::when)]
    until: Option<When>,

    #[command(flatten)]
    limit: Limit,
}

/// Carries it out.
pub async fn run(args: Args, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let client = context.connect().await?;
    let now = context.clock.wall();
    let wanted = ListExecutionsRequest {
        case_name: args.case.unwrap_or_default(),
        states: args
            .states
            .into_iter()
            .map(|state| state_to_pb(state).into())
            .collect(),
        since: args.since.map(|when| time_to_pb(when.time(now))),
        until: args.until.map(|when| time_to_pb(when.time(now))),
        page_size: 0,
        page_token: String::new(),
    };
    let kind = Kind {
        noun: "execution",
        full_name: render::EXECUTION_VIEW,
        render: render::executions,
    };
    let mut calls = client.executions();
    let page = async |page_size, page_token| {
        let request = ListExecutionsRequest {
            page_size,
            page_token,
            ..wanted.clone()
        };
        let page = calls.list_executions(request).await?.into_inner();
        Ok((page.executions, page.next_page_token))
    };
    list(context, &client, args.limit, kind, page).await
}
