//! The commands, one a file: their arguments, their call and what is shown.

pub mod apply;
pub mod cancel;
pub mod case;
pub mod cases;
pub mod completions;
pub mod control;
pub mod delete;
pub mod demo;
pub mod execution;
pub mod executions;
pub mod failures;
pub mod notifications;
mod pages;
pub mod report;
pub mod reports;
pub mod retry;
pub mod serve;
pub mod signal;
mod stream;
pub mod submit;
pub mod wait;
mod watch;
pub mod webhooks;
