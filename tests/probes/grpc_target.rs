//! A gRPC server whose every answer is the test's: the order service of the
//! demo's schema, with reflection or without.

use std::net::SocketAddr;

use livecheck::{
    headers::{CurrentTest, read_metadata},
    pb::{
        self,
        demo::{
            InitOrderRequest, InitOrderResponse,
            order_init_service_server::{OrderInitService, OrderInitServiceServer},
        },
    },
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};
use tonic::{
    Request, Response, Status,
    metadata::MetadataMap,
    service::RoutesBuilder,
    transport::{Server, server::TcpIncoming},
};
use tonic_reflection::server::Builder;

use crate::livecheck::LONG;

/// The method that it serves.
pub const METHOD: &str = "livecheck.demo.v1.OrderInitService/InitOrder";

/// How a server tells of its services.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reflection {
    V1,
    V1Alpha,
    None,
}

/// A call that waits for its answer.
pub struct Call {
    pub metadata: MetadataMap,
    pub request: InitOrderRequest,
    answer: oneshot::Sender<Result<(), Status>>,
}

impl Call {
    /// The test whose headers it carries.
    pub fn test(&self) -> CurrentTest {
        read_metadata(&self.metadata).test().expect("it has a test")
    }

    /// Value of a key of the metadata.
    pub fn metadata(&self, key: &str) -> &str {
        self.metadata.get(key).unwrap().to_str().unwrap()
    }

    pub fn answer(self, answer: Result<(), Status>) {
        self.answer.send(answer).expect("it is waited for");
    }
}

/// A server on a port of its own.
pub struct Target {
    addr: SocketAddr,
    calls: mpsc::UnboundedReceiver<Call>,
    serving: JoinHandle<()>,
}

impl Target {
    pub async fn start(reflection: Reflection) -> Target {
        Target::on(SocketAddr::from(([127, 0, 0, 1], 0)), reflection).await
    }

    /// A server at an address where none is.
    pub async fn on(addr: SocketAddr, reflection: Reflection) -> Target {
        let listener = TcpListener::bind(addr).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (tell, calls) = mpsc::unbounded_channel();
        let mut routes = RoutesBuilder::default();
        routes.add_service(OrderInitServiceServer::new(Service(tell)));
        let builder = || Builder::configure().register_encoded_file_descriptor_set(pb::DESCRIPTORS);
        match reflection {
            Reflection::V1 => {
                routes.add_service(builder().build_v1().unwrap());
            }
            Reflection::V1Alpha => {
                routes.add_service(builder().build_v1alpha().unwrap());
            }
            Reflection::None => {}
        }
        let serving = Server::builder()
            .add_routes(routes.routes())
            .serve_with_incoming(TcpIncoming::from(listener));
        Target {
            addr,
            calls,
            serving: tokio::spawn(async move { serving.await.unwrap() }),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The next call.
    pub async fn call(&mut self) -> Call {
        let call = timeout(LONG, self.calls.recv()).await;
        call.expect("a call comes").expect("the server is up")
    }

    /// Kills it: where it was.
    pub async fn kill(self) -> SocketAddr {
        self.serving.abort();
        assert!(self.serving.await.unwrap_err().is_cancelled());
        self.addr
    }
}

struct Service(mpsc::UnboundedSender<Call>);

#[tonic::async_trait]
impl OrderInitService for Service {
    async fn init_order(
        &self,
        request: Request<InitOrderRequest>,
    ) -> Result<Response<InitOrderResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        let (answer, answered) = oneshot::channel();
        let told = self.0.send(Call {
            metadata,
            request,
            answer,
        });
        match (told, answered.await) {
            (Ok(()), Ok(answer)) => answer.map(|()| Response::new(InitOrderResponse {})),
            _ => Err(Status::aborted("the test has ended")),
        }
    }
}
