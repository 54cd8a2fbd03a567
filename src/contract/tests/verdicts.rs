//! What comes of expressions that compile.

use super::{check, check_case};

#[test]
fn numbers_of_json_work_beside_literals() {
    check(&[
        ("value.amount == 5", "held"),
        ("5 == value.amount", "held"),
        ("value.amount == 5.0", "held"),
        ("value.amount > 5", "broken: value.amount > 5: 5 > 5"),
        ("5 >= value.amount", "held"),
        ("value.amount + 1 == 6", "held"),
        ("1 + value.amount == 6", "held"),
        ("10 - value.amount * 2 == 0", "held"),
        ("-value.amount == -5", "held"),
        ("value.n / 8 == 0.5", "held"),
        ("value.n % 2 == 0", "held"),
        ("7 % value.n == 3", "held"),
        ("-7 % value.n == -3", "held"),
        ("value.n % value.n == 0", "held"),
        (
            "value.n % 0 == 0",
            "failed: value.n % 0: division by zero: 4 % 0",
        ),
        ("5 % 0 == 0", "failed: 5 % 0: division by zero: 5 % 0"),
        (
            "value.price % 2 == 0",
            "failed: value.price % 2: `%` needs whole numbers, not 2.5 and 2",
        ),
        ("size(value.items) + 1 == 4", "held"),
        ("value.items.size() == value.n - 1", "held"),
        ("size(value.items) / 2 == 1", "held"),
        ("7 / 2 == 3", "held"),
        ("1u + 1u == 2", "held"),
        (
            "1u + 1 == 2",
            "failed: 1u + 1: `+` does not work on a uint and an int: 1 + 1",
        ),
        ("1u + value.n == 5u", "held"),
        ("value.items[0].qty == 1", "held"),
        ("value.items[execution.args[0]].qty == -2", "held"),
        (
            "value.items[value.price].qty == 1",
            "failed: value.items[value.price]: no element 2.5; value.items has 3, the first is 0",
        ),
        ("int(value.n) / 3 == 1", "held"),
        ("string(value.n) + \"x\" == \"4x\"", "held"),
        (
            "duration(string(value.n) + \"ms\") == duration(\"0.004s\")",
            "held",
        ),
        ("type(value.n) == double && type(1) == int", "held"),
        (
            "9007199254740991 * 1025 > 0",
            "failed: 9007199254740991 * 1025: the result is too large: 9007199254740991 * 1025",
        ),
        (
            "value.n == 9007199254740993",
            "1:12: JSON numbers are not exact beyond ±9007199254740991; send and compare a text",
        ),
    ]);
}

#[test]
fn lists_and_maps_compare_by_their_contents() {
    check(&[
        ("[1, 2] == value.list", "held"),
        ("value.list == [1, 2]", "held"),
        (
            "value.list == [1, 3]",
            "broken: value.list == [1, 3]: [1,2] == [1,3]",
        ),
        ("value.list != [1]", "held"),
        (
            "value.nested == {\"a\": {\"b\": [1, [2, {\"c\": 3}]]}}",
            "held",
        ),
        (
            "{\"a\": {\"b\": [1, [2, {\"c\": 3}]]}} == value.nested",
            "held",
        ),
        (
            "value.nested != {\"a\": {\"c\": [1, [2, {\"c\": 3}]]}}",
            "held",
        ),
        ("{1: 2} == {1u: 2.0}", "held"),
        ("[value.list] == [[1, 2]]", "held"),
        ("value.list + [3] == [1, 2, 3]", "held"),
        ("value.n in [1, 2, 4]", "held"),
        ("value.list in [[1, 2]]", "held"),
        ("3 in value.list", "broken: 3 in value.list: 3 in [1,2]"),
        ("\"a\" in value.tags", "held"),
        ("\"side\" in value", "held"),
        (
            "1 in value.nested",
            "broken: 1 in value.nested: 1 in {\"a\":{\"b\":[1,[2,{\"c\":3}]]}}",
        ),
        ("1 in {1: \"a\"} && value.n in {4: \"a\"}", "held"),
        ("value.none == null && value.side != null", "held"),
        ("value.side == 5", "broken: value.side == 5: \"buy\" == 5"),
        (
            "{\"a\": 1, \"a\": 2} == value",
            "1:10: the key \"a\" is there twice",
        ),
    ]);
}

#[test]
fn what_is_false_is_shown_with_its_values() {
    check(&[
        ("value.id == execution.id", "held"),
        (
            "value.side == execution.kwargs.side",
            "broken: value.side == execution.kwargs.side: \"buy\" == \"sell\"",
        ),
        (
            "value.id == \"t-1\" && value.amount == 6 && value.n == 5",
            "broken: value.amount == 6: 5 == 6",
        ),
        (
            "value.missing == 1 && value.amount == 6",
            "broken: value.amount == 6: 5 == 6",
        ),
        (
            "value.amount == 6 || value.n == 5",
            "broken: value.amount == 6: 5 == 6; value.n == 5: 4 == 5",
        ),
        (
            "value.ok ? value.n == 4 : value.n == 5",
            "broken: value.n == 5: 4 == 5",
        ),
        ("value.ok", "broken: value.ok: false"),
        ("!value.ok", "held"),
        (
            "!(value.amount == 5)",
            "broken: !(value.amount == 5): !(5 == 5)",
        ),
        (
            "!value.side.startsWith(\"b\")",
            "broken: !value.side.startsWith(\"b\"): !\"buy\".startsWith(\"b\")",
        ),
        (
            "value.side.contains(value.id)",
            "broken: value.side.contains(value.id): \"buy\".contains(\"t-1\")",
        ),
        ("value.side.matches(\"^(buy|sell)$\")", "held"),
        (
            "value.side.matches(\"^[0-9]+$\")",
            "broken: value.side.matches(\"^[0-9]+$\"): \"buy\".matches(\"^[0-9]+$\")",
        ),
        (
            "(1 + value.n) * 2 == 9",
            "broken: (1 + value.n) * 2 == 9: 10 == 9",
        ),
        (
            "has(value.nested.x)",
            "broken: has(value.nested.x): value.nested has a",
        ),
        (
            "!has(value.list.x)",
            "failed: has(value.list.x): no such field `x`; value.list is a list",
        ),
        (
            "!has(value.nested.a)",
            "broken: !has(value.nested.a): value.nested has a",
        ),
        (
            "value.items.all(i, has(i.qty) && i.qty > 0)",
            "broken: value.items.all(i, has(i.qty) && i.qty > 0): not for element 1, {\"qty\":-2}: i.qty > 0: -2 > 0",
        ),
        (
            "value.items.exists(i, has(i.qty) && i.qty > 5)",
            "broken: value.items.exists(i, has(i.qty) && i.qty > 5): not for any of [{\"qty\":1},{\"qty\":-2},{\"sku\":\"a\"}]",
        ),
        (
            "value.list.existsOne(i, i > 0)",
            "broken: value.list.existsOne(i, i > 0): for 2 of [1,2]",
        ),
        (
            "value.items.filter(i, has(i.qty)).map(i, i.qty) == [1]",
            "broken: value.items.filter(i, has(i.qty)).map(i, i.qty) == [1]: [1,-2] == [1]",
        ),
        (
            "value.items.map(i, has(i.qty), i.qty + 1) == [2, -1]",
            "held",
        ),
        (
            "{\"b\": 1, \"a\": 2, \"c\": 3}.map(k, k) == [\"a\", \"b\", \"c\"]",
            "held",
        ),
        (
            "value.nested.all(k, k == \"b\")",
            "broken: value.nested.all(k, k == \"b\"): not for element 0, \"a\": k == \"b\": \"a\" == \"b\"",
        ),
        (
            "execution.expires - execution.timestamp == duration(\"3h\")",
            "held",
        ),
        (
            "type(execution.expires) == google.protobuf.Timestamp",
            "held",
        ),
        (
            "type(value.n) == int",
            "broken: type(value.n) == int: double == int",
        ),
        (
            "timestamp(value.when) > execution.expires - duration(\"1h\")",
            "broken: timestamp(value.when) > execution.expires - duration(\"1h\"): 2025-12-31T23:00:01.500Z > 2026-01-01T02:00:00Z",
        ),
        (
            "execution.timestamp - execution.expires > duration(\"-1.5s\")",
            "broken: execution.timestamp - execution.expires > duration(\"-1.5s\"): -10800s > -1.5s",
        ),
        (
            "execution.labels.env == \"staging\" // and only there",
            "broken: execution.labels.env == \"staging\": \"prod\" == \"staging\"",
        ),
        (
            "b\"abc\" == b\"abd\"",
            "broken: b\"abc\" == b\"abd\": 3 bytes == 3 bytes",
        ),
    ]);
}

#[test]
fn what_cannot_be_evaluated_says_which_part_and_why() {
    check(&[
        (
            "value.nested.aa == 1",
            "failed: value.nested.aa: no such field `aa`; value.nested has a",
        ),
        (
            "value.nested.a.b[1][1].d == 1",
            "failed: value.nested.a.b[1][1].d: no such field `d`; value.nested.a.b[1][1] has c",
        ),
        (
            "value.nested[\"x y\"] == 1",
            "failed: value.nested[\"x y\"]: no such field `x y`; value.nested has a",
        ),
        (
            "execution.kwargs.sides == 1",
            "failed: execution.kwargs.sides: no such field `sides`; execution.kwargs has n, side; did you mean `side`?",
        ),
        (
            "value.none.x == 1",
            "failed: value.none.x: no such field `x`; value.none is null",
        ),
        (
            "value.list.x == 1",
            "failed: value.list.x: no such field `x`; value.list is a list",
        ),
        (
            "has(value.nested.x.y)",
            "failed: value.nested.x: no such field `x`; value.nested has a",
        ),
        (
            "value.list[2] == 1",
            "failed: value.list[2]: no element 2; value.list has 2, the first is 0",
        ),
        (
            "[1][-1] == 1",
            "failed: [1][-1]: no element -1; [1] has 1, the first is 0",
        ),
        (
            "value.side[0] == \"b\"",
            "failed: value.side[0]: `[…]` does not work on a text and an int: \"buy\"[0]",
        ),
        (
            "value.side > 5",
            "failed: value.side > 5: `>` does not work on a text and an int: \"buy\" > 5",
        ),
        (
            "value.none <= value.n",
            "failed: value.none <= value.n: `<=` does not work on null and a number: null <= 4",
        ),
        (
            "value.side + 1 == \"buy1\"",
            "failed: value.side + 1: `+` does not work on a text and an int: \"buy\" + 1",
        ),
        (
            "\"x\" in value.n",
            "failed: \"x\" in value.n: `in` does not work on a text and a number: \"x\" in 4",
        ),
        (
            "-value.side == 1",
            "failed: -value.side: `-` does not work on a text: -\"buy\"",
        ),
        (
            "value.n.startsWith(\"4\")",
            "failed: value.n.startsWith(\"4\"): `startsWith` does not work on a number and a text: 4.startsWith(\"4\")",
        ),
        ("!value.n", "failed: value.n: it is 4, not true or false"),
        ("value.n && value.ok", "broken: value.ok: false"),
        (
            "value.n && !value.ok",
            "failed: value.n: it is 4, not true or false",
        ),
        (
            "value.n ? true : false",
            "failed: value.n: it is 4, not true or false",
        ),
        ("value.n", "failed: value.n: it is 4, not true or false"),
        (
            "value.ok ? true : \"no\"",
            "failed: value.ok ? true : \"no\": it is \"no\", not true or false",
        ),
        (
            "value.items.exists(i, i.qty > 5)",
            "failed: value.items.exists(i, i.qty > 5): for element 2, {\"sku\":\"a\"}: i.qty: no such field `qty`; i has sku",
        ),
        (
            "value.list.exists(i, value.n)",
            "failed: value.list.exists(i, value.n): for element 0, 1: value.n: it is 4, not true or false",
        ),
        (
            "value.list.filter(i, i) == []",
            "failed: value.list.filter(i, i): for element 0, 1: i: it is 1, not true or false",
        ),
        (
            "value.side.all(c, c == \"b\")",
            "failed: value.side.all(c, c == \"b\"): `all` needs a list or a map, but value.side is a text",
        ),
        (
            "duration(value.side) > duration(\"1s\")",
            "failed: duration(value.side): no duration such as \"1m30.5s\": duration(\"buy\")",
        ),
        (
            "timestamp(value.side) > execution.timestamp",
            "failed: timestamp(value.side): no timestamp such as \"2026-01-31T09:00:00Z\": timestamp(\"buy\")",
        ),
        (
            "{value.n: 1} == {}",
            "failed: {value.n: 1}: a key of a map must be a text, an int or true or false",
        ),
    ]);
}

#[test]
fn signals_are_compared_by_time_count_and_value() {
    check_case(&[
        ("signals.a.at > signals[\"b.c\"].at", "held"),
        (
            "signals.b.c.at > signals.a.at",
            "broken: signals.b.c.at > signals.a.at: 2026-01-01T00:00:05.250Z > 2026-01-01T00:00:07Z",
        ),
        ("signals.a.at - signals.b.c.at < duration(\"5s\")", "held"),
        (
            "signals.a.latency < duration(\"500ms\")",
            "broken: signals.a.latency < duration(\"500ms\"): 1.5s < 0.5s",
        ),
        ("signals.a.count == 2 && signals.a.count + 1 == 3", "held"),
        ("signals.a.count * 0.5 == signals.b.c.count", "held"),
        ("signals.a.values == [{\"a\": 1, \"n\": 2}, 7]", "held"),
        ("size(signals.a.values) == signals.a.count", "held"),
        ("signals.a.value.n % 2 == 0", "held"),
        ("signals[\"a\"][\"value\"][\"n\"] == 2", "held"),
        (
            "signals.a.key == \"x\"",
            "broken: signals.a.key == \"x\": \"k\" == \"x\"",
        ),
        (
            "signals.a.value.x == 1",
            "failed: signals.a.value.x: no such field `x`; signals.a.value has a, n",
        ),
        (
            "signals.a.values.all(v, v.a == 1)",
            "failed: signals.a.values.all(v, v.a == 1): for element 1, 7: v.a: no such field `a`; v is a number",
        ),
        (
            "signals[\"not-come\"].at > execution.timestamp",
            "failed: signals[\"not-come\"].at: the signal has not come; ask has(signals[\"not-come\"].at) first",
        ),
        (
            "has(signals[\"not-come\"].at)",
            "broken: has(signals[\"not-come\"].at): the signal has not come",
        ),
        (
            "!has(signals[\"not-come\"].latency) && has(signals.a.at)",
            "held",
        ),
        (
            "!has(signals.a.latency)",
            "broken: !has(signals.a.latency): 1.5s",
        ),
        (
            "signals[\"not-come\"].count == 0 && signals[\"not-come\"].values == [] && signals[\"not-come\"].value == null",
            "held",
        ),
        ("signals.b.count == 0", "held"),
    ]);
}
