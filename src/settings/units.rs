//! Lengths of time and sizes as people write them: `1h30m`, `500ms`, `4 MiB`.
//!
//! What is printed here reads back as the same value.

use std::{fmt, str::FromStr, time::Duration};

/// Longest length of time that can be written; a century, so that adding one
/// to a time of today never overflows.
pub const MAX_DURATION: Duration = Duration::from_secs(36_525 * 24 * 3600);

/// Units of time in nanoseconds, the longest first.
const TIME_UNITS: [(&str, u128); 6] = [
    ("d", 24 * 3600 * 1_000_000_000),
    ("h", 3600 * 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
];

/// Units of size in bytes. The ones used for printing come first, the largest
/// first.
const SIZE_UNITS: [(&str, u64); 10] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
    ("", 1),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
];

/// Why a text is no length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// It is not numbers with units.
    #[error("{0:?} is no length of time; write it like 30s, 500ms, 2m or 1h30m")]
    Malformed(String),
    /// It is a number alone.
    #[error("{0:?} has no unit; write {0}s for seconds, or use ms, m, h or d")]
    NoUnit(String),
    /// It is over [`MAX_DURATION`].
    #[error("{0:?} is longer than a century")]
    TooLong(String),
}

/// Reads a length of time: numbers with units (`d`, `h`, `m`, `s`, `ms`, `us`),
/// the longest unit first, each at most once; `0` needs no unit.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let malformed = || DurationError::Malformed(text.to_owned());
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(malformed());
    }
    let mut units = TIME_UNITS.iter();
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let (number, after) = split(rest, |c| c.is_ascii_digit() || c == '.');
        let (unit, after) = split(after, |c| c.is_ascii_alphabetic());
        if unit.is_empty() && after.is_empty() && number == text.trim() {
            return Err(DurationError::NoUnit(text.trim().to_owned()));
        }
        let (_, nanos) = units
            .find(|(name, _)| *name == unit)
            .ok_or_else(malformed)?;
        let part = scaled(number, *nanos).ok_or_else(malformed)?;
        total = total.saturating_add(part);
        rest = after;
    }
    if total > MAX_DURATION.as_nanos() {
        return Err(DurationError::TooLong(text.to_owned()));
    }
    u64::try_from(total / 1_000_000_000)
        .ok()
        .zip(u32::try_from(total % 1_000_000_000).ok())
        .map(|(seconds, nanos)| Duration::new(seconds, nanos))
        .ok_or_else(malformed)
}

/// A length of time in the fewest words: `1h30m`, `500ms`. Parts below a
/// microsecond are left out.
pub fn format_duration(duration: Duration) -> String {
    let mut rest = duration.as_nanos();
    let mut text = String::new();
    for (unit, nanos) in TIME_UNITS {
        let count = rest / nanos;
        rest %= nanos;
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
        }
    }
    if text.is_empty() {
        text.push_str("0s");
    }
    text
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    /// So many bytes.
    pub const fn new(bytes: u64) -> Self {
        ByteSize(bytes)
    }

    /// So many KiB (1,024 bytes).
    pub const fn kib(count: u64) -> Self {
        ByteSize(count << 10)
    }

    /// So many MiB.
    pub const fn mib(count: u64) -> Self {
        ByteSize(count << 20)
    }

    /// So many GiB.
    pub const fn gib(count: u64) -> Self {
        ByteSize(count << 30)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The number of bytes for what is in memory; the largest `usize` where it
    /// does not fit.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for ByteSize {
    /// In the largest binary unit that divides it: `4 MiB`, `1500 B`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, size) = SIZE_UNITS
            .iter()
            .find(|(_, size)| self.0 != 0 && self.0.is_multiple_of(*size))
            .unwrap_or(&("B", 1));
        write!(f, "{} {unit}", self.0 / size)
    }
}

/// A text that is no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no size; write it like 4MiB, 64KiB, 10GiB or as a number of bytes")]
pub struct SizeError(String);

impl FromStr for ByteSize {
    type Err = SizeError;

    /// Reads a whole number with a unit: `B`, `KiB` to `TiB`, or `kB` to `TB`
    /// for powers of 1,000; without a unit, bytes. Case does not matter.
    fn from_str(text: &str) -> Result<Self, SizeError> {
        let (number, unit) = split(text.trim(), |c| c.is_ascii_digit() || c == '_');
        SIZE_UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()))
            .zip(number.replace('_', "").parse::<u64>().ok())
            .and_then(|((_, size), count)| count.checked_mul(*size))
            .map(ByteSize)
            .ok_or_else(|| SizeError(text.to_owned()))
    }
}

/// Splits after the leading characters that `belongs` takes.
fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.split_at(end)
}

/// A decimal number times a unit; what is below a nanosecond is dropped. None
/// for what is no number or over [`u64::MAX`] units.
fn scaled(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut total = u128::from(whole.parse::<u64>().ok()?) * unit;
    let mut place = unit;
    for digit in fraction.chars().filter_map(|c| c.to_digit(10)) {
        place /= 10;
        total += u128::from(digit) * place;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, expected) in [
            ("0", Ok(Duration::ZERO)),
            ("0s", Ok(Duration::ZERO)),
            ("30s", Ok(Duration::from_secs(30))),
            (" 30s ", Ok(Duration::from_secs(30))),
            ("500ms", Ok(Duration::from_millis(500))),
            ("7us", Ok(Duration::from_micros(7))),
            ("2m", Ok(Duration::from_secs(120))),
            ("1h30m", Ok(Duration::from_secs(5400))),
            ("1.5s", Ok(Duration::from_millis(1500))),
            ("0.25h", Ok(Duration::from_secs(900))),
            ("30d", Ok(Duration::from_secs(30 * 86_400))),
            ("1d2h3m4s5ms6us", Ok(Duration::from_micros(93_784_005_006))),
            ("36525d", Ok(MAX_DURATION)),
            ("30", Err(DurationError::NoUnit("30".into()))),
            ("36525d1us", Err(DurationError::TooLong("36525d1us".into()))),
            ("", Err(DurationError::Malformed("".into()))),
            ("s", Err(DurationError::Malformed("s".into()))),
            ("-5s", Err(DurationError::Malformed("-5s".into()))),
            ("5 s", Err(DurationError::Malformed("5 s".into()))),
            ("5parsecs", Err(DurationError::Malformed("5parsecs".into()))),
            ("30s1m", Err(DurationError::Malformed("30s1m".into()))),
            ("30s30s", Err(DurationError::Malformed("30s30s".into()))),
            ("1h30", Err(DurationError::Malformed("1h30".into()))),
            ("1.s", Err(DurationError::Malformed("1.s".into()))),
            ("1.2.3s", Err(DurationError::Malformed("1.2.3s".into()))),
            (
                "99999999999999999999s",
                Err(DurationError::Malformed("99999999999999999999s".into())),
            ),
        ] {
            assert_eq!(parse_duration(text), expected, "{text:?}");
        }
    }

    #[test]
    fn durations_are_written() {
        for (duration, expected) in [
            (Duration::ZERO, "0s"),
            (Duration::from_secs(30), "30s"),
            (Duration::from_secs(5400), "1h30m"),
            (Duration::from_secs(30 * 86_400), "30d"),
            (Duration::from_millis(1500), "1s500ms"),
        ] {
            assert_eq!(format_duration(duration), expected);
        }
    }

    #[test]
    fn sizes_are_read() {
        for (text, expected) in [
            ("0", Some(0)),
            ("4194304", Some(4 << 20)),
            ("4_194_304", Some(4 << 20)),
            ("4MiB", Some(4 << 20)),
            ("4 mib", Some(4 << 20)),
            ("10GiB", Some(10 << 30)),
            ("1kB", Some(1000)),
            ("2TB", Some(2_000_000_000_000)),
            ("5B", Some(5)),
            ("", None),
            ("MiB", None),
            ("-1", None),
            ("1.5MiB", None),
            ("4 parsecs", None),
            ("99999999TiB", None),
        ] {
            let expected = expected
                .map(ByteSize)
                .ok_or_else(|| SizeError(text.to_owned()));
            assert_eq!(text.parse(), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(micros in 0..MAX_DURATION.as_micros(), bytes: u64) {
            let duration = Duration::from_micros(u64::try_from(micros).unwrap());
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
            let size = ByteSize(bytes);
            prop_assert_eq!(size.to_string().parse(), Ok(size));
        }

        #[test]
        fn any_text_is_harmless(text in ".{0,24}") {
            let _ = parse_duration(&text);
            let _ = text.parse::<ByteSize>();
        }
    }
}
