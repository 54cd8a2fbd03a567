//! The three carriers of headers: gRPC metadata, HTTP headers and lists of
//! names and bytes, as Kafka has them.
//!
//! One rule for all: what reads and what writes a set does not know which
//! carrier it is in.

use std::mem;

use http::{HeaderMap, HeaderName, HeaderValue};
use tonic::metadata::MetadataMap;

use super::{CurrentTest, Header, Reading, Reason, text};
use crate::model::Time;

static ID: HeaderName = HeaderName::from_static("livecheck-test-id");
static NAME: HeaderName = HeaderName::from_static("livecheck-test-name");
static TIMESTAMP: HeaderName = HeaderName::from_static("livecheck-test-timestamp");
static EXPIRES: HeaderName = HeaderName::from_static("livecheck-test-expires");

impl Header {
    /// Its name in HTTP and gRPC, which is lower-case.
    fn http_name(self) -> &'static HeaderName {
        match self {
            Header::Id => &ID,
            Header::Name => &NAME,
            Header::Timestamp => &TIMESTAMP,
            Header::Expires => &EXPIRES,
        }
    }

    /// The header of this name in any case of letters.
    fn from_name(name: &str) -> Option<Header> {
        Header::ALL
            .into_iter()
            .find(|header| header.name().eq_ignore_ascii_case(name))
    }
}

/// Reads the test from HTTP headers. Costs one look-up where there is none.
///
/// ```
/// use livecheck::headers::{Header, Reading, Reason, read_headers};
///
/// let mut headers = http::HeaderMap::new();
/// assert_eq!(read_headers(&headers), Reading::None);
///
/// headers.insert("LiveCheck-Test-Id", "o-1".parse()?);
/// assert_eq!(
///     read_headers(&headers),
///     Reading::Malformed(Reason::Missing(Header::Name)),
/// );
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
pub fn read_headers(headers: &HeaderMap) -> Reading {
    if !headers.contains_key(&ID) {
        return Reading::None;
    }
    let mut set = Set::default();
    for header in Header::ALL {
        for value in headers.get_all(header.http_name()) {
            set.put(header, value.as_bytes());
        }
    }
    set.reading()
}

/// Reads the test from gRPC metadata.
pub fn read_metadata(metadata: &MetadataMap) -> Reading {
    read_headers(metadata.as_ref())
}

/// Reads the test from a list of names and values, such as the headers of a
/// Kafka message. Values may be percent-encoded or, as Faust writes them, plain
/// UTF-8.
///
/// ```
/// use livecheck::headers::read_list;
///
/// let test = read_list([
///     ("LiveCheck-Test-Id", "ключ".as_bytes()),
///     ("LiveCheck-Test-Name", b"orders.test_order"),
///     ("LiveCheck-Test-Timestamp", b"2026-11-23T09:08:07+00:00"),
///     ("LiveCheck-Test-Expires", b"2026-11-23T12:08:07+00:00"),
/// ])
/// .test()
/// .expect("the four headers make a test");
/// assert_eq!(test.id(), "ключ");
/// assert_eq!(test.case_name(), "orders.test_order");
/// ```
pub fn read_list<N, V>(list: impl IntoIterator<Item = (N, V)>) -> Reading
where
    N: AsRef<str>,
    V: AsRef<[u8]>,
{
    let mut set = Set::default();
    for (name, value) in list {
        if let Some(header) = Header::from_name(name.as_ref()) {
            set.put(header, value.as_ref());
        }
    }
    set.reading()
}

impl CurrentTest {
    /// Writes the four headers; ones that are there already are replaced.
    pub fn write_headers(&self, headers: &mut HeaderMap) {
        for header in Header::ALL {
            let value = HeaderValue::try_from(self.value(header))
                .expect("visible ASCII is a header's value");
            headers.insert(header.http_name().clone(), value);
        }
    }

    /// Writes the four headers; ones that are there already are replaced.
    ///
    /// ```
    /// use livecheck::headers::{CurrentTest, read_metadata};
    ///
    /// # fn example(test: CurrentTest) {
    /// let mut request = tonic::Request::new("hello");
    /// test.write_metadata(request.metadata_mut());
    /// assert_eq!(read_metadata(request.metadata()).test(), Some(test));
    /// # }
    /// ```
    pub fn write_metadata(&self, metadata: &mut MetadataMap) {
        let mut headers = mem::take(metadata).into_headers();
        self.write_headers(&mut headers);
        *metadata = MetadataMap::from_headers(headers);
    }

    /// The four headers as a list of names and values, for the headers of a
    /// Kafka message. The values are visible ASCII.
    pub fn to_list(&self) -> [(&'static str, Vec<u8>); 4] {
        Header::ALL.map(|header| (header.name(), self.value(header).into_bytes()))
    }

    /// The value of a header: visible ASCII.
    fn value(&self, header: Header) -> String {
        match header {
            Header::Id => text::write(&self.id),
            Header::Name => text::write(&self.case_name),
            Header::Timestamp => text::write_time(self.timestamp),
            Header::Expires => text::write_time(self.expires),
        }
    }
}

/// Whether any of the four headers is there.
pub(super) fn has_any(headers: &HeaderMap) -> bool {
    Header::ALL
        .into_iter()
        .any(|header| headers.contains_key(header.http_name()))
}

/// What came so far under one name.
type Slot<T> = Option<Result<T, Reason>>;

/// The headers of one carrier while it is read.
#[derive(Default)]
struct Set {
    id: Slot<String>,
    case_name: Slot<String>,
    timestamp: Slot<Time>,
    expires: Slot<Time>,
}

impl Set {
    fn put(&mut self, header: Header, bytes: &[u8]) {
        match header {
            Header::Id => put(&mut self.id, header, text::read(header, bytes)),
            Header::Name => put(&mut self.case_name, header, text::read(header, bytes)),
            Header::Timestamp => put(&mut self.timestamp, header, text::read_time(header, bytes)),
            Header::Expires => put(&mut self.expires, header, text::read_time(header, bytes)),
        }
    }

    fn reading(self) -> Reading {
        let Some(id) = self.id else {
            return Reading::None;
        };
        let test = || {
            Ok(CurrentTest {
                id: id?,
                case_name: self.case_name.unwrap_or(missing(Header::Name))?,
                timestamp: self.timestamp.unwrap_or(missing(Header::Timestamp))?,
                expires: self.expires.unwrap_or(missing(Header::Expires))?,
            })
        };
        test().map_or_else(Reading::Malformed, Reading::Test)
    }
}

fn missing<T>(header: Header) -> Result<T, Reason> {
    Err(Reason::Missing(header))
}

/// Doubled headers with equal values are one. The first thing that is wrong
/// stays.
fn put<T: PartialEq>(slot: &mut Slot<T>, header: Header, read: Result<T, Reason>) {
    let value = match (slot.take(), read) {
        (None, read) => read,
        (Some(Ok(first)), Ok(second)) if first != second => Err(Reason::Conflicting(header)),
        (Some(Ok(_)), read) => read,
        (Some(Err(reason)), _) => Err(reason),
    };
    *slot = Some(value);
}
