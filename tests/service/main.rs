//! The public API as a client meets it: a real server on a port, in the test's
//! own process.

mod drain;
mod expressions;
mod given;
mod headers;
mod health;
mod limits;
mod pages;
mod raw;
mod refusal;
mod refusals;
mod server;
mod signals;
mod stepped;
mod streams;
mod tokens;
mod values;
mod waits;
mod wall_clock;
mod watches;
mod wire;
