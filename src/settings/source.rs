//! Where settings come from: flags over the environment over the file.
//!
//! Everything that is wrong, in any of them, is gathered and told at once, each
//! with where it stands.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt, fs,
    ops::{Range, RangeBounds},
    path::{Path, PathBuf},
};

use toml::de::{DeTable, DeValue};

use super::{value::Value, webhooks::Webhooks};

/// Looks up a variable of the environment.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// What is wrong with the settings: one line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SettingsError(Vec<String>);

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

/// The variable of the environment for a setting.
pub(super) fn variable(setting: &str) -> String {
    format!("LIVECHECK_{}", setting.to_ascii_uppercase())
}

/// The flag for a setting.
fn flag(setting: &str) -> String {
    format!("--{}", setting.replace('_', "-"))
}

/// The sources of one reading, and what was found wrong so far.
pub(super) struct Sources<'a> {
    environment: Environment<'a>,
    file: BTreeMap<String, FileValue>,
    problems: Vec<String>,
}

/// A value in the file.
struct FileValue {
    /// `FILE:LINE: KEY`.
    place: String,
    text: String,
}

impl<'a> Sources<'a> {
    /// Reads the file, if there is one; only `known` settings may stand in it.
    pub fn new(environment: Environment<'a>, file: Option<&Path>, known: &[&str]) -> Self {
        let mut sources = Sources {
            environment,
            file: BTreeMap::new(),
            problems: Vec::new(),
        };
        let from_environment = || sources.environment_value("config").map(PathBuf::from);
        if let Some(path) = file.map(Path::to_owned).or_else(from_environment) {
            match fs::read_to_string(&path) {
                Ok(text) => sources.read_file(&path, &text, known),
                Err(error) => sources
                    .problems
                    .push(format!("{}: cannot be read: {error}", path.display())),
            }
        }
        sources
    }

    /// The value of a setting from the first source that has one. Bad values
    /// are noted, those in sources that are overruled too.
    pub fn pick<T: Value>(
        &mut self,
        setting: &str,
        on_command_line: Option<&str>,
        default: T,
        bounds: &impl RangeBounds<T>,
    ) -> T {
        let mut candidates = Vec::with_capacity(3);
        if let Some(text) = on_command_line {
            candidates.push((flag(setting), text.to_owned()));
        }
        match self.environment_value(setting).map(OsString::into_string) {
            None => {}
            Some(Ok(text)) => candidates.push((variable(setting), text)),
            Some(Err(_)) => self
                .problems
                .push(format!("{}: is not UTF-8", variable(setting))),
        }
        if let Some(value) = self.file.remove(setting) {
            candidates.push((value.place, value.text));
        }

        let mut picked = None;
        for (place, text) in candidates {
            match T::read(&text).and_then(|value| value.check(bounds)) {
                Ok(value) => picked = picked.or(Some(value)),
                Err(problem) => self.problems.push(format!("{place}: {problem}")),
            }
        }
        picked.unwrap_or(default)
    }

    /// Reads the file of webhooks that was picked.
    pub fn load(&mut self, webhooks: &mut Webhooks) {
        webhooks.load(self.environment, &mut self.problems);
    }

    /// The end of a reading: `settings` if nothing is wrong.
    pub fn finish<T>(self, settings: T) -> Result<T, SettingsError> {
        if self.problems.is_empty() {
            Ok(settings)
        } else {
            Err(SettingsError(self.problems))
        }
    }

    /// A variable that is set and not empty.
    fn environment_value(&self, setting: &str) -> Option<OsString> {
        (self.environment)(&variable(setting)).filter(|value| !value.is_empty())
    }

    fn read_file(&mut self, path: &Path, text: &str, known: &[&str]) {
        let place = |span: Range<usize>| format!("{}:{}", path.display(), line(text, span.start));
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            // What is read around an error is a guess and not worth judging.
            self.problems.extend(errors.iter().map(|error| {
                let place = place(error.span().unwrap_or_default());
                format!("{place}: {}", error.message())
            }));
            return;
        }
        for (key, value) in table.into_inner() {
            let place = format!("{}: {}", place(key.span()), key.get_ref());
            if !known.contains(&key.get_ref().as_ref()) {
                self.problems.push(format!(
                    "{place}: no such setting; `livecheck serve --help` lists them"
                ));
                continue;
            }
            let text = match value.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
                DeValue::Float(number) => number.as_str().to_owned(),
                _ => {
                    self.problems
                        .push(format!("{place}: must be a text or a number"));
                    continue;
                }
            };
            self.file
                .insert(key.get_ref().to_string(), FileValue { place, text });
        }
    }
}

/// The line of a byte of a text, from 1.
pub(super) fn line(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}
