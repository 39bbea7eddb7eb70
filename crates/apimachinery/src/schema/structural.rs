//! The rules of structural schemas, with the messages of `apiextensions-apiserver`.
//! It must not know the rest of a custom resource definition.

use serde_json::{Map, Value};

use super::{Schema, validate};
use crate::{FieldError, FieldErrorKind, FieldPath};

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];

/// Keywords that no schema may use, and the message for each.
const UNSUPPORTED: [(&str, &str); 6] = [
    ("$ref", "$ref is not supported"),
    ("definitions", "definitions is not supported"),
    ("dependencies", "dependencies is not supported"),
    ("id", "id is not supported"),
    ("patternProperties", "patternProperties is not supported"),
    ("additionalItems", "additionalItems is not supported"),
];

/// Keywords that give a value its shape: they may stand only outside `allOf`, `anyOf`, `oneOf` and `not`.
const SHAPE: [&str; 12] = [
    "additionalProperties",
    "default",
    "description",
    "nullable",
    "title",
    "type",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
    "x-kubernetes-preserve-unknown-fields",
];

/// Where a schema stands, which decides what it may say.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Root,
    Field,
    Item,
}

/// Everything that keeps an `openAPIV3Schema` from being structural.
pub(super) fn check(openapi: &Value, path: &FieldPath) -> Vec<FieldError> {
    let mut check = Check { errors: Vec::new() };
    check.node(openapi, path, Place::Root);
    check.errors
}

/// Defaults that are not valid, or hold unknown fields. The schema must be structural.
pub(super) fn check_defaults(schema: &Schema, path: &FieldPath) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let Some(default) = &schema.default {
        errors.extend(check_default(schema, default, &path.child("default")));
    }
    for (name, child) in &schema.properties {
        errors.extend(check_defaults(child, &path.child("properties").key(name)));
    }
    for (name, child) in [("additionalProperties", &schema.additional_properties), ("items", &schema.items)] {
        if let Some(child) = child {
            errors.extend(check_defaults(child, &path.child(name)));
        }
    }
    errors
}

fn check_default(schema: &Schema, default: &Value, path: &FieldPath) -> Vec<FieldError> {
    let mut complete = default.clone();
    let inner = Schema { definition: Some("".into()), default: None, ..schema.clone() };
    if !inner.prune(&mut complete).is_empty() {
        let detail = "must not have unknown fields";
        return vec![FieldError::new(FieldErrorKind::Invalid, path.clone(), default.clone(), detail)];
    }
    inner.apply_defaults(&mut complete);
    validate::validate(&inner, &complete, path)
}

struct Check {
    errors: Vec<FieldError>,
}

impl Check {
    fn push(&mut self, kind: FieldErrorKind, path: FieldPath, value: Value, detail: &str) {
        self.errors.push(FieldError::new(kind, path, value, detail));
    }

    fn required(&mut self, path: FieldPath, detail: &str) {
        self.push(FieldErrorKind::Required, path, Value::Null, detail);
    }

    fn forbidden(&mut self, path: FieldPath, detail: &str) {
        self.push(FieldErrorKind::Forbidden, path, Value::Null, detail);
    }

    fn invalid(&mut self, path: FieldPath, value: Value, detail: &str) {
        self.push(FieldErrorKind::Invalid, path, value, detail);
    }

    fn node(&mut self, node: &Value, path: &FieldPath, place: Place) {
        let Some(map) = node.as_object() else {
            let detail = "must be a schema, that is an object";
            return self.push(FieldErrorKind::TypeInvalid, path.clone(), node.clone(), detail);
        };
        self.keywords(map, path);
        self.type_(map, path, place);
        self.extensions(map, path);
        self.list_type(map, path);
        self.metadata(map, path, place);
        self.children(map, path, place);
        for keyword in ["allOf", "anyOf", "oneOf"] {
            for (index, inner) in list(map, keyword).enumerate() {
                let lenient = is_int_or_string(map) && keyword != "oneOf";
                self.value_validation(inner, &path.child(keyword).index(index), lenient);
            }
        }
        if let Some(not) = map.get("not") {
            self.value_validation(not, &path.child("not"), false);
        }
    }

    fn keywords(&mut self, map: &Map<String, Value>, path: &FieldPath) {
        for (keyword, message) in UNSUPPORTED.iter().filter(|(keyword, _)| map.contains_key(*keyword)) {
            self.forbidden(path.child(keyword), message);
        }
        if flag(map, "uniqueItems") {
            let detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
            self.forbidden(path.child("uniqueItems"), detail);
        }
        if map.get("additionalProperties") == Some(&Value::Bool(false)) {
            let detail = "additionalProperties cannot be set to false";
            self.forbidden(path.child("additionalProperties"), detail);
        }
        let has_properties = map.get("properties").and_then(Value::as_object).is_some_and(|found| !found.is_empty());
        if has_properties && map.contains_key("additionalProperties") {
            let detail = "additionalProperties and properties are mutual exclusive";
            self.forbidden(path.child("additionalProperties"), detail);
        }
        self.pattern(map, path);
    }

    fn pattern(&mut self, map: &Map<String, Value>, path: &FieldPath) {
        let Some(pattern) = text(map, "pattern") else { return };
        let Err(error) = regex::Regex::new(pattern) else { return };
        let reason = if error.to_string().contains("unclosed group") {
            format!("missing closing ): `{pattern}`")
        } else {
            error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
        };
        let detail = format!("must be a valid regular expression, but isn't: error parsing regexp: {reason}");
        self.invalid(path.child("pattern"), pattern.into(), &detail);
    }

    fn type_(&mut self, map: &Map<String, Value>, path: &FieldPath, place: Place) {
        let at = path.child("type");
        let untyped = is_int_or_string(map) || flag(map, "x-kubernetes-preserve-unknown-fields");
        match (text(map, "type").filter(|type_| !type_.is_empty()), place) {
            (None, Place::Root) => self.required(at, "must not be empty at the root"),
            (None, Place::Field) if !untyped => self.required(at, "must not be empty for specified object fields"),
            (None, Place::Item) if !untyped => self.required(at, "must not be empty for specified array items"),
            (None, _) => {}
            (Some(type_), _) if !TYPES.contains(&type_) => {
                let supported = TYPES.map(|name| format!("\"{name}\"")).join(", ");
                let detail = format!("supported values: {supported}");
                self.push(FieldErrorKind::NotSupported, at, type_.into(), &detail);
            }
            (Some(type_), Place::Root) if type_ != "object" => {
                self.invalid(at, type_.into(), "must be object at the root");
            }
            (Some(type_), _) if is_int_or_string(map) => {
                self.invalid(at, type_.into(), "must be empty if x-kubernetes-int-or-string is true");
            }
            (Some(_), _) => {}
        }
        if text(map, "type") == Some("array") && !map.contains_key("items") {
            self.required(path.child("items"), "must be specified");
        }
    }

    fn extensions(&mut self, map: &Map<String, Value>, path: &FieldPath) {
        const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";
        if map.get(PRESERVE) == Some(&Value::Bool(false)) {
            self.invalid(path.child(PRESERVE), Value::Bool(false), "must be true or undefined");
        }
        if flag(map, "x-kubernetes-embedded-resource") {
            if text(map, "type") != Some("object") {
                let detail = "must be object if x-kubernetes-embedded-resource is true";
                self.invalid(path.child("type"), text(map, "type").unwrap_or_default().into(), detail);
            }
            if !map.contains_key("properties") && !flag(map, PRESERVE) {
                let detail = "must not be empty if x-kubernetes-embedded-resource is true without \
                              x-kubernetes-preserve-unknown-fields";
                self.required(path.child("properties"), detail);
            }
        }
        let map_type = text(map, "x-kubernetes-map-type");
        if let Some(other) = map_type.filter(|name| !matches!(*name, "atomic" | "granular")) {
            let detail = "supported values: \"atomic\", \"granular\"";
            self.push(FieldErrorKind::NotSupported, path.child("x-kubernetes-map-type"), other.into(), detail);
        }
    }

    fn list_type(&mut self, map: &Map<String, Value>, path: &FieldPath) {
        const LIST_TYPE: &str = "x-kubernetes-list-type";
        const KEYS: &str = "x-kubernetes-list-map-keys";
        let Some(list_type) = text(map, LIST_TYPE) else {
            if list(map, KEYS).next().is_some() {
                self.invalid(
                    path.child(LIST_TYPE),
                    Value::Null,
                    "must be map if x-kubernetes-list-map-keys is non-empty",
                );
            }
            return;
        };
        if !matches!(list_type, "atomic" | "map" | "set") {
            let detail = "supported values: \"atomic\", \"map\", \"set\"";
            return self.push(FieldErrorKind::NotSupported, path.child(LIST_TYPE), list_type.into(), detail);
        }
        if text(map, "type") != Some("array") {
            let detail = "must be array if x-kubernetes-list-type is specified";
            self.invalid(path.child("type"), text(map, "type").unwrap_or_default().into(), detail);
        } else if list_type == "map" {
            if list(map, KEYS).next().is_none() {
                self.required(path.child(KEYS), "must not be empty if x-kubernetes-list-type is map");
            }
            self.map_keys(map, path);
        }
    }

    fn map_keys(&mut self, map: &Map<String, Value>, path: &FieldPath) {
        let Some(items) = map.get("items").and_then(Value::as_object) else { return };
        let items_path = path.child("items");
        if text(items, "type").is_some_and(|type_| type_ != "object") {
            let detail = "must be object if parent array's x-kubernetes-list-type is map";
            return self.invalid(items_path.child("type"), items["type"].clone(), detail);
        }
        let properties = items.get("properties").and_then(Value::as_object);
        let required: Vec<&str> = list(items, "required").filter_map(Value::as_str).collect();
        for (index, key) in list(map, "x-kubernetes-list-map-keys").filter_map(Value::as_str).enumerate() {
            let Some(property) = properties.and_then(|properties| properties.get(key)) else {
                let detail = "entries must all be names of item properties";
                self.invalid(path.child("x-kubernetes-list-map-keys").index(index), key.into(), detail);
                continue;
            };
            let at = items_path.child("properties").key(key);
            if matches!(property["type"].as_str(), Some("array" | "object")) {
                let detail = "must be a scalar type if parent array's x-kubernetes-list-type is map";
                self.invalid(at.child("type"), property["type"].clone(), detail);
            }
            if property.get("default").is_none() && !required.contains(&key) {
                let detail = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a \
                              required property";
                self.required(at.child("default"), detail);
            }
        }
    }

    /// At the root and in embedded resources, metadata is implied: only the names may be restricted further.
    fn metadata(&mut self, map: &Map<String, Value>, path: &FieldPath, place: Place) {
        if place != Place::Root && !flag(map, "x-kubernetes-embedded-resource") {
            return;
        }
        let Some(metadata) = map.get("properties").and_then(|properties| properties.get("metadata")) else { return };
        let at = path.child("properties").key("metadata");
        let names = metadata.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys);
        if names.into_iter().any(|name| !matches!(name.as_str(), "name" | "generateName")) {
            let detail = "must not specify anything other than name and generateName, but metadata is implicitly \
                          specified";
            self.forbidden(at, detail);
        } else if metadata.get("type").is_some_and(|type_| type_ != "object") {
            self.invalid(at.child("type"), metadata["type"].clone(), "must be object");
        }
    }

    fn children(&mut self, map: &Map<String, Value>, path: &FieldPath, place: Place) {
        for (name, child) in map.get("properties").and_then(Value::as_object).into_iter().flatten() {
            self.node(child, &path.child("properties").key(name), Place::Field);
        }
        if let Some(child) = map.get("additionalProperties").filter(|child| child.is_object()) {
            if place == Place::Root {
                self.forbidden(path.child("additionalProperties"), "must not be used at the root");
            }
            self.node(child, &path.child("additionalProperties"), Place::Field);
        }
        match map.get("items") {
            Some(Value::Array(_)) => {
                let detail = "items must be a schema object and not an array";
                self.forbidden(path.child("items"), detail);
            }
            Some(items) => self.node(items, &path.child("items"), Place::Item),
            None => {}
        }
    }

    /// Inside `allOf`, `anyOf`, `oneOf` and `not`, only restrictions may stand; `lenient` lets the well-known
    /// `anyOf: [{type: integer}, {type: string}]` of int-or-string fields pass.
    fn value_validation(&mut self, node: &Value, path: &FieldPath, lenient: bool) {
        let Some(map) = node.as_object() else { return };
        for keyword in SHAPE.iter().filter(|keyword| map.contains_key(**keyword)) {
            let is_pair = lenient && *keyword == "type" && matches!(text(map, "type"), Some("integer" | "string"));
            if !is_pair {
                self.forbidden(path.child(keyword), "must be empty to be structural");
            }
        }
        self.pattern(map, path);
        for (name, child) in map.get("properties").and_then(Value::as_object).into_iter().flatten() {
            self.value_validation(child, &path.child("properties").key(name), false);
        }
        for keyword in ["items", "not"] {
            if let Some(child) = map.get(keyword) {
                self.value_validation(child, &path.child(keyword), false);
            }
        }
        for keyword in ["allOf", "anyOf", "oneOf"] {
            for (index, child) in list(map, keyword).enumerate() {
                self.value_validation(child, &path.child(keyword).index(index), lenient && keyword == "anyOf");
            }
        }
    }
}

fn text<'a>(map: &'a Map<String, Value>, field: &str) -> Option<&'a str> {
    map.get(field).and_then(Value::as_str)
}

fn flag(map: &Map<String, Value>, field: &str) -> bool {
    map.get(field).and_then(Value::as_bool).unwrap_or(false)
}

fn list<'a>(map: &'a Map<String, Value>, field: &str) -> impl Iterator<Item = &'a Value> {
    map.get(field).and_then(Value::as_array).into_iter().flatten()
}

fn is_int_or_string(map: &Map<String, Value>) -> bool {
    flag(map, "x-kubernetes-int-or-string")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn messages(openapi: Value) -> Vec<String> {
        let errors = Schema::from_openapi(&openapi).err().unwrap_or_default();
        errors.iter().map(ToString::to_string).collect()
    }

    /// The messages for one field `x` of the root.
    fn field(schema: Value) -> Vec<String> {
        messages(json!({"type": "object", "properties": {"x": schema}}))
    }

    #[test]
    fn the_root() {
        assert_eq!(
            messages(json!({"type": "string"})),
            [r#"type: Invalid value: "string": must be object at the root"#]
        );
        assert_eq!(messages(json!({})), ["type: Required value: must not be empty at the root"]);
        assert_eq!(messages(json!({"type": "object", "$ref": "#/x"})), ["$ref: Forbidden: $ref is not supported"]);
        let metadata = json!({"type": "object", "properties": {"metadata": {"type": "object", "properties": {
            "labels": {"type": "object", "additionalProperties": {"type": "string"}}
        }}}});
        assert_eq!(
            messages(metadata),
            ["properties[metadata]: Forbidden: must not specify anything other than name and generateName, but \
              metadata is implicitly specified"]
        );
    }

    #[test]
    fn types_of_fields() {
        assert_eq!(
            field(json!({"pattern": "a"})),
            ["properties[x].type: Required value: must not be empty for specified object fields"]
        );
        assert_eq!(
            field(json!({"type": "odd"})),
            [
                r#"properties[x].type: Unsupported value: "odd": supported values: "array", "boolean", "integer", "number", "object", "string""#
            ]
        );
        assert_eq!(field(json!({"type": "array"})), ["properties[x].items: Required value: must be specified"]);
        assert!(
            field(json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]}))
                .is_empty()
        );
        assert!(field(json!({"x-kubernetes-preserve-unknown-fields": true})).is_empty());
    }

    #[test]
    fn shape_stays_outside_of_combinations() {
        assert_eq!(
            field(json!({"type": "object", "anyOf": [{"properties": {"z": {"type": "string"}}}]})),
            ["properties[x].anyOf[0].properties[z].type: Forbidden: must be empty to be structural"]
        );
        assert_eq!(
            field(
                json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string"}})
            ),
            ["properties[x].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive"]
        );
    }

    #[test]
    fn list_maps_need_keys() {
        let list = |keys: Value, items: Value| json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys, "items": items});
        let items = json!({"type": "object", "properties": {"k": {"type": "string"}}});
        assert_eq!(
            field(list(json!([]), items.clone())),
            [
                "properties[x].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map"
            ]
        );
        assert_eq!(
            field(list(json!(["k"]), items)),
            ["properties[x].items.properties[k].default: Required value: this property is in \
              x-kubernetes-list-map-keys, so it must have a default or be a required property"]
        );
    }

    #[test]
    fn patterns_and_defaults_are_checked() {
        assert_eq!(
            field(json!({"type": "string", "pattern": "(a"})),
            ["properties[x].pattern: Invalid value: \"(a\": must be a valid regular expression, but isn't: error \
              parsing regexp: missing closing ): `(a`"]
        );
        assert_eq!(
            field(json!({"type": "string", "default": 5})),
            [r#"properties[x].default: Invalid value: "integer":  in body must be of type string: "integer""#]
        );
        assert_eq!(
            field(json!({"type": "object", "default": {"y": 1}, "properties": {"z": {"type": "string"}}})),
            [r#"properties[x].default: Invalid value: {"y":1}: must not have unknown fields"#]
        );
    }
}
