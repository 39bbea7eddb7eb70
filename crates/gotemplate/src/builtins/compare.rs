//! `eq`, `ne`, `lt`, `le`, `gt`, `ge`.

use std::cmp::Ordering;

use crate::error::Fault;
use crate::format::sprintf;
use crate::value::Value;

/// What can be compared, by Go's basic kinds.
#[derive(PartialEq, PartialOrd)]
enum Basic<'a> {
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(&'a [u8]),
}

fn basic(value: &Value) -> Option<Basic<'_>> {
    match value {
        Value::Bool(value) => Some(Basic::Bool(*value)),
        Value::Int(number) | Value::Int64(number) => Some(Basic::Int(*number)),
        Value::Float(number) => Some(Basic::Float(*number)),
        Value::Str(text) => Some(Basic::Str(text.as_bytes())),
        _ => None,
    }
}

fn incompatible(a: &Value, b: &Value) -> Fault {
    Fault::new(format!("incompatible types for comparison: {} and {}", a.type_name(), b.type_name()))
}

/// Whether the first equals any of the others.
pub(super) fn eq(arguments: &[Value]) -> Result<Value, Fault> {
    let (first, rest) = (&arguments[0], &arguments[1..]);
    if rest.is_empty() {
        return Err(Fault::new("missing argument for comparison"));
    }
    for other in rest {
        if equal(first, other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

pub(super) fn ne(arguments: &[Value]) -> Result<Value, Fault> {
    Ok(Value::Bool(!equal(&arguments[0], &arguments[1])?))
}

fn equal(a: &Value, b: &Value) -> Result<bool, Fault> {
    match (basic(a), basic(b)) {
        (Some(left), Some(right)) if std::mem::discriminant(&left) == std::mem::discriminant(&right) => {
            Ok(left == right)
        }
        _ if matches!(a, Value::Nil) || matches!(b, Value::Nil) => Ok(matches!((a, b), (Value::Nil, Value::Nil))),
        (None, None) if a.type_name() == b.type_name() => match a {
            Value::Object(_) => Ok(a == b),
            _ => Err(Fault::new(format!(
                "non-comparable type {}: {}",
                sprintf("%s", std::slice::from_ref(a)),
                a.type_name()
            ))),
        },
        _ => Err(incompatible(a, b)),
    }
}

/// Whether two are ordered as wanted.
pub(super) fn ordered(arguments: &[Value], wanted: fn(Ordering) -> bool) -> Result<Value, Fault> {
    let (a, b) = (&arguments[0], &arguments[1]);
    let (Some(left), Some(right)) = (basic(a), basic(b)) else {
        return Err(Fault::new("invalid type for comparison"));
    };
    if std::mem::discriminant(&left) != std::mem::discriminant(&right) {
        return Err(incompatible(a, b));
    }
    if matches!(left, Basic::Bool(_)) {
        return Err(Fault::new("invalid type for comparison"));
    }
    Ok(Value::Bool(left.partial_cmp(&right).is_some_and(wanted)))
}
