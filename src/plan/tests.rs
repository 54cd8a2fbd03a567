use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{model, pb::v1};

fn signal(name: &str) -> Signal {
    Signal {
        name: name.to_owned(),
        timeout: None,
        after: Vec::new(),
        at_start: false,
        min: None,
        max: None,
        within: None,
        key: None,
        expect: Vec::new(),
    }
}

/// A signal as tests write it: `name`, `name?` for an optional one, `^name` for
/// one that starts at the start, `name<a,b` for one after others.
fn parse(text: &str) -> Signal {
    let (name, after) = text.split_once('<').unwrap_or((text, ""));
    let at_start = name.starts_with('^');
    let optional = name.ends_with('?');
    let after = after.split(',').filter(|name| !name.is_empty());
    Signal {
        after: after.map(str::to_owned).collect(),
        at_start,
        min: optional.then_some(0),
        ..signal(name.trim_matches(['^', '?']))
    }
}

fn contract(expression: &str) -> Contract {
    Contract {
        expression: expression.to_owned(),
        id: String::new(),
        message: String::new(),
    }
}

fn case(signals: Vec<Signal>, contracts: Vec<Contract>) -> Case {
    Case {
        max_consecutive_failures: None,
        max_executions_per_second: None,
        max_history: None,
        max_live_executions: None,
        probe: None,
        state_transition_delay: None,
        warn_stalled_after: None,
        webhooks: Vec::new(),
        name: "orders".to_owned(),
        description: String::new(),
        labels: Default::default(),
        active: None,
        probability: None,
        test_expires: None,
        signals,
        contracts,
        revision: 1,
    }
}

fn sequence(signals: &str) -> Case {
    case(signals.split_whitespace().map(parse).collect(), Vec::new())
}

#[test]
fn clocks_start_in_order() {
    use Starts::AtStart;
    let after = |indices: &[usize]| Starts::After(indices.to_vec());
    for (signals, expected) in [
        ("a", vec![AtStart]),
        ("a b c", vec![AtStart, after(&[0]), after(&[1])]),
        // An optional signal waits, and is not waited for.
        ("a b? c", vec![AtStart, after(&[0]), after(&[0])]),
        ("a? b", vec![AtStart, AtStart]),
        ("a ^b c", vec![AtStart, AtStart, after(&[1])]),
        ("a b<a c<a d<b,c", {
            vec![AtStart, after(&[0]), after(&[0]), after(&[1, 2])]
        }),
        // One may wait for a later one, as long as that does not wait for it.
        ("^a b<c ^c", vec![AtStart, after(&[2]), AtStart]),
    ] {
        let plan = Plan::compile(sequence(signals)).expect(signals);
        let starts: Vec<_> = plan.signals().iter().map(|s| s.starts.clone()).collect();
        assert_eq!(starts, expected, "{signals}");
    }
}

#[test]
fn dependents_are_the_other_way_round() {
    let plan = Plan::compile(sequence("a b<a c<a d<b,c e?")).expect("a good case");
    let dependents: Vec<_> = plan
        .signals()
        .iter()
        .map(|s| s.dependents.clone())
        .collect();
    assert_eq!(
        dependents,
        [vec![1, 2], vec![3], vec![3], vec![4], Vec::new()]
    );
}

#[test]
fn what_cannot_be_waited_for_is_refused() {
    for (signals, expected) in [
        (
            "a b<x",
            vec![r#"signals[1].after[0]: "x" is no signal of this case; known are "a", "b""#],
        ),
        (
            "a b<b",
            vec![r#"signals[1].after[0]: "b" cannot wait for itself; take it out"#],
        ),
        (
            "a b<a,a",
            vec![r#"signals[1].after[1]: "a" is named twice; take one out"#],
        ),
        (
            "a? b<a",
            vec![
                r#"signals[1].after[0]: "a" may stay away (`min: 0`), and a clock that waits for it may never start; name a signal that must come"#,
            ],
        ),
        (
            "a b<x c<y",
            vec![
                r#"signals[1].after[0]: "x" is no signal of this case; known are "a", "b", "c""#,
                r#"signals[2].after[0]: "y" is no signal of this case; known are "a", "b", "c""#,
            ],
        ),
    ] {
        assert_eq!(told(sequence(signals)), expected, "{signals}");
    }
}

#[test]
fn cycles_are_named() {
    let cycle = |at: usize, way: &str| {
        format!(
            "signals[{at}].after: the signals wait for one another: {way}; \
             a signal without `after` waits for the nearest needed one before it, \
             `at_start: true` makes it wait for none"
        )
    };
    for (signals, expected) in [
        (
            "a<c b<a c<b",
            vec![cycle(0, "a waits for c waits for b waits for a")],
        ),
        // The way back is not written: b follows a.
        ("a<b b", vec![cycle(0, "a waits for b waits for a")]),
        ("^a b<c c", vec![cycle(1, "b waits for c waits for b")]),
        (
            "a<b b<a ^c<d d<c",
            vec![cycle(0, "a waits for b waits for a")],
        ),
        (
            "a<b b<a c<d d<c",
            vec![
                cycle(0, "a waits for b waits for a"),
                cycle(2, "c waits for d waits for c"),
            ],
        ),
    ] {
        assert_eq!(told(sequence(signals)), expected, "{signals}");
    }
}

#[test]
fn contracts_know_their_signals_and_signals_their_contracts() {
    let mut labelled = contract("signals.b.count == 1 && signals.a.count == 1");
    labelled.id = "once".to_owned();
    labelled.message = "came twice".to_owned();
    let mut a = signal("a");
    a.expect = vec![contract("value.ok"), labelled.clone()];
    a.expect[1].expression = "value.fine".to_owned();
    a.key = Some("execution.kwargs.order".to_owned());
    let plan = Plan::compile(case(
        vec![a, signal("b"), signal("c")],
        vec![
            labelled,
            contract("execution.id != ''"),
            contract("signals.a.count > 0"),
        ],
    ))
    .expect("a good case");

    let named: Vec<_> = plan
        .contracts()
        .iter()
        .map(|c| (c.contract.label.as_str(), c.signals.clone()))
        .collect();
    assert_eq!(
        named,
        [
            ("once", vec![0, 1]),
            ("contracts[1]", vec![]),
            ("contracts[2]", vec![0]),
        ]
    );
    assert_eq!(plan.contracts()[0].contract.message, "came twice");
    let taken: Vec<_> = plan.signals().iter().map(|s| s.contracts.clone()).collect();
    assert_eq!(taken, [vec![0, 2], vec![0], vec![]]);

    let a = &plan.signals()[0];
    let labels: Vec<_> = a.expect.iter().map(|c| c.label.as_str()).collect();
    assert_eq!(labels, ["a.expect[0]", "once"]);
    assert_eq!(
        a.key.as_ref().map(Program::source),
        Some("execution.kwargs.order")
    );
}

#[test]
fn defaults_are_filled_in() {
    let mut full = signal("full");
    full.timeout = Some(Duration::from_secs(5));
    full.within = Some(Duration::from_secs(60));
    (full.min, full.max) = (Some(2), Some(3));
    let case = Arc::new(case(vec![signal("plain"), full], Vec::new()));
    let plan = Plan::compile(Arc::clone(&case)).expect("a good case");
    let limits: Vec<_> = plan
        .signals()
        .iter()
        .map(|s| (s.timeout.as_secs(), s.within, s.min, s.max))
        .collect();
    assert_eq!(
        limits,
        [
            (model::DEFAULT_SIGNAL_TIMEOUT.as_secs(), None, 1, None),
            (5, Some(Duration::from_secs(60)), 2, Some(3)),
        ]
    );
    assert!(Arc::ptr_eq(plan.case(), &case));
    assert_eq!(plan.signal_index("full"), Some(1));
    assert_eq!(plan.signal_index("none"), None);
}

#[test]
fn expressions_are_told_with_their_places() {
    let mut a = signal("a");
    a.key = Some("execution.".to_owned());
    a.expect = vec![contract("value.ok"), contract("value.ok ==\n  == 1")];
    let found = Plan::compile(case(vec![a], vec![contract("(")])).expect_err("three are wrong");
    let mut fields: Vec<_> = found.iter().map(|v| v.field.as_str()).collect();
    fields.dedup();
    assert_eq!(
        fields,
        [
            "signals[0].key",
            "signals[0].expect[1].expression",
            "contracts[0].expression",
        ]
    );
    let place = found.iter().find(|v| v.field.contains("expect"));
    assert_eq!(place.and_then(|v| v.at), Some(Place { line: 2, column: 3 }));
}

#[test]
fn a_check_tells_fields_and_expressions_together() {
    let pb = |name: &str, expression: &str| v1::Signal {
        name: name.to_owned(),
        expect: vec![v1::Contract {
            expression: expression.to_owned(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let check = |case: v1::Case| {
        let mut fields: Vec<_> = check(case)
            .expect_err("a bad case")
            .into_iter()
            .map(|v| v.field)
            .collect();
        fields.dedup();
        fields
    };
    assert_eq!(
        check(v1::Case {
            probability: Some(2.0),
            signals: vec![pb("a", "("), pb("b", "")],
            ..Default::default()
        }),
        [
            "name",
            "probability",
            "signals[1].expect[0].expression",
            "signals[0].expect[0].expression",
        ]
    );
    // Without its name a signal would be missed by every contract about it.
    assert_eq!(
        check(v1::Case {
            name: "c".to_owned(),
            signals: vec![pb("", "true")],
            contracts: vec![v1::Contract {
                expression: "signals.a.count == 1".to_owned(),
                ..Default::default()
            }],
            ..Default::default()
        }),
        ["signals[0].name"]
    );
}

proptest! {
    /// What is planned can be walked from the start to every signal; what is
    /// not is refused.
    #[test]
    fn every_clock_can_start(
        waits in prop::collection::vec((any::<bool>(), prop::collection::vec(0..6_usize, 0..3)), 6)
    ) {
        let signals = waits.into_iter().enumerate().map(|(i, (at_start, after))| Signal {
            at_start,
            after: if at_start { Vec::new() } else { after.iter().map(usize::to_string).collect() },
            ..signal(&i.to_string())
        });
        if let Ok(plan) = Plan::compile(case(signals.collect(), Vec::new())) {
            let mut started = vec![false; 6];
            for _ in 0..6 {
                for (i, signal) in plan.signals().iter().enumerate() {
                    started[i] = match &signal.starts {
                        Starts::AtStart => true,
                        Starts::After(after) => after.iter().all(|&other| started[other]),
                    };
                }
            }
            prop_assert_eq!(started, vec![true; 6]);
        }
    }
}

fn told(case: Case) -> Vec<String> {
    Plan::compile(case)
        .expect_err("a bad case")
        .into_iter()
        .map(|violation| Violation::from(violation).to_string())
        .collect()
}
