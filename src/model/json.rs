/// Any JSON value. Numbers are doubles, as in JSON and in protobuf's `Value`;
/// [`number`] keeps equal ones equal.
pub type Json = serde_json::Value;

/// The largest integer up to which every integer is a double: 2^53 − 1.
pub const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// The JSON number of a double: an integer where it is one, so that `17` and
/// `17.0` are one value and print as `17`. NaN and the infinities, which JSON
/// does not have, are null.
pub fn number(double: f64) -> Json {
    if double.fract() == 0.0 && double.abs() <= MAX_SAFE_INTEGER {
        Json::from(double as i64)
    } else {
        serde_json::Number::from_f64(double).map_or(Json::Null, Json::Number)
    }
}

/// A value as compact JSON, cut to `max_chars` characters with an ellipsis.
pub fn json_text(value: &Json, max_chars: usize) -> String {
    let text = value.to_string();
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Bytes that a value takes in memory, about.
pub fn value_size(value: &Json) -> usize {
    const EACH: usize = size_of::<Json>();
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => EACH,
        Json::String(text) => EACH + text.len(),
        Json::Array(items) => EACH + items.iter().map(value_size).sum::<usize>(),
        Json::Object(fields) => {
            EACH + fields
                .iter()
                .map(|(name, value)| EACH + name.len() + value_size(value))
                .sum::<usize>()
        }
    }
}
