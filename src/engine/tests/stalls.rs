//! When a case stalls: from when on the silence counts, and what ends it.

use super::script::check;

#[test]
fn a_case_stalls_when_no_execution_comes() {
    for (what, declared, script) in [
        (
            "from the first activation, and once",
            "{warn_stalled_after: 10s}",
            "
            9    status         => INIT since -0.5: no execution has passed yet
            9.6  -              => IncidentStarted STALL at 9.5: no execution since 2026-05-28T20:26:39.500Z
            60   -
                 counts         => STALL 1; 0 in a row, 0 failures
                                => accepted 0, early 0, duplicate 0, late 0, unknown 0, orphan 0, ignored 0
                                => sampled 0, not 0, over rate 0, over live 0, refused 0, share None
                                => away 0, last None; live 0
            ",
        ),
        (
            "from the last execution, whatever comes of it",
            "{warn_stalled_after: 10s, signals: [{name: a, timeout: 60s}]}",
            "
            5    submit e1
            14.9 status         => INIT since -0.5: no execution has passed yet
            16   signal e1 a    => IncidentStarted STALL at 15: no execution since 2026-05-28T20:26:45.000Z
                                => e1 PASS at 16
                                => ACCEPTED
                 status         => STALL since 15…
                                => incident 1 since 15: Stalled since 15
            17   submit e2
            18   signal e2 a    => e2 PASS at 18
                                => ACCEPTED
                                => Recovered PASS at 18: well again after 3s: execution e2 passed
            ",
        ),
        (
            "skipped ones are no life",
            "{warn_stalled_after: 10s, signals: [{name: a, timeout: 60s}]}",
            "
            5    submit e1 expires=4    => e1 SKIP at 5: Skipped: expired before it began, at 2026-05-28T20:26:44.000Z
                                        => started
            9.6  -              => IncidentStarted STALL at 9.5: no execution since 2026-05-28T20:26:39.500Z
            ",
        ),
        (
            "never while 0s says so",
            "{warn_stalled_after: 0s}",
            "
            9999 -
                 status         => INIT since -0.5: no execution has passed yet
            ",
        ),
        (
            "not while it is inactive, and anew from when it is active again",
            "{warn_stalled_after: 10s, active: false}",
            "
            20   control active=true
            29.9 -
            30.1 -              => IncidentStarted STALL at 30: no execution since 2026-05-28T20:27:00.000Z
            31   control clear=active
            40   control active=true
            50.1 -
                 status         => STALL since 30: no execution since 2026-05-28T20:27:00.000Z
                                => incident 1 since 30: Stalled since 30
            ",
        ),
        (
            "when the declaration is less patient than before",
            "{warn_stalled_after: 60s}",
            "
            5    apply {warn_stalled_after: 70s}    => updated 2
            20   apply {warn_stalled_after: 10s}    => updated 3
            21   -              => IncidentStarted STALL at 20: no execution since 2026-05-28T20:26:39.500Z
            ",
        ),
    ] {
        check(what, declared, script);
    }
}

#[test]
fn an_absence_is_no_stall() {
    check(
        "stall clocks start again at its end, and it is counted once",
        "{warn_stalled_after: 10s, signals: [{name: a, timeout: 500s}]}",
        "
        1    submit e1
        2    pause
        120  signal e1 a        => e1 PASS at 120
                                => ACCEPTED
        120.5 submit e2
        121  resume
        125  signal e2 a        => e2 PASS at 125
                                => ACCEPTED
             counts             => PASS 2; 0 in a row, 0 failures
                                => accepted 2, early 0, duplicate 0, late 0, unknown 0, orphan 0, ignored 0
                                => sampled 2, not 0, over rate 0, over live 0, refused 0, share Some(1.0)
                                => away 1, last Some((1.5, 121.0)); live 0
        130.9 -
        131.1 -                 => IncidentStarted STALL at 131…
        ",
    );
    check(
        "each opening is one, but for the first",
        "{warn_stalled_after: 10s}",
        "
        9    open
        18   open
        27   -
             counts             => ; 0 in a row, 0 failures
                                => accepted 0, early 0, duplicate 0, late 0, unknown 0, orphan 0, ignored 0
                                => sampled 0, not 0, over rate 0, over live 0, refused 0, share None
                                => away 2, last Some((17.0, 18.0)); live 0
        28.1 -                  => IncidentStarted STALL at 28…
        ",
    );
}

#[test]
fn cancelled_executions_are_no_sign_of_life() {
    check(
        "the silence counts from the one before",
        "{warn_stalled_after: 10s, signals: [{name: a, timeout: 60s}]}",
        "
        1    submit e1
        2    signal e1 a        => e1 PASS at 2
                                => ACCEPTED
        8    submit e2
        9    cancel e2          => e2 SKIP at 9: Skipped: cancelled
                                => cancelled
        10   submit e3
        10.5 cancel e3          => e3 SKIP at 10.5: Skipped: cancelled
                                => cancelled
        12   -                  => IncidentStarted STALL at 11: no execution since 2026-05-28T20:26:41.000Z
        ",
    );
}
