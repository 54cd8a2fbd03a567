//! The order system: four services, each a gRPC server on a port of its own.
//!
//! Each knows only the address of the next one. What is done to an order on
//! purpose they read from the plan, so that it does not show in any message.

mod create;
mod executor;
mod init;
mod writer;

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinSet,
};
use tonic::{
    body::Body,
    codegen::Service,
    server::NamedService,
    transport::{Channel, Server, server::TcpIncoming},
};
use tower::Layer;

use super::{
    error::DemoError,
    livecheck::{LiveCheck, Told, endpoint},
    order::Order,
    plan::Plan,
};
use crate::{
    headers::{CurrentTest, CurrentTestLayer, PassOn, TestHeadersLayer, read_metadata},
    pb::{
        self,
        demo::{
            InitOrderRequest, database_writer_service_client::DatabaseWriterServiceClient,
            database_writer_service_server::DatabaseWriterServiceServer,
            order_create_service_client::OrderCreateServiceClient,
            order_create_service_server::OrderCreateServiceServer,
            order_executor_service_client::OrderExecutorServiceClient,
            order_executor_service_server::OrderExecutorServiceServer,
            order_init_service_client::OrderInitServiceClient,
            order_init_service_server::OrderInitServiceServer,
        },
    },
};

/// The running services; they stop when this is dropped.
pub struct OrderSystem {
    init: OrderInitServiceClient<Channel>,
    /// Where each service is, by its full name, in the order of the way.
    pub services: [(&'static str, SocketAddr); 4],
    _servers: JoinSet<()>,
}

impl OrderSystem {
    /// Starts the services; how their calls to LiveCheck went can be received.
    /// The step that is too slow takes `slowness`.
    pub async fn start(
        livecheck: SocketAddr,
        plan: Arc<Plan>,
        slowness: Duration,
    ) -> Result<(Self, UnboundedReceiver<Told>), DemoError> {
        let (tell, told) = unbounded_channel();
        let livecheck = || LiveCheck::new(livecheck, tell.clone());
        let mut servers = JoinSet::new();

        let executor = executor::OrderExecutor {
            livecheck: livecheck(),
        };
        let executor = serve(&mut servers, OrderExecutorServiceServer::new(executor)).await?;
        let writer = writer::DatabaseWriter {
            livecheck: livecheck(),
            next: OrderExecutorServiceClient::new(passing_on(executor.1)),
            plan: plan.clone(),
            slowness,
        };
        let writer = serve(&mut servers, DatabaseWriterServiceServer::new(writer)).await?;
        let create = create::OrderCreate {
            livecheck: livecheck(),
            next: DatabaseWriterServiceClient::new(passing_on(writer.1)),
            plan,
        };
        let create = serve(&mut servers, OrderCreateServiceServer::new(create)).await?;
        let init = init::OrderInit {
            livecheck: livecheck(),
            next: OrderCreateServiceClient::new(passing_on(create.1)),
        };
        let init = serve(&mut servers, OrderInitServiceServer::new(init)).await?;

        let system = OrderSystem {
            init: OrderInitServiceClient::new(endpoint(init.1).connect_lazy()),
            services: [init, create, writer, executor],
            _servers: servers,
        };
        Ok((system, told))
    }

    /// Places an order, as a customer does, and waits until it has gone
    /// through: its id, and the test that it became if it was sampled.
    pub fn place(
        &self,
        order: &Order,
    ) -> impl Future<Output = Result<(String, Option<CurrentTest>), DemoError>> + Send + 'static
    {
        let mut init = self.init.clone();
        let id = order.id.clone();
        let request = InitOrderRequest {
            order: Some(order.to_pb()),
        };
        async move {
            match init.init_order(request).await {
                Ok(response) => Ok((id, read_metadata(response.metadata()).test())),
                Err(status) => Err(DemoError::Order {
                    id,
                    status: Box::new(status),
                }),
            }
        }
    }
}

/// A channel to the next service whose calls carry the current test.
fn passing_on(addr: SocketAddr) -> PassOn<Channel> {
    CurrentTestLayer.layer(endpoint(addr).connect_lazy())
}

/// Serves one service, and reflection for those who want to call it by hand,
/// on a free port of this machine: its name and its address.
async fn serve<S>(
    servers: &mut JoinSet<()>,
    service: S,
) -> Result<(&'static str, SocketAddr), DemoError>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
        + NamedService
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(DemoError::Listen)?;
    let addr = listener.local_addr().map_err(DemoError::Listen)?;
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(pb::DESCRIPTORS)
            .with_service_name(S::NAME)
    };
    let whole = "the build's own descriptors are whole";
    let server = Server::builder()
        .layer(TestHeadersLayer::default())
        .add_service(reflection().build_v1().expect(whole))
        .add_service(reflection().build_v1alpha().expect(whole))
        .add_service(service)
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)));
    servers.spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(service = S::NAME, %error, "an order service stopped");
        }
    });
    Ok((S::NAME, addr))
}
