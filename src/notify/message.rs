//! What is sent: a notification in the form of its webhook.

use super::{alertmanager, cloudevents, slack};
use crate::{
    convert::json::JsonError,
    model::{Incident, Json, State, TestReport, Time, Transition, TransitionKind, WebhookFormat},
};

/// A notification, and what the receivers know it by.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Its id.
    pub id: &'a str,
    /// The server that tells it, as a URI reference.
    pub source: &'a str,
    /// Name of the case.
    pub case_name: &'a str,
    /// What is told.
    pub what: What<'a>,
    /// How the case stands by now, which may be later.
    pub standing: &'a Standing,
}

/// How a case stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// The incident that runs.
    pub incident: Option<Incident>,
    /// Whether the case goes back and forth.
    pub flapping: bool,
}

/// What a webhook is told of, as a whole.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// A change of the health of a case.
    Transition(&'a Transition),
    /// The report on an execution.
    Report(&'a TestReport),
}

impl What<'_> {
    /// State of the case, or of the report.
    pub fn state(self) -> State {
        match self {
            What::Transition(transition) => transition.state,
            What::Report(report) => report.state,
        }
    }

    /// What it says, for people.
    pub fn text(self) -> String {
        let report = match self {
            What::Transition(transition) => return transition.reason.clone(),
            What::Report(report) => report,
        };
        let id = report.test.as_ref().map_or("", |test| &test.id);
        match &report.error {
            Some(error) => format!("execution {id}: {error}"),
            None => format!("execution {id}"),
        }
    }
}

/// The body of a request, and its `Content-Type`.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Media type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: Json,
}

/// Why a notification cannot be told in the form of its webhook.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// Alerts are about cases.
    #[error("alerts are about cases, and this is the report on an execution")]
    NoAlert,
    /// It has no JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
}

/// A notification in a form.
pub fn message(format: WebhookFormat, about: &About<'_>) -> Result<Message, MessageError> {
    let plain = "application/json";
    let (content_type, body) = match format {
        WebhookFormat::CloudEvents => (cloudevents::MEDIA_TYPE, cloudevents::event(about)?),
        WebhookFormat::Slack => (plain, slack::message(about)),
        WebhookFormat::Alertmanager => match about.what {
            What::Transition(transition) => {
                (plain, alertmanager::alerts(transition, about.standing))
            }
            What::Report(_) => return Err(MessageError::NoAlert),
        },
    };
    Ok(Message { content_type, body })
}

/// A time as the receivers read it: RFC 3339 in UTC.
pub(super) fn instant(time: Time) -> Json {
    Json::from(time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}

/// The incident that runs after a transition.
pub(super) fn running(transition: &Transition) -> Option<&Incident> {
    let over = transition.kind == TransitionKind::Recovered;
    transition.incident.as_ref().filter(|_| !over)
}
