/// A webhook of the server: a setting, and no fact of the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// Its name, by which cases name it.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// The form in which it is told.
    pub format: WebhookFormat,
    /// Whether it is told of every case, and not of those only that name it.
    pub every_case: bool,
    /// Whether it is told of every report, and not of transitions only.
    pub reports: bool,
}

/// The form in which a webhook is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookFormat {
    /// CloudEvents 1.0 in JSON, structured mode.
    CloudEvents,
    /// A message for incoming webhooks of Slack.
    Slack,
    /// Alerts for the API of Alertmanager.
    Alertmanager,
}
