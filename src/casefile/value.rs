//! Parts of a file that may be any JSON: arguments and requests of probes.
//!
//! Invariant: what is read is the JSON that is written. A number that JSON's
//! doubles would change is told, and so is a name that stands twice.

use std::collections::HashMap;

use prost_reflect::MessageDescriptor;

use super::{
    scalar::{Meaning, integer, meaning},
    schema::Walk,
    tree::{Content, Node, Scalar},
};
use crate::{
    convert::violation::quoted,
    model::{Json, MAX_SAFE_INTEGER, number},
};

const LIST: &str = "google.protobuf.ListValue";
const OBJECT: &str = "google.protobuf.Struct";
const VALUE: &str = "google.protobuf.Value";

/// Whether a message is written as the JSON that it holds.
pub(super) fn is_json(message: &MessageDescriptor) -> bool {
    matches!(message.full_name(), LIST | OBJECT | VALUE)
}

/// Reads a node as such a message.
pub(super) fn read(
    walk: &mut Walk<'_>,
    node: &Node,
    message: &MessageDescriptor,
    path: &str,
) -> Option<Json> {
    match (message.full_name(), &node.content) {
        (LIST, Content::List(_)) | (OBJECT, Content::Map(_)) | (VALUE, _) => json(walk, node, path),
        (LIST, _) => {
            walk.wrong_kind(node, path, "write a list: each item after `- `");
            None
        }
        _ => {
            walk.wrong_kind(node, path, "write names with values, such as `side: sell`");
            None
        }
    }
}

fn json(walk: &mut Walk<'_>, node: &Node, path: &str) -> Option<Json> {
    match &node.content {
        Content::Scalar(scalar) => match plain(scalar) {
            Ok(json) => Some(json),
            Err(message) => {
                walk.refuse(node.at, path, message);
                None
            }
        },
        Content::List(items) => {
            let mut list = Vec::with_capacity(items.len());
            for (i, item) in items.iter().enumerate() {
                let path = format!("{path}[{i}]");
                walk.places.note(&path, item.at, item);
                list.extend(json(walk, item, &path));
            }
            Some(Json::Array(list))
        }
        Content::Map(entries) => {
            let mut given = HashMap::new();
            let mut object = serde_json::Map::new();
            for (key, value) in entries {
                let Some(name) = walk.key(key, path) else {
                    continue;
                };
                let path = format!("{path}[{}]", quoted(name));
                if let Some(first) = given.insert(name, key.at) {
                    walk.twice(key.at, first, &path);
                    continue;
                }
                walk.places.note(&path, value.at, value);
                if let Some(json) = json(walk, value, &path) {
                    object.insert(name.to_owned(), json);
                }
            }
            Some(Json::Object(object))
        }
        Content::Unreadable(_) => {
            // It says by itself what is wrong.
            walk.wrong_kind(node, path, "");
            None
        }
    }
}

/// A scalar as JSON, or what to write instead.
fn plain(scalar: &Scalar) -> Result<Json, String> {
    let (text, double) = match meaning(scalar) {
        Meaning::Null => return Ok(Json::Null),
        Meaning::Bool(value) => return Ok(Json::Bool(value)),
        Meaning::Text(text) => return Ok(Json::from(text)),
        Meaning::Number(text, double) => (text, double),
    };
    if !double.is_finite() {
        return Err(format!("{text} is no number of JSON; write \"{text}\""));
    }
    if double.abs() > MAX_SAFE_INTEGER && integer(text, double).is_some() {
        return Err(format!(
            "{text} is beyond ±(2^53 − 1), where different numbers become the same; write \
             \"{text}\""
        ));
    }
    Ok(number(double))
}
