//! Why a demo ends before its time.

use std::{io, net::SocketAddr};

use tonic::Status;

use crate::server::ServerError;

/// Why the demo did not get to its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// No port is free, or none may be used.
    #[error("cannot listen on a port of 127.0.0.1: {0}")]
    Listen(io::Error),
    /// There is no place for the data.
    #[error("cannot make a directory for the data of the demo: {0}")]
    DataDir(io::Error),
    /// The LiveCheck server of the demo.
    #[error("the LiveCheck server of the demo: {0}")]
    Server(#[from] ServerError),
    /// There is no LiveCheck server where it should be.
    #[error("cannot reach the LiveCheck server of the demo at {addr}: {source}")]
    Unreachable {
        /// Where it should be.
        addr: SocketAddr,
        /// What the attempt ended with.
        source: tonic::transport::Error,
    },
    /// The LiveCheck server refused a call that the demo cannot do without.
    #[error("LiveCheck refused to {what}: {}", status_text(.status))]
    Refused {
        /// What was asked of it.
        what: &'static str,
        /// Its answer.
        status: Box<Status>,
    },
    /// The order system did not take an order.
    #[error("order {id} did not go through: {}", status_text(.status))]
    Order {
        /// Id of the order.
        id: String,
        /// The answer.
        status: Box<Status>,
    },
    /// A task of the demo ended by a panic: a defect.
    #[error("an order was dropped by a defect of the demo: {0}")]
    Dropped(tokio::task::JoinError),
    /// The stream of reports ended.
    #[error("the LiveCheck server ended the stream of reports; was it stopped?")]
    WatchEnded,
    /// A report that is not valid: a defect of the server.
    #[error("LiveCheck sent a report that cannot be read: {0}")]
    UnreadableReport(String),
    /// Executions that have no report though their time is over: a defect of
    /// the server.
    #[error("{missing} executions have no report though their time is over; one is {example}")]
    ReportsMissing {
        /// How many.
        missing: usize,
        /// Id of one of them.
        example: String,
    },
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

impl DemoError {
    /// For `map_err`: the server refused to do something.
    pub(super) fn refused(what: &'static str) -> impl FnOnce(Status) -> Self {
        move |status| DemoError::Refused {
            what,
            status: Box::new(status),
        }
    }
}

/// A status for people; what it carries for programs is left out.
pub(super) fn status_text(status: &Status) -> String {
    format!("{} ({:?})", status.message(), status.code())
}
