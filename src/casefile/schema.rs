//! A tree read by the schema of a message: what protobuf JSON would read, and
//! everything that it would not, with its place.
//!
//! Invariant: where nothing is told, the result is protobuf JSON of the
//! message. A part that cannot be read is told, left out and noted as refused;
//! items of a list keep their index.

use std::{collections::HashMap, rc::Rc};

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::{
    Fault,
    places::Places,
    scalar::{Meaning, meaning},
    single,
    suggest::nearest,
    tree::{Content, Node},
    value,
};
use crate::{convert::violation::quoted, model::Json, plan::Place};

/// Reads a node as a message. Paths are from the message on.
pub(super) fn read(
    node: &Rc<Node>,
    message: &MessageDescriptor,
    faults: &mut Vec<Fault>,
) -> (Json, Places) {
    let mut walk = Walk {
        faults,
        places: Places::new(node.at),
    };
    let json = walk.message(node, message, "");
    (json, walk.places)
}

/// One way through the tree of a message.
pub(super) struct Walk<'a> {
    faults: &'a mut Vec<Fault>,
    /// Where everything stands that was passed.
    pub places: Places,
}

impl Walk<'_> {
    /// The fields of a message; without those that cannot be read.
    fn message(&mut self, node: &Node, message: &MessageDescriptor, path: &str) -> Json {
        let mut object = serde_json::Map::new();
        let Content::Map(entries) = &node.content else {
            let first = message.fields().next();
            let first = first.as_ref().map_or("name", FieldDescriptor::name);
            self.wrong_kind(node, path, &format!("write fields, such as `{first}: …`"));
            return Json::Object(object);
        };
        let mut given = HashMap::new();
        let mut chosen: HashMap<String, FieldDescriptor> = HashMap::new();
        let mut unknown = Vec::new();
        for (key, value) in entries {
            let Some(name) = self.key(key, path) else {
                continue;
            };
            let by_name = message.get_field_by_name(name);
            let Some(field) = by_name.or_else(|| message.get_field_by_json_name(name)) else {
                unknown.push((key.at, name));
                continue;
            };
            let path = join(path, field.name());
            if let Some(first) = given.insert(field.number(), key.at) {
                self.twice(key.at, first, &path);
                continue;
            }
            let one_of = field.containing_oneof().filter(|one| !one.is_synthetic());
            if let Some(one_of) = one_of.filter(|_| !is_null(value)) {
                let name = one_of.name().to_owned();
                if let Some(first) = chosen.get(&name) {
                    let first = first.name();
                    let message = format!("`{first}` is given already; take one of them out");
                    self.refuse(key.at, &path, message);
                    continue;
                }
                chosen.insert(name, field.clone());
            }
            if let Some(json) = self.field(key.at, value, &field, &path) {
                object.insert(field.json_name().to_owned(), json);
            }
        }
        for (at, name) in unknown {
            self.unknown(at, name, message, path, |number| {
                given.contains_key(&number)
            });
        }
        Json::Object(object)
    }

    fn field(
        &mut self,
        key: Place,
        node: &Rc<Node>,
        field: &FieldDescriptor,
        path: &str,
    ) -> Option<Json> {
        let is_null = is_null(node);
        self.places
            .note(path, if is_null { key } else { node.at }, node);
        if is_null {
            None
        } else if field.is_map() {
            self.map(node, field, path)
        } else if field.is_list() {
            self.list(node, field, path)
        } else {
            self.single(node, &field.kind(), path)
        }
    }

    fn list(&mut self, node: &Node, field: &FieldDescriptor, path: &str) -> Option<Json> {
        let Content::List(items) = &node.content else {
            self.wrong_kind(node, path, "write a list: each item after `- `");
            return None;
        };
        // In a message an empty list cannot be told from none; here it can.
        if items.is_empty() && field.full_name() == "livecheck.v1.Signal.after" {
            self.refuse(
                node.at,
                path,
                "an empty list is the same as none, and the clock then starts after the \
                 needed signal before; write `at_start: true` for a clock that starts at \
                 the start, or take `after` out"
                    .to_owned(),
            );
            return None;
        }
        let kind = field.kind();
        let mut list = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            let path = format!("{path}[{i}]");
            self.places.note(&path, item.at, item);
            let json = if is_null(item) {
                self.refuse(item.at, &path, "an empty item; take it out".to_owned());
                None
            } else {
                self.single(item, &kind, &path)
            };
            list.push(json.unwrap_or_else(|| match kind {
                Kind::Message(_) => Json::Object(serde_json::Map::new()),
                _ => Json::String(String::new()),
            }));
        }
        Some(Json::Array(list))
    }

    fn map(&mut self, node: &Node, field: &FieldDescriptor, path: &str) -> Option<Json> {
        let Content::Map(entries) = &node.content else {
            self.wrong_kind(
                node,
                path,
                "write names with values, such as `team: orders`",
            );
            return None;
        };
        let kind = field.kind();
        let value_kind = kind.as_message()?.map_entry_value_field().kind();
        let mut given = HashMap::new();
        let mut object = serde_json::Map::new();
        for (key, value) in entries {
            let Some(name) = self.key(key, path) else {
                continue;
            };
            let path = format!("{path}[{}]", quoted(name));
            if let Some(first) = given.insert(name, key.at) {
                self.twice(key.at, first, &path);
                continue;
            }
            self.places.note(&path, value.at, value);
            if is_null(value) {
                let message = "has no value; write \"\" for an empty one".to_owned();
                self.refuse(key.at, &path, message);
            } else if let Some(json) = self.single(value, &value_kind, &path) {
                object.insert(name.to_owned(), json);
            }
        }
        Some(Json::Object(object))
    }

    fn single(&mut self, node: &Node, kind: &Kind, path: &str) -> Option<Json> {
        let scalar = match kind {
            Kind::Message(message) if value::is_json(message) => {
                return value::read(self, node, message, path);
            }
            Kind::Message(message) if message.full_name() != single::DURATION => {
                return Some(self.message(node, message, path));
            }
            _ => match &node.content {
                Content::Scalar(scalar) => scalar,
                _ => {
                    self.wrong_kind(node, path, &format!("write {}", single::wanted(kind)));
                    return None;
                }
            },
        };
        match single::read(scalar, kind) {
            Ok(json) => Some(json),
            Err(message) => {
                self.refuse(node.at, path, message);
                None
            }
        }
    }

    /// The text of a key.
    pub fn key<'n>(&mut self, key: &'n Node, path: &str) -> Option<&'n str> {
        match &key.content {
            Content::Scalar(scalar) if !matches!(meaning(scalar), Meaning::Null) => {
                Some(&scalar.text)
            }
            Content::Unreadable(fault) => {
                self.name_fault(*fault, path);
                None
            }
            _ => {
                let message = "a key is a plain name; write `name: value`".to_owned();
                self.refuse(key.at, path, message);
                None
            }
        }
    }

    fn unknown(
        &mut self,
        at: Place,
        name: &str,
        message: &MessageDescriptor,
        path: &str,
        is_given: impl Fn(u32) -> bool,
    ) {
        let fields: Vec<_> = message.fields().collect();
        let names = || fields.iter().map(FieldDescriptor::name);
        let meant = nearest(name, names());
        let instead = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if name == "<<" => "merge keys are not read; write the fields out".to_owned(),
            None => format!("known are {}", names().collect::<Vec<_>>().join(", ")),
        };
        let plain = name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        let shown = if plain { name } else { &quoted(name) };
        self.fault(at, &join(path, shown), format!("no such field; {instead}"));

        // That it is missing is not to be told too.
        let meant = meant.and_then(|meant| message.get_field_by_name(meant));
        if let Some(field) = meant.filter(|field| !is_given(field.number())) {
            self.places.refuse(&join(path, field.name()));
            if let Some(one_of) = field.containing_oneof() {
                self.places.refuse(&join(path, one_of.name()));
            }
        }
    }

    pub fn twice(&mut self, at: Place, first: Place, path: &str) {
        let message = format!("is written on line {} already; keep one", first.line);
        self.refuse(at, path, message);
    }

    /// Tells that a list, fields or a single value stands where something else
    /// is wanted.
    pub fn wrong_kind(&mut self, node: &Node, path: &str, instead: &str) {
        let is = match &node.content {
            Content::Unreadable(fault) => {
                self.name_fault(*fault, path);
                self.places.refuse(path);
                return;
            }
            Content::Scalar(scalar) => match meaning(scalar) {
                Meaning::Null => "nothing".to_owned(),
                Meaning::Bool(value) => value.to_string(),
                Meaning::Number(text, _) => text.to_owned(),
                Meaning::Text(text) => quoted(text),
            },
            Content::List(_) => "a list".to_owned(),
            Content::Map(_) => "fields".to_owned(),
        };
        self.refuse(node.at, path, format!("is {is}; {instead}"));
    }

    /// Tells what is wrong with a field; no more is then told about it.
    pub fn refuse(&mut self, at: Place, path: &str, message: String) {
        self.places.refuse(path);
        self.fault(at, path, message);
    }

    fn fault(&mut self, at: Place, path: &str, message: String) {
        self.faults.push(Fault {
            at,
            field: path.to_owned(),
            message,
        });
    }

    /// Says at which field something stands that was told without it.
    fn name_fault(&mut self, fault: usize, path: &str) {
        if let Some(fault) = self.faults.get_mut(fault) {
            path.clone_into(&mut fault.field);
        }
    }
}

pub(super) fn is_null(node: &Node) -> bool {
    matches!(&node.content, Content::Scalar(scalar) if meaning(scalar) == Meaning::Null)
}

fn join(path: &str, field: &str) -> String {
    match path {
        "" => field.to_owned(),
        _ => format!("{path}.{field}"),
    }
}
