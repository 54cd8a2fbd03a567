//! Watches: streams that are opened again when they break. The resume token
//! never gets ahead of what was shown.

use std::{ops::ControlFlow, time::Duration};

use prost::Message;
use tokio::time::sleep;
use tonic::{Status, Streaming};

use super::pages::Limit;
use crate::{
    cli::{
        Context,
        client::Client,
        error::{CliError, retry_delay, root_cause},
        exit::Exit,
        output::Style,
        render,
    },
    pb::v1::{WatchCasesResponse, WatchReportsResponse},
};

/// An item of a watch that resumes from a token.
pub trait Item: Message {
    /// Full name of its message.
    const FULL_NAME: &str;

    /// Whether it tells something, and is no mere checkpoint.
    fn has_news(&self) -> bool;

    /// Where the watch resumes after it.
    fn into_token(self) -> String;
}

impl Item for WatchReportsResponse {
    const FULL_NAME: &str = render::WATCHED_REPORT;

    fn has_news(&self) -> bool {
        self.report.is_some()
    }

    fn into_token(self) -> String {
        self.resume_token
    }
}

impl Item for WatchCasesResponse {
    const FULL_NAME: &str = render::WATCHED_CASE;

    fn has_news(&self) -> bool {
        self.payload.is_some()
    }

    fn into_token(self) -> String {
        self.resume_token
    }
}

/// Where a watch begins and how much it shows.
pub struct Resume {
    /// Token of where an earlier watch ended.
    pub token: Option<String>,
    /// How many items are shown; none or 0: without end.
    pub limit: Limit,
}

/// Shows a watch that resumes from tokens. `open` opens its stream at a token;
/// `render` shows an item, with the heading of the table or without.
pub async fn watch<T: Item>(
    context: &mut Context<'_>,
    client: &Client,
    resume: Resume,
    mut open: impl AsyncFnMut(String) -> Result<Streaming<T>, Status>,
    render: fn(&T, bool, Style) -> String,
) -> Result<Exit, CliError> {
    context.resume_token = resume.token.unwrap_or_default();
    let mut left = resume.limit.limit.filter(|limit| *limit > 0);
    let mut with_heading = true;
    let open = async |context: &Context<'_>| open(context.resume_token.clone()).await;
    let each = |context: &mut Context<'_>, item: T| {
        if item.has_news() {
            let render = |item: &T, style| render(item, with_heading, style);
            context.output.message(T::FULL_NAME, &item, render)?;
            with_heading = false;
            left = left.map(|left| left.saturating_sub(1));
        }
        // Only now: what was not shown is not behind the token.
        context.resume_token = item.into_token();
        Ok(match left {
            Some(0) => ControlFlow::Break(Exit::Ok),
            _ => ControlFlow::Continue(()),
        })
    };
    let ended = follow(context, client, open, each).await;
    if let Err(CliError::Refused(_)) = ended {
        // This token is what the server refused.
        context.resume_token.clear();
    }
    ended
}

/// Follows a stream until `each` breaks off, or an error that does not pass.
/// `open` begins anew where `each` got to; what that is, is theirs.
pub async fn follow<T>(
    context: &mut Context<'_>,
    client: &Client,
    mut open: impl AsyncFnMut(&Context<'_>) -> Result<Streaming<T>, Status>,
    mut each: impl FnMut(&mut Context<'_>, T) -> Result<ControlFlow<Exit>, CliError>,
) -> Result<Exit, CliError> {
    let mut backoff = context.backoff;
    let mut told = false;
    loop {
        let ended = match open(context).await {
            Err(status) => Some(status),
            Ok(mut stream) => loop {
                match stream.message().await {
                    Ok(None) => break None,
                    Err(status) => break Some(status),
                    Ok(Some(item)) => {
                        backoff.reset();
                        told = false;
                        if let ControlFlow::Break(exit) = each(context, item)? {
                            return Ok(exit);
                        }
                    }
                }
            },
        };
        let (why, asked) = match ended {
            None => ("the server ended it".to_owned(), Duration::ZERO),
            Some(status) => match retry_delay(&status) {
                None => return Err(client.error(status)),
                Some(asked) if status.message().is_empty() => (root_cause(&status), asked),
                Some(asked) => (status.message().to_owned(), asked),
            },
        };
        if !told {
            context.tell(&format!("the watch broke off ({why}); trying again"));
            told = true;
        }
        sleep(backoff.delay(asked)).await;
    }
}
