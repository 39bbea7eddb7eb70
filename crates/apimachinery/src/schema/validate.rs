//! Holds a value against a schema, with the messages of `kube-openapi/pkg/validation/validate`.
//! It must not evaluate CEL rules.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use regex::Regex;
use serde_json::Value;

use super::{ListType, Schema, Type, formats};
use crate::{FieldError, FieldErrorKind, FieldPath};

/// Everything wrong with `value`; paths start with `prefix`, while messages name the path inside the value.
pub(super) fn validate(schema: &Schema, value: &Value, prefix: &FieldPath) -> Vec<FieldError> {
    let mut check = Check { prefix, errors: Vec::new() };
    check.node(schema, value, prefix);
    check.errors
}

struct Check<'a> {
    prefix: &'a FieldPath,
    errors: Vec<FieldError>,
}

impl Check<'_> {
    fn push(&mut self, kind: FieldErrorKind, path: &FieldPath, value: Value, detail: impl Into<String>) {
        self.errors.push(FieldError::new(kind, path.clone(), value, detail));
    }

    /// The path inside the value, which is what messages name.
    fn place<'p>(&self, path: &'p FieldPath) -> &'p str {
        path.as_str().strip_prefix(self.prefix.as_str()).unwrap_or(path.as_str()).trim_start_matches('.')
    }

    /// An error that upstream reports without a path, because it is about no single field.
    fn push_general(&mut self, detail: String) {
        self.errors.push(FieldError::new(FieldErrorKind::Invalid, self.prefix.clone(), "".into(), detail));
    }

    fn invalid(&mut self, path: &FieldPath, value: Value, rule: &str) {
        self.push(FieldErrorKind::Invalid, path, value, format!("{} in body {rule}", self.place(path)));
    }

    fn node(&mut self, schema: &Schema, value: &Value, path: &FieldPath) {
        if value.is_null() && (schema.nullable || accepts_anything(schema)) {
            return;
        }
        if !self.type_(schema, value, path) {
            return;
        }
        self.enum_(schema, value, path);
        match value {
            Value::Object(map) => self.map(schema, map, path),
            Value::Array(list) => self.list(schema, list, path),
            Value::String(text) => self.string(schema, text, path),
            Value::Number(_) => self.number(schema, value, path),
            Value::Bool(_) | Value::Null => {}
        }
        self.combined(schema, value, path);
    }

    fn type_(&mut self, schema: &Schema, value: &Value, path: &FieldPath) -> bool {
        let expected = if schema.int_or_string { "integer,string" } else { schema.type_.map_or("", Type::name) };
        let actual = type_name(value);
        let fits = expected.is_empty()
            || expected.split(',').any(|name| name == actual || (name == "number" && actual == "integer"));
        if !fits {
            let detail = format!("{} in body must be of type {expected}: \"{actual}\"", self.place(path));
            self.push(FieldErrorKind::TypeInvalid, path, actual.into(), detail);
            if (expected, actual) == ("integer", "number") {
                let place = self.place(path);
                self.push_general(format!("Checked value must be of type integer (default format) in {place}"));
            }
        }
        fits
    }

    fn enum_(&mut self, schema: &Schema, value: &Value, path: &FieldPath) {
        if schema.enum_.is_empty() || schema.enum_.iter().any(|allowed| equal(allowed, value)) {
            return;
        }
        let allowed: Vec<String> = schema.enum_.iter().map(quoted).collect();
        let detail = format!("supported values: {}", allowed.join(", "));
        self.push(FieldErrorKind::NotSupported, path, value.clone(), detail);
    }

    fn map(&mut self, schema: &Schema, map: &serde_json::Map<String, Value>, path: &FieldPath) {
        if let Some(least) = schema.min_properties.filter(|least| (map.len() as u64) < *least) {
            self.invalid(path, map.len().into(), &format!("should have at least {least} properties"));
        }
        self.at_most(schema.max_properties, map.len(), path);
        let mut missing: Vec<&str> = schema.required.iter().map(String::as_str).collect();
        if schema.embedded_resource {
            missing.extend(["apiVersion", "kind"]);
        }
        for name in missing.into_iter().filter(|name| !map.contains_key(*name)) {
            self.push(FieldErrorKind::Required, &path.child(name), Value::Null, "");
        }
        for (name, value) in map {
            if let Some(child) = schema.field(name) {
                self.node(child, value, &path.child(name));
            }
        }
    }

    fn at_most(&mut self, most: Option<u64>, count: usize, path: &FieldPath) {
        if let Some(most) = most.filter(|most| count as u64 > *most) {
            let items = if most == 1 { "item" } else { "items" };
            self.push(
                FieldErrorKind::TooMany,
                path,
                count.into(),
                format!("{count}: must have at most {most} {items}"),
            );
        }
    }

    fn list(&mut self, schema: &Schema, list: &[Value], path: &FieldPath) {
        if let Some(least) = schema.min_items.filter(|least| (list.len() as u64) < *least) {
            self.invalid(path, list.len().into(), &format!("should have at least {least} items"));
        }
        self.at_most(schema.max_items, list.len(), path);
        self.duplicates(schema, list, path);
        let Some(items) = &schema.items else { return };
        for (index, value) in list.iter().enumerate() {
            self.node(items, value, &path.index(index));
        }
    }

    fn duplicates(&mut self, schema: &Schema, list: &[Value], path: &FieldPath) {
        if schema.list_type == ListType::Atomic && !schema.unique_items {
            return;
        }
        let mut seen: BTreeMap<String, ()> = BTreeMap::new();
        for (index, value) in list.iter().enumerate() {
            let identity = match &schema.list_type {
                ListType::Map(keys) => keys_of(value, keys),
                _ => value.clone(),
            };
            if seen.insert(identity.to_string(), ()).is_some() {
                self.push(FieldErrorKind::Duplicate, &path.index(index), identity, "");
            }
        }
    }

    fn string(&mut self, schema: &Schema, text: &str, path: &FieldPath) {
        let length = text.chars().count() as u64;
        if let Some(least) = schema.min_length.filter(|least| length < *least) {
            self.invalid(path, text.into(), &format!("should be at least {least} chars long"));
        }
        if let Some(most) = schema.max_length.filter(|most| length > *most) {
            let detail = format!("may not be more than {most} bytes");
            self.push(FieldErrorKind::TooLong, path, Value::Null, detail);
        }
        if let Some(pattern) = &schema.pattern
            && !pattern_of(pattern).is_some_and(|regex| regex.is_match(text))
        {
            self.invalid(path, text.into(), &format!("should match '{pattern}'"));
        }
        if let Some(format) = schema.format.as_deref().filter(|format| !formats::accepts(format, text)) {
            let detail = format!("{} in body must be of type {format}: {}", self.place(path), quoted(&text.into()));
            self.push(FieldErrorKind::TypeInvalid, path, text.into(), detail);
        }
    }

    fn number(&mut self, schema: &Schema, value: &Value, path: &FieldPath) {
        let Some(number) = value.as_f64() else { return };
        let range = match schema.format.as_deref() {
            Some("int32") => Some(("int32", f64::from(i32::MIN), f64::from(i32::MAX))),
            // The bounds as floats: exact enough to tell an overflow, as upstream does it.
            Some("int64") => Some(("int64", i64::MIN as f64, i64::MAX as f64)),
            _ => None,
        };
        if let Some((format, ..)) = range.filter(|(_, least, most)| number < *least || number > *most) {
            let type_ = schema.type_.map_or("integer", Type::name);
            let place = self.place(path);
            self.push_general(format!("Checked value must be of type {type_} with format {format} in {place}"));
        }
        if let Some(factor) = schema.multiple_of.filter(|factor| (number / factor).fract() != 0.0) {
            self.invalid(path, value.clone(), &format!("should be a multiple of {factor}"));
        }
        self.minimum(schema, value, number, path);
        self.maximum(schema, value, number, path);
    }

    fn minimum(&mut self, schema: &Schema, value: &Value, number: f64, path: &FieldPath) {
        let Some(least) = schema.minimum else { return };
        if schema.exclusive_minimum && number <= least {
            self.invalid(path, value.clone(), &format!("should be greater than {least}"));
        } else if !schema.exclusive_minimum && number < least {
            self.invalid(path, value.clone(), &format!("should be greater than or equal to {least}"));
        }
    }

    fn maximum(&mut self, schema: &Schema, value: &Value, number: f64, path: &FieldPath) {
        let Some(most) = schema.maximum else { return };
        if schema.exclusive_maximum && number >= most {
            self.invalid(path, value.clone(), &format!("should be less than {most}"));
        } else if !schema.exclusive_maximum && number > most {
            self.invalid(path, value.clone(), &format!("should be less than or equal to {most}"));
        }
    }

    fn combined(&mut self, schema: &Schema, value: &Value, path: &FieldPath) {
        self.any_of(&schema.any_of, value, path);
        self.one_of(&schema.one_of, value, path);
        self.all_of(&schema.all_of, value, path);
        if schema.not.as_ref().is_some_and(|not| self.errors_of(not, value, path).is_empty()) {
            self.push_general(format!("\"{}\" must not validate the schema (not)", self.place(path)));
        }
    }

    fn errors_of(&self, schema: &Schema, value: &Value, path: &FieldPath) -> Vec<FieldError> {
        let mut inner = Check { prefix: self.prefix, errors: Vec::new() };
        inner.node(schema, value, path);
        inner.errors
    }

    fn any_of(&mut self, schemas: &[Arc<Schema>], value: &Value, path: &FieldPath) {
        let failures: Vec<_> = schemas.iter().map(|schema| self.errors_of(schema, value, path)).collect();
        if failures.is_empty() || failures.iter().any(Vec::is_empty) {
            return;
        }
        self.push_general(format!("\"{}\" must validate at least one schema (anyOf)", self.place(path)));
        self.extend_with_best(failures);
    }

    fn one_of(&mut self, schemas: &[Arc<Schema>], value: &Value, path: &FieldPath) {
        let failures: Vec<_> = schemas.iter().map(|schema| self.errors_of(schema, value, path)).collect();
        let valid = failures.iter().filter(|errors| errors.is_empty()).count();
        if failures.is_empty() || valid == 1 {
            return;
        }
        let found =
            if valid == 0 { "Found none valid".to_owned() } else { format!("Found {valid} valid alternatives") };
        self.push_general(format!("\"{}\" must validate one and only one schema (oneOf). {found}", self.place(path)));
        if valid == 0 {
            self.extend_with_best(failures);
        }
    }

    fn all_of(&mut self, schemas: &[Arc<Schema>], value: &Value, path: &FieldPath) {
        let failures: Vec<_> = schemas.iter().map(|schema| self.errors_of(schema, value, path)).collect();
        let failed = failures.iter().filter(|errors| !errors.is_empty()).count();
        if failed == 0 {
            return;
        }
        let none = if failed == schemas.len() { ". None validated" } else { "" };
        self.push_general(format!("\"{}\" must validate all the schemas (allOf){none}", self.place(path)));
        self.errors.extend(failures.into_iter().flatten());
    }

    /// Upstream shows what is wrong with the alternative that comes closest.
    fn extend_with_best(&mut self, failures: Vec<Vec<FieldError>>) {
        self.errors.extend(failures.into_iter().min_by_key(Vec::len).unwrap_or_default());
    }
}

fn accepts_anything(schema: &Schema) -> bool {
    schema.type_.is_none() && !schema.int_or_string
}

/// The JSON type as `kube-openapi` names it; a float without a fraction is an integer.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.as_f64().is_some_and(|number| number.fract() == 0.0) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn equal(left: &Value, right: &Value) -> bool {
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => left == right,
        _ => left == right,
    }
}

fn quoted(value: &Value) -> String {
    match value {
        Value::String(_) => value.to_string(),
        other => format!("\"{other}\""),
    }
}

fn keys_of(value: &Value, keys: &[String]) -> Value {
    keys.iter().filter_map(|key| Some((key.clone(), value.get(key)?.clone()))).collect()
}

/// A compiled pattern; `None` if it is no regular expression. Compiling costs far more than matching, so they are kept.
pub(crate) fn pattern_of(pattern: &str) -> Option<Arc<Regex>> {
    /// More than any set of custom resource definitions has; only a loop that makes up patterns gets there.
    const MOST: usize = 4096;
    static COMPILED: LazyLock<RwLock<HashMap<String, Option<Arc<Regex>>>>> = LazyLock::new(RwLock::default);
    if let Some(found) = COMPILED.read().unwrap_or_else(PoisonError::into_inner).get(pattern) {
        return found.clone();
    }
    let regex = Regex::new(pattern).ok().map(Arc::new);
    let mut compiled = COMPILED.write().unwrap_or_else(PoisonError::into_inner);
    if compiled.len() >= MOST {
        compiled.clear();
    }
    compiled.insert(pattern.to_owned(), regex.clone());
    regex
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn messages(schema: Value, value: Value) -> Vec<String> {
        let schema = json!({"type": "object", "properties": {"x": schema}});
        let schema = super::super::openapi::Reader::plain().read(&schema);
        validate(&schema, &json!({"x": value}), &FieldPath::root()).iter().map(ToString::to_string).collect()
    }

    fn message(schema: Value, value: Value) -> String {
        messages(schema, value).join("; ")
    }

    #[test]
    fn types() {
        assert_eq!(
            message(json!({"type": "string"}), json!(1)),
            r#"x: Invalid value: "integer": x in body must be of type string: "integer""#
        );
        assert_eq!(
            message(json!({"x-kubernetes-int-or-string": true}), json!(true)),
            r#"x: Invalid value: "boolean": x in body must be of type integer,string: "boolean""#
        );
        assert_eq!(message(json!({"type": "integer"}), json!(2.0)), "");
        assert_eq!(message(json!({"type": "number"}), json!(2)), "");
        assert_eq!(message(json!({"type": "string", "nullable": true}), Value::Null), "");
    }

    #[test]
    fn numbers() {
        let bounded = json!({"type": "integer", "minimum": 2, "maximum": 4, "multipleOf": 2});
        assert_eq!(
            message(bounded.clone(), json!(0)),
            "x: Invalid value: 0: x in body should be greater than or equal to 2"
        );
        assert_eq!(
            messages(bounded, json!(5)),
            [
                "x: Invalid value: 5: x in body should be a multiple of 2",
                "x: Invalid value: 5: x in body should be less than or equal to 4"
            ]
        );
        assert_eq!(
            message(json!({"type": "integer", "format": "int32"}), json!(4_000_000_000_i64)),
            r#"<nil>: Invalid value: "": Checked value must be of type integer with format int32 in x"#
        );
    }

    #[test]
    fn strings() {
        let schema = json!({"type": "string", "minLength": 2, "maxLength": 3, "pattern": "^[a-z]+$"});
        assert_eq!(
            messages(schema.clone(), json!("A")),
            [
                r#"x: Invalid value: "A": x in body should be at least 2 chars long"#,
                r#"x: Invalid value: "A": x in body should match '^[a-z]+$'"#
            ]
        );
        assert_eq!(message(schema, json!("abcd")), "x: Too long: may not be more than 3 bytes");
        assert_eq!(
            message(json!({"type": "string", "enum": ["a", "b"]}), json!("c")),
            r#"x: Unsupported value: "c": supported values: "a", "b""#
        );
        assert_eq!(
            message(json!({"type": "string", "format": "ipv4"}), json!("999.0.0.1")),
            r#"x: Invalid value: "999.0.0.1": x in body must be of type ipv4: "999.0.0.1""#
        );
    }

    #[test]
    fn lists_and_maps() {
        let list = json!({"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "integer"}});
        assert_eq!(message(list.clone(), json!([])), "x: Invalid value: 0: x in body should have at least 1 items");
        assert_eq!(message(list, json!([1, 2, 3])), "x: Too many: 3: must have at most 2 items");
        let set = json!({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}});
        assert_eq!(message(set, json!(["a", "a"])), r#"x[1]: Duplicate value: "a""#);
        let keyed = json!({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
            "items": {"type": "object", "properties": {"k": {"type": "string"}}}});
        assert_eq!(message(keyed, json!([{"k": "a"}, {"k": "a"}])), r#"x[1]: Duplicate value: {"k":"a"}"#);
        let map = json!({"type": "object", "maxProperties": 1, "additionalProperties": {"type": "integer"}});
        assert_eq!(
            messages(map, json!({"a": 1, "b": "c"})),
            [
                "x: Too many: 2: must have at most 1 item",
                r#"x.b: Invalid value: "string": x.b in body must be of type integer: "string""#
            ]
        );
        let embedded = json!({"type": "object", "x-kubernetes-embedded-resource": true, "required": ["spec"]});
        assert_eq!(
            messages(embedded, json!({})),
            ["x.spec: Required value", "x.apiVersion: Required value", "x.kind: Required value"]
        );
    }

    #[test]
    fn combinations() {
        let one = json!({"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]});
        assert_eq!(
            messages(one.clone(), json!({})),
            [
                r#"<nil>: Invalid value: "": "x" must validate one and only one schema (oneOf). Found none valid"#,
                "x.a: Required value"
            ]
        );
        assert_eq!(
            message(one, json!({"a": 1, "b": 2})),
            r#"<nil>: Invalid value: "": "x" must validate one and only one schema (oneOf). Found 2 valid alternatives"#
        );
        assert_eq!(
            message(json!({"type": "string", "not": {"enum": ["bad"]}}), json!("bad")),
            r#"<nil>: Invalid value: "": "x" must not validate the schema (not)"#
        );
    }

    #[test]
    fn prefix_is_in_the_path_but_not_in_the_message() {
        let schema = super::super::openapi::Reader::plain().read(&json!({"type": "string"}));
        let errors = validate(&schema, &json!(5), &FieldPath::root().child("default"));
        assert_eq!(
            errors[0].to_string(),
            r#"default: Invalid value: "integer":  in body must be of type string: "integer""#
        );
    }
}
