use std::{sync::Arc, time::Duration};

use tonic::{Request, Response, Status};

use crate::{
    demo::{
        case::ORDER_WRITTEN,
        livecheck::LiveCheck,
        order::Order,
        plan::{Hurt, Plan},
    },
    headers::PassOn,
    pb::demo::{
        ExecuteOrderRequest, WriteOrderRequest, WriteOrderResponse,
        database_writer_service_server::DatabaseWriterService,
        order_executor_service_client::OrderExecutorServiceClient,
    },
};

/// Writes orders to a database that is not there, and has them executed.
pub struct DatabaseWriter {
    pub livecheck: LiveCheck,
    pub next: OrderExecutorServiceClient<PassOn<tonic::transport::Channel>>,
    pub plan: Arc<Plan>,
    /// How long the database takes when it is too slow.
    pub slowness: Duration,
}

impl DatabaseWriter {
    async fn execute(&self, order: &Order) -> Result<(), Status> {
        let request = ExecuteOrderRequest {
            order: Some(order.to_pb()),
        };
        self.next.clone().execute_order(request).await?;
        Ok(())
    }
}

#[tonic::async_trait]
impl DatabaseWriterService for DatabaseWriter {
    async fn write_order(
        &self,
        request: Request<WriteOrderRequest>,
    ) -> Result<Response<WriteOrderResponse>, Status> {
        let order = Order::from_pb(request.into_inner().order)?;
        let written = self.livecheck.signal(ORDER_WRITTEN, &order);

        match self.plan.hurt(&order.id) {
            Some(Hurt::MessageLost) => written.await,
            Some(Hurt::OutOfOrder) => {
                self.execute(&order).await?;
                written.await;
            }
            Some(Hurt::StepTooSlow) => {
                tokio::time::sleep(self.slowness).await;
                written.await;
                self.execute(&order).await?;
            }
            Some(Hurt::SideChanged | Hurt::SignalDoubled) | None => {
                written.await;
                self.execute(&order).await?;
            }
        }
        Ok(Response::new(WriteOrderResponse {}))
    }
}
