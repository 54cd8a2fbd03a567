//! HTTP as LiveCheck itself speaks it. It knows no case and no journal.

mod client;
#[cfg(test)]
mod tests;

use std::{error::Error, io};

pub use client::{HttpClient, HttpConnection, HttpError};

/// Longest text that is kept of what went wrong, in characters; servers write it.
const MAX_TEXT_CHARS: usize = 300;

/// A text of somebody else as it may be logged and kept: on one line, without
/// control characters, and cut to a bearable length.
pub fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    let mut line = words.join(" ");
    if let Some((end, _)) = line.char_indices().nth(MAX_TEXT_CHARS) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// Why something failed, for people: what the operating system said if it was
/// asked, else each error and the one behind it.
pub fn cause(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<io::Error>()
            && io.raw_os_error().is_some()
        {
            return io.kind().to_string();
        }
        let said = error.to_string();
        // Many errors repeat the one behind them.
        if !text.contains(&said) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&said);
        }
        next = error.source();
    }
    text
}
