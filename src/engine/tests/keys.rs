//! How signals reach executions: ids, declared keys, and who holds them.

use super::script::check;

#[test]
fn a_signal_reaches_an_execution_by_its_id_else_by_the_declared_key() {
    for (what, declared, script) in [
        (
            "by either",
            "{signals: [{name: a, key: 'execution.kwargs.order'}, {name: b}]}",
            r#"
            0    submit e1 {"order": "o7"}
            1    signal o7 a
            2    signal e1 b        => e1 PASS at 2
                                    => ACCEPTED
            3    submit e2 {"order": "o8"}
            4    signal e2 a
            5    signal o8 b        => EARLY
            6    signal e2 b        => e2 PASS at 6
                                    => ACCEPTED
            "#,
        ),
        (
            "each signal by its own key",
            "{signals: [{name: a, key: 'execution.kwargs.order'}, {name: b, key: 'execution.args[0]'}, {name: c, key: 'execution.id + \"-c\"'}]}",
            r#"
            0    submit e1 {"order": 1}
                    => e1 ERROR at 0: The key of signal b could not be evaluated: …
                    => started
            "#,
        ),
        (
            "numbers and texts are different keys",
            "{signals: [{name: a, key: 'execution.kwargs.n'}]}",
            r#"
            0    submit e1 {"n": 17}
            0    submit e2 {"n": "17"}
            1    signal 17 a 1      => e1 PASS at 1
                                    => ACCEPTED
            2    signal "17" a 2    => e2 PASS at 2
                                    => ACCEPTED
            "#,
        ),
        (
            "a number calculated is the number sent",
            "{signals: [{name: a, key: 'execution.kwargs.n * 2.0'}, {name: b, key: '17'}]}",
            r#"
            0    submit e1 {"n": 1.5}
            1    signal 3 a
            2    signal 17 b        => e1 PASS at 2
                                    => ACCEPTED
            "#,
        ),
        (
            "keys are any JSON values",
            "{signals: [{name: a, key: 'execution.kwargs.k'}]}",
            r#"
            0    submit e1 {"k": {"y": [1, "2"], "x": null}}
            1    signal {"x":null,"y":[1,"2"]} a    => e1 PASS at 1
                                                    => ACCEPTED
            2    submit e2 {"k": true}
            3    signal true a                      => e2 PASS at 3
                                                    => ACCEPTED
            "#,
        ),
        (
            "a key that no execution can have is an orphan's",
            "{signals: [{name: a}, {name: b, key: 'execution.kwargs.n'}]}",
            r#"
            0    signal 17 a
                    => ORPHAN: executions are known by ids, which are texts, and the case declares no other key for signal a: if the id is meant, send "17" as a string
            0    signal 17 b        => EARLY
            0    signal 17 x        => UNKNOWN_SIGNAL
                 sizes              => live 0, early 2, …
            "#,
        ),
    ] {
        check(what, declared, script);
    }
}

#[test]
fn a_key_that_cannot_be_evaluated_is_an_error_at_the_submission() {
    check(
        "no such field, null, no number a key can have",
        "{signals: [{name: a, key: execution.kwargs.order}]}",
        r#"
        0    submit e1              => e1 ERROR at 0: The key of signal a could not be evaluated: execution.kwargs.order: …
                                    => started
        1    submit e2 {"order": null}
                                    => e2 ERROR at 1: The key of signal a could not be evaluated: execution.kwargs.order: a key must not be null
                                    => started
        2    submit e3 {"order": 9007199254740993.0}
                                    => e3 ERROR at 2: The key of signal a could not be evaluated: execution.kwargs.order: a key must be within …
                                    => started
        3    signal e1 a            => LATE
        "#,
    );
}

#[test]
fn a_declared_key_is_no_longer_than_a_signal_can_carry() {
    // Two quotes are of the key as well.
    let (longest, longer) = ("x".repeat(1_022), "x".repeat(1_023));
    let script = format!(
        r#"
        0    submit e1 {{"order": "{longest}"}}
        1    signal "{longest}" a   => e1 PASS at 1
                                    => ACCEPTED
        2    submit e2 {{"order": "{longer}"}}
                => e2 ERROR at 2: The key of signal a is 1025 bytes long as JSON; at most 1024, which is what a signal can carry
                => started
             sizes                  => live 0, early 0, remembered 2, bytes 0, ids 2, keys 1
        "#
    );
    check(
        "a longer one is an error at the submission",
        "{signals: [{name: a, key: execution.kwargs.order}]}",
        &script,
    );
}

#[test]
fn a_key_belongs_to_one_live_execution() {
    for (what, declared, script) in [
        (
            "a second one that needs it ends as SKIP",
            "{signals: [{name: a, key: execution.kwargs.order}, {name: b}]}",
            r#"
            0    submit e1 {"order": "o7"}
            1    submit e2 {"order": "o7"}
                    => e2 SKIP at 1: Skipped: key "o7" of signal a is held by the live execution e1
                    => started
            2    signal o7 a
            2    signal e2 a        => LATE
            3    signal e1 b        => e1 PASS at 3
                                    => ACCEPTED
            "#,
        ),
        (
            "of the same signal only",
            "{signals: [{name: a, key: execution.kwargs.n}, {name: b, key: execution.kwargs.m}]}",
            r#"
            0    submit e1 {"n": 1, "m": 2}
            1    submit e2 {"n": 2, "m": 1}
            2    signal 1 a         => ACCEPTED
            2    signal 1 b         => ACCEPTED
            3    signal 2 a         => e2 PASS at 3
                                    => ACCEPTED
            4    signal 2 b         => e1 PASS at 4
                                    => ACCEPTED
            "#,
        ),
        (
            "of several holders the same one is named everywhere",
            "{signals: [{name: a, key: execution.kwargs.n}, {name: b, key: execution.kwargs.m}, {name: c, key: execution.kwargs.n}]}",
            r#"
            0    submit e1 {"n": 5, "m": "e3"}
            0    submit e2 {"n": "e3", "m": 5}
            1    submit e3 {"n": 5, "m": 5}
                    => e3 SKIP at 1: Skipped: key "e3" of signal a is held by the live execution e2
                    => started
            "#,
        ),
        (
            "it is free after the verdict, recorded or not",
            "{signals: [{name: a, key: execution.kwargs.n}]}",
            r#"
            0    hold
            0    submit e1 {"n": 1}
            1    signal 1 a 1       => e1 PASS at 1
                                    => ACCEPTED
            2    submit e2 {"n": 1}
            3    signal 1 a 1       => e2 PASS at 3
                                    => ACCEPTED
            4    record
            5    submit e3 {"n": 1}
            6    signal 1 a 1       => e3 PASS at 6
                                    => ACCEPTED
            7    signal 1 a 2       => LATE
                 late e3            => a 2 by 1
                                    => 1 in all
            "#,
        ),
        (
            "a deadline that passes with the submission frees it",
            "{signals: [{name: a, key: execution.kwargs.n, timeout: 2s}]}",
            r#"
            0    submit e1 {"n": 1}
            2    submit e2 {"n": 1} => e1 TIMEOUT at 2: Timed out waiting for signal a (2.0); no signal came
                                    => started
            "#,
        ),
        (
            "verdicts recorded in another order leave it with the last one",
            "{signals: [{name: a, key: execution.kwargs.n}]}",
            r#"
            0    hold
            0    submit e1 {"n": 1}
            1    signal 1 a 1       => e1 PASS at 1
                                    => ACCEPTED
            2    submit e2 {"n": 1}
            3    cancel e2          => e2 SKIP at 3: Skipped: cancelled
                                    => cancelled
            4    record e2
            5    signal 1 a 1       => LATE
            6    record e1
            7    signal 1 a 2       => LATE
                 late e2            => a 1 by 2
                                    => a 2 by 4
                                    => 2 in all
            605  signal 1 a 3       => EARLY
            605  signal e1 a 3      => LATE
            "#,
        ),
        (
            "an id that another one holds as a key, and the other way round",
            "{signals: [{name: a, key: execution.kwargs.k}]}",
            r#"
            0    submit e1 {"k": "e2"}
            1    submit e2 {"k": "e3"}
                    => e2 SKIP at 1: Skipped: key "e2" of signal a is held by the live execution e1
                    => started
            2    submit e4 {"k": "e1"}
                    => e4 SKIP at 2: Skipped: key "e1" of signal a is held by the live execution e1
                    => started
            3    submit e5 {"k": "e5"}
            4    signal e5 a        => e5 PASS at 4
                                    => ACCEPTED
            5    signal e2 a        => e1 PASS at 5
                                    => ACCEPTED
            "#,
        ),
        (
            "a live one by its key comes before a concluded one by its id",
            "{signals: [{name: a, key: execution.kwargs.k}]}",
            r#"
            0    submit e1 {"k": "o1"}
            1    signal o1 a        => e1 PASS at 1
                                    => ACCEPTED
            2    submit e2 {"k": "e1"}
            3    signal e1 a 5      => e2 PASS at 3
                                    => ACCEPTED
            "#,
        ),
        (
            "a live one by its id, although a concluded one had it as a key",
            "{signals: [{name: a, key: execution.kwargs.k}]}",
            r#"
            0    submit e1 {"k": "e2"}
            1    signal e2 a        => e1 PASS at 1
                                    => ACCEPTED
            2    submit e2 {"k": "o2"}
            3    submit e3 {"k": "e2"}
                    => e3 SKIP at 3: Skipped: key "e2" of signal a is held by the live execution e2
                    => started
            4    signal e2 a        => e2 PASS at 4
                                    => ACCEPTED
            "#,
        ),
    ] {
        check(what, declared, script);
    }
}

#[test]
fn submitting_again_gives_the_first_answer() {
    check(
        "while it is known, for the same fields only",
        "{signals: [{name: a}]}",
        r#"
        0    submit e1 {"n": 1}
        1    submit e1 {"n": 1}             => the same
        1    submit e1 {"n": 2}             => exists
        1    submit e1 {"n": 1} expires=50  => exists
        2    hold
        2    signal e1 a                    => e1 PASS at 2
                                            => ACCEPTED
        2    submit e1 {"n": 1}             => the same
        3    record
        4    submit e1 {"n": 1}             => concluded
        4    submit e1 {"n": 2}             => exists
        "#,
    );
}
