//! Custom resources against their schema and its CEL rules, as `customresource/strategy.go` of
//! `apiextensions-apiserver`.
//! It must not know requests.

use mainstay_apimachinery::schema::ListType;
use mainstay_apimachinery::{FieldError, FieldErrorKind, FieldPath, Schema};
use mainstay_cel::rules::same;
use serde_json::Value;

use crate::registry::Custom;

/// Everything wrong with a new state. What did not change need not pass: old objects stay writable when their
/// definition becomes stricter.
pub(super) fn check(custom: &Custom, new: &Value, old: Option<&Value>, subresource: &str) -> Vec<FieldError> {
    let mut errors = match subresource {
        "status" => check_status(custom, new),
        _ => custom.schema.validate(new, &FieldPath::root()),
    };
    if let Some(old) = old {
        errors.retain(|error| !is_unchanged(&custom.schema, new, old, error.path.as_str()));
    }
    let rules = custom.rules();
    if rules.is_empty() {
        return errors;
    }
    match errors.iter().any(blocks_rules) {
        true => errors.push(unchecked()),
        false => errors.extend(rules.validate(new, old, &FieldPath::root()).errors),
    }
    errors
}

/// A write of the status is held against the schema of the status alone, and messages name what is below it.
fn check_status(custom: &Custom, new: &Value) -> Vec<FieldError> {
    let found = custom.schema.properties.get("status").zip(new.get("status"));
    found.map(|(schema, status)| schema.validate(status, &FieldPath::root().child("status"))).unwrap_or_default()
}

/// Whether a value is so wrong that rules over it would make no sense.
fn blocks_rules(error: &FieldError) -> bool {
    use FieldErrorKind::{NotSupported, Required, TooLong, TooMany, TypeInvalid};
    matches!(error.kind, NotSupported | Required | TooLong | TooMany | TypeInvalid)
}

fn unchecked() -> FieldError {
    let detail = "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";
    FieldError::new(FieldErrorKind::Invalid, FieldPath::root(), Value::Null, detail)
}

/// Whether the value at a path, or one around it, is what it was before.
fn is_unchanged(schema: &Schema, new: &Value, old: &Value, path: &str) -> bool {
    if same(schema, new, old) {
        return true;
    }
    match (new, old) {
        (Value::Object(new), Value::Object(old)) if !schema.map_atomic => new.iter().any(|(name, new)| {
            let Some(rest) = below(path, name) else { return false };
            let known = schema.field(name).zip(old.get(name));
            known.is_some_and(|(schema, old)| is_unchanged(schema, new, old, rest))
        }),
        (Value::Array(new), Value::Array(old)) => item_unchanged(schema, new, old, path),
        _ => false,
    }
}

/// Items are followed only in lists whose items have keys.
fn item_unchanged(schema: &Schema, new: &[Value], old: &[Value], path: &str) -> bool {
    let (ListType::Map(keys), Some(items)) = (&schema.list_type, &schema.items) else { return false };
    let Some((index, rest)) = path.strip_prefix('[').and_then(|path| path.split_once(']')) else { return false };
    let Some(item) = index.parse::<usize>().ok().and_then(|index| new.get(index)) else { return false };
    let twin = old.iter().find(|other| keys.iter().all(|key| other.get(key) == item.get(key)));
    twin.is_some_and(|twin| is_unchanged(items, item, twin, rest))
}

/// What is left of a path below a field.
fn below<'p>(path: &'p str, name: &str) -> Option<&'p str> {
    let path = path.strip_prefix('.').unwrap_or(path);
    let rest = match path.strip_prefix(name) {
        Some(rest) => rest,
        None => path.strip_prefix('[')?.strip_prefix(name)?.strip_prefix(']')?,
    };
    (rest.is_empty() || rest.starts_with(['.', '['])).then_some(rest)
}
