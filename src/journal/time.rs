//! The time of a journal: what the contract in the parent module says about
//! time, in one place for every implementation.
//!
//! Times are whole microseconds since 1970 here; the border to [`Time`] is
//! [`micros_to_time`].

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use crate::{clock::Clock, model::Time};

/// Gives the events of one partition their times.
pub(super) struct JournalTime {
    clock: Arc<dyn Clock>,
    /// Journal time at opening.
    base: i64,
    /// The boot clock at opening.
    opened: i64,
    /// The last time that was given.
    last: AtomicI64,
}

impl JournalTime {
    /// Starts at the later of `last`, the last recorded time, and the wall
    /// clock, which is read here for the only time.
    pub fn open(clock: Arc<dyn Clock>, last: Option<i64>) -> Self {
        let wall = clock.wall().timestamp_micros();
        let last = last.unwrap_or(i64::MIN);
        JournalTime {
            base: wall.max(last),
            opened: boot_micros(&*clock),
            last: AtomicI64::new(last),
            clock,
        }
    }

    /// The time that an event would be given now, never before one that was
    /// given already.
    pub fn now(&self) -> i64 {
        let passed = boot_micros(&*self.clock).saturating_sub(self.opened);
        let last = self.last.load(Ordering::Acquire);
        self.base.saturating_add(passed).max(last)
    }

    /// Gives `count` consecutive microseconds to as many events and returns the
    /// first. One thread at a time may call it.
    pub fn stamp(&self, count: usize) -> i64 {
        let last = self.last.load(Ordering::Acquire);
        let first = self.now().max(last.saturating_add(1));
        let more = i64::try_from(count.saturating_sub(1)).unwrap_or(i64::MAX);
        self.last
            .store(first.saturating_add(more), Ordering::Release);
        first
    }
}

fn boot_micros(clock: &dyn Clock) -> i64 {
    i64::try_from(clock.boot().as_micros()).unwrap_or(i64::MAX)
}

/// The instant, or the nearest one that there is: nothing but a broken clock
/// lies beyond.
pub(super) fn micros_to_time(micros: i64) -> Time {
    Time::from_timestamp_micros(micros).unwrap_or(if micros < 0 {
        Time::MIN_UTC
    } else {
        Time::MAX_UTC
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn times_rise_whatever_the_wall_clock_does() {
        let clock = Arc::new(ManualClock::fixed());
        let wall = clock.wall().timestamp_micros();
        let time = JournalTime::open(clock.clone(), None);
        assert_eq!(time.now(), wall);
        assert_eq!(time.stamp(3), wall);
        assert_eq!(time.now(), wall + 2);
        assert_eq!(time.stamp(1), wall + 3);

        for hours in [-1, 1] {
            clock.step_wall(clock.wall() + chrono::TimeDelta::hours(hours));
            assert_eq!(time.now(), wall + 3);
        }
        clock.advance(Duration::from_millis(5));
        assert_eq!(time.now(), wall + 5_000);
        assert_eq!(time.stamp(1), wall + 5_000);
    }

    #[test]
    fn opening_starts_at_the_later_of_wall_and_last_record() {
        for (last_from_wall, now_from_wall, next_from_wall) in [
            (-7, 0, 0),
            (0, 0, 1),
            (3_600_000_000, 3_600_000_000, 3_600_000_001),
        ] {
            let clock = Arc::new(ManualClock::fixed());
            let wall = clock.wall().timestamp_micros();
            let time = JournalTime::open(clock, Some(wall + last_from_wall));
            assert_eq!(time.now(), wall + now_from_wall, "{last_from_wall}");
            assert_eq!(time.stamp(1), wall + next_from_wall, "{last_from_wall}");
        }
    }
}
