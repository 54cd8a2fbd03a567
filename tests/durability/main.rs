//! What the server promises to keep, held against the real binary: it is killed,
//! stopped under load, started on damaged files and left without space.
//!
//! `LIVECHECK_SEED` repeats a run; every test prints the seed it goes by.

mod clients;
mod damage;
mod day;
mod drain;
mod full_disk;
mod interleaved;
mod kill;
#[path = "../load/mod.rs"]
mod load;
mod random;
mod recount;
mod restart;
mod server;
mod suspended;

use std::time::Duration;

/// How long anything may take; only what hangs takes so long.
const DEADLINE: Duration = Duration::from_secs(60);

/// A number from the environment, or the one that is good for every day.
fn number(variable: &str, usual: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|error| {
            panic!("{variable}={text}: {error}");
        }),
        Err(_) => usual,
    }
}
