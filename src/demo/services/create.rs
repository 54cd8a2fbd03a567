use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::{
    demo::{
        case::ORDER_CREATED,
        livecheck::LiveCheck,
        order::Order,
        plan::{Hurt, Plan},
    },
    headers::PassOn,
    pb::demo::{
        CreateOrderRequest, CreateOrderResponse, WriteOrderRequest,
        database_writer_service_client::DatabaseWriterServiceClient,
        order_create_service_server::OrderCreateService,
    },
};

/// Creates orders and has them written.
pub struct OrderCreate {
    pub livecheck: LiveCheck,
    pub next: DatabaseWriterServiceClient<PassOn<tonic::transport::Channel>>,
    pub plan: Arc<Plan>,
}

#[tonic::async_trait]
impl OrderCreateService for OrderCreate {
    async fn create_order(
        &self,
        request: Request<CreateOrderRequest>,
    ) -> Result<Response<CreateOrderResponse>, Status> {
        let mut order = Order::from_pb(request.into_inner().order)?;
        let hurt = self.plan.hurt(&order.id);

        self.livecheck.signal(ORDER_CREATED, &order).await;
        if hurt == Some(Hurt::SignalDoubled) {
            self.livecheck.signal(ORDER_CREATED, &order).await;
        }
        if hurt == Some(Hurt::SideChanged) {
            order.side = order.side.other();
        }
        let request = WriteOrderRequest {
            order: Some(order.to_pb()),
        };
        self.next.clone().write_order(request).await?;
        Ok(Response::new(CreateOrderResponse {}))
    }
}
