//! HTTP as LiveCheck itself speaks it. It knows no case and no journal.

mod client;
#[cfg(test)]
mod tests;

use std::{error::Error, io};

pub use client::{HttpClient, HttpConnection, HttpError, Limits};

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
