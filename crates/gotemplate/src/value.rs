//! The values that templates work on: what Go would hold in an `interface{}`.
//! Dictionaries are shared and can be changed in place, as Go's maps are.

use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Number, Value as Json};

use crate::error::Fault;

/// How deep a value may be nested when it is written out: a dictionary may have been put into itself.
pub(crate) const DEPTH_LIMIT: usize = 200;

/// A value.
#[derive(Clone, Default)]
pub enum Value {
    /// Go's `nil`, and what a missing key gives.
    #[default]
    Nil,
    /// `bool`.
    Bool(bool),
    /// `int`: numbers written in templates.
    Int(i64),
    /// `int64`: what arithmetic gives.
    Int64(i64),
    /// `float64`: numbers from YAML and JSON.
    Float(f64),
    /// `string`.
    Str(Rc<str>),
    /// A `string` that is not UTF-8.
    Bytes(Rc<[u8]>),
    /// A slice.
    List(Rc<Items>),
    /// A map with string keys.
    Map(Dict),
    /// Something with fields and methods.
    Object(Rc<dyn Object>),
}

/// Something with fields and methods that templates may use, such as a point in time.
pub trait Object {
    /// Go's name of the type.
    fn type_name(&self) -> &str;

    /// How `{{ . }}` prints it.
    fn text(&self) -> String;

    /// A field, or a method called with arguments; `None` if there is no such.
    fn get(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, Fault>>;

    /// How it appears in JSON and YAML.
    fn json(&self) -> Json {
        Json::String(self.text())
    }

    /// The Go kind: `struct` or `ptr`, mostly.
    fn kind(&self) -> &'static str {
        "struct"
    }

    /// What `range` goes through, if it can.
    fn entries(&self) -> Option<Value> {
        None
    }

    /// Itself, for functions that know the type.
    fn any(&self) -> &dyn std::any::Any;
}

/// The items of a list.
#[derive(Default)]
pub struct Items(Vec<Value>);

impl std::ops::Deref for Items {
    type Target = Vec<Value>;

    fn deref(&self) -> &Vec<Value> {
        &self.0
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        release(std::mem::take(&mut self.0));
    }
}

#[derive(Clone, Default)]
struct Entries(BTreeMap<Rc<str>, Value>);

impl Drop for Entries {
    fn drop(&mut self) {
        release(std::mem::take(&mut self.0).into_values());
    }
}

thread_local! {
    /// Values that are to be freed, and whether somebody is at it.
    static RELEASED: RefCell<(Vec<Value>, bool)> = const { RefCell::new((Vec::new(), false)) };
}

/// Frees values one after the other: however deep they are nested, that takes no stack.
fn release(values: impl IntoIterator<Item = Value>) {
    let nested = |value: &Value| matches!(value, Value::List(_) | Value::Map(_));
    let mut values = values.into_iter().filter(nested).peekable();
    if values.peek().is_none() {
        return;
    }
    let is_at_it = RELEASED.with_borrow_mut(|(waiting, is_at_it)| {
        waiting.extend(values);
        std::mem::replace(is_at_it, true)
    });
    if is_at_it {
        return;
    }
    while let Some(value) = RELEASED.with_borrow_mut(|(waiting, _)| waiting.pop()) {
        drop(value);
    }
    RELEASED.with_borrow_mut(|(_, is_at_it)| *is_at_it = false);
}

/// A map with string keys, shared by all who hold it.
#[derive(Clone, Default)]
pub struct Dict(Rc<RefCell<Entries>>);

impl Dict {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value> {
        self.borrow().get(key).cloned()
    }

    /// Whether there is such a key.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.borrow().contains_key(key)
    }

    /// Sets a key, for all who hold the map.
    pub fn set(&self, key: &str, value: Value) {
        self.0.borrow_mut().0.insert(key.into(), value);
    }

    /// Removes a key, for all who hold the map.
    pub fn unset(&self, key: &str) {
        self.0.borrow_mut().0.remove(key);
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.borrow().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.borrow().is_empty()
    }

    /// All keys with their values, sorted, as they are now.
    #[must_use]
    pub fn entries(&self) -> Vec<(Rc<str>, Value)> {
        self.borrow().iter().map(|(key, value)| (Rc::clone(key), value.clone())).collect()
    }

    /// All keys, sorted.
    #[must_use]
    pub fn keys(&self) -> Vec<Rc<str>> {
        self.borrow().keys().cloned().collect()
    }

    /// A map of its own with the same values.
    #[must_use]
    pub fn shallow_copy(&self) -> Self {
        Self(Rc::new(RefCell::new(self.0.borrow().clone())))
    }

    /// Lets go of everything, so that maps that hold each other are freed.
    pub(crate) fn clear(&self) {
        // What is let go of must not find the map borrowed.
        let held = std::mem::take(&mut self.0.borrow_mut().0);
        release(held.into_values());
    }

    fn borrow(&self) -> Ref<'_, BTreeMap<Rc<str>, Value>> {
        Ref::map(self.0.borrow(), |entries| &entries.0)
    }

    /// Whether both are the same map.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl<K: AsRef<str>> FromIterator<(K, Value)> for Dict {
    fn from_iter<T: IntoIterator<Item = (K, Value)>>(entries: T) -> Self {
        let entries = entries.into_iter().map(|(key, value)| (Rc::from(key.as_ref()), value));
        Self(Rc::new(RefCell::new(Entries(entries.collect()))))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(text.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Self::List(Rc::new(Items(items)))
    }
}

impl From<Dict> for Value {
    fn from(dict: Dict) -> Self {
        Self::Map(dict)
    }
}

/// JSON as Go's `encoding/json` reads it: all numbers are `float64`.
impl From<&Json> for Value {
    fn from(json: &Json) -> Self {
        match json {
            Json::Null => Self::Nil,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            Json::String(text) => Self::from(text.as_str()),
            Json::Array(items) => items.iter().map(Self::from).collect::<Vec<_>>().into(),
            Json::Object(entries) => Self::Map(entries.iter().map(|(key, value)| (key, Self::from(value))).collect()),
        }
    }
}

impl Value {
    /// Strings in a list.
    pub fn strings<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Self {
        texts.into_iter().map(|text| Self::from(text.as_ref())).collect::<Vec<_>>().into()
    }

    /// A string from bytes, whatever they are.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(error) => Self::Bytes(error.into_bytes().into()),
        }
    }

    /// Go's template truth: neither zero nor empty.
    #[must_use]
    pub fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(number) | Self::Int64(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Str(text) => !text.is_empty(),
            Self::Bytes(bytes) => !bytes.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Map(dict) => !dict.is_empty(),
            Self::Object(_) => true,
        }
    }

    /// Go's name of the type, as `typeOf` and `%T` give it.
    #[must_use]
    pub fn type_name(&self) -> String {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Int64(_) => "int64",
            Self::Float(_) => "float64",
            Self::Str(_) | Self::Bytes(_) => "string",
            Self::List(_) => "[]interface {}",
            Self::Map(_) => "map[string]interface {}",
            Self::Object(object) => return object.type_name().to_owned(),
        }
        .to_owned()
    }

    /// Go's kind of the type, as `kindOf` gives it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "invalid",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Int64(_) => "int64",
            Self::Float(_) => "float64",
            Self::Str(_) | Self::Bytes(_) => "string",
            Self::List(_) => "slice",
            Self::Map(_) => "map",
            Self::Object(object) => object.kind(),
        }
    }

    /// As JSON.
    ///
    /// # Errors
    /// When it is nested without end, or holds a number that JSON has no word for.
    pub fn to_json(&self) -> Result<Json, Fault> {
        self.json_at(0)
    }

    fn json_at(&self, depth: usize) -> Result<Json, Fault> {
        if depth > DEPTH_LIMIT {
            return Err(Fault::new(format!("value is nested more than {DEPTH_LIMIT} levels deep")));
        }
        Ok(match self {
            Self::Nil => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(number) | Self::Int64(number) => Json::from(*number),
            Self::Float(number) => Json::Number(json_number(*number)?),
            Self::Str(text) => Json::String(text.to_string()),
            Self::Bytes(bytes) => Json::String(String::from_utf8_lossy(bytes).into_owned()),
            Self::List(items) => {
                Json::Array(items.iter().map(|item| item.json_at(depth + 1)).collect::<Result<_, _>>()?)
            }
            Self::Map(dict) => {
                let dict = dict.borrow();
                let entry = |(key, value): (&Rc<str>, &Self)| Ok((key.to_string(), value.json_at(depth + 1)?));
                Json::Object(dict.iter().map(entry).collect::<Result<_, Fault>>()?)
            }
            Self::Object(object) => object.json(),
        })
    }

    /// A copy that shares nothing that can be changed.
    ///
    /// # Errors
    /// When it is nested without end.
    pub fn deep_copy(&self) -> Result<Self, Fault> {
        self.copy_at(0)
    }

    fn copy_at(&self, depth: usize) -> Result<Self, Fault> {
        if depth > DEPTH_LIMIT {
            return Err(Fault::new(format!("value is nested more than {DEPTH_LIMIT} levels deep")));
        }
        Ok(match self {
            Self::List(items) => {
                items.iter().map(|item| item.copy_at(depth + 1)).collect::<Result<Vec<_>, _>>()?.into()
            }
            Self::Map(dict) => {
                let entries = dict.entries().into_iter();
                let copied = entries.map(|(key, value)| Ok((key, value.copy_at(depth + 1)?)));
                Self::Map(copied.collect::<Result<Vec<_>, Fault>>()?.into_iter().collect())
            }
            other => other.clone(),
        })
    }
}

/// A number as Go writes it into JSON: whole ones without a fraction.
fn json_number(number: f64) -> Result<Number, Fault> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[allow(clippy::cast_possible_truncation, reason = "it is whole and fits")]
    if number.fract() == 0.0 && number.abs() < EXACT {
        return Ok(Number::from(number as i64));
    }
    Number::from_f64(number).ok_or_else(|| Fault::new(format!("json: unsupported value: {number}")))
}

/// Go's `reflect.DeepEqual`, but for the difference between slices of different types.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        equal(self, other, 0)
    }
}

fn equal(a: &Value, b: &Value, depth: usize) -> bool {
    if depth > DEPTH_LIMIT {
        return false;
    }
    match (a, b) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) | (Value::Int64(a), Value::Int64(b)) => a == b,
        #[allow(clippy::float_cmp, reason = "equality is what is asked for")]
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Str(a), Value::Str(b)) => a == b,
        (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| equal(a, b, depth + 1))
        }
        (Value::Map(a), Value::Map(b)) => a.is_same(b) || same_entries(&a.borrow(), &b.borrow(), depth),
        (Value::Object(a), Value::Object(b)) => {
            Rc::ptr_eq(a, b) || a.type_name() == b.type_name() && a.text() == b.text()
        }
        _ => false,
    }
}

fn same_entries(a: &BTreeMap<Rc<str>, Value>, b: &BTreeMap<Rc<str>, Value>, depth: usize) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|((key, a), (other, b))| key == other && equal(a, b, depth + 1))
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Object(object) => write!(f, "{}({})", object.type_name(), object.text()),
            _ => match self.to_json() {
                Ok(json) => write!(f, "{}({json})", self.type_name()),
                Err(fault) => write!(f, "{}({fault})", self.type_name()),
            },
        }
    }
}
