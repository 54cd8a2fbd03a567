use tonic::{Request, Response, Status};

use crate::{
    demo::{case::ORDER_RECEIVED, livecheck::LiveCheck, order::Order},
    headers::{PassOn, with_current_test},
    pb::demo::{
        CreateOrderRequest, InitOrderRequest, InitOrderResponse,
        order_create_service_client::OrderCreateServiceClient,
        order_init_service_server::OrderInitService,
    },
};

/// Where orders come in, and where some of them become tests.
pub struct OrderInit {
    pub livecheck: LiveCheck,
    pub next: OrderCreateServiceClient<PassOn<tonic::transport::Channel>>,
}

#[tonic::async_trait]
impl OrderInitService for OrderInit {
    async fn init_order(
        &self,
        request: Request<InitOrderRequest>,
    ) -> Result<Response<InitOrderResponse>, Status> {
        let order = Order::from_pb(request.into_inner().order)?;
        let test = self.livecheck.submit(&order).await;
        // From here on every call belongs to the test, if there is one.
        with_current_test(test.clone(), async {
            self.livecheck.signal(ORDER_RECEIVED, &order).await;
            let request = CreateOrderRequest {
                order: Some(order.to_pb()),
            };
            self.next.clone().create_order(request).await
        })
        .await?;

        let mut response = Response::new(InitOrderResponse {});
        if let Some(test) = test {
            test.write_metadata(response.metadata_mut());
        }
        Ok(response)
    }
}
