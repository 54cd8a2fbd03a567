//! A day in the life of a case, stepped through in a moment: each transition
//! comes once, in its second, with its text; and the same after a restart at
//! every record.

use std::fmt::Write as _;

use super::script::check;

/// A case that fails where its signal says so.
const CASE: &str = "{
    signals: [{name: a, expect: [{expression: value.ok, id: ok}]}],
    warn_stalled_after: 1800s,
    max_consecutive_failures: 30,
    state_transition_delay: 60s,
    probe: {frequency: 60s, http: {url: 'http://localhost/'}},
}";

/// Hours, minutes and seconds as seconds.
fn hms(h: u32, m: u32, s: u32) -> u32 {
    (h * 60 + m) * 60 + s
}

/// An execution that passes.
fn pass(at: u32, id: &str) -> String {
    format!(
        "{at} submit {id}\n{at} signal {id} a {{\"ok\": true}} => {id} PASS at {at}…\n=> ACCEPTED\n"
    )
}

/// Executions that fail, one a second.
fn failures(at: u32, count: u32, name: &str) -> String {
    let mut script = String::new();
    for n in 1..=count {
        let (at, id) = (at + n - 1, format!("{name}{n}"));
        let _ = write!(
            script,
            "{at} submit {id}\n{at} signal {id} a {{\"ok\": false}} => {id} FAIL at {at}…\n=> ACCEPTED\n"
        );
    }
    script
}

#[test]
fn a_day() {
    let day = [
        pass(0, "first"),
        "status => PASS since 0.000001: execution first passed\n".to_owned(),
        // One failure less than makes a failed case, and a pass in between.
        failures(hms(0, 1, 0), 29, "x"),
        pass(hms(0, 2, 0), "between"),
        failures(hms(0, 3, 0), 29, "y"),
        failures(hms(0, 3, 29), 1, "z"),
        "=> IncidentStarted FAIL at 209.000001: 30 failures in a row, the last one FAIL of \
         execution z1: Contract failed at signal a: ok: value.ok: false\n"
            .to_owned(),
        // Passes too soon after the last failure change nothing.
        pass(hms(0, 4, 0), "soon"),
        pass(hms(0, 4, 28), "sooner"),
        "counts => PASS 4, FAIL 59; 0 in a row, 59 failures\n=> accepted 63, early 0, duplicate \
         0, late 0, unknown 0, orphan 0, ignored 0\n=> sampled 63, not 0, over rate 0, over live \
         0, refused 0, share Some(1.0)\n=> away 0, last None; live 0\n"
            .to_owned(),
        pass(hms(0, 4, 30), "well"),
        "=> Recovered PASS at 270.000001: well again after 1m 1s: execution well passed\n"
            .to_owned(),
        // No traffic for half an hour; an execution alone does not end a stall.
        format!("{} -\n", hms(0, 34, 29)),
        format!("{} -\n", hms(0, 34, 31)),
        "=> IncidentStarted STALL at 2070: no execution since 2026-05-28T20:31:10.000Z\n"
            .to_owned(),
        "status => STALL since 2070: no execution since 2026-05-28T20:31:10.000Z\n\
         => incident 2 since 2070: Stalled since 2070\n"
            .to_owned(),
        format!("{} submit late\n", hms(1, 0, 0)),
        "status => STALL since 2070…\n=> incident 2 since 2070: Stalled since 2070\n".to_owned(),
        format!("{} signal late a {{\"ok\": true}}\n", hms(1, 0, 1)),
        "=> late PASS at 3601\n=> ACCEPTED\n\
         => Recovered PASS at 3601: well again after 25m 31s: execution late passed\n"
            .to_owned(),
        // The probe's target goes down and comes back; traffic that passes
        // meanwhile, too soon after it, is no recovery.
        pass(hms(1, 20, 0), "usual"),
        format!("{} probe\n", hms(1, 29, 0)),
        format!("{} probe connection refused\n", hms(1, 30, 0)),
        "=> IncidentStarted FAIL at 5400: the probe failed: connection \
         refused\n"
            .to_owned(),
        format!("{} probe connection refused\n", hms(1, 31, 0)),
        pass(hms(1, 31, 30), "meanwhile"),
        format!("{} probe\n", hms(1, 31, 50)),
        pass(hms(1, 32, 1), "up"),
        "=> Recovered PASS at 5521.000001: well again after 2m 1s: execution up passed\n"
            .to_owned(),
        // Checks go on while it is muted, and what was missed is told after it.
        format!("{} control mute={}\n", hms(2, 0, 0), hms(3, 0, 0)),
        "=> controlled\n".to_owned(),
        format!("{} -\n", hms(2, 3, 0)),
        "=> IncidentStarted STALL at 7321, muted: no execution since \
         2026-05-28T21:58:41.000Z\n"
            .to_owned(),
        "status => STALL since 7321…\n=> incident 4 since 7321: Stalled since 7321\n\
         => muted until 10800\n"
            .to_owned(),
        format!("{} -\n", hms(3, 0, 1)),
        "=> Unmuted STALL at 10800: no longer muted; now: no execution since \
         2026-05-28T21:58:41.000Z\n"
            .to_owned(),
        pass(hms(3, 1, 0), "back"),
        "=> Recovered PASS at 10860.000001: well again after 58m 59s: execution back passed\n"
            .to_owned(),
    ];
    check("a day", CASE, &day.concat());
}

#[test]
fn back_and_forth() {
    let swing = |at: u32, n: u32| {
        format!(
            "{at} probe down {n}\n=> IncidentStarted FAIL at {at}: the probe failed: \
              down {n}\n{} probe\n{} submit up{n}\n{} signal up{n} a {{\"ok\": true}}\n\
             => up{n} PASS at {}\n=> ACCEPTED\n=> Recovered PASS at {}: well again after 1m 30s: \
             execution up{n} passed\n",
            at + 10,
            at + 80,
            at + 90,
            at + 90,
            at + 90,
        )
    };
    let third = swing(1200, 3).replacen(
        "down 3\n1210",
        "down 3\n=> FlappingStarted FAIL at 1200: it goes back and forth: 3 incidents within an \
         hour, the last one: the probe failed: down 3\n1210",
        1,
    );
    let script = [
        pass(0, "first"),
        swing(60, 1),
        swing(600, 2),
        "notifications => w IncidentStarted 66\n=> w Recovered 161\n=> w IncidentStarted 613\n=> w \
         Recovered 708\n".to_owned(),
        third,
        "status => PASS since 1290: well again after 1m 30s: execution up3 passed\n=> flapping\n"
            .to_owned(),
        swing(2400, 4),
        // Of each swing nothing more is notified.
        "2500 submit last\n2500 signal last a {\"ok\": true} => last PASS at 2500…\n=> ACCEPTED\n"
            .to_owned(),
    ];
    check("back and forth", CASE, &script.concat());
}
