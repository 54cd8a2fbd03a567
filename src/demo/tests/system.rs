//! The services and their calls.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_stream::{StreamExt, once};
use tonic::Code;
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use super::*;
use crate::{
    demo::{
        case::{ORDER_CREATED, ORDER_EXECUTED, ORDER_RECEIVED, ORDER_WRITTEN},
        livecheck::endpoint,
        services::OrderSystem,
    },
    pb::demo::{InitOrderRequest, order_init_service_client::OrderInitServiceClient},
};

const SLOWNESS: Duration = Duration::from_millis(50);

/// The signals of an order: their names, and whether the side is still that
/// with which the order was placed.
fn expected(hurt: Option<Hurt>) -> Vec<(&'static str, bool)> {
    match hurt {
        None | Some(Hurt::StepTooSlow) => vec![
            (ORDER_RECEIVED, true),
            (ORDER_CREATED, true),
            (ORDER_WRITTEN, true),
            (ORDER_EXECUTED, true),
        ],
        Some(Hurt::SideChanged) => vec![
            (ORDER_RECEIVED, true),
            (ORDER_CREATED, true),
            (ORDER_WRITTEN, false),
            (ORDER_EXECUTED, false),
        ],
        Some(Hurt::MessageLost) => vec![
            (ORDER_RECEIVED, true),
            (ORDER_CREATED, true),
            (ORDER_WRITTEN, true),
        ],
        Some(Hurt::SignalDoubled) => vec![
            (ORDER_RECEIVED, true),
            (ORDER_CREATED, true),
            (ORDER_CREATED, true),
            (ORDER_WRITTEN, true),
            (ORDER_EXECUTED, true),
        ],
        Some(Hurt::OutOfOrder) => vec![
            (ORDER_RECEIVED, true),
            (ORDER_CREATED, true),
            (ORDER_EXECUTED, true),
            (ORDER_WRITTEN, true),
        ],
    }
}

#[tokio::test]
async fn every_signal_of_a_sampled_order_carries_its_test() {
    let mock = Mock::start(Behaviour::default()).await;
    let plan = Arc::new(plan(&Options::default()));
    let (system, _told) = OrderSystem::start(mock.addr, plan.clone(), SLOWNESS)
        .await
        .expect("starts");

    let mut tests = 0;
    for order in plan.orders() {
        let hurt = plan.hurt(&order.id);
        let began = Instant::now();
        let (id, test) = system.place(&order).await.expect("goes through");
        assert_eq!(id, order.id);
        assert!(hurt != Some(Hurt::StepTooSlow) || began.elapsed() >= SLOWNESS);

        assert_eq!(test.is_some(), sampled(&id), "{id}");
        if let Some(test) = &test {
            assert_eq!((test.id(), test.case_name()), (id.as_str(), CASE_NAME));
            tests += 1;
        }
        let heard = mock.heard_of(&id);
        for signal in &heard {
            assert_eq!(signal.test, test, "{} of {id}", signal.name);
        }
        let placed = order.named_args();
        let heard: Vec<_> = heard
            .iter()
            .map(|signal| (signal.name.as_str(), signal.value["side"] == placed["side"]))
            .collect();
        assert_eq!(heard, expected(hurt), "{id}, {hurt:?}");
    }
    assert!((1..40).contains(&tests), "{tests}");
}

#[tokio::test]
async fn orders_go_through_whatever_livecheck_says() {
    let plan = Arc::new(plan(&Options::default()));
    let order = plan
        .orders()
        .find(|order| sampled(&order.id))
        .expect("is sampled");
    for (refuses_submissions, refuses_signals, tested, failed) in [
        (false, false, true, 0),
        (true, false, false, 1),
        (false, true, true, 4),
        (true, true, false, 5),
    ] {
        let mock = Mock::start(Behaviour {
            refuses_submissions,
            refuses_signals,
            ..Behaviour::default()
        })
        .await;
        let (system, mut told) = OrderSystem::start(mock.addr, plan.clone(), SLOWNESS)
            .await
            .expect("starts");
        let (_, test) = system.place(&order).await.expect("goes through");
        assert_eq!(test.is_some(), tested);

        let mut failures = 0;
        while let Ok(told) = told.try_recv() {
            failures += usize::from(matches!(told, livecheck::Told::Failed { .. }));
        }
        assert_eq!(failures, failed);
    }
}

#[tokio::test]
async fn what_is_no_order_is_refused() {
    let mock = Mock::start(Behaviour::default()).await;
    let plan = Arc::new(plan(&Options::default()));
    let (system, _told) = OrderSystem::start(mock.addr, plan, SLOWNESS)
        .await
        .expect("starts");
    let (_, init) = system.services[0];
    let status = OrderInitServiceClient::new(endpoint(init).connect_lazy())
        .init_order(InitOrderRequest::default())
        .await
        .expect_err("there is no order");
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn each_service_describes_itself() {
    let mock = Mock::start(Behaviour::default()).await;
    let plan = Arc::new(plan(&Options::default()));
    let (system, _told) = OrderSystem::start(mock.addr, plan, SLOWNESS)
        .await
        .expect("starts");
    for (name, addr) in system.services {
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut answers = ServerReflectionClient::new(endpoint(addr).connect_lazy())
            .server_reflection_info(once(request))
            .await
            .expect("answers")
            .into_inner();
        let answer = answers.next().await.expect("one answer").expect("is well");
        let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
            panic!("{answer:?}");
        };
        let names: Vec<_> = list
            .service
            .into_iter()
            .map(|service| service.name)
            .collect();
        assert!(names.iter().any(|listed| listed == name), "{names:?}");
        assert!(
            !names
                .iter()
                .any(|listed| listed.starts_with("livecheck.v1"))
        );
    }
}
