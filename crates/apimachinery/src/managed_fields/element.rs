//! One step of a path into an object: a field, an item by key, an item by value, an item by index.
//! Ordered, printed and written as `fieldpath.PathElement` of structured-merge-diff. It must not know schemas.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};

use serde_json::Value;

/// One step of a path, such as `f:spec`, `k:{"name":"web"}`, `v:"a"` or `i:0`.
#[derive(Clone, Debug)]
pub enum PathElement {
    /// A field of a struct or a key of a map.
    Field(Box<str>),
    /// An item of a keyed list: its key fields, sorted by name.
    Key(Vec<(Box<str>, Value)>),
    /// An item of a set: the scalar itself.
    Value(Value),
    /// An item of a list by position. No list of ours is owned by position; entries of others may be.
    Index(i64),
}

impl PathElement {
    /// A step into a field.
    #[must_use]
    pub fn field(name: &str) -> Self {
        Self::Field(name.into())
    }

    /// Reads a step as `FieldsV1` writes it; `None` when it is malformed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        match kind {
            "f" => Some(Self::field(rest)),
            "i" => rest.parse().ok().map(Self::Index),
            "v" => serde_json::from_str(rest).ok().map(Self::Value),
            "k" => match serde_json::from_str(rest).ok()? {
                Value::Object(map) => Some(Self::Key(map.into_iter().map(|(k, v)| (k.into(), v)).collect())),
                _ => None,
            },
            _ => None,
        }
    }

    /// The step as `FieldsV1` writes it.
    #[must_use]
    pub fn encode(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Index(index) => format!("i:{index}"),
            Self::Value(value) => format!("v:{value}"),
            Self::Key(key) => {
                let mut text = String::with_capacity(32);
                text.push_str("k:{");
                for (index, (name, value)) in key.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(text, "{comma}{}:{value}", quoted(name)).expect("a String takes what is written");
                }
                text.push('}');
                text
            }
        }
    }

    pub(super) fn compare_field(&self, name: &str) -> Ordering {
        match self {
            Self::Field(own) => own.as_ref().cmp(name),
            _ => Ordering::Greater,
        }
    }
}

/// A name as a JSON string; those that need escapes are rare.
fn quoted(name: &str) -> String {
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
        return format!("\"{name}\"");
    }
    Value::from(name).to_string()
}

/// Prints as upstream does in conflicts: `.spec`, `[name="web"]`, `[="a"]`, `[0]`.
impl fmt::Display for PathElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Value(value) => write!(f, "[={value}]"),
            Self::Index(index) => write!(f, "[{index}]"),
            Self::Key(key) => {
                f.write_char('[')?;
                for (index, (name, value)) in key.iter().enumerate() {
                    write!(f, "{}{name}={value}", if index == 0 { "" } else { "," })?;
                }
                f.write_char(']')
            }
        }
    }
}

/// Fields, then keys, then values, then indices, as `PathElement.Compare`.
impl Ord for PathElement {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Field(a), Self::Field(b)) => a.cmp(b),
            (Self::Key(a), Self::Key(b)) => compare_keys(a, b),
            (Self::Value(a), Self::Value(b)) => compare_values(a, b),
            (Self::Index(a), Self::Index(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PathElement {
    fn rank(&self) -> u8 {
        match self {
            Self::Field(_) => 0,
            Self::Key(_) => 1,
            Self::Value(_) => 2,
            Self::Index(_) => 3,
        }
    }
}

impl PartialOrd for PathElement {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for PathElement {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for PathElement {}

fn compare_keys(a: &[(Box<str>, Value)], b: &[(Box<str>, Value)]) -> Ordering {
    for ((a_name, a_value), (b_name, b_value)) in a.iter().zip(b) {
        let order = a_name.cmp(b_name).then_with(|| compare_values(a_value, b_value));
        if order != Ordering::Equal {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

/// Orders JSON values as `value.Compare`: numbers by size, then strings, booleans, lists, maps, null.
pub(super) fn compare_values(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compare_numbers(a, b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => compare_lists(a, b),
        (Value::Object(a), Value::Object(b)) => {
            let mut pairs = a.iter().zip(b);
            let first =
                pairs.find_map(|((ak, av), (bk, bv))| differing(ak.cmp(bk).then_with(|| compare_values(av, bv))));
            first.unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        _ => value_rank(a).cmp(&value_rank(b)),
    }
}

fn compare_lists(a: &[Value], b: &[Value]) -> Ordering {
    let first = a.iter().zip(b).find_map(|(a, b)| differing(compare_values(a, b)));
    first.unwrap_or_else(|| a.len().cmp(&b.len()))
}

fn differing(order: Ordering) -> Option<Ordering> {
    (order != Ordering::Equal).then_some(order)
}

fn compare_numbers(a: &serde_json::Number, b: &serde_json::Number) -> Ordering {
    match (a.as_i64(), b.as_i64()) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
    }
}

fn value_rank(value: &Value) -> u8 {
    match value {
        Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Bool(_) => 2,
        Value::Array(_) => 3,
        Value::Object(_) => 4,
        Value::Null => 5,
    }
}

/// Whether two values are the same value: as JSON, but `1` and `1.0` are equal.
pub(crate) fn same_value(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compare_numbers(a, b) == Ordering::Equal,
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((ak, av), (bk, bv))| ak == bk && same_value(av, bv))
        }
        (a, b) => a == b,
    }
}
