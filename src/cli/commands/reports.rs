//! `reports`: lists reports, or watches them.

use super::{
    pages::{Kind, Limit, list},
    watch::Resume,
};
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
    pb::v1::{ListReportsRequest, WatchReportsRequest},
};

/// List reports, the newest first, or watch them as they come
///
/// A report without an id is about a case itself: it became unwell, it is so for
/// another cause, or it is well again.
///
/// A watch goes on when the server goes away for a while, without a gap and
/// without a repeat. When it ends it tells the token by which it can go on
/// later. As JSON, a watch writes each report with its token.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Only of this case
    #[arg(long, value_name = "NAME")]
    case: Option<String>,

    /// Only in this state; can be repeated
    #[arg(long = "state", value_name = "STATE", value_parser = values::state(), ignore_case = true)]
    states: Vec<State>,

    /// Only in OK states: PASS and SKIP
    #[arg(long, conflicts_with = "not_ok")]
    ok: bool,

    /// Only in states that are not OK: FAIL, ERROR, TIMEOUT and STALL
    #[arg(long)]
    not_ok: bool,

    /// Only concluded at this time or later: a time, or how long ago (15m)
    #[arg(long, value_name = "TIME", value_parser = values::when, conflicts_with = "watch")]
    since: Option<When>,

    /// Only concluded before this time: a time, or how long ago (15m)
    #[arg(long, value_name = "TIME", value_parser = values::when, conflicts_with = "watch")]
    until: Option<When>,

    /// Show reports as they come, from now on; with --limit, so many
    #[arg(long)]
    watch: bool,

    /// Watch from where an earlier watch ended
    #[arg(long, value_name = "TOKEN", requires = "watch")]
    resume_token: Option<String>,

    #[command(flatten)]
    limit: Limit,
}

impl Args {
    fn ok(&self) -> Option<bool> {
        match (self.ok, self.not_ok) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        }
    }

    fn states(&self) -> Vec<i32> {
        let states = self.states.iter();
        states.map(|state| state_to_pb(*state).into()).collect()
    }
}

/// Carries it out.
pub async fn run(args: Args, context: &mut Context<'_>) -> Result<Exit, CliError> {
    if args.watch {
        return watch(args, context).await;
    }
    let client = context.connect().await?;
    let now = context.clock.wall();
    let wanted = ListReportsRequest {
        ok: args.ok(),
        states: args.states(),
        since: args.since.map(|when| time_to_pb(when.time(now))),
        until: args.until.map(|when| time_to_pb(when.time(now))),
        case_name: args.case.unwrap_or_default(),
        page_size: 0,
        page_token: String::new(),
    };
    let kind = Kind {
        noun: "report",
        full_name: render::REPORT,
        render: render::reports,
    };
    let mut calls = client.reports();
    let page = async |page_size, page_token| {
        let request = ListReportsRequest {
            page_size,
            page_token,
            ..wanted.clone()
        };
        let page = calls.list_reports(request).await?.into_inner();
        Ok((page.reports, page.next_page_token))
    };
    list(context, &client, args.limit, kind, page).await
}

async fn watch(args: Args, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let client = context.connect().await?;
    let wanted = WatchReportsRequest {
        ok: args.ok(),
        states: args.states(),
        case_name: args.case.unwrap_or_default(),
        resume_token: String::new(),
    };
    let mut calls = client.reports();
    let open = async |resume_token| {
        let request = WatchReportsRequest {
            resume_token,
            ..wanted.clone()
        };
        Ok(calls.watch_reports(request).await?.into_inner())
    };
    let resume = Resume {
        token: args.resume_token,
        limit: args.limit,
    };
    super::watch::watch(context, &client, resume, open, render::watched_report).await
}
