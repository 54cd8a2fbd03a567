//! `notifications`: lists what webhooks were not told.

use super::pages::{Kind, Limit, list};
use crate::{
    cli::{
        Context,
        error::CliError,
        exit::Exit,
        output::{Rows, Style, cell, state_cell},
        text,
    },
    pb::v1::{ListNotificationsRequest, Notification, NotificationState},
};

const NOTIFICATION: &str = "livecheck.v1.Notification";

/// List what webhooks are still to be told, and what was given up
///
/// What was given up (DEAD) is told after all by `livecheck retry`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Only of this case
    #[arg(long, value_name = "NAME")]
    case: Option<String>,

    /// Only for this webhook
    #[arg(long, value_name = "NAME")]
    webhook: Option<String>,

    /// Only what was given up
    #[arg(long)]
    dead: bool,

    #[command(flatten)]
    limit: Limit,
}

/// Carries it out.
pub async fn run(args: Args, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let client = context.connect().await?;
    let state = match args.dead {
        true => NotificationState::Dead,
        false => NotificationState::Unspecified,
    };
    let wanted = ListNotificationsRequest {
        case_name: args.case.unwrap_or_default(),
        webhook: args.webhook.unwrap_or_default(),
        state: state.into(),
        page_size: 0,
        page_token: String::new(),
    };
    let kind = Kind {
        noun: "notification",
        full_name: NOTIFICATION,
        render: table,
    };
    let mut calls = client.notifications();
    let page = async |page_size, page_token| {
        let request = ListNotificationsRequest {
            page_size,
            page_token,
            ..wanted.clone()
        };
        let page = calls.list_notifications(request).await?.into_inner();
        Ok((page.notifications, page.next_page_token))
    };
    list(context, &client, args.limit, kind, page).await
}

/// Notifications as a table: below each what it says, and why it was given up.
fn table(notifications: &[Notification], style: Style) -> String {
    let headings = [
        "QUEUED",
        "STANDS",
        ">ATTEMPTS",
        "WEBHOOK",
        "STATE",
        "CASE",
        "ID",
    ];
    let mut rows = Rows::new(&headings, style);
    for one in notifications {
        let known = NotificationState::try_from(one.state).map(|state| state.as_str_name());
        let cells = [
            cell(text::time(one.queued_at.as_ref())),
            cell(text::name(known, "NOTIFICATION_STATE_", one.state)),
            cell(one.attempts),
            cell(&one.webhook),
            state_cell(one.case_state),
            cell(&one.case_name),
            cell(&one.id),
        ];
        let mut note = one.text.clone();
        if !one.error.is_empty() {
            note = format!("{note}\ngiven up: {}", one.error);
        }
        rows.add(cells, &note);
    }
    rows.render()
}
