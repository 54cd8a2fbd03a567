//! What holds of every journal.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Duration;
use proptest::prelude::*;

use crate::{
    convert::arbitrary,
    engine::{Engine, Recorded},
    model::{Concluded, Event, Position, Record, State, TestReport, Time},
};

use super::{
    arbitrary::{happen, steps},
    sim::{World, at, check_restored, deep, fold, runs},
};

/// Lets the rest of the deadlines pass and records what was never recorded.
fn run_out(world: &mut World) {
    let mut turns = 0;
    while world.engine.undecided > 0 {
        let due = world.engine.tick_due().expect("executions are live");
        world.fold(due, Event::Tick { queued_at: due });
        turns += 1;
        assert!(turns < 1_000, "an execution lives on");
    }
    world.record_all(world.now());
}

/// Lets early signals and concluded executions be forgotten.
fn forget(world: &mut World) {
    for case in ["c", "d"] {
        let name = case.to_owned();
        world.fold(world.now(), Event::CaseDeleted { name });
    }
    let queued_at = world.now() + Duration::seconds(600);
    world.fold(queued_at, Event::Tick { queued_at });
}

/// Nothing is left of what was, in any map.
fn check_empty(engine: &Engine) {
    let (fresh, engine) = (format!("{:#?}", Engine::default()), format!("{engine:#?}"));
    let differing: BTreeSet<_> = engine
        .lines()
        .zip(fresh.lines())
        .filter(|(one, other)| one != other)
        .filter_map(|(line, _)| Some(line.trim().split_once(':')?.0.to_owned()))
        .collect();
    assert_eq!(engine.lines().count(), fresh.lines().count(), "{engine}");
    let moving = [
        "absences",
        "absent_from",
        "absent_until",
        "heartbeat",
        "next_turn",
        "position",
        "time",
    ];
    let unexpected = differing
        .iter()
        .filter(|name| !moving.contains(&name.as_str()));
    assert_eq!(unexpected.count(), 0, "{engine}");
}

/// A report that another version may have recorded.
fn foreign(concluded_at: Time) -> TestReport {
    TestReport {
        failure: None,
        case_name: "c".to_owned(),
        state: State::Error,
        test: None,
        runtime: None,
        signal_latency: BTreeMap::new(),
        error: None,
        traceback: None,
        concluded_at,
    }
}

proptest! {
    #![proptest_config(runs(60))]

    /// Every execution that was started is finished exactly once, whatever was
    /// recorded, doubled or lost on the way; and the same journal gives the same
    /// answers, effects and state however it is folded. What was is forgotten.
    #[test]
    fn one_report_for_each_execution_however_it_is_folded(steps in steps(80), cut in 0.0..1.0) {
        deep(|| {
            let mut world = happen(&steps);
            let middle = (world.journal.len() as f64 * cut) as usize;
            let cuts = [middle.max(1), world.journal.len()];
            world.check_replays(&cuts);
            run_out(&mut world);
            let finished: Vec<_> = world.finished.keys().copied().collect();
            prop_assert_eq!(&finished, &world.started);
            world.check_replays(&[world.journal.len()]);
            forget(&mut world);
            check_empty(&world.engine);
            Ok(())
        })?;
    }

    /// Whatever a journal holds is folded without harm, also with verdicts that
    /// this version would not have reached, live and on a replay.
    #[test]
    fn no_journal_does_harm(
        steps in steps(30),
        others in prop::collection::vec((arbitrary::event(), any::<usize>()), 0..6),
        verdicts in prop::collection::vec((any::<usize>(), any::<usize>(), any::<usize>(), 0..9_000_u64), 0..4),
        pace in 1..1_500_000_i64,
    ) {
        deep(|| {
            let mut journal: Vec<_> = happen(&steps).journal.into_iter().map(|one| one.event).collect();
            for (event, place) in others {
                journal.insert(place % journal.len(), event);
            }
            for (execution, decided_by, place, millis) in verdicts {
                let submitted = (1..).zip(&journal);
                let submitted = submitted.filter(|(_, event)| matches!(event, Event::Submitted(_)));
                let submitted: Vec<_> = submitted.map(|(position, _)| position).collect();
                let Some(execution) = submitted.get(execution % submitted.len().max(1)) else {
                    continue;
                };
                let verdict = Concluded {
                    webhooks: Vec::new(),
                    execution: *execution,
                    decided_by: (decided_by % journal.len()) as Position + 1,
                    report: foreign(at(millis * 1_000)),
                };
                journal.insert(place % journal.len(), Event::Concluded(verdict.into()));
            }
            let mut recorded = Recorded::default();
            let records = (1..).zip(journal).map(|(position, event)| {
                let time = at(0) + Duration::microseconds(pace * position as i64);
                Record { position, time, event }
            });
            let records: Vec<_> = records.inspect(|record| recorded.note(record)).collect();
            for recorded in [Recorded::default(), recorded] {
                let mut engine = Engine::default();
                for record in &records {
                    fold(&mut engine, record.clone(), &recorded);
                }
                check_restored(&engine);
            }
        });
    }

    /// A snapshot that is cut or changed is refused or read, and never worse.
    #[test]
    fn no_snapshot_does_harm(steps in steps(30), place in 0.0..1.0, change in any::<u8>()) {
        deep(|| {
            let mut snapshot = happen(&steps).engine.snapshot();
            let place = (snapshot.len() as f64 * place) as usize;
            snapshot[place] ^= change;
            let _ = Engine::restore(&snapshot);
            snapshot.truncate(place);
            let _ = Engine::restore(&snapshot);
        });
    }
}
