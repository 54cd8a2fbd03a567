//! Against verdicts that are reckoned otherwise: for cases that are plain
//! sequences, straight from the times of the signals.

use proptest::{collection::vec, option, prelude::*};

use crate::model::{Event, Json, SignalEvent, Signalled, State, Time};

use super::sim::{World, at, case, deep, runs, submission};
use crate::engine::execution::later;

/// One signal of a sequence: its limits, and when it is sent. All in
/// microseconds from the start of the test.
#[derive(Clone, Debug)]
struct Signal {
    timeout: u64,
    within: Option<u64>,
    sent: Vec<u64>,
}

fn signal() -> impl Strategy<Value = Signal> {
    // On a grid, so that signals fall on deadlines, and a little beside it.
    let time = |tenths: std::ops::Range<u64>| {
        (tenths, 0..2_u64).prop_map(|(tenths, more): (u64, _)| tenths * 100_000 + more)
    };
    (
        time(1..30),
        option::weighted(0.3, time(5..80)),
        vec(time(0..100), 0..4),
    )
        .prop_map(|(timeout, within, sent)| Signal {
            timeout,
            within,
            sent,
        })
}

/// The state and the time of the verdict. Each signal must come before its own
/// deadline; the first deadline that passes unmet decides.
fn reckon(signals: &[Signal], came: &[Option<Time>], start: Time, expires: Time) -> (State, Time) {
    let micros = std::time::Duration::from_micros;
    let mut missed = None;
    let mut clock = Some(start);
    for (signal, came) in signals.iter().zip(came) {
        let timeout = clock.map(|clock| later(clock, micros(signal.timeout)));
        let within = signal.within.map(|within| later(start, micros(within)));
        let limits = [timeout, within, Some(expires)];
        let deadline = limits.into_iter().flatten().min().expect("it expires");
        clock = came.filter(|at| *at < deadline).map(|at| at.max(start));
        if clock.is_none() {
            missed = Some(missed.map_or(deadline, |other: Time| other.min(deadline)));
        }
    }
    match missed {
        Some(deadline) => (State::Timeout, deadline),
        None => {
            let last = came.iter().flatten().max().expect("all came");
            (State::Pass, start.max(*last))
        }
    }
}

fn declaration(signals: &[Signal], life: u64) -> String {
    let seconds = |micros: u64| format!("{}s", micros as f64 / 1e6);
    let declared = signals.iter().enumerate().map(|(index, signal)| {
        let within = signal
            .within
            .map(|within| format!(", within: {}", seconds(within)));
        let timeout = seconds(signal.timeout);
        format!(
            "{{name: s{index}, timeout: {timeout}{}}}",
            within.unwrap_or_default()
        )
    });
    let declared: Vec<_> = declared.collect();
    format!(
        "{{name: c, test_expires: {}, signals: [{}]}}",
        seconds(life),
        declared.join(", ")
    )
}

fn sent(index: usize) -> Event {
    let event = SignalEvent {
        signal_name: format!("s{index}"),
        case_name: "c".to_owned(),
        key: "e1".into(),
        value: Json::Null,
    };
    Event::Signalled(Signalled {
        event,
        signal_id: String::new(),
    })
}

proptest! {
    #![proptest_config(runs(300))]

    #[test]
    fn a_sequence_passes_if_every_signal_comes_before_its_deadline(
        signals in vec(signal(), 1..5),
        start in 0..40_u64,
        life in 1..100_u64,
    ) {
        let (start, life) = (start * 100_000, life * 100_000);
        let world = deep(|| {
            let mut world = World::default();
            world.fold(at(0), Event::CaseApplied(case(&declaration(&signals, life)).into()));
            let mut facts = vec![(start, Event::Submitted(submission("c", "e1")))];
            for (index, signal) in signals.iter().enumerate() {
                facts.extend(signal.sent.iter().map(|&time| (time, sent(index))));
            }
            facts.sort_by_key(|(time, _)| *time);
            for (time, event) in facts {
                world.tick_until(at(time));
                world.fold(at(time), event);
            }
            world.tick_until(at(start + life + 1_000_000));
            world
        });

        let (mut start, mut came) = (at(0), vec![None; signals.len()]);
        for record in &world.journal {
            match &record.event {
                Event::Submitted(_) => start = record.time,
                Event::Signalled(signal) => {
                    let index: usize = signal.event.signal_name[1..].parse().expect("a number");
                    came[index].get_or_insert(record.time);
                }
                _ => {}
            }
        }
        let expires = later(start, std::time::Duration::from_micros(life));
        let verdicts: Vec<_> = world.unrecorded.iter().map(|one| (one.report.state, one.report.concluded_at)).collect();
        prop_assert_eq!(verdicts, [reckon(&signals, &came, start, expires)]);
    }
}
