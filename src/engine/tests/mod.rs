//! The engine against its rules: tables of scripts, a file for each group of
//! rules, and properties over random journals.
//!
//! Every script and every random journal is also folded again, replayed and
//! folded on from snapshots, and must give the same each time.

mod arbitrary;
mod health_script;
mod script;
mod sim;

mod absence;
mod clocks;
mod contracts;
mod day;
mod early;
mod ends;
mod health;
mod identity;
mod interleaved;
mod keys;
mod oracle;
mod properties;
mod queries;
mod settling;
mod stalls;
