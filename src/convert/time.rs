//! Instants and spans of time on the wire.
//!
//! Invariant: an instant that is read is within the years 1 to 9999, in whole
//! microseconds; a span that is read is not negative and within protobuf's
//! range. Both are protobuf's own ranges, which its JSON form can show.

use std::time::Duration;

use chrono::{DateTime, SubsecRound};
use prost_types as wkt;

use super::Violations;
use crate::model::Time;

/// Start of the year 1, in seconds since 1970.
const MIN_SECONDS: i64 = -62_135_596_800;
/// End of the year 9999, in seconds since 1970.
const MAX_SECONDS: i64 = 253_402_300_799;
/// Longest duration: about 10,000 years.
const MAX_DURATION_SECONDS: i64 = 315_576_000_000;
const NANOS_PER_SECOND: i32 = 1_000_000_000;

/// Reads an instant, cut to whole microseconds.
pub fn time_from_pb(pb: wkt::Timestamp, bad: &mut Violations) -> Option<Time> {
    let wkt::Timestamp { seconds, nanos } = pb;
    let time = u32::try_from(nanos)
        .ok()
        .filter(|nanos| *nanos < NANOS_PER_SECOND.unsigned_abs())
        .filter(|_| (MIN_SECONDS..=MAX_SECONDS).contains(&seconds))
        .and_then(|nanos| DateTime::from_timestamp(seconds, nanos));
    if time.is_none() {
        bad.add(format!(
            "seconds {seconds}, nanos {nanos} is no time within the years 1 to 9999 (UTC)"
        ));
    }
    Some(time?.trunc_subsecs(6))
}

/// Reads an instant that must be given.
pub fn required_time(pb: Option<wkt::Timestamp>, bad: &mut Violations) -> Option<Time> {
    if pb.is_none() {
        bad.add("must be set");
    }
    time_from_pb(pb?, bad)
}

/// Writes an instant.
pub fn time_to_pb(time: Time) -> wkt::Timestamp {
    wkt::Timestamp {
        seconds: time.timestamp(),
        // A leap second of chrono's counts on to 1,999,999,999.
        nanos: i32::try_from(time.timestamp_subsec_nanos())
            .unwrap_or(i32::MAX)
            .min(NANOS_PER_SECOND - 1),
    }
}

/// Reads a span of time. What zero means is up to the caller.
pub fn duration_from_pb(pb: wkt::Duration, bad: &mut Violations) -> Option<Duration> {
    let wkt::Duration { seconds, nanos } = pb;
    let problem = if !(-NANOS_PER_SECOND + 1..NANOS_PER_SECOND).contains(&nanos) {
        format!("nanos {nanos} must be within a second")
    } else if (seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0) {
        format!("seconds {seconds} and nanos {nanos} must have the same sign")
    } else if seconds < 0 || nanos < 0 {
        "must not be negative".to_owned()
    } else if seconds > MAX_DURATION_SECONDS {
        format!("is {seconds} s; at most {MAX_DURATION_SECONDS} s")
    } else {
        return Some(Duration::new(seconds.unsigned_abs(), nanos.unsigned_abs()));
    };
    bad.add(problem);
    None
}

/// Writes a span of time; one beyond protobuf's range becomes the longest.
pub fn duration_to_pb(duration: Duration) -> wkt::Duration {
    let longest = Duration::new(MAX_DURATION_SECONDS.unsigned_abs(), 999_999_999);
    let duration = duration.min(longest);
    wkt::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(MAX_DURATION_SECONDS),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_time(seconds: i64, nanos: i32) -> Result<String, String> {
        let mut bad = Violations::new();
        let time = time_from_pb(wkt::Timestamp { seconds, nanos }, &mut bad);
        bad.finish(time)
            .map(|time| time.to_rfc3339())
            .map_err(|bad| bad.to_string())
    }

    #[test]
    fn instants() {
        for (seconds, nanos, expected) in [
            (0, 0, "1970-01-01T00:00:00+00:00"),
            (0, 999_999_999, "1970-01-01T00:00:00.999999+00:00"),
            (-1, 1_999, "1969-12-31T23:59:59.000001+00:00"),
            (MIN_SECONDS, 0, "0001-01-01T00:00:00+00:00"),
            (MAX_SECONDS, 999_999_000, "9999-12-31T23:59:59.999999+00:00"),
        ] {
            assert_eq!(read_time(seconds, nanos).as_deref(), Ok(expected));
        }
        for (seconds, nanos) in [
            (MIN_SECONDS - 1, 0),
            (MAX_SECONDS + 1, 0),
            (0, -1),
            (0, 1_000_000_000),
            (0, i32::MIN),
            (i64::MIN, i32::MAX),
            (i64::MAX, 0),
        ] {
            assert_eq!(
                read_time(seconds, nanos),
                Err(format!(
                    "seconds {seconds}, nanos {nanos} is no time within the years 1 to 9999 (UTC)"
                ))
            );
        }
        let mut bad = Violations::new();
        assert_eq!(required_time(None, &mut bad), None);
        assert_eq!(bad.to_string(), "must be set");
    }

    #[test]
    fn spans() {
        for (seconds, nanos, expected) in [
            (0, 0, Ok(Duration::ZERO)),
            (1, 5, Ok(Duration::new(1, 5))),
            (
                MAX_DURATION_SECONDS,
                999_999_999,
                Ok(Duration::new(315_576_000_000, 999_999_999)),
            ),
            (
                MAX_DURATION_SECONDS + 1,
                0,
                Err("is 315576000001 s; at most 315576000000 s"),
            ),
            (-1, 0, Err("must not be negative")),
            (0, -1, Err("must not be negative")),
            (i64::MIN, -1, Err("must not be negative")),
            (1, -1, Err("seconds 1 and nanos -1 must have the same sign")),
            (-1, 1, Err("seconds -1 and nanos 1 must have the same sign")),
            (
                0,
                1_000_000_000,
                Err("nanos 1000000000 must be within a second"),
            ),
            (
                0,
                i32::MIN,
                Err("nanos -2147483648 must be within a second"),
            ),
        ] {
            let mut bad = Violations::new();
            let read = duration_from_pb(wkt::Duration { seconds, nanos }, &mut bad);
            let read = bad.finish(read).map_err(|bad| bad.to_string());
            assert_eq!(read, expected.map_err(str::to_owned));
        }
        assert_eq!(duration_to_pb(Duration::MAX).seconds, MAX_DURATION_SECONDS);
    }

    proptest! {
        #[test]
        fn instants_survive(micros in MIN_SECONDS * 1_000_000..=MAX_SECONDS * 1_000_000) {
            let time = DateTime::from_timestamp_micros(micros).unwrap();
            let mut bad = Violations::new();
            prop_assert_eq!(time_from_pb(time_to_pb(time), &mut bad), Some(time));
        }

        #[test]
        fn spans_survive(seconds in 0..=315_576_000_000_u64, nanos in 0..1_000_000_000_u32) {
            let span = Duration::new(seconds, nanos);
            let mut bad = Violations::new();
            prop_assert_eq!(duration_from_pb(duration_to_pb(span), &mut bad), Some(span));
        }

        #[test]
        fn reading_never_panics(seconds: i64, nanos: i32) {
            let mut bad = Violations::new();
            time_from_pb(wkt::Timestamp { seconds, nanos }, &mut bad);
            duration_from_pb(wkt::Duration { seconds, nanos }, &mut bad);
        }
    }
}
