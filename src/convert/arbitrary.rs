//! Arbitrary models, for the property tests.

use proptest::prelude::*;

use crate::model::{Json, number};

/// Any JSON value, as it comes out of a message.
pub fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i32>().prop_map(|n| number(f64::from(n))),
        any::<f64>().prop_map(number),
        any::<String>().prop_map(Json::String),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::Array),
            object_of(inner).prop_map(Json::Object),
        ]
    })
}

/// Any JSON object.
pub fn object() -> impl Strategy<Value = serde_json::Map<String, Json>> {
    object_of(json())
}

fn object_of(
    inner: impl Strategy<Value = Json>,
) -> impl Strategy<Value = serde_json::Map<String, Json>> {
    prop::collection::vec((any::<String>(), inner), 0..4)
        .prop_map(|fields| fields.into_iter().collect())
}
