use tonic::{Request, Response, Status};

use crate::{
    demo::{case::ORDER_EXECUTED, livecheck::LiveCheck, order::Order},
    pb::demo::{
        ExecuteOrderRequest, ExecuteOrderResponse,
        order_executor_service_server::OrderExecutorService,
    },
};

/// Executes orders, the last step of their way.
pub struct OrderExecutor {
    pub livecheck: LiveCheck,
}

#[tonic::async_trait]
impl OrderExecutorService for OrderExecutor {
    async fn execute_order(
        &self,
        request: Request<ExecuteOrderRequest>,
    ) -> Result<Response<ExecuteOrderResponse>, Status> {
        let order = Order::from_pb(request.into_inner().order)?;
        self.livecheck.signal(ORDER_EXECUTED, &order).await;
        Ok(Response::new(ExecuteOrderResponse {}))
    }
}
