//! LiveCheck tests asynchronous systems while they run.

mod abort;
pub mod archive;
pub mod casefile;
pub mod cli;
pub mod clock;
pub mod contract;
pub mod convert;
pub mod demo;
pub mod engine;
pub mod headers;
pub mod http;
pub mod journal;
pub mod metrics;
pub mod model;
pub mod node;
pub mod notify;
pub mod pb;
pub mod plan;
pub mod probe;
pub mod server;
pub mod services;
pub mod settings;
pub mod telemetry;
