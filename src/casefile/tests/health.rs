//! What decides over the health of a case, and its probe.

use prost::Message;
use serde_json::json;

use super::{check, good};
use crate::{
    convert::value::{list_to_pb, object_to_pb},
    pb::v1::{self, probe::Request},
};

fn seconds(seconds: i64, nanos: i32) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos })
}

#[test]
fn limits_and_budgets() {
    let read = good(
        "cases.yaml",
        "\
name: a
warn_stalled_after: 0s
max_consecutive_failures: 5
state_transition_delay: 0s
max_history: 1000
max_executions_per_second: 0.5
max_live_executions: 100
webhooks: [on-call, team.pay]
",
    );
    assert_eq!(
        read[0].pb,
        v1::Case {
            name: "a".to_owned(),
            warn_stalled_after: seconds(0, 0),
            max_consecutive_failures: Some(5),
            state_transition_delay: seconds(0, 0),
            max_history: Some(1000),
            max_executions_per_second: Some(0.5),
            max_live_executions: Some(100),
            webhooks: vec!["on-call".to_owned(), "team.pay".to_owned()],
            ..v1::Case::default()
        }
    );
    check(
        "\
name: a
warn_stalled_after: 30
max_consecutive_failures: 0
state_transition_delay: -1s
max_history: 1001
max_executions_per_second: 0
max_live_executions: 0
webhooks:
  - on call
  - pay
  - pay
",
        &[
            "2:21: warn_stalled_after: 30 has no unit; write 30s",
            "3:27: max_consecutive_failures: is 0; write a number from 1 to 1000000",
            "4:25: state_transition_delay: must not be negative",
            "5:14: max_history: is 1001; write a number from 1 to 1000",
            "6:28: max_executions_per_second: is 0; write a number of more than 0 and at most \
             1000000, such as 0.5 for one in two seconds",
            "7:22: max_live_executions: is 0; write a number from 1 to 4294967295",
            "9:5: webhooks[0]: \"on call\" must be made of ASCII letters, digits, '_', '.' and \
             '-'",
            "11:5: webhooks[2]: \"pay\" is named twice",
        ],
    );
}

#[test]
fn a_probe_over_http() {
    let read = good(
        "cases.yaml",
        "\
name: a
probe:
  frequency: 30s
  http:
    method: POST
    url: http://orders:8080/orders
    headers: {content-type: application/json}
    body: '{\"side\": \"sell\"}'
  timeout: 5s
  connect_timeout: 0.5s
  retries: 0
  delay_min: 0s
  delay_backoff: 2
  delay_max: 1s
  fake_header: x-fake
  test_args: [1, 2.5, ~, true, [], {}]
  test_kwargs: {side: sell, order: {lines: [{n: 1}], note: null}}
",
    );
    let headers = [("content-type".to_owned(), "application/json".to_owned())];
    let kwargs = json!({"side": "sell", "order": {"lines": [{"n": 1}], "note": null}});
    assert_eq!(
        read[0].pb.probe,
        Some(v1::Probe {
            frequency: seconds(30, 0),
            request: Some(Request::Http(v1::HttpProbe {
                method: "POST".to_owned(),
                url: "http://orders:8080/orders".to_owned(),
                headers: headers.into(),
                body: "{\"side\": \"sell\"}".to_owned(),
            })),
            timeout: seconds(5, 0),
            connect_timeout: seconds(0, 500_000_000),
            retries: Some(0),
            delay_min: seconds(0, 0),
            delay_backoff: Some(2.0),
            delay_max: seconds(1, 0),
            fake_header: "x-fake".to_owned(),
            test_args: Some(list_to_pb(&[
                json!(1),
                json!(2.5),
                json!(null),
                json!(true),
                json!([]),
                json!({})
            ])),
            test_kwargs: kwargs.as_object().map(object_to_pb),
        })
    );
}

#[test]
fn a_probe_over_grpc() {
    let set = prost_types::FileDescriptorSet {
        file: vec![prost_types::FileDescriptorProto {
            name: Some("orders/v1/orders_service_with_a_long_name.proto".to_owned()),
            ..Default::default()
        }],
    }
    .encode_to_vec();
    let base64 = {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        STANDARD.encode(&set)
    };
    let (first, rest) = base64.split_at(20);
    let yaml = format!(
        "\
name: a
probe:
  frequency: 30s
  grpc:
    target: http://orders:50051
    method: orders.v1.OrderService/CreateOrder
    request: {{lines: [{{number: 17, \"price\": 2.5}}]}}
    metadata: {{tenant: a}}
    descriptor_set: |
      {first}
      {rest}
"
    );
    let json = json!({"name": "a", "probe": {"frequency": "30s", "grpc": {
        "target": "http://orders:50051",
        "method": "orders.v1.OrderService/CreateOrder",
        "request": {"lines": [{"number": 17, "price": 2.5}]},
        "metadata": {"tenant": "a"},
        "descriptorSet": base64.trim_end_matches('=').replace('+', "-").replace('/', "_"),
    }}});
    let request = json!({"lines": [{"number": 17, "price": 2.5}]});
    let expected = Request::Grpc(v1::GrpcProbe {
        target: "http://orders:50051".to_owned(),
        method: "orders.v1.OrderService/CreateOrder".to_owned(),
        request: request.as_object().map(object_to_pb),
        metadata: [("tenant".to_owned(), "a".to_owned())].into(),
        descriptor_set: set,
    });
    for (path, text) in [("cases.yaml", yaml), ("cases.json", json.to_string())] {
        let read = good(path, &text);
        let probe = read[0].pb.probe.as_ref();
        assert_eq!(probe.and_then(|p| p.request.as_ref()), Some(&expected));
    }
}

#[test]
fn the_largest_descriptor_set_fits_in_a_file() {
    let set = |bytes: usize| prost_types::FileDescriptorSet {
        file: vec![prost_types::FileDescriptorProto {
            package: Some("x".repeat(bytes)),
            ..Default::default()
        }],
    };
    // Around it: a tag and a length of three bytes, twice.
    let set = set((1 << 20) - 8).encode_to_vec();
    assert_eq!(set.len(), 1 << 20);
    let base64 = {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        STANDARD.encode(&set)
    };
    let read = good(
        "cases.yaml",
        &format!(
            "name: a\nprobe:\n  frequency: 1s\n  grpc:\n    target: http://a\n    method: a.B/C\n    \
             descriptor_set: {base64}\n"
        ),
    );
    let probe = read[0].pb.probe.clone().unwrap();
    let Some(Request::Grpc(grpc)) = probe.request else {
        panic!("no call by gRPC: {probe:?}");
    };
    assert_eq!(grpc.descriptor_set.len(), 1 << 20);
}

#[test]
fn what_is_wrong_with_a_probe_has_its_place() {
    for (probe, expected) in [
        (
            "  {}",
            vec![
                "3:3: probe.frequency: must be set; write how long it is from one probe to the \
                 next, such as 30s",
                "3:3: probe.request: must be set; write `http` or `grpc`",
            ],
        ),
        (
            "  frequency: 0.5s\n  http:\n",
            vec![
                "3:3: probe.request: must be set; write `http` or `grpc`",
                "3:14: probe.frequency: must be at least 1s and at most 30 days",
            ],
        ),
        (
            "  frequency: 1s\n  htp: {url: 'http://a'}\n",
            vec!["4:3: probe.htp: no such field; did you mean `http`?"],
        ),
        (
            "  frequency: 1s\n  http: {url: 'http://a'}\n  grpc:\n    target: 5\n",
            vec!["5:3: probe.grpc: `http` is given already; take one of them out"],
        ),
        (
            "  frequency: 1s\n  grpc: ~\n  http: GET http://a\n",
            vec!["5:9: probe.http: is \"GET http://a\"; write fields, such as `method: …`"],
        ),
        (
            "  frequency: 0.5s\n  http: {url: orders/health, method: 'GET IT'}\n  timeout: 0s\n",
            vec![
                "3:14: probe.frequency: must be at least 1s and at most 30 days",
                "4:15: probe.http.url: \"orders/health\" is no URL that can be called; write \
                 one such as http://orders:8080/health",
                "4:38: probe.http.method: \"GET IT\" is no HTTP method",
                "5:12: probe.timeout: is 0s, in which nothing can answer; leave it out for the \
                 default",
            ],
        ),
        (
            "  frequency: 1s\n  http:\n    url: http://a\n    headers:\n      x y: z\n      n: 1\n",
            vec![
                "7:12: probe.http.headers[\"x y\"]: \"x y\" is no name of a header",
                "8:10: probe.http.headers[\"n\"]: 1 is a number; write \"1\"",
            ],
        ),
        (
            "  frequency: 1s\n  grpc:\n    target: http://a/path\n    method: Create\n    \
             request: [1]\n    descriptor_set: '%'\n",
            vec![
                "5:13: probe.grpc.target: must have no path; write a server such as \
                 http://orders:50051",
                "6:13: probe.grpc.method: \"Create\" is no method; write it as \
                 `package.Service/Method`",
                "7:14: probe.grpc.request: is a list; write names with values, such as `side: \
                 sell`",
                "8:21: probe.grpc.descriptor_set: is no base64; write what `base64 FILE` prints",
            ],
        ),
        (
            "  frequency: 1s\n  grpc:\n    target: http://a\n    method: a.B/C\n    \
             descriptor_set: //8=\n",
            vec![
                "7:21: probe.grpc.descriptor_set: is no FileDescriptorSet; write one with `buf \
                 build -o` or `protoc --include_imports --descriptor_set_out`",
            ],
        ),
        (
            "  frequency: 1s\n  http: {url: 'http://a'}\n  test_args: {a: 1}\n  test_kwargs:\n    \
             n: 9007199254740992\n    m: [1, .nan]\n    n: 2\n    t: !x y\n    [a]: 1\n",
            vec![
                "5:14: probe.test_args: is fields; write a list: each item after `- `",
                "7:8: probe.test_kwargs[\"n\"]: 9007199254740992 is beyond ±(2^53 − 1), where \
                 different numbers become the same; write \"9007199254740992\"",
                "8:12: probe.test_kwargs[\"m\"][1]: .nan is no number of JSON; write \".nan\"",
                "9:5: probe.test_kwargs[\"n\"]: is written on line 7 already; keep one",
                "10:8: probe.test_kwargs[\"t\"]: \"!x\" is read as a YAML tag, and tags have no \
                 meaning here; put an expression that begins with ! in quotes",
                "11:5: probe.test_kwargs: a key is a plain name; write `name: value`",
            ],
        ),
    ] {
        check(&format!("name: a\nprobe:\n{probe}"), &expected);
    }
}
