//! The tour that a newcomer takes: declare a case, submit, signal, read the
//! report.

use serde_json::{Value, json};

use crate::json_client::JsonClient;

const NAMES: [&str; 4] = [
    "livecheck-test-expires",
    "livecheck-test-id",
    "livecheck-test-name",
    "livecheck-test-timestamp",
];

/// Takes the tour.
pub async fn take(client: &impl JsonClient) {
    let one = async |method, headers: &[_], request: Value| {
        let answer = client.call(method, headers, &[request]).await;
        let [message] = answer.messages.try_into().unwrap();
        (message, answer.headers)
    };

    let case = json!({
        "name": "orders.test_order",
        "signals": [
            {"name": "order_sent", "timeout": "300s", "expect": [
                {"expression": "value.side == execution.kwargs.side"},
            ]},
            {"name": "order_executed", "timeout": "300s"},
        ],
    });
    let (applied, _) = one("CaseService/ApplyCase", &[], json!({"case": case})).await;
    assert_eq!(applied["outcome"], "APPLY_OUTCOME_CREATED");

    // The answer carries the identity of the test, ready to be passed on.
    let submit = async |id| {
        let request = json!({
            "case_name": "orders.test_order",
            "id": id,
            "test_kwargs": {"side": "buy"},
            "sampling": "SAMPLING_ALWAYS",
        });
        let (submitted, mut headers) = one("ExecutionService/SubmitExecution", &[], request).await;
        assert_eq!(submitted["sampled"], true);
        assert_eq!(submitted["test"]["testKwargs"], json!({"side": "buy"}));
        headers.retain(|(name, _)| name.starts_with("livecheck-"));
        headers.sort();
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, NAMES);
        assert_eq!(headers[1].1, id);
        assert_eq!(headers[2].1, "orders.test_order");
        headers
    };

    // A service passes the headers on; or it names case and key itself.
    let headers = submit("tour-1").await;
    let sent = |side| json!({"signal_name": "order_sent", "value": {"side": side}});
    let executed = |id| {
        json!({
            "signal_name": "order_executed",
            "case_name": "orders.test_order",
            "key": id,
        })
    };
    for (headers, event, outcome) in [
        (&[][..], sent("buy"), "SIGNAL_OUTCOME_IGNORED"),
        (&headers, sent("buy"), "SIGNAL_OUTCOME_ACCEPTED"),
        (&headers, sent("buy"), "SIGNAL_OUTCOME_DUPLICATE"),
        (&[], executed("tour-1"), "SIGNAL_OUTCOME_ACCEPTED"),
        (&[], executed("tour-1"), "SIGNAL_OUTCOME_DUPLICATE"),
    ] {
        let request = json!({"event": event});
        let (told, _) = one("SignalService/SendSignal", headers, request).await;
        assert_eq!(told["outcome"], outcome, "{event}");
    }
    let report = async |id| {
        let request = json!({"case_name": "orders.test_order", "id": id, "wait": "30s"});
        let (told, _) = one("ReportService/GetReport", &[], request).await;
        told["report"].clone()
    };
    let passed = report("tour-1").await;
    assert_eq!(passed["state"], "STATE_PASS");
    assert_eq!(passed["test"]["id"], "tour-1");
    let latencies = passed["signalLatency"].as_object().unwrap();
    let signals: Vec<&String> = latencies.keys().collect();
    assert_eq!(signals, ["order_executed", "order_sent"]);

    // The same as a stream; this time the side has changed on its way.
    submit("tour-2").await;
    let mut wrong = sent("sell");
    wrong["case_name"] = "orders.test_order".into();
    wrong["key"] = "tour-2".into();
    let items = [
        json!({"event": wrong}),
        json!({"event": executed("tour-2")}),
    ];
    let answer = client
        .call("SignalService/StreamSignals", &[], &items)
        .await;
    assert_eq!(answer.messages.last(), Some(&json!({"ack": "2"})));
    let failed = report("tour-2").await;
    assert_eq!(failed["state"], "STATE_FAIL");
    let error = failed["error"].as_str().unwrap();
    for part in ["value.side == execution.kwargs.side", "sell", "buy"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}
