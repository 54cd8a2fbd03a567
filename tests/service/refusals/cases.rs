//! What is wrong with a case or with its control.

use livecheck::{
    model::{DEFAULT_WEBHOOK_TIMEOUT, Secret, Webhook, WebhookFormat},
    pb::v1::{CaseSetting, ControlCaseRequest, HttpProbe, Probe, probe::Request},
    settings::Webhooks,
};

use super::*;

#[tokio::test]
async fn every_bad_field_of_the_case_service_is_named() {
    let apply = |case: Case, validate_only| ApplyCaseRequest {
        case: Some(case),
        validate_only,
    };
    let bad = Case {
        name: "a\tb".to_owned(),
        description: long(4097),
        labels: [(long(129), long(1025))].into(),
        probability: Some(f64::NAN),
        test_expires: seconds(31 * 24 * 3600),
        signals: vec![
            Signal {
                name: "ä".to_owned(),
                timeout: NEGATIVE,
                within: seconds(0),
                min: Some(3),
                max: Some(2),
                key: Some("  ".to_owned()),
                expect: vec![contract("")],
                ..Signal::default()
            },
            Signal {
                after: vec!["unknown".to_owned()],
                ..signal("second")
            },
            Signal {
                min: Some(257),
                ..signal("second")
            },
        ],
        contracts: vec![Contract {
            expression: "signals.third.at ==".to_owned(),
            id: long(129),
            message: long(1025),
        }],
        warn_stalled_after: NEGATIVE,
        probe: Some(Probe {
            frequency: seconds(0),
            request: Some(Request::Http(HttpProbe::default())),
            timeout: seconds(0),
            ..Probe::default()
        }),
        max_consecutive_failures: Some(0),
        state_transition_delay: seconds(31 * 24 * 3600),
        max_history: Some(1001),
        max_executions_per_second: Some(f64::INFINITY),
        max_live_executions: Some(0),
        webhooks: vec!["a b".to_owned(), "nobody".to_owned()],
        ..Case::default()
    };
    let fields = [
        "case.name",
        "case.description",
        "case.labels",
        "case.probability",
        "case.test_expires",
        "case.signals[0].name",
        "case.signals[0].timeout",
        "case.signals[0].within",
        "case.signals[0].max",
        "case.signals[0].key",
        "case.signals[0].expect[0].expression",
        "case.signals[1].after",
        "case.signals[2].name",
        "case.signals[2].min",
        "case.contracts[0].expression",
        "case.contracts[0].id",
        "case.contracts[0].message",
        "case.warn_stalled_after",
        "case.probe.frequency",
        "case.probe.http.url",
        "case.probe.timeout",
        "case.max_consecutive_failures",
        "case.state_transition_delay",
        "case.max_history",
        "case.max_executions_per_second",
        "case.max_live_executions",
        "case.webhooks[0]",
        "case.webhooks[1]",
    ];
    let (server, clients) = prepared().await;
    let before = clients.everything().await;
    for validate_only in [false, true] {
        let request = apply(bad.clone(), validate_only);
        let refusal = clients
            .cases
            .clone()
            .apply_case(request)
            .await
            .refusal()
            .await;
        assert_eq!(refusal.reason, "INVALID_FIELDS");
        for field in fields {
            let named = |text: &str| text.starts_with(field);
            assert!(
                refusal.fields.iter().any(|one| named(one)),
                "{field}: {refusal:#?}"
            );
            assert!(refusal.message.contains(field), "{field}: {refusal:#?}");
        }
    }
    assert_eq!(clients.everything().await, before);
    server.stop().await;

    refused! {
        cases.apply_case(ApplyCaseRequest::default())
            => InvalidArgument, "INVALID_FIELDS", ["case"];
        cases.apply_case(apply(Case::default(), false))
            => InvalidArgument, "INVALID_FIELDS", ["case.name"];
        cases.get_case(GetCaseRequest::default())
            => InvalidArgument, "INVALID_FIELDS", ["name"];
        cases.get_case(GetCaseRequest { name: long(257) })
            => InvalidArgument, "INVALID_FIELDS", ["name"];
        cases.list_cases(ListCasesRequest { page_size: i32::MIN, page_token: String::new() })
            => InvalidArgument, "INVALID_FIELDS", ["page_size"];
        cases.delete_case(DeleteCaseRequest::default())
            => InvalidArgument, "INVALID_FIELDS", ["name"];
        cases.delete_case(DeleteCaseRequest { name: "a\u{0}".into() })
            => InvalidArgument, "INVALID_FIELDS", ["name"];
    }
}

fn webhook(name: &str) -> Webhook {
    Webhook {
        name: name.to_owned(),
        url: Secret::new(http::Uri::from_static("http://127.0.0.1:9/")),
        format: WebhookFormat::CloudEvents,
        every_case: false,
        reports: false,
        key: None,
        headers: Secret::new(http::HeaderMap::new()),
        max_attempts: 1,
        timeout: DEFAULT_WEBHOOK_TIMEOUT,
    }
}

#[tokio::test]
async fn a_case_cannot_name_webhooks_that_the_server_does_not_have() {
    for (declared, problem) in [
        (
            &[][..],
            "the server has no webhooks; declare them with --webhooks",
        ),
        (
            &["on-call", "chat"],
            "\"on-cal\" is no webhook of this server; it has: on-call, chat",
        ),
    ] {
        let webhooks: Vec<_> = declared.iter().copied().map(webhook).collect();
        let server = Server::with(|settings| settings.webhooks = Webhooks::new(webhooks)).await;
        let clients = server.clients();
        let names = declared.iter().chain(&["on-cal"]);
        let mut told = Case {
            webhooks: names.map(|name| (*name).to_owned()).collect(),
            ..case("told", &["done"])
        };
        let field = format!("case.webhooks[{}]", declared.len());
        let before = clients.everything().await;
        for validate_only in [false, true] {
            let request = ApplyCaseRequest {
                case: Some(told.clone()),
                validate_only,
            };
            let refusal = clients.cases.clone().apply_case(request).await;
            let refusal = refusal.refusal().await;
            let fields = [field.as_str()];
            refusal.check(
                "apply_case",
                Code::InvalidArgument,
                "INVALID_FIELDS",
                &fields,
            );
            let text = format!("{field}: {problem}");
            assert!(refusal.message.contains(&text), "{refusal:?}");
        }
        assert_eq!(clients.everything().await, before);
        // Those that it has are taken.
        told.webhooks.pop();
        clients.apply(told).await;
        server.stop().await;
    }
}

#[tokio::test]
async fn every_bad_field_of_a_control_is_named() {
    let control = |name: &str| ControlCaseRequest {
        name: name.to_owned(),
        ..ControlCaseRequest::default()
    };
    let year = Duration {
        seconds: 366 * 24 * 3600,
        nanos: 0,
    };
    let now = std::time::SystemTime::now();
    let now = Timestamp::from(now).seconds;
    let at = |seconds: i64| Some(Timestamp { seconds, nanos: 0 });
    let clear = |setting: CaseSetting| i32::from(setting);
    refused! {
        cases.control_case(ControlCaseRequest {
            probability: Some(1.5),
            mute_until: NO_TIME,
            clear: vec![0, clear(CaseSetting::Active), 9],
            ..control("a\u{0}")
        }) => InvalidArgument, "INVALID_FIELDS", [
            "name", "probability", "mute_until", "clear[0]", "clear[2]",
        ];
        cases.control_case(ControlCaseRequest {
            probability: Some(f64::NAN),
            ..control("orders")
        }) => InvalidArgument, "INVALID_FIELDS", ["probability"];
        // Of a case that is there, only what is past, or more than a year off.
        cases.control_case(ControlCaseRequest { mute_until: at(now - 60), ..control("orders") })
            => InvalidArgument, "INVALID_FIELDS", ["mute_until"];
        cases.control_case(ControlCaseRequest {
            mute_until: at(now + year.seconds + 60),
            ..control("orders")
        }) => InvalidArgument, "INVALID_FIELDS", ["mute_until"];
        // Nothing is cleared that is set in the same request.
        cases.control_case(ControlCaseRequest {
            active: Some(true),
            probability: Some(0.5),
            mute_until: at(now + 60),
            clear: vec![
                clear(CaseSetting::Mute),
                clear(CaseSetting::Probability),
                clear(CaseSetting::Active),
            ],
            ..control("orders")
        }) => InvalidArgument, "INVALID_FIELDS", ["clear[0]", "clear[1]", "clear[2]"];
        // Nothing to do is a mistake.
        cases.control_case(control("orders")) => InvalidArgument, "INVALID_FIELDS", [""];
        cases.control_case(control("")) => InvalidArgument, "INVALID_FIELDS", ["name", ""];
        cases.control_case(ControlCaseRequest { active: Some(false), ..control("none") })
            => NotFound, "CASE_NOT_FOUND", [];
    }
}
