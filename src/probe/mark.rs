//! What marks a probe's request: the headers of its execution, that it is fake,
//! and its trace.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use crate::headers::CurrentTest;

/// The member of W3C `baggage` that marks a fake request.
const FAKE: &str = "livecheck.fake=true";
static BAGGAGE: HeaderName = HeaderName::from_static("baggage");
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A W3C `traceparent` of a new trace, to be recorded.
pub(super) fn new_traceparent() -> String {
    // Version 4 is random, and its version keeps either id from being zero.
    let trace = Uuid::new_v4().simple();
    let span = Uuid::new_v4().simple().to_string();
    format!("00-{trace}-{}-01", span.get(..16).unwrap_or(&span))
}

/// The headers that a case declares for its probe, and those of one attempt,
/// which take the place of declared ones; `baggage` is added to.
pub(super) fn marked(
    declared: &BTreeMap<String, String>,
    test: &CurrentTest,
    traceparent: &str,
    fake_header: &str,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in declared {
        // They were checked when the case was applied.
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            headers.append(name, value);
        }
    }
    let declared = headers.get_all(&BAGGAGE).into_iter();
    let mut baggage: Vec<_> = declared.filter_map(|value| value.to_str().ok()).collect();
    baggage.push(FAKE);
    let baggage = HeaderValue::try_from(baggage.join(","));
    let set = [
        (
            HeaderName::try_from(fake_header),
            Ok(HeaderValue::from_static("true")),
        ),
        (Ok(BAGGAGE.clone()), baggage),
        (Ok(TRACEPARENT.clone()), HeaderValue::try_from(traceparent)),
    ];
    for (name, value) in set {
        // No name of a header: there is none to set.
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.insert(name, value);
        }
    }
    test.write_headers(&mut headers);
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{headers::read_headers, model::Time};

    fn marked_with(declared: &[(&str, &str)], fake_header: &str) -> HeaderMap {
        let declared = declared.iter();
        let declared = declared.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let test = CurrentTest::new("7", "orders", Time::UNIX_EPOCH, Time::UNIX_EPOCH).unwrap();
        marked(&declared.collect(), &test, "00-1-2-01", fake_header)
    }

    #[test]
    fn a_request_is_marked_whatever_the_case_declares() {
        type Expected<'a> = &'a [(&'a str, &'a str)];
        for (declared, fake_header, expected) in [
            (
                &[][..],
                "",
                &[
                    ("baggage", "livecheck.fake=true"),
                    ("traceparent", "00-1-2-01"),
                ] as Expected<'_>,
            ),
            (
                &[("Accept", "text/plain"), ("x-fake", "no")],
                "X-Fake",
                &[
                    ("accept", "text/plain"),
                    ("baggage", "livecheck.fake=true"),
                    ("traceparent", "00-1-2-01"),
                    ("x-fake", "true"),
                ],
            ),
            (
                &[
                    ("Baggage", "a=1"),
                    ("baggage", "b=2;p,c=3"),
                    ("Traceparent", "old"),
                    ("livecheck-test-id", "other"),
                ],
                "",
                &[
                    ("baggage", "a=1,b=2;p,c=3,livecheck.fake=true"),
                    ("traceparent", "00-1-2-01"),
                ],
            ),
        ] {
            let headers = marked_with(declared, fake_header);
            let test = read_headers(&headers).test().unwrap();
            assert_eq!((test.id(), test.case_name()), ("7", "orders"));
            let others = headers.iter();
            let others = others.filter(|(name, _)| !name.as_str().starts_with("livecheck-test-"));
            let mut others: Vec<_> = others
                .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
                .collect();
            others.sort_unstable();
            assert_eq!(others, expected);
        }
    }

    #[test]
    fn traces_are_new_and_well_formed() {
        let (one, other) = (new_traceparent(), new_traceparent());
        assert_ne!(one, other);
        let parts: Vec<_> = one.split('-').collect();
        let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
        assert_eq!(lengths, [2, 32, 16, 2]);
        assert_eq!((parts[0], parts[3]), ("00", "01"));
        for id in &parts[1..3] {
            let lower_hex = |b| matches!(b, b'0'..=b'9' | b'a'..=b'f');
            assert!(id.bytes().all(lower_hex), "{id}");
            assert!(id.bytes().any(|b| b != b'0'), "{id}");
        }
    }
}
