//! Where the fields of a case stand in the file.
//!
//! Every field has a place: one that is not written has that of what it would
//! stand in.

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

use granit_parser::ScalarStyle;

use super::tree::{Content, Node, Scalar};
use crate::plan::Place;

/// The places of a case's fields, by their paths.
#[derive(Debug)]
pub(super) struct Places {
    root: Place,
    written: HashMap<String, (Place, Rc<Node>)>,
    refused: HashSet<String>,
}

impl Places {
    /// The places of a case that begins there.
    pub fn new(root: Place) -> Self {
        Places {
            root,
            written: HashMap::new(),
            refused: HashSet::new(),
        }
    }

    /// Notes a field that is written.
    pub fn note(&mut self, field: &str, at: Place, node: &Rc<Node>) {
        self.written.insert(field.to_owned(), (at, Rc::clone(node)));
    }

    /// Notes a field about which enough has been told.
    pub fn refuse(&mut self, field: &str) {
        self.refused.insert(field.to_owned());
    }

    /// Whether enough has been told about a field, or about what it stands in.
    pub fn is_refused(&self, field: &str) -> bool {
        ways_up(field).any(|field| self.refused.contains(field))
    }

    /// Where a field stands.
    pub fn of(&self, field: &str) -> Place {
        ways_up(field)
            .find_map(|field| self.written.get(field))
            .map_or(self.root, |(at, _)| *at)
    }

    /// The scalar that is a field's value.
    pub fn scalar(&self, field: &str) -> Option<&Scalar> {
        match self.written.get(field) {
            Some((_, node)) => match &node.content {
                Content::Scalar(scalar) => Some(scalar),
                _ => None,
            },
            None => None,
        }
    }
}

/// A path and the paths of what it stands in, up to the empty one of the case.
fn ways_up(field: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(field), |field| {
        let end = field.rfind(['.', '[']).unwrap_or_default();
        field.get(..end).filter(|_| !field.is_empty())
    })
}

/// Whether a comment follows a plain scalar, and may have cut it.
pub(super) fn is_cut_by_comment(scalar: &Scalar, file: &str) -> bool {
    let after = file.get(scalar.source.end..).unwrap_or_default();
    let line = after.lines().next().unwrap_or_default();
    // One that is not written stands at the colon of its key.
    let line = line.strip_prefix(':').unwrap_or(line);
    scalar.style == ScalarStyle::Plain
        && line.starts_with([' ', '\t'])
        && line.trim_start().starts_with('#')
}

/// The place in the file of a place in a scalar's text; none where the one does
/// not follow from the other. `begin` is the scalar's place.
pub(super) fn in_file(scalar: &Scalar, begin: Place, at: Place, file: &str) -> Option<Place> {
    if scalar.style == ScalarStyle::Literal {
        // Line by line as it is written; empty lines before it are in the text,
        // and the scalar begins after them.
        let empty = scalar.text.chars().take_while(|c| *c == '\n').count();
        return Some(Place {
            line: (begin.line + at.line).checked_sub(1 + empty)?,
            column: (begin.column + at.column).checked_sub(1)?,
        });
    }
    let places = char_places(scalar, begin, file.get(scalar.source.clone())?);
    if places.len() != scalar.text.trim_end_matches('\n').chars().count() {
        return None;
    }
    let lines_before = scalar.text.split('\n').take(at.line.checked_sub(1)?);
    let before: usize = lines_before.map(|line| line.chars().count() + 1).sum();
    let offset = before + at.column.checked_sub(1)?;
    match (places.get(offset), places.last()) {
        (Some(place), _) => Some(*place),
        (None, Some(last)) if offset == places.len() => Some(Place {
            column: last.column + 1,
            ..*last
        }),
        _ => None,
    }
}

/// The place of every character of a scalar's text, as far as it is folded from
/// lines and has no empty ones.
fn char_places(scalar: &Scalar, begin: Place, source: &str) -> Vec<Place> {
    let quote = matches!(
        scalar.style,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted
    );
    let mut places = Vec::new();
    let lines: Vec<_> = source.trim_end().split('\n').collect();
    for (i, line) in lines.iter().enumerate() {
        let mut chars: Vec<_> = line.chars().collect();
        if i + 1 < lines.len() || !quote {
            let kept = line.trim_end().chars().count();
            chars.truncate(kept);
        } else {
            chars.pop();
        }
        let mut next = match i {
            0 => usize::from(quote),
            _ => chars.iter().take_while(|c| c.is_whitespace()).count(),
        };
        let first = if i == 0 { begin.column } else { 1 };
        let place = |offset: usize| Place {
            line: begin.line + i,
            column: first + offset,
        };
        while next < chars.len() {
            places.push(place(next));
            next += written_length(scalar.style, chars.get(next..).unwrap_or_default());
        }
        if i + 1 < lines.len() {
            places.push(place(next));
        }
    }
    places
}

/// How many characters the first character of a quoted text takes.
fn written_length(style: ScalarStyle, rest: &[char]) -> usize {
    match (style, rest) {
        (ScalarStyle::SingleQuoted, ['\'', '\'', ..]) => 2,
        (ScalarStyle::DoubleQuoted, ['\\', 'x', ..]) => 4,
        // A character beyond 16 bits is two escapes in JSON.
        (
            ScalarStyle::DoubleQuoted,
            ['\\', 'u', 'd' | 'D', '8'..='9' | 'a'..='b' | 'A'..='B', ..],
        ) => 12,
        (ScalarStyle::DoubleQuoted, ['\\', 'u', ..]) => 6,
        (ScalarStyle::DoubleQuoted, ['\\', 'U', ..]) => 10,
        (ScalarStyle::DoubleQuoted, ['\\', ..]) => 2,
        _ => 1,
    }
}
