//! When probes are due: pure, the time is passed in.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use sha2::{Digest as _, Sha256};

use crate::model::{Case, Time};

/// A slot that is found later than this is missed. No probe has slots closer
/// together.
const LATEST: i64 = 1_000_000;

/// Where in the span of its frequency the slots of a case lie, in microseconds:
/// the top 64 bits of SHA-256 of its name, as a share of 2^64.
fn phase(name: &str, frequency: i64) -> i64 {
    let digest = Sha256::digest(name.as_bytes());
    let mut top = [0; 8];
    top.copy_from_slice(&digest[..8]);
    let share = u128::from(u64::from_be_bytes(top));
    let phase = (share * u128::from(frequency.unsigned_abs())) >> 64;
    i64::try_from(phase).unwrap_or_default()
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros())
        .unwrap_or(i64::MAX)
        .max(1)
}

/// The first slot after a time, both in microseconds.
fn slot_after(name: &str, frequency: i64, time: i64) -> i64 {
    let phase = phase(name, frequency);
    let passed = time.saturating_sub(phase).div_euclid(frequency);
    let next = passed.saturating_add(1);
    next.saturating_mul(frequency).saturating_add(phase)
}

/// The slots of all cases that have some.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    cases: BTreeMap<String, Planned>,
    /// The next slot of each case, in microseconds, with its name.
    next: BTreeSet<(i64, String)>,
}

#[derive(Debug)]
struct Planned {
    case: Arc<Case>,
    /// From one slot to the next, and the next one; both in microseconds.
    frequency: i64,
    next: i64,
}

/// A slot that is due.
#[derive(Debug)]
pub(super) struct Slot {
    /// The case.
    pub case: Arc<Case>,
    /// When it is due.
    pub at: Time,
}

impl Schedule {
    /// Plans for these cases from now on. Gives the names of those whose probe is
    /// another one now, or none; that of the others goes on.
    pub(super) fn replace(&mut self, cases: Vec<Arc<Case>>, now: Time) -> Vec<String> {
        let mut before = std::mem::take(&mut self.cases);
        self.next.clear();
        let mut changed = Vec::new();
        for case in cases {
            let Some(probe) = &case.probe else { continue };
            let name = case.name.clone();
            let frequency = micros(probe.frequency);
            let next = match before.remove(&name) {
                Some(planned) if planned.case.probe == case.probe => planned.next,
                planned => {
                    changed.extend(planned.is_some().then(|| name.clone()));
                    slot_after(&name, frequency, now.timestamp_micros())
                }
            };
            self.next.insert((next, name.clone()));
            let planned = Planned {
                case,
                frequency,
                next,
            };
            self.cases.insert(name, planned);
        }
        changed.extend(before.into_keys());
        changed
    }

    /// Whether a case has slots.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.cases.contains_key(name)
    }

    /// When the next slot is due.
    pub(super) fn next(&self) -> Option<Time> {
        let (next, _) = self.next.first()?;
        Time::from_timestamp_micros(*next)
    }

    /// Takes the slots that are due, at most one of each case and none that was
    /// missed.
    pub(super) fn due(&mut self, now: Time) -> Vec<Slot> {
        let now = now.timestamp_micros();
        let mut due = Vec::new();
        while self.next.first().is_some_and(|(next, _)| *next <= now) {
            let Some((_, name)) = self.next.pop_first() else {
                break;
            };
            let Some(planned) = self.cases.get_mut(&name) else {
                continue;
            };
            planned.next = slot_after(&name, planned.frequency, now);
            let last = planned.next.saturating_sub(planned.frequency);
            if now.saturating_sub(last) <= LATEST
                && let Some(at) = Time::from_timestamp_micros(last)
            {
                let case = Arc::clone(&planned.case);
                due.push(Slot { case, at });
            } else {
                tracing::debug!(case = name, "slots of a probe were missed");
            }
            self.next.insert((planned.next, name));
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::model::{HttpProbe, Probe, ProbeRequest};

    const SECOND: i64 = 1_000_000;
    /// 2026-05-28 20:26:40 UTC, which is a multiple of 100 s.
    const BASE: i64 = 1_780_000_000 * SECOND;

    fn time(micros: i64) -> Time {
        Time::from_timestamp_micros(micros).unwrap()
    }

    fn case(name: &str, seconds: u64, url: &str) -> Arc<Case> {
        let probe = Probe {
            frequency: Duration::from_secs(seconds),
            request: ProbeRequest::Http(HttpProbe {
                method: String::new(),
                url: url.to_owned(),
                headers: BTreeMap::new(),
                body: String::new(),
            }),
            timeout: None,
            connect_timeout: None,
            retries: None,
            delay_min: None,
            delay_backoff: None,
            delay_max: None,
            fake_header: String::new(),
            test_args: Vec::new(),
            test_kwargs: serde_json::Map::new(),
        };
        Arc::new(Case {
            name: name.to_owned(),
            description: String::new(),
            labels: BTreeMap::new(),
            active: None,
            probability: None,
            test_expires: None,
            signals: Vec::new(),
            contracts: Vec::new(),
            warn_stalled_after: None,
            probe: Some(probe),
            max_consecutive_failures: None,
            state_transition_delay: None,
            max_history: None,
            max_executions_per_second: None,
            max_live_executions: None,
            webhooks: Vec::new(),
            revision: 1,
        })
    }

    /// The slots that are due, with the names of their cases.
    fn due(schedule: &mut Schedule, now: i64) -> Vec<(String, i64)> {
        let due = schedule.due(time(now)).into_iter();
        due.map(|slot| (slot.case.name.clone(), slot.at.timestamp_micros()))
            .collect()
    }

    #[test]
    fn the_phase_is_that_of_the_name_for_ever() {
        for (name, seconds, expected) in [
            ("orders", 100, 10_971_896),
            ("orders", 3600, 394_988_291),
            ("orders.checkout", 100, 57_145_017),
            ("orders.checkout", 3600, 2_057_220_623),
            ("", 100, 88_941_599),
        ] {
            assert_eq!(phase(name, seconds * SECOND), expected, "{name} {seconds}");
        }
    }

    #[test]
    fn phases_spread_over_the_span() {
        let mut tenths: HashMap<i64, usize> = HashMap::new();
        for number in 0..1000 {
            let phase = phase(&format!("case-{number}"), 60 * SECOND);
            assert!((0..60 * SECOND).contains(&phase));
            *tenths.entry(phase / (6 * SECOND)).or_default() += 1;
        }
        assert_eq!(tenths.len(), 10);
        for (tenth, count) in tenths {
            assert!((60..140).contains(&count), "{tenth}: {count}");
        }
    }

    #[test]
    fn slots_come_at_whole_multiples_of_the_frequency() {
        let phase = phase("orders", 10 * SECOND);
        for (now, expected) in [
            (BASE + phase - 1, BASE + phase),
            (BASE + phase, BASE + phase + 10 * SECOND),
            (BASE + phase + 1, BASE + phase + 10 * SECOND),
            (BASE + phase + 25 * SECOND, BASE + phase + 30 * SECOND),
            (-1, phase),
            (phase - 10 * SECOND, phase),
        ] {
            assert_eq!(slot_after("orders", 10 * SECOND, now), expected, "{now}");
        }
    }

    #[test]
    fn a_schedule_keeps_its_slots_however_late_they_are_found() {
        let mut schedule = Schedule::default();
        let start = slot_after("orders", 10 * SECOND, BASE);
        schedule.replace(vec![case("orders", 10, "http://a/")], time(BASE));
        assert_eq!(schedule.next(), Some(time(start)));
        assert_eq!(due(&mut schedule, start - 1), []);
        for (after, slot) in [
            (0, Some(0)),
            // Found late: the next one comes when it would have come.
            (10 * SECOND + 900_000, Some(10 * SECOND)),
            (19 * SECOND, None),
            (20 * SECOND, Some(20 * SECOND)),
            (31 * SECOND, Some(30 * SECOND)),
            // Later than a second: missed.
            (41 * SECOND + 1, None),
            // Suspended: missed, and not made up for.
            (3605 * SECOND, None),
            (3610 * SECOND, Some(3610 * SECOND)),
            // Suspended until just after a slot.
            (7200 * SECOND + 1, Some(7200 * SECOND)),
            (7200 * SECOND + 1, None),
        ] {
            let expected = slot.map(|slot| ("orders".to_owned(), start + slot));
            let found = due(&mut schedule, start + after);
            assert_eq!(found, Vec::from_iter(expected), "{after}");
        }
    }

    #[test]
    fn a_probe_every_second_misses_nothing_but_what_passed() {
        let mut schedule = Schedule::default();
        let start = slot_after("orders", SECOND, BASE);
        schedule.replace(vec![case("orders", 1, "http://a/")], time(BASE));
        for (after, slot) in [(0, 0), (1_900_000, 1), (3_999_999, 3), (4_000_000, 4)] {
            let expected = ("orders".to_owned(), start + slot * SECOND);
            assert_eq!(due(&mut schedule, start + after), [expected], "{after}");
        }
    }

    #[test]
    fn changes_of_cases_change_the_slots() {
        let mut schedule = Schedule::default();
        let (a, b) = (case("a", 10, "http://a/"), case("b", 10, "http://b/"));
        let next = |name, now| slot_after(name, 10 * SECOND, now);
        assert!(
            schedule
                .replace(vec![Arc::clone(&a)], time(BASE))
                .is_empty()
        );
        assert!(schedule.holds("a") && !schedule.holds("b"));

        // Another case, and a revision with the same probe.
        let revised = Arc::new(Case {
            description: "new".to_owned(),
            ..Case::clone(&a)
        });
        let cases = vec![Arc::clone(&revised), Arc::clone(&b)];
        // Just before the slot of `a`, which stays.
        let now = next("a", BASE) - 1;
        assert!(schedule.replace(cases, time(now)).is_empty());
        let slots = schedule.due(time(now + 1));
        let slot = slots.iter().find(|slot| slot.case.name == "a").unwrap();
        assert_eq!(slot.case.description, "new");

        // Another probe, and one less.
        let now = BASE + 100 * SECOND;
        let other = case("a", 10, "http://other/");
        let mut changed = schedule.replace(vec![Arc::clone(&other)], time(now));
        changed.sort();
        assert_eq!(changed, ["a", "b"]);
        assert!(!schedule.holds("b"));
        assert_eq!(schedule.next(), Some(time(next("a", now))));

        // A case that has no probe has no slots.
        let without = Arc::new(Case {
            probe: None,
            ..Case::clone(&other)
        });
        assert_eq!(schedule.replace(vec![without], time(now)), ["a"]);
        assert_eq!(schedule.next(), None);
    }
}
