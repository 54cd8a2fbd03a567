//! How long to wait after an attempt that failed.

use std::time::Duration;

use chrono::DateTime;

use super::Options;
use crate::model::Time;

/// The pause after so many failed attempts, from 1: doubled with each, and by up
/// to a fifth shorter or longer, the same for the same `salt`, so that what
/// failed together is not tried again together. At least what the receiver asked
/// for, within its bound.
pub fn pause(options: &Options, failed: u32, asked: Option<Duration>, salt: &str) -> Duration {
    let doublings = failed.saturating_sub(1).min(31);
    let pause = options.first_pause.saturating_mul(1 << doublings);
    let pause = pause.min(options.longest_pause);
    let spread = crc32fast::hash(format!("{salt} {failed}").as_bytes());
    let spread = f64::from(spread) / f64::from(u32::MAX);
    let asked = asked.unwrap_or_default().min(options.longest_asked);
    pause.mul_f64(0.8 + 0.4 * spread).max(asked)
}

/// What `Retry-After` asks for: seconds, or a date.
pub fn retry_after(header: &str, now: Time) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(header).ok()?.to_utc();
    Some((date - now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let options = Options::default();
        let expected = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300];
        for (failed, seconds) in (1..).zip(expected) {
            for salt in ["a", "b", "c", "d"] {
                let pause = pause(&options, failed, None, salt).as_secs_f64();
                let share = pause / f64::from(seconds);
                assert!((0.8..=1.2).contains(&share), "{failed} {salt}: {pause}");
            }
        }
        let longest = pause(&options, u32::MAX, None, "").as_secs_f64();
        assert!(longest <= 360.0, "{longest}");
    }

    #[test]
    fn pauses_are_spread_and_repeat() {
        let options = Options::default();
        let pauses = ["a", "b"].map(|salt| pause(&options, 1, None, salt));
        assert_ne!(pauses[0], pauses[1]);
        assert_eq!(pauses[0], pause(&options, 1, None, "a"));
    }

    #[test]
    fn the_receiver_may_ask_for_more_within_bounds() {
        let options = Options::default();
        let seconds = Duration::from_secs;
        let pause = |asked| pause(&options, 1, Some(seconds(asked)), "");
        assert!(pause(0) < seconds(2));
        assert_eq!(pause(30), seconds(30));
        assert_eq!(pause(1_000_000), options.longest_asked);
    }

    #[test]
    fn both_forms_of_retry_after_are_read() {
        let now = DateTime::from_timestamp(1_780_000_000, 0).unwrap();
        for (header, expected) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Thu, 28 May 2026 20:27:00 GMT", Some(20)),
            ("Thu, 28 May 2026 20:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            let read = retry_after(header, now);
            assert_eq!(read, expected.map(Duration::from_secs), "{header:?}");
        }
    }
}
