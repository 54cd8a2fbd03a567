use super::*;

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn millis(millis: i32) -> Option<prost_types::Duration> {
    Some(prost_types::Duration {
        seconds: 0,
        nanos: millis * 1_000_000,
    })
}

/// A probe over HTTP.
fn http() -> v1::Probe {
    v1::Probe {
        frequency: seconds(30),
        request: Some(Request::Http(v1::HttpProbe {
            url: "http://orders:8080/health?deep=1".to_owned(),
            ..Default::default()
        })),
        ..Default::default()
    }
}

/// A probe over gRPC.
fn grpc() -> v1::Probe {
    v1::Probe {
        request: Some(Request::Grpc(v1::GrpcProbe {
            target: "https://orders:50051/".to_owned(),
            method: "orders.v1.OrderService/Create".to_owned(),
            ..Default::default()
        })),
        ..http()
    }
}

fn read_whole(pb: v1::Probe) -> Result<Probe, String> {
    let mut bad = Violations::new();
    let read = probe_from_pb(pb, &mut bad);
    bad.finish(read).map_err(|bad| bad.to_string())
}

#[test]
fn every_field_comes_back() {
    let full_http = v1::Probe {
        request: Some(Request::Http(v1::HttpProbe {
            method: "PROPFIND".to_owned(),
            url: "https://orders".to_owned(),
            headers: [("x-tenant".to_owned(), "a b".to_owned())].into(),
            body: "é".to_owned(),
        })),
        frequency: seconds(30 * 24 * 3600),
        timeout: millis(1),
        connect_timeout: millis(1),
        retries: Some(100),
        delay_min: seconds(0),
        delay_backoff: Some(1.0),
        delay_max: seconds(0),
        fake_header: "x-fake".to_owned(),
        test_args: Some(list_to_pb(&[serde_json::json!({"a": [null]})])),
        test_kwargs: Some(object_to_pb(
            &[("n".to_owned(), 1.into())].into_iter().collect(),
        )),
    };
    let full_grpc = v1::Probe {
        frequency: seconds(1),
        request: Some(Request::Grpc(v1::GrpcProbe {
            target: "http://[::1]:1".to_owned(),
            method: "S/M".to_owned(),
            request: Some(prost_types::Struct::default()),
            metadata: [
                ("tenant".to_owned(), "a".to_owned()),
                ("trace-bin".to_owned(), "AAE=".to_owned()),
            ]
            .into(),
            descriptor_set: prost_types::FileDescriptorSet {
                file: vec![prost_types::FileDescriptorProto::default()],
            }
            .encode_to_vec(),
        })),
        ..http()
    };
    for probe in [http(), grpc(), full_http, full_grpc] {
        let read = read_whole(probe.clone()).map(|read| probe_to_pb(&read));
        assert_eq!(read, Ok(probe.clone()));
        let stored = probe_from_stored(probe.clone(), &mut Violations::new());
        assert_eq!(stored.as_ref().map(probe_to_pb), Some(probe));
    }
}

#[test]
fn each_rule() {
    type Change = fn(&mut v1::Probe);
    let rules: &[(Change, &str)] = &[
        (
            |p| p.frequency = None,
            "frequency: must be set; write how long it is from one probe to the next, such as 30s",
        ),
        (
            |p| p.frequency = millis(999),
            "frequency: must be at least 1s and at most 30 days",
        ),
        (
            |p| p.frequency = seconds(30 * 24 * 3600 + 1),
            "frequency: must be at least 1s and at most 30 days",
        ),
        (
            |p| p.frequency = seconds(-30),
            "frequency: must not be negative",
        ),
        (
            |p| p.request = None,
            "request: must be set; write `http` or `grpc`",
        ),
        (
            |p| p.timeout = seconds(0),
            "timeout: is 0s, in which nothing can answer; leave it out for the default",
        ),
        (
            |p| p.connect_timeout = seconds(0),
            "connect_timeout: is 0s, in which nothing can answer; leave it out for the default",
        ),
        (|p| p.retries = Some(101), "retries: must be at most 100"),
        (
            |p| p.delay_backoff = Some(0.9),
            "delay_backoff: is 0.9; write a factor from 1 to 100",
        ),
        (
            |p| p.delay_backoff = Some(f64::NAN),
            "delay_backoff: is NaN; write a factor from 1 to 100",
        ),
        (
            |p| (p.delay_min, p.delay_max) = (seconds(3), seconds(2)),
            "delay_max: is less than `delay_min`",
        ),
        (
            |p| p.delay_min = seconds(6),
            "delay_min: is more than `delay_max`, which is 5s where it is left out; write \
             `delay_max` too",
        ),
        (
            |p| p.delay_max = millis(499),
            "delay_max: is less than `delay_min`, which is 0.5s where it is left out; write \
             `delay_min` too",
        ),
        (
            |p| p.delay_max = seconds(-1),
            "delay_max: must not be negative",
        ),
        (
            |p| p.fake_header = "x fake".to_owned(),
            "fake_header: \"x fake\" is no name of a header",
        ),
        (
            |p| {
                let nan = prost_types::value::Kind::NumberValue(f64::NAN);
                p.test_args = Some(prost_types::ListValue {
                    values: vec![prost_types::Value { kind: Some(nan) }],
                });
            },
            "test_args: has the number NaN in it, which is not JSON; send null or a string",
        ),
        (
            |p| {
                let text = serde_json::Value::from("x".repeat(64 * 1024));
                p.test_kwargs = Some(object_to_pb(
                    &[("t".to_owned(), text)].into_iter().collect(),
                ));
            },
            "test_kwargs: is too large; at most 65536 bytes as JSON",
        ),
    ];
    for (change, expected) in rules {
        let mut probe = http();
        change(&mut probe);
        assert_eq!(read_whole(probe).unwrap_err(), *expected);
    }
}

#[test]
fn each_rule_of_an_http_request() {
    type Change = fn(&mut v1::HttpProbe);
    let rules: &[(Change, &str)] = &[
        (
            |r| r.url.clear(),
            "http.url: \"\" is no URL that can be called; write one such as \
             http://orders:8080/health",
        ),
        (
            |r| r.url = "ftp://orders".to_owned(),
            "http.url: \"ftp://orders\" is no URL that can be called; write one such as \
             http://orders:8080/health",
        ),
        (
            |r| r.url = "/health".to_owned(),
            "http.url: \"/health\" is no URL that can be called; write one such as \
             http://orders:8080/health",
        ),
        (
            |r| r.url = format!("http://a/{}", "x".repeat(2040)),
            "http.url: is 2049 bytes long; at most 2048",
        ),
        (
            |r| r.method = "G T".to_owned(),
            "http.method: \"G T\" is no HTTP method",
        ),
        (
            |r| r.headers = [("é".to_owned(), "a".to_owned())].into(),
            "http.headers[\"é\"]: \"é\" is no name of a header",
        ),
        (
            |r| r.headers = [("a".to_owned(), "a\nb".to_owned())].into(),
            "http.headers[\"a\"]: is no value of a header: visible ASCII of at most 4 KiB",
        ),
        (
            |r| r.headers = [("a".to_owned(), "x".repeat(4097))].into(),
            "http.headers[\"a\"]: is no value of a header: visible ASCII of at most 4 KiB",
        ),
        (
            |r| r.headers = (0..65).map(|n| (n.to_string(), String::new())).collect(),
            "http.headers: has 65 items; at most 64",
        ),
        (
            |r| r.body = "x".repeat(65_537),
            "http.body: is 65537 bytes long; at most 65536",
        ),
    ];
    for (change, expected) in rules {
        let mut probe = http();
        if let Some(Request::Http(request)) = &mut probe.request {
            change(request);
        }
        assert_eq!(read_whole(probe).unwrap_err(), *expected);
    }
}

#[test]
fn each_rule_of_a_grpc_request() {
    const METADATA: &str = "is no metadata: keys are ASCII, values visible ASCII or, \
                            where the key ends in `-bin`, base64; at most 4 KiB";
    type Change = fn(&mut v1::GrpcProbe);
    let rules: &[(Change, &str)] = &[
        (
            |r| r.target = "orders:50051".to_owned(),
            "grpc.target: \"orders:50051\" is no URL that can be called; write one such as \
             http://orders:8080/health",
        ),
        (
            |r| r.target = "http://orders/path".to_owned(),
            "grpc.target: must have no path; write a server such as http://orders:50051",
        ),
        (
            |r| r.method = "/S/M".to_owned(),
            "grpc.method: \"/S/M\" is no method; write it as `package.Service/Method`",
        ),
        (
            |r| r.method = "S".to_owned(),
            "grpc.method: \"S\" is no method; write it as `package.Service/Method`",
        ),
        (
            |r| r.metadata = [("té".to_owned(), "a".to_owned())].into(),
            &format!("grpc.metadata[\"té\"]: {METADATA}"),
        ),
        (
            |r| r.metadata = [("a".to_owned(), "\u{7f}".to_owned())].into(),
            &format!("grpc.metadata[\"a\"]: {METADATA}"),
        ),
        (
            |r| r.metadata = [("a-bin".to_owned(), "a".to_owned())].into(),
            &format!("grpc.metadata[\"a-bin\"]: {METADATA}"),
        ),
        (
            |r| r.metadata = (0..65).map(|n| (n.to_string(), String::new())).collect(),
            "grpc.metadata: has 65 items; at most 64",
        ),
        (
            |r| r.descriptor_set = vec![0; (1 << 20) + 1],
            "grpc.descriptor_set: is 1048577 bytes long; at most 1048576",
        ),
        (
            |r| r.descriptor_set = vec![0xff],
            "grpc.descriptor_set: is no FileDescriptorSet; write one with `buf build -o` or \
             `protoc --include_imports --descriptor_set_out`",
        ),
    ];
    for (change, expected) in rules {
        let mut probe = grpc();
        if let Some(Request::Grpc(request)) = &mut probe.request {
            change(request);
        }
        assert_eq!(read_whole(probe).unwrap_err(), *expected);
    }
}

#[test]
fn everything_is_told_at_once() {
    let refused = read_whole(v1::Probe {
        timeout: seconds(0),
        retries: Some(1000),
        delay_backoff: Some(0.0),
        delay_min: seconds(-1),
        fake_header: "\n".to_owned(),
        ..Default::default()
    })
    .unwrap_err();
    for field in [
        "timeout: ",
        "retries: ",
        "delay_backoff: ",
        "fake_header: ",
        "frequency: ",
        "delay_min: ",
        "request: ",
    ] {
        assert!(refused.contains(field), "{field}: {refused}");
    }
}
