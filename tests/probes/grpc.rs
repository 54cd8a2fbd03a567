//! Probes by gRPC: by reflection and with descriptors of the case, what the
//! target sees, and what cannot be called.

use livecheck::{
    convert::value::json_to_pb,
    pb::{
        self,
        demo::{Order, Side},
        v1::{GrpcProbe, State, TransitionKind, probe::Request as ProbeRequest},
    },
};
use prost_types::Struct;
use serde_json::{Value, json};
use tonic::Status;

use crate::{
    grpc_target::{METHOD, Reflection, Target},
    livecheck::{LiveCheck, call, case, get, probe_of, transition},
};

fn object(value: &Value) -> Option<Struct> {
    let fields = value.as_object()?.iter();
    let fields = fields.map(|(name, value)| (name.clone(), json_to_pb(value)));
    Some(Struct {
        fields: fields.collect(),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unary_call_is_made_however_its_method_is_found() {
    let livecheck = LiveCheck::start().await;
    for reflection in [Reflection::V1, Reflection::V1Alpha, Reflection::None] {
        let mut target = Target::start(reflection).await;
        let name = format!("orders.{reflection:?}");
        let mut declared = case(
            &name,
            ProbeRequest::Grpc(GrpcProbe {
                request: object(&json!({"order": {
                    "id": "o-1", "side": "SIDE_SELL", "quantity": 3, "price": 1.25,
                }})),
                metadata: [
                    ("baggage".to_owned(), "team=a".to_owned()),
                    ("x-own-bin".to_owned(), "AP8".to_owned() + "="),
                ]
                .into(),
                descriptor_set: match reflection {
                    Reflection::None => pb::DESCRIPTORS.to_vec(),
                    _ => Vec::new(),
                },
                ..call(target.url(), METHOD)
            }),
        );
        probe_of(&mut declared).fake_header = "x-fake".to_owned();
        livecheck.apply(declared).await;

        // What was found out about the method does for the second probe.
        for probes in 0..2 {
            let call = target.call().await;
            let expected = Order {
                id: "o-1".to_owned(),
                side: Side::Sell.into(),
                quantity: 3,
                price: 1.25,
            };
            assert_eq!(call.request.order, Some(expected));
            assert_eq!(call.metadata("baggage"), "team=a,livecheck.fake=true");
            assert_eq!(call.metadata("x-fake"), "true");
            let own = call.metadata.get_bin("x-own-bin").unwrap();
            assert_eq!(own.to_bytes().unwrap().as_ref(), [0, 255]);
            let test = call.test();
            let traceparent = call.metadata("traceparent").to_owned();
            let status = livecheck.status(&name).await;
            assert_eq!(status.probe.map_or(0, |probe| probe.probes), probes);

            livecheck.signal(&test).await;
            call.answer(Ok(()));
            let report = livecheck.report(&test).await;
            assert_eq!(report.state(), State::Pass, "{report:?}");
            assert_eq!(report.test.unwrap().traceparent, traceparent);
        }
    }
    livecheck.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grpc_target_is_killed_and_started_again() {
    let livecheck = LiveCheck::start().await;
    let mut target = Target::start(Reflection::V1).await;
    let mut watch = livecheck.watch().await;
    livecheck
        .apply(case(
            "orders",
            ProbeRequest::Grpc(call(target.url(), METHOD)),
        ))
        .await;

    let first = target.call().await;
    first.answer(Err(Status::unavailable("out of\norders")));
    let down = transition(&mut watch).await;
    let expected = "the probe failed: gRPC status UNAVAILABLE: out of orders \
                    (1 attempt)";
    assert_eq!(down.reason, expected);

    // A status is an answer only if it is OK, and then the case may recover.
    let call = target.call().await;
    let test = call.test();
    call.answer(Ok(()));
    let second = target.call().await;
    livecheck.signal(&test).await;
    let recovered = transition(&mut watch).await;
    assert_eq!(recovered.kind(), TransitionKind::Recovered);
    second.answer(Ok(()));

    // By then the method is known, and the target is not there.
    let addr = target.kill().await;
    let down = transition(&mut watch).await;
    let expected = "the probe failed: connection refused (1 attempt)";
    assert_eq!(down.reason, expected);
    let executions = livecheck.executions("orders").await.len();

    let mut target = Target::on(addr, Reflection::V1Alpha).await;
    let call = target.call().await;
    let test = call.test();
    assert_eq!(livecheck.executions("orders").await.len(), executions + 1);
    call.answer(Ok(()));
    let last = target.call().await;
    livecheck.signal(&test).await;
    let recovered = transition(&mut watch).await;
    assert_eq!(recovered.kind(), TransitionKind::Recovered);
    last.answer(Ok(()));
    livecheck.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_called_is_told_and_gets_no_execution() {
    let livecheck = LiveCheck::start().await;
    let own = |method| call(livecheck.url(), method);
    let mute = Target::start(Reflection::None).await;
    let plain = crate::http_target::Target::start().await;
    let mut watch = livecheck.watch().await;
    for (probe, expected) in [
        (
            own("orders.v1.Orders/Create"),
            "the target knows no service orders.v1.Orders",
        ),
        (
            own("livecheck.v1.CaseService/MakeCase"),
            "service livecheck.v1.CaseService has no method MakeCase",
        ),
        (
            own("livecheck.v1.CaseService/WatchCases"),
            "livecheck.v1.CaseService/WatchCases is a streaming method; only unary methods can \
             be probed",
        ),
        (
            GrpcProbe {
                request: object(&json!({"title": "orders"})),
                ..own("livecheck.v1.CaseService/GetCase")
            },
            "the request of the probe is no livecheck.v1.GetCaseRequest: unrecognized field name \
             'title'",
        ),
        (
            call(mute.url(), METHOD),
            "the target serves no reflection: turn it on, or give the probe a descriptor_set",
        ),
        (
            GrpcProbe {
                descriptor_set: pb::DESCRIPTORS.to_vec(),
                ..call(mute.url(), "orders.v1.Orders/Create")
            },
            "descriptor_set has no service orders.v1.Orders",
        ),
    ] {
        livecheck
            .apply(case("odd", ProbeRequest::Grpc(probe)))
            .await;
        let down = transition(&mut watch).await;
        let expected = format!("the probe failed: {expected} (1 attempt)");
        assert_eq!(down.reason, expected);
        assert!(livecheck.executions("odd").await.is_empty());
        // So that each begins an incident.
        livecheck.delete("odd").await;
    }

    // A call that fails has had an execution.
    let failing = GrpcProbe {
        request: object(&json!({"name": "no-such-case"})),
        ..own("livecheck.v1.CaseService/GetCase")
    };
    livecheck
        .apply(case("failing", ProbeRequest::Grpc(failing)))
        .await;
    let down = transition(&mut watch).await;
    assert!(
        down.reason
            .contains("gRPC status NOT_FOUND: there is no case"),
        "{}",
        down.reason
    );
    assert!(!livecheck.executions("failing").await.is_empty());

    // Nothing but HTTP/1.1 there, and nothing but gRPC.
    for probe in [
        ProbeRequest::Grpc(call(plain.url(""), METHOD)),
        get(livecheck.url()),
    ] {
        livecheck.apply(case("wrong", probe)).await;
        let down = transition(&mut watch).await;
        assert_eq!(down.kind(), TransitionKind::IncidentStarted);
        assert_eq!(down.case_name, "wrong");
        livecheck.delete("wrong").await;
    }
    livecheck.stop().await;
}
