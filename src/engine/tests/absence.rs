//! When the server was away, silence proves nothing.

use super::script::check;

const UNTIL_5: &str = "Skipped: the server was away until 2026-05-28T20:26:45.000Z, \
                       so silence proves nothing; otherwise";

/// As [`check`], with a word for the long beginning of the texts.
fn check_absence(what: &str, declared: &str, script: &str) {
    check(what, declared, &script.replace("UNTIL-5", UNTIL_5));
}

#[test]
fn each_kind_of_absence() {
    let timed_out = "TIMEOUT: Timed out waiting for signal a (7.0); no signal came";
    for (what, absence, ends) in [
        ("the journal was opened", "5 open", true),
        (
            "no tick for more than three seconds",
            "1 pause\n5 resume",
            true,
        ),
        (
            "no tick for more than three seconds, though signals came",
            "1 pause\n2 signal e9 a => EARLY\n3 signal e9 b => UNKNOWN_SIGNAL\n4 signal e9 c => UNKNOWN_SIGNAL\n5 resume",
            true,
        ),
        (
            "a tick that was queued for more than three seconds",
            "3 tick\n3.5 tick\n4.9 tick queued=4\n5 tick queued=1.999999",
            true,
        ),
        (
            "three seconds are none",
            "0.5 -\n1 pause\n2 tick\n5 resume",
            false,
        ),
        (
            "a tick that was queued for three seconds",
            "4 tick\n5 tick queued=2",
            false,
        ),
    ] {
        // Started before the absence, and due after it.
        let end = if ends {
            format!("e1 SKIP at 7: {UNTIL_5} {timed_out}")
        } else {
            format!("e1 {}", timed_out.replacen(':', " at 7:", 1))
        };
        check(
            what,
            "{signals: [{name: a, timeout: 7s}]}",
            &format!("0 submit e1\n{absence}\n9 - => {end}"),
        );
    }
}

#[test]
fn what_rests_on_silence_ends_as_skip() {
    for (what, declared, script) in [
        (
            "a deadline within the absence",
            "{signals: [{name: a, timeout: 2s}]}",
            "
            0    submit e1
            1    pause
            5    resume     => e1 SKIP at 2: UNTIL-5 TIMEOUT: Timed out waiting for signal a (2.0); no signal came
            ",
        ),
        (
            "a deadline after it",
            "{signals: [{name: a}, {name: b, timeout: 20s}]}",
            "
            0    submit e1
            5    open
            6    signal e1 a
            60   -          => e1 SKIP at 26: UNTIL-5 TIMEOUT: Timed out waiting for signal b (20.0); came: a at +6.000 s; heard last: a, 20.000 s before
            ",
        ),
        (
            "an expiry",
            "{test_expires: 9s, signals: [{name: a}]}",
            "
            0    submit e1
            5    open
            60   -          => e1 SKIP at 9: UNTIL-5 TIMEOUT: Expired while waiting for signal a; no signal came
            ",
        ),
        (
            "a pass because something did not come",
            "{signals: [{name: a}, {name: x, min: 0, max: 0, timeout: 10s}]}",
            "
            0    submit e1
            1    signal e1 a
            5    open
            60   -          => e1 SKIP at 11: UNTIL-5 PASS: signal x did not come, or not again
            ",
        ),
        (
            "a pass because something did not come again",
            "{signals: [{name: a, max: 1, timeout: 10s}]}",
            "
            0    submit e1
            1    signal e1 a
            5    open
            60   -          => e1 SKIP at 10: UNTIL-5 PASS: signal a did not come, or not again
            ",
        ),
        (
            "a contract that is false because something did not come",
            "{signals: [{name: a, min: 0, timeout: 10s}], contracts: [{expression: 'has(signals.a.at)', id: came}]}",
            "
            0    submit e1
            5    open
            60   -          => e1 SKIP at 10: UNTIL-5 FAIL: Contract failed: came: …
            ",
        ),
        (
            "a contract that has no value because something did not come",
            "{signals: [{name: a, min: 0, timeout: 10s}], contracts: [{expression: 'signals.a.at < execution.expires', id: came}]}",
            "
            0    submit e1
            5    open
            60   -          => e1 SKIP at 10: UNTIL-5 ERROR: Contract could not be evaluated: came: …
            ",
        ),
    ] {
        check_absence(what, declared, script);
    }
}

#[test]
fn what_does_not_rest_on_silence_is_judged() {
    for (what, declared, script) in [
        (
            "a pass",
            "{signals: [{name: a}, {name: o, min: 0}]}",
            "
            0    submit e1
            5    open
            6    signal e1 o
            6    signal e1 a        => e1 PASS at 6.000001
                                    => ACCEPTED
            ",
        ),
        (
            "a contract that is false",
            "{signals: [{name: a, expect: [{expression: 'value == 1'}]}, {name: o, min: 0}]}",
            "
            0    submit e1
            5    open
            6    signal e1 a 2      => e1 FAIL at 6: Contract failed at signal a: …
                                    => ACCEPTED
            ",
        ),
        (
            "a contract over other signals than the one that stayed away",
            "{signals: [{name: o, min: 0, timeout: 8s}, {name: a}], contracts: [{expression: 'signals.a.value == 1'}]}",
            "
            0    submit e1
            5    open
            9    signal e1 a 2      => e1 FAIL at 9: Contract failed: …
                                    => ACCEPTED
            ",
        ),
        (
            "one too many",
            "{signals: [{name: a, max: 1}]}",
            "
            0    submit e1
            1    signal e1 a 1
            5    open
            6    signal e1 a 2      => e1 FAIL at 6: Signal a came 2 times, and may come 1
                                    => ACCEPTED
            ",
        ),
        (
            "a silence that was over before the absence",
            "{signals: [{name: o, min: 0, timeout: 2s}, {name: a}]}",
            "
            0    submit e1
            5    open
            6    signal e1 a        => e1 PASS at 6
                                    => ACCEPTED
            ",
        ),
        (
            "executions that start afterwards",
            "{signals: [{name: a, timeout: 2s}]}",
            "
            0    open
            1    pause
            5    open
            5    resume
            5    submit e1
            9    -                  => e1 TIMEOUT at 7.000002: Timed out waiting for signal a (2.0); no signal came
            ",
        ),
        (
            "a gap while no ticks are needed is no absence",
            "{active: false}",
            "
            1    pause
            100  apply {signals: [{name: a, timeout: 2s}]}  => updated 2
            100  submit e1
            100  resume
            110  -                  => e1 TIMEOUT at 102.000001: Timed out waiting for signal a (2.0); no signal came
            ",
        ),
    ] {
        check_absence(what, declared, script);
    }
}

#[test]
fn executions_that_start_during_an_absence_started_before_its_end() {
    check_absence(
        "the ticks are still to come",
        "{signals: [{name: a, timeout: 2s}]}",
        "
        0    pause
        4    submit e1
        5    resume
        9    -      => e1 SKIP at 6: UNTIL-5 TIMEOUT: Timed out waiting for signal a (2.0); no signal came
        ",
    );
}
