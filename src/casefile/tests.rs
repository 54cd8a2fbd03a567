mod expressions;
mod fields;
mod health;

use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// Checks what is told about a file, line by line and without `cases.yaml:`. An
/// expected line that ends in `…` is the beginning of one.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    check_file("cases.yaml", text.as_bytes(), expected);
}

#[track_caller]
fn check_file(path: &str, text: &[u8], expected: &[&str]) {
    let told: Vec<String> = match parse(path, text) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(FileError::to_string).collect(),
    };
    let told: Vec<_> = told
        .iter()
        .map(|line| line.strip_prefix(&format!("{path}:")).unwrap_or(line))
        .map(|line| {
            match expected
                .iter()
                .find_map(|e| line.strip_prefix(e.strip_suffix('…')?))
            {
                Some(rest) => format!("{}…", line.strip_suffix(rest).unwrap_or(line)),
                None => line.to_owned(),
            }
        })
        .collect();
    assert_eq!(told, expected, "{}", String::from_utf8_lossy(text));
}

#[track_caller]
fn good(path: &str, text: &str) -> Vec<CaseDocument> {
    match parse(path, text.as_bytes()) {
        Ok(cases) => cases,
        Err(errors) => panic!("{errors:#?}"),
    }
}

const DESIGNED: &str = "\
name: orders.test_order
probability: 0.5
signals:
  - name: order_sent_to_db
    timeout: 30s
    expect:
      - expression: value.id == execution.id
      - expression: value.side == execution.kwargs.side
        message: the side of the order changed on its way
  - name: order_sent_to_kafka
  - name: order_cache_in_redis
  - name: order_executed
    within: 60s
contracts:
  - expression: signals.order_executed.at > signals.order_sent_to_db.at
";

/// What may follow in it.
const PROBE: &str = "\
probe:
  frequency: 30s
  http: {url: \"http://orders/health\", headers: {a: b}}
  test_args: [1, [2.5, ~], true]
  test_kwargs:
    order: {lines: [{n: 1}], note: 'none'}
    9007199254740991: -0x1f
";

#[test]
fn the_designed_file() {
    let cases = good("cases.yaml", DESIGNED);
    assert_eq!(cases.len(), 1);
    let case = &cases[0].case;
    assert_eq!(case.name, "orders.test_order");
    assert_eq!(case.signals.len(), 4);
    assert_eq!(case.signals[3].within, Some(Duration::from_secs(60)));
    assert_eq!(cases[0].line, 1);
}

#[test]
fn every_field_in_both_languages() {
    let yaml = "\
# Comments may stand anywhere.
name: 'orders.full'   # and here
description: >
  The way of an order,
  in short.
labels: {team: orders, \"tier\": '1'}
active: false
probability: 0.25
test_expires: 7200.5s
revision: '9007199254740993'
signals:
- name: sent
  atStart: true
  min: 2
  max: 3.0
  timeout: 0.000000001s
- name: paid
  after:
  - sent
  within: \"60s\"
  key: execution.kwargs.order
  expect:
  - expression: |
      value.amount > 0 &&
        value.ok
    id: amount
    message: nothing was paid
- {name: refused, min: 0, max: 0}
contracts:
- {expression: signals.refused.count == 0}
";
    let json = r#"[{"name": "orders.full", "description": "The way of an order, in short.\n",
        "labels": {"team": "orders", "tier": "1"}, "active": false, "probability": 2.5e-1,
        "testExpires": "7200.500s", "revision": 9007199254740993, "signals": [
            {"name": "sent", "at_start": true, "min": "2", "max": 3, "timeout": "0.000000001s",
             "key": null, "after": null, "expect": null},
            {"name": "paid", "after": ["sent"], "within": "60s",
             "key": "execution.kwargs.order", "expect": [
                {"expression": "value.amount > 0 &&\n  value.ok\n", "id": "amount",
                 "message": "nothing was paid"}]},
            {"name": "refused", "min": 0, "max": 0}],
        "contracts": [{"expression": "signals.refused.count == 0"}]}]"#;
    let read = good("cases.yaml", yaml);
    assert_eq!(
        read,
        [CaseDocument {
            line: 2,
            ..read[0].clone()
        }]
    );
    assert_eq!(read[0].case.revision, 9_007_199_254_740_993);
    assert_eq!(read[0].case.signals[0].max, Some(3));
    for path in ["cases.json", "cases.yaml"] {
        assert_eq!(good(path, json)[0].pb, read[0].pb, "{path}");
    }
}

#[test]
fn a_file_holds_one_case_or_many() {
    for (text, expected) in [
        ("name: a", vec![("a", 1)]),
        ("\u{feff}name: a\r\nactive: true\r\n", vec![("a", 1)]),
        ("{\"name\": \"a\"}", vec![("a", 1)]),
        ("- name: a\n- name: b\n", vec![("a", 1), ("b", 2)]),
        (
            "[{\"name\": \"a\"},\n {\"name\": \"b\"}]",
            vec![("a", 1), ("b", 2)],
        ),
        (
            "# first\n---\nname: a\n---\n# nothing\n---\n- name: b\n- name: c\n---\n",
            vec![("a", 3), ("b", 7), ("c", 8)],
        ),
        // An anchor is fine as long as it does not repeat too much.
        (
            "- name: a\n  labels: &l {team: x}\n- {name: b, labels: *l}\n",
            vec![("a", 1), ("b", 3)],
        ),
    ] {
        let read = good("cases.yaml", text);
        let read: Vec<_> = read
            .iter()
            .map(|c| (c.case.name.as_str(), c.line))
            .collect();
        assert_eq!(read, expected, "{text}");
    }
}

#[test]
fn files_that_are_none() {
    let long = "#".repeat(MAX_FILE_BYTES + 1);
    let nothing = "1:1: the file holds no case; write one, such as `name: orders.checkout`";
    for (text, expected) in [
        ("".as_bytes(), nothing),
        (b"# nothing\n---\n", nothing),
        (b"[]", nothing),
        (b"\xff\xfen\0", "1:1: the file is UTF-16; save it as UTF-8"),
        (
            b"name: a\ndescription: caf\xe9\n",
            "2:17: the file is not UTF-8 from here on; save it as UTF-8",
        ),
        (
            long.as_bytes(),
            "1:1: the file is 2097153 bytes long; at most 2097152, divide it",
        ),
        (
            b"orders",
            "1:1: is \"orders\"; write fields, such as `name: …`",
        ),
        (
            b"- - name: a",
            "1:3: is a list; write fields, such as `name: …`",
        ),
    ] {
        check_file("cases.yaml", text, &[expected]);
    }
}

#[test]
fn what_is_no_yaml() {
    for (text, expected) in [
        (
            "name: a\n\tactive: true\n",
            "1:7: while scanning a plain scalar, found a tab; indent with spaces",
        ),
        ("name: [a\n", "1:7: unclosed bracket '['"),
        ("name: @\u{1b}\n", "1:7: unexpected character: `@'"),
        (
            "name: a\nsignals:\n  - name: b\n    expect:\n      - expression: \"a\" == value.b\n",
            "5:25: invalid trailing content after double-quoted scalar; put the expression \
             in single quotes, or on a line of its own after |-",
        ),
        (
            "name: a\ncontracts:\n  - expression: true ? true : false\n",
            "3:29: mapping values are not allowed in this context; put the expression \
             in single quotes, or on a line of its own after |-",
        ),
        (
            "name: a\ndescription: note: b\n",
            "2:18: mapping values are not allowed in this context; a text with a colon in it \
             needs quotes, and fields of one level the same indentation",
        ),
        (
            "name: *a\n",
            "1:7: name: no anchor \"a\" stands before it; a text that begins with * needs quotes",
        ),
        (
            "name: a\nsignals: &s [*s]\n",
            "2:14: signals[0]: an alias inside its own anchor never ends",
        ),
        (
            "? [name]\n: a\n",
            "1:3: a key is a plain name; write `name: value`",
        ),
    ] {
        check(text, &[expected]);
    }
    // What follows a broken document is read all the same.
    check(
        "name: [a\n---\nname: 5\n---\nname: b\n---\nnames: c\n",
        &[
            "1:7: unclosed bracket '['",
            "3:7: name: 5 is a number; write \"5\"",
            "7:1: names: no such field; did you mean `name`?",
        ],
    );
}

#[test]
fn what_is_no_json() {
    for (text, expected) in [
        (
            "{\"name\": \"a\"",
            "1:12: no JSON: EOF while parsing an object",
        ),
        ("{name: a}", "1:2: no JSON: key must be a string"),
        (
            "{\"name\": \"é\"\n \"active\": true}",
            "2:2: no JSON: expected `,` or `}`",
        ),
        ("[{\"name\": \"a\"},]", "1:16: no JSON: trailing comma"),
        ("{\"name\": 'é'}", "1:10: no JSON: expected value"),
    ] {
        check_file("cases.JSON", text.as_bytes(), &[expected]);
    }
    check_file(
        "cases.json",
        "{\"name\": 5,\n \"signals\": [{\"timeout\": 30}],\n\t\"name\": \"a\"}".as_bytes(),
        &[
            "1:10: name: 5 is a number; write \"5\"",
            "2:14: signals[0].name: must be set",
            "2:26: signals[0].timeout: 30 has no unit; write 30s",
            "3:2: name: is written on line 1 already; keep one",
        ],
    );
}

#[test]
fn aliases_and_nesting_are_bounded() {
    let mut laughs = "a: &l0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..10 {
        let aliases = vec![format!("*l{}", i - 1); 10].join(", ");
        laughs.push_str(&format!("a{i}: &l{i} [{aliases}]\n"));
    }
    let told = parse("f", laughs.as_bytes()).expect_err("it repeats too much");
    let bound = "the aliases of the file repeat too much; write it out, or divide it among files";
    assert!(told.iter().any(|e| e.message == bound), "{told:?}");

    let mut deep = "a0: &d0 [x]\n".to_owned();
    for i in 1..=tree::MAX_DEPTH {
        deep.push_str(&format!("a{i}: &d{i} [*d{}]\n", i - 1));
    }
    let told = parse("f", deep.as_bytes()).expect_err("it is nested too deep");
    assert!(told.iter().any(|e| e.message == bound), "{told:?}");

    for open in ["[", "{a: ", "- "] {
        let deep = open.repeat(100_000);
        let told = parse("f", deep.as_bytes()).expect_err("it is nested too deep");
        assert_eq!(told.len(), 1, "{told:?}");
    }
}

proptest! {
    /// Whatever is in a file, it is read or there is an error, and its place is
    /// in the file.
    #[test]
    fn any_bytes(bytes: Vec<u8>) {
        told_in_the_file(&bytes)?;
    }

    /// The same with texts that are nearly cases.
    #[test]
    fn nearly_a_case(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..4),
        insert in prop::sample::select(vec![
            "", " ", "\n", "\t", "- ", ": ", "'", "\"", "#", " #", "[", "]", "{", "}", "&a ", "*a", "!x ",
            "|\n", ">\n", "---\n", "...\n", "~", "0", "\\", "é", "\u{85}", "\u{2028}", "\0", "%", "? ", "\r",
        ]),
    ) {
        let mut text = format!("{DESIGNED}{PROBE}");
        for (from, to) in cuts {
            let (one, other) = (from.index(text.len()), to.index(text.len()));
            let from = floor(&text, one.min(other));
            let to = floor(&text, one.max(other).min(from + 8));
            text.replace_range(from..to, insert);
        }
        told_in_the_file(text.as_bytes())?;
    }
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn told_in_the_file(bytes: &[u8]) -> Result<(), TestCaseError> {
    for path in ["f.yaml", "f.json"] {
        let Err(errors) = parse(path, bytes) else {
            continue;
        };
        prop_assert!(!errors.is_empty());
        let lines = bytes.split(|b| matches!(b, b'\n' | b'\r')).count();
        for error in errors {
            prop_assert!((1..=lines + 1).contains(&error.line), "{}", error);
            prop_assert!((1..=bytes.len() + 2).contains(&error.column), "{}", error);
            prop_assert!(!error.message.is_empty());
        }
    }
    Ok(())
}
