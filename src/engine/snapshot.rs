//! Snapshots: the whole state as bytes, and back.
//!
//! [`Engine::freeze`] takes what is needed in a moment, and [`Frozen::encode`]
//! writes it on another thread. A snapshot is a sequence of length-delimited `SnapshotItem` messages. Folding
//! on from a restored state gives what folding from the start gives.

use std::{collections::HashMap, sync::Arc};

use prost::Message;

use crate::{
    convert::{
        Violations,
        case::case_to_pb,
        models::{
            execution_from_pb, execution_to_pb, received_from_pb, received_to_pb, report_from_pb,
            report_to_pb,
        },
        storage::case_from_stored,
    },
    model::{Case, Concluded, Position, ReceivedSignal, Time},
    pb::{storage as pb, v1},
};

use super::{
    Engine,
    cases::Current,
    early::EarlySignal,
    execution::{Decided, Execution, SignalState},
    health::{Health, health_from_pb, health_to_pb},
    identity::{Identity, SubmissionDigest},
    remembered::Remembered,
};

/// A snapshot that is not what [`Frozen::encode`] writes.
#[derive(Debug, thiserror::Error)]
#[error("the snapshot cannot be read: {0}")]
pub struct SnapshotError(String);

impl From<prost::DecodeError> for SnapshotError {
    fn from(error: prost::DecodeError) -> Self {
        SnapshotError(error.to_string())
    }
}

type Item = pb::snapshot_item::Kind;

/// The state as it was after a record, to be written while folding goes on.
///
/// It shares what it holds with the engine: what changes meanwhile is copied
/// then.
#[derive(Debug)]
pub struct Frozen {
    header: pb::SnapshotHeader,
    /// Current declarations, and when they were applied.
    current: Vec<(Position, Arc<Case>)>,
    live: Vec<(Arc<Execution>, Vec<pb::SnapshotKey>)>,
    early: Vec<(Arc<str>, EarlySignal)>,
    concluded: Vec<(Position, Arc<Remembered>, Vec<pb::SnapshotKey>)>,
    healths: Vec<Arc<Health>>,
}

impl Frozen {
    /// Position of the last record that was folded.
    pub fn position(&self) -> Position {
        self.header.position
    }

    /// The state as bytes.
    pub fn encode(mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut write = |kind: Item| {
            let item = pb::SnapshotItem { kind: Some(kind) };
            // A vector takes whatever there is memory for.
            let _ = item.encode_length_delimited(&mut out);
        };
        write(Item::Header(self.header));

        let mut declarations: HashMap<Position, pb::SnapshotCase> = HashMap::new();
        for (applied_at, case) in self.current {
            declarations.insert(applied_at, declaration(applied_at, &case, true));
        }
        for (execution, _) in &self.live {
            let applied_at = execution.plan_position;
            declarations
                .entry(applied_at)
                .or_insert_with(|| declaration(applied_at, execution.plan.case(), false));
        }
        let mut declarations: Vec<_> = declarations.into_values().collect();
        declarations.sort_by_key(|case| case.applied_at);
        declarations
            .into_iter()
            .map(Item::Case)
            .for_each(&mut write);

        for health in &self.healths {
            write(Item::Health(health_to_pb(health)));
        }
        self.live.sort_by_key(|(execution, _)| execution.position);
        for (execution, keys) in self.live {
            write(Item::Execution(execution_item(&execution, keys)));
        }
        for (key, early) in self.early {
            write(Item::Early(pb::SnapshotEarly {
                key: key.to_string(),
                identity: early.identity.0,
                signal: Some(received_to_pb(&early.seen)),
            }));
        }
        for (position, remembered, keys) in self.concluded {
            write(Item::Remembered(remembered_item(
                position,
                &remembered,
                keys,
            )));
        }
        out
    }
}

impl Engine {
    /// The state as it is now.
    pub fn freeze(&self) -> Frozen {
        let current = self.cases.current();
        let live = self.live.values().map(|execution| {
            let (case_name, keys) = (&execution.test.case_name, &execution.keys);
            let held = self.held_keys(case_name, keys, execution.position);
            (Arc::clone(execution), held)
        });
        let concluded = self.concluded.iter().map(|(position, remembered)| {
            let held = self.held_keys(&remembered.case_name, &remembered.keys, position);
            (position, Arc::clone(remembered), held)
        });
        let early = self.early.iter();
        Frozen {
            header: pb::SnapshotHeader {
                position: self.position,
                time_micros: self.time.timestamp_micros(),
                heartbeat_micros: self.heartbeat.timestamp_micros(),
                absent_until_micros: self.absent_until.timestamp_micros(),
                absent_from_micros: self.absent_from.timestamp_micros(),
                absences: self.absences,
            },
            current: current
                .map(|(_, current)| (current.applied_at, Arc::clone(&current.case)))
                .collect(),
            live: live.collect(),
            early: early
                .map(|(key, early)| (Arc::clone(key), early.clone()))
                .collect(),
            concluded: concluded.collect(),
            healths: self
                .cases
                .healths()
                .map(|(_, one)| Arc::clone(one))
                .collect(),
        }
    }

    /// The state as bytes.
    #[cfg(test)]
    pub(super) fn snapshot(&self) -> Vec<u8> {
        self.freeze().encode()
    }

    /// The keys by which signals still reach an execution: a later one may have
    /// taken some of them over.
    fn held_keys(
        &self,
        case_name: &str,
        keys: &[(Arc<str>, String)],
        position: Position,
    ) -> Vec<pb::SnapshotKey> {
        let state = self.cases.get(case_name).filter(|_| !keys.is_empty());
        let Some(state) = state else {
            return Vec::new();
        };
        let held = keys.iter();
        let held = held.filter(|(signal, key)| state.by_key(signal, key) == Some(position));
        held.map(|(signal_name, key)| pb::SnapshotKey {
            signal_name: signal_name.to_string(),
            key: key.clone(),
        })
        .collect()
    }

    /// The state that a snapshot holds.
    pub fn restore(mut snapshot: &[u8]) -> Result<Engine, SnapshotError> {
        let mut engine = Engine::default();
        let mut declared = HashMap::new();
        while !snapshot.is_empty() {
            let item = pb::SnapshotItem::decode_length_delimited(&mut snapshot)?;
            match item.kind {
                Some(Item::Header(header)) => engine.restore_header(&header)?,
                Some(Item::Case(case)) => engine.restore_case(case, &mut declared)?,
                Some(Item::Execution(live)) => engine.restore_execution(live, &declared)?,
                Some(Item::Early(early)) => engine.restore_early(early)?,
                Some(Item::Remembered(one)) => engine.restore_remembered(one)?,
                Some(Item::Health(health)) => engine.restore_health(health)?,
                None => return Err(SnapshotError("it has an item of no known kind".to_owned())),
            }
        }
        Ok(engine)
    }

    fn restore_header(&mut self, header: &pb::SnapshotHeader) -> Result<(), SnapshotError> {
        self.position = header.position;
        self.time = time(header.time_micros)?;
        self.heartbeat = time(header.heartbeat_micros)?;
        self.absent_until = time(header.absent_until_micros)?;
        self.absent_from = time(header.absent_from_micros)?;
        self.absences = header.absences;
        Ok(())
    }

    fn restore_case(
        &mut self,
        item: pb::SnapshotCase,
        declared: &mut HashMap<Position, Current>,
    ) -> Result<(), SnapshotError> {
        let case = read(item.case, "case", case_from_stored)?;
        let current = Current::new(Arc::new(case), item.applied_at);
        if item.current {
            let name = current.case.name.clone();
            // A snapshot of an early version has no more to say of its health.
            let health = Health::new(&name, item.applied_at, self.time, self.absences);
            self.cases.replace(&name, current.clone(), Arc::new(health));
            let absent_until = self.absent_until;
            self.cases.with_health(&name, absent_until, |_, _| ());
        }
        declared.insert(item.applied_at, current);
        Ok(())
    }

    fn restore_execution(
        &mut self,
        item: pb::SnapshotExecution,
        declared: &HashMap<Position, Current>,
    ) -> Result<(), SnapshotError> {
        let position = item.position;
        let test = read(item.test, "test", execution_from_pb)?;
        let current = declared.get(&item.case_applied_at);
        let current = current.ok_or_else(|| SnapshotError("a case is missing".to_owned()))?;
        let plan = Arc::clone(&current.plan);
        let digest = digest(&item.digest)?;
        let mut execution = Execution::new(position, test, digest, plan, item.case_applied_at);
        if item.signals.len() != execution.signals.len() {
            return Err(SnapshotError("an execution is not of its case".to_owned()));
        }
        for (state, signal) in execution.signals.iter_mut().zip(item.signals) {
            *state = SignalState {
                count: signal.count,
                settled: signal.settled,
                in_doubt: signal.in_doubt,
                clock: signal.clock_micros.map(time).transpose()?,
                arrived: signal.arrived_micros.map(time).transpose()?,
            };
        }
        execution.asked_expires = item.asked_expires_micros.map(time).transpose()?;
        execution.held = item.held;
        execution.restore_signals(all_received(item.received)?, all_received(item.late)?);
        execution.identities = item.identities.into_iter().map(Identity).collect();
        execution.value_bytes = usize::try_from(item.value_bytes).unwrap_or(usize::MAX);
        execution.total = item.total;
        execution.late_total = item.late_total;
        execution.keys = keys(item.keys);
        if item.decided_by == 0 {
            self.undecided += 1;
        } else {
            let report = item.report;
            let report = report.map(|report| read(Some(report), "report", report_from_pb));
            let verdict = report.transpose()?.map(|report| Concluded {
                execution: position,
                decided_by: item.decided_by,
                report,
                webhooks: Vec::new(),
            });
            execution.decided = Some(Decided {
                by: item.decided_by,
                at: time(item.decided_micros)?,
                verdict: verdict.map(Arc::new),
            });
        }
        if let Some(next) = execution.next_deadline(self.time) {
            self.deadlines.insert((next, position));
            execution.queued = Some(next);
        }
        let (case_name, id) = (&execution.test.case_name, &execution.test.id);
        self.cases.know(case_name, id, &execution.keys, position);
        if execution.is_undecided() {
            self.cases.started(case_name);
        }
        self.live_bytes += execution.bytes();
        self.live.insert(position, Arc::new(execution));
        Ok(())
    }

    fn restore_health(&mut self, item: pb::SnapshotHealth) -> Result<(), SnapshotError> {
        let name = item.case_name.clone();
        let health = read(Some(item), "health", health_from_pb)?;
        let absent_until = self.absent_until;
        let restored = self.cases.with_health(&name, absent_until, |known, _| {
            let queued = std::mem::replace(known, health).queued;
            known.queued = queued;
        });
        self.cases.change_notifications(&name, |_| ());
        restored.ok_or_else(|| SnapshotError(format!("case {name} of a health is missing")))
    }

    fn restore_early(&mut self, item: pb::SnapshotEarly) -> Result<(), SnapshotError> {
        let seen = read(item.signal, "signal", received_from_pb)?;
        let early = EarlySignal {
            seen: Arc::new(seen),
            identity: Identity(item.identity),
        };
        self.early.keep(&item.key, early);
        Ok(())
    }

    fn restore_remembered(&mut self, item: pb::SnapshotRemembered) -> Result<(), SnapshotError> {
        let remembered = Remembered {
            case_name: item.case_name,
            id: item.id,
            digest: digest(&item.digest)?,
            started_at: item.started_micros.map(time).transpose()?,
            decided_at: time(item.decided_micros)?,
            recorded_at: time(item.recorded_micros)?,
            identities: item.identities.into_iter().map(Identity).collect(),
            keys: keys(item.keys),
            late_total: item.late_total,
            late_kept: usize::try_from(item.late_kept).unwrap_or(usize::MAX),
        };
        self.cases.know(
            &remembered.case_name,
            &remembered.id,
            &remembered.keys,
            item.position,
        );
        self.concluded.insert(item.position, remembered);
        Ok(())
    }
}

fn declaration(applied_at: Position, case: &Case, current: bool) -> pb::SnapshotCase {
    pb::SnapshotCase {
        applied_at,
        case: Some(case_to_pb(case)),
        current,
    }
}

fn execution_item(execution: &Execution, keys: Vec<pb::SnapshotKey>) -> pb::SnapshotExecution {
    let decided = execution.decided.as_ref();
    let signals = execution.signals.iter().map(|state| pb::SnapshotSignal {
        count: state.count,
        settled: state.settled,
        in_doubt: state.in_doubt,
        clock_micros: state.clock.map(|at| at.timestamp_micros()),
        arrived_micros: state.arrived.map(|at| at.timestamp_micros()),
    });
    pb::SnapshotExecution {
        position: execution.position,
        test: Some(execution_to_pb(&execution.test)),
        digest: execution.digest.0.to_vec(),
        asked_expires_micros: execution.asked_expires.map(|at| at.timestamp_micros()),
        case_applied_at: execution.plan_position,
        keys,
        signals: signals.collect(),
        held: execution.held,
        received: execution
            .received
            .iter()
            .map(|one| received_to_pb(one))
            .collect(),
        identities: execution.identities.iter().map(|one| one.0).collect(),
        value_bytes: execution.value_bytes as u64,
        total: execution.total,
        late: execution
            .late
            .iter()
            .map(|one| received_to_pb(one))
            .collect(),
        late_total: execution.late_total,
        decided_by: decided.map_or(0, |decided| decided.by),
        report: decided
            .and_then(|one| one.verdict.as_ref())
            .map(|verdict| report_to_pb(&verdict.report)),
        decided_micros: decided.map_or(0, |decided| decided.at.timestamp_micros()),
    }
}

fn remembered_item(
    position: Position,
    remembered: &Remembered,
    keys: Vec<pb::SnapshotKey>,
) -> pb::SnapshotRemembered {
    pb::SnapshotRemembered {
        position,
        case_name: remembered.case_name.clone(),
        id: remembered.id.clone(),
        digest: remembered.digest.0.to_vec(),
        decided_micros: remembered.decided_at.timestamp_micros(),
        recorded_micros: remembered.recorded_at.timestamp_micros(),
        identities: remembered.identities.iter().map(|one| one.0).collect(),
        keys,
        late_total: remembered.late_total,
        late_kept: remembered.late_kept as u64,
        started_micros: remembered.started_at.map(|at| at.timestamp_micros()),
    }
}

fn keys(items: Vec<pb::SnapshotKey>) -> Vec<(Arc<str>, String)> {
    let keys = items.into_iter();
    keys.map(|item| (Arc::from(item.signal_name), item.key))
        .collect()
}

fn all_received(items: Vec<v1::ReceivedSignal>) -> Result<Vec<Arc<ReceivedSignal>>, SnapshotError> {
    let read_one = |item| read(Some(item), "signal", received_from_pb).map(Arc::new);
    items.into_iter().map(read_one).collect()
}

fn time(micros: i64) -> Result<Time, SnapshotError> {
    Time::from_timestamp_micros(micros)
        .ok_or_else(|| SnapshotError(format!("{micros} µs since 1970 is no time")))
}

fn digest(bytes: &[u8]) -> Result<SubmissionDigest, SnapshotError> {
    let bytes = bytes.try_into();
    let bytes = bytes.map_err(|_| SnapshotError("a digest is not of 16 bytes".to_owned()))?;
    Ok(SubmissionDigest(bytes))
}

fn required<T>(message: Option<T>, name: &str) -> Result<T, SnapshotError> {
    message.ok_or_else(|| SnapshotError(format!("{name} is missing")))
}

fn read<M, T>(
    message: Option<M>,
    name: &str,
    convert: impl FnOnce(M, &mut Violations) -> Option<T>,
) -> Result<T, SnapshotError> {
    let mut bad = Violations::new();
    let read = convert(required(message, name)?, &mut bad);
    bad.finish(read)
        .map_err(|bad| SnapshotError(bad.to_string()))
}
