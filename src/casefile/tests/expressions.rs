//! What is told about expressions, and where.

use super::check;
use crate::casefile::parse;

const FIELD: &str = "signals[0].expect[0].expression";

/// A case with one expression, at line 5 and column 17.
fn with_expression(written: &str) -> String {
    format!("name: a\nsignals:\n- name: b\n  expect:\n  - expression: {written}\n    id: c\n")
}

#[test]
fn expressions_are_told_where_they_are_wrong() {
    for (written, expected) in [
        ("value.a == == 1", "5:28"),
        ("'value.a == == 1'", "5:29"),
        // Escapes take more room in the file than in the text.
        ("'value.a == ''x'' == == 1'", "5:38"),
        (r#""value.a == \"x\" \u003d= == 1""#, "5:43"),
        ("value.a == 'é' == == 1", "5:35"),
        // Lines that are kept, and lines that are folded.
        ("|-\n\n      value.a ==\n        == 1", "8:9"),
        (">-\n      value.a ==\n      == 1", "7:7"),
        ("value.a ==\n      == 1", "6:7"),
        ("'value.a ==\n      == 1'", "6:7"),
    ] {
        let expected = format!("{expected}: {FIELD}: …");
        check(&with_expression(written), &[&expected]);
    }
}

#[test]
fn traps_of_yaml_are_told() {
    let tag = "is read as a YAML tag, and tags have no meaning here; put an expression that \
               begins with ! in quotes";
    let comment = "; what follows # is a comment: put the expression in quotes";
    for (written, expected) in [
        (
            "!has(value.x)",
            format!("5:17: {FIELD}: \"!has(value.x)\" {tag}"),
        ),
        (
            "!(value.x && value.y)",
            format!("5:17: {FIELD}: \"!(value.x\" {tag}"),
        ),
        ("! value.x", format!("5:17: {FIELD}: \"!\" {tag}")),
        ("!!str [value.x]", format!("5:17: {FIELD}: \"!!str\" {tag}")),
        (
            "",
            format!("5:5: {FIELD}: is empty; write a CEL expression"),
        ),
        (
            "~",
            format!("5:5: {FIELD}: is empty; write a CEL expression"),
        ),
        (
            "''",
            format!("5:17: {FIELD}: is empty; write a CEL expression"),
        ),
        (
            "# true",
            format!("5:5: {FIELD}: is empty; write a CEL expression{comment}"),
        ),
        (
            "true",
            format!("5:17: {FIELD}: is true, not a text; write \"true\""),
        ),
        (
            "*value.x",
            format!(
                "5:17: {FIELD}: no anchor \"value.x\" stands before it; \
                 a text that begins with * needs quotes"
            ),
        ),
    ] {
        check(&with_expression(written), &[&expected]);
    }
    // What a comment cuts off is told; an expression that is whole is not cut.
    let cut = parse("f", with_expression("value.a == # 1").as_bytes()).expect_err("cut");
    assert!(cut[0].message.ends_with(comment), "{cut:?}");
    check(&with_expression("value.a == 1 # one"), &[]);
    check(&with_expression("value.a == '#1'"), &[]);
}
