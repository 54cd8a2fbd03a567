//! Questions about the state.

use serde_json::json;

use crate::{
    engine::{Effect, Engine, FoundSignal},
    model::{Event, Json, SignalEvent, Signalled, Submission},
};

use super::sim::{World, at, case, check_restored, deep, submission, zero};

/// A world with a concluded execution e1, a live one e2 and early signals.
fn world() -> World {
    let mut world = World::default();
    let declared = "{name: c, signals: [{name: a, key: execution.kwargs.n}, {name: b}]}";
    world.fold(at(0), Event::CaseApplied(case(declared).into()));
    world.fold(at(0), Event::CaseApplied(case("{name: d}").into()));
    for (second, id, n) in [(1, "e1", 1), (2, "e2", 2)] {
        let mut wanted = submission("c", id);
        wanted.test_kwargs.insert("n".to_owned(), n.into());
        world.fold(at(second * 1_000_000), Event::Submitted(wanted));
    }
    for (second, key, name) in [
        (3, json!("e1"), "a"),
        (3, json!("e1"), "b"),
        (4, json!(2), "a"),
        (5, json!("e3"), "b"),
        (5, json!(3), "a"),
        (6, json!("e1"), "x"),
    ] {
        world.fold(at(second * 1_000_000), signal(name, key));
    }
    world.record_all(at(7_000_000));
    world
}

fn signal(name: &str, key: Json) -> Event {
    let event = SignalEvent {
        signal_name: name.to_owned(),
        case_name: "c".to_owned(),
        key,
        value: Json::Null,
    };
    Event::Signalled(Signalled {
        event,
        signal_id: String::new(),
    })
}

#[test]
fn a_signal_is_found_where_it_is() {
    let world = deep(world);
    for (case_name, name, key, expected) in [
        ("c", "a", json!("e1"), "concluded e1"),
        ("c", "a", json!(1), "concluded e1"),
        ("c", "b", json!("e1"), "concluded e1"),
        ("c", "a", json!("e2"), "here at 4, after 2"),
        ("c", "a", json!(2), "here at 4, after 2"),
        ("c", "b", json!("e2"), "nowhere"),
        ("c", "b", json!(2), "nowhere"),
        ("c", "a", json!("2"), "nowhere"),
        ("c", "b", json!("e3"), "here at 5"),
        ("c", "a", json!("e3"), "nowhere"),
        ("c", "a", json!(3), "here at 5.000001"),
        ("d", "b", json!("e3"), "nowhere"),
        ("none", "b", json!("e3"), "nowhere"),
    ] {
        let found = match world.engine.find_signal(case_name, name, &key) {
            FoundSignal::Here(seen, latency) => {
                let at = (seen.at - zero()).as_seconds_f64();
                let after = latency.map(|latency| format!(", after {}", latency.as_secs_f64()));
                format!("here at {at}{}", after.unwrap_or_default())
            }
            FoundSignal::Concluded(id) => format!("concluded {id}"),
            FoundSignal::Nowhere => "nowhere".to_owned(),
        };
        assert_eq!(found, expected, "{name} of {key} in {case_name}");
    }
}

#[test]
fn executions_are_found_and_listed() {
    let world = deep(world);
    let engine = &world.engine;
    let e2 = world.started[1];
    assert_eq!((engine.live_of("c"), engine.live_of("d")), (1, 0));
    assert_eq!((engine.live_len(), engine.remembered_len()), (1, 1));
    let live = [(at(2_000_000), e2)];
    assert_eq!(engine.live_executions(9, |_, _, _| true), live);
    assert_eq!(engine.live_executions(9, |name, _, _| name == "d"), []);
    assert_eq!(
        engine.live_executions(9, |_, _, position| position < e2),
        []
    );
    assert_eq!(engine.live_executions(0, |_, _, _| true), []);
    assert_eq!(engine.late_total("c", "e1"), Some(1));
    assert_eq!(engine.late_total("c", "e2"), None);
    let (view, digest) = engine.live_execution("c", "e2").expect("it is live");
    assert_eq!(engine.live_at(e2), Some(view.clone()));
    assert_eq!((view.case_revision, view.signal_count), (1, 1));
    let progress = view.progress.iter().map(|one| {
        let deadline = (one.deadline - zero()).num_seconds();
        (one.signal_name.as_str(), one.count, one.settled, deadline)
    });
    assert_eq!(
        progress.collect::<Vec<_>>(),
        [("a", 1, true, 32), ("b", 0, false, 34)]
    );
    let mut same = submission("c", "e2");
    same.test_kwargs.insert("n".to_owned(), 2.into());
    let other = Submission {
        labels: [("region".to_owned(), "eu".to_owned())].into(),
        ..same.clone()
    };
    assert_eq!(crate::engine::SubmissionDigest::of(&same), digest);
    assert_ne!(crate::engine::SubmissionDigest::of(&other), digest);
}

#[test]
fn a_signal_is_known_by_all_keys_of_the_execution_that_it_reached() {
    let mut world = deep(world);
    let mut reached = |second: u64, name, key| {
        let world = &mut world;
        deep(move || {
            world.fold(at(second * 1_000_000), signal(name, key));
            let effects = world.outcomes.last().expect("an outcome").effects.iter();
            let mut told = effects.filter_map(|effect| match effect {
                Effect::Signal { execution, seen } => Some((*execution, seen)),
                _ => None,
            });
            let (execution, seen) = told.next().expect("a signal");
            check_restored(&world.engine);
            let restored = Engine::restore(&world.engine.snapshot()).expect("a snapshot");
            let keys = execution.and_then(|at| world.engine.signal_keys(at, seen));
            let again = execution.and_then(|at| restored.signal_keys(at, seen));
            assert_eq!(again, keys, "restored");
            let (id, declared, latency) = keys?;
            let latency = latency.map(|latency| latency.as_secs());
            Some((id.to_owned(), declared.map(str::to_owned), latency))
        })
    };
    let (e1, e2) = (|| "e1".to_owned(), || "e2".to_owned());
    for (second, name, key, expected) in [
        // The live one had its first at 4, two seconds after its start.
        (
            7,
            "a",
            json!(2),
            Some((e2(), Some("2".to_owned()), Some(2))),
        ),
        (8, "b", json!("e4"), None),
        // The concluded one started at 1.
        (
            8,
            "a",
            json!(1),
            Some((e1(), Some("1".to_owned()), Some(7))),
        ),
        (
            9,
            "a",
            json!("e1"),
            Some((e1(), Some("1".to_owned()), Some(8))),
        ),
        (9, "b", json!("e1"), Some((e1(), None, Some(8)))),
    ] {
        let found = reached(second, name, key.clone());
        assert_eq!(found, expected, "{name} of {key} at {second}");
    }
}

#[test]
fn cases_are_listed_by_name() {
    let world = deep(world);
    let names = |after: Option<&str>| {
        let cases = world.engine.cases_after(after);
        cases.map(|case| case.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(None), ["c", "d"]);
    assert_eq!(names(Some("c")), ["d"]);
    assert_eq!(names(Some("ca")), ["d"]);
    assert_eq!(names(Some("d")), [""; 0]);
    assert_eq!(world.engine.case("c").map(|case| case.revision), Some(1));
    assert_eq!(world.engine.case("e"), None);
}

#[test]
fn the_bytes_of_a_state_grow_with_all_that_clients_send() {
    // What it takes with one execution and one signal of it, both with short
    // texts but for those that a test makes longer.
    let bytes = |id: &str, label: &str, key: &str, signal_key: &str, signal_id: &str| {
        deep(|| {
            let mut world = World::default();
            let declared = "{name: c, signals: [{name: a, key: execution.kwargs.k}, {name: b}]}";
            world.fold(at(0), Event::CaseApplied(case(declared).into()));
            let mut wanted = submission("c", id);
            wanted.labels.insert("region".to_owned(), label.to_owned());
            wanted.test_kwargs.insert("k".to_owned(), key.into());
            world.fold(at(0), Event::Submitted(wanted));
            let Event::Signalled(mut signal) = signal("a", json!(signal_key)) else {
                unreachable!("it is a signal");
            };
            signal.signal_id = signal_id.to_owned();
            world.fold(at(1), Event::Signalled(signal));
            assert_eq!((world.engine.live_len(), world.engine.early_len()), (1, 0));
            check_restored(&world.engine);
            world.engine.bytes()
        })
    };
    let long = "x".repeat(501);
    let usual = bytes("e", "l", "k", "k", "s");
    for (what, longer, copies) in [
        ("id", bytes(&long, "l", "k", "k", "s"), 3),
        ("label", bytes("e", &long, "k", "k", "s"), 2),
        (
            "key, and the signal's",
            bytes("e", "l", &long, &long, "s"),
            5,
        ),
        ("signal id", bytes("e", "l", "k", "k", &long), 1),
    ] {
        assert_eq!(longer, usual + 500 * copies, "{what}");
    }
}
