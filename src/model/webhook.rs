use std::{fmt, time::Duration};

use http::{HeaderMap, Uri};

/// How often a webhook is tried unless its settings say otherwise.
pub const DEFAULT_MAX_ATTEMPTS: u32 = 12;
/// How long an attempt may take unless the settings say otherwise.
pub const DEFAULT_WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// A webhook of the server: a setting, and no fact of the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// Its name, by which cases name it.
    pub name: String,
    /// Where it is: an absolute URL. Secret, as some receivers know their
    /// senders by it alone.
    pub url: Secret<Uri>,
    /// The form in which it is told.
    pub format: WebhookFormat,
    /// Whether it is told of every case, and not of those only that name it.
    pub every_case: bool,
    /// Whether it is told of every report, and not of transitions only.
    pub reports: bool,
    /// The key of the signatures; none: it is not signed.
    pub key: Option<Secret<Vec<u8>>>,
    /// Headers that are sent along.
    pub headers: Secret<HeaderMap>,
    /// Attempts after which a notification is given up; at least 1.
    pub max_attempts: u32,
    /// How long an attempt may take.
    pub timeout: Duration,
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

/// A value that is never shown: not by `Debug`, so neither by logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Hides a value.
    pub fn new(value: T) -> Self {
        Secret(value)
    }

    /// The value, for its use.
    pub fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}
