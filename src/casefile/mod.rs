//! Case files: cases written in YAML or JSON.
//!
//! A file is the protobuf JSON mapping of `Case`: one case, a list of cases, or
//! several documents of either. Invariant: a file is taken whole or not at all,
//! and everything that is wrong with it is told at once, with line and column.

mod places;
mod scalar;
mod schema;
mod single;
mod suggest;
#[cfg(test)]
mod tests;
mod tree;
mod value;

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    rc::Rc,
    thread,
};

use crate::{
    contract::STACK_SIZE,
    convert::{json, violation::quoted},
    model::{Case, Json},
    pb::v1,
    plan::{self, CaseViolation, Place},
};
use places::Places;
use tree::{Content, Node};

/// Longest file, in bytes: the largest descriptor set of a probe fits, in base64.
pub const MAX_FILE_BYTES: usize = 2 * 1024 * 1024;

/// Full name of the message that a file holds.
const CASE: &str = "livecheck.v1.Case";

/// A case of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseDocument {
    /// The case.
    pub case: Case,
    /// The same as a message, to apply it.
    pub pb: v1::Case,
    /// Line of the file at which it begins, from 1.
    pub line: usize,
}

/// Something that is wrong with a file. Its text is
/// `path:line:column: field: what is wrong; what to write`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct FileError {
    /// The file, as its reader calls it.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Path of the field from its case on, such as `signals[2].timeout`; empty
    /// if it is no field.
    pub field: String,
    /// What is wrong and what to write instead; without a full stop.
    pub message: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FileError {
            path,
            line,
            column,
            field,
            message,
        } = self;
        write!(f, "{path}:{line}:{column}: ")?;
        if !field.is_empty() {
            write!(f, "{field}: ")?;
        }
        f.write_str(message)
    }
}

/// Reads the cases of a file, in its order; `path` is what errors call it, and
/// one that ends in `.json` is held to JSON. Errors are in the order of the
/// file, and at least one.
pub fn parse(path: &str, text: &[u8]) -> Result<Vec<CaseDocument>, Vec<FileError>> {
    // Expressions need a deep stack.
    let read = thread::scope(|scope| {
        let reader = thread::Builder::new().stack_size(STACK_SIZE);
        let reader = reader.spawn_scoped(scope, || read(path, text));
        reader.map(thread::ScopedJoinHandle::join)
    });
    let found = match read {
        Ok(Ok(Ok(cases))) => return Ok(cases),
        Ok(Ok(Err(found))) => found,
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        Err(error) => vec![Fault::new(
            START,
            format!("no thread can be started to read it: {error}"),
        )],
    };
    Err(found
        .into_iter()
        .map(|Fault { at, field, message }| FileError {
            path: path.to_owned(),
            line: at.line,
            column: at.column,
            field,
            message,
        })
        .collect())
}

/// Something that is wrong, before it is known with which file.
#[derive(Debug)]
struct Fault {
    at: Place,
    field: String,
    message: String,
}

impl Fault {
    fn new(at: Place, message: String) -> Self {
        Fault {
            at,
            field: String::new(),
            message,
        }
    }
}

/// The first character of a file.
const START: Place = Place { line: 1, column: 1 };

fn read(path: &str, text: &[u8]) -> Result<Vec<CaseDocument>, Vec<Fault>> {
    let text = decode(text).map_err(|fault| vec![fault])?;
    if path.to_lowercase().ends_with(".json") {
        check_json(text).map_err(|fault| vec![fault])?;
    }
    let mut faults = Vec::new();
    let documents = tree::read(text, &mut faults);
    let nothing_told = faults.is_empty();
    let mut reader = Reader {
        text,
        faults,
        cases: Vec::new(),
        names: HashMap::new(),
    };
    let mut found = 0_usize;
    for node in cases(&documents) {
        reader.case(node);
        found += 1;
    }
    if found == 0 && nothing_told {
        let message = "the file holds no case; write one, such as `name: orders.checkout`";
        reader.faults.push(Fault::new(START, message.to_owned()));
    }

    let Reader {
        mut faults, cases, ..
    } = reader;
    if faults.is_empty() {
        return Ok(cases);
    }
    faults.sort_by_key(|fault| (fault.at.line, fault.at.column));
    Err(faults)
}

/// The text of a file that is not too long and is UTF-8.
fn decode(bytes: &[u8]) -> Result<&str, Fault> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(Fault::new(
            START,
            format!(
                "the file is {} bytes long; at most {MAX_FILE_BYTES}, divide it",
                bytes.len()
            ),
        ));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let message = "the file is UTF-16; save it as UTF-8".to_owned();
        return Err(Fault::new(START, message));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let valid = String::from_utf8_lossy(valid);
        Fault::new(
            end_of(&valid),
            "the file is not UTF-8 from here on; save it as UTF-8".to_owned(),
        )
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn check_json(text: &str) -> Result<(), Fault> {
    let Err(error) = serde_json::from_str::<Json>(text) else {
        return Ok(());
    };
    // The parser counts bytes and puts its place behind the text.
    let full = error.to_string();
    let message = full.split(" at line ").next().unwrap_or_default();
    let line = text.split('\n').nth(error.line().saturating_sub(1));
    let before = line.unwrap_or_default().as_bytes();
    let before = before
        .get(..error.column().saturating_sub(1))
        .unwrap_or(before);
    Err(Fault::new(
        Place {
            line: error.line().max(1),
            column: String::from_utf8_lossy(before).chars().count() + 1,
        },
        format!("no JSON: {message}"),
    ))
}

/// The place behind a text.
fn end_of(text: &str) -> Place {
    let last = text.rsplit('\n').next().unwrap_or_default();
    Place {
        line: text.matches('\n').count() + 1,
        column: last.chars().count() + 1,
    }
}

/// The cases of documents, of which each is a case, a list of them, or empty.
fn cases(documents: &[Rc<Node>]) -> impl Iterator<Item = &Rc<Node>> {
    documents
        .iter()
        .flat_map(|document| match &document.content {
            Content::List(items) => items.as_slice(),
            _ if schema::is_null(document) => &[],
            _ => std::slice::from_ref(document),
        })
}

struct Reader<'a> {
    text: &'a str,
    faults: Vec<Fault>,
    cases: Vec<CaseDocument>,
    /// Line of each case by its name.
    names: HashMap<String, usize>,
}

impl Reader<'_> {
    fn case(&mut self, node: &Rc<Node>) {
        let Some(message) = json::descriptors().get_message_by_name(CASE) else {
            let message = format!("the schemas of this program have no {CASE}");
            self.faults.push(Fault::new(node.at, message));
            return;
        };
        let before = self.faults.len();
        let (json, places) = schema::read(node, &message, &mut self.faults);
        let pb: v1::Case = match json::from_json(CASE, &json) {
            Ok(pb) => pb,
            Err(_) if self.faults.len() > before => return,
            Err(error) => {
                self.faults.push(Fault::new(node.at, error.to_string()));
                return;
            }
        };
        self.check_name(&pb.name, &places);
        match plan::check(pb.clone()) {
            Ok(plan) => self.cases.push(CaseDocument {
                case: Case::clone(plan.case()),
                pb,
                line: node.at.line,
            }),
            Err(violations) => {
                let told = violations
                    .into_iter()
                    .filter(|violation| !places.is_refused(&violation.field))
                    .map(|violation| fault(violation, &places, self.text));
                self.faults.extend(told);
            }
        }
    }

    fn check_name(&mut self, name: &str, places: &Places) {
        if name.is_empty() {
            return;
        }
        let at = places.of("name");
        match self.names.entry(name.to_owned()) {
            Entry::Vacant(entry) => {
                entry.insert(at.line);
            }
            Entry::Occupied(first) => self.faults.push(Fault {
                at,
                field: "name".to_owned(),
                message: format!(
                    "{} is the name of the case on line {} already",
                    quoted(name),
                    first.get()
                ),
            }),
        }
    }
}

/// What is wrong with a case, at its place in the file.
fn fault(violation: CaseViolation, places: &Places, file: &str) -> Fault {
    let CaseViolation {
        field,
        description: mut message,
        at: within,
    } = violation;
    let begin = places.of(&field);
    let mut at = begin;
    if let Some(scalar) = places.scalar(&field) {
        if let Some(within) = within {
            match places::in_file(scalar, begin, within, file) {
                Some(place) => at = place,
                None => {
                    let Place { line, column } = within;
                    message = format!("line {line}, column {column} of it: {message}");
                }
            }
        }
        let is_expression = field.ends_with(".expression") || field.ends_with(".key");
        if is_expression && places::is_cut_by_comment(scalar, file) {
            message.push_str("; what follows # is a comment: put the expression in quotes");
        }
    }
    Fault { at, field, message }
}
