//! Signals that come before their execution.

use super::{
    script::check,
    sim::{World, at, case, deep, submission},
};
use crate::{
    engine::{Answer, SignalAnswer, limits},
    model::{Event, Json, SignalEvent, SignalOutcome, Signalled},
};

#[test]
fn early_signals_are_kept_60_seconds() {
    check(
        "one that is claimed at the last moment, and one that is too old",
        "{signals: [{name: a}]}",
        r#"
        0          signal e1 a  => EARLY
        0.000001   signal e2 a  => EARLY
        60         submit e1    => early a of "e1": ORPHAN
                                => started
                   sizes        => live 1, early 1, …
        60.000001  submit e2    => early a of "e2": ORPHAN
                                => started
        "#,
    );
    check(
        "a microsecond less is not too old",
        "{signals: [{name: a}]}",
        r#"
        0          signal e1 a  => EARLY
        59.999999  submit e1    => e1 PASS at 59.999999
                                => early a of "e1": ACCEPTED
                                => started
                   signals e1   => a null at 0 judged
        "#,
    );
    check(
        "with its execution it waits for as long as that lives",
        "{signals: [{name: a, timeout: 90s}, {name: b}]}",
        r#"
        0    signal e1 b        => EARLY
        50   submit e1          => early b of "e1": ACCEPTED
                                => started
        130  signal e1 a        => e1 PASS at 130
                                => ACCEPTED
             report e1          => PASS after 80, a 80, b 0
        "#,
    );
}

#[test]
fn early_signals_are_claimed_by_id_and_by_declared_key() {
    check(
        "in the order in which they came, each once",
        "{signals: [{name: a, min: 2}, {name: b, key: execution.kwargs.order, min: 2}]}",
        r#"
        0    signal o7 b 1      => EARLY
        1    signal e1 a 1      => EARLY
        2    signal e1 b 2      => EARLY
        2    signal e1 b 2      => DUPLICATE
        3    signal o7 b 2      => EARLY
        4    signal o7 a 5      => EARLY
        4    signal e1 x        => UNKNOWN_SIGNAL
        5    submit e1 {"order": "o7"}
                                => early b of "o7": ACCEPTED
                                => early a of "e1": ACCEPTED
                                => early b of "e1": ACCEPTED
                                => early b of "o7": DUPLICATE
                                => early x of "e1": UNKNOWN_SIGNAL
                                => started
        6    signal e1 a 2      => e1 PASS at 6
                                => ACCEPTED
             sizes              => live 0, early 1, …
        "#,
    );
    check(
        "by none whose case has it under another key",
        "{signals: [{name: a, key: execution.kwargs.n}]}",
        r#"
        0    signal 17 a        => EARLY
        0    signal "17" a      => EARLY
        1    submit e1 {"n": 17}    => e1 PASS at 1
                                    => early a of 17: ACCEPTED
                                    => started
             sizes                  => live 0, early 1, …
        "#,
    );
    check(
        "also by one that is not judged",
        "{active: false, signals: [{name: a}]}",
        r#"
        0    signal e1 a        => EARLY
        1    submit e1          => e1 SKIP at 1: Skipped: the case is inactive
                                => early a of "e1": ACCEPTED
                                => started
             signals e1         => a null at 0 judged
        "#,
    );
}

#[test]
fn sixteen_are_kept_for_one_key() {
    let mut script = String::new();
    for n in 0..16 {
        script.push_str(&format!("0 signal e1 a {n} => EARLY\n"));
    }
    script.push_str(
        r#"
        1    signal e1 a 0      => DUPLICATE
        1    signal e2 a 0      => EARLY
        2    signal e1 b 16     => early a of "e1": ORPHAN
                                => EARLY
        2    signal e1 a 0      => early a of "e1": ORPHAN
                                => EARLY
             sizes              => live 0, early 17, …
        3    submit e1          => e1 PASS at 3
        "#,
    );
    for n in (2..16).map(|_| "a").chain(["b", "a"]) {
        script.push_str(&format!("=> early {n} of \"e1\": ACCEPTED\n"));
    }
    script.push_str("=> started\nsizes => live 0, early 1, …");
    check(
        "the oldest is given up",
        "{signals: [{name: a}, {name: b}]}",
        &script,
    );
}

#[test]
fn a_hundred_thousand_are_kept_for_one_case() {
    deep(|| {
        let mut world = World::default();
        for name in ["c", "d"] {
            let declared = format!("{{name: {name}, signals: [{{name: a}}]}}");
            world.fold(at(0), Event::CaseApplied(case(&declared).into()));
        }
        let send = |world: &mut World, case_name: &str, key: usize| {
            let event = SignalEvent {
                signal_name: "a".to_owned(),
                case_name: case_name.to_owned(),
                key: Json::from(key.to_string()),
                value: Json::Null,
            };
            let signal_id = String::new();
            let signal = Event::Signalled(Signalled { event, signal_id });
            let outcome = world.fold(at(0), signal);
            assert_eq!(
                outcome.answer,
                Answer::Signalled(SignalAnswer::Taken(SignalOutcome::Early, None))
            );
            outcome.effects.len()
        };
        assert_eq!(send(&mut world, "d", 0), 1);
        for key in 0..limits::EARLY_PER_CASE {
            assert_eq!(send(&mut world, "c", key), 1, "nothing is dropped");
        }
        assert_eq!(world.engine.early_len(), limits::EARLY_PER_CASE + 1);
        let length = world.journal.len();
        assert_eq!(
            send(&mut world, "c", 100_000),
            2,
            "and the oldest is dropped"
        );
        assert_eq!(send(&mut world, "d", 1), 1, "another case has room");
        assert_eq!(world.engine.early_len(), limits::EARLY_PER_CASE + 2);
        assert_eq!(world.journal.len(), length + 2);

        // The first one's execution does not get it, the second one's does.
        for (id, effects) in [("0", 0), ("1", 2)] {
            let outcome = world.fold(at(1_000_000), Event::Submitted(submission("c", id)));
            assert_eq!(outcome.effects.len(), effects, "{id}");
        }
    });
}
