//! Webhooks as their receivers see them: a real server tells a real HTTP
//! receiver that fails, falls silent or breaks off, and is killed itself.
//!
//! `LIVECHECK_SEED` repeats how a receiver fails; every test prints it.

mod dead;
mod kill;
mod receiver;
mod server;
mod swings;
mod told;

use std::time::Duration;

/// How long anything may take; only what hangs takes so long.
const DEADLINE: Duration = Duration::from_secs(60);
