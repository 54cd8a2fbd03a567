//! The functions and types that contracts may name, and what to write instead
//! of a wrong name. It knows names only, no expressions.

/// A function or macro that contracts can call.
#[derive(Debug)]
pub(super) struct Function {
    name: &'static str,
    /// Numbers of arguments of `f(x)`; none: it is not called so.
    global: &'static [usize],
    /// Numbers of arguments of `x.f()`; none: it is not called so.
    member: &'static [usize],
    /// How it is written.
    usage: &'static str,
    /// What it gives, if that is never a truth value.
    pub(super) gives: Option<&'static str>,
}

const fn function(
    name: &'static str,
    global: &'static [usize],
    member: &'static [usize],
    usage: &'static str,
    gives: Option<&'static str>,
) -> Function {
    Function {
        name,
        global,
        member,
        usage,
        gives,
    }
}

const NO: &[usize] = &[];
const NUMBER: Option<&str> = Some("a number");
const TEXT: Option<&str> = Some("a text");
const LIST: Option<&str> = Some("a list");

#[rustfmt::skip]
const FUNCTIONS: [Function; 32] = [
    function("all", NO, &[2], "list.all(x, condition)", None),
    function("bool", &[1], NO, "bool(x)", None),
    function("bytes", &[1], NO, "bytes(text)", Some("bytes")),
    function("contains", NO, &[1], "text.contains(part)", None),
    function("double", &[1], NO, "double(x)", NUMBER),
    function("duration", &[1], NO, "duration(\"1.5s\")", Some("a duration")),
    function("dyn", &[1], NO, "dyn(x)", None),
    function("endsWith", NO, &[1], "text.endsWith(end)", None),
    function("exists", NO, &[2], "list.exists(x, condition)", None),
    function("existsOne", NO, &[2], "list.existsOne(x, condition)", None),
    function("exists_one", NO, &[2], "list.exists_one(x, condition)", None),
    function("filter", NO, &[2], "list.filter(x, condition)", LIST),
    function("getDate", NO, &[0, 1], "time.getDate()", NUMBER),
    function("getDayOfMonth", NO, &[0, 1], "time.getDayOfMonth()", NUMBER),
    function("getDayOfWeek", NO, &[0, 1], "time.getDayOfWeek()", NUMBER),
    function("getDayOfYear", NO, &[0, 1], "time.getDayOfYear()", NUMBER),
    function("getFullYear", NO, &[0, 1], "time.getFullYear()", NUMBER),
    function("getHours", NO, &[0, 1], "time.getHours()", NUMBER),
    function("getMilliseconds", NO, &[0, 1], "time.getMilliseconds()", NUMBER),
    function("getMinutes", NO, &[0, 1], "time.getMinutes()", NUMBER),
    function("getMonth", NO, &[0, 1], "time.getMonth()", NUMBER),
    function("getSeconds", NO, &[0, 1], "time.getSeconds()", NUMBER),
    function("has", &[1], NO, "has(x.field)", None),
    function("int", &[1], NO, "int(x)", NUMBER),
    function("map", NO, &[2, 3], "list.map(x, value)", LIST),
    function("matches", &[2], &[1], "text.matches(\"pattern\")", None),
    function("size", &[1], &[0], "size(x)", NUMBER),
    function("startsWith", NO, &[1], "text.startsWith(start)", None),
    function("string", &[1], NO, "string(x)", TEXT),
    function("timestamp", &[1], NO, "timestamp(\"2026-01-31T09:00:00Z\")", Some("a timestamp")),
    function("type", &[1], NO, "type(x)", Some("a type")),
    function("uint", &[1], NO, "uint(x)", NUMBER),
];

/// What people write who come from elsewhere.
const ELSEWHERE: [(&str, &str); 9] = [
    ("len", "size(x)"),
    ("length", "size(x)"),
    ("count", "size(x)"),
    ("any", "list.exists(x, condition)"),
    ("float", "double(x)"),
    ("str", "string(x)"),
    ("includes", "text.contains(part), or x in list"),
    (
        "now",
        "a time of the execution, such as execution.timestamp: contracts do not depend on the clock",
    ),
    ("regex", "text.matches(\"pattern\")"),
];

/// Names of types, as `type(x)` gives them.
pub(super) const TYPES: [&str; 10] = [
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "type",
    "uint",
];

/// The function of that name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// What is wrong with a call, if anything is.
pub(super) fn check_call(name: &str, on_target: bool, arguments: usize) -> Result<(), String> {
    let Some(function) = find(name) else {
        return Err(unknown_function(name));
    };
    let counts = if on_target {
        function.member
    } else {
        function.global
    };
    if counts.contains(&arguments) {
        return Ok(());
    }
    let usage = function.usage;
    Err(if counts.is_empty() {
        format!("`{name}` is not called like this; write {usage}")
    } else {
        format!("{arguments} arguments are not what `{name}` takes; write {usage}")
    })
}

fn unknown_function(name: &str) -> String {
    let lower = name.to_lowercase();
    if let Some((_, instead)) = ELSEWHERE.iter().find(|(other, _)| *other == lower) {
        return format!("unknown function `{name}`; write {instead}");
    }
    let names = FUNCTIONS.map(|function| function.name);
    match nearest(name, names).and_then(find) {
        Some(function) => format!(
            "unknown function `{name}`; did you mean {}?",
            function.usage
        ),
        None => format!("unknown function `{name}`; known are {}", names.join(", ")),
    }
}

/// `; did you mean …? Known are …`, after what says that a name is unknown.
pub(super) fn instead<'a>(
    name: &str,
    known: &[&'a str],
    write: impl Fn(&'a str) -> String,
) -> String {
    const SHOWN: usize = 20;
    let mean = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean {}? Known", write(near)),
        None => "known".to_owned(),
    };
    let rest = known.len().saturating_sub(SHOWN);
    let mut list = known
        .iter()
        .take(SHOWN)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    if rest > 0 {
        list.push_str(&format!(" and {rest} more"));
    }
    match known {
        [] => String::new(),
        [_] => format!("; {mean} is {list}"),
        _ => format!("; {mean} are {list}"),
    }
}

/// The known name that a wrong one is most like, if it is like any.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| {
        let letters = name.chars().filter(|c| c.is_alphanumeric());
        letters
            .flat_map(char::to_lowercase)
            .take(64)
            .collect::<Vec<_>>()
    };
    let wanted = plain(name);
    let allowed = (wanted.len() / 3).min(3);
    known
        .into_iter()
        .map(|known| (distance(&wanted, &plain(known)), known))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= allowed)
        .map(|(_, known)| known)
}

/// How many letters to change, leave out or put in (Levenshtein).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut left = i + 1;
        let mut diagonal = i;
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let change = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = change.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_nearly_right_are_recognized() {
        for (name, nearest_one) in [
            ("startswith", Some("startsWith")),
            ("start_with", Some("startsWith")),
            ("exist", Some("exists")),
            ("sizes", Some("size")),
            ("duraton", Some("duration")),
            ("x", None),
            ("frobnicate", None),
        ] {
            let names = FUNCTIONS.map(|function| function.name);
            assert_eq!(nearest(name, names), nearest_one, "{name}");
        }
    }

    #[test]
    fn distances_count_changes() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
        ] {
            let [x, y] = [a, b].map(|text| text.chars().collect::<Vec<_>>());
            assert_eq!(distance(&x, &y), expected, "{a} {b}");
        }
    }
}
