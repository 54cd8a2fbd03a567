//! The kinds of values that settings have: how each is read and written.
//!
//! Every kind is text on the command line and in the environment; in the file
//! numbers may stand without quotes.

use std::{
    fmt::Debug,
    net::SocketAddr,
    ops::{Bound, RangeBounds},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use super::units::{ByteSize, format_duration, parse_duration};

/// A value that a setting can have.
pub trait Value: PartialOrd + Debug + Sized {
    /// Reads it; the error says what is wrong with the text.
    fn read(text: &str) -> Result<Self, String>;

    /// As it is written, and as `read` takes it back.
    fn text(&self) -> String;

    /// As it stands in the file.
    fn toml(&self) -> toml::Value {
        toml::Value::String(self.text())
    }

    /// Checks that it is within the bounds of its setting.
    fn check(self, bounds: &impl RangeBounds<Self>) -> Result<Self, String> {
        if bounds.contains(&self) {
            return Ok(self);
        }
        let text = self.text();
        Err(match (bounds.start_bound(), bounds.end_bound()) {
            (Bound::Included(low), _) if self < *low => {
                format!("{text} is too little; at least {}", low.text())
            }
            (_, Bound::Included(high)) => {
                format!("{text} is too much; at most {}", high.text())
            }
            _ => format!("{text} is out of range"),
        })
    }
}

impl Value for SocketAddr {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| {
            format!("{text:?} is no IP address and port, such as 0.0.0.0:50051 or [::1]:50051")
        })
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

/// Where the HTTP side listens, if it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub enum HttpListen {
    /// Nowhere.
    Off,
    /// On this address.
    On(SocketAddr),
}

impl Value for HttpListen {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(HttpListen::Off),
            address => SocketAddr::read(address)
                .map(HttpListen::On)
                .map_err(|error| format!("{error}, nor off")),
        }
    }

    fn text(&self) -> String {
        match self {
            HttpListen::Off => "off".to_owned(),
            HttpListen::On(address) => address.text(),
        }
    }
}

impl Value for PathBuf {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("the path is empty".to_owned()),
            path => Ok(PathBuf::from(path)),
        }
    }

    fn text(&self) -> String {
        self.to_string_lossy().into_owned()
    }
}

impl Value for Duration {
    fn read(text: &str) -> Result<Self, String> {
        parse_duration(text).map_err(|error| error.to_string())
    }

    fn text(&self) -> String {
        format_duration(*self)
    }
}

impl Value for ByteSize {
    fn read(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|error: <ByteSize as FromStr>::Err| error.to_string())
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Value for usize {
    fn read(text: &str) -> Result<Self, String> {
        count(text)
    }

    fn text(&self) -> String {
        self.to_string()
    }

    fn toml(&self) -> toml::Value {
        bare(*self)
    }
}

impl Value for u32 {
    fn read(text: &str) -> Result<Self, String> {
        count(text)
    }

    fn text(&self) -> String {
        self.to_string()
    }

    fn toml(&self) -> toml::Value {
        bare(*self)
    }
}

impl Value for f64 {
    fn read(text: &str) -> Result<Self, String> {
        let number = text.trim().parse().ok();
        let number = number.filter(|number: &f64| number.is_finite());
        number.ok_or_else(|| format!("{text:?} is no number"))
    }

    fn text(&self) -> String {
        self.to_string()
    }

    fn toml(&self) -> toml::Value {
        toml::Value::Float(*self)
    }
}

/// Where a collector takes OTLP over gRPC, if spans are exported at all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd)]
pub struct CollectorUrl(Option<String>);

impl CollectorUrl {
    /// Nowhere.
    pub fn none() -> Self {
        CollectorUrl(None)
    }

    /// The URL: `http` or `https` with a host and nothing behind it.
    pub fn url(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl FromStr for CollectorUrl {
    type Err = String;

    /// Reads a URL; an empty text is none.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(CollectorUrl::none());
        }
        let is_url = text.parse::<http::Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri
                    .authority()
                    .is_some_and(|host| !host.as_str().contains('@'))
                && uri.path() == "/"
                && uri.query().is_none()
        });
        match is_url {
            true => Ok(CollectorUrl(Some(text.to_owned()))),
            false => Err(format!(
                "{text:?} is no address of a collector, such as http://localhost:4317"
            )),
        }
    }
}

impl Value for CollectorUrl {
    fn read(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn text(&self) -> String {
        self.0.clone().unwrap_or_default()
    }
}

/// Which log lines are written: directives as `tracing` has them, such as
/// `info` or `warn,livecheck=debug`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd)]
pub struct LogFilter(String);

impl LogFilter {
    /// Everything from INFO on.
    pub fn info() -> Self {
        LogFilter("info".to_owned())
    }

    /// The directives; they parse as an [`EnvFilter`].
    pub fn directives(&self) -> &str {
        &self.0
    }
}

impl Value for LogFilter {
    fn read(text: &str) -> Result<Self, String> {
        EnvFilter::builder()
            .parse(text)
            .map(|_| LogFilter(text.to_owned()))
            .map_err(|error| {
                format!("{text:?} is no log filter, such as info or warn,livecheck=debug: {error}")
            })
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

impl Value for LogFormat {
    fn read(text: &str) -> Result<Self, String> {
        <Self as ValueEnum>::from_str(text, true)
            .map_err(|_| format!("{text:?} is no log format; text and json are"))
    }

    fn text(&self) -> String {
        match self {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        }
        .to_owned()
    }
}

/// Reads a whole number; `_` may group its digits.
fn count<T: FromStr>(text: &str) -> Result<T, String> {
    text.trim()
        .replace('_', "")
        .parse()
        .map_err(|_| format!("{text:?} is no whole number in range"))
}

/// A number as it stands in the file.
fn bare(number: impl TryInto<i64>) -> toml::Value {
    toml::Value::Integer(number.try_into().unwrap_or(i64::MAX))
}
