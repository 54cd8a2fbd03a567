//! Many executions at once.

use std::collections::HashMap;

use crate::model::{Event, Json, Position, SignalEvent, Signalled, State};

use super::sim::{World, at, case, deep, submission};

const EXECUTIONS: usize = 2_000;
const NAMES: [&str; 4] = ["sent", "stored", "cached", "executed"];

/// A fixed sequence that looks random (xorshift64*).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % bound
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

fn signal(execution: usize, name: usize) -> Event {
    let event = SignalEvent {
        signal_name: NAMES[name].to_owned(),
        case_name: "c".to_owned(),
        // The third goes by the order's number, the others by the id.
        key: match name {
            2 => Json::from(execution),
            _ => Json::from(format!("e{execution}")),
        },
        value: serde_json::json!({"order": execution, "step": name}),
    };
    Event::Signalled(Signalled {
        event,
        signal_id: String::new(),
    })
}

#[test]
fn two_thousand_executions_with_doubled_and_early_signals_all_pass() {
    deep(|| {
        let mut chance = Chance(20_261_123);
        let mut facts = Vec::new();
        for execution in 0..EXECUTIONS {
            let mut wanted = submission("c", &format!("e{execution}"));
            wanted
                .test_kwargs
                .insert("order".to_owned(), execution.into());
            let start = chance.below(10_000);
            facts.push((start, Event::Submitted(wanted)));
            for name in 0..NAMES.len() {
                // From five seconds before the start to twenty after it, each at
                // least once, in any order, and every third one doubled.
                let mut send = |at: usize| facts.push((at, signal(execution, name)));
                let first = (start + chance.below(25_000)).saturating_sub(5_000);
                send(first);
                if chance.below(3) == 0 {
                    send(first + chance.below(10_000));
                }
            }
        }
        chance.shuffle(&mut facts);
        facts.sort_by_key(|(time, _)| *time);

        let mut world = World::default();
        let declared = "{name: c, signals: [
            {name: sent, expect: [{expression: 'value.order == execution.kwargs.order'}]}, {name: stored},
            {name: cached, key: execution.kwargs.order, at_start: true}, {name: executed, within: 21s}
        ]}";
        world.fold(at(0), Event::CaseApplied(case(declared).into()));
        for (millis, event) in facts {
            let time = at(millis as u64 * 1_000);
            world.tick_until(time);
            world.fold(time, event);
            if chance.below(50) == 0 {
                world.record_all(time);
            }
        }
        world.tick_until(at(60_000_000));
        world.record_all(at(60_000_000));

        let mut ends: HashMap<State, Vec<Position>> = HashMap::new();
        for (position, finished) in &world.finished {
            ends.entry(finished.view.state())
                .or_default()
                .push(*position);
        }
        assert_eq!(ends.keys().collect::<Vec<_>>(), [&State::Pass]);
        assert_eq!(world.finished.len(), EXECUTIONS);
        assert_eq!(
            (
                world.engine.live_len(),
                world.engine.early_len(),
                world.engine.bytes()
            ),
            (0, 0, 0)
        );
    });
}
