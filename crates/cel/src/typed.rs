//! JSON with its schema as CEL values, without copying it: as `k8s.io/apiserver/pkg/cel/common.UnstructuredToVal`.
//! It must not know about expressions or functions.
//!
//! The schema decides what JSON leaves open: whether `2` is a double, whether a string is a time, and whether a list
//! is a set.

use std::sync::OnceLock;

use cel::ExecutionError;
use cel::common::traits::{self, Adder, Container, Indexer, Iterable, Sizer, Zeroer};
use cel::common::types::{CelBytes, CelDouble, CelInt, CelList, CelString, Kind, LIST_TYPE, MAP_TYPE, Type};
use cel::common::value::{Builtin, BuiltinRef, CowVal, Val};
use mainstay_apimachinery::Schema;
use mainstay_apimachinery::schema::{self, ListType};
use serde_json::{Map, Value};

use crate::check::text_type;
use crate::environment;
use crate::library::equality::{equal, equal_in_any_order, items, same_identity};
use crate::value::from_json;

static MAP: Type = MAP_TYPE;
static LIST: Type = LIST_TYPE;

/// A JSON value of a schema as a CEL value that borrows both.
pub(crate) fn typed<'v>(value: &'v Value, schema: &'v Schema) -> Box<dyn Val + 'v> {
    if schema.int_or_string {
        return from_json(value);
    }
    match (schema.type_, value) {
        (Some(schema::Type::Number), Value::Number(number)) => {
            Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN)))
        }
        (Some(schema::Type::String), Value::String(text)) => self::text(text, schema.format.as_deref()),
        (Some(schema::Type::Array), Value::Array(list)) => match &schema.items {
            Some(items) => Box::new(TypedList { list, items, schema, made: OnceLock::new() }),
            None => from_json(value),
        },
        (Some(schema::Type::Object), Value::Object(map)) => Box::new(TypedMap { map, schema, keys: OnceLock::new() }),
        _ => from_json(value),
    }
}

fn text<'v>(text: &'v str, format: Option<&str>) -> Box<dyn Val + 'v> {
    let plain = || Box::new(CelString::from(text));
    match text_type(format) {
        "bytes" => {
            use base64::Engine as _;
            let decoded = base64::engine::general_purpose::STANDARD.decode(text);
            decoded.map_or_else(|_| plain() as Box<dyn Val>, |bytes| Box::new(CelBytes::from(bytes)))
        }
        "timestamp" if format == Some("date") => converted("timestamp", format!("{text}T00:00:00Z")),
        name @ ("timestamp" | "duration") => converted(name, text.to_owned()),
        _ => plain(),
    }
}

/// A text as the function of that name makes of it.
fn converted<'v>(function: &str, text: String) -> Box<dyn Val + 'v> {
    let args = || vec![CowVal::owned(CelString::from(text.clone()))];
    let convert = environment::shared().find_overload(function, &args());
    match convert.and_then(|convert| convert(args()).ok()) {
        Some(value) => value.into_owned(),
        None => Box::new(CelString::from(text)),
    }
}

/// A JSON object with its schema.
#[derive(Clone, Debug)]
struct TypedMap<'v> {
    map: &'v Map<String, Value>,
    schema: &'v Schema,
    /// Iterators lend values out, so the keys must live somewhere. Made when first walked.
    keys: OnceLock<Vec<CelString<'v>>>,
}

impl<'v> TypedMap<'v> {
    fn find(&self, key: &str) -> Option<Box<dyn Val + 'v>> {
        let value = self.map.get(key)?;
        Some(self.schema.field(key).map_or_else(|| from_json(value), |schema| typed(value, schema)))
    }
}

impl<'v> Val for TypedMap<'v> {
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
        other.get_type().kind() == Kind::Map
            && usize::try_from(*sizer.size().inner()).is_ok_and(|size| size == self.map.len())
            && self.map.keys().all(|key| {
                let theirs = indexer.get(&CelString::from(key.clone()));
                theirs.is_ok_and(|theirs| self.find(key).is_some_and(|own| equal_here(own.as_ref(), theirs.as_ref())))
            })
    }

    fn clone_as_boxed<'w>(&self) -> Box<dyn Val + 'w>
    where
        Self: 'w,
    {
        Box::new(self.clone())
    }
}

/// Lists know themselves whether their order counts.
fn equal_here(a: &dyn Val, b: &dyn Val) -> bool {
    if matches!(a.get_type().kind(), Kind::List | Kind::Map) { a.equals(b) } else { equal(a, b) }
}

impl Container for TypedMap<'_> {
    fn contains(&self, key: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(key.downcast_ref::<CelString>().is_some_and(|key| self.map.contains_key(key.inner())))
    }
}

impl Indexer for TypedMap<'_> {
    fn get<'b, 'w>(&'b self, key: &dyn Val) -> Result<CowVal<'b, 'w>, ExecutionError>
    where
        Self: 'w,
    {
        let key = key.downcast_ref::<CelString>().map_or("", |key| key.inner());
        self.find(key)
            .map(|found| CowVal::Owned(found as Box<dyn Val + 'w>))
            .ok_or_else(|| ExecutionError::no_such_key(key))
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

impl Iterable for TypedMap<'_> {
    fn iter<'b, 'w>(&'b self) -> Box<dyn traits::Iterator<'b, 'w> + 'b>
    where
        Self: 'w,
    {
        let keys = self.keys.get_or_init(|| self.map.keys().map(|key| CelString::from(key.as_str())).collect());
        Box::new(Keys(keys.iter()))
    }
}

impl Sizer for TypedMap<'_> {
    fn size(&self) -> CelInt {
        CelInt::from(i64::try_from(self.map.len()).unwrap_or(i64::MAX))
    }
}

impl Zeroer for TypedMap<'_> {
    fn is_zero_value(&self) -> bool {
        self.map.is_empty()
    }
}

/// A JSON array with its schema. It is a list like any other to who asks for one; only then are its items made.
#[derive(Clone, Debug)]
struct TypedList<'v> {
    list: &'v [Value],
    items: &'v Schema,
    schema: &'v Schema,
    made: OnceLock<CelList<'v>>,
}

impl<'v> TypedList<'v> {
    fn made(&self) -> &CelList<'v> {
        self.made
            .get_or_init(|| CelList::from(self.list.iter().map(|item| typed(item, self.items)).collect::<Vec<_>>()))
    }

    /// The keys that tell items apart; none for a set. `None` where the order counts.
    fn identity(&self) -> Option<Vec<&'v str>> {
        match &self.schema.list_type {
            ListType::Atomic => None,
            ListType::Set => Some(Vec::new()),
            ListType::Map(keys) => Some(keys.iter().map(String::as_str).collect()),
        }
    }
}

impl<'v> Val for TypedList<'v> {
    fn get_type(&self) -> &Type {
        &LIST
    }

    fn cel_type() -> &'static Type {
        &LIST
    }

    fn as_adder<'b, 'w>(&'b self) -> Option<&'b (dyn Adder + 'w)>
    where
        Self: 'w,
    {
        Some(self)
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

    fn into_indexer<'w>(self: Box<Self>) -> Option<Box<dyn Indexer + 'w>>
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
        if other.get_type().kind() != Kind::List {
            return false;
        }
        if let Some(keys) = self.identity() {
            return equal_in_any_order(&keys, self, other);
        }
        let theirs = items(other);
        theirs.len() == self.list.len()
            && self.made().inner().iter().zip(&theirs).all(|(a, b)| equal_here(a.as_ref(), b.as_ref()))
    }

    fn clone_as_boxed<'w>(&self) -> Box<dyn Val + 'w>
    where
        Self: 'w,
    {
        Box::new(self.clone())
    }

    fn as_builtin<'b, 'w>(&'b self) -> BuiltinRef<'b, 'w>
    where
        Self: 'w,
    {
        BuiltinRef::List(self.made())
    }

    fn into_builtin<'w>(self: Box<Self>) -> Option<Builtin<'w>>
    where
        Self: 'w,
    {
        Some(Builtin::List(self.made().clone()))
    }
}

/// Sets are united, and of two items with the same keys the right one stays, at the place of the left.
impl Adder for TypedList<'_> {
    fn add<'b, 'w>(&'b self, rhs: &(dyn Val + 'w)) -> Result<CowVal<'b, 'w>, ExecutionError>
    where
        Self: 'w,
    {
        let mut all: Vec<Box<dyn Val + 'w>> = items(self);
        let keys = self.identity();
        for item in items(rhs) {
            let twin = keys
                .as_ref()
                .and_then(|keys| all.iter().position(|own| same_identity(keys, own.as_ref(), item.as_ref())));
            match twin {
                Some(index) => all[index] = item,
                None => all.push(item),
            }
        }
        Ok(CowVal::owned(CelList::from(all)))
    }
}

impl Container for TypedList<'_> {
    fn contains(&self, value: &dyn Val) -> Result<bool, ExecutionError> {
        if let Some(text) = value.downcast_ref::<CelString>().filter(|_| self.items.format.is_none()) {
            return Ok(self.list.iter().any(|item| item.as_str() == Some(text.inner())));
        }
        Ok(self.made().inner().iter().any(|item| equal(item.as_ref(), value)))
    }
}

impl Indexer for TypedList<'_> {
    fn get<'b, 'w>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'w>, ExecutionError>
    where
        Self: 'w,
    {
        let wanted = index.downcast_ref::<CelInt>().map(|index| *index.inner());
        let found = wanted.and_then(|index| self.list.get(usize::try_from(index).ok()?));
        match found {
            Some(item) => Ok(CowVal::Owned(typed(item, self.items) as Box<dyn Val + 'w>)),
            None => Err(ExecutionError::IndexOutOfBounds(wanted.map_or(cel::Value::Null, cel::Value::Int))),
        }
    }

    fn steal<'w>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'w>, ExecutionError>
    where
        Self: 'w,
    {
        self.get(index).map(CowVal::into_owned)
    }
}

struct Items<'b, 'v>(std::slice::Iter<'b, Box<dyn Val + 'v>>);

impl<'b, 'v: 'w, 'w> traits::Iterator<'b, 'w> for Items<'b, 'v> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'w)> {
        self.0.next().map(|item| item.as_ref() as &(dyn Val + 'w))
    }
}

impl Iterable for TypedList<'_> {
    fn iter<'b, 'w>(&'b self) -> Box<dyn traits::Iterator<'b, 'w> + 'b>
    where
        Self: 'w,
    {
        Box::new(Items(self.made().inner().iter()))
    }
}

impl Sizer for TypedList<'_> {
    fn size(&self) -> CelInt {
        CelInt::from(i64::try_from(self.list.len()).unwrap_or(i64::MAX))
    }
}

impl Zeroer for TypedList<'_> {
    fn is_zero_value(&self) -> bool {
        self.list.is_empty()
    }
}
