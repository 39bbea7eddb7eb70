//! How a schema says values merge: which are one leaf, which are maps, which are lists of items told apart by key.
//! Where there is no schema it is deduced: maps are granular, lists are one value. It must not know managers.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value};

use super::element::{PathElement, same_value};
use super::print;
use crate::quantity::Quantity;
use crate::schema::{ListType, Schema, Type};

/// A place in an object, with what is known of its type.
#[derive(Clone, Copy)]
pub(crate) struct Typed<'a> {
    schema: Option<&'a Schema>,
    root: bool,
}

/// A field of a map: its type, whether the schema names it, and whether it may be there at all.
pub(crate) struct Field<'a> {
    pub(crate) typed: Typed<'a>,
    pub(crate) named: bool,
    pub(crate) declared: bool,
}

/// What a value is for merging.
pub(crate) enum Shape<'v> {
    /// One value: a scalar, an atomic list or map, or a value that does not fit its schema.
    Leaf,
    /// A map whose fields merge one by one. `null` is an empty one.
    Map(&'v Map<String, Value>),
    /// A list whose items merge one by one. `null` is an empty one.
    List(&'v [Value]),
}

static EMPTY: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

impl<'a> Typed<'a> {
    /// The root of an object of this kind.
    pub(crate) fn root(schema: &'a Schema) -> Self {
        Self { schema: Some(schema), root: true }
    }

    /// What a value here is for merging.
    pub(crate) fn shape<'v>(&self, value: &'v Value) -> Shape<'v> {
        match value {
            Value::Object(map) if self.granular_map() => Shape::Map(map),
            Value::Array(items) if self.granular_list() => Shape::List(items),
            Value::Null if self.schema.is_some_and(|s| s.type_ == Some(Type::Object)) && self.granular_map() => {
                Shape::Map(&EMPTY)
            }
            Value::Null if self.schema.is_some_and(|s| s.type_ == Some(Type::Array)) && self.granular_list() => {
                Shape::List(&[])
            }
            _ => Shape::Leaf,
        }
    }

    fn granular_map(&self) -> bool {
        match self.schema {
            None => true,
            Some(schema) => {
                !schema.map_atomic && !schema.int_or_string && matches!(schema.type_, None | Some(Type::Object))
            }
        }
    }

    fn granular_list(&self) -> bool {
        match self.schema {
            None => false,
            Some(schema) => schema.list_type != ListType::Atomic && matches!(schema.type_, None | Some(Type::Array)),
        }
    }

    /// Whether the schema says that maps or lists here are one value.
    pub(crate) fn is_atomic(&self) -> bool {
        self.schema.is_some_and(|schema| match schema.type_ {
            Some(Type::Object) => schema.map_atomic,
            Some(Type::Array) => schema.list_type == ListType::Atomic,
            _ => false,
        })
    }

    /// The field of this map with a name.
    pub(crate) fn field(&self, name: &str) -> Field<'a> {
        let Some(schema) = self.schema else { return Field::unknown(true) };
        if self.root && matches!(name, "apiVersion" | "kind") {
            return Field::known(None, true);
        }
        let property = schema.properties.get(name).map(AsRef::as_ref);
        if self.root && name == "metadata" && property.is_none_or(|s| s.properties.is_empty()) {
            return Field::known(Some(&OBJECT_META), true);
        }
        match (property, &schema.additional_properties) {
            (Some(property), _) => Field::known(Some(property), true),
            (None, Some(values)) => Field::known(Some(values), false),
            (None, None) => Field::unknown(open(schema)),
        }
    }

    /// The type of the items of this list.
    pub(crate) fn items(&self) -> Typed<'a> {
        Typed { schema: self.schema.and_then(|s| s.items.as_deref()), root: false }
    }

    /// The default of a scalar or map that is left out, if it has one.
    fn default_of(&self, field: &str) -> Option<&'a Value> {
        self.schema?.properties.get(field)?.default.as_ref()
    }

    /// Whether `null` may be stored here.
    pub(crate) fn nullable(&self) -> bool {
        self.schema.is_none_or(|s| s.nullable || s.type_.is_none() && !s.int_or_string)
    }

    /// Whether this is the root of a built-in kind, whose upstream type is a Go struct.
    pub(crate) fn is_builtin(&self) -> bool {
        self.root && self.schema.is_some_and(|schema| !schema.group_version_kinds.is_empty())
    }

    /// Whether two leaves here have the same value: `1` and `1.0` have, and so have the quantities `0.5` and `500m`.
    pub(crate) fn same(&self, a: &Value, b: &Value) -> bool {
        same_value(a, b) || self.schema.is_some_and(|s| s.format.as_deref() == Some("quantity")) && same_quantity(a, b)
    }

    /// What the schema says here; `None` where there is none.
    pub(crate) fn schema(&self) -> Option<&'a Schema> {
        self.schema
    }

    /// The same place, but of a kind nothing is known of.
    pub(crate) fn unknown() -> Self {
        Self { schema: None, root: false }
    }

    /// What is wrong with the JSON type of a value, in upstream's words.
    pub(crate) fn type_error(&self, value: &Value) -> Option<String> {
        let schema = self.schema?;
        let (expected, found) = match (schema.type_?, value) {
            _ if schema.int_or_string => return None,
            (_, Value::Null) => return None,
            (Type::Object, value) if !value.is_object() => ("map", print::pointer(value)),
            (Type::Array, value) if !value.is_array() => ("list", print::pointer(value)),
            (Type::String, value) if !value.is_string() => ("string", print::in_syntax(value)),
            (Type::Integer | Type::Number, value) if !value.is_number() => {
                ("numeric (int or float)", print::type_name(value).to_owned())
            }
            (Type::Boolean, value) if !value.is_boolean() => ("boolean", print::pointer(value)),
            _ => return None,
        };
        Some(format!("expected {expected}, got {found}"))
    }

    /// How an item of this list is told from the others.
    ///
    /// # Errors
    /// In upstream's words, when the item cannot be told from others.
    pub(crate) fn element(&self, item: &Value) -> Result<PathElement, String> {
        match self.schema.map(|schema| &schema.list_type) {
            Some(ListType::Map(keys)) => self.keyed(keys, item),
            _ => match item {
                Value::Object(_) => Err("associative list without keys has an element that's a map type".to_owned()),
                Value::Array(_) => Err("not supported: associative list with lists as elements".to_owned()),
                Value::Null => Err("associative list without keys has an element that's an explicit null".to_owned()),
                scalar => Ok(PathElement::Value(scalar.clone())),
            },
        }
    }

    fn keyed(&self, keys: &[String], item: &Value) -> Result<PathElement, String> {
        let Value::Object(map) = item else {
            let kind = if item.is_null() { "a null element" } else { "non-map elements" };
            return Err(format!("associative list with keys may not have {kind}"));
        };
        let value = |key: &str| map.get(key).or_else(|| self.items().default_of(key));
        let mut key: Vec<(Box<str>, Value)> =
            keys.iter().filter_map(|key| Some((key.as_str().into(), value(key)?.clone()))).collect();
        if key.is_empty() {
            return Err(format!(
                "associative list with keys has an element that omits all key fields {keys:?} (and doesn't have default values for any key fields)"
            ));
        }
        key.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(PathElement::Key(key))
    }
}

impl<'a> Field<'a> {
    fn known(schema: Option<&'a Schema>, named: bool) -> Self {
        Self { typed: Typed { schema, root: false }, named, declared: true }
    }

    fn unknown(declared: bool) -> Self {
        Self { typed: Typed { schema: None, root: false }, named: false, declared }
    }
}

fn same_quantity(a: &Value, b: &Value) -> bool {
    matches!((Quantity::from_value(a), Quantity::from_value(b)), (Ok(a), Ok(b)) if a == b)
}

/// Whether a map may hold fields its schema does not name.
fn open(schema: &Schema) -> bool {
    schema.preserve_unknown_fields || schema.embedded_resource || schema.properties.is_empty()
}

/// `metav1.ObjectMeta`, for custom resources, whose own schema says nothing of it.
static OBJECT_META: LazyLock<Schema> = LazyLock::new(|| {
    let string = || Arc::new(Schema { type_: Some(Type::String), ..Schema::default() });
    let integer = || Arc::new(Schema { type_: Some(Type::Integer), ..Schema::default() });
    let names = ["name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "creationTimestamp"];
    let mut properties: BTreeMap<String, Arc<Schema>> = names.map(|name| (name.to_owned(), string())).into();
    let map =
        Arc::new(Schema { type_: Some(Type::Object), additional_properties: Some(string()), ..Schema::default() });
    let list = |list_type: ListType, items: Arc<Schema>| {
        Arc::new(Schema { type_: Some(Type::Array), list_type, items: Some(items), ..Schema::default() })
    };
    let owner = ["apiVersion", "kind", "name", "uid"].map(|name| (name.to_owned(), string()));
    let owner = Arc::new(Schema {
        type_: Some(Type::Object),
        map_atomic: true,
        properties: owner.into(),
        preserve_unknown_fields: true,
        ..Schema::default()
    });
    properties.extend([
        ("deletionTimestamp".to_owned(), string()),
        ("deletionGracePeriodSeconds".to_owned(), integer()),
        ("generation".to_owned(), integer()),
        ("labels".to_owned(), Arc::clone(&map)),
        ("annotations".to_owned(), map),
        ("finalizers".to_owned(), list(ListType::Set, string())),
        ("ownerReferences".to_owned(), list(ListType::Map(vec!["uid".to_owned()]), owner)),
        ("managedFields".to_owned(), list(ListType::Atomic, Arc::default())),
    ]);
    Schema { type_: Some(Type::Object), properties, ..Schema::default() }
});
