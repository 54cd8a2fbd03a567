//! `control`: lays settings over the declaration of a case, or clears them.

use std::time::Duration;

use clap::{ArgGroup, ValueEnum};

use crate::{
    cli::{Context, error::CliError, exit::Exit, render, values},
    convert::time::time_to_pb,
    model::Time,
    pb::v1::{CaseSetting, ControlCaseRequest},
    settings::units::parse_duration,
};

/// Lay settings over the declaration of a case, or clear them
///
/// They take effect at once and stay until they are cleared, whatever is
/// applied. A mute keeps webhooks from being told; checks go on. Shows what then
/// lies over the declaration.
#[derive(clap::Args, Clone, Debug)]
#[command(group(ArgGroup::new("change").required(true).multiple(true)))]
pub struct Args {
    /// Name of the case
    case: String,

    /// Whether executions are judged; those of an inactive case end as SKIP
    #[arg(long, value_name = "BOOL", group = "change")]
    active: Option<bool>,

    /// Share of requests that are sampled, 0 to 1
    #[arg(
        long,
        value_name = "SHARE",
        group = "change",
        allow_negative_numbers = true
    )]
    probability: Option<f64>,

    /// Tell webhooks nothing for so long, such as 2h; at most a year
    #[arg(
        long,
        value_name = "DURATION",
        group = "change",
        value_parser = parse_duration,
        conflicts_with = "mute_until"
    )]
    mute: Option<Duration>,

    /// Tell webhooks nothing until then, such as 2026-11-23T09:00:00Z
    #[arg(long, value_name = "TIME", group = "change", value_parser = values::time)]
    mute_until: Option<Time>,

    /// As declared again; can be repeated, or be a list with commas
    #[arg(
        long,
        value_name = "SETTING",
        group = "change",
        value_enum,
        value_delimiter = ','
    )]
    clear: Vec<Setting>,
}

/// A setting that can lie over a declaration.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Setting {
    /// Whether executions are judged
    Active,
    /// Share of requests that are sampled
    Probability,
    /// The mute
    Mute,
}

/// Carries it out.
pub async fn run(args: Args, context: &mut Context<'_>) -> Result<Exit, CliError> {
    // A length of time that was typed is at most a century.
    let mute_until = args.mute.map(|mute| context.clock.wall() + mute);
    let mute_until = mute_until.or(args.mute_until);
    let clear = args.clear.into_iter().map(|setting| match setting {
        Setting::Active => CaseSetting::Active.into(),
        Setting::Probability => CaseSetting::Probability.into(),
        Setting::Mute => CaseSetting::Mute.into(),
    });
    let request = ControlCaseRequest {
        name: args.case,
        active: args.active,
        probability: args.probability,
        mute_until: mute_until.map(time_to_pb),
        clear: clear.collect(),
    };
    let client = context.connect().await?;
    let response = client.cases().control_case(request).await;
    let response = response.map_err(|status| client.error(status))?;
    let case = response.into_inner().case.unwrap_or_default();
    context
        .output
        .message(render::CASE, &case, render::control)?;
    Ok(Exit::Ok)
}
