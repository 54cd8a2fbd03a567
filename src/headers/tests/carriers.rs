//! Sets of headers: what Faust wrote and made of them, which ones make no test,
//! and what holds for all values in every carrier.

use chrono::DateTime;
use proptest::prelude::*;
use serde_json::Value;

use super::{Pairs, read_all, round_trip, set_with, time};
use crate::{headers::*, model::Time};

const VECTORS: &str = include_str!("../../../tests/vectors/faust-0.15.3.json");

fn vectors(section: &str) -> Vec<Value> {
    let vectors: Value = serde_json::from_str(VECTORS).expect("vectors are JSON");
    vectors[section].as_array().expect("a list").clone()
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().expect(field)
}

/// A test as the vectors have it.
fn test_of(object: &Value) -> CurrentTest {
    CurrentTest::new(
        text(object, "id"),
        text(object, "case_name"),
        time(text(object, "timestamp")),
        time(text(object, "expires")),
    )
    .expect("fits")
}

fn pairs_of(object: &Value) -> Pairs {
    object
        .as_object()
        .expect("headers")
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().expect("text").into()))
        .collect()
}

#[test]
fn executions_read_and_write_as_in_faust() {
    for vector in vectors("executions") {
        let test = test_of(&vector);
        let faust = pairs_of(&vector["headers"]);
        assert_eq!(read_all(&faust), Reading::Test(test.clone()));

        let written: Pairs = test
            .to_list()
            .map(|(name, value)| (name.to_owned(), value))
            .into();
        for (name, value) in &written {
            let (_, theirs) = faust.iter().find(|(n, _)| n == name).expect("same names");
            let theirs = std::str::from_utf8(theirs).expect("text");
            match name.as_str() {
                // LiveCheck writes instants in UTC.
                "LiveCheck-Test-Timestamp" | "LiveCheck-Test-Expires" => {
                    assert_eq!(
                        time(std::str::from_utf8(value).expect("text")),
                        time(theirs)
                    );
                    if theirs.ends_with("+00:00") {
                        assert_eq!(value, theirs.as_bytes());
                    }
                }
                _ if theirs.is_ascii() => assert_eq!(value, theirs.as_bytes()),
                _ => assert!(value.is_ascii() && value.contains(&b'%'), "{theirs}"),
            }
        }
        round_trip(&test);
    }
}

#[test]
fn header_sets_read_as_in_faust_or_better() {
    for vector in vectors("from_headers") {
        let reading = match text(&vector, "values_as") {
            "bytes" => read_all(&pairs_of(&vector["headers"])),
            // Values as text, and names as HTTP and gRPC have them.
            "str" => read_list(
                vector["headers"]
                    .as_object()
                    .expect("headers")
                    .iter()
                    .map(|(name, value)| (name.to_lowercase(), value.as_str().expect("text"))),
            ),
            other => panic!("values as {other}"),
        };

        let sent = vector["headers"]["LiveCheck-Test-Timestamp"].as_str();
        let context = format!("{vector}");
        match (vector.get("faust"), sent) {
            // Faust reads 5 µs, and a time without an offset as it stands.
            (_, Some("2026-11-23T09:08:07.5+02:00")) => assert_eq!(
                reading.test().expect(&context).timestamp(),
                time("2026-11-23T07:08:07.500000Z")
            ),
            (_, Some("2026-11-23T09:08:07")) => assert_eq!(
                reading.test().expect(&context).timestamp(),
                time("2026-11-23T09:08:07Z")
            ),
            (Some(Value::Null), _) => assert_eq!(reading, Reading::None, "{context}"),
            (Some(faust), _) => assert_eq!(reading, Reading::Test(test_of(faust)), "{context}"),
            (None, _) => {
                assert!(vector["faust_raises"].is_string());
                let reason = match text(&vector, "faust_raises") {
                    "KeyError" => Reason::Missing(Header::Expires),
                    _ => Reason::BadTime {
                        header: Header::Timestamp,
                        text: sent.expect("is there").to_owned(),
                    },
                };
                assert_eq!(reading, Reading::Malformed(reason), "{context}");
            }
        }
    }
}

#[test]
fn sets_that_make_no_test_have_a_reason() {
    let fits = |header: Header| "é".repeat(header.max_bytes() / 2).into_bytes();
    for header in [Header::Id, Header::Name] {
        let encoded = "%C3%A9".repeat(header.max_bytes() / 2).into_bytes();
        for value in [fits(header), encoded] {
            let test = read_all(&set_with(header, Some(&value))).test();
            round_trip(&test.expect("as long as may be"));
        }
    }

    for header in Header::ALL {
        let one_too_long = [fits(header), b"x".to_vec()].concat();
        let encoded_too_long = "%61".repeat(header.max_bytes() + 1);
        for (value, reason) in [
            (None, Some(Reason::Missing(header))),
            (Some(b"\xe9".as_slice()), Some(Reason::NotUtf8(header))),
            (Some(&one_too_long), Some(Reason::TooLong(header))),
            (
                Some(encoded_too_long.as_bytes()),
                Some(Reason::TooLong(header)),
            ),
            (Some(&[b'%'; 1_000_000]), Some(Reason::TooLong(header))),
            (Some(&[0xff; 1_000_000]), Some(Reason::TooLong(header))),
        ] {
            let expected = match reason {
                Some(Reason::Missing(Header::Id)) | None => Reading::None,
                Some(reason) => Reading::Malformed(reason),
            };
            assert_eq!(read_all(&set_with(header, value)), expected);
        }
    }
    for header in [Header::Id, Header::Name] {
        let reading = read_all(&set_with(header, Some(b"")));
        assert_eq!(reading, Reading::Malformed(Reason::Empty(header)));
    }
    assert_eq!(read_all(&[]), Reading::None);
}

#[test]
fn doubled_headers_are_one_if_their_values_are_equal() {
    for (header, again, equal) in [
        (Header::Id, "i", true),
        (Header::Id, "%69", true),
        (Header::Id, "I", false),
        (Header::Name, "n", true),
        (Header::Name, "m", false),
        (Header::Timestamp, "2026-11-23T10:08:07+01:00", true),
        (Header::Timestamp, "2026-11-23T09:08:08+00:00", false),
        (Header::Expires, "2026-11-23T12:08:07", true),
        (Header::Expires, "2026-11-23T09:08:07", false),
    ] {
        let once = set_with(header, Some(again.as_bytes()));
        let twice = |name: String| {
            let mut set = set_with(Header::Id, Some(b"i"));
            set.push((name, again.into()));
            set
        };
        for name in [
            header.name().to_owned(),
            header.name().to_lowercase(),
            header.name().to_uppercase(),
        ] {
            let expected = if equal {
                read_all(&once)
            } else {
                Reading::Malformed(Reason::Conflicting(header))
            };
            assert_eq!(read_all(&twice(name)), expected, "{header} {again}");
        }
    }

    let mut bad_and_good = set_with(Header::Timestamp, Some(b"yesterday"));
    bad_and_good.extend(set_with(Header::Id, Some(b"i")));
    let mut good_and_bad = set_with(Header::Id, Some(b"i"));
    good_and_bad.extend(set_with(Header::Timestamp, Some(b"yesterday")));
    for set in [bad_and_good, good_and_bad] {
        let reading = read_all(&set);
        assert!(
            matches!(reading, Reading::Malformed(Reason::BadTime { .. })),
            "{reading:?}"
        );
    }
}

fn any_time() -> impl Strategy<Value = Time> {
    let first = time("0001-01-01T00:00:00Z").timestamp();
    let last = time("9999-12-31T23:59:59Z").timestamp();
    let nanos = prop_oneof![Just(0), 0..1_000_000_000_u32];
    (first..=last, nanos)
        .prop_map(|(seconds, nanos)| DateTime::from_timestamp(seconds, nanos).expect("in range"))
}

/// Headers of any names and values, often such as are nearly well-formed.
fn any_pairs() -> impl Strategy<Value = Pairs> {
    let name = prop_oneof![
        8 => prop::sample::select(Header::ALL.to_vec()).prop_map(|header| header.name().to_owned()),
        1 => "(?i)livecheck-test-(id|name|timestamp|expires)",
        1 => any::<String>(),
    ];
    let value = prop_oneof![
        "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-6][0-9](\\.[0-9]{0,12})?(Z|[+-][0-9]{2}:[0-9]{2})?"
            .prop_map(String::into_bytes),
        "(%[0-9A-Fa-f]{0,2}|[a-z])*".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..1000),
    ];
    prop::collection::vec((name, value), 0..10)
}

proptest! {
    #[test]
    fn every_test_is_read_back_equal(
        id in "(?s).{1,64}",
        case_name in "(?s).{1,64}",
        timestamp in any_time(),
        expires in any_time(),
    ) {
        let test = CurrentTest::new(id, case_name, timestamp, expires).expect("fits");
        round_trip(&test);
    }

    #[test]
    fn whatever_comes_is_read_the_same_in_every_carrier(pairs in any_pairs()) {
        let reading = read_all(&pairs);
        let has_id = pairs.iter().any(|(name, _)| name.eq_ignore_ascii_case(Header::Id.name()));
        prop_assert_eq!(reading == Reading::None, !has_id);
        if let Some(test) = reading.test() {
            round_trip(&test);
        }
    }

    #[test]
    fn whatever_comes_as_a_time_reads_or_has_a_reason(pairs in any_pairs()) {
        let header = Header::Timestamp;
        for (_, value) in pairs {
            match read_all(&set_with(header, Some(&value))) {
                Reading::Test(test) => round_trip(&test),
                Reading::Malformed(Reason::BadTime { header: bad, text }) => {
                    prop_assert_eq!(bad, header);
                    prop_assert!(text.len() <= header.max_bytes());
                }
                Reading::Malformed(reason) => {
                    let others = [Reason::NotUtf8(header), Reason::TooLong(header)];
                    prop_assert!(others.contains(&reason), "{}", reason);
                }
                Reading::None => prop_assert!(false, "the id is there"),
            }
        }
    }
}
