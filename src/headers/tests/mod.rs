//! Tests of the headers, and what they share: reading and writing a set in every
//! carrier at once.

mod calls;
mod carriers;
mod values;

use chrono::DateTime;
use http::{HeaderMap, HeaderName, HeaderValue};
use tonic::metadata::MetadataMap;

use super::*;

type Pairs = Vec<(String, Vec<u8>)>;

fn time(text: &str) -> Time {
    DateTime::parse_from_rfc3339(text).expect(text).to_utc()
}

/// HTTP headers with these values, where HTTP can carry them.
fn http_of(pairs: &[(String, Vec<u8>)]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(
            HeaderName::try_from(name).ok()?,
            HeaderValue::from_bytes(value).ok()?,
        );
    }
    Some(headers)
}

/// Reads the same set from every carrier that can carry it.
#[track_caller]
fn read_all(pairs: &[(String, Vec<u8>)]) -> Reading {
    let list = read_list(pairs.iter().map(|(name, value)| (name, value)));
    if let Some(headers) = http_of(pairs) {
        assert_eq!(read_headers(&headers), list, "HTTP headers");
        let metadata = MetadataMap::from_headers(headers);
        assert_eq!(read_metadata(&metadata), list, "gRPC metadata");
    }
    list
}

/// Writes a test to every carrier and reads it back.
#[track_caller]
fn round_trip(test: &CurrentTest) {
    let expected = Reading::Test(test.clone());

    let list = test.to_list();
    assert_eq!(read_list(list.clone()), expected, "list");

    let mut headers = HeaderMap::new();
    headers.append("livecheck-test-id", HeaderValue::from_static("replaced"));
    headers.append("livecheck-test-id", HeaderValue::from_static("too"));
    test.write_headers(&mut headers);
    assert_eq!(headers.len(), 4);
    assert_eq!(read_headers(&headers), expected, "HTTP headers");

    let mut metadata = MetadataMap::new();
    metadata.insert("other", "stays".parse().expect("ASCII"));
    test.write_metadata(&mut metadata);
    assert_eq!(metadata.len(), 5);
    assert_eq!(read_metadata(&metadata), expected, "gRPC metadata");

    for (name, value) in list {
        let visible = value.iter().all(u8::is_ascii_graphic);
        assert!(visible, "{name}: {}", value.escape_ascii());
        assert_eq!(headers[name].as_bytes(), value, "{name}");
    }
}

/// The well-formed set, with one header replaced, or left out by `None`.
fn set_with(changed: Header, value: Option<&[u8]>) -> Pairs {
    Header::ALL
        .into_iter()
        .filter_map(|header| {
            let value = match header {
                header if header == changed => value?,
                Header::Id => b"i".as_slice(),
                Header::Name => b"n",
                Header::Timestamp => b"2026-11-23T09:08:07+00:00",
                Header::Expires => b"2026-11-23T12:08:07+00:00",
            };
            Some((header.name().to_owned(), value.to_vec()))
        })
        .collect()
}
