//! Contracts from text to verdict, as tables: an expression and what comes of
//! it. `held`, `broken: …` and `failed: …` are verdicts, anything else is what
//! compiling it says.

mod hostile;
mod refusals;
mod verdicts;

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::model::{Json, TestExecution, Time};

/// Runs on a stack as wide as the callers of this module have.
fn on_wide_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new()
        .stack_size(STACK_SIZE)
        .spawn(test)
        .expect("a thread starts")
        .join()
        .expect("the test passes");
}

fn time(text: &str) -> Time {
    text.parse().expect("a time")
}

fn execution() -> ExecutionValue {
    let Json::Object(test_kwargs) = json!({"side": "sell", "n": 2}) else {
        unreachable!()
    };
    ExecutionValue::new(&TestExecution {
        traceparent: String::new(),
        id: "t-1".into(),
        case_name: "orders.test_order".into(),
        timestamp: time("2026-01-01T00:00:00Z"),
        test_args: vec![json!(1), json!("x")],
        test_kwargs,
        expires: time("2026-01-01T03:00:00Z"),
        labels: [("env".to_owned(), "prod".to_owned())].into(),
    })
}

fn value() -> Json {
    json!({
        "id": "t-1", "side": "buy", "amount": 5, "n": 4, "price": 2.5,
        "items": [{"qty": 1}, {"qty": -2}, {"sku": "a"}],
        "list": [1, 2], "tags": ["a", "b"], "ok": false, "none": null,
        "nested": {"a": {"b": [1, [2, {"c": 3}]]}},
        "when": "2026-01-01T00:00:01.5+01:00",
    })
}

fn told(errors: &[SourceError]) -> String {
    let errors: Vec<_> = errors.iter().map(SourceError::to_string).collect();
    errors.join("\n")
}

fn text(verdict: Verdict) -> String {
    match verdict {
        Verdict::Held => "held".to_owned(),
        Verdict::Broken(why) => format!("broken: {why}"),
        Verdict::Failed(why) => format!("failed: {why}"),
    }
}

/// Checks what comes of expressions over [`value`].
fn check_on(value: Json, table: &'static [(&str, &str)]) {
    on_wide_stack(move || {
        let execution = execution();
        for (expression, expected) in table {
            let outcome = match compile(expression, Scope::Expect) {
                Ok(program) => {
                    text(program.check_value(&execution, &value, &Budget::of_one_fact()))
                }
                Err(errors) => told(&errors),
            };
            assert_eq!(outcome, *expected, "{expression}");
        }
    });
}

fn check(table: &'static [(&str, &str)]) {
    check_on(value(), table);
}

/// Checks what comes of expressions over two signals that came, one that did
/// not, and declared ones whose names can be confused.
fn check_case(table: &'static [(&str, &str)]) {
    on_wide_stack(move || {
        let execution = execution();
        let (first, second, key) = (json!({"a": 1, "n": 2}), json!(7), json!("k"));
        let values = [&first, &second];
        let facts = [
            SignalFacts {
                name: "a",
                value: &first,
                key: &key,
                at: Some(time("2026-01-01T00:00:07Z")),
                latency: Some(Duration::from_millis(1500)),
                count: 2,
                values: &values,
            },
            SignalFacts {
                name: "b.c",
                value: &second,
                key: &key,
                at: Some(time("2026-01-01T00:00:05.25Z")),
                latency: Some(Duration::from_millis(500)),
                count: 1,
                values: &values[1..],
            },
            SignalFacts::absent("not-come"),
        ];
        let scope = Scope::Case {
            signals: &["a", "b.c", "not-come", "b", "b.value"],
        };
        for (expression, expected) in table {
            let outcome = match compile(expression, scope) {
                Ok(program) => {
                    text(program.check_signals(&execution, &facts, &Budget::of_one_fact()))
                }
                Err(errors) => told(&errors),
            };
            assert_eq!(outcome, *expected, "{expression}");
        }
    });
}

#[test]
fn a_program_names_its_signals_once_and_sorted() {
    on_wide_stack(|| {
        let signals = ["z", "b.c", "a", "unused"];
        let scope = Scope::Case { signals: &signals };
        let source =
            "signals.z.at > signals.a.at && signals.b.c.count > 0 && signals[\"a\"].count > 1";
        let program = compile(source, scope).expect("it compiles");
        assert_eq!(program.signals(), ["a", "b.c", "z"]);
        assert_eq!(program.source(), source);
    });
}

#[test]
fn keys_are_json() {
    let table = [
        ("execution.kwargs.side", Ok(json!("sell"))),
        ("execution.args[0]", Ok(json!(1))),
        ("execution.kwargs.n + 0.5", Ok(json!(2.5))),
        (
            "[execution.id, size(execution.args)]",
            Ok(json!(["t-1", 2])),
        ),
        ("execution.kwargs", Ok(json!({"side": "sell", "n": 2}))),
        (
            "string(execution.timestamp)",
            Ok(json!("2026-01-01T00:00:00Z")),
        ),
        (
            "execution.kwargs.order",
            Err("execution.kwargs.order: no such field `order`; execution.kwargs has n, side"),
        ),
        ("null", Err("null: a key must not be null")),
        (
            "execution.timestamp",
            Err("execution.timestamp: a key cannot be a timestamp; string(…) makes it a text"),
        ),
        (
            "9007199254740991 + 1",
            Err(
                "9007199254740991 + 1: a key must be within ±9007199254740991; string(…) makes it a text",
            ),
        ),
        (
            "1.0 / 0.0",
            Err(
                "1.0 / 0.0: a key cannot be a number that is not finite; string(…) makes it a text",
            ),
        ),
    ];
    on_wide_stack(move || {
        for (expression, expected) in table {
            let program = compile(expression, Scope::Key).expect(expression);
            let expected = expected.map_err(str::to_owned);
            assert_eq!(
                program.key(&execution(), &Budget::of_one_fact()),
                expected,
                "{expression}"
            );
        }
        let errors = compile("value == 1", Scope::Key).expect_err("there is no value");
        assert_eq!(
            told(&errors),
            "1:1: unknown variable `value`; known is execution"
        );
    });
}

#[test]
fn programs_and_executions_go_from_thread_to_thread() {
    fn goes<T: Send + Sync>() {}
    goes::<Program>();
    goes::<ExecutionValue>();
}
