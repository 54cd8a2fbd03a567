//! `webhooks`: lists the webhooks of the server.

use crate::{
    cli::{
        Context,
        error::CliError,
        exit::Exit,
        output::{Rows, Style, cell},
        text,
    },
    pb::v1::{ListWebhooksRequest, Webhook, WebhookFormat},
};

const WEBHOOK: &str = "livecheck.v1.Webhook";

/// List the webhooks that the server tells of the health of cases
///
/// They are settings of the server: `livecheck serve --webhooks FILE`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {}

/// Carries it out.
pub async fn run(args: Args, context: &mut Context<'_>) -> Result<Exit, CliError> {
    let Args {} = args;
    let client = context.connect().await?;
    let response = client
        .notifications()
        .list_webhooks(ListWebhooksRequest {})
        .await;
    let response = response.map_err(|status| client.error(status))?;
    let webhooks = response.into_inner().webhooks;
    if webhooks.is_empty() {
        context.tell("no webhooks");
    } else {
        context.output.messages(WEBHOOK, &webhooks, table)?;
    }
    Ok(Exit::Ok)
}

fn table(webhooks: &[Webhook], style: Style) -> String {
    let headings = ["WEBHOOK", "FORMAT", "CASES", "REPORTS", "SIGNED", "URL"];
    let mut rows = Rows::new(&headings, style);
    for webhook in webhooks {
        let known = WebhookFormat::try_from(webhook.format).map(|format| format.as_str_name());
        let cells = [
            cell(&webhook.name),
            cell(text::name(known, "WEBHOOK_FORMAT_", webhook.format)),
            cell(if webhook.every_case { "all" } else { "named" }),
            cell(text::yes_or_no(webhook.reports)),
            cell(text::yes_or_no(webhook.signed)),
            cell(&webhook.url),
        ];
        rows.add(cells, "");
    }
    rows.render()
}
