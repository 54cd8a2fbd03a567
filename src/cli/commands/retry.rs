//! `retry`: queues notifications again that were given up.

use crate::{
    cli::{Context, error::CliError, exit::Exit, text::count},
    pb::v1::{RetryNotificationsRequest, RetryNotificationsResponse},
};

const RETRIED: &str = "livecheck.v1.RetryNotificationsResponse";

/// Tell webhooks after all what was given up
///
/// `livecheck notifications --dead` lists it.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Of this case
    #[arg(long, value_name = "NAME")]
    case: String,

    /// Only for this webhook
    #[arg(long, value_name = "NAME")]
    webhook: Option<String>,

    /// Only the notification with this id
    #[arg(long, value_name = "ID")]
    id: Option<String>,
}

/// Carries it out.
pub async fn run(args: Args, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let client = context.connect().await?;
    let request = RetryNotificationsRequest {
        case_name: args.case,
        webhook: args.webhook.unwrap_or_default(),
        id: args.id.unwrap_or_default(),
    };
    let response = client.notifications().retry_notifications(request).await;
    let response = response
        .map_err(|status| client.error(status))?
        .into_inner();
    let render = |response: &RetryNotificationsResponse, _| {
        let queued = usize::try_from(response.queued).unwrap_or(usize::MAX);
        format!("{} queued again\n", count(queued, "notification"))
    };
    context.output.message(RETRIED, &response, render)?;
    Ok(Exit::Ok)
}
