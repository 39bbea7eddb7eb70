//! JSON as CEL values without copying it, and CEL values back to JSON.
//! It must not know about expressions or functions.

use std::sync::OnceLock;

use cel::ExecutionError;
use cel::common::traits::{self, Container, Indexer, Iterable, Sizer, Zeroer};
use cel::common::types::{
    CelBool, CelBytes, CelDouble, CelInt, CelList, CelNull, CelOptional, CelString, CelType, CelUInt, Kind, MAP_TYPE,
    Type,
};
use cel::common::value::{CowVal, Val};
use serde_json::{Map, Number, Value};

use crate::library::quantity::CelQuantity;

static MAP: Type = MAP_TYPE;

/// A JSON value as a CEL value that borrows it. Whole numbers are ints, never uints, as in cel-go.
pub(crate) fn from_json<'v>(value: &'v Value) -> Box<dyn Val + 'v> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(b) => Box::new(CelBool::from(*b)),
        Value::Number(n) => number(n),
        Value::String(s) => Box::new(CelString::from(s.as_str())),
        Value::Array(items) => Box::new(CelList::from(items.iter().map(from_json).collect::<Vec<_>>())),
        Value::Object(map) => Box::new(JsonMap::new(map)),
    }
}

fn number<'v>(number: &Number) -> Box<dyn Val + 'v> {
    match number.as_i64() {
        Some(int) => Box::new(CelInt::from(int)),
        None => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
    }
}

/// A JSON object as a CEL map: fields become values when they are looked at.
#[derive(Clone, Debug)]
pub(crate) struct JsonMap<'v> {
    map: &'v Map<String, Value>,
    /// Iterators lend values out, so the keys must live somewhere; they borrow their text. Made when first walked.
    keys: OnceLock<Vec<CelString<'v>>>,
}

impl<'v> JsonMap<'v> {
    fn new(map: &'v Map<String, Value>) -> Self {
        Self { map, keys: OnceLock::new() }
    }

    fn find(&self, key: &dyn Val) -> Option<&'v Value> {
        self.map.get(key.downcast_ref::<CelString>()?.inner())
    }
}

impl<'v> Val for JsonMap<'v> {
    fn get_type(&self) -> &Type {
        &MAP
    }

    fn cel_type() -> &'static Type {
        &MAP
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_indexer<'b, 'w>(&'b self) -> Option<&'b (dyn Indexer + 'w)>
    where
        Self: 'w,
    {
        Some(self)
    }

    fn as_iterable<'b, 'w>(&'b self) -> Option<&'b (dyn Iterable + 'w)>
    where
        Self: 'w,
    {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }

    fn as_zeroer(&self) -> Option<&dyn Zeroer> {
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        let (Some(sizer), Some(indexer)) = (other.as_sizer(), other.as_indexer()) else { return false };
        *other.get_type().name() == *MAP.name()
            && *sizer.size().inner() == i64::try_from(self.map.len()).unwrap_or(i64::MAX)
            && self.map.iter().all(|(key, value)| {
                let key = CelString::from(key.clone());
                indexer.get(&key).is_ok_and(|found| from_json(value).equals(found.as_ref()))
            })
    }

    fn clone_as_boxed<'w>(&self) -> Box<dyn Val + 'w>
    where
        Self: 'w,
    {
        Box::new(self.clone())
    }
}

impl Container for JsonMap<'_> {
    fn contains(&self, key: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(self.find(key).is_some())
    }
}

impl Indexer for JsonMap<'_> {
    fn get<'b, 'w>(&'b self, key: &dyn Val) -> Result<CowVal<'b, 'w>, ExecutionError>
    where
        Self: 'w,
    {
        let missing = || ExecutionError::no_such_key(key.downcast_ref::<CelString>().map_or("", |key| key.inner()));
        self.find(key).map(|value| CowVal::Owned(from_json(value) as Box<dyn Val + 'w>)).ok_or_else(missing)
    }

    fn steal<'w>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'w>, ExecutionError>
    where
        Self: 'w,
    {
        self.get(key).map(CowVal::into_owned)
    }
}

struct Keys<'b, 'v>(std::slice::Iter<'b, CelString<'v>>);

impl<'b, 'v: 'w, 'w> traits::Iterator<'b, 'w> for Keys<'b, 'v> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'w)> {
        self.0.next().map(|key| key as &(dyn Val + 'w))
    }
}

impl Iterable for JsonMap<'_> {
    fn iter<'b, 'w>(&'b self) -> Box<dyn traits::Iterator<'b, 'w> + 'b>
    where
        Self: 'w,
    {
        let keys = self.keys.get_or_init(|| self.map.keys().map(|key| CelString::from(key.as_str())).collect());
        Box::new(Keys(keys.iter()))
    }
}

impl Sizer for JsonMap<'_> {
    fn size(&self) -> CelInt {
        CelInt::from(i64::try_from(self.map.len()).unwrap_or(i64::MAX))
    }
}

impl Zeroer for JsonMap<'_> {
    fn is_zero_value(&self) -> bool {
        self.map.is_empty()
    }
}

/// A CEL value as JSON; `optional.none()` is null, an optional is what it holds.
///
/// # Errors
/// With a text when a value has no JSON form, such as a NaN.
pub(crate) fn to_json(value: &dyn Val) -> Result<Value, String> {
    match value.get_type().kind() {
        Kind::NullType => Ok(Value::Null),
        Kind::Boolean => scalar::<CelBool>(value, |b| Value::from(*b.inner())),
        Kind::Int => scalar::<CelInt>(value, |i| Value::from(*i.inner())),
        Kind::UInt => scalar::<CelUInt>(value, |u| Value::from(*u.inner())),
        Kind::Double => double(value),
        Kind::String => scalar::<CelString>(value, |s| Value::from(s.inner())),
        Kind::Bytes => bytes(value),
        Kind::List => list(value),
        Kind::Map => map(value),
        _ => opaque(value),
    }
}

fn scalar<'b, T: cel::common::value::FromVal<'b, 'b> + 'b>(
    value: &'b dyn Val,
    convert: impl FnOnce(&'b T) -> Value,
) -> Result<Value, String> {
    value.downcast_ref::<T>().map(convert).ok_or_else(|| no_json(value))
}

fn no_json(value: &dyn Val) -> String {
    format!("a value of type {} has no JSON form; convert it, for example with string()", value.get_type().name())
}

fn double(value: &dyn Val) -> Result<Value, String> {
    let double = *value.downcast_ref::<CelDouble>().ok_or_else(|| no_json(value))?.inner();
    // Go prints 2.0 as 2; within 2^53 nothing is lost.
    if double.fract() == 0.0 && double.abs() < 9_007_199_254_740_992.0 {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and below 2^53")]
        return Ok(Value::from(double as i64));
    }
    Number::from_f64(double).map(Value::Number).ok_or_else(|| format!("{double} has no JSON form"))
}

fn bytes(value: &dyn Val) -> Result<Value, String> {
    use base64::Engine as _;
    let encode = |b: &CelBytes| Value::from(base64::engine::general_purpose::STANDARD.encode(b.inner()));
    value.downcast_ref::<CelBytes>().map(encode).ok_or_else(|| no_json(value))
}

fn list(value: &dyn Val) -> Result<Value, String> {
    let mut items = value.as_iterable().ok_or_else(|| no_json(value))?.iter();
    let mut list = Vec::new();
    while let Some(item) = items.next() {
        if !is_none(item) {
            list.push(to_json(item)?);
        }
    }
    Ok(Value::Array(list))
}

fn map(value: &dyn Val) -> Result<Value, String> {
    let (Some(iterable), Some(indexer)) = (value.as_iterable(), value.as_indexer()) else {
        return Err(no_json(value));
    };
    let mut map = Map::new();
    let mut keys = iterable.iter();
    while let Some(key) = keys.next() {
        let found = indexer.get(key).map_err(|error| error.to_string())?;
        if !is_none(found.as_ref()) {
            map.insert(key_text(key)?, to_json(found.as_ref())?);
        }
    }
    Ok(Value::Object(map))
}

fn key_text(key: &dyn Val) -> Result<String, String> {
    match to_json(key)? {
        Value::String(text) => Ok(text),
        other => Ok(other.to_string()),
    }
}

fn is_none(value: &dyn Val) -> bool {
    value.downcast_ref::<CelOptional>().is_some_and(|optional| optional.option().is_none())
}

fn opaque(value: &dyn Val) -> Result<Value, String> {
    if let Some(optional) = value.downcast_ref::<CelOptional>() {
        return optional.option().map_or(Ok(Value::Null), to_json);
    }
    if let Some(quantity) = value.downcast_ref::<CelQuantity>() {
        return Ok(Value::from(quantity.0.to_string()));
    }
    if let Some(named) = value.downcast_ref::<CelType>() {
        return Ok(Value::from(named.name()));
    }
    Err(no_json(value))
}

/// JSON as a CEL value of its own, for what functions compute.
pub(crate) fn owned_from_json<'v>(value: &Value) -> Box<dyn Val + 'v> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(b) => Box::new(CelBool::from(*b)),
        Value::Number(n) => number(n),
        Value::String(s) => Box::new(CelString::from(s.clone())),
        Value::Array(items) => Box::new(CelList::from(items.iter().map(owned_from_json).collect::<Vec<_>>())),
        Value::Object(map) => Box::new(cel::common::types::CelMap::from(
            map.iter()
                .map(|(k, v)| (k.clone().into(), owned_from_json(v)))
                .collect::<std::collections::HashMap<_, _>>(),
        )),
    }
}
