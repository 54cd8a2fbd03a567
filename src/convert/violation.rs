//! What is wrong with a message: each bad field by its path.
//!
//! Invariant: a path names one field from the root of the message, as in
//! `google.rpc.BadRequest`: `event.key`, `signals[2].timeout`, `labels["a"]`.

use std::{
    fmt::{self, Write},
    ops::{Deref, DerefMut},
};

/// Longest text of the sender that a description repeats, in characters.
const MAX_QUOTED_CHARS: usize = 64;

/// A field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, such as `signals[2].timeout`; empty for the whole
    /// message.
    pub field: String,
    /// What is wrong with it and what to do; without a full stop.
    pub description: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            f.write_str(&self.description)
        } else {
            write!(f, "{}: {}", self.field, self.description)
        }
    }
}

/// Collects the fields that are wrong, and knows the path of the field that is
/// being read. Nothing is allocated while nothing is wrong but the path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations {
    found: Vec<Violation>,
    path: String,
}

impl Violations {
    /// A collector at the root of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Something is wrong with the field that is being read.
    pub fn add(&mut self, description: impl Into<String>) {
        self.found.push(Violation {
            field: self.path.clone(),
            description: description.into(),
        });
    }

    /// Something is wrong with a field of the message that is being read.
    pub fn add_to(&mut self, field: &str, description: impl Into<String>) {
        self.field(field).add(description);
    }

    /// Goes into a field, until the guard is dropped.
    pub fn field(&mut self, name: &str) -> Within<'_> {
        let outer = self.path.len();
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(name);
        Within {
            violations: self,
            outer,
        }
    }

    /// Goes into an element of a repeated field, until the guard is dropped.
    pub fn at(&mut self, field: &str, index: usize) -> Within<'_> {
        let within = self.field(field);
        // Writing to a string cannot fail.
        let _ = write!(within.violations.path, "[{index}]");
        within
    }

    /// Goes into an entry of a map, until the guard is dropped.
    pub fn entry(&mut self, field: &str, key: &str) -> Within<'_> {
        let within = self.field(field);
        let _ = write!(within.violations.path, "[{}]", quoted(key));
        within
    }

    /// Whether nothing is wrong so far.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How many fields are wrong so far.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// What is wrong, in the order in which it was found.
    pub fn iter(&self) -> impl Iterator<Item = &Violation> {
        self.found.iter()
    }

    /// What was read, if nothing at all is wrong.
    ///
    /// A reader returns `None` only where it added a violation; should one not
    /// have, the whole message is refused.
    pub fn finish<T>(mut self, read: Option<T>) -> Result<T, Violations> {
        match read {
            Some(read) if self.found.is_empty() => Ok(read),
            Some(_) => Err(self),
            None => {
                if self.found.is_empty() {
                    self.add("not valid");
                }
                Err(self)
            }
        }
    }
}

impl fmt::Display for Violations {
    /// Lists every violation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, violation) in self.found.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            violation.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}

impl IntoIterator for Violations {
    type Item = Violation;
    type IntoIter = std::vec::IntoIter<Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.found.into_iter()
    }
}

/// The collector inside a field; leaves the field when it is dropped.
#[derive(Debug)]
pub struct Within<'a> {
    violations: &'a mut Violations,
    outer: usize,
}

impl Deref for Within<'_> {
    type Target = Violations;

    fn deref(&self) -> &Violations {
        self.violations
    }
}

impl DerefMut for Within<'_> {
    fn deref_mut(&mut self) -> &mut Violations {
        self.violations
    }
}

impl Drop for Within<'_> {
    fn drop(&mut self) {
        self.violations.path.truncate(self.outer);
    }
}

/// A sender's text in quotes, fit to be shown: escaped, and cut to 64
/// characters.
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED_CHARS) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_nest_and_are_left_again() {
        let mut bad = Violations::new();
        bad.add("the whole");
        bad.field("event").add_to("key", "one");
        for i in 0..2 {
            let mut signal = bad.at("signals", i);
            signal.at("expect", 3).field("expression").add("two");
            signal.add_to("timeout", "three");
        }
        bad.entry("labels", "a\"b").add("four");
        bad.add_to("name", "five");

        let paths: Vec<_> = bad.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(
            paths,
            [
                "",
                "event.key",
                "signals[0].expect[3].expression",
                "signals[0].timeout",
                "signals[1].expect[3].expression",
                "signals[1].timeout",
                "labels[\"a\\\"b\"]",
                "name",
            ]
        );
        assert_eq!(bad.len(), 8);
    }

    #[test]
    fn the_text_names_every_field() {
        let mut bad = Violations::new();
        assert!(bad.is_empty());
        bad.add_to("a", "must be set");
        bad.add("is odd");
        bad.at("b", 1).add("is bad");
        assert_eq!(bad.to_string(), "a: must be set; is odd; b[1]: is bad");
    }

    #[test]
    fn nothing_is_let_through_that_was_not_read() {
        assert_eq!(Violations::new().finish(Some(1)), Ok(1));

        let refused = Violations::new().finish(None::<i32>).unwrap_err();
        assert_eq!(refused.to_string(), "not valid");

        let mut bad = Violations::new();
        bad.add_to("a", "is bad");
        let refused = bad.finish(Some(1)).unwrap_err();
        assert_eq!(refused.to_string(), "a: is bad");
    }

    #[test]
    fn a_senders_text_is_escaped_and_cut() {
        assert_eq!(quoted("a\n\u{1b}"), r#""a\n\u{1b}""#);
        assert_eq!(quoted(&"é".repeat(64)), format!("\"{}\"", "é".repeat(64)));
        assert_eq!(quoted(&"é".repeat(65)), format!("\"{}\"…", "é".repeat(64)));
    }
}
