//! The rules of names and short texts that clients choose.
//!
//! Invariant: what passes can be shown on one line and stored; what does not is
//! described in words that say the rule.

use std::collections::BTreeMap;

use tonic::Code;

use super::violation::{Violations, quoted};

/// Longest name of a signal, in bytes.
pub const MAX_SIGNAL_NAME_BYTES: usize = 128;
/// Longest name of a case, in bytes.
pub const MAX_CASE_NAME_BYTES: usize = 256;
/// Longest id of an execution or of a signal, in bytes.
pub const MAX_ID_BYTES: usize = 256;
/// Most labels of a case or of an execution.
pub const MAX_LABELS: usize = 64;
/// Longest name of a label, in bytes.
pub const MAX_LABEL_NAME_BYTES: usize = 128;
/// Longest value of a label, in bytes.
pub const MAX_LABEL_VALUE_BYTES: usize = 1024;

/// Checks the name of a signal: ASCII letters, digits, `_`, `.` and `-`.
pub fn check_signal_name(name: &str, bad: &mut Violations) -> bool {
    if !check_filled(name, MAX_SIGNAL_NAME_BYTES, bad) {
        return false;
    }
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    if name.bytes().all(fits) {
        return true;
    }
    bad.add(format!(
        "{} must be made of ASCII letters, digits, '_', '.' and '-'",
        quoted(name)
    ));
    false
}

/// Checks the name of a case: not empty, printable.
pub fn check_case_name(name: &str, bad: &mut Violations) -> bool {
    check_filled(name, MAX_CASE_NAME_BYTES, bad) && check_printable(name, bad)
}

/// Checks the id of an execution: not empty, printable.
pub fn check_id(id: &str, bad: &mut Violations) -> bool {
    check_filled(id, MAX_ID_BYTES, bad) && check_printable(id, bad)
}

/// Checks the id that a sender gave a signal; empty is none.
pub fn check_signal_id(id: &str, bad: &mut Violations) -> bool {
    check_length(id, MAX_ID_BYTES, bad) && check_printable(id, bad)
}

/// Checks labels, `field` being their field.
pub fn check_labels(field: &str, labels: &BTreeMap<String, String>, bad: &mut Violations) -> bool {
    if labels.len() > MAX_LABELS {
        bad.add_to(
            field,
            format!("has {} labels; at most {MAX_LABELS}", labels.len()),
        );
        return false;
    }
    let before = bad.len();
    for (name, value) in labels {
        let mut bad = bad.entry(field, name);
        if name.is_empty() {
            bad.add("a label must have a name");
        } else if name.len() > MAX_LABEL_NAME_BYTES {
            bad.add(format!(
                "its name is {} bytes long; at most {MAX_LABEL_NAME_BYTES}",
                name.len()
            ));
        } else {
            check_printable(name, &mut bad);
        }
        check_length(value, MAX_LABEL_VALUE_BYTES, &mut bad);
    }
    bad.len() == before
}

/// Checks that a text is not too long.
pub fn check_length(text: &str, max_bytes: usize, bad: &mut Violations) -> bool {
    if text.len() <= max_bytes {
        return true;
    }
    bad.add(format!("is {} bytes long; at most {max_bytes}", text.len()));
    false
}

/// Checks that a text is given and not too long.
fn check_filled(text: &str, max_bytes: usize, bad: &mut Violations) -> bool {
    if text.is_empty() {
        bad.add("must be set");
        return false;
    }
    check_length(text, max_bytes, bad)
}

/// Checks that a text shows on one line: no control characters, and no white
/// space but the plain space.
fn check_printable(text: &str, bad: &mut Violations) -> bool {
    let hidden = |c: char| c.is_control() || (c.is_whitespace() && c != ' ');
    match text.chars().find(|c| hidden(*c)) {
        None => true,
        Some(c) => {
            bad.add(format!(
                "{} must be printable, but has {c:?} in it",
                quoted(text)
            ));
            false
        }
    }
}

/// A code as the gRPC documentation writes it.
pub fn grpc_code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: fn(&str, &mut Violations) -> bool, text: &str) -> String {
        let mut bad = Violations::new();
        let passed = rule(text, &mut bad);
        assert_eq!(passed, bad.is_empty(), "{text:?}");
        bad.to_string()
    }

    #[test]
    fn signal_names() {
        let long = "x".repeat(129);
        for (name, expected) in [
            ("order_sent.to-db2", ""),
            (&long[..128], ""),
            ("", "must be set"),
            (&long, "is 129 bytes long; at most 128"),
            (
                "a b",
                "\"a b\" must be made of ASCII letters, digits, '_', '.' and '-'",
            ),
            (
                "café",
                "\"café\" must be made of ASCII letters, digits, '_', '.' and '-'",
            ),
        ] {
            assert_eq!(check(check_signal_name, name), expected, "{name:?}");
        }
    }

    #[test]
    fn case_names_and_ids() {
        let long = "é".repeat(129);
        for (name, expected) in [
            ("examples.livecheck.Test order", ""),
            ("café.測試", ""),
            (&long[..256], ""),
            ("", "must be set"),
            (&long, "is 258 bytes long; at most 256"),
            ("a\nb", r#""a\nb" must be printable, but has '\n' in it"#),
            (
                "a\u{2028}b",
                r#""a\u{2028}b" must be printable, but has '\u{2028}' in it"#,
            ),
        ] {
            assert_eq!(check(check_case_name, name), expected, "{name:?}");
            assert_eq!(check(check_id, name), expected, "{name:?}");
        }
        assert_eq!(check(check_signal_id, ""), "");
        assert_eq!(
            check(check_signal_id, &long),
            "is 258 bytes long; at most 256"
        );
    }

    #[test]
    fn labels() {
        let check = |labels: &[(&str, String)]| {
            let labels = labels
                .iter()
                .map(|(k, v)| ((*k).to_owned(), v.clone()))
                .collect();
            let mut bad = Violations::new();
            check_labels("labels", &labels, &mut bad);
            bad.to_string()
        };
        assert_eq!(
            check(&[("team", "a\nb".into()), ("x", "y".repeat(1024))]),
            ""
        );
        assert_eq!(
            check(&[
                ("", "v".into()),
                ("a\n", "v".into()),
                ("b", "v".repeat(1025))
            ]),
            "labels[\"\"]: a label must have a name; \
             labels[\"a\\n\"]: \"a\\n\" must be printable, but has '\\n' in it; \
             labels[\"b\"]: is 1025 bytes long; at most 1024"
        );

        let many: BTreeMap<_, _> = (0..65).map(|i| (i.to_string(), String::new())).collect();
        let mut bad = Violations::new();
        assert!(!check_labels("labels", &many, &mut bad));
        assert_eq!(bad.to_string(), "labels: has 65 labels; at most 64");
    }
}
