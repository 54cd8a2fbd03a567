//! Lists that come in pages, up to the number that was asked for.

use clap::Args;
use prost::Message;
use tonic::Status;

use crate::cli::{
    Context, client::Client, error::CliError, exit::Exit, output::Style, text::count,
};

/// Entries shown unless asked for more.
const DEFAULT_LIMIT: usize = 50;
/// Most entries that are asked for at once.
const MAX_PAGE: usize = 200;

/// How much of a list is shown.
#[derive(Args, Clone, Copy, Debug)]
pub struct Limit {
    /// Show at most so many; 0 shows all [default: 50]
    #[arg(long, value_name = "COUNT")]
    pub limit: Option<usize>,
}

/// What kind of entries a list has.
pub struct Kind<T> {
    /// What one is called.
    pub noun: &'static str,
    /// Full name of its message.
    pub full_name: &'static str,
    /// Shows all of them as text.
    pub render: fn(&[T], Style) -> String,
}

/// One page: its entries and the token of the next one.
pub type Page<T> = (Vec<T>, String);

/// Shows a list. `call` gets one page, by its size and token. As JSON each page
/// is written when it comes; a table waits for all, to align them.
pub async fn list<T: Message>(
    context: &mut Context<'_>,
    client: &Client,
    limit: Limit,
    kind: Kind<T>,
    mut call: impl AsyncFnMut(i32, String) -> Result<Page<T>, Status>,
) -> Result<Exit, CliError> {
    let mut left = match limit.limit.unwrap_or(DEFAULT_LIMIT) {
        0 => usize::MAX,
        limit => limit,
    };
    let mut shown = 0;
    let mut waiting = Vec::new();
    let mut token = String::new();
    loop {
        let size = i32::try_from(left.min(MAX_PAGE)).unwrap_or(i32::MAX);
        let (mut page, next) = call(size, token)
            .await
            .map_err(|status| client.error(status))?;
        page.truncate(left);
        left -= page.len();
        shown += page.len();
        token = next;
        if context.output.is_json() {
            context
                .output
                .messages(kind.full_name, &page, kind.render)?;
        } else {
            waiting.append(&mut page);
        }
        if token.is_empty() || left == 0 {
            break;
        }
    }
    if !waiting.is_empty() {
        context
            .output
            .messages(kind.full_name, &waiting, kind.render)?;
    }
    if shown == 0 {
        context.tell(&format!("no {}s", kind.noun));
    }
    if !token.is_empty() {
        context.tell(&format!(
            "{}, and there are more; --limit 0 shows all",
            count(shown, kind.noun)
        ));
    }
    Ok(Exit::Ok)
}
