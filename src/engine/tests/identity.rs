//! What makes two signals the same, and what becomes of late ones.

use super::script::check;

#[test]
fn a_known_identity_is_a_duplicate() {
    for (what, declared, script) in [
        (
            "the value, where there is no signal_id",
            "{signals: [{name: a}, {name: b}]}",
            r#"
            0    submit e1
            1    signal e1 a {"x": 1, "y": 2}
            2    signal e1 a {"y": 2, "x": 1}   => DUPLICATE
            3    signal e1 a {"x": 1}
            4    signal e1 a null
            5    signal e1 a                    => DUPLICATE
                 signals e1     => a {"x":1,"y":2} at 1 judged
                                => a {"x":1} at 3
                                => a null at 4
            "#,
        ),
        (
            "the signal_id, whatever the value",
            "{signals: [{name: a, min: 3}]}",
            "
            0    submit e1
            1    signal e1 a 1 #s1
            2    signal e1 a 2 #s1              => DUPLICATE
            3    signal e1 a 1 #s2
            4    signal e1 a 1                  => e1 PASS at 4
                                                => ACCEPTED
            ",
        ),
        (
            "a signal_id is not the value of the same text",
            "{signals: [{name: a, min: 2}]}",
            r#"
            0    submit e1
            1    signal e1 a null #x
            2    signal e1 a "x"                => e1 PASS at 2
                                                => ACCEPTED
            "#,
        ),
        (
            "of its name",
            "{signals: [{name: a}, {name: b}]}",
            "
            0    submit e1
            1    signal e1 a 1 #s1
            2    signal e1 b 1 #s1              => e1 PASS at 2
                                                => ACCEPTED
            ",
        ),
        (
            "of its execution",
            "{signals: [{name: a}]}",
            "
            0    submit e1
            0    submit e2
            1    signal e1 a 1 #s1              => e1 PASS at 1
                                                => ACCEPTED
            1    signal e2 a 1 #s1              => e2 PASS at 1.000002
                                                => ACCEPTED
            ",
        ),
        (
            "by id and by key",
            "{signals: [{name: a, min: 2, key: execution.kwargs.order}]}",
            r#"
            0    submit e1 {"order": "o7"}
            1    signal e1 a 1
            2    signal o7 a 1                  => DUPLICATE
            3    signal o7 a 2                  => e1 PASS at 3
                                                => ACCEPTED
            4    signal e1 a 2                  => DUPLICATE
            "#,
        ),
        (
            "of unknown names too",
            "{signals: [{name: a}]}",
            "
            0    submit e1
            1    signal e1 x 1                  => UNKNOWN_SIGNAL
            2    signal e1 x 1                  => DUPLICATE
            3    signal e1 a                    => e1 PASS at 3
                                                => ACCEPTED
            4    signal e1 x 1                  => DUPLICATE
            5    signal e1 x 2                  => LATE
            ",
        ),
        (
            "early ones among themselves and afterwards",
            "{signals: [{name: a}, {name: b}]}",
            r#"
            0    signal e1 a 1                  => EARLY
            1    signal e1 a 1                  => DUPLICATE
            2    submit e1                      => early a of "e1": ACCEPTED
                                                => started
            3    signal e1 a 1                  => DUPLICATE
            "#,
        ),
        (
            "before the verdict is recorded, and after",
            "{signals: [{name: a}]}",
            "
            0    submit e1
            1    hold
            1    signal e1 a 1                  => e1 PASS at 1
                                                => ACCEPTED
            2    signal e1 a 1                  => DUPLICATE
            3    signal e1 a 2                  => LATE
            4    signal e1 a 2                  => DUPLICATE
            5    record
            6    signal e1 a 1                  => DUPLICATE
            7    signal e1 a 2                  => DUPLICATE
            8    signal e1 a 3                  => LATE
            9    signal e1 a 3                  => DUPLICATE
                 late e1        => a 2 by 2
                                => a 3 by 7
                                => 2 in all
            ",
        ),
    ] {
        check(what, declared, script);
    }
}

#[test]
fn only_the_first_is_judged_of_one_that_must_come_once() {
    check(
        "a different value is kept and shown, and neither judged nor counted as too many",
        "{signals: [{name: a, expect: [{expression: 'value < 5'}]}, {name: b}], contracts: [{expression: 'signals.a.value == 1'}]}",
        r#"
        0    submit e1
        1    signal e1 a 1
        2    signal e1 a 9
        3    signal e1 b        => e1 PASS at 3
                                => ACCEPTED
             signals e1         => a 1 at 1 judged
                                => a 9 at 2
                                => b null at 3 judged
             report e1          => PASS after 3, a 1, b 2
        "#,
    );
}

#[test]
fn late_signals_are_noted_beside_the_report() {
    check(
        "and not in it, of any name",
        "{signals: [{name: a, timeout: 2s}]}",
        r#"
        0    submit e1
        5    signal e1 a 1      => e1 TIMEOUT at 2: Timed out waiting for signal a (2.0); no signal came
                                => LATE
        5.5  signal e1 x        => LATE
             report e1          => TIMEOUT after 2
             signals e1
             late e1            => a 1 by 3
                                => x null by 3.5
                                => 2 in all
        "#,
    );

    let mut script = "0 submit e1\n1 signal e1 a => e1 PASS at 1\n=> ACCEPTED\n".to_owned();
    for n in 0..20 {
        script.push_str(&format!("2 signal e1 a {n} => LATE\n"));
    }
    script.push_str("3 signal e1 a 15 => DUPLICATE\n3 signal e1 a 16 => LATE\nlate e1\n");
    for n in 0..16 {
        let by = 1_000_000 + n;
        script.push_str(&format!("=> a {n} by {}\n", f64::from(by) / 1e6));
    }
    script.push_str("=> 21 in all\n1000 - => e1 had 21 late signals");
    check(
        "the first 16, then only their number",
        "{signals: [{name: a}]}",
        &script,
    );

    let mut script = "0 submit e1\n1 hold\n1 signal e1 a => e1 PASS at 1\n=> ACCEPTED\n".to_owned();
    for n in 0..10 {
        script.push_str(&format!("2 signal e1 a {n} => LATE\n"));
    }
    script.push_str("3 record\n");
    for n in 10..20 {
        script.push_str(&format!("3 signal e1 a {n} => LATE\n"));
    }
    script.push_str("late e1\n");
    for n in 0..16 {
        let by = if n < 10 {
            1_000_000 + n
        } else {
            2_000_000 + n - 9
        };
        script.push_str(&format!("=> a {n} by {}\n", f64::from(by) / 1e6));
    }
    script.push_str("=> 20 in all\n1000 - => e1 had 20 late signals");
    check(
        "the first 16 before and after the verdict was recorded",
        "{signals: [{name: a}]}",
        &script,
    );
}

#[test]
fn a_concluded_execution_is_remembered_for_ten_minutes() {
    check(
        "from the recording of its verdict",
        "{signals: [{name: a}]}",
        r#"
        0           submit e1
        1           hold
        1           signal e1 a     => e1 PASS at 1
                                    => ACCEPTED
        2           record
                    sizes           => live 0, early 0, remembered 1, bytes 0, ids 1, keys 0
        601.999998  signal e1 a 1   => LATE
        601.999999  submit e1       => concluded
        602         signal e1 a 1   => EARLY
        603         submit e1       => e1 PASS at 603
                                    => early a of "e1": ACCEPTED
                                    => started
        "#,
    );
}
