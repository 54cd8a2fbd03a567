//! The command line against a server that answers what a test tells it to,
//! over a real port.

mod apply;
mod case_watch;
mod cases;
mod control;
mod executions;
mod failures;
mod health;
mod mock;
mod notifications;
mod process;
mod reports;
mod signals;
mod terminal;
