//! What the clients that speak JSON have in common.

use serde_json::Value;

use crate::refusals::Refusal;

/// A client that calls methods by their names and takes messages as JSON.
pub trait JsonClient {
    /// Calls a method that answers OK, with one message or, where it takes a
    /// stream, several.
    async fn call(&self, method: &str, headers: &[(String, String)], requests: &[Value]) -> Answer;

    /// Calls a method that refuses.
    async fn refused(&self, method: &str, request: &Value) -> Refusal;
}

/// What a client shows of an answer.
pub struct Answer {
    /// The response headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    pub messages: Vec<Value>,
}

/// The JSON documents of a text, one after another.
pub fn documents(text: &str) -> Vec<Value> {
    let documents = serde_json::Deserializer::from_str(text).into_iter();
    let documents: Result<_, _> = documents.collect();
    documents.unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Several messages as one input.
pub fn input(requests: &[Value]) -> String {
    requests
        .iter()
        .map(|request| format!("{request}\n"))
        .collect()
}
