//! Durations that came one after the other: the last ones, from which medians
//! are taken, and how all of them are spread.

use std::{collections::VecDeque, time::Duration};

use crate::model::Summary;

/// Upper bounds of the buckets, in microseconds; one more has the rest.
pub const BUCKETS_MICROS: [u64; 16] = [
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
    1_800_000_000,
    10_800_000_000,
];

/// A history.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The last values, in microseconds, the oldest first.
    pub(super) last: VecDeque<u64>,
    /// How many values there were in each bucket, the last one without a bound.
    pub(super) buckets: [u64; BUCKETS_MICROS.len() + 1],
    /// Sum of all values, in microseconds.
    pub(super) sum_micros: u64,
}

impl History {
    /// Adds a value, and keeps no more than so many.
    pub(super) fn push(&mut self, value: Duration, length: usize) {
        let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
        while self.last.len() >= length.max(1) {
            self.last.pop_front();
        }
        self.last.push_back(micros);
        let bucket = BUCKETS_MICROS.partition_point(|&bound| bound < micros);
        self.buckets[bucket] += 1;
        self.sum_micros = self.sum_micros.saturating_add(micros);
    }

    /// What the last values are like.
    pub fn summary(&self) -> Summary {
        let mut sorted: Vec<_> = self.last.iter().copied().collect();
        sorted.sort_unstable();
        let rank = |share: usize| {
            let rank = (sorted.len() * share).div_ceil(100);
            let value = sorted.get(rank.saturating_sub(1)).copied();
            Duration::from_micros(value.unwrap_or_default())
        };
        Summary {
            count: sorted.len(),
            median: rank(50),
            p90: rank(90),
        }
    }

    /// How many values there were in each bucket of [`BUCKETS_MICROS`], and
    /// above the last.
    pub fn buckets(&self) -> &[u64] {
        &self.buckets
    }

    /// Sum of all values.
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.sum_micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(values: &[u64], length: usize) -> History {
        let mut history = History::default();
        for &micros in values {
            history.push(Duration::from_micros(micros), length);
        }
        history
    }

    #[test]
    fn summaries() {
        let one_to_ten: Vec<u64> = (1..=10).rev().collect();
        for (values, length, expected) in [
            (&[][..], 10, (0, 0, 0)),
            (&[7], 10, (1, 7, 7)),
            (&[9, 1], 10, (2, 1, 9)),
            (&[3, 1, 2], 10, (3, 2, 3)),
            (&one_to_ten, 10, (10, 5, 9)),
            // The last three: 3, 2, 1.
            (&one_to_ten, 3, (3, 2, 3)),
        ] {
            let Summary { count, median, p90 } = history(values, length).summary();
            let micros = |duration: Duration| duration.as_micros();
            assert_eq!((count, micros(median), micros(p90)), expected, "{values:?}");
        }
    }

    #[test]
    fn buckets_hold_values_up_to_their_bounds() {
        let history = history(&[0, 5_000, 5_001, u64::MAX], 2);
        assert_eq!(history.buckets()[..2], [2, 1]);
        assert_eq!(history.buckets().last(), Some(&1));
        assert_eq!(history.buckets().iter().sum::<u64>(), 4);
        assert_eq!(history.last.len(), 2);
        assert_eq!(history.sum_micros, u64::MAX);
    }
}
