//! The command line against a server that answers what a test tells it to,
//! over a real port.

mod apply;
mod cases;
mod executions;
mod mock;
mod process;
mod reports;
mod signals;
mod terminal;
