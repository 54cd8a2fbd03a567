//! What is told about fields and their values.

use super::check;
use crate::casefile::{json, schema, tree};

#[test]
fn fields_that_are_not_known() {
    check(
        "\
name: a
testExpire: 30s
test-expires: 30s
foo: 1
\"a\\nb\": 1
<<: {}
signals:
  - nmae: b
    timout: 30s
    Min: 1
    2: 3
",
        &[
            "2:1: testExpire: no such field; did you mean `test_expires`?",
            "3:1: test-expires: no such field; did you mean `test_expires`?",
            "4:1: foo: no such field; known are name, description, labels, active, \
             probability, test_expires, signals, contracts, warn_stalled_after, probe, \
             max_consecutive_failures, state_transition_delay, max_history, revision, \
             max_executions_per_second, max_live_executions, webhooks",
            "5:1: \"a\\nb\": no such field; known are name, description, labels, active, \
             probability, test_expires, signals, contracts, warn_stalled_after, probe, \
             max_consecutive_failures, state_transition_delay, max_history, revision, \
             max_executions_per_second, max_live_executions, webhooks",
            "6:1: \"<<\": no such field; merge keys are not read; write the fields out",
            "8:5: signals[0].nmae: no such field; did you mean `name`?",
            "9:5: signals[0].timout: no such field; did you mean `timeout`?",
            "10:5: signals[0].Min: no such field; did you mean `min`?",
            "11:5: signals[0].2: no such field; known are name, timeout, after, at_start, \
             min, max, within, key, expect",
        ],
    );
}

#[test]
fn values_of_the_wrong_kind() {
    check(
        "\
name: 5
description: true
labels:
  version: 1.0
  team:
  tier: [1]
  zone: a
  zone: b
active: yes
probability: 50%
revision: -1
",
        &[
            "1:7: name: 5 is a number; write \"5\"",
            "2:14: description: is true, not a text; write \"true\"",
            "4:12: labels[\"version\"]: 1.0 is a number; write \"1.0\"",
            "5:3: labels[\"team\"]: has no value; write \"\" for an empty one",
            "6:9: labels[\"tier\"]: is a list; write a text",
            "8:3: labels[\"zone\"]: is written on line 7 already; keep one",
            "9:9: active: \"yes\" is a text; write true",
            "10:14: probability: \"50%\" is no number; write 0.5",
            "11:11: revision: -1 is out of range; write 0 to 18446744073709551615",
        ],
    );
    check(
        "\
name: a
labels: [a]
active: 1
probability: [0.5]
signals:
  - b
  - name: c
    min: 1.5
    max: 5000000000
    after: d
    at_start: 'no'
    expect:
      - value.ok
      -
      - expression: [1]
      - {}
  - [d]
  -
contracts:
  expression: 'true'
",
        &[
            "2:9: labels: is a list; write names with values, such as `team: orders`",
            "3:9: active: is 1; write true or false",
            "4:14: probability: is a list; write a number",
            "6:5: signals[0]: is \"b\"; write fields, such as `name: …`",
            "8:10: signals[1].min: 1.5 is not whole; write a whole number",
            "9:10: signals[1].max: 5000000000 is out of range; write 0 to 4294967295",
            "10:12: signals[1].after: is \"d\"; write a list: each item after `- `",
            "11:15: signals[1].at_start: \"no\" is a text; write false",
            "13:9: signals[1].expect[0]: is \"value.ok\"; write fields, such as `expression: …`",
            "14:8: signals[1].expect[1]: an empty item; take it out",
            "15:21: signals[1].expect[2].expression: is a list; write a text",
            "16:9: signals[1].expect[3].expression: is empty; write a CEL expression",
            "17:5: signals[2]: is a list; write fields, such as `name: …`",
            "18:4: signals[3]: an empty item; take it out",
            "20:3: contracts: is fields; write a list: each item after `- `",
        ],
    );
}

#[test]
fn durations() {
    for (written, expected) in [
        ("30", "30 has no unit; write 30s"),
        ("1.5", "1.5 has no unit; write 1.5s"),
        ("0", "0 has no unit; write seconds, such as 30s"),
        ("-1", "-1 has no unit; write seconds, such as 30s"),
        (
            "'30'",
            "\"30\" is no duration; write seconds, such as 30s or 0.5s",
        ),
        ("5m", "\"5m\" is not in seconds; write 300s"),
        ("1h30m", "\"1h30m\" is not in seconds; write 5400s"),
        ("500ms", "\"500ms\" is not in seconds; write 0.5s"),
        ("1.5 h", "\"1.5 h\" is not in seconds; write 5400s"),
        ("30 seconds", "\"30 seconds\" is not in seconds; write 30s"),
        (
            "soon",
            "\"soon\" is no duration; write seconds, such as 30s or 0.5s",
        ),
        (
            "s",
            "\"s\" is no duration; write seconds, such as 30s or 0.5s",
        ),
        (
            "+5s",
            "\"+5s\" is no duration; write seconds, such as 30s or 0.5s",
        ),
        (
            "0.0000000001s",
            "\"0.0000000001s\" is no duration; write seconds, such as 30s or 0.5s",
        ),
        ("true", "is true; write a duration, such as 30s"),
        ("{seconds: 30}", "is fields; write a duration, such as 30s"),
        (
            "99999999999999999999s",
            "is longer than durations can be; at most 315576000000s",
        ),
        ("-5s", "must not be negative"),
        (
            "0s",
            "is 0s, which is no time at all; write how long an execution may live, or leave it out for 3 hours",
        ),
        ("2592001s", "must be at most 30 days, which is 2592000s"),
        (
            "1y",
            "\"1y\" is no duration; write seconds, such as 30s or 0.5s",
        ),
    ] {
        check(
            &format!("name: a\ntest_expires: {written}\n"),
            &[&format!("2:15: test_expires: {expected}")],
        );
    }
}

#[test]
fn numbers_that_are_none() {
    let share = "write a share from 0 to 1, such as 0.5 for every second request";
    for (written, expected) in [
        (".nan", format!("is NaN; {share}")),
        ("NaN", format!("is NaN; {share}")),
        (".inf", format!("is inf; {share}")),
        ("-.inf", format!("is -inf; {share}")),
        ("1e999", format!("is inf; {share}")),
        ("2", format!("is 2; {share}")),
        (
            "half",
            "\"half\" is no number; write one, such as 0.5".to_owned(),
        ),
        ("true", "is true; write a number".to_owned()),
        ("12.5 %", "\"12.5 %\" is no number; write 0.125".to_owned()),
    ] {
        check(
            &format!("name: a\nprobability: {written}\n"),
            &[&format!("2:14: probability: {expected}")],
        );
    }
}

#[test]
fn rules_of_the_case_have_their_places() {
    check(
        "\
description: no name
signals:
  - name: a
    timeout: 0s
    after: []
    min: 3
    max: 2
  - name: a b
    at_start: true
    after: [a, x]
  - name: a
contracts: [{id: nothing}]
---
name: second
signals:
  - name: a
    after:
      - b
      - c
  - name: b
  - {name: c, min: 0}
---
name: second
",
        &[
            "1:1: name: must be set",
            "4:14: signals[0].timeout: is 0s, which is no time at all; \
             write how long to wait for the signal, or leave it out for 30s",
            "5:12: signals[0].after: an empty list is the same as none, and the clock then \
             starts after the needed signal before; write `at_start: true` for a clock that \
             starts at the start, or take `after` out",
            "7:10: signals[0].max: is 2, less than `min`, which is 3",
            "8:11: signals[1].name: \"a b\" must be made of ASCII letters, digits, '_', '.' \
             and '-'",
            "10:12: signals[1].after: the clock starts at the start or after other signals, \
             not both; take out `after` or `at_start`",
            "11:11: signals[2].name: \"a\" is signals[0] already",
            "12:13: contracts[0].expression: is empty; write a CEL expression",
            "18:7: signals[0].after: the signals wait for one another: a waits for b waits \
             for a; a signal without `after` waits for the nearest needed one before it, \
             `at_start: true` makes it wait for none",
            "19:9: signals[0].after[1]: \"c\" may stay away (`min: 0`), and a clock that \
             waits for it may never start; name a signal that must come",
            "23:7: name: \"second\" is the name of the case on line 14 already",
        ],
    );
}

#[test]
fn kinds_that_cases_have_not_yet() {
    for (message, text, expected) in [
        ("TestReport", "state: STATE_DO_NOT_SHARE", ""),
        (
            "TestReport",
            "state: PASS",
            "\"PASS\" is not known; did you mean STATE_PASS?",
        ),
        (
            "TestReport",
            "state: STATE_SKIPPED",
            "\"STATE_SKIPPED\" is not known; did you mean STATE_SKIP?",
        ),
        (
            "ApplyCaseResponse",
            "outcome: 1",
            "is 1; write one of APPLY_OUTCOME_CREATED, APPLY_OUTCOME_UPDATED, \
             APPLY_OUTCOME_UNCHANGED",
        ),
        ("TestReport", "signal_latency: {a: 5s}", ""),
        (
            "TestReport",
            "signal_latency: {a: 5}",
            "5 has no unit; write 5s",
        ),
        ("ListCasesRequest", "page_size: -5", ""),
        (
            "ListCasesRequest",
            "page_size: -3000000000",
            "-3000000000 is out of range; write -2147483648 to 2147483647",
        ),
    ] {
        let message = json::descriptors()
            .get_message_by_name(&format!("livecheck.v1.{message}"))
            .expect("a message of the schema");
        let mut faults = Vec::new();
        let document = tree::read(text, &mut faults).remove(0);
        schema::read(&document, &message, &mut faults);
        let told: Vec<_> = faults.iter().map(|f| f.message.as_str()).collect();
        assert_eq!(told.join("\n"), expected, "{text}");
    }
}
