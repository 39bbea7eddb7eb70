//! Reads schemas from OpenAPI v3 (as custom resource definitions and the table of built-in kinds write it) and prints
//! them again. It must not know which schemas are structural.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{ListType, Rule, Schema, Type};
use crate::GroupVersionKind;

type Resolve<'a> = &'a dyn Fn(&str) -> Option<Arc<Schema>>;

/// Turns OpenAPI into schemas. It is lenient: what it does not know, or what is of the wrong type, it leaves out.
pub(crate) struct Reader<'a> {
    resolve: Resolve<'a>,
}

impl Reader<'static> {
    /// A reader for schemas without `$ref`.
    pub(crate) fn plain() -> Self {
        Self { resolve: &|_| None }
    }
}

impl<'a> Reader<'a> {
    /// A reader that looks up each `$ref` by the name it carries.
    pub(crate) fn with_definitions(resolve: Resolve<'a>) -> Self {
        Self { resolve }
    }

    /// The schema that `node` describes. A `$ref` gives the definition, with what stands beside it laid over.
    pub(crate) fn read(&self, node: &Value) -> Schema {
        let mut schema = self.referred(node).map(|found| (*found).clone()).unwrap_or_default();
        read_shape(&mut schema, node);
        read_bounds(&mut schema, node);
        read_extensions(&mut schema, node);
        self.read_children(&mut schema, node);
        schema
    }

    fn referred(&self, node: &Value) -> Option<Arc<Schema>> {
        (self.resolve)(node.get("$ref")?.as_str()?)
    }

    fn shared(&self, node: &Value) -> Arc<Schema> {
        match self.referred(node) {
            Some(found) if node.as_object().is_some_and(|map| map.len() == 1) => found,
            _ => Arc::new(self.read(node)),
        }
    }

    fn read_children(&self, schema: &mut Schema, node: &Value) {
        let child = |field: &str| node.get(field).filter(|child| child.is_object()).map(|child| self.shared(child));
        let list = |field: &str| -> Vec<Arc<Schema>> { array(node, field).map(|child| self.shared(child)).collect() };
        if let Some(properties) = node.get("properties").and_then(Value::as_object) {
            schema.properties = properties.iter().map(|(name, child)| (name.clone(), self.shared(child))).collect();
        }
        if let Some(values) = child("additionalProperties") {
            schema.additional_properties = Some(values);
        }
        if node.get("additionalProperties") == Some(&Value::Bool(true)) {
            schema.additional_properties =
                Some(Arc::new(Schema { preserve_unknown_fields: true, ..Schema::default() }));
        }
        if let Some(items) = child("items") {
            schema.items = Some(items);
        }
        schema.not = child("not");
        schema.all_of = list("allOf");
        schema.any_of = list("anyOf");
        schema.one_of = list("oneOf");
    }
}

fn array<'v>(node: &'v Value, field: &str) -> impl Iterator<Item = &'v Value> {
    node.get(field).and_then(Value::as_array).into_iter().flatten()
}

fn text(node: &Value, field: &str) -> Option<String> {
    node.get(field).and_then(Value::as_str).map(str::to_owned)
}

fn flag(node: &Value, field: &str) -> bool {
    node.get(field).and_then(Value::as_bool).unwrap_or(false)
}

fn read_shape(schema: &mut Schema, node: &Value) {
    if let Some(type_) = node.get("type").and_then(Value::as_str) {
        schema.type_ = Type::parse(type_);
    }
    if let Some(description) = node.get("description").and_then(Value::as_str) {
        schema.description = Some(description.into());
    }
    if let Some(default) = node.get("default") {
        schema.default = Some(default.clone());
    }
    if let Some(format) = text(node, "format") {
        schema.format = Some(format);
    }
    schema.nullable |= flag(node, "nullable");
    let required: Vec<String> = array(node, "required").filter_map(Value::as_str).map(str::to_owned).collect();
    if !required.is_empty() {
        schema.required = required;
    }
    if let Some(values) = node.get("enum").and_then(Value::as_array) {
        schema.enum_.clone_from(values);
    }
}

fn read_bounds(schema: &mut Schema, node: &Value) {
    let number = |field: &str| node.get(field).and_then(Value::as_f64);
    let count = |field: &str| node.get(field).and_then(Value::as_u64);
    schema.pattern = text(node, "pattern");
    schema.minimum = number("minimum");
    schema.maximum = number("maximum");
    schema.exclusive_minimum = flag(node, "exclusiveMinimum");
    schema.exclusive_maximum = flag(node, "exclusiveMaximum");
    schema.multiple_of = number("multipleOf");
    schema.min_length = count("minLength");
    schema.max_length = count("maxLength");
    schema.min_items = count("minItems");
    schema.max_items = count("maxItems");
    schema.min_properties = count("minProperties");
    schema.max_properties = count("maxProperties");
    schema.unique_items = flag(node, "uniqueItems");
}

fn read_extensions(schema: &mut Schema, node: &Value) {
    let keys = || array(node, "x-kubernetes-list-map-keys").filter_map(Value::as_str).map(str::to_owned).collect();
    match node.get("x-kubernetes-list-type").and_then(Value::as_str) {
        Some("map") => schema.list_type = ListType::Map(keys()),
        Some("set") => schema.list_type = ListType::Set,
        _ => {}
    }
    if let Some(map_type) = node.get("x-kubernetes-map-type").and_then(Value::as_str) {
        schema.map_atomic = map_type == "atomic";
    }
    schema.preserve_unknown_fields |= flag(node, "x-kubernetes-preserve-unknown-fields");
    schema.int_or_string |= flag(node, "x-kubernetes-int-or-string");
    schema.embedded_resource |= flag(node, "x-kubernetes-embedded-resource");
    schema.rules = array(node, "x-kubernetes-validations").map(read_rule).collect();
    if let Some(key) = text(node, "x-kubernetes-patch-merge-key") {
        schema.patch_merge_key = Some(key);
    }
    if let Some(strategy) = text(node, "x-kubernetes-patch-strategy") {
        schema.patch_strategy = Some(strategy);
    }
    schema.group_version_kinds =
        array(node, "x-kubernetes-group-version-kind").filter_map(group_version_kind).collect();
}

fn read_rule(node: &Value) -> Rule {
    Rule {
        rule: text(node, "rule").unwrap_or_default(),
        message: text(node, "message"),
        message_expression: text(node, "messageExpression"),
        field_path: text(node, "fieldPath"),
        reason: text(node, "reason"),
        optional_old_self: flag(node, "optionalOldSelf"),
    }
}

/// One entry of `x-kubernetes-group-version-kind`.
pub(crate) fn group_version_kind(entry: &Value) -> Option<GroupVersionKind> {
    Some(GroupVersionKind::new(text(entry, "group")?, text(entry, "version")?, text(entry, "kind")?))
}

/// The schema as OpenAPI v3, as a custom resource definition carries it.
pub(super) fn print(schema: &Schema) -> Value {
    let mut node = Map::new();
    print_shape(schema, &mut node);
    print_bounds(schema, &mut node);
    print_children(schema, &mut node);
    print_extensions(schema, &mut node);
    Value::Object(node)
}

fn put(node: &mut Map<String, Value>, field: &str, value: Option<Value>) {
    if let Some(value) = value {
        node.insert(field.to_owned(), value);
    }
}

fn put_flag(node: &mut Map<String, Value>, field: &str, set: bool) {
    put(node, field, set.then_some(Value::Bool(true)));
}

/// Whole numbers are printed without a fraction, as Go does.
fn number(value: f64) -> Value {
    // Exact below 2^53, the range in which every whole number is a float.
    if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 { json!(value as i64) } else { json!(value) }
}

fn print_shape(schema: &Schema, node: &mut Map<String, Value>) {
    put(node, "type", schema.type_.map(|type_| type_.name().into()));
    put(node, "description", schema.description.as_deref().map(Value::from));
    put(node, "default", schema.default.clone());
    put(node, "format", schema.format.clone().map(Value::from));
    put_flag(node, "nullable", schema.nullable);
    put(node, "required", (!schema.required.is_empty()).then(|| schema.required.clone().into()));
    put(node, "enum", (!schema.enum_.is_empty()).then(|| schema.enum_.clone().into()));
}

fn print_bounds(schema: &Schema, node: &mut Map<String, Value>) {
    put(node, "pattern", schema.pattern.clone().map(Value::from));
    put(node, "minimum", schema.minimum.map(number));
    put(node, "maximum", schema.maximum.map(number));
    put_flag(node, "exclusiveMinimum", schema.exclusive_minimum);
    put_flag(node, "exclusiveMaximum", schema.exclusive_maximum);
    put(node, "multipleOf", schema.multiple_of.map(number));
    put(node, "minLength", schema.min_length.map(Value::from));
    put(node, "maxLength", schema.max_length.map(Value::from));
    put(node, "minItems", schema.min_items.map(Value::from));
    put(node, "maxItems", schema.max_items.map(Value::from));
    put(node, "minProperties", schema.min_properties.map(Value::from));
    put(node, "maxProperties", schema.max_properties.map(Value::from));
    put_flag(node, "uniqueItems", schema.unique_items);
}

fn print_children(schema: &Schema, node: &mut Map<String, Value>) {
    let child = |child: &Option<Arc<Schema>>| child.as_deref().map(print);
    let list = |list: &[Arc<Schema>]| (!list.is_empty()).then(|| list.iter().map(|item| print(item)).collect());
    let properties = || schema.properties.iter().map(|(name, child)| (name.clone(), print(child))).collect();
    put(node, "properties", (!schema.properties.is_empty()).then(|| Value::Object(properties())));
    put(node, "additionalProperties", child(&schema.additional_properties));
    put(node, "items", child(&schema.items));
    put(node, "not", child(&schema.not));
    put(node, "allOf", list(&schema.all_of));
    put(node, "anyOf", list(&schema.any_of));
    put(node, "oneOf", list(&schema.one_of));
}

fn print_extensions(schema: &Schema, node: &mut Map<String, Value>) {
    match &schema.list_type {
        ListType::Atomic => {}
        ListType::Set => put(node, "x-kubernetes-list-type", Some("set".into())),
        ListType::Map(keys) => {
            put(node, "x-kubernetes-list-type", Some("map".into()));
            put(node, "x-kubernetes-list-map-keys", Some(keys.clone().into()));
        }
    }
    put(node, "x-kubernetes-map-type", schema.map_atomic.then(|| "atomic".into()));
    put_flag(node, "x-kubernetes-preserve-unknown-fields", schema.preserve_unknown_fields);
    put_flag(node, "x-kubernetes-int-or-string", schema.int_or_string);
    put_flag(node, "x-kubernetes-embedded-resource", schema.embedded_resource);
    put(node, "x-kubernetes-patch-merge-key", schema.patch_merge_key.clone().map(Value::from));
    put(node, "x-kubernetes-patch-strategy", schema.patch_strategy.clone().map(Value::from));
    let rules = || schema.rules.iter().map(print_rule).collect();
    put(node, "x-kubernetes-validations", (!schema.rules.is_empty()).then(rules));
    let kinds = || schema.group_version_kinds.iter().map(print_kind).collect();
    put(node, "x-kubernetes-group-version-kind", (!schema.group_version_kinds.is_empty()).then(kinds));
}

fn print_rule(rule: &Rule) -> Value {
    let mut node = Map::new();
    put(&mut node, "rule", Some(rule.rule.clone().into()));
    put(&mut node, "message", rule.message.clone().map(Value::from));
    put(&mut node, "messageExpression", rule.message_expression.clone().map(Value::from));
    put(&mut node, "fieldPath", rule.field_path.clone().map(Value::from));
    put(&mut node, "reason", rule.reason.clone().map(Value::from));
    put_flag(&mut node, "optionalOldSelf", rule.optional_old_self);
    Value::Object(node)
}

fn print_kind(kind: &GroupVersionKind) -> Value {
    json!({"group": kind.group, "version": kind.version, "kind": kind.kind})
}
