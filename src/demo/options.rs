//! What can be chosen about a run.

use std::{fmt, str::FromStr, time::Duration};

/// Most orders of a run; what became of each is kept until the summary.
pub const MAX_ORDERS: u32 = 100_000;

/// What can be chosen about a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// How many orders come in; at most [`MAX_ORDERS`].
    pub orders: u32,
    /// How fast they come in.
    pub rate: Rate,
    /// What the orders and their ids are made from: the same seed, the same
    /// run.
    pub seed: u64,
    /// Whether everything stays up after the orders, until it is shut down.
    pub keep: bool,
    /// How long the step takes that is too slow.
    pub slowness: Duration,
}

impl Default for Options {
    /// 40 orders in 4 s: few enough to read, enough to show every hurt.
    fn default() -> Self {
        Options {
            orders: 40,
            rate: Rate { per_second: 10.0 },
            seed: 1,
            keep: false,
            slowness: Duration::from_secs(3),
        }
    }
}

/// How many orders come in a second: 0.01 to 10,000.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    per_second: f64,
}

impl Rate {
    /// From one order to the next.
    pub fn interval(self) -> Duration {
        Duration::from_secs_f64(self.per_second.recip())
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.per_second)
    }
}

/// A text that is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no rate from 0.01/s to 10000/s; write 10/s for ten orders a second")]
pub struct RateError(String);

impl FromStr for Rate {
    type Err = RateError;

    /// Reads `10/s`; the unit may be left out.
    fn from_str(text: &str) -> Result<Self, RateError> {
        text.strip_suffix("/s")
            .unwrap_or(text)
            .trim()
            .parse()
            .ok()
            .filter(|per_second| (0.01..=10_000.0).contains(per_second))
            .map(|per_second| Rate { per_second })
            .ok_or_else(|| RateError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read() {
        for (text, expected) in [
            ("10/s", Some(("10/s", Duration::from_millis(100)))),
            ("0.5/s", Some(("0.5/s", Duration::from_secs(2)))),
            ("4 /s", Some(("4/s", Duration::from_millis(250)))),
            ("10000", Some(("10000/s", Duration::from_micros(100)))),
            ("0.01", Some(("0.01/s", Duration::from_secs(100)))),
            ("0.009", None),
            ("10001/s", None),
            ("0/s", None),
            ("-1/s", None),
            ("NaN", None),
            ("inf/s", None),
            ("1e-400", None),
            ("10/m", None),
            ("/s", None),
            ("", None),
        ] {
            let rate = text.parse::<Rate>();
            let read = rate.map(|rate| (rate.to_string(), rate.interval()));
            let expected = expected
                .map(|(text, interval)| (text.to_owned(), interval))
                .ok_or_else(|| RateError(text.to_owned()));
            assert_eq!(read, expected, "{text:?}");
        }
    }
}
