//! Values out of arbitrary bytes: those that fit a schema, those that do not, and patches with directives.
//! It must not know how values merge.

use arbitrary::{Result, Unstructured};
use mainstay_apimachinery::Schema;
use mainstay_apimachinery::schema::{ListType, Type};
use serde_json::{Map, Value, json};

use crate::schemas::NAMES;

const SCALARS: [&str; 4] = ["x", "y", "", "1"];

/// A value that fits a schema.
pub fn value(u: &mut Unstructured<'_>, schema: &Schema) -> Result<Value> {
    if schema.nullable && u.ratio(1, 4)? {
        return Ok(Value::Null);
    }
    if schema.int_or_string {
        return scalar(u);
    }
    match schema.type_ {
        Some(Type::String) => Ok((*u.choose(&SCALARS)?).into()),
        Some(Type::Integer | Type::Number) => Ok(u.int_in_range(-1..=3)?.into()),
        Some(Type::Boolean) => Ok(u.arbitrary::<bool>()?.into()),
        Some(Type::Object) => fields(u, schema),
        Some(Type::Array) => items(u, schema),
        None => any_value(u, 2),
    }
}

fn fields(u: &mut Unstructured<'_>, schema: &Schema) -> Result<Value> {
    let mut map = Map::new();
    for name in NAMES {
        let Some(field) = schema.field(name) else { continue };
        if u.arbitrary()? {
            map.insert(name.to_owned(), value(u, field)?);
        }
    }
    Ok(Value::Object(map))
}

fn items(u: &mut Unstructured<'_>, schema: &Schema) -> Result<Value> {
    let Some(of) = &schema.items else { return Ok(json!([])) };
    let length = u.int_in_range(0..=3)?;
    let mut list: Vec<Value> = Vec::new();
    for _ in 0..length {
        let item = value(u, of)?;
        // Validation refuses equal items; only some objects come past it.
        if !list.iter().any(|other| equal_items(schema, other, &item)) || u.ratio(1, 16)? {
            list.push(item);
        }
    }
    Ok(Value::Array(list))
}

fn equal_items(schema: &Schema, a: &Value, b: &Value) -> bool {
    let ListType::Map(keys) = &schema.list_type else {
        return schema.list_type == ListType::Set && a == b;
    };
    let default = |key: &str| schema.items.as_ref()?.properties.get(key)?.default.clone();
    keys.iter().all(|key| a.get(key).cloned().or_else(|| default(key)) == b.get(key).cloned().or_else(|| default(key)))
}

/// A value that fits, with one of its parts replaced by anything.
pub fn misfit(u: &mut Unstructured<'_>, schema: &Schema) -> Result<Value> {
    let mut found = value(u, schema)?;
    let mut at = &mut found;
    loop {
        let deeper = match at {
            Value::Object(map) if !map.is_empty() => u.int_in_range(0..=map.len())?.checked_sub(1),
            Value::Array(list) if !list.is_empty() => u.int_in_range(0..=list.len())?.checked_sub(1),
            _ => None,
        };
        at = match (at, deeper) {
            (Value::Object(map), Some(index)) => map.values_mut().nth(index).expect("the index is below the length"),
            (Value::Array(list), Some(index)) => &mut list[index],
            (at, _) => {
                *at = any_value(u, 2)?;
                return Ok(found);
            }
        };
    }
}

fn scalar(u: &mut Unstructured<'_>) -> Result<Value> {
    Ok(match u.int_in_range(0..=5)? {
        0 => Value::Null,
        1 => u.arbitrary::<bool>()?.into(),
        2 => u.int_in_range(-2..=5)?.into(),
        3 => json!(f64::from(u.int_in_range(0..=8)?) / 2.0),
        _ => (*u.choose(&SCALARS)?).into(),
    })
}

/// Any value, at most so many levels deep.
pub fn any_value(u: &mut Unstructured<'_>, depth: usize) -> Result<Value> {
    nested(u, depth, |u| Ok((*u.choose(&NAMES)?).to_owned()))
}

/// Any value, with the directives of strategic merge patches among its fields.
pub fn patch_value(u: &mut Unstructured<'_>, depth: usize) -> Result<Value> {
    nested(u, depth, |u| {
        let name = *u.choose(&NAMES)?;
        Ok(match u.int_in_range(0..=9)? {
            0 => "$patch".to_owned(),
            1 => "$retainKeys".to_owned(),
            2 => format!("$setElementOrder/{name}"),
            3 => format!("$deleteFromPrimitiveList/{name}"),
            _ => name.to_owned(),
        })
    })
}

fn nested(
    u: &mut Unstructured<'_>,
    depth: usize,
    name: impl Fn(&mut Unstructured<'_>) -> Result<String> + Copy,
) -> Result<Value> {
    let kind = if depth == 0 { 0 } else { u.int_in_range(0..=3)? };
    let length = u.int_in_range(0..=3)?;
    match kind {
        2 => (0..length).map(|_| nested(u, depth - 1, name)).collect::<Result<Vec<_>>>().map(Value::Array),
        3 => {
            let mut map = Map::new();
            for _ in 0..length {
                let name_ = name(u)?;
                let value = match name_.as_str() {
                    "$patch" => (*u.choose(&["delete", "replace", "merge", "odd"])?).into(),
                    _ => nested(u, depth - 1, name)?,
                };
                map.insert(name_, value);
            }
            Ok(Value::Object(map))
        }
        _ => scalar(u),
    }
}
