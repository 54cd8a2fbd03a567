//! What contracts see: JSON, executions and signals as values of `cel`,
//! borrowed and read on access. Nothing is converted that no contract looks at.

use std::{collections::BTreeMap, sync::OnceLock, time::Duration};

use cel::{
    ExecutionError,
    common::{
        traits::{Container, Indexer, Iterable, Iterator as CelIterator, Sizer},
        types::{
            CelBool, CelDouble, CelDuration, CelInt, CelNull, CelString, CelTimestamp, CelUInt,
            LIST_TYPE, MAP_TYPE, Type,
        },
        value::{CowVal, Val},
    },
};

use super::{ops, work};
use crate::model::{Json, TestExecution, Time};

/// What contracts see of an execution, prepared once and used for all of its
/// contracts.
#[derive(Clone, Debug)]
pub struct ExecutionValue {
    test: TestExecution,
    timestamp: CelTimestamp,
    expires: CelTimestamp,
}

impl ExecutionValue {
    /// Prepares an execution.
    pub fn new(test: &TestExecution) -> Self {
        ExecutionValue {
            test: test.clone(),
            timestamp: test.timestamp.fixed_offset().into(),
            expires: test.expires.fixed_offset().into(),
        }
    }

    /// Names of the fields of `execution`.
    pub(super) const FIELDS: [&'static str; 7] = [
        "id",
        "case_name",
        "timestamp",
        "expires",
        "args",
        "kwargs",
        "labels",
    ];

    fn get<'a>(&'a self, field: &str) -> Option<CowVal<'a, 'a>> {
        Some(match field {
            "id" => CowVal::owned(CelString::from(self.test.id.as_str())),
            "case_name" => CowVal::owned(CelString::from(self.test.case_name.as_str())),
            "timestamp" => CowVal::Borrowed(&self.timestamp),
            "expires" => CowVal::Borrowed(&self.expires),
            "args" => CowVal::owned(View::new(Data::List(&self.test.test_args))),
            "kwargs" => CowVal::owned(View::new(Data::Object(&self.test.test_kwargs))),
            "labels" => CowVal::owned(View::new(Data::Labels(&self.test.labels))),
            _ => return None,
        })
    }
}

/// What is known of one signal of an execution when a case's contract is
/// evaluated.
#[derive(Clone, Copy, Debug)]
pub struct SignalFacts<'a> {
    /// Name of the signal.
    pub name: &'a str,
    /// Value of the first one that came; null if none came.
    pub value: &'a Json,
    /// Key of the first one that came; null if none came.
    pub key: &'a Json,
    /// When the first one came. Without it `has(signals.NAME.at)` is false.
    pub at: Option<Time>,
    /// From the start of its clock to its arrival.
    pub latency: Option<Duration>,
    /// How many came.
    pub count: u64,
    /// The values that came and are kept, in their order.
    pub values: &'a [&'a Json],
}

impl<'a> SignalFacts<'a> {
    /// A signal that has not come.
    pub fn absent(name: &'a str) -> Self {
        SignalFacts {
            name,
            value: &Json::Null,
            key: &Json::Null,
            at: None,
            latency: None,
            count: 0,
            values: &[],
        }
    }

    /// Names of the fields of `signals.NAME`.
    pub(super) const FIELDS: [&'static str; 6] =
        ["value", "key", "at", "latency", "count", "values"];

    fn get(&self, field: &str) -> Option<CowVal<'a, 'a>> {
        Some(match field {
            "value" => json(self.value),
            "key" => json(self.key),
            "at" => CowVal::owned(CelTimestamp::from(self.at?.fixed_offset())),
            "latency" => {
                let latency = chrono::Duration::from_std(self.latency?);
                CowVal::owned(CelDuration::from(latency.unwrap_or(chrono::Duration::MAX)))
            }
            "count" => CowVal::owned(CelInt::from(i64::try_from(self.count).unwrap_or(i64::MAX))),
            "values" => CowVal::owned(View::new(Data::Values(self.values))),
            _ => return None,
        })
    }
}

/// A JSON value as a value of `cel`. Numbers are doubles.
pub(super) fn json<'b, 'v>(value: &'v Json) -> CowVal<'b, 'v> {
    match value {
        Json::Null => CowVal::Borrowed(&CelNull),
        Json::Bool(b) => ops::bool(*b),
        Json::Number(n) => CowVal::owned(CelDouble::from(n.as_f64().unwrap_or(f64::NAN))),
        Json::String(s) => CowVal::owned(CelString::from(s.as_str())),
        Json::Array(list) => CowVal::owned(View::new(Data::List(list))),
        Json::Object(map) => CowVal::owned(View::new(Data::Object(map))),
    }
}

/// `execution` as a value of `cel`.
pub(super) fn execution<'b, 'v>(value: &'v ExecutionValue) -> CowVal<'b, 'v> {
    CowVal::owned(View::new(Data::Execution(value)))
}

/// `signals.NAME` as a value of `cel`.
pub(super) fn signal<'b, 'v>(facts: SignalFacts<'v>) -> CowVal<'b, 'v> {
    CowVal::owned(View::new(Data::Signal(facts)))
}

/// What a view looks at.
#[derive(Clone, Copy, Debug)]
enum Data<'a> {
    List(&'a [Json]),
    Values(&'a [&'a Json]),
    Object(&'a serde_json::Map<String, Json>),
    Labels(&'a BTreeMap<String, String>),
    Execution(&'a ExecutionValue),
    Signal(SignalFacts<'a>),
}

impl<'a> Data<'a> {
    fn is_list(&self) -> bool {
        matches!(self, Data::List(_) | Data::Values(_))
    }

    fn len(&self) -> usize {
        match self {
            Data::List(list) => list.len(),
            Data::Values(list) => list.len(),
            Data::Object(map) => map.len(),
            Data::Labels(map) => map.len(),
            Data::Execution(_) => ExecutionValue::FIELDS.len(),
            Data::Signal(_) => self.keys().len(),
        }
    }

    fn at(&self, index: usize) -> Option<CowVal<'a, 'a>> {
        match *self {
            Data::List(list) => list.get(index).map(json),
            Data::Values(list) => list.get(index).map(|value| json(value)),
            _ => None,
        }
    }

    fn get(&self, key: &str) -> Option<CowVal<'a, 'a>> {
        match *self {
            Data::List(_) | Data::Values(_) => None,
            Data::Object(map) => map.get(key).map(json),
            Data::Labels(map) => map
                .get(key)
                .map(|label| CowVal::owned(CelString::from(label.as_str()))),
            Data::Execution(execution) => execution.get(key),
            Data::Signal(facts) => facts.get(key),
        }
    }

    fn keys(&self) -> Vec<&'a str> {
        match *self {
            Data::List(_) | Data::Values(_) => Vec::new(),
            Data::Object(map) => map.keys().map(String::as_str).collect(),
            Data::Labels(map) => map.keys().map(String::as_str).collect(),
            Data::Execution(_) => ExecutionValue::FIELDS.to_vec(),
            Data::Signal(facts) => SignalFacts::FIELDS
                .into_iter()
                .filter(|field| facts.get(field).is_some())
                .collect(),
        }
    }

    /// The elements of a list, the keys of a map.
    fn items(&self) -> Vec<Box<dyn Val + 'a>> {
        if self.is_list() {
            (0..self.len())
                .filter_map(|index| self.at(index))
                .map(CowVal::into_owned)
                .collect()
        } else {
            self.keys()
                .into_iter()
                .map(|key| Box::new(CelString::from(key)) as Box<dyn Val + 'a>)
                .collect()
        }
    }
}

/// A list or a map over borrowed data.
#[derive(Debug)]
struct View<'a> {
    data: Data<'a>,
    /// What an iteration lends out; made when one begins.
    items: OnceLock<Vec<Box<dyn Val + 'a>>>,
}

impl<'a> View<'a> {
    fn new(data: Data<'a>) -> Self {
        View {
            data,
            items: OnceLock::new(),
        }
    }
}

impl Val for View<'_> {
    fn get_type(&self) -> &Type {
        if self.data.is_list() {
            &LIST_TYPE
        } else {
            &MAP_TYPE
        }
    }

    fn cel_type() -> &'static Type {
        &MAP_TYPE
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_iterable<'b, 'v>(&'b self) -> Option<&'b (dyn Iterable + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        ops::equal(self, other).unwrap_or(false)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(View::new(self.data))
    }
}

impl Sizer for View<'_> {
    fn size(&self) -> CelInt {
        CelInt::from(i64::try_from(self.data.len()).unwrap_or(i64::MAX))
    }
}

impl Container for View<'_> {
    fn contains(&self, value: &dyn Val) -> Result<bool, ExecutionError> {
        ops::contains(self, value)
    }
}

impl Indexer for View<'_> {
    fn get<'b, 'v>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let found = if self.data.is_list() {
            let position = position(index)?;
            self.data
                .at(position)
                .ok_or_else(|| ExecutionError::IndexOutOfBounds((position as u64).into()))?
        } else {
            let key = index
                .downcast_ref::<CelString>()
                .ok_or_else(|| no_such_key(index))?;
            self.data
                .get(key.inner())
                .ok_or_else(|| ExecutionError::no_such_key(key.inner()))?
        };
        if let Some(text) = found.downcast_ref::<CelString>() {
            work::charge_text(text.inner().len())?;
        }
        Ok(found)
    }

    fn steal<'v>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(index).map(CowVal::into_owned)
    }
}

/// A map of JSON has text keys only: any other scalar is not among them.
fn no_such_key(index: &dyn Val) -> ExecutionError {
    if let Some(number) = ops::number(index) {
        ExecutionError::no_such_key(&number.as_f64().to_string())
    } else if let Some(b) = index.downcast_ref::<CelBool>() {
        ExecutionError::no_such_key(&b.inner().to_string())
    } else {
        ExecutionError::UnexpectedType {
            got: index.get_type().name().to_owned(),
            want: "string".to_owned(),
        }
    }
}

/// The position in a list that an index means: any whole number.
fn position(index: &dyn Val) -> Result<usize, ExecutionError> {
    let position = if let Some(int) = index.downcast_ref::<CelInt>() {
        usize::try_from(*int.inner()).ok()
    } else if let Some(uint) = index.downcast_ref::<CelUInt>() {
        usize::try_from(*uint.inner()).ok()
    } else if let Some(double) = index.downcast_ref::<CelDouble>() {
        ops::whole(*double.inner()).and_then(|whole| usize::try_from(whole).ok())
    } else {
        return Err(ExecutionError::UnexpectedType {
            got: index.get_type().name().to_owned(),
            want: "int".to_owned(),
        });
    };
    position.ok_or_else(|| {
        let index = cel::Value::try_from(index).unwrap_or(cel::Value::Null);
        ExecutionError::IndexOutOfBounds(index)
    })
}

impl<'a> Iterable for View<'a> {
    fn iter<'b, 'v>(&'b self) -> Box<dyn CelIterator<'b, 'v> + 'b>
    where
        Self: 'v,
    {
        let items: &'b Vec<Box<dyn Val + 'a>> = self.items.get_or_init(|| self.data.items());
        Box::new(Items(items.iter()))
    }
}

/// Lends out what a view holds.
struct Items<'b, 'a>(std::slice::Iter<'b, Box<dyn Val + 'a>>);

impl<'b, 'a: 'v, 'v> CelIterator<'b, 'v> for Items<'b, 'a> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'v)> {
        self.0
            .next()
            .map(|item| item.as_ref() as &'b (dyn Val + 'v))
    }
}
