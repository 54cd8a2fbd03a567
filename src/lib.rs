//! LiveCheck tests asynchronous systems while they run.

pub mod archive;
pub mod casefile;
pub mod cli;
pub mod clock;
pub mod contract;
pub mod convert;
pub mod demo;
pub mod headers;
pub mod journal;
pub mod model;
pub mod pb;
pub mod plan;
pub mod settings;
