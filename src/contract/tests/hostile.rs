//! Expressions that mean harm: they are refused, or end, and break nothing.

use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    test_runner::{Config, RngSeed, TestCaseError, TestRunner},
};
use serde_json::json;

use super::{execution, on_wide_stack, text, told};
use crate::{
    contract::{
        Budget, Scope, SourceError, compile, render,
        source::{MAX_SOURCE, Parsed},
    },
    model::{Json, number},
};

/// Fills an expression up to its limit: `before`, any number of `middle`,
/// `after`.
fn full(before: &str, middle: &str, after: &str) -> String {
    let times = (MAX_SOURCE - before.len() - after.len()) / middle.len();
    format!("{before}{}{after}", middle.repeat(times))
}

fn balanced(open: &str, middle: &str, close: &str) -> String {
    let times = (MAX_SOURCE - middle.len()) / (open.len() + close.len());
    format!("{}{middle}{}", open.repeat(times), close.repeat(times))
}

#[test]
fn deep_and_long_texts_are_refused_on_the_promised_stack() {
    const DEEP: &str = "nested";
    on_wide_stack(|| {
        let table = [
            (full("", "(", ""), DEEP),
            (full("", "[", ""), DEEP),
            (full("", "{", ""), DEEP),
            (full("", "f(", ""), DEEP),
            (full("", "a[", ""), DEEP),
            (full("", "[{", ""), DEEP),
            (full("", "a?b:", ""), DEEP),
            (full("", "x.f(", ""), DEEP),
            (full("", "!", ""), "ends too early"),
            (full("", "-", ""), "ends too early"),
            (full("", ".", ""), "unexpected `..`"),
            (full("", "?", ""), "unexpected `?`"),
            (full("", "a?", ""), "unexpected `?`"),
            (full("", "'", ""), "unexpected"),
            (full("", "é", ""), "only ASCII"),
            (full("", "\u{0}", ""), "unexpected '\\0'"),
            (balanced("(", "true", ")"), DEEP),
            (balanced("[", "", "]"), DEEP),
            (balanced("{1:", "1", "}"), DEEP),
            (balanced("!(", "true", ")"), DEEP),
            (balanced("-(", "1", ")"), DEEP),
            (full("", "true?true:", "true"), DEEP),
            (full("value", ".b", " == 1"), DEEP),
            (full("value", "[0]", " == 1"), DEEP),
            (full("value", ".size()", " == 1"), DEEP),
            (full("", "1+", "1 == 1"), DEEP),
            (full("", "-1-", "1 == 1"), DEEP),
            (full("", "'a'+", "'a' == ''"), DEEP),
            (full("", "1==", "1"), DEEP),
            (full("value", ".map(x,x)", " == []"), DEEP),
            (full("", "-", "1 == 1") + "    ", "at most 4096"),
        ];
        for (source, expected) in table {
            let errors = compile(&source, Scope::Expect).expect_err(&source);
            let begin: String = source.chars().take(30).collect();
            let told = told(&errors);
            assert!(told.contains(expected), "{begin}: {told}");
            assert!(errors.len() <= 20, "{begin}: {} errors", errors.len());
        }
    });
}

#[test]
fn many_patterns_are_refused() {
    on_wide_stack(|| {
        let all: Vec<_> = (0..17)
            .map(|n| format!("value.a.matches(\"^{n}\")"))
            .collect();
        let errors = compile(&all.join(" && "), Scope::Expect).expect_err("they are 17");
        let expected = "more than 16 patterns; write a contract for each part";
        assert!(told(&errors).ends_with(expected), "{}", told(&errors));
        assert!(compile(&all[..16].join(" && "), Scope::Expect).is_ok());
    });
}

#[test]
fn wide_expressions_are_evaluated_on_the_promised_stack() {
    on_wide_stack(|| {
        let table = [
            (full("", "true && ", "true"), "held"),
            (full("", "false || ", "true"), "held"),
            (full("", "!!", "true"), "held"),
            (full("[", "1,", "1] != []"), "held"),
            (full("", "value == value && ", "true"), "held"),
        ];
        for (source, expected) in table {
            let program = compile(&source, Scope::Expect).expect("it compiles");
            let verdict = text(program.check_value(
                &execution(),
                &json!({"a": [1, 2]}),
                &Budget::of_one_fact(),
            ));
            let begin: String = source.chars().take(30).collect();
            assert_eq!(verdict, expected, "{begin}");
        }
    });
}

#[test]
fn work_is_bounded_and_ends_the_same_way() {
    on_wide_stack(|| {
        let execution = execution();
        let value = json!({
            "long": vec![1; 1_001],
            "list": vec![1; 1_000],
            "text": "a".repeat(40_000),
            "huge": "a".repeat(250_000),
        });
        let much = "too much work: compare less, or iterate over fewer elements";
        let failed = |what: &str, why: &str| format!("failed: {what}: {why}");
        let table = [
            (
                "size(value.long) == 1001 && 1 in value.long && value.long == value.long",
                "held".to_owned(),
            ),
            ("value.list.all(x, x == 1)", "held".to_owned()),
            (
                "value.long.all(x, x == 1)",
                failed(
                    "value.long.all(x, x == 1)",
                    "a list of 1001 elements is too long here; at most 1000",
                ),
            ),
            ("size(value.list + []) == 1000", "held".to_owned()),
            (
                "value.list + [1] == value.long",
                failed(
                    "value.list + [1]",
                    "a list of 1001 elements is too long here; at most 1000",
                ),
            ),
            (
                "value.text + value.text != \"\"",
                failed(
                    "value.text + value.text",
                    "a text of 80000 bytes is too long; an expression may build at most 65536",
                ),
            ),
            (
                "value.list.map(x, value.huge.contains(\"b\")) == []",
                failed("value.list.map(x, value.huge.contains(\"b\")) == []", much),
            ),
            (
                "value.list.exists(x, value.huge.matches(\"(a|b)+c$\"))",
                failed(
                    "value.list.exists(x, value.huge.matches(\"(a|b)+c$\"))",
                    much,
                ),
            ),
            (
                "value.list.all(x, value.list == value.list)",
                failed("value.list.all(x, value.list == value.list)", much),
            ),
            // What has used the budget up is no result, even where `||` hides it.
            (
                "value.list.all(x, value.list == value.list) || true",
                failed("value.list.all(x, value.list == value.list) || true", much),
            ),
        ];
        for (source, expected) in table {
            let program = compile(source, Scope::Expect).expect(source);
            for _ in 0..2 {
                assert_eq!(
                    text(program.check_value(&execution, &value, &Budget::of_one_fact())),
                    expected,
                    "{source}"
                );
            }
        }
    });
}

/// A runner whose cases are the same every time.
fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config {
        cases,
        rng_seed: RngSeed::Fixed(20_260_101),
        failure_persistence: None,
        ..Config::default()
    })
}

/// Any text, and texts that look like expressions.
fn any_text() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        Just("value"),
        Just("execution"),
        Just("signals"),
        Just("x"),
        Just("size"),
        Just("all"),
        Just("has"),
        Just("matches"),
        Just("true"),
        Just("null"),
        Just("in"),
        Just("1"),
        Just("2.5"),
        Just("7u"),
        Just("\"é\""),
        Just("'"),
        Just("\\"),
        Just("b'a'"),
        Just("r\"\\\""),
        Just("//"),
        Just("\n"),
        Just(" "),
        Just("."),
        Just(","),
        Just(":"),
        Just("?"),
        Just("("),
        Just(")"),
        Just("["),
        Just("]"),
        Just("{"),
        Just("}"),
        Just("=="),
        Just("<"),
        Just("&&"),
        Just("||"),
        Just("!"),
        Just("-"),
        Just("+"),
        Just("%"),
    ];
    prop_oneof![
        ".{0,200}",
        "[ -~\n]{0,200}",
        vec(token, 0..60).prop_map(|tokens| tokens.concat()),
    ]
}

/// Contracts that mostly compile.
fn contract() -> impl Strategy<Value = String> {
    let comparison = prop_oneof![Just("=="), Just("!="), Just("<"), Just(">="), Just("in"),];
    let comparison =
        (expression(), comparison, expression()).prop_map(|(a, op, b)| format!("({a}) {op} ({b})"));
    let contract = prop_oneof![4 => comparison, 1 => expression()];
    contract.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) && ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) || ({b})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            inner
                .clone()
                .prop_map(|a| format!("[1, value].all(x, {a})")),
            inner.prop_map(|a| format!("[1, value].exists(x, {a})")),
        ]
    })
}

/// Names and literals.
fn operand() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("value"),
        Just("value.a"),
        Just("value.b"),
        Just("value[\"a\"]"),
        Just("execution.kwargs.n"),
        Just("execution.id"),
        Just("execution.timestamp"),
        Just("execution.labels"),
        Just("null"),
        Just("true"),
        Just("0"),
        Just("-3"),
        Just("2u"),
        Just("1.5"),
        Just("9007199254740991"),
        Just("\"a\""),
        Just("\"1s\""),
        Just("\"2026-01-01T00:00:00Z\""),
        Just("b\"a\""),
        Just("[]"),
        Just("{}"),
    ]
    .prop_map(str::to_owned)
}

/// Expressions that mostly compile. In a comprehension `x` is its element.
fn expression() -> impl Strategy<Value = String> {
    let binary = prop_oneof![
        Just("=="),
        Just("!="),
        Just("<"),
        Just(">="),
        Just("in"),
        Just("+"),
        Just("-"),
        Just("*"),
        Just("/"),
        Just("%"),
        Just("&&"),
        Just("||"),
    ];
    let function = prop_oneof![
        Just("size"),
        Just("int"),
        Just("uint"),
        Just("double"),
        Just("string"),
        Just("bytes"),
        Just("bool"),
        Just("type"),
        Just("dyn"),
        Just("duration"),
        Just("timestamp"),
    ];
    let member = prop_oneof![
        Just("size()"),
        Just("a"),
        Just("contains(\"a\")"),
        Just("startsWith(value.a)"),
        Just("matches(\"^[a-c]+$\")"),
        Just("getFullYear()"),
        Just("getHours(\"Europe/Berlin\")"),
        Just("getMilliseconds()"),
        Just("all(x, x == 1)"),
        Just("exists(x, x.a > 1)"),
        Just("exists_one(x, x in value)"),
        Just("map(x, [x, x])"),
        Just("filter(x, x != value.a)"),
    ];
    operand().prop_recursive(3, 12, 3, move |inner| {
        prop_oneof![
            4 => (inner.clone(), binary.clone(), inner.clone())
                .prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            2 => (function.clone(), inner.clone()).prop_map(|(f, a)| format!("{f}({a})")),
            3 => (inner.clone(), member.clone()).prop_map(|(a, f)| format!("({a}).{f}")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a})[{b}]")),
            1 => inner.clone().prop_map(|a| format!("!({a})")),
            1 => inner.clone().prop_map(|a| format!("-({a})")),
            1 => inner.clone().prop_map(|a| format!("has(({a}).a)")),
            1 => vec(inner.clone(), 0..3).prop_map(|list| format!("[{}]", list.join(", "))),
            1 => (inner.clone(), inner.clone()).prop_map(|(k, v)| format!("{{{k}: {v}}}")),
            1 => (inner.clone(), inner.clone(), inner)
                .prop_map(|(c, a, b)| format!("({c} ? {a} : {b})")),
        ]
    })
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (-3_i32..4).prop_map(|n| number(f64::from(n))),
        any::<f64>().prop_map(number),
        "[ab1é\"]{0,3}".prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Json::from),
            btree_map("[ab]", inner, 0..3).prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

/// Values that mostly have what the expressions name.
fn any_value() -> impl Strategy<Value = Json> {
    let both = (any_json(), any_json()).prop_map(|(a, b)| json!({"a": a, "b": b}));
    prop_oneof![4 => both, 1 => any_json()]
}

#[test]
fn any_text_compiles_or_is_told_what_is_wrong_within_it() {
    on_wide_stack(|| {
        let within = |source: &str, error: &SourceError| {
            let line = source.split('\n').nth(error.line - 1);
            line.is_some_and(|line| error.column - 1 <= line.chars().count())
        };
        let scopes = [Scope::Expect, Scope::Key, Scope::Case { signals: &["x"] }];
        let result = runner(200).run(&(any_text(), 0..scopes.len()), |(source, scope)| {
            if let Err(errors) = compile(&source, scopes[scope]) {
                prop_assert!(!errors.is_empty());
                for error in &errors {
                    prop_assert!(within(&source, error), "{error}");
                    prop_assert!(!error.message.is_empty());
                    prop_assert!(!error.message.contains("cannot be parsed"), "{error}");
                }
            }
            Ok(())
        });
        result.expect("the property holds");
    });
}

#[test]
fn what_compiles_gives_the_same_bounded_verdict_every_time() {
    on_wide_stack(|| {
        let execution = execution();
        let result = runner(300).run(&(contract(), any_value()), |(source, value)| {
            let Ok(program) = compile(&source, Scope::Expect) else {
                return Ok(());
            };
            let verdict = text(program.check_value(&execution, &value, &Budget::of_one_fact()));
            prop_assert!(verdict.chars().count() <= 2_010, "{verdict}");
            prop_assert!(!verdict.contains("cannot be evaluated"), "{verdict}");
            let again = text(program.check_value(&execution, &value, &Budget::of_one_fact()));
            prop_assert_eq!(&verdict, &again);
            // What is shown of an expression means the same.
            let shown = render::expression(&Parsed::new(&source).expect("it compiled").tree);
            if !shown.contains('…') {
                let program = compile(&shown, Scope::Expect)
                    .map_err(|errors| TestCaseError::fail(format!("{shown}: {}", told(&errors))))?;
                let again = program.check_value(&execution, &value, &Budget::of_one_fact());
                let kind = |verdict: &str| verdict.split(':').next().map(str::to_owned);
                prop_assert_eq!(kind(&verdict), kind(&text(again)), "{}", shown);
            }
            Ok(())
        });
        result.expect("the property holds");
    });
}
