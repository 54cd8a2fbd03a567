//! The limits of a case on its executions: how many may start within a second
//! on the long run, and how many may be live.

use crate::{
    engine::execution::later,
    model::{Case, Time},
};

use super::Health;

/// The longest time between two executions, in microseconds: ten years.
const LONGEST_MICROS: f64 = 10.0 * 365.0 * 24.0 * 3600.0 * 1e6;
const SECOND: std::time::Duration = std::time::Duration::from_secs(1);

/// Which limit of its case leaves an execution out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// `max_executions_per_second`.
    OverRate,
    /// `max_live_executions`.
    OverLive,
}

impl Health {
    /// Whether one more execution is within the limits of its case; counts it
    /// either way.
    pub(in crate::engine) fn sample(
        &mut self,
        case: &Case,
        always: bool,
        live: usize,
        now: Time,
    ) -> Result<(), LeftOut> {
        if !always {
            if case
                .max_live_executions
                .is_some_and(|most| live >= most as usize)
            {
                self.sampling.over_live += 1;
                return Err(LeftOut::OverLive);
            }
            if let Some(rate) = case.max_executions_per_second
                && !self.conforms(rate, now)
            {
                self.sampling.over_rate += 1;
                return Err(LeftOut::OverRate);
            }
        }
        self.sampling.sampled += 1;
        Ok(())
    }

    /// The generic cell rate algorithm: executions conform that come no earlier
    /// than one interval after the one before, but for a second's worth of them
    /// that may come at once.
    fn conforms(&mut self, rate: f64, now: Time) -> bool {
        let interval = (1e6 / rate).clamp(1.0, LONGEST_MICROS).round();
        let interval = std::time::Duration::from_micros(interval as u64);
        let next = self.rate.map_or(now, |at| at.max(now));
        if next > later(now, SECOND.saturating_sub(interval)) {
            return false;
        }
        self.rate = Some(later(next, interval));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offers executions at times in milliseconds; which of them are taken.
    fn taken(rate: f64, times: &[i64]) -> Vec<i64> {
        let zero = Time::from_timestamp(1_780_000_000, 0).expect("a time");
        let mut health = Health::new("c", 1, zero, 0);
        let at = |ms: i64| zero + chrono::Duration::milliseconds(ms);
        let taken = times.iter().filter(|&&ms| health.conforms(rate, at(ms)));
        taken.copied().collect()
    }

    #[test]
    fn a_rate_holds_on_the_long_run() {
        for (rate, times, expected) in [
            (
                2.0,
                &[0, 0, 0, 499, 500, 501, 1500, 1500, 1501][..],
                &[0, 0, 500, 1500, 1500][..],
            ),
            (0.5, &[0, 0, 1999, 2000, 9000, 9000], &[0, 2000, 9000]),
            (1.0, &[0, 999, 1000, 1001, 2000], &[0, 1000, 2000]),
            (1e6, &[0, 0, 0], &[0, 0, 0]),
            (1e-300, &[0, 1_000_000_000], &[0]),
        ] {
            assert_eq!(taken(rate, times), expected, "{rate}");
        }
        let every_ms: Vec<i64> = (0..10_000).collect();
        assert_eq!(taken(5.0, &every_ms).len(), 5 + 49);
    }
}
