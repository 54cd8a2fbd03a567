//! Single values: times, percent-encoding and what fits into a header.

use super::{read_all, round_trip, set_with, time};
use crate::{headers::*, model::TestExecution};

#[test]
fn times_are_rfc_3339_or_without_an_offset_utc() {
    let longest_fraction = format!("2026-11-23T09:08:07.{}Z", "1".repeat(43));
    for (sent, expected) in [
        ("2026-11-23T09:08:07Z", Some("2026-11-23T09:08:07Z")),
        ("2026-11-23t09:08:07z", Some("2026-11-23T09:08:07Z")),
        ("2026-11-23 09:08:07Z", Some("2026-11-23T09:08:07Z")),
        (
            "2026-11-23%2009:08:07%2B00:00",
            Some("2026-11-23T09:08:07Z"),
        ),
        ("2026-11-23T09:08:07", Some("2026-11-23T09:08:07Z")),
        ("2026-11-23 09:08:07.25", Some("2026-11-23T09:08:07.25Z")),
        ("2026-11-23T09:08:07.5Z", Some("2026-11-23T09:08:07.5Z")),
        ("2026-11-23T09:08:07.05Z", Some("2026-11-23T09:08:07.05Z")),
        // What is finer than a microsecond is cut, also before 1970.
        (
            "2026-11-23T09:08:07.1234567Z",
            Some("2026-11-23T09:08:07.123456Z"),
        ),
        (
            "1969-12-31T23:59:59.9999999Z",
            Some("1969-12-31T23:59:59.999999Z"),
        ),
        (&longest_fraction, Some("2026-11-23T09:08:07.111111Z")),
        ("2026-11-23T09:08:07+23:59", Some("2026-11-22T09:09:07Z")),
        ("2026-11-23T09:08:07-23:59", Some("2026-11-24T09:07:07Z")),
        ("2026-11-23T09:08:07-00:00", Some("2026-11-23T09:08:07Z")),
        ("2024-02-29T00:00:00Z", Some("2024-02-29T00:00:00Z")),
        ("0001-01-01T00:00:00Z", Some("0001-01-01T00:00:00Z")),
        (
            "9999-12-31T23:59:59.999999Z",
            Some("9999-12-31T23:59:59.999999Z"),
        ),
        // A leap second is the second after it.
        ("2016-12-31T23:59:60Z", Some("2017-01-01T00:00:00Z")),
        ("2016-12-31T23:59:60.5", Some("2017-01-01T00:00:00.5Z")),
        ("9999-12-31T23:59:60Z", None),
        ("2026-11-23T09:08:61Z", None),
        ("0000-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+00:01", None),
        ("9999-12-31T23:59:59-00:01", None),
        ("10000-01-01T00:00:00Z", None),
        ("-001-01-01T00:00:00Z", None),
        ("+2026-11-23T09:08:07Z", None),
        ("2026-11-23T09:08:07+24:00", None),
        ("2026-11-23T09:08:07+99:99", None),
        ("2026-11-23T09:08:07+0000", None),
        ("2026-11-23T09:08:07+00", None),
        ("2026-11-23T09:08:07ZZ", None),
        ("2026-11-23T09:08:07.", None),
        ("2026-11-23T09:08:07.Z", None),
        ("2026-11-23T09:08:07,5Z", None),
        ("2026-11-23T09:08Z", None),
        ("2026-11-23", None),
        ("2026-02-30T00:00:00Z", None),
        ("2026-11-23T24:00:00Z", None),
        ("20261123T090807Z", None),
        (" 2026-11-23T09:08:07Z", None),
        ("2026-11-23T09:08:07Z ", None),
        ("2026-11-23T09:08:0７Z", None),
        ("1795424887", None),
        ("yesterday", None),
        ("", None),
    ] {
        for header in [Header::Timestamp, Header::Expires] {
            let reading = read_all(&set_with(header, Some(sent.as_bytes())));
            let Some(expected) = expected else {
                let text = sent.to_owned();
                assert_eq!(
                    reading,
                    Reading::Malformed(Reason::BadTime { header, text })
                );
                continue;
            };
            let test = reading.test().expect(sent);
            let read = match header {
                Header::Timestamp => test.timestamp(),
                _ => test.expires(),
            };
            assert_eq!(read, time(expected), "{sent:?}");
            round_trip(&test);
        }
    }
}

#[test]
fn values_are_percent_encoded_or_taken_as_they_stand() {
    for (sent, expected) in [
        ("o-1", "o-1"),
        ("caf%C3%A9", "café"),
        ("caf%c3%a9", "café"),
        ("café", "café"),
        ("é%C3%A9", "éé"),
        ("100%25", "100%"),
        ("%2525", "%25"),
        ("a%20b", "a b"),
        ("a b", "a b"),
        ("a+b", "a+b"),
        ("%0D%0Ax: y", "\r\nx: y"),
        ("%00", "\0"),
        // Malformed escapes.
        ("100%", "100%"),
        ("%", "%"),
        ("%%", "%%"),
        ("%4", "%4"),
        ("%zz", "%zz"),
        ("%+1", "%+1"),
        ("%4é", "%4é"),
        ("%41%", "%41%"),
        ("%41%4", "%41%4"),
        // Escapes of what is not UTF-8.
        ("%FF", "%FF"),
        ("%41%C3", "%41%C3"),
    ] {
        for header in [Header::Id, Header::Name] {
            let test = read_all(&set_with(header, Some(sent.as_bytes())))
                .test()
                .expect(sent);
            let read = match header {
                Header::Id => test.id(),
                _ => test.case_name(),
            };
            assert_eq!(read, expected, "{sent:?}");
            round_trip(&test);
        }
    }
}

#[test]
fn what_is_not_visible_ascii_is_written_encoded() {
    let at = time("2026-11-23T09:08:07Z");
    for (value, written) in [
        (
            "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~",
            "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~",
        ),
        ("50%", "50%25"),
        ("%41", "%2541"),
        ("a b\tc\u{7f}", "a%20b%09c%7F"),
        (
            "x\r\nLiveCheck-Test-Id: y\0",
            "x%0D%0ALiveCheck-Test-Id:%20y%00",
        ),
        ("é測", "%C3%A9%E6%B8%AC"),
    ] {
        let test = CurrentTest::new(value, value, at, at).expect("fits");
        let [(_, id), (_, name), ..] = test.to_list();
        assert_eq!(String::from_utf8(id).expect("ASCII"), written);
        assert_eq!(String::from_utf8(name).expect("ASCII"), written);
        round_trip(&test);
    }
}

#[test]
fn only_what_fits_becomes_a_test() {
    let at = time("2026-11-23T09:08:07.123456Z");
    let max = time("9999-12-31T23:59:59.999999Z");
    let too_late = max + chrono::Duration::microseconds(1);
    for (id, case_name, timestamp, expires, reason) in [
        ("i".to_owned(), "n".to_owned(), at, max, None),
        ("i".repeat(256), "n".repeat(256), at, at, None),
        (
            "i".repeat(257),
            "n".to_owned(),
            at,
            at,
            Some(Reason::TooLong(Header::Id)),
        ),
        (
            "i".to_owned(),
            "n".repeat(257),
            at,
            at,
            Some(Reason::TooLong(Header::Name)),
        ),
        (
            String::new(),
            "n".to_owned(),
            at,
            at,
            Some(Reason::Empty(Header::Id)),
        ),
        (
            "i".to_owned(),
            String::new(),
            at,
            at,
            Some(Reason::Empty(Header::Name)),
        ),
        (
            "i".to_owned(),
            "n".to_owned(),
            at,
            too_late,
            Some(Reason::BadTime {
                header: Header::Expires,
                text: "+10000-01-01T00:00:00+00:00".to_owned(),
            }),
        ),
    ] {
        let execution = TestExecution {
            traceparent: String::new(),
            id,
            case_name,
            timestamp,
            test_args: Vec::new(),
            test_kwargs: serde_json::Map::new(),
            expires,
            labels: std::collections::BTreeMap::new(),
        };
        match (CurrentTest::try_from(&execution), reason) {
            (Ok(test), None) => {
                assert_eq!(test.id(), execution.id);
                assert_eq!(test.case_name(), execution.case_name);
                assert_eq!(test.timestamp(), execution.timestamp);
                assert_eq!(test.expires(), execution.expires);
                round_trip(&test);
            }
            (result, reason) => assert_eq!(result.err(), reason),
        }
    }
}
