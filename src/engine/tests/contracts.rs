//! Contracts: when they are evaluated, and what a verdict says.

use super::script::check;

#[test]
fn a_contract_is_evaluated_as_soon_as_its_signals_are_settled() {
    for (what, declared, script) in [
        (
            "expect: when the signal arrives",
            "{signals: [{name: a}, {name: b, expect: [{expression: 'value.n == 1'}]}]}",
            r#"
            0    submit e1
            1    signal e1 b {"n": 2}
                    => e1 FAIL at 1: Contract failed at signal b: value.n == 1: 2 == 1
                    => ACCEPTED
            "#,
        ),
        (
            "expect: each one that is judged, and none that is not",
            "{signals: [{name: a, min: 2, expect: [{expression: 'value < 5'}]}, {name: b}]}",
            r#"
            0    submit e1
            1    signal e1 a 1
            2    signal e1 a 2
            3    signal e1 a 7
            4    signal e1 b        => e1 PASS at 4
                                    => ACCEPTED
            0    submit e2
            5    signal e2 a 1
            6    signal e2 a 8
                    => e2 FAIL at 6: Contract failed at signal a: value < 5: 8 < 5
                    => ACCEPTED
            "#,
        ),
        (
            "a contract of one signal before the others come",
            "{signals: [{name: a}, {name: b}], contracts: [{expression: 'signals.a.value > 3'}]}",
            r#"
            0    submit e1
            1    signal e1 a 3
                    => e1 FAIL at 1: Contract failed: signals.a.value > 3: 3 > 3
                    => ACCEPTED
            "#,
        ),
        (
            "a contract of two when the second is settled",
            "{signals: [{name: a}, {name: b}, {name: c}], contracts: [{expression: 'signals.b.at > signals.a.at', id: order, message: b came first}]}",
            r#"
            0    submit e1
            1    signal e1 b
            2    signal e1 a
                    => e1 FAIL at 2: Contract failed: order: b came first: …
                    => ACCEPTED
            "#,
        ),
        (
            "not before the signal that may come again is settled",
            "{signals: [{name: a, max: 2, timeout: 4s}], contracts: [{expression: 'signals.a.count == 1'}]}",
            r#"
            0    submit e1
            1    signal e1 a 1
            2    signal e1 a 2
            9    -  => e1 FAIL at 4: Contract failed: signals.a.count == 1: 2 == 1
            "#,
        ),
        (
            "one that names no signal, before PASS and not earlier",
            "{signals: [{name: a}], contracts: [{expression: 'execution.kwargs.n == 1'}]}",
            r#"
            0    submit e1 {"n": 2}
            1    signal e1 a
                    => e1 FAIL at 1: Contract failed: execution.kwargs.n == 1: 2 == 1
                    => ACCEPTED
            2    submit e2 {"n": 1}
            3    signal e2 a        => e2 PASS at 3
                                    => ACCEPTED
            "#,
        ),
        (
            "one that names no signal does not hide a timeout",
            "{signals: [{name: a, timeout: 1s}], contracts: [{expression: 'false'}]}",
            r#"
            0    submit e1
            3    -  => e1 TIMEOUT at 1: Timed out waiting for signal a (1.0); no signal came
            "#,
        ),
        (
            "a case of contracts only is judged at its submission",
            "{contracts: [{expression: 'execution.kwargs.n == 1'}]}",
            r#"
            0    submit e1 {"n": 2}
                    => e1 FAIL at 0: Contract failed: execution.kwargs.n == 1: 2 == 1
                    => started
            1    submit e2 {"n": 1} => e2 PASS at 1
                                    => started
            "#,
        ),
        (
            "an optional signal that stayed away",
            "{signals: [{name: a}, {name: o, min: 0, timeout: 2s}], contracts: [{expression: '!has(signals.o.at) || signals.o.value == 1'}, {expression: 'signals.o.count < 1'}]}",
            r#"
            0    submit e1
            1    signal e1 a
            9    -                  => e1 PASS at 3
            9    submit e2
            10   signal e2 a
            11   signal e2 o 2      => e2 FAIL at 11: Contract failed: …
                                    => ACCEPTED
            "#,
        ),
        (
            "the facts of a signal: the first judged one, its latency, how many, all values",
            "{signals: [{name: a}, {name: b, min: 2}], contracts: [{expression: 'signals.b.value == 5.0 && signals.b.values == [5.0, 6.0] && signals.b.count == 2 && signals.b.key == \"e1\" && signals.b.latency == duration(\"2s\") && signals.b.at == signals.a.at + duration(\"2s\")'}]}",
            r#"
            0    submit e1
            1    signal e1 a
            2    signal e1 b 5
            3    signal e1 b 6      => e1 PASS at 3
                                    => ACCEPTED
            "#,
        ),
    ] {
        check(what, declared, script);
    }
}

#[test]
fn what_is_false_fails_and_what_cannot_be_evaluated_is_an_error() {
    check(
        "a field that is not there",
        "{signals: [{name: a, expect: [{expression: 'value.n == 1', id: same, message: the n}]}]}",
        r#"
        0    submit e1
        1    signal e1 a {"m": 1}
                => e1 ERROR at 1: Contract could not be evaluated at signal a: same: the n: …
                => ACCEPTED
        "#,
    );
    check(
        "not a truth",
        "{signals: [{name: a}], contracts: [{expression: 'signals.a.value'}]}",
        r#"
        0    submit e1
        1    signal e1 a 17
                => e1 ERROR at 1: Contract could not be evaluated: signals.a.value: it is 17, not true or false
                => ACCEPTED
        "#,
    );
    check(
        "of several the first that is false is told",
        "{signals: [{name: a, expect: [{expression: 'true'}, {expression: 'value > 1', id: one}, {expression: 'value > 2', id: two}]}]}",
        r#"
        0    submit e1
        1    signal e1 a 1  => e1 FAIL at 1: Contract failed at signal a: one: …
                            => ACCEPTED
        "#,
    );
    check(
        "the expect of a signal comes before the contracts of the case",
        "{signals: [{name: a, expect: [{expression: 'value > 1', id: one}]}], contracts: [{expression: 'signals.a.value > 2', id: two}]}",
        r#"
        0    submit e1
        1    signal e1 a 1  => e1 FAIL at 1: Contract failed at signal a: one: …
                            => ACCEPTED
        "#,
    );
}

#[test]
fn the_traceback_lists_the_steps() {
    check(
        "with their times, what is not judged and the verdict",
        "{signals: [{name: a}, {name: b, expect: [{expression: 'value.n == 1'}]}]}",
        r#"
        0    signal e1 a {"z": 1, "a": "x"}     => EARLY
        1    submit e1                          => early a of "e1": ACCEPTED
                                                => started
        1.25 signal e1 a 2
        2    signal e1 x                        => UNKNOWN_SIGNAL
        2.5  signal e1 b {"n": 2}
                => e1 FAIL at 2.5: Contract failed at signal b: value.n == 1: 2 == 1
                => ACCEPTED
             report e1      => FAIL after 1.5, a 0, b 1.5
             traceback e1   => +0.000 s execution c:e1 started at 2026-05-28T20:26:41.000Z, case revision 1
                            => -1.000 s signal a {"a":"x","z":1}
                            => +0.250 s signal a 2 (not judged)
                            => +1.000 s signal x null (not declared)
                            => +1.500 s signal b {"n":2}
                            => +1.500 s FAIL: Contract failed at signal b: value.n == 1: 2 == 1
        "#,
    );
    check(
        "of a timeout",
        "{signals: [{name: a, timeout: 2s}]}",
        r#"
        0    submit e1
        9    -              => e1 TIMEOUT at 2: Timed out waiting for signal a (2.0); no signal came
             traceback e1   => +0.000 s execution c:e1 started at 2026-05-28T20:26:40.000Z, case revision 1
                            => +2.000 s TIMEOUT: Timed out waiting for signal a (2.0); no signal came
        "#,
    );
}

#[test]
fn the_expressions_that_one_fact_brings_about_share_their_steps() {
    let numbers: Vec<_> = (0..150).map(|n| n.to_string()).collect();
    let value = format!("[{}]", numbers.join(","));
    // Less than 100,000 steps, and sixteen are more than 500,000.
    let dear = "{expression: 'value.all(x, !(-1.0 in value))'}";
    let declared = format!(
        "{{signals: [{{name: a, expect: [{0}]}}, {{name: b, expect: [{0}]}}, {{name: c, expect: [{1}]}}]}}",
        [dear; 4].join(","),
        [dear; 16].join(","),
    );
    let script = format!(
        "
        0    submit e1
        1    signal e1 a {value}
        2    signal e1 b {value}
        3    signal e1 c {value}
                => e1 ERROR at 3: Contract could not be evaluated at signal c: value.all(x, !(-1.0 in value)): too much work together with the other expressions …
                => ACCEPTED
        "
    );
    check("each fact has its own", &declared, &script);
}
