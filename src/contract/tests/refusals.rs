//! What does not compile, and what is said about it.

use super::{check, check_case};

#[test]
fn signals_are_checked_against_the_declared_ones() {
    check_case(&[
        (
            "signals.x.at > execution.timestamp",
            "1:9: unknown signal `x`; known are a, b.c, not-come, b, b.value",
        ),
        (
            "signals.not_come.at > execution.timestamp",
            "1:9: unknown signal `not_come`; did you mean signals[\"not-come\"]? Known are a, b.c, not-come, b, b.value",
        ),
        (
            "signals.not-come.at > execution.timestamp",
            "1:9: unknown signal `not`; write signals[\"not-come\"]\n1:13: unknown variable `come`; known are execution, signals",
        ),
        (
            "signals.a.vale == 1",
            "1:11: a signal has no field `vale`; did you mean `value`? Known are value, key, at, latency, count, values",
        ),
        (
            "has(signals.a)",
            "1:13: write signals.a.value, signals.a.key, signals.a.at, signals.a.latency, signals.a.count, signals.a.values",
        ),
        (
            "size(signals) == 2",
            "1:6: write signals.NAME.value, signals.NAME.key, signals.NAME.at, signals.NAME.latency, signals.NAME.count, signals.NAME.values",
        ),
        (
            "signals[execution.id].count == 1",
            "1:1: write signals.NAME.value, signals.NAME.key, signals.NAME.at, signals.NAME.latency, signals.NAME.count, signals.NAME.values",
        ),
        (
            "signals.b.value.count == 1",
            "1:9: ambiguous; write signals[\"b\"].value.count or signals[\"b.value\"].count",
        ),
        (
            "value.x == 1",
            "1:1: unknown variable `value`; known are execution, signals; write signals.NAME.value",
        ),
    ]);
}

#[test]
fn unknown_names_are_refused_with_their_place() {
    check(&[
        (
            "valu.id == 1 &&\n  executon.id == foo(x)",
            "1:1: unknown variable `valu`; did you mean `value`? Known are execution, value\n\
             2:3: unknown variable `executon`; did you mean `execution`? Known are execution, value\n\
             2:18: unknown function `foo`; known are all, bool, bytes, contains, double, duration, dyn, endsWith, exists, existsOne, exists_one, filter, getDate, getDayOfMonth, getDayOfWeek, getDayOfYear, getFullYear, getHours, getMilliseconds, getMinutes, getMonth, getSeconds, has, int, map, matches, size, startsWith, string, timestamp, type, uint\n\
             2:22: unknown variable `x`; known are execution, value",
        ),
        (
            "\"é\" == values.é1",
            "1:15: unexpected 'é'; outside of quotes only ASCII has a meaning",
        ),
        (
            "\"éé\" == values",
            "1:9: unknown variable `values`; did you mean `value`? Known are execution, value",
        ),
        (
            "execution.kwarg.side == 1",
            "1:11: unknown field `kwarg` of execution; did you mean `kwargs`? Known are id, case_name, timestamp, expires, args, kwargs, labels",
        ),
        (
            "execution.test_args[0] == execution[\"idd\"]",
            "1:11: unknown field `test_args` of execution; did you mean `args`? Known are id, case_name, timestamp, expires, args, kwargs, labels\n\
             1:37: unknown field `idd` of execution; did you mean `id`? Known are id, case_name, timestamp, expires, args, kwargs, labels",
        ),
        (
            "signals.a.at > execution.timestamp",
            "1:1: unknown variable `signals`; known are execution, value; what compares signals belongs to the case's `contracts`",
        ),
        (
            "value.y.startswith(\"x\")",
            "1:9: unknown function `startswith`; did you mean text.startsWith(start)?",
        ),
        (
            "len(value.list) > 1",
            "1:1: unknown function `len`; write size(x)",
        ),
        (
            "now() > execution.timestamp",
            "1:1: unknown function `now`; write a time of the execution, such as execution.timestamp: contracts do not depend on the clock",
        ),
        (
            "size() == 1",
            "1:1: 0 arguments are not what `size` takes; write size(x)",
        ),
        (
            "contains(value.side, \"x\")",
            "1:1: `contains` is not called like this; write text.contains(part)",
        ),
        (
            ".value.n == 1",
            "1:2: unknown variable `.value`; leave out the first dot",
        ),
        (
            "value.items.all(i, j == 1)",
            "1:20: unknown variable `j`; known are execution, value, i",
        ),
    ]);
}

#[test]
fn what_cannot_work_is_refused() {
    check(&[
        ("", "1:1: the expression is empty"),
        (" \n ", "1:1: the expression is empty"),
        ("value.amount = 5", "1:14: `=` compares nothing; write `==`"),
        ("value.a & value.b", "1:9: write `&&` for and"),
        ("value.a and value.b", "1:9: write `&&` for and"),
        ("not value.a", "1:5: write `!` for not"),
        ("value.id ==", "1:12: the expression ends too early"),
        (
            "value.id == 'x",
            "1:13: this text does not end, or has an unknown escape",
        ),
        ("value.a # b", "1:9: `#` begins no comment; write `//`"),
        ("value.a ? 1", "1:12: the expression ends too early"),
        (
            "value.?x == 1",
            "1:6: optional fields are not supported; write has(x.field)",
        ),
        (
            "value.`a-b` == 1",
            "1:6: write [\"name\"] for a field of such a name",
        ),
        ("value.a == 1 value.b", "1:14: unexpected `value`"),
        (
            "Foo{a: 1} == 1",
            "1:4: messages cannot be built; a map is written {\"key\": value}",
        ),
        (
            "value.a.all(i, value.b.exists(j, i == j))",
            "1:24: `exists` inside of `all`: these cannot be nested",
        ),
        (
            "value.a.all(value, true) && value.a.map(1, 2) == []",
            "1:13: `value` is taken; choose another name\n1:41: `map` needs a plain name for the element first, as in map(x, …)",
        ),
        (
            "has(value) || has(value[\"a\"])",
            "1:1: `has` takes a field, as in has(x.field); for other names write \"name\" in x\n\
             1:15: `has` takes a field, as in has(x.field); for other names write \"name\" in x",
        ),
        (
            "value.a.matches(value.b)",
            "1:17: the pattern of `matches` must be a text in quotes",
        ),
        (
            "value.a.matches(\"(\")",
            "1:17: this pattern is wrong: unclosed group",
        ),
        (
            "value.a.matches(\"[a-z]{1000}{100}\")",
            "1:17: this pattern is wrong: it is too large: use fewer repetitions, or [0-9] for \\d and [A-Za-z0-9_] for \\w",
        ),
        ("1 + 1", "1:1: this is a sum, not true or false; compare it"),
        (
            "size(value.a) && !\"x\"",
            "1:1: this is a number, not true or false; compare it\n1:19: this is a text, not true or false; compare it",
        ),
    ]);
}
