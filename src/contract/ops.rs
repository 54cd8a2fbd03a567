//! The operators of contracts. They do what CEL's do, and beside that
//!
//! - calculate with an int beside a double, because every JSON number is a
//!   double and integer literals are ints: the result is a double;
//! - compare borrowed lists and maps with any others;
//! - take their work from the budget, and build no long lists and texts;
//! - iterate over maps in the order of their keys, so that results never depend
//!   on chance;
//! - match compiled patterns.
//!
//! A lowered expression calls them by names that cannot be written in CEL.

use std::{
    any::Any,
    cmp::Ordering,
    sync::{Arc, LazyLock},
};

use cel::{
    Env, ExecutionError,
    common::{
        ast::operators,
        functions::Function,
        types::{
            CelBool, CelBytes, CelDouble, CelInt, CelList, CelMap, CelString, CelUInt, DYN_TYPE,
            Kind, Type,
        },
        value::{CowVal, StaticVal, Val},
    },
};
use regex::Regex;

use super::work;

/// The largest double up to which every whole number is exact.
const MAX_WHOLE: f64 = crate::model::MAX_SAFE_INTEGER;

/// Prepares what a comprehension iterates over; see [`range`].
pub(super) const RANGE: &str = "@range";
/// Matches a text against a compiled [`Pattern`].
pub(super) const MATCHES: &str = "@matches";

/// The operators of CEL and what stands for them in a lowered expression.
const OPERATORS: [(&str, &str, Function); 12] = [
    (operators::EQUALS, "@eq", |args| {
        both(args, |a, b| equal(a, b).map(bool))
    }),
    (operators::NOT_EQUALS, "@ne", |args| {
        both(args, |a, b| equal(a, b).map(|e| bool(!e)))
    }),
    (operators::LESS, "@lt", |args| {
        both(args, |a, b| {
            compare(operators::LESS, a, b).map(|o| bool(o.is_lt()))
        })
    }),
    (operators::LESS_EQUALS, "@le", |args| {
        both(args, |a, b| {
            compare(operators::LESS_EQUALS, a, b).map(|o| bool(o.is_le()))
        })
    }),
    (operators::GREATER, "@gt", |args| {
        both(args, |a, b| {
            compare(operators::GREATER, a, b).map(|o| bool(o.is_gt()))
        })
    }),
    (operators::GREATER_EQUALS, "@ge", |args| {
        both(args, |a, b| {
            compare(operators::GREATER_EQUALS, a, b).map(|o| bool(o.is_ge()))
        })
    }),
    (operators::IN, "@within", |args| {
        both(args, |a, b| contains(b, a).map(bool))
    }),
    (operators::ADD, "@add", |args| {
        both(args, |a, b| calculate(operators::ADD, a, b))
    }),
    (operators::SUBSTRACT, "@sub", |args| {
        both(args, |a, b| calculate(operators::SUBSTRACT, a, b))
    }),
    (operators::MULTIPLY, "@mul", |args| {
        both(args, |a, b| calculate(operators::MULTIPLY, a, b))
    }),
    (operators::DIVIDE, "@div", |args| {
        both(args, |a, b| calculate(operators::DIVIDE, a, b))
    }),
    (operators::MODULO, "@rem", |args| {
        both(args, |a, b| calculate(operators::MODULO, a, b))
    }),
];

/// The standard library of CEL with the operators of this module, without
/// macros and optional values.
pub(super) static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::default().with_optional_support(false).with_stdlib();
    let own = [(RANGE, range as Function), (MATCHES, matches as Function)];
    let own = own
        .into_iter()
        .chain(OPERATORS.map(|(_, name, op)| (name, op)));
    for (name, op) in own {
        env.add_overload(name, name, vec![DYN_TYPE, DYN_TYPE], op)
            .expect("the names are unique and no CEL function's");
    }
    Arc::new(env)
});

/// The operator of this module for one of CEL.
pub(super) fn own_operator(operator: &str) -> Option<&'static str> {
    OPERATORS
        .iter()
        .find(|(cel, ..)| *cel == operator)
        .map(|(_, own, _)| *own)
}

/// A truth value.
pub(super) fn bool<'b, 'v>(value: bool) -> CowVal<'b, 'v> {
    CowVal::Borrowed(if value {
        &CelBool::TRUE
    } else {
        &CelBool::FALSE
    })
}

/// A number as `cel` has it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Int(i64),
    UInt(u64),
    Double(f64),
}

impl Number {
    pub(super) fn as_f64(self) -> f64 {
        match self {
            Number::Int(n) => n as f64,
            Number::UInt(n) => n as f64,
            Number::Double(n) => n,
        }
    }

    fn is_double(self) -> bool {
        matches!(self, Number::Double(_))
    }
}

/// The number that a value is.
pub(super) fn number(value: &dyn Val) -> Option<Number> {
    if let Some(double) = value.downcast_ref::<CelDouble>() {
        Some(Number::Double(*double.inner()))
    } else if let Some(int) = value.downcast_ref::<CelInt>() {
        Some(Number::Int(*int.inner()))
    } else {
        let uint = value.downcast_ref::<CelUInt>()?;
        Some(Number::UInt(*uint.inner()))
    }
}

/// A double as an integer, if it is one and exact.
pub(super) fn whole(double: f64) -> Option<i64> {
    (double.fract() == 0.0 && double.abs() <= MAX_WHOLE).then_some(double as i64)
}

fn both<'b, 'v>(
    args: Vec<CowVal<'b, 'v>>,
    op: impl Fn(&(dyn Val + 'v), &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>,
) -> Result<CowVal<'b, 'v>, ExecutionError> {
    match args.as_slice() {
        [a, b] => op(a.as_ref(), b.as_ref()),
        _ => Err(ExecutionError::invalid_argument_count(2, args.len())),
    }
}

fn mismatch(operator: &str, a: &dyn Val, b: &dyn Val) -> ExecutionError {
    let types = [a, b].map(|value| value.get_type().name().to_owned());
    ExecutionError::no_such_overload(operator, types.to_vec())
}

/// Steps for finding an entry in both of two maps.
const STEPS_A_LOOKUP: usize = 4;

/// Whether two values are equal: numbers by their value, lists and maps by
/// their contents; values of different types never are.
pub(super) fn equal(a: &dyn Val, b: &dyn Val) -> Result<bool, ExecutionError> {
    work::charge(1)?;
    match (a.get_type().kind(), b.get_type().kind()) {
        (Kind::List, Kind::List) => {
            if size(a) != size(b) {
                return Ok(false);
            }
            work::charge(size(a))?;
            for (a, b) in items(a).into_iter().zip(items(b)) {
                if !equal(a, b)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Kind::Map, Kind::Map) => {
            let Some(index) = b.as_indexer() else {
                return Ok(false);
            };
            if size(a) != size(b) {
                return Ok(false);
            }
            work::charge(size(a).saturating_mul(STEPS_A_LOOKUP))?;
            for key in items(a) {
                let Some(mine) = entry(a, key)? else {
                    return Ok(false);
                };
                let theirs = match index.get(key) {
                    Ok(theirs) => theirs,
                    Err(ExecutionError::NoSuchKey(_)) => return Ok(false),
                    Err(error) => return Err(error),
                };
                if !equal(mine.as_ref(), theirs.as_ref())? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Kind::List | Kind::Map, _) | (_, Kind::List | Kind::Map) => Ok(false),
        (Kind::String, Kind::String) => {
            if let Some(text) = a.downcast_ref::<CelString>() {
                work::charge_text(text.inner().len())?;
            }
            Ok(a.equals(b))
        }
        _ => Ok(a.equals(b)),
    }
}

fn entry<'b, 'v>(
    map: &'b (dyn Val + 'v),
    key: &dyn Val,
) -> Result<Option<CowVal<'b, 'v>>, ExecutionError> {
    map.as_indexer().map(|index| index.get(key)).transpose()
}

/// Number of elements of a list or of entries of a map; 0 for anything else.
pub(super) fn size(value: &dyn Val) -> usize {
    value
        .as_sizer()
        .and_then(|sizer| usize::try_from(*sizer.size().inner()).ok())
        .unwrap_or(0)
}

/// The elements of a list, or the keys of a map in their order.
pub(super) fn items<'b, 'v>(value: &'b (dyn Val + 'v)) -> Vec<&'b (dyn Val + 'v)> {
    if let Some(map) = value.downcast_ref::<CelMap>() {
        let mut keys: Vec<_> = map.inner().keys().collect();
        keys.sort();
        return keys.into_iter().map(|key| key.inner()).collect();
    }
    let mut items = Vec::new();
    if let Some(iterable) = value.as_iterable() {
        let mut iter = iterable.iter();
        while let Some(item) = iter.next() {
            items.push(item);
        }
    }
    items
}

fn compare(operator: &str, a: &dyn Val, b: &dyn Val) -> Result<Ordering, ExecutionError> {
    work::charge(1)?;
    a.as_comparer()
        .and_then(|comparer| comparer.compare(b).ok())
        .ok_or_else(|| mismatch(operator, a, b))
}

/// Whether a list has an element, or a map a key.
pub(super) fn contains(container: &dyn Val, value: &dyn Val) -> Result<bool, ExecutionError> {
    match container.get_type().kind() {
        Kind::List => {
            work::charge(size(container))?;
            for item in items(container) {
                if equal(item, value)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Kind::Map => {
            let Some(index) = container.as_indexer() else {
                return Err(mismatch(operators::IN, value, container));
            };
            match index.get(value) {
                Ok(_) => Ok(true),
                Err(ExecutionError::NoSuchKey(_)) => Ok(false),
                Err(ExecutionError::UnexpectedType { .. }) => {
                    Err(mismatch(operators::IN, value, container))
                }
                Err(error) => Err(error),
            }
        }
        _ => Err(mismatch(operators::IN, value, container)),
    }
}

fn calculate<'b, 'v>(
    operator: &'static str,
    a: &(dyn Val + 'v),
    b: &(dyn Val + 'v),
) -> Result<CowVal<'b, 'v>, ExecutionError> {
    work::charge(1)?;
    if let (Some(x), Some(y)) = (number(a), number(b))
        && (x.is_double() || y.is_double())
    {
        let result = doubles(operator, x.as_f64(), y.as_f64())?;
        return Ok(CowVal::owned(CelDouble::from(result)));
    }
    if operator == operators::ADD {
        if let (Kind::List, Kind::List) = (a.get_type().kind(), b.get_type().kind()) {
            return concatenate(a, b);
        }
        let length = |value: &dyn Val| {
            let text = value.downcast_ref::<CelString>().map(|s| s.inner().len());
            text.or_else(|| value.downcast_ref::<CelBytes>().map(|b| b.inner().len()))
        };
        if let (Some(x), Some(y)) = (length(a), length(b)) {
            work::check_text(x.saturating_add(y))?;
        }
    }
    let result = match operator {
        operators::ADD => a.as_adder().map(|a| a.add(b)),
        operators::SUBSTRACT => a.as_subtractor().map(|a| a.sub(b)),
        operators::MULTIPLY => a.as_multiplier().map(|a| a.mul(b)),
        operators::DIVIDE => a.as_divider().map(|a| a.div(b)),
        _ => a.as_modder().map(|a| a.modulo(b)),
    };
    match result {
        Some(Ok(result)) => Ok(CowVal::Owned(result.into_owned())),
        None | Some(Err(ExecutionError::UnsupportedBinaryOperator(..))) => {
            Err(mismatch(operator, a, b))
        }
        Some(Err(error)) => Err(error),
    }
}

/// As IEEE 754 has it; the remainder, which CEL has for integers only, of whole
/// numbers.
fn doubles(operator: &str, a: f64, b: f64) -> Result<f64, ExecutionError> {
    Ok(match operator {
        operators::ADD => a + b,
        operators::SUBSTRACT => a - b,
        operators::MULTIPLY => a * b,
        operators::DIVIDE => a / b,
        _ => {
            let (Some(x), Some(y)) = (whole(a), whole(b)) else {
                return Err(work::limit(format!(
                    "`%` needs whole numbers, not {a} and {b}"
                )));
            };
            x.checked_rem(y)
                .ok_or_else(|| ExecutionError::RemainderByZero(a.into()))? as f64
        }
    })
}

fn concatenate<'b, 'v>(
    a: &(dyn Val + 'v),
    b: &(dyn Val + 'v),
) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let total = size(a).saturating_add(size(b));
    work::check_list(total)?;
    work::charge(total)?;
    let list = items(a).into_iter().chain(items(b));
    let list: Vec<Box<dyn Val + 'v>> = list.map(|item| item.clone_as_boxed()).collect();
    Ok(CowVal::owned(CelList::from(list)))
}

/// What a comprehension iterates over, as a list: the elements of a list, or
/// the keys of a map. Refuses anything else and what is too long, and takes the
/// steps of the whole comprehension from the budget: the second argument is
/// the number of steps for one element.
fn range<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    both(args, |over, steps| {
        if !matches!(over.get_type().kind(), Kind::List | Kind::Map) {
            return Err(mismatch(RANGE, over, steps));
        }
        let elements = size(over);
        work::check_list(elements)?;
        let steps = match number(steps) {
            Some(Number::Int(steps)) => usize::try_from(steps).unwrap_or(usize::MAX),
            _ => usize::MAX,
        };
        work::charge(elements.saturating_mul(steps))?;
        let list = items(over).into_iter().map(|item| item.clone_as_boxed());
        Ok(CowVal::owned(CelList::from(list.collect::<Vec<_>>())))
    })
}

/// A compiled pattern of `matches`.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    regex: Regex,
    /// Bound of its compiled size.
    kib: usize,
}

impl Pattern {
    /// Bounds of compiled sizes, in KiB: a pattern is of the smallest that it
    /// fits in. One that fits in none is refused.
    const SIZES: [usize; 4] = [4, 16, 64, 256];

    /// A pattern of 16 KiB takes at worst as long for a byte as a step takes.
    const KIB_A_STEP: usize = 16;

    /// Compiles a pattern. The error says what is wrong with it.
    pub(super) fn new(source: &str) -> Result<Self, String> {
        let mut wrong = String::new();
        for kib in Self::SIZES {
            let regex = regex::RegexBuilder::new(source)
                .size_limit(kib * 1024)
                .dfa_size_limit(kib * 1024)
                .nest_limit(32)
                .build();
            match regex {
                Ok(regex) => return Ok(Pattern { regex, kib }),
                Err(regex::Error::CompiledTooBig(_)) => {
                    wrong = "it is too large: use fewer repetitions, or [0-9] for \\d and \
                             [A-Za-z0-9_] for \\w"
                        .to_owned();
                }
                Err(error) => {
                    // The last line says what is wrong, those before show where.
                    let text = error.to_string();
                    let line = text.lines().last().unwrap_or_default();
                    return Err(line.trim_start_matches("error: ").to_owned());
                }
            }
        }
        Err(wrong)
    }

    fn is_match(&self, text: &str) -> Result<bool, ExecutionError> {
        work::charge(text.len().saturating_mul(self.kib) / Self::KIB_A_STEP + 1)?;
        Ok(self.regex.is_match(text))
    }
}

/// No expression can name it, and it is the argument of [`MATCHES`] alone.
static PATTERN_TYPE: Type = Type::new_unspecified_type("pattern");

impl Val for Pattern {
    fn get_type(&self) -> &Type {
        &PATTERN_TYPE
    }

    fn cel_type() -> &'static Type {
        &PATTERN_TYPE
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Pattern {}

fn matches<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    both(args, |text, pattern| {
        match (
            text.downcast_ref::<CelString>(),
            pattern.downcast_ref::<Pattern>(),
        ) {
            (Some(text), Some(pattern)) => pattern.is_match(text.inner()).map(bool),
            _ => Err(mismatch("matches", text, pattern)),
        }
    })
}
