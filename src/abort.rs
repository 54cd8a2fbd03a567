//! Ends the process where a thread that others wait for panics.

use std::thread;

/// Held by a thread without which every caller would wait for ever: what it
/// holds is unknown after a panic, and the next start folds it anew.
pub(crate) struct AbortOnPanic(pub &'static str);

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            tracing::error!(thread = self.0, "a thread panicked; ending the process");
            std::process::abort();
        }
    }
}
