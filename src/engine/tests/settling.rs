//! How often a signal must and may come, and when it is settled.

use super::script::check;

#[test]
fn min_and_max_say_when_a_signal_is_settled() {
    for (what, declared, script) in [
        (
            "once, by default: at its first arrival",
            "{signals: [{name: a, timeout: 2s}]}",
            "
            0    submit e1
            1    signal e1 a        => e1 PASS at 1
                                    => ACCEPTED
            ",
        ),
        (
            "at least three: at the third",
            "{signals: [{name: a, min: 3}]}",
            "
            0    submit e1
            1    signal e1 a 1
            2    signal e1 a 2
            2    signal e1 a 2      => DUPLICATE
            3    signal e1 a 3      => e1 PASS at 3
                                    => ACCEPTED
            ",
        ),
        (
            "optional: at its first arrival",
            "{signals: [{name: a, min: 0, timeout: 2s}]}",
            "
            0    submit e1
            1    signal e1 a        => e1 PASS at 1
                                    => ACCEPTED
                 report e1          => PASS after 1, a 1
            ",
        ),
        (
            "optional: or at its deadline",
            "{signals: [{name: a, min: 0, timeout: 2s}]}",
            "
            0    submit e1
            9    -                  => e1 PASS at 2
                 report e1          => PASS after 2
            ",
        ),
        (
            "optional: at the expiry, if that is earlier",
            "{test_expires: 1s, signals: [{name: a, min: 0, timeout: 2s}]}",
            "
            0    submit e1
            9    -                  => e1 PASS at 1
            ",
        ),
        (
            "optional, and what must come is there first",
            "{signals: [{name: a}, {name: o, min: 0, timeout: 3s}, {name: b}]}",
            "
            0    submit e1
            1    signal e1 a
            2    signal e1 b
            9    -                  => e1 PASS at 4
                 report e1          => PASS after 4, a 1, b 1
            ",
        ),
        (
            "exactly once: at its deadline",
            "{signals: [{name: a, max: 1, timeout: 3s}, {name: b}]}",
            "
            0    submit e1
            1    signal e1 a
            2    signal e1 b
            9    -                  => e1 PASS at 3
                 report e1          => PASS after 3, a 1, b 1
            ",
        ),
        (
            "exactly once, and doubled: one signal",
            "{signals: [{name: a, max: 1, timeout: 3s}]}",
            "
            0    submit e1
            1    signal e1 a 1
            2    signal e1 a 1      => DUPLICATE
            9    -                  => e1 PASS at 3
            ",
        ),
        (
            "exactly once, and another one",
            "{signals: [{name: a, max: 1, timeout: 3s}, {name: b}]}",
            "
            0    submit e1
            1    signal e1 a 1
            2    signal e1 a 2      => e1 FAIL at 2: Signal a came 2 times, and may come 1
                                    => ACCEPTED
            ",
        ),
        (
            "two or three: not before the deadline",
            "{signals: [{name: a, min: 2, max: 3, timeout: 5s}]}",
            "
            0    submit e1
            1    signal e1 a 1
            2    signal e1 a 2
            3    signal e1 a 3
            9    -                  => e1 PASS at 5
                 report e1          => PASS after 5, a 2
            10   submit e2
            11   signal e2 a 1
            12   signal e2 a 2
            13   signal e2 a 3
            14   signal e2 a 4      => e2 FAIL at 14: Signal a came 4 times, and may come 3
                                    => ACCEPTED
            ",
        ),
        (
            "two or three: one is too few",
            "{signals: [{name: a, min: 2, max: 3, timeout: 5s}]}",
            "
            0    submit e1
            1    signal e1 a 1
            9    -  => e1 TIMEOUT at 5: Timed out waiting for signal a (5.0), 1 of 2 came; came: a at +1.000 s; heard last: a, 4.000 s before
            ",
        ),
        (
            "at most two: from its deadline on it may come again",
            "{signals: [{name: a, min: 0, max: 2, timeout: 2s}, {name: b, timeout: 9s}]}",
            "
            0    submit e1
            1    signal e1 a 1
            1.5  signal e1 a 2
            2    signal e1 a 3
            3    signal e1 b        => e1 PASS at 3
                                    => ACCEPTED
                 signals e1         => a 1 at 1 judged
                                    => a 2 at 1.5 judged
                                    => a 3 at 2
                                    => b null at 3 judged
            ",
        ),
        (
            "never: it did not come",
            "{signals: [{name: a}, {name: x, min: 0, max: 0, timeout: 3s}]}",
            "
            0    submit e1
            1    signal e1 a
            9    -                  => e1 PASS at 4
            ",
        ),
        (
            "never: it came",
            "{signals: [{name: a}, {name: x, min: 0, max: 0, timeout: 3s}]}",
            "
            0    submit e1
            0.5  signal e1 x        => e1 FAIL at 0.5: Signal x came, and must never come
                                    => ACCEPTED
            1    signal e1 a        => LATE
            ",
        ),
        (
            "never: it came before the execution",
            "{signals: [{name: a}, {name: x, min: 0, max: 0}]}",
            r#"
            0    signal e1 x        => EARLY
            0    signal e1 a        => EARLY
            1    submit e1          => e1 FAIL at 1: Signal x came, and must never come
                                    => early x of "e1": ACCEPTED
                                    => early a of "e1": ACCEPTED
                                    => started
                 report e1          => FAIL after 0, a 0, x 0
            "#,
        ),
        (
            "what comes at the deadline of another signal is in time, and decides",
            "{signals: [{name: o, min: 0, timeout: 2s}, {name: a, at_start: true}]}",
            "
            0    submit e1
            2    signal e1 a        => e1 PASS at 2
                                    => ACCEPTED
            3    submit e2
            4    signal e2 a
            5    signal e2 a 2      => e2 PASS at 5
                                    => LATE
            ",
        ),
        (
            "a verdict falls at the first event that decides it",
            "{signals: [{name: a, timeout: 1s}, {name: b, at_start: true, timeout: 5s}]}",
            "
            0    submit e1
            3    signal e1 b        => e1 TIMEOUT at 1: Timed out waiting for signal a (1.0); no signal came
                                    => LATE
            ",
        ),
    ] {
        check(what, declared, script);
    }
}
