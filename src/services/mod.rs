//! The gRPC services: each converts, calls one method of the node, and converts
//! back. They know no store and no journal. Errors become statuses in one file,
//! `status`.

mod bad_request;
mod case;
mod execution;
mod fields;
mod notification;
mod report;
mod signal;
mod signal_stream;
mod status;
mod watch;

use std::pin::Pin;

use tonic::{Status, service::Routes};

use crate::{
    node::Node,
    pb::v1::{
        case_service_server::CaseServiceServer, execution_service_server::ExecutionServiceServer,
        notification_service_server::NotificationServiceServer,
        report_service_server::ReportServiceServer, signal_service_server::SignalServiceServer,
    },
};

pub use status::unread_response;

/// A stream of messages to a client.
type Stream<T> = Pin<Box<dyn tokio_stream::Stream<Item = Result<T, Status>> + Send>>;

/// The services over a node; `max_message_bytes` bounds each message that
/// is taken.
pub fn routes(node: &Node, max_message_bytes: usize) -> Routes {
    let node = || node.clone();
    let mut routes = Routes::builder();
    routes
        .add_service(
            ExecutionServiceServer::new(execution::Executions { node: node() })
                .max_decoding_message_size(max_message_bytes),
        )
        .add_service(
            SignalServiceServer::new(signal::Signals { node: node() })
                .max_decoding_message_size(max_message_bytes),
        )
        .add_service(
            ReportServiceServer::new(report::Reports { node: node() })
                .max_decoding_message_size(max_message_bytes),
        )
        .add_service(
            NotificationServiceServer::new(notification::NotificationCalls { node: node() })
                .max_decoding_message_size(max_message_bytes),
        )
        .add_service(
            CaseServiceServer::new(case::Cases { node: node() })
                .max_decoding_message_size(max_message_bytes),
        );
    routes.routes()
}
