//! The health of a case: what counts as what, and what makes it well or unwell.

use super::script::check;

/// A case that fails after two failures and may recover a second later.
const TWO: &str = "{max_consecutive_failures: 2, state_transition_delay: 1s, probe: {frequency: \
                   60s, http: {url: 'http://localhost/'}}, warn_stalled_after: 100s, signals: \
                   [{name: a, timeout: 2s, expect: [{expression: value == 1.0}]}]}";

#[test]
fn failures_in_a_row() {
    check(
        "SKIP neither adds nor zeroes; ERROR and TIMEOUT are failures too",
        TWO,
        r#"
        1    submit e1
        1    signal e1 a 2      => e1 FAIL at 1.000001…
                                => ACCEPTED
        2    submit e2
        2    cancel e2          => e2 SKIP at 2.000001: Skipped: cancelled
                                => cancelled
        3    submit e3
        5.1  -                  => e3 TIMEOUT at 5…
                                => IncidentStarted FAIL at 5: 2 failures in a row, the last one TIMEOUT of execution e3: Timed out waiting for signal a (2.0); no signal came
        5.5  submit e4
        5.5  signal e4 a "x"    => e4 FAIL at 5.500001…
                                => ACCEPTED
        "#,
    );
    check(
        "a pass that was submitted before the last failure is no recovery",
        TWO,
        "
        1    submit before
        1    submit e1
        1    signal e1 a 2      => e1 FAIL at 1.000002…
                                => ACCEPTED
        1.1  submit e2
        1.1  signal e2 a 2      => e2 FAIL at 1.100001…
                                => ACCEPTED
                                => IncidentStarted FAIL at 1.100001…
        2.9  signal before a 1  => before PASS at 2.9
                                => ACCEPTED
             status             => FAIL since 1.100001…
                                => incident 1 since 1.100001: Failed since 1.100001
        3    submit after
        3    signal after a 1   => after PASS at 3.000001
                                => ACCEPTED
                                => Recovered PASS at 3.000001: well again after 1s: execution after passed
        ",
    );
}

#[test]
fn the_cause_of_an_incident_changes() {
    check(
        "down outranks stalled outranks failed; what ends gives way to what still holds",
        TWO,
        "
        1    submit e1
        1    signal e1 a 2      => e1 FAIL at 1.000001…
                                => ACCEPTED
        2    submit e2
        2    signal e2 a 2      => e2 FAIL at 2.000001…
                                => ACCEPTED
                                => IncidentStarted FAIL at 2.000001…
        103  -                  => CauseChanged STALL at 102: no execution since 2026-05-28T20:26:42.000Z
        110  probe refused      => CauseChanged FAIL at 110: the probe failed: refused
        111  submit e3
        111  signal e3 a 2      => e3 FAIL at 111.000001…
                                => ACCEPTED
        120  probe              => CauseChanged FAIL at 120: the probe's target answers again, but still: 3 failures in a row, the last one FAIL of execution e3: …
             status             => FAIL since 110…
                                => incident 1 since 2.000001: Failed since 120
        130  submit e4
        130  signal e4 a 1      => e4 PASS at 130.000001
                                => ACCEPTED
                                => Recovered PASS at 130.000001: well again after 2m 8s: execution e4 passed
             counts             => PASS 1, FAIL 3, STALL 1; 0 in a row, 3 failures
                                => accepted 4, early 0, duplicate 0, late 0, unknown 0, orphan 0, ignored 0
                                => sampled 4, not 0, over rate 0, over live 0, refused 0, share Some(1.0)
                                => away 0, last None; live 0
        ",
    );
    check(
        "a probe that is taken away leaves no target down, and the pass is still waited for",
        TWO,
        "
        1    probe refused      => IncidentStarted FAIL at 1…
        2    apply {signals: [{name: a}]}    => updated 2
        3    probe refused
             status             => FAIL since 1…
                                => incident 1 since 1: TargetDown since 1
        61   submit e1
        62   signal e1 a        => e1 PASS at 62
                                => ACCEPTED
                                => Recovered PASS at 62: well again after 1m 1s: execution e1 passed
        ",
    );
}

#[test]
fn what_passes_before_its_probe_is_known_to_be_answered_counts_then() {
    check(
        "once the target is up, if it passed after the last failed probe and late enough",
        TWO,
        "
        1    probe refused      => IncidentStarted FAIL at 1…
        1.2  submit soon
        1.3  signal soon a 1    => soon PASS at 1.3
                                => ACCEPTED
        1.4  probe
             status             => FAIL since 1…
                                => incident 1 since 1: TargetDown since 1
        3    probe refused
        4    submit e1
        4.1  signal e1 a 1      => e1 PASS at 4.1
                                => ACCEPTED
        4.2  probe              => Recovered PASS at 4.2: well again after 3s: execution e1 passed
        5    probe refused      => IncidentStarted FAIL at 5…
        5.1  submit e2
        5.2  signal e2 a 1      => e2 PASS at 5.2
                                => ACCEPTED
        5.3  probe refused
        9    probe
             status             => FAIL since 5…
                                => incident 2 since 5: TargetDown since 5
        ",
    );
}

#[test]
fn a_stall_after_a_failure_waits_for_the_delay_too() {
    check(
        "a pass too soon after a failure is no recovery, whatever the cause",
        TWO,
        "
        1    submit e1
        2    signal e1 a 1      => e1 PASS at 2
                                => ACCEPTED
        102  -                  => IncidentStarted STALL at 101…
        103  submit e2
        103  signal e2 a 2      => e2 FAIL at 103.000001…
                                => ACCEPTED
        103.5 submit e3
        103.5 signal e3 a 1     => e3 PASS at 103.500001
                                => ACCEPTED
        104.5 submit e4
        104.5 signal e4 a 1     => e4 PASS at 104.500001
                                => ACCEPTED
                                => Recovered PASS at 104.500001…
        ",
    );
}

#[test]
fn settings_at_runtime_lie_over_the_declaration() {
    check(
        "and survive it until they are cleared",
        "{warn_stalled_after: 0s}",
        "
        1    submit e1          => e1 PASS at 1
                                => started
        2    control active=false
        3    submit e2          => e2 SKIP at 3: Skipped: the case is inactive
                                => started
        4    apply {warn_stalled_after: 0s, active: true, description: new}    => updated 2
        5    submit e3          => e3 SKIP at 5: Skipped: the case is inactive
                                => started
        6    control clear=active
        7    submit e4          => e4 PASS at 7
                                => started
        ",
    );
    check(
        "a mute that is cleared tells what was missed",
        TWO,
        "
        1    control mute=1000
        2    probe refused      => IncidentStarted FAIL at 2, muted: the probe failed: refused
        3    control clear=mute => Unmuted FAIL at 3: no longer muted; now: the probe failed: refused
                                => controlled
             notifications      => w Unmuted 9
        4    control mute=70
        5    probe
        66   submit e1
        67   signal e1 a 1      => e1 PASS at 67
                                => ACCEPTED
                                => Recovered PASS at 67, muted: well again after 1m 5s: execution e1 passed
        71.1 -                  => Unmuted PASS at 70: no longer muted; now: well again after 1m 5s: execution e1 passed
        ",
    );
}

#[test]
fn after_a_mute_the_cause_is_told_that_changed_meanwhile() {
    check(
        "though an incident ran before it and runs after it",
        TWO,
        "
        1    probe refused      => IncidentStarted FAIL at 1…
        2    control mute=150
        3    submit e1
        4    signal e1 a 1      => e1 PASS at 4
                                => ACCEPTED
        5    probe              => Recovered PASS at 5, muted: well again after 4s: execution e1 passed
        104  -                  => IncidentStarted STALL at 103, muted…
        151  -                  => Unmuted STALL at 150: no longer muted; now: no execution since 2026-05-28T20:26:43.000Z
        ",
    );
}

#[test]
fn budgets_leave_executions_out() {
    check(
        "over the rate, and over the live ones; a repeated one is the same",
        "{max_executions_per_second: 2, max_live_executions: 3, warn_stalled_after: 0s, signals: [{name: a}]}",
        "
        1    submit e1
        1    submit e2
        1    submit e3          => over the rate
        1    submit e2          => the same
        1.6  submit e4
        2.6  submit e5          => over the live ones
        3    signal e1 a        => e1 PASS at 3
                                => ACCEPTED
        3    submit e5
        4    count not_sampled=7 ignored=2 refused=1
             counts             => PASS 1; 0 in a row, 0 failures
                                => accepted 1, early 0, duplicate 0, late 0, unknown 0, orphan 0, ignored 2
                                => sampled 4, not 7, over rate 1, over live 1, refused 1, share Some(0.2857142857142857)
                                => away 0, last None; live 3
        ",
    );
}

#[test]
fn signals_are_counted_by_what_became_of_them() {
    check(
        "early ones count again when they are claimed or given up",
        "{warn_stalled_after: 0s, signals: [{name: a}, {name: b}]}",
        "
        1    signal e1 a        => EARLY
        1    signal e1 x        => UNKNOWN_SIGNAL
        1    signal e9 a        => EARLY
        1    signal e1 a        => DUPLICATE
        1    signal 7 a         => ORPHAN: executions are known by ids…
        2    submit e1          => early a of \"e1\": ACCEPTED
                                => early x of \"e1\": UNKNOWN_SIGNAL
                                => started
        3    signal e1 b        => e1 PASS at 3
                                => ACCEPTED
        4    signal e1 b 5      => LATE
        62   -                  => early a of \"e9\": ORPHAN
             counts             => PASS 1; 0 in a row, 0 failures
                                => accepted 2, early 2, duplicate 1, late 1, unknown 1, orphan 2, ignored 0
                                => sampled 1, not 0, over rate 0, over live 0, refused 0, share Some(1.0)
                                => away 0, last None; live 0
        ",
    );
}

#[test]
fn histories_of_the_last_executions() {
    check(
        "runtimes of those that passed, latencies of all, and times between starts",
        "{max_history: 2, warn_stalled_after: 0s, signals: [{name: a}, {name: b, timeout: 1s}]}",
        "
        1    submit e1
        2    signal e1 a
        2.5  signal e1 b        => e1 PASS at 2.5
                                => ACCEPTED
        5    submit e2
        8    signal e2 a
        9.1  -                  => e2 TIMEOUT at 9…
        15   submit e3
        15.5 signal e3 a
        16.2 signal e3 b        => e3 PASS at 16.2
                                => ACCEPTED
        16.3 submit e4
             histories          => runtime 2: 1.2s, 1.5s
                                => frequency 2: 1.3s, 10s
                                => a 2: 500ms, 3s
                                => b 2: 500ms, 700ms
        ",
    );
}

#[test]
fn failures_that_look_alike_are_one() {
    check(
        "by contract, signal and what was heard last",
        "{warn_stalled_after: 0s, signals: [{name: a, timeout: 1s, expect: [{expression: value > 0.0}]}, {name: b, timeout: 1s}], contracts: [{id: same, expression: signals.a.value == signals.b.value}]}",
        "
        1    submit e1
        1    signal e1 a 0      => e1 FAIL at 1.000001…
                                => ACCEPTED
        2    submit e2
        2    signal e2 a -1     => e2 FAIL at 2.000001…
                                => ACCEPTED
        3    submit e3
        4.1  -                  => e3 TIMEOUT at 4…
        5    submit e4
        5    signal e4 a 1
        6.1  -                  => e4 TIMEOUT at 6.000001…
        7    submit e5
        7    signal e5 a 1
        7    signal e5 b 2      => e5 FAIL at 7.000002…
                                => ACCEPTED
        8    submit e6
        9.1  -                  => e6 TIMEOUT at 9…
             failures           => 2 TIMEOUT of \"\" at \"a\" after \"\", 4 to 9, e3 e6
                                => 1 FAIL of \"same\" at \"\" after \"b\", 7.000002 to 7.000002, e5
                                => 1 TIMEOUT of \"\" at \"b\" after \"a\", 6.000001 to 6.000001, e4
                                => 2 FAIL of \"value > 0.0\" at \"a\" after \"a\", 1.000001 to 2.000001, e1 e2
        ",
    );
}

#[test]
fn webhooks_are_told_in_order() {
    check(
        "what is given up can be tried again",
        TWO,
        "
        1    probe refused      => IncidentStarted FAIL at 1…
        2    probe
        62   submit e1
        63   signal e1 a 1      => e1 PASS at 63
                                => ACCEPTED
                                => Recovered PASS at 63…
             notifications      => w IncidentStarted 4
                                => w Recovered 71
        64   told w 4 HTTP status 500
             notifications      => w Recovered 71
                                => w IncidentStarted 4 dead: HTTP status 500
        65   told w 71
        66   retry              => queued Some(1)
             notifications      => w IncidentStarted 4
        67   told w 4
        67   told w 4
             notifications
        ",
    );
}

#[test]
fn a_case_that_is_created_again_begins_anew() {
    check(
        "also where a transition of the old one is recorded late",
        TWO,
        "
        1    hold
        1    probe refused      => IncidentStarted FAIL at 1…
        2    delete
        3    apply {warn_stalled_after: 0s}     => created 1
        4    record
             status             => INIT since 3: no execution has passed yet
             notifications
        ",
    );
    check(
        "and verdicts of the old one's executions are not its own",
        "{signals: [{name: a}]}",
        "
        1    hold
        1    submit e1
        2    delete             => e1 SKIP at 2: Skipped: the case was deleted
                                => deleted
        3    apply {signals: [{name: a}]}       => created 1
        4    record
             counts             => ; 0 in a row, 0 failures
                                => accepted 0, early 0, duplicate 0, late 0, unknown 0, orphan 0, ignored 0
                                => sampled 0, not 0, over rate 0, over live 0, refused 0, share None
                                => away 0, last None; live 0
        ",
    );
}
