//! The identity of a test on its way through a system: the four
//! `LiveCheck-Test-*` headers, in gRPC metadata, HTTP headers and Kafka headers.
//!
//! Reading never fails: headers that make no test are a [`Reading`] with the
//! reason, and the call that carries them goes on. Every [`CurrentTest`] can be
//! written to every carrier and is read back equal.
//!
//! - [`TestHeadersLayer`] reads the headers of the calls that a server gets.
//! - [`with_current_test`] says for which test a task works.
//! - [`CurrentTestLayer`] and [`CurrentTestInterceptor`] write the headers of
//!   the calls that a client makes.
//! - [`read_headers`], [`read_metadata`] and [`read_list`], and the `write_`
//!   methods of [`CurrentTest`], do it by hand.

mod carrier;
mod client;
mod current;
mod layer;
mod text;

#[cfg(test)]
mod tests;

use std::fmt;

use crate::model::{TestExecution, Time};

pub use carrier::{read_headers, read_list, read_metadata};
pub use client::{CurrentTestInterceptor, CurrentTestLayer, PassOn};
pub use current::{current_test, with_current_test};
pub use layer::{ReadTestHeaders, TestHeadersLayer};

/// Longest id of an execution that travels in headers, in bytes of UTF-8.
pub const MAX_ID_BYTES: usize = 256;
/// Longest name of a case that travels in headers, in bytes of UTF-8.
pub const MAX_CASE_NAME_BYTES: usize = 256;
/// Longest text of a time in headers, in bytes.
const MAX_TIME_BYTES: usize = 64;

/// One of the four headers, which are those of `faust.livecheck`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Header {
    /// The execution's id. Without it there is no test.
    Id,
    /// The name of the case.
    Name,
    /// When the execution started.
    Timestamp,
    /// When the execution expires.
    Expires,
}

impl Header {
    /// The four headers.
    pub const ALL: [Header; 4] = [Header::Id, Header::Name, Header::Timestamp, Header::Expires];

    /// Its name as Faust writes it. Readers compare without regard to case.
    pub fn name(self) -> &'static str {
        match self {
            Header::Id => "LiveCheck-Test-Id",
            Header::Name => "LiveCheck-Test-Name",
            Header::Timestamp => "LiveCheck-Test-Timestamp",
            Header::Expires => "LiveCheck-Test-Expires",
        }
    }

    /// Longest value that is read, in bytes, any percent-encoding undone.
    pub fn max_bytes(self) -> usize {
        match self {
            Header::Id => MAX_ID_BYTES,
            Header::Name => MAX_CASE_NAME_BYTES,
            Header::Timestamp | Header::Expires => MAX_TIME_BYTES,
        }
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The test that a request belongs to: as much of an execution as travels in
/// headers.
///
/// It fits into them: the id and the case's name are neither empty nor too
/// long, the times are whole microseconds of the years 1 to 9999.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CurrentTest {
    id: String,
    case_name: String,
    timestamp: Time,
    expires: Time,
}

impl CurrentTest {
    /// A test with these values, the times cut to microseconds.
    ///
    /// # Errors
    ///
    /// An id or a name that is empty ([`Reason::Empty`]) or longer than
    /// [`MAX_ID_BYTES`] or [`MAX_CASE_NAME_BYTES`] ([`Reason::TooLong`]), a time
    /// outside the years 1 to 9999 ([`Reason::BadTime`]).
    pub fn new(
        id: impl Into<String>,
        case_name: impl Into<String>,
        timestamp: Time,
        expires: Time,
    ) -> Result<Self, Reason> {
        Ok(CurrentTest {
            id: text::fitting(Header::Id, id.into())?,
            case_name: text::fitting(Header::Name, case_name.into())?,
            timestamp: text::fitting_time(Header::Timestamp, timestamp)?,
            expires: text::fitting_time(Header::Expires, expires)?,
        })
    }

    /// Id of the execution; never empty.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Name of its case; never empty.
    pub fn case_name(&self) -> &str {
        &self.case_name
    }

    /// When it started.
    pub fn timestamp(&self) -> Time {
        self.timestamp
    }

    /// When it expires.
    pub fn expires(&self) -> Time {
        self.expires
    }
}

impl TryFrom<&TestExecution> for CurrentTest {
    type Error = Reason;

    /// The part of an execution that travels; fails as [`CurrentTest::new`].
    fn try_from(test: &TestExecution) -> Result<Self, Reason> {
        CurrentTest::new(
            test.id.clone(),
            test.case_name.clone(),
            test.timestamp,
            test.expires,
        )
    }
}

/// What a set of headers says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The request belongs to no test: it carries no id.
    None,
    /// The request belongs to this test.
    Test(CurrentTest),
    /// An id came, but the set makes no test; the request is to be served as
    /// one without a test.
    Malformed(Reason),
}

impl Reading {
    /// The test, if there is one.
    pub fn test(self) -> Option<CurrentTest> {
        match self {
            Reading::Test(test) => Some(test),
            Reading::None | Reading::Malformed(_) => None,
        }
    }
}

/// Why a set of headers makes no test.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// An id came without this header.
    #[error("{0} is missing beside LiveCheck-Test-Id; pass on all four headers")]
    Missing(Header),
    /// The value is empty.
    #[error("{0} is empty")]
    Empty(Header),
    /// The header came more than once, and the values are not equal.
    #[error("{0} came twice with different values; pass on one test only")]
    Conflicting(Header),
    /// The value is longer than [`Header::max_bytes`].
    #[error("{0} is longer than {max} bytes", max = .0.max_bytes())]
    TooLong(Header),
    /// The value is not UTF-8.
    #[error("{0} is not UTF-8; percent-encode what is not visible ASCII")]
    NotUtf8(Header),
    /// The value is no RFC 3339 time, or one outside the years 1 to 9999.
    #[error(
        "{header} is {text:?}, which is no time like 2026-11-23T09:08:07.123456+00:00 \
         from year 0001 to 9999"
    )]
    BadTime {
        /// The header.
        header: Header,
        /// Its value.
        text: String,
    },
}
