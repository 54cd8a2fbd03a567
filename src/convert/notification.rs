//! Webhooks, as they are shown.

use crate::{
    model::{Webhook, WebhookFormat},
    pb::v1,
};

/// Writes a webhook, without anything of it that is secret.
pub fn webhook_to_pb(webhook: &Webhook) -> v1::Webhook {
    let Webhook {
        name,
        url: _,
        format,
        every_case,
        reports,
        key,
        headers: _,
        max_attempts: _,
        timeout: _,
    } = webhook;
    v1::Webhook {
        name: name.clone(),
        url: shown_url(webhook),
        format: format_to_pb(*format).into(),
        every_case: *every_case,
        reports: *reports,
        signed: key.is_some(),
    }
}

fn format_to_pb(format: WebhookFormat) -> v1::WebhookFormat {
    match format {
        WebhookFormat::CloudEvents => v1::WebhookFormat::Cloudevents,
        WebhookFormat::Slack => v1::WebhookFormat::Slack,
        WebhookFormat::Alertmanager => v1::WebhookFormat::Alertmanager,
    }
}

/// The URL without user, password and query; of Slack's not the path either,
/// which is all that its senders need to know.
fn shown_url(webhook: &Webhook) -> String {
    let url = webhook.url.reveal();
    let authority = url.authority().map_or("", |authority| authority.as_str());
    let host = authority.rsplit_once('@').map_or(authority, |(_, at)| at);
    let path = match webhook.format {
        WebhookFormat::Slack => "/…",
        WebhookFormat::CloudEvents | WebhookFormat::Alertmanager => url.path(),
    };
    format!("{}://{host}{path}", url.scheme_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::model::{DEFAULT_WEBHOOK_TIMEOUT, Secret};

    #[test]
    fn nothing_secret_is_shown() {
        for (format, url, expected) in [
            (
                WebhookFormat::CloudEvents,
                "https://user:hidden@a.example:8443/hook?token=hidden",
                "https://a.example:8443/hook",
            ),
            (
                WebhookFormat::Alertmanager,
                "http://[::1]:9093/api/v2/alerts",
                "http://[::1]:9093/api/v2/alerts",
            ),
            (
                WebhookFormat::Slack,
                "https://hooks.slack.example/services/T0/B0/hidden",
                "https://hooks.slack.example/…",
            ),
        ] {
            let webhook = Webhook {
                name: "ops".to_owned(),
                url: Secret::new(url.parse().unwrap()),
                format,
                every_case: false,
                reports: false,
                key: Some(Secret::new(b"hidden".to_vec())),
                headers: Secret::new(
                    [("authorization", "hidden")]
                        .into_iter()
                        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                        .collect::<HeaderMap>(),
                ),
                max_attempts: 1,
                timeout: DEFAULT_WEBHOOK_TIMEOUT,
            };
            let shown = webhook_to_pb(&webhook);
            assert_eq!(shown.url, expected);
            assert!(shown.signed);
            for text in [format!("{webhook:?}"), format!("{shown:?}")] {
                assert!(!text.contains("hidden"), "{text}");
            }
        }
    }
}
