//! The file of webhooks: `[[webhook]]` tables in TOML.
//!
//! Invariant: what comes out of here can be called: names are unique, URLs and
//! headers are well-formed, secrets are read. Or else every problem is told, each
//! with file and line, and none with a secret in it.

use std::{
    cmp::Ordering,
    collections::BTreeMap,
    fs,
    ops::{Range, RangeBounds},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    source::{Environment, line},
    value::Value,
};
use crate::{
    convert::{Violations, names::check_signal_name},
    model::{DEFAULT_MAX_ATTEMPTS, DEFAULT_WEBHOOK_TIMEOUT, Secret, Webhook, WebhookFormat},
};

/// What a key of signatures begins with, as Standard Webhooks has it.
const KEY_PREFIX: &str = "whsec_";
/// Lengths of a key in bytes, as Standard Webhooks has them.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Headers that the deliverer sets itself.
const OWN_HEADERS: &[&str] = &[
    "connection",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
];

/// The webhooks of the server, and the file that they stand in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Webhooks {
    file: Option<PathBuf>,
    declared: Arc<[Webhook]>,
}

impl Webhooks {
    /// Webhooks that stand in no file.
    pub fn new(declared: impl Into<Arc<[Webhook]>>) -> Self {
        Webhooks {
            file: None,
            declared: declared.into(),
        }
    }

    /// The webhooks, in the order of the file.
    pub fn declared(&self) -> &Arc<[Webhook]> {
        &self.declared
    }

    /// Reads the file, if there is one; what is wrong goes to `problems`.
    pub(super) fn load(&mut self, environment: Environment<'_>, problems: &mut Vec<String>) {
        let Some(path) = &self.file else {
            return;
        };
        match fs::read_to_string(path) {
            Ok(text) => {
                let mut file = File {
                    path,
                    text: &text,
                    environment,
                    problems,
                };
                self.declared = file.webhooks().into();
            }
            Err(error) => problems.push(format!("{}: cannot be read: {error}", path.display())),
        }
    }
}

impl PartialOrd for Webhooks {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.file.partial_cmp(&other.file)
    }
}

impl Value for Webhooks {
    /// Takes the path; the file is read once all settings are known.
    fn read(text: &str) -> Result<Self, String> {
        Ok(Webhooks {
            file: Some(text)
                .filter(|path| !path.is_empty())
                .map(PathBuf::from),
            declared: Arc::default(),
        })
    }

    fn text(&self) -> String {
        let path = self.file.as_ref();
        path.map_or_else(String::new, |path| path.to_string_lossy().into_owned())
    }
}

/// The file that is being read.
struct File<'a> {
    path: &'a Path,
    text: &'a str,
    environment: Environment<'a>,
    problems: &'a mut Vec<String>,
}

/// The fields of a table that were not taken yet, each with its span.
struct Fields<'t> {
    left: BTreeMap<String, (Range<usize>, DeValue<'t>)>,
    span: Range<usize>,
}

impl File<'_> {
    fn problem(&mut self, span: &Range<usize>, problem: impl std::fmt::Display) {
        let line = line(self.text, span.start);
        let path = self.path.display();
        self.problems.push(format!("{path}:{line}: {problem}"));
    }

    fn webhooks(&mut self) -> Vec<Webhook> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        if !errors.is_empty() {
            for error in errors {
                self.problem(&error.span().unwrap_or_default(), error.message());
            }
            return Vec::new();
        }
        let mut webhooks: Vec<Webhook> = Vec::new();
        let mut first = BTreeMap::new();
        for (key, value) in table.into_inner() {
            let tables = match (key.get_ref().as_ref(), value.into_inner()) {
                ("webhook", DeValue::Array(tables)) => tables,
                ("webhook", _) => {
                    self.problem(&key.span(), "webhook: write [[webhook]]");
                    continue;
                }
                (other, _) => {
                    let problem = format!("{other}: no such field; write [[webhook]] tables");
                    self.problem(&key.span(), problem);
                    continue;
                }
            };
            for table in tables {
                let span = table.span();
                let DeValue::Table(table) = table.into_inner() else {
                    self.problem(&span, "webhook: write [[webhook]]");
                    continue;
                };
                let Some(webhook) = self.webhook(Fields::new(table, span.clone())) else {
                    continue;
                };
                let at = line(self.text, span.start);
                if let Some(earlier) = first.insert(webhook.name.clone(), at) {
                    let problem = format!(
                        "name: the webhook of line {earlier} is named {:?} too",
                        webhook.name
                    );
                    self.problem(&span, problem);
                }
                webhooks.push(webhook);
            }
        }
        webhooks
    }

    /// One webhook; none if something about it is wrong.
    fn webhook(&mut self, mut fields: Fields<'_>) -> Option<Webhook> {
        let found = self.problems.len();
        let name = self.name(&mut fields);
        let url = self.url(&mut fields);
        let format = self.format(&mut fields);
        let every_case = self.flag(&mut fields, "every_case");
        let reports_at = fields.place("reports");
        let reports = self.flag(&mut fields, "reports");
        if reports && format == Some(WebhookFormat::Alertmanager) {
            self.problem(
                &reports_at,
                "reports: an alert is about a case and not about one execution; leave it out, or \
                 use another format",
            );
        }
        let key = self.key(&mut fields);
        let headers = self.headers(&mut fields);
        let max_attempts = self.value(
            &mut fields,
            "max_attempts",
            DEFAULT_MAX_ATTEMPTS,
            &(1..=1000),
        );
        let timeout = self.value(
            &mut fields,
            "timeout",
            DEFAULT_WEBHOOK_TIMEOUT,
            &(Duration::from_millis(1)..=Duration::from_secs(300)),
        );
        for (name, (span, _)) in fields.left {
            self.problem(&span, format!("{name}: no such field of a webhook"));
        }
        if self.problems.len() > found {
            return None;
        }
        Some(Webhook {
            name: name?,
            url: Secret::new(url?),
            format: format?,
            every_case,
            reports,
            key,
            headers: Secret::new(headers),
            max_attempts,
            timeout,
        })
    }

    fn name(&mut self, fields: &mut Fields<'_>) -> Option<String> {
        let at = fields.place("name");
        let name = self.text(fields, "name")?.unwrap_or_default();
        let mut bad = Violations::new();
        check_signal_name(&name, &mut bad);
        if !bad.is_empty() {
            self.problem(&at, format!("name: {bad}"));
            return None;
        }
        Some(name)
    }

    fn url(&mut self, fields: &mut Fields<'_>) -> Option<Uri> {
        let plain = fields.place("url");
        let mut given = self.elsewhere(fields, "url")?;
        if let Some(url) = self.text(fields, "url")? {
            given.push((plain, url));
        }
        let (at, url) = match given.pop() {
            Some(last) if given.is_empty() => last,
            Some((at, _)) => {
                self.problem(&at, "url: give one of url, url_file and url_env");
                return None;
            }
            None => {
                self.problem(&fields.span, "url: must be set, or url_file, or url_env");
                return None;
            }
        };
        let uri = url.parse::<Uri>().ok().filter(|uri| {
            let http = matches!(uri.scheme_str(), Some("http" | "https"));
            http && uri.host().is_some_and(|host| !host.is_empty())
        });
        match uri {
            None => self.problem(&at, "url: is no URL such as https://example.com/hook"),
            Some(uri) if uri.authority().is_some_and(|at| at.as_str().contains('@')) => self
                .problem(
                    &at,
                    "url: has a user in it; send it as the header authorization, from \
                     [webhook.headers_from_env]",
                ),
            url => return url,
        }
        None
    }

    fn format(&mut self, fields: &mut Fields<'_>) -> Option<WebhookFormat> {
        let at = fields.place("format");
        match self.text(fields, "format")?.as_deref() {
            None | Some("cloudevents") => Some(WebhookFormat::CloudEvents),
            Some("slack") => Some(WebhookFormat::Slack),
            Some("alertmanager") => Some(WebhookFormat::Alertmanager),
            Some(other) => {
                let problem =
                    format!("format: {other:?} is none of cloudevents, slack and alertmanager");
                self.problem(&at, problem);
                None
            }
        }
    }

    fn key(&mut self, fields: &mut Fields<'_>) -> Option<Secret<Vec<u8>>> {
        if let Some((span, _)) = fields.left.remove("secret") {
            self.problem(
                &span,
                "secret: keep it out of this file; write secret_file or secret_env",
            );
        }
        let mut given = self.elsewhere(fields, "secret")?;
        let (at, text) = given.pop()?;
        if !given.is_empty() {
            self.problem(&at, "secret: give one of secret_file and secret_env");
            return None;
        }
        let key = text.strip_prefix(KEY_PREFIX);
        let key = key.and_then(|key| STANDARD.decode(key).ok());
        let key = key.filter(|key| KEY_BYTES.contains(&key.len()));
        if key.is_none() {
            self.problem(
                &at,
                format!(
                    "secret: must be {KEY_PREFIX} and {} to {} bytes in base64, as `echo \
                     {KEY_PREFIX}$(openssl rand -base64 32)` writes it",
                    KEY_BYTES.start(),
                    KEY_BYTES.end()
                ),
            );
        }
        key.map(Secret::new)
    }

    fn headers(&mut self, fields: &mut Fields<'_>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (table, from_env) in [("headers", false), ("headers_from_env", true)] {
            let Some((span, value)) = fields.left.remove(table) else {
                continue;
            };
            let DeValue::Table(entries) = value else {
                self.problem(&span, format!("{table}: must be a table"));
                continue;
            };
            for (key, value) in entries {
                let (span, name) = (key.span(), key.into_inner());
                let place = format!("{table}.{name}");
                let DeValue::String(text) = value.into_inner() else {
                    self.problem(&span, format!("{place}: must be a text"));
                    continue;
                };
                let text = match from_env {
                    true => self.variable(&span, &place, &text),
                    false => Some(text.into_owned()),
                };
                let Some(text) = text else {
                    continue;
                };
                let problem = match (
                    HeaderName::from_bytes(name.as_bytes()),
                    HeaderValue::from_str(&text),
                ) {
                    (Err(_), _) => "is no name of a header",
                    (Ok(name), _) if OWN_HEADERS.contains(&name.as_str()) => {
                        "is set by LiveCheck itself"
                    }
                    (_, Err(_)) => "the value fits no header",
                    (Ok(name), Ok(_)) if headers.contains_key(&name) => "is given twice",
                    (Ok(name), Ok(value)) => {
                        headers.insert(name, value);
                        continue;
                    }
                };
                self.problem(&span, format!("{place}: {problem}"));
            }
        }
        headers
    }

    /// What `NAME_file` and `NAME_env` hold, each with its place; `None` if they
    /// cannot be read.
    fn elsewhere(
        &mut self,
        fields: &mut Fields<'_>,
        name: &str,
    ) -> Option<Vec<(Range<usize>, String)>> {
        let (file, variable) = (format!("{name}_file"), format!("{name}_env"));
        let (file_at, variable_at) = (fields.place(&file), fields.place(&variable));
        let (path, named) = (self.text(fields, &file), self.text(fields, &variable));
        let mut given = Vec::new();
        if let Some(path) = path? {
            // As the file of webhooks names it: from where that stands.
            let beside = self.path.parent().unwrap_or(Path::new(""));
            match fs::read_to_string(beside.join(&path)) {
                Ok(text) => given.push((file_at, text.trim().to_owned())),
                Err(error) => {
                    self.problem(&file_at, format!("{file}: {path}: cannot be read: {error}"));
                    return None;
                }
            }
        }
        if let Some(named) = named? {
            let text = self.variable(&variable_at, &variable, &named)?;
            given.push((variable_at, text));
        }
        Some(given)
    }

    fn variable(&mut self, span: &Range<usize>, place: &str, name: &str) -> Option<String> {
        let value = (self.environment)(name).filter(|value| !value.is_empty());
        let problem = match value.map(std::ffi::OsString::into_string) {
            Some(Ok(text)) => return Some(text),
            Some(Err(_)) => "is not UTF-8",
            None => "is not set",
        };
        self.problem(span, format!("{place}: the variable {name} {problem}"));
        None
    }

    /// A text that may be left out; the outer `None` if it is none.
    fn text(&mut self, fields: &mut Fields<'_>, name: &str) -> Option<Option<String>> {
        match fields.left.remove(name) {
            None => Some(None),
            Some((_, DeValue::String(text))) => Some(Some(text.into_owned())),
            Some((span, _)) => {
                self.problem(&span, format!("{name}: must be a text"));
                None
            }
        }
    }

    fn flag(&mut self, fields: &mut Fields<'_>, name: &str) -> bool {
        match fields.left.remove(name) {
            None => false,
            Some((_, DeValue::Boolean(flag))) => flag,
            Some((span, _)) => {
                self.problem(&span, format!("{name}: must be true or false"));
                false
            }
        }
    }

    fn value<T: Value>(
        &mut self,
        fields: &mut Fields<'_>,
        name: &str,
        default: T,
        bounds: &impl RangeBounds<T>,
    ) -> T {
        let Some((span, value)) = fields.left.remove(name) else {
            return default;
        };
        let text = match value {
            DeValue::String(text) => text.into_owned(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
            _ => {
                self.problem(&span, format!("{name}: must be a text or a whole number"));
                return default;
            }
        };
        match T::read(&text).and_then(|value| value.check(bounds)) {
            Ok(value) => value,
            Err(problem) => {
                self.problem(&span, format!("{name}: {problem}"));
                default
            }
        }
    }
}

impl<'t> Fields<'t> {
    fn new(table: DeTable<'t>, span: Range<usize>) -> Self {
        let fields = table.into_iter().map(|(key, value): (Spanned<_>, _)| {
            let span = key.span();
            let name: std::borrow::Cow<'_, str> = key.into_inner();
            (name.into_owned(), (span, value.into_inner()))
        });
        Fields {
            left: fields.collect(),
            span,
        }
    }

    /// Where a field stands; the table if it is left out.
    fn place(&self, name: &str) -> Range<usize> {
        let field = self.left.get(name);
        field.map_or(&self.span, |(span, _)| span).clone()
    }
}

#[cfg(test)]
mod tests;
