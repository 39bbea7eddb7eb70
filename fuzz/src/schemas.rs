//! Structural schemas out of arbitrary bytes: every way in which maps and lists merge.
//! It must not know objects.

use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use mainstay_apimachinery::schema::{ListType, Type};
use mainstay_apimachinery::{GroupVersionKind, Schema};
use serde_json::json;

/// The names of all fields: few, so that writes meet.
pub const NAMES: [&str; 5] = ["a", "b", "c", "key", "list"];

/// A kind with `spec` and `status`, built-in or custom.
pub fn kind(u: &mut Unstructured<'_>) -> Result<Schema> {
    let mut root = Schema { type_: Some(Type::Object), ..Schema::default() };
    for name in ["spec", "status"] {
        root.properties.insert(name.to_owned(), Arc::new(schema(u, 4)?));
    }
    if u.arbitrary()? {
        root.group_version_kinds.push(GroupVersionKind::new("", "v1", "Thing"));
    }
    Ok(root)
}

/// The same kind with other merge types here and there, as a definition may be changed.
pub fn merging_otherwise(u: &mut Unstructured<'_>, kind: &Schema) -> Result<Schema> {
    let mut changed = kind.clone();
    for field in changed.properties.values_mut() {
        *field = Arc::new(remerged(u, field)?);
    }
    Ok(changed)
}

fn remerged(u: &mut Unstructured<'_>, schema: &Schema) -> Result<Schema> {
    let mut changed = schema.clone();
    match schema.type_ {
        Some(Type::Object) if u.ratio(1, 4)? => changed.map_atomic = !schema.map_atomic,
        Some(Type::Array) if u.ratio(1, 2)? => changed.list_type = other_list_type(schema),
        _ => {}
    }
    for field in changed.properties.values_mut() {
        *field = Arc::new(remerged(u, field)?);
    }
    for below in changed.additional_properties.iter_mut().chain(&mut changed.items) {
        *below = Arc::new(remerged(u, below)?);
    }
    Ok(changed)
}

fn other_list_type(list: &Schema) -> ListType {
    let items = list.items.as_deref();
    match &list.list_type {
        ListType::Atomic if items.is_some_and(|items| items.properties.contains_key("key")) => {
            ListType::Map(vec!["key".to_owned()])
        }
        ListType::Atomic => ListType::Set,
        _ => ListType::Atomic,
    }
}

/// A schema at most so many levels deep.
pub fn schema(u: &mut Unstructured<'_>, depth: usize) -> Result<Schema> {
    let last = if depth == 0 { 4 } else { 10 };
    let mut schema = match u.int_in_range(0..=last)? {
        0 => of(Type::String),
        1 => of(Type::Integer),
        2 => of(Type::Boolean),
        3 => Schema { int_or_string: true, ..Schema::default() },
        4 => Schema { preserve_unknown_fields: true, ..Schema::default() },
        5 | 6 => structure(u, depth)?,
        7 => Schema { additional_properties: Some(below(u, depth)?), ..of(Type::Object) },
        8 => Schema { items: Some(below(u, depth)?), ..of(Type::Array) },
        9 => Schema { items: Some(below(u, 1)?), list_type: ListType::Set, ..of(Type::Array) },
        _ => keyed_list(u, depth)?,
    };
    schema.nullable = u.ratio(1, 8)?;
    Ok(schema)
}

fn of(type_: Type) -> Schema {
    Schema { type_: Some(type_), ..Schema::default() }
}

fn below(u: &mut Unstructured<'_>, depth: usize) -> Result<Arc<Schema>> {
    Ok(Arc::new(schema(u, depth - 1)?))
}

fn structure(u: &mut Unstructured<'_>, depth: usize) -> Result<Schema> {
    let mut found = of(Type::Object);
    found.map_atomic = u.ratio(1, 6)?;
    found.preserve_unknown_fields = u.ratio(1, 8)?;
    for name in NAMES {
        if u.arbitrary()? {
            found.properties.insert(name.to_owned(), below(u, depth)?);
        }
    }
    Ok(found)
}

fn keyed_list(u: &mut Unstructured<'_>, depth: usize) -> Result<Schema> {
    let mut items = structure(u, depth)?;
    items.map_atomic = false;
    let mut keys = vec!["key".to_owned()];
    if u.arbitrary()? {
        keys.push("a".to_owned());
    }
    for key in &keys {
        let default = u.ratio(1, 2)?.then(|| json!("x"));
        items.properties.insert(key.clone(), Arc::new(Schema { default, ..of(Type::String) }));
    }
    Ok(Schema { items: Some(Arc::new(items)), list_type: ListType::Map(keys), ..of(Type::Array) })
}
