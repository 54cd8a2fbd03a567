//! Probes against real servers: LiveCheck on a port, targets that are told what
//! to answer, killed and started again on the same port.

mod changes;
mod clock;
mod down;
mod grpc;
mod grpc_target;
mod http;
mod http_target;
mod livecheck;
