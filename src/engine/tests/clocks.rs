//! Starts, latencies, deadlines, and the order of signals.

use super::script::check;

#[test]
fn an_execution_starts_when_it_is_submitted() {
    check(
        "runtime is start to verdict, latency from the start of the signal's clock",
        "{signals: [{name: a}, {name: b}, {name: c}]}",
        r#"
        1    submit e1
        1    report e1          => none
        1.5  signal e1 a
        3    signal e1 c
        4.25 signal e1 b        => e1 PASS at 4.25
                                => ACCEPTED
             report e1          => PASS after 3.25, a 0.5, b 2.75, c 0
             traceback e1       => none
        "#,
    );
    check(
        "a case that awaits nothing passes at once",
        "{}",
        r#"
        1    submit e1          => e1 PASS at 1
                                => started
             report e1          => PASS after 0
        "#,
    );
    check(
        "the latency of a signal of several is that of the last one needed",
        "{signals: [{name: a, min: 2}, {name: b}]}",
        r#"
        0    submit e1
        1    signal e1 a 1
        2    signal e1 a 2
        2.5  signal e1 b        => e1 PASS at 2.5
                                => ACCEPTED
             report e1          => PASS after 2.5, a 2, b 0.5
        "#,
    );
}

#[test]
fn the_earliest_limit_is_the_deadline() {
    for (what, declared, script) in [
        (
            "the timeout, 30 s unless declared",
            "{signals: [{name: a}]}",
            "
            0    submit e1
            40   -      => e1 TIMEOUT at 30: Timed out waiting for signal a (30.0); no signal came
                 report e1      => TIMEOUT after 30
            ",
        ),
        (
            "a timeout of less than a second",
            "{signals: [{name: a, timeout: 0.25s}]}",
            "
            0    submit e1
            1    -      => e1 TIMEOUT at 0.25: Timed out waiting for signal a (0.25); no signal came
            ",
        ),
        (
            "deadlines are whole microseconds, as journal times are, and never early",
            "{signals: [{name: a, timeout: 0.000000001s}]}",
            "
            0    submit e1
            1    -      => e1 TIMEOUT at 0.000001: Timed out waiting for signal a (1e-9); no signal came
            ",
        ),
        (
            "within, before the timeout",
            "{signals: [{name: a, timeout: 5s, within: 3s}]}",
            "
            0    submit e1
            9    -      => e1 TIMEOUT at 3: Timed out waiting for signal a (within 3.0 of the start); no signal came
            ",
        ),
        (
            "within counts from the start, whenever the clock starts",
            "{signals: [{name: a}, {name: b, timeout: 5s, within: 6s}]}",
            "
            0    submit e1
            4    signal e1 a
            9    -      => e1 TIMEOUT at 6: Timed out waiting for signal b (within 6.0 of the start); came: a at +4.000 s; heard last: a, 2.000 s before
            ",
        ),
        (
            "the timeout, before within",
            "{signals: [{name: a}, {name: b, timeout: 5s, within: 20s}]}",
            "
            0    submit e1
            4    signal e1 a
            30   -      => e1 TIMEOUT at 9: Timed out waiting for signal b (5.0); came: a at +4.000 s; heard last: a, 5.000 s before
            ",
        ),
        (
            "a tie is told as the timeout",
            "{test_expires: 5s, signals: [{name: a, timeout: 5s, within: 5s}]}",
            "
            0    submit e1
            9    -      => e1 TIMEOUT at 5: Timed out waiting for signal a (5.0); no signal came
            ",
        ),
        (
            "a tie of within and expiry is told as within",
            "{test_expires: 5s, signals: [{name: a, within: 5s}]}",
            "
            0    submit e1
            9    -      => e1 TIMEOUT at 5: Timed out waiting for signal a (within 5.0 of the start); no signal came
            ",
        ),
        (
            "expiry, as the case has it",
            "{test_expires: 4s, signals: [{name: a}, {name: b}]}",
            "
            0    submit e1
            1    signal e1 a
            9    -      => e1 TIMEOUT at 4: Expired while waiting for signal b; came: a at +1.000 s; heard last: a, 3.000 s before
            ",
        ),
        (
            "expiry, as the submission has it",
            "{test_expires: 4s, signals: [{name: a}]}",
            "
            0    submit e1 expires=2.5
            9    -      => e1 TIMEOUT at 2.5: Expired while waiting for signal a; no signal came
            ",
        ),
        (
            "expiry of a signal whose clock never started",
            "{test_expires: 4s, signals: [{name: a, timeout: 9s}, {name: b, timeout: 1s}]}",
            "
            0    submit e1
            9    -      => e1 TIMEOUT at 4: Expired while waiting for signal a; no signal came
            ",
        ),
        (
            "of two that are due at the same time the first declared is told",
            "{signals: [{name: a, at_start: true, timeout: 2s}, {name: b, at_start: true, timeout: 2s}]}",
            "
            0    submit e1
            9    -      => e1 TIMEOUT at 2: Timed out waiting for signal a (2.0); no signal came
            ",
        ),
        (
            "the earliest deadline decides, though it is noticed with a later one",
            "{signals: [{name: a, at_start: true, timeout: 2s}, {name: b, at_start: true, timeout: 1s}]}",
            "
            0    submit e1
            0    pause
            2.5  tick   => e1 TIMEOUT at 1: Timed out waiting for signal b (1.0); no signal came
            ",
        ),
        (
            "how many came of how many is told",
            "{signals: [{name: a, min: 3, timeout: 2s}]}",
            "
            0    submit e1
            1    signal e1 a 1
            1.5  signal e1 a 2
            9    -      => e1 TIMEOUT at 2: Timed out waiting for signal a (2.0), 2 of 3 came; came: a at +1.000 s, a at +1.500 s; heard last: a, 0.500 s before
            ",
        ),
        (
            "unknown signals and those before the start count as heard",
            "{signals: [{name: a, timeout: 2s}, {name: b, timeout: 2s}]}",
            "
            0    signal e1 b        => EARLY
            1    submit e1          => early b of \"e1\": ACCEPTED
                                    => started
            2    signal e1 x        => UNKNOWN_SIGNAL
            9    -      => e1 TIMEOUT at 3: Timed out waiting for signal a (2.0); came: b at -1.000 s, x at +1.000 s; heard last: x, 1.000 s before
            ",
        ),
        (
            "no execution lives longer than 30 days",
            "{test_expires: 2592000s, signals: [{name: a, timeout: 2592001s}]}",
            "
            0          submit e1 expires=9999999
            0          pause
            2592000    tick     => e1 SKIP at 2592000: Skipped: the server was away until 2026-06-27T20:26:40.000Z, so silence proves nothing; otherwise TIMEOUT: Expired while waiting for signal a; no signal came
            ",
        ),
    ] {
        check(what, declared, script);
    }
}

#[test]
fn the_deadline_itself_is_too_late() {
    check(
        "a signal exactly at its deadline",
        "{signals: [{name: a, timeout: 2s}]}",
        r#"
        0         submit e1
        0.000001  submit e2
        0.000002  submit e3
        0.000002  pause
        2.000001  signal e3 a   => e1 TIMEOUT at 2: Timed out waiting for signal a (2.0); no signal came
                                => e2 TIMEOUT at 2.000001: Timed out waiting for signal a (2.0); no signal came
                                => e3 PASS at 2.000001
                                => ACCEPTED
        3         signal e2 a   => LATE
        "#,
    );
    check(
        "its own signal does not come before its deadline passes",
        "{signals: [{name: a, timeout: 2s}]}",
        r#"
        0         submit e1
        2         signal e1 a   => e1 TIMEOUT at 2: Timed out waiting for signal a (2.0); no signal came
                                => LATE
                  late e1       => a null by 0
                                => 1 in all
        "#,
    );
    check(
        "a microsecond earlier is in time",
        "{signals: [{name: a, timeout: 2s}]}",
        r#"
        0         submit e1
        1.999999  signal e1 a   => e1 PASS at 1.999999
                                => ACCEPTED
        "#,
    );
}

#[test]
fn other_signals_never_move_a_deadline() {
    check(
        "neither of the case nor of other executions, unknown ones or doubled ones",
        "{signals: [{name: a, timeout: 10s}, {name: b, timeout: 3s}, {name: c, at_start: true, timeout: 5s}]}",
        r#"
        0    submit e1
        1    signal e1 a
        2    signal e1 a        => DUPLICATE
        2.5  signal e1 a 1
        3    signal e1 x        => UNKNOWN_SIGNAL
        3.2  signal e2 b        => EARLY
        3.5  signal e1 c
        3.9  signal e1 c        => DUPLICATE
        9    -                  => e1 TIMEOUT at 4: Timed out waiting for signal b (3.0); came: a at +1.000 s, a at +2.500 s, x at +3.000 s, c at +3.500 s; heard last: c, 0.500 s before
        "#,
    );
}

#[test]
fn a_list_is_a_sequence_and_a_graph_where_one_is_needed() {
    for (what, declared, script) in [
        (
            "the clock of each starts when the one before it has arrived",
            "{signals: [{name: a, timeout: 2s}, {name: b, timeout: 2s}, {name: c, timeout: 2s}]}",
            "
            0    submit e1
            1.5  signal e1 a
            3    signal e1 b
            4.5  signal e1 c        => e1 PASS at 4.5
                                    => ACCEPTED
                 report e1          => PASS after 4.5, a 1.5, b 1.5, c 1.5
            ",
        ),
        (
            "one that came before its turn starts the next clock all the same",
            "{signals: [{name: a, timeout: 5s}, {name: b, timeout: 2s}, {name: c, timeout: 2s}]}",
            "
            0    submit e1
            1    signal e1 b
            4    -      => e1 TIMEOUT at 3: Timed out waiting for signal c (2.0); came: b at +1.000 s; heard last: b, 2.000 s before
            ",
        ),
        (
            "an optional one does not hold up the sequence",
            "{signals: [{name: a}, {name: o, min: 0, timeout: 9s}, {name: b, timeout: 2s}]}",
            "
            0    submit e1
            1    signal e1 a
            4    -      => e1 TIMEOUT at 3: Timed out waiting for signal b (2.0); came: a at +1.000 s; heard last: a, 2.000 s before
            ",
        ),
        (
            "one that is needed several times starts the next clock at the last",
            "{signals: [{name: a, min: 2}, {name: b, timeout: 2s}]}",
            "
            0    submit e1
            1    signal e1 a 1
            5    signal e1 a 2
            6    signal e1 a 3
            9    -      => e1 TIMEOUT at 7: Timed out waiting for signal b (2.0); came: a at +1.000 s, a at +5.000 s, a at +6.000 s; heard last: a, 1.000 s before
            ",
        ),
        (
            "at_start: the clock starts with the execution",
            "{signals: [{name: a}, {name: b, timeout: 2s, at_start: true}]}",
            "
            0    submit e1
            1    signal e1 a
            4    -      => e1 TIMEOUT at 2: Timed out waiting for signal b (2.0); came: a at +1.000 s; heard last: a, 1.000 s before
            ",
        ),
        (
            "after: a diamond waits for both",
            "{signals: [{name: a}, {name: b, after: [a]}, {name: c, after: [a]}, {name: d, after: [b, c], timeout: 2s}]}",
            "
            0    submit e1
            1    signal e1 a
            2    signal e1 c
            5    signal e1 b
            6    signal e1 d        => e1 PASS at 6
                                    => ACCEPTED
                 report e1          => PASS after 6, a 1, b 4, c 1, d 1
            ",
        ),
        (
            "after: a later signal in the list",
            "{signals: [{name: a, after: [b], timeout: 1s}, {name: b, at_start: true}]}",
            "
            0    submit e1
            5    signal e1 b
            9    -      => e1 TIMEOUT at 6: Timed out waiting for signal a (1.0); came: b at +5.000 s; heard last: b, 1.000 s before
            ",
        ),
        (
            "a clock does not start before the execution",
            "{signals: [{name: a}, {name: b, timeout: 2s}]}",
            "
            0    signal e1 a        => EARLY
            1    submit e1          => early a of \"e1\": ACCEPTED
                                    => started
            2.5  signal e1 b        => e1 PASS at 2.5
                                    => ACCEPTED
                 report e1          => PASS after 1.5, a 0, b 1.5
            ",
        ),
    ] {
        check(what, declared, script);
    }
}
