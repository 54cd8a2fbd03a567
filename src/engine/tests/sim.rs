//! A partition in miniature: an engine, the journal that it folds, and a node's
//! part in between (ticks, recording of verdicts, restarts). Whatever a test
//! does with it can be folded again and compared.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use proptest::test_runner::Config as ProptestConfig;

use crate::{
    contract,
    convert::{case::case_from_pb, json::from_json},
    engine::{Answer, Effect, Engine, Finished, Recorded, execution::later},
    model::{Case, Concluded, Event, Json, Position, Record, Submission, Time, Transitioned},
};

/// Time 0 of every test.
pub fn zero() -> Time {
    Time::from_timestamp(1_780_000_000, 0).expect("a time")
}

/// A time of a test, in microseconds from its start.
pub fn at(micros: u64) -> Time {
    later(zero(), Duration::from_micros(micros))
}

/// A case from YAML in the form of protobuf's JSON.
pub fn case(yaml: &str) -> Case {
    let json: Json = serde_saphyr::from_str(yaml).expect(yaml);
    let pb = from_json("livecheck.v1.Case", &json).expect(yaml);
    case_from_pb(pb).expect(yaml)
}

/// A submission without arguments.
pub fn submission(case_name: &str, id: &str) -> Submission {
    Submission {
        always: false,
        traceparent: String::new(),
        case_name: case_name.to_owned(),
        id: id.to_owned(),
        test_args: Vec::new(),
        test_kwargs: serde_json::Map::new(),
        expires: None,
        labels: BTreeMap::new(),
    }
}

/// Runs a test on a thread with the stack that folding needs.
pub fn deep<T: Send>(test: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(contract::STACK_SIZE);
        let thread = thread.spawn_scoped(scope, test).expect("a thread");
        match thread.join() {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// How often a property is tried: so often, or as often as `PROPTEST_CASES`
/// says.
pub fn runs(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: if std::env::var_os("PROPTEST_CASES").is_some() {
            default.cases
        } else {
            cases
        },
        failure_persistence: None,
        ..default
    }
}

/// What came of one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub answer: Answer,
    pub effects: Vec<Effect>,
}

/// Folds one record.
pub fn fold(engine: &mut Engine, record: Record, recorded: &Recorded) -> Outcome {
    let mut effects = Vec::new();
    let answer = engine.fold(record, recorded, &mut effects);
    Outcome { answer, effects }
}

/// An engine, its journal and what came of every record.
#[derive(Default)]
pub struct World {
    pub engine: Engine,
    pub journal: Vec<Record>,
    pub outcomes: Vec<Outcome>,
    /// What is decided and not recorded, in the order of the decisions.
    pub unrecorded: Vec<Arc<Concluded>>,
    /// Changes of the health of cases that are not recorded.
    pub unannounced: Vec<Arc<Transitioned>>,
    /// Positions of the executions that were started.
    pub started: Vec<Position>,
    pub finished: BTreeMap<Position, Arc<Finished>>,
}

impl World {
    /// Time of the last record.
    pub fn now(&self) -> Time {
        self.journal.last().map_or(zero(), |record| record.time)
    }

    /// Appends an event and folds it. Its time is the one given, or just after
    /// the last record's if that is later.
    pub fn fold(&mut self, time: Time, event: Event) -> &Outcome {
        let just_after = later(self.now(), Duration::from_micros(1));
        let record = Record {
            position: self.journal.len() as Position + 1,
            time: if self.journal.is_empty() {
                time
            } else {
                time.max(just_after)
            },
            event,
        };
        self.journal.push(record.clone());
        let position = record.position;
        let outcome = fold(&mut self.engine, record, &Recorded::default());
        if self.engine.live_at(position).is_some() {
            self.started.push(position);
        }
        for effect in &outcome.effects {
            match effect {
                Effect::Append(verdict) => self.unrecorded.push(Arc::clone(verdict)),
                Effect::Announce(one) => self.unannounced.push(Arc::clone(one)),
                Effect::Finished(finished) => {
                    let before = self
                        .finished
                        .insert(finished.execution, Arc::new((**finished).clone()));
                    assert_eq!(before, None, "an execution was finished twice");
                }
                _ => {}
            }
        }
        self.outcomes.push(outcome);
        self.outcomes.last().expect("one was pushed")
    }

    /// Ticks as a node does, up to and not at a time.
    pub fn tick_until(&mut self, until: Time) {
        while let Some(due) = self.engine.tick_due()
            && due < until
        {
            self.fold(due, Event::Tick { queued_at: due });
        }
    }

    /// Records everything that is decided.
    pub fn record_all(&mut self, time: Time) {
        for verdict in std::mem::take(&mut self.unrecorded) {
            self.fold(time, Event::Concluded(verdict));
        }
        for mut transitioned in std::mem::take(&mut self.unannounced) {
            // As a node does whose webhook w is told of every case.
            if transitioned.transition.is_notified() {
                Arc::make_mut(&mut transitioned).webhooks = vec!["w".to_owned()];
            }
            self.fold(time, Event::Transitioned(transitioned));
        }
    }

    /// Restarts from the journal alone, as a node does that has no snapshot.
    pub fn restart(&mut self) {
        let recorded = noted(&self.journal);
        let mut engine = Engine::default();
        self.unrecorded.clear();
        self.unannounced.clear();
        for record in &self.journal {
            let outcome = fold(&mut engine, record.clone(), &recorded);
            self.unrecorded.extend(appended(&outcome));
            self.unannounced.extend(announced(&outcome));
        }
        self.engine = engine;
        self.open();
    }

    /// Restarts from a snapshot of this moment.
    pub fn restart_from_snapshot(&mut self) {
        self.engine = Engine::restore(&self.engine.snapshot()).expect("a snapshot");
        self.unrecorded = self.engine.pending();
        self.unannounced = self.engine.pending_transitions();
        self.open();
    }

    fn open(&mut self) {
        let server_version = "test".to_owned();
        self.fold(self.now(), Event::Opened { server_version });
    }

    /// Folds the journal again in every way that a node may, and compares: as it
    /// was folded first, as a replay that knows the recorded verdicts, and from
    /// snapshots of both at the positions in `cuts`.
    pub fn check_replays(&self, cuts: &[usize]) {
        let (end, live) = self.fold_again(Recorded::default(), cuts);
        assert_eq!(end, self.engine.snapshot(), "the same fold, another state");
        check_restored(&self.engine);
        let (end, replayed) = self.fold_again(noted(&self.journal), cuts);
        assert_eq!(end, self.engine.snapshot(), "a replay, another state");
        for (&cut, (live, replayed)) in cuts.iter().zip(live.into_iter().zip(replayed)) {
            self.check_pending(&live, cut);
            for snapshot in [live, replayed] {
                self.check_snapshot(&snapshot, cut);
            }
        }
    }

    fn fold_again(&self, recorded: Recorded, cuts: &[usize]) -> (Vec<u8>, Vec<Vec<u8>>) {
        let mut engine = Engine::default();
        let mut snapshots = vec![Vec::new(); cuts.len()];
        for (index, record) in self.journal.iter().enumerate() {
            let outcome = fold(&mut engine, record.clone(), &recorded);
            self.compare(index, outcome, &recorded);
            for (cut, snapshot) in cuts.iter().zip(&mut snapshots) {
                if *cut == index + 1 {
                    *snapshot = engine.snapshot();
                }
            }
        }
        (engine.snapshot(), snapshots)
    }

    /// A snapshot after the first `cut` records, and the rest folded on.
    fn check_snapshot(&self, snapshot: &[u8], cut: usize) {
        let mut engine = Engine::restore(snapshot).expect("a snapshot");
        assert_eq!(engine.snapshot(), snapshot, "restored at {cut}");
        check_restored(&engine);
        let recorded = noted(&self.journal[cut..]);
        for (index, record) in self.journal.iter().enumerate().skip(cut) {
            let outcome = fold(&mut engine, record.clone(), &recorded);
            self.compare(index, outcome, &recorded);
        }
        assert_eq!(
            engine.snapshot(),
            self.engine.snapshot(),
            "a replay from {cut}, another state"
        );
    }

    /// What a snapshot of a live fold has pending is what was decided and not
    /// recorded by then.
    fn check_pending(&self, snapshot: &[u8], cut: usize) {
        let engine = Engine::restore(snapshot).expect("a snapshot");
        let (records, outcomes) = (&self.journal[..cut], &self.outcomes[..cut]);
        let recorded = noted(records);
        let decided = outcomes.iter().flat_map(appended);
        let mut pending: Vec<_> = decided
            .filter(|verdict| !recorded.holds(verdict.execution))
            .collect();
        pending.sort_by_key(|verdict| (verdict.decided_by, verdict.execution));
        assert_eq!(engine.pending(), pending, "pending at {cut}");
        let told = outcomes.iter().flat_map(announced);
        let is_recorded =
            |one: &Transitioned| recorded.holds_transition(one.case_created, one.transition.number);
        let mut unannounced: Vec<_> = told.filter(|one| !is_recorded(one)).collect();
        // Those of a case that is no more are not told.
        unannounced.retain(|one| {
            let health = engine.cases.get(&one.transition.case_name);
            health.is_some_and(|state| {
                let health = state.health.as_ref();
                health.is_some_and(|health| health.created == one.case_created)
            })
        });
        unannounced.sort_by(|a, b| {
            let place = |one: &Transitioned| {
                let transition = &one.transition;
                (transition.case_name.clone(), transition.number)
            };
            place(a).cmp(&place(b))
        });
        let pending = engine.pending_transitions();
        assert_eq!(pending, unannounced, "unannounced at {cut}");
    }

    /// A replay gives what the first fold gave, and asks only for verdicts that
    /// are not recorded.
    fn compare(&self, index: usize, outcome: Outcome, recorded: &Recorded) {
        let mut expected = self.outcomes[index].clone();
        expected.effects.retain(|effect| match effect {
            Effect::Append(one) => !recorded.holds(one.execution),
            Effect::Announce(one) => {
                !recorded.holds_transition(one.case_created, one.transition.number)
            }
            _ => true,
        });
        assert_eq!(outcome, expected, "record {}", index + 1);
    }
}

/// What an engine reckons along is what a snapshot of it gives.
pub fn check_restored(engine: &Engine) {
    let restored = Engine::restore(&engine.snapshot()).expect("a snapshot");
    assert_eq!(restored.snapshot(), engine.snapshot());
    assert_eq!(restored.pending(), engine.pending());
    assert_eq!(restored.deadlines, engine.deadlines);
    // Keys that later executions took over are not in a snapshot.
    let keys = |one: &Engine| one.live.values().map(|one| one.key_bytes()).sum::<usize>();
    let sums = |one: &Engine| (one.undecided, one.cases.active(), one.bytes() - keys(one));
    assert_eq!(sums(&restored), sums(engine));
}

/// The verdicts that a record asks to be appended.
fn appended(outcome: &Outcome) -> impl Iterator<Item = Arc<Concluded>> {
    outcome.effects.iter().filter_map(|effect| match effect {
        Effect::Append(verdict) => Some(Arc::clone(verdict)),
        _ => None,
    })
}

/// The changes of the health of cases that a record asks to be appended.
fn announced(outcome: &Outcome) -> impl Iterator<Item = Arc<Transitioned>> {
    outcome.effects.iter().filter_map(|effect| match effect {
        Effect::Announce(one) => Some(Arc::clone(one)),
        _ => None,
    })
}

fn noted(records: &[Record]) -> Recorded {
    let mut recorded = Recorded::default();
    records.iter().for_each(|record| recorded.note(record));
    recorded
}
