//! In what order the clocks of a case's signals start.
//!
//! A list of signals is a sequence: each waits for the nearest needed signal
//! before it. `after` and `at_start` make it a graph, which must have no cycle.

use std::collections::HashMap;

use super::{CaseViolation, SignalPlan, Starts};
use crate::{convert::violation::quoted, model::Signal};

/// When the clock of each signal starts. What is wrong is added to `found`; the
/// answer then has the parts that are right.
pub(super) fn resolve(signals: &[Signal], found: &mut Vec<CaseViolation>) -> Vec<Starts> {
    let mut names = HashMap::new();
    for (i, signal) in signals.iter().enumerate() {
        names.entry(signal.name.as_str()).or_insert(i);
    }

    let mut nearest_needed = None;
    let mut starts = Vec::with_capacity(signals.len());
    for (i, signal) in signals.iter().enumerate() {
        let after = if signal.at_start {
            Vec::new()
        } else if signal.after.is_empty() {
            nearest_needed.into_iter().collect()
        } else {
            named(i, signal, signals, &names, found)
        };
        starts.push(if after.is_empty() {
            Starts::AtStart
        } else {
            Starts::After(after)
        });
        if signal.needed() > 0 {
            nearest_needed = Some(i);
        }
    }

    for cycle in cycles(&starts) {
        found.push(describe(&cycle, signals));
    }
    starts
}

/// The signals in `after`, without those that cannot be waited for.
fn named(
    index: usize,
    signal: &Signal,
    signals: &[Signal],
    names: &HashMap<&str, usize>,
    found: &mut Vec<CaseViolation>,
) -> Vec<usize> {
    let mut after = Vec::new();
    for (i, name) in signal.after.iter().enumerate() {
        let mut refuse = |description: String| {
            found.push(CaseViolation {
                field: format!("signals[{index}].after[{i}]"),
                description,
                at: None,
            });
        };
        match names.get(name.as_str()).copied() {
            None => refuse(format!(
                "{} is no signal of this case; known are {}",
                quoted(name),
                list(signals)
            )),
            Some(other) if other == index => refuse(format!(
                "{} cannot wait for itself; take it out",
                quoted(name)
            )),
            Some(other) if after.contains(&other) => {
                refuse(format!("{} is named twice; take one out", quoted(name)));
            }
            Some(other) if signals.get(other).is_some_and(|s| s.needed() == 0) => refuse(format!(
                "{} may stay away (`min: 0`), and a clock that waits for it may never start; \
                 name a signal that must come",
                quoted(name)
            )),
            Some(other) => after.push(other),
        }
    }
    after
}

/// The names of the signals, for a text.
fn list(signals: &[Signal]) -> String {
    const SHOWN: usize = 10;
    let mut names: Vec<_> = signals
        .iter()
        .take(SHOWN)
        .map(|s| quoted(&s.name))
        .collect();
    if signals.len() > SHOWN {
        names.push(format!("{} more", signals.len() - SHOWN));
    }
    names.join(", ")
}

/// Cycles of signals that wait for one another, each from its first signal on;
/// no signal is in two of them.
fn cycles(starts: &[Starts]) -> Vec<Vec<usize>> {
    let mut walk = Walk {
        starts,
        seen: vec![false; starts.len()],
        path: Vec::new(),
        cycles: Vec::new(),
    };
    for i in 0..starts.len() {
        walk.visit(i);
    }
    walk.cycles
}

/// A walk in depth; it is as deep as there are signals, which are few.
struct Walk<'a> {
    starts: &'a [Starts],
    seen: Vec<bool>,
    path: Vec<usize>,
    cycles: Vec<Vec<usize>>,
}

impl Walk<'_> {
    fn visit(&mut self, i: usize) {
        if let Some(start) = self.path.iter().position(|&on_path| on_path == i) {
            self.add(start);
            return;
        }
        match self.seen.get_mut(i) {
            Some(seen) if !*seen => *seen = true,
            _ => return,
        }
        let starts = self.starts;
        if let Some(Starts::After(after)) = starts.get(i) {
            self.path.push(i);
            for &other in after {
                self.visit(other);
            }
            self.path.pop();
        }
    }

    /// Notes the cycle that the path closes from `start` on.
    fn add(&mut self, start: usize) {
        let mut cycle: Vec<_> = self.path.iter().skip(start).copied().collect();
        if self.cycles.iter().flatten().any(|i| cycle.contains(i)) {
            return;
        }
        let first = cycle.iter().enumerate().min_by_key(|(_, signal)| **signal);
        let first = first.map_or(0, |(place, _)| place);
        cycle.rotate_left(first);
        self.cycles.push(cycle);
    }
}

/// Says a cycle at the first `after` that is written in it. There is one: what
/// is not written looks backwards only.
fn describe(cycle: &[usize], signals: &[Signal]) -> CaseViolation {
    let name = |i: &usize| signals.get(*i).map_or("", |signal| signal.name.as_str());
    let written = |i: &&usize| signals.get(**i).is_some_and(|s| !s.after.is_empty());
    let at = cycle.iter().find(written).or(cycle.first());
    let way: Vec<_> = cycle.iter().chain(cycle.first()).map(name).collect();
    CaseViolation {
        field: format!("signals[{}].after", at.copied().unwrap_or_default()),
        description: format!(
            "the signals wait for one another: {}; \
             a signal without `after` waits for the nearest needed one before it, \
             `at_start: true` makes it wait for none",
            way.join(" waits for ")
        ),
        at: None,
    }
}

/// Fills in the signals that wait for each signal.
pub(super) fn link(signals: &mut [SignalPlan]) {
    let waits: Vec<_> = signals.iter().map(|s| s.starts.clone()).collect();
    for (i, starts) in waits.into_iter().enumerate() {
        let Starts::After(after) = starts else {
            continue;
        };
        for other in after {
            if let Some(other) = signals.get_mut(other) {
                other.dependents.push(i);
            }
        }
    }
}
