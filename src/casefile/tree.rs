//! The text of a file as a tree with places.
//!
//! Invariant: the tree is bounded. It is at most [`MAX_DEPTH`] deep, and what
//! aliases repeat weighs at most [`MAX_REPEATED`], however they are nested.

use std::{collections::HashMap, ops::Range, rc::Rc};

use granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, options};

use super::Fault;
use crate::{convert::violation::quoted, plan::Place};

/// Deepest nesting that is read; a case needs eight levels.
pub(super) const MAX_DEPTH: usize = 32;
/// Most that the aliases of a file may repeat, all together: bytes of text, and
/// [`NODE`] for every node.
const MAX_REPEATED: usize = 1024 * 1024;
/// Weight of a node besides its text.
const NODE: usize = 8;

/// A part of a file.
#[derive(Debug)]
pub(super) struct Node {
    /// Where it begins.
    pub at: Place,
    /// What it is.
    pub content: Content,
    /// Its weight with all that is in it, repeated parts counted again.
    weight: usize,
    /// How many levels it has, itself included.
    depth: usize,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Content {
    /// A text, a number and the like.
    Scalar(Scalar),
    /// A list.
    List(Vec<Rc<Node>>),
    /// Keys with their values, in the order of the file.
    Map(Vec<(Rc<Node>, Rc<Node>)>),
    /// Something that cannot be read, and the index of the fault that says why.
    Unreadable(usize),
}

/// A scalar as it is written.
#[derive(Debug)]
pub(super) struct Scalar {
    /// Its text, escapes resolved and lines folded.
    pub text: String,
    /// How it is written.
    pub style: ScalarStyle,
    /// Its bytes in the file.
    pub source: Range<usize>,
}

/// Reads the documents of a file, one node each. A document that is no YAML is
/// told in `faults` and left out; the ones after it are read.
pub(super) fn read(text: &str, faults: &mut Vec<Fault>) -> Vec<Rc<Node>> {
    let mut options = options! {
        emit_unresolved_aliases: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    options.set_emit_comments(false);
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut builder = Builder {
        text,
        faults,
        documents: Vec::new(),
        open: Vec::new(),
        anchors: HashMap::new(),
        repeated: 0,
    };
    while let Some(next) = parser.next_event() {
        let error = match next {
            Ok((event, span)) => {
                builder.take(event, span);
                continue;
            }
            Err(error) => error,
        };
        builder.broken(&error);
        // The documents after it can still be read.
        if !parser.proceed_next_document().unwrap_or(false) {
            break;
        }
    }
    builder.documents
}

/// A list or a map that is not complete.
struct Open {
    at: Place,
    anchor: usize,
    fault: Option<usize>,
    children: Vec<Rc<Node>>,
}

struct Builder<'a> {
    text: &'a str,
    faults: &'a mut Vec<Fault>,
    documents: Vec<Rc<Node>>,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    repeated: usize,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let weight = text.len().saturating_add(NODE);
                let content = match tag {
                    Some(_) => Content::Unreadable(self.tagged(&span)),
                    None => Content::Scalar(Scalar {
                        text: text.into_owned(),
                        style,
                        source: span.byte_range().unwrap_or_default(),
                    }),
                };
                let node = Node {
                    at: place(span.start),
                    content,
                    weight,
                    depth: 1,
                };
                self.add(node, anchor);
            }
            Event::SequenceStart(_, anchor, tag) | Event::MappingStart(_, anchor, tag) => {
                let fault = tag.map(|_| self.tagged(&span));
                self.open.push(Open {
                    at: place(span.start),
                    anchor,
                    fault,
                    children: Vec::new(),
                });
            }
            Event::SequenceEnd => self.close(Content::List),
            Event::MappingEnd => self.close(|children| {
                let mut children = children.into_iter();
                let mut entries = Vec::new();
                while let (Some(key), Some(value)) = (children.next(), children.next()) {
                    entries.push((key, value));
                }
                Content::Map(entries)
            }),
            Event::Alias(id) => self.alias(id, &span),
            Event::UnresolvedAlias(name) => {
                let message = format!(
                    "no anchor {} stands before it; a text that begins with * needs quotes",
                    quoted(&name)
                );
                self.unreadable(&span, message);
            }
            // Begins and ends of documents, and what is not asked for.
            _ => {}
        }
    }

    /// Puts the anchored node in the place of its alias.
    fn alias(&mut self, id: usize, span: &Span) {
        let Some(node) = self.anchors.get(&id).map(Rc::clone) else {
            self.unreadable(span, "an alias inside its own anchor never ends".to_owned());
            return;
        };
        let repeated = self.repeated.saturating_add(node.weight);
        if repeated > MAX_REPEATED || self.open.len() + node.depth > MAX_DEPTH {
            let message = "the aliases of the file repeat too much; write it out, \
                           or divide it among files";
            self.unreadable(span, message.to_owned());
            return;
        }
        self.repeated = repeated;
        self.place(node);
    }

    fn close(&mut self, content: impl FnOnce(Vec<Rc<Node>>) -> Content) {
        let Some(open) = self.open.pop() else {
            return;
        };
        let weights = open.children.iter().map(|child| child.weight);
        let weight = weights.fold(NODE, usize::saturating_add);
        let deepest = open.children.iter().map(|child| child.depth).max();
        let depth = deepest.unwrap_or_default().saturating_add(1);
        let content = match open.fault {
            Some(fault) => Content::Unreadable(fault),
            None => content(open.children),
        };
        let node = Node {
            at: open.at,
            content,
            weight,
            depth,
        };
        self.add(node, open.anchor);
    }

    fn add(&mut self, node: Node, anchor: usize) {
        let node = Rc::new(node);
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.place(node);
    }

    fn place(&mut self, node: Rc<Node>) {
        match self.open.last_mut() {
            Some(open) => open.children.push(node),
            None => self.documents.push(node),
        }
    }

    fn unreadable(&mut self, span: &Span, message: String) {
        let at = place(span.start);
        let content = Content::Unreadable(self.faults.len());
        self.faults.push(Fault::new(at, message));
        self.place(Rc::new(Node {
            at,
            content,
            weight: NODE,
            depth: 1,
        }));
    }

    /// Refuses a tag: in a case file it is an expression that begins with `!`.
    /// Returns the index of the fault.
    fn tagged(&mut self, span: &Span) -> usize {
        let index = self.faults.len();
        let tag = span.tag_span();
        let written = tag.and_then(|tag| tag.slice(self.text)).unwrap_or("!");
        self.faults.push(Fault::new(
            place(span.tag_start().unwrap_or(span.start)),
            format!(
                "{} is read as a YAML tag, and tags have no meaning here; \
                 put an expression that begins with ! in quotes",
                quoted(written)
            ),
        ));
        index
    }

    /// Tells why a document is no YAML, and gives it up.
    fn broken(&mut self, error: &ScanError) {
        self.open.clear();
        let at = place(*error.marker());
        let info = error.info();
        let offset = error.marker().byte_offset();
        let line = offset.and_then(|offset| line_around(self.text, offset));
        let hint = line.map_or("", |line| hint(line, &info));
        self.faults.push(Fault::new(at, format!("{info}{hint}")));
    }
}

/// What helps with the usual mistakes of a line that is no YAML.
fn hint(line: &str, info: &str) -> &'static str {
    let field = line.trim_start_matches([' ', '-', '"']);
    if field.starts_with("expression") || field.starts_with("key") {
        "; put the expression in single quotes, or on a line of its own after |-"
    } else if info.contains("tab") {
        "; indent with spaces"
    } else if info.contains("mapping values are not allowed") {
        "; a text with a colon in it needs quotes, and fields of one level the same indentation"
    } else {
        ""
    }
}

/// The line that an offset is in.
fn line_around(text: &str, offset: usize) -> Option<&str> {
    let begin = text.get(..offset)?.rfind('\n').map_or(0, |end| end + 1);
    text.get(begin..)?.lines().next()
}

fn place(marker: Marker) -> Place {
    Place {
        line: marker.line().max(1),
        column: marker.col().saturating_add(1),
    }
}
