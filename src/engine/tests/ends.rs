//! Ends without a judgement, revisions of a case, and what is kept of one
//! execution.

use super::script::check;

#[test]
fn an_execution_that_is_not_judged_is_skipped() {
    for (what, declared, script) in [
        (
            "inactive",
            "{active: false, signals: [{name: a, key: execution.kwargs.missing}]}",
            "
            0    submit e1  => e1 SKIP at 0: Skipped: the case is inactive
                            => started
                 report e1  => SKIP after 0
            1    signal e1 a    => LATE
            ",
        ),
        (
            "expired before it began, at the very moment too",
            "{signals: [{name: a}]}",
            "
            5    submit e1 expires=4    => e1 SKIP at 5: Skipped: expired before it began, at 2026-05-28T20:26:44.000Z
                                        => started
            6    submit e2 expires=6    => e2 SKIP at 6: Skipped: expired before it began, at 2026-05-28T20:26:46.000Z
                                        => started
            7    submit e3 expires=7.000001
            8    -  => e3 TIMEOUT at 7.000001: Expired while waiting for signal a; no signal came
            ",
        ),
        (
            "cancelled",
            "{signals: [{name: a}]}",
            "
            0    submit e1
            0    submit e2
            1    cancel e1                  => e1 SKIP at 1: Skipped: cancelled
                                            => cancelled
            2    cancel e2 the order is no longer wanted
                                            => e2 SKIP at 2: Skipped: cancelled: the order is no longer wanted
                                            => cancelled
            3    cancel e2 again            => cancelled
            3    cancel e3                  => unknown
            4    signal e1 a                => LATE
                 report e1                  => SKIP after 1
            ",
        ),
        (
            "cancelled when it has its verdict",
            "{signals: [{name: a}]}",
            "
            0    hold
            0    submit e1
            1    signal e1 a                => e1 PASS at 1
                                            => ACCEPTED
            2    cancel e1                  => cancelled
            3    record
                 report e1                  => PASS after 1, a 1
            ",
        ),
        (
            "cancelled at its deadline: the deadline was first",
            "{signals: [{name: a, timeout: 2s}]}",
            "
            0    submit e1
            2    cancel e1  => e1 TIMEOUT at 2: Timed out waiting for signal a (2.0); no signal came
                            => cancelled
            ",
        ),
        (
            "the case was deleted",
            "{signals: [{name: a}]}",
            r#"
            0    submit e1
            0    submit e2
            0    signal e3 a    => EARLY
            1    signal e2 a    => e2 PASS at 1
                                => ACCEPTED
            2    delete         => e1 SKIP at 2: Skipped: the case was deleted
                                => early a of "e3": ORPHAN
                                => deleted
            3    signal e1 a    => no such case
            3    submit e4      => no such case
            3    submit e1      => concluded
            3    delete         => unknown
                 sizes          => live 0, early 0, remembered 2, bytes 0, ids 2, keys 0
            4    apply {signals: [{name: a}]}   => created 1
            5    signal e1 a    => LATE
            6    submit e1      => concluded
            7    submit e5
            700  - => e5 TIMEOUT at 37: Timed out waiting for signal a (30.0); no signal came
                 sizes          => live 0, early 0, remembered 0, bytes 0, ids 0, keys 0
            "#,
        ),
    ] {
        check(what, declared, script);
    }
}

#[test]
fn the_revision_at_the_submission_judges_to_the_end() {
    check(
        "whatever is applied meanwhile",
        "{signals: [{name: a, timeout: 5s}, {name: b, timeout: 5s}]}",
        r#"
        0    submit e2
        0.5  submit e1
        1    apply {signals: [{name: a, timeout: 5s}, {name: b, timeout: 5s}]}  => unchanged 1
        1    apply {signals: [{name: c, timeout: 1s}]}                          => updated 2
        1    submit e3
        2    signal e1 a
        3    signal e3 c    => e3 TIMEOUT at 2.000002: …
                            => LATE
        3    signal e1 c    => UNKNOWN_SIGNAL
        4    signal e1 b    => e1 PASS at 4
                            => ACCEPTED
        4.5  apply {active: false}          => updated 3
        4.5  submit e4      => e4 SKIP at 4.500001: Skipped: the case is inactive
                            => started
        9    -              => e2 TIMEOUT at 5: Timed out waiting for signal a (5.0); no signal came
             traceback e2   => +0.000 s execution c:e2 started at 2026-05-28T20:26:40.000Z, case revision 1
                            => +5.000 s TIMEOUT: Timed out waiting for signal a (5.0); no signal came
        "#,
    );
    check(
        "early signals are judged by the revision that claims them",
        "{signals: [{name: a}]}",
        r#"
        0    signal e1 b    => UNKNOWN_SIGNAL
        0    signal e1 a    => EARLY
        1    apply {signals: [{name: b}]}   => updated 2
        2    submit e1      => e1 PASS at 2
                            => early b of "e1": ACCEPTED
                            => early a of "e1": UNKNOWN_SIGNAL
                            => started
        "#,
    );
}

#[test]
fn unknown_signals_are_kept_and_change_nothing() {
    let mut script = "0 submit e1\n".to_owned();
    for n in 0..18 {
        script.push_str(&format!("1 signal e1 x{n} => UNKNOWN_SIGNAL\n"));
    }
    script.push_str("1 signal e1 x17 => UNKNOWN_SIGNAL\n1 signal e1 x0 => DUPLICATE\n");
    script.push_str("1 signal e1 x0 1 => UNKNOWN_SIGNAL\nsignals e1\n");
    for n in 0..16 {
        let when = f64::from(1_000_000 + n) / 1e6;
        script.push_str(&format!("=> x{n} null at {when} UNKNOWN_SIGNAL\n"));
    }
    script.push_str("=> x0 1 at 1.00002 UNKNOWN_SIGNAL\n");
    script.push_str("3 signal e1 a => e1 PASS at 3\n=> ACCEPTED\nreport e1 => PASS after 3, a 3");
    check("16 names of them", "{signals: [{name: a}]}", &script);
}

#[test]
fn of_one_execution_256_signals_are_kept() {
    let mut script = "0 submit e1\n".to_owned();
    for n in 0..253 {
        script.push_str(&format!("1 signal e1 x {n} => UNKNOWN_SIGNAL\n"));
    }
    script.push_str(
        "
        2   signal e1 a 1
        3   signal e1 x 255     => UNKNOWN_SIGNAL
        3   signal e1 x 255     => UNKNOWN_SIGNAL
        3   signal e1 x 252     => DUPLICATE
        3   signal e1 a 2
        3   signal e1 a 2
        4   signal e1 m 1
        5   signal e1 m 2
        5   signal e1 m 2       => DUPLICATE
        6   signal e1 b 1       => e1 PASS at 6
                                => ACCEPTED
            signals e1
        ",
    );
    for n in 0..253 {
        let when = f64::from(1_000_000 + n) / 1e6;
        script.push_str(&format!("=> x {n} at {when} UNKNOWN_SIGNAL\n"));
    }
    script.push_str("=> a 1 at 2 judged\n=> m 1 at 4 judged\n=> b 1 at 5.9 judged\n");
    check(
        "places are held for those that are needed; what counts is known when doubled",
        "{signals: [{name: a}, {name: m, max: 2, timeout: 4s}, {name: b}]}",
        &script
            .replace(
                "6   signal e1 b 1       => e1 PASS at 6\n",
                "5.9 signal e1 b 1 => ACCEPTED\n9 - => e1 PASS at 6\n",
            )
            .replace("                                => ACCEPTED\n", ""),
    );
}

#[test]
fn of_one_execution_256_kib_of_values_are_kept() {
    let (large, rest) = ("x".repeat(200 << 10), "y".repeat(60 << 10));
    let script = format!(
        r#"
        0   submit e1
        1   signal e1 a "{large}"
        2   signal e1 b "{rest}"
        3   signal e1 c 17
            report e1   => none
        4   signal e1 d "zz"    => e1 ERROR at 4: Contract could not be evaluated: a value of signal b was not kept: the values of one execution are limited to 256 KiB
                                => ACCEPTED
        "#
    );
    check(
        "a contract over a value that was dropped is an error, one on arrival sees it",
        "{signals: [{name: a}, {name: b, expect: [{expression: 'size(value) == 61440'}]}, {name: c}, {name: d}], contracts: [{expression: 'signals.c.value == 17.0'}, {expression: 'signals.b.value != signals.d.value'}]}",
        &script,
    );
}
