//! One attempt to tell a webhook.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response,
    header::{CONTENT_TYPE, RETRY_AFTER},
};

use super::{backoff::retry_after, sign};
use crate::{
    http::{HttpClient, one_line},
    model::{Time, Webhook},
};

/// How much is read of an answer that confirms nothing, in bytes.
const MAX_ANSWER_BYTES: usize = 256;

/// What is sent; each attempt signs it anew.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Id of the notification.
    pub id: String,
    /// Media type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: Bytes,
}

/// Why an attempt failed.
#[derive(Debug)]
pub struct Failure {
    /// For people; nothing of the webhook's secrets is in it.
    pub error: String,
    /// After what time the receiver asks to be called again.
    pub retry_after: Option<Duration>,
}

impl Failure {
    fn new(error: impl ToString) -> Self {
        Failure {
            error: one_line(&error.to_string()),
            retry_after: None,
        }
    }
}

/// Tells a webhook; the head of any answer of success is its word that it was
/// told.
pub async fn post(
    client: &HttpClient,
    webhook: &Webhook,
    outgoing: &Outgoing,
    now: Time,
) -> Result<(), Failure> {
    let request = request(webhook, outgoing, now)?;
    let answered = client.request(request, webhook.timeout, MAX_ANSWER_BYTES);
    judge(answered.await.map_err(Failure::new)?, now)
}

fn request(webhook: &Webhook, outgoing: &Outgoing, now: Time) -> Result<Request<Bytes>, Failure> {
    let Outgoing {
        id,
        content_type,
        body,
    } = outgoing;
    let timestamp = now.timestamp();
    let mut request = Request::post(webhook.url.reveal())
        .header(CONTENT_TYPE, *content_type)
        .header(sign::ID, id)
        .header(sign::TIMESTAMP, timestamp);
    if let Some(key) = &webhook.key {
        let signature = sign::signature(key.reveal(), id, timestamp, body);
        request = request.header(sign::SIGNATURE, signature.map_err(Failure::new)?);
    }
    let mut request = request.body(body.clone()).map_err(Failure::new)?;
    let headers = webhook.headers.reveal();
    let further = headers.iter().map(|(name, value)| {
        let mut value: HeaderValue = value.clone();
        value.set_sensitive(true);
        (name.clone(), value)
    });
    request.headers_mut().extend(further);
    Ok(request)
}

fn judge(answer: Response<Bytes>, now: Time) -> Result<(), Failure> {
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let asked = answer.headers().get(RETRY_AFTER);
    let said = String::from_utf8_lossy(answer.body());
    let said = one_line(&said);
    let failure = Failure::new(match said.is_empty() {
        true => format!("answered {status}"),
        false => format!("answered {status}: {said}"),
    });
    let asked = asked.and_then(|asked| asked.to_str().ok());
    Err(Failure {
        retry_after: asked.and_then(|asked| retry_after(asked, now)),
        ..failure
    })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use http::StatusCode;

    use super::*;

    #[test]
    fn only_success_is_success() {
        let now = DateTime::from_timestamp(1_780_000_000, 0).unwrap();
        for (status, asked, body, expected) in [
            (204, None, "", None),
            (202, Some("5"), "queued", None),
            (302, None, "", Some(("answered 302 Found", None))),
            (410, None, "", Some(("answered 410 Gone", None))),
            (
                400,
                None,
                " invalid\r\n\u{1b}[2J blocks\t",
                Some(("answered 400 Bad Request: invalid [2J blocks", None)),
            ),
            (
                503,
                Some("7"),
                "",
                Some(("answered 503 Service Unavailable", Some(7))),
            ),
            (
                429,
                Some("soon"),
                "",
                Some(("answered 429 Too Many Requests", None)),
            ),
        ] {
            let mut answer = Response::new(Bytes::from_static(body.as_bytes()));
            *answer.status_mut() = StatusCode::from_u16(status).unwrap();
            if let Some(asked) = asked {
                let headers = answer.headers_mut();
                headers.insert(RETRY_AFTER, HeaderValue::from_static(asked));
            }
            let failed = judge(answer, now).err();
            let failed = failed.as_ref().map(|failure| {
                let asked = failure.retry_after.map(|asked| asked.as_secs());
                (failure.error.as_str(), asked)
            });
            assert_eq!(failed, expected, "{status}");
        }
    }
}
