use std::collections::BTreeMap;

use super::*;
use crate::convert::storage::case_from_stored;

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn signal(name: &str) -> v1::Signal {
    v1::Signal {
        name: name.to_owned(),
        ..Default::default()
    }
}

fn contract(expression: &str) -> v1::Contract {
    v1::Contract {
        expression: expression.to_owned(),
        ..Default::default()
    }
}

/// A case with two signals.
fn plain() -> v1::Case {
    v1::Case {
        name: "orders.checkout".to_owned(),
        signals: vec![signal("sent"), signal("paid")],
        ..Default::default()
    }
}

#[test]
fn every_field_comes_back() {
    let full = v1::Case {
        name: "orders.checkout".to_owned(),
        description: "the way of an order".to_owned(),
        labels: BTreeMap::from([("team".to_owned(), "orders".to_owned())]),
        active: Some(true),
        probability: Some(0.5),
        test_expires: seconds(30 * 24 * 3600),
        signals: vec![
            signal("sent"),
            v1::Signal {
                timeout: Some(prost_types::Duration {
                    seconds: 0,
                    nanos: 1,
                }),
                after: vec!["sent".to_owned()],
                min: Some(0),
                max: Some(0),
                within: seconds(60),
                key: Some("execution.kwargs.order".to_owned()),
                expect: vec![v1::Contract {
                    expression: "value.ok".to_owned(),
                    id: "ok".to_owned(),
                    message: "not ok".to_owned(),
                }],
                ..signal("paid")
            },
            v1::Signal {
                at_start: true,
                ..signal("a_-.Z9")
            },
        ],
        contracts: vec![contract("true")],
        warn_stalled_after: seconds(0),
        probe: Some(v1::Probe {
            frequency: seconds(1),
            request: Some(v1::probe::Request::Http(v1::HttpProbe {
                url: "http://orders".to_owned(),
                ..Default::default()
            })),
            ..Default::default()
        }),
        max_consecutive_failures: Some(1_000_000),
        state_transition_delay: seconds(30 * 24 * 3600),
        max_history: Some(1000),
        max_executions_per_second: Some(1e6),
        max_live_executions: Some(u32::MAX),
        webhooks: (0..16).map(|n| n.to_string()).collect(),
        revision: 7,
    };
    for case in [plain(), full] {
        let read = case_from_pb(case.clone()).expect("a good case");
        assert_eq!(case_to_pb(&read), case);
    }
}

#[test]
fn what_is_left_out_stays_left_out() {
    let read = case_from_pb(plain()).expect("a good case");
    assert_eq!(
        (read.active, read.probability, read.test_expires),
        (None, None, None)
    );
    let stalls = (read.warn_stalled_after, read.state_transition_delay);
    assert_eq!(stalls, (None, None));
    assert_eq!(read.probe, None);
    assert_eq!(
        (read.max_consecutive_failures, read.max_history),
        (None, None)
    );
    let budgets = (read.max_executions_per_second, read.max_live_executions);
    assert_eq!(budgets, (None, None));
    let sent = &read.signals[0];
    assert_eq!(
        (sent.timeout, sent.within, sent.min, sent.max, &sent.key),
        (None, None, None, None, &None)
    );
}

#[test]
fn each_rule() {
    type Change = fn(&mut v1::Case);
    let rules: &[(Change, &str)] = &[
        (|c| c.name.clear(), "name: must be set"),
        (
            |c| c.description = "x".repeat(4097),
            "description: is 4097 bytes long; at most 4096",
        ),
        (
            |c| {
                c.labels = (0..65).map(|i| (i.to_string(), String::new())).collect();
            },
            "labels: has 65 labels; at most 64",
        ),
        (
            |c| c.probability = Some(f64::NAN),
            "probability: is NaN; write a share from 0 to 1, \
             such as 0.5 for every second request",
        ),
        (
            |c| c.probability = Some(1.5),
            "probability: is 1.5; write a share from 0 to 1, \
             such as 0.5 for every second request",
        ),
        (
            |c| c.probability = Some(-0.1),
            "probability: is -0.1; write a share from 0 to 1, \
             such as 0.5 for every second request",
        ),
        (
            |c| c.test_expires = seconds(0),
            "test_expires: is 0s, which is no time at all; \
             write how long an execution may live, or leave it out for 3 hours",
        ),
        (
            |c| c.test_expires = seconds(30 * 24 * 3600 + 1),
            "test_expires: must be at most 30 days, which is 2592000s",
        ),
        (
            |c| c.signals = (0..65).map(|i| signal(&format!("s{i}"))).collect(),
            "signals: has 65 items; at most 64",
        ),
        (
            |c| c.signals[1].name = "sent".to_owned(),
            "signals[1].name: \"sent\" is signals[0] already",
        ),
        (
            |c| c.signals[1].name.clear(),
            "signals[1].name: must be set",
        ),
        (
            |c| c.signals[1].timeout = seconds(-1),
            "signals[1].timeout: must not be negative",
        ),
        (
            |c| c.signals[1].timeout = seconds(0),
            "signals[1].timeout: is 0s, which is no time at all; \
             write how long to wait for the signal, or leave it out for 30s",
        ),
        (
            |c| c.signals[0].within = seconds(0),
            "signals[0].within: is 0s, which is no time at all; \
             write the longest time since the start, or leave it out for no limit",
        ),
        (
            |c| c.signals[0].within = seconds(i64::MAX),
            "signals[0].within: is 9223372036854775807 s; at most 315576000000 s",
        ),
        (
            |c| {
                c.signals[1].at_start = true;
                c.signals[1].after = vec!["sent".to_owned()];
            },
            "signals[1].after: the clock starts at the start or after other signals, \
             not both; take out `after` or `at_start`",
        ),
        (
            |c| c.signals[0].min = Some(257),
            "signals[0].min: is 257; at most 256",
        ),
        (
            |c| (c.signals[0].min, c.signals[1].min) = (Some(200), Some(57)),
            "signals[1].min: is 57, which makes 257 signals that the case needs up to here; \
             an execution keeps 256: write smaller numbers here or before",
        ),
        (
            |c| (c.signals[0].min, c.signals[1].min) = (Some(256), Some(0)),
            "signals[1].min: is 0, which makes 257 signals that the case needs up to here; \
             an execution keeps 256: write smaller numbers here or before",
        ),
        (
            |c| c.signals[0].max = Some(0),
            "signals[0].max: is 0 while one signal must come; \
             write `min: 0` too for one that must never come",
        ),
        (
            |c| (c.signals[0].min, c.signals[0].max) = (Some(3), Some(2)),
            "signals[0].max: is 2, less than `min`, which is 3",
        ),
        (
            |c| c.signals[0].key = Some(" ".to_owned()),
            "signals[0].key: is empty; write a CEL expression",
        ),
        (
            |c| c.signals[0].expect = vec![contract("true"); 17],
            "signals[0].expect: has 17 items; at most 16",
        ),
        (
            |c| c.signals[0].expect = vec![contract("true"), contract("")],
            "signals[0].expect[1].expression: is empty; write a CEL expression",
        ),
        (
            |c| c.contracts = vec![contract("true"); 65],
            "contracts: has 65 items; at most 64",
        ),
        (
            |c| c.contracts = vec![contract(&"x".repeat(4097))],
            "contracts[0].expression: is 4097 bytes long; at most 4096",
        ),
        (
            |c| {
                c.contracts = vec![v1::Contract {
                    id: "x".repeat(129),
                    message: "x".repeat(1025),
                    ..contract("true")
                }];
            },
            "contracts[0].id: is 129 bytes long; at most 128; \
             contracts[0].message: is 1025 bytes long; at most 1024",
        ),
        (
            |c| c.warn_stalled_after = seconds(-1),
            "warn_stalled_after: must not be negative",
        ),
        (
            |c| c.probe = Some(v1::Probe::default()),
            "probe.frequency: must be set; write how long it is from one probe to the next, \
             such as 30s; probe.request: must be set; write `http` or `grpc`",
        ),
        (
            |c| c.max_consecutive_failures = Some(0),
            "max_consecutive_failures: is 0; write a number from 1 to 1000000",
        ),
        (
            |c| c.max_consecutive_failures = Some(1_000_001),
            "max_consecutive_failures: is 1000001; write a number from 1 to 1000000",
        ),
        (
            |c| c.state_transition_delay = seconds(30 * 24 * 3600 + 1),
            "state_transition_delay: must be at most 30 days, which is 2592000s",
        ),
        (
            |c| c.max_history = Some(1001),
            "max_history: is 1001; write a number from 1 to 1000",
        ),
        (
            |c| c.max_live_executions = Some(0),
            "max_live_executions: is 0; write a number from 1 to 4294967295",
        ),
        (
            |c| c.max_executions_per_second = Some(0.0),
            "max_executions_per_second: is 0; write a number of more than 0 and at most \
             1000000, such as 0.5 for one in two seconds",
        ),
        (
            |c| c.max_executions_per_second = Some(f64::NAN),
            "max_executions_per_second: is NaN; write a number of more than 0 and at most \
             1000000, such as 0.5 for one in two seconds",
        ),
        (
            |c| c.max_executions_per_second = Some(1_000_001.0),
            "max_executions_per_second: is 1000001; write a number of more than 0 and at most \
             1000000, such as 0.5 for one in two seconds",
        ),
        (
            |c| c.webhooks = (0..17).map(|n| n.to_string()).collect(),
            "webhooks: has 17 items; at most 16",
        ),
        (
            |c| c.webhooks = vec!["a b".to_owned(), "c".to_owned(), "c".to_owned()],
            "webhooks[0]: \"a b\" must be made of ASCII letters, digits, '_', '.' and '-'; \
             webhooks[2]: \"c\" is named twice",
        ),
    ];
    for (change, expected) in rules {
        let mut case = plain();
        change(&mut case);
        let refused = case_from_pb(case).expect_err(expected);
        assert_eq!(refused.to_string(), *expected);
    }
}

#[test]
fn everything_is_told_at_once() {
    let refused = case_from_pb(v1::Case {
        name: "a\nb".to_owned(),
        probability: Some(2.0),
        test_expires: seconds(-1),
        signals: vec![v1::Signal {
            timeout: seconds(0),
            expect: vec![contract("")],
            ..signal("no spaces")
        }],
        contracts: vec![contract("")],
        ..Default::default()
    })
    .expect_err("seven fields are wrong");
    let fields: Vec<_> = refused.iter().map(|v| v.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "name",
            "probability",
            "test_expires",
            "signals[0].name",
            "signals[0].timeout",
            "signals[0].expect[0].expression",
            "contracts[0].expression",
        ]
    );
}

#[test]
fn the_limits_themselves_are_within() {
    let case = v1::Case {
        name: "n".repeat(256),
        description: "d".repeat(4096),
        signals: (0..64)
            .map(|i| v1::Signal {
                min: Some(4),
                max: Some(4),
                expect: vec![contract("true"); 16],
                ..signal(&format!("{i:0>128}"))
            })
            .collect(),
        contracts: vec![
            v1::Contract {
                id: "i".repeat(128),
                message: "m".repeat(1024),
                ..contract(&"e".repeat(4096))
            };
            64
        ],
        ..Default::default()
    };
    assert_eq!(case_from_pb(case).map(|case| case.signals.len()), Ok(64));
}

#[test]
fn what_was_stored_before_a_rule_is_read_back() {
    let needing = |min| v1::Signal {
        min: Some(min),
        ..signal(&format!("s{min}"))
    };
    let case = v1::Case {
        signals: vec![needing(200), needing(256)],
        ..plain()
    };
    assert!(case_from_pb(case.clone()).is_err());
    let mut bad = Violations::new();
    let stored = case_from_stored(case.clone(), &mut bad);
    assert_eq!(stored.map(|stored| case_to_pb(&stored)), Some(case));
    assert!(bad.is_empty());
}
