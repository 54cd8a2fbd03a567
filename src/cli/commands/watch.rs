//! Watches: streams that are opened again when they break.

use std::{ops::ControlFlow, time::Duration};

use tokio::time::sleep;
use tonic::{Status, Streaming};

use crate::cli::{
    Context,
    client::Client,
    error::{CliError, retry_delay, root_cause},
    exit::Exit,
};

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
