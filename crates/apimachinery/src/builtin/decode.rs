//! What Go's decoder says of a body of a built-in kind: unknown fields and values of the wrong type.
//! It must not know which of them a server refuses.

use base64::Engine;
use serde_json::Value;

use crate::quantity::Quantity;
use crate::schema::{Type, type_name};
use crate::{FieldPath, GroupVersionKind, Schema};

/// What the decoder found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecodeErrors {
    /// Why the body cannot be decoded at all, in the words of Go; the first reason only, as upstream.
    pub fatal: Option<String>,
    /// Fields the kind does not have. Strict field validation refuses them, the others drop them.
    pub unknown: Vec<FieldPath>,
}

impl DecodeErrors {
    /// The unknown fields as upstream words them: `unknown field "spec.foo"`.
    pub fn unknown_messages(&self) -> impl Iterator<Item = String> {
        self.unknown.iter().map(|path| format!("unknown field \"{}\"", path.as_str()))
    }
}

/// Decodes a body, so to say, into the Go type of its kind. An unknown kind has no errors.
#[must_use]
pub fn decode_errors(gvk: &GroupVersionKind, object: &Value) -> DecodeErrors {
    let Some(schema) = super::schema(gvk) else { return DecodeErrors::default() };
    let mut decoder = Decoder::default();
    decoder.node(&schema, object);
    decoder.found
}

#[derive(Default)]
struct Decoder<'a> {
    found: DecodeErrors,
    /// The Go struct we are in.
    owner: &'a str,
    /// The way to where we are. Paths are made of it only where something is found.
    way: Vec<Step<'a>>,
}

/// One step into an object.
#[derive(Clone, Copy)]
enum Step<'a> {
    Field(&'a str),
    Key(&'a str),
    Index(usize),
}

impl<'a> Decoder<'a> {
    fn node(&mut self, schema: &'a Schema, value: &'a Value) {
        if value.is_null() || schema.preserve_unknown_fields {
            return;
        }
        if let Some(reason) = self.mismatch(schema, value) {
            self.found.fatal.get_or_insert(reason);
            return;
        }
        match value {
            Value::Object(_) if schema.additional_properties.is_some() => self.map(schema, value),
            Value::Object(_) => self.structure(schema, value),
            Value::Array(list) => {
                let Some(items) = &schema.items else { return };
                for (index, value) in list.iter().enumerate() {
                    self.step(Step::Index(index), items, value);
                }
            }
            _ => {}
        }
    }

    fn step(&mut self, step: Step<'a>, schema: &'a Schema, value: &'a Value) {
        self.way.push(step);
        self.node(schema, value);
        self.way.pop();
    }

    fn map(&mut self, schema: &'a Schema, value: &'a Value) {
        let Some(values) = &schema.additional_properties else { return };
        for (key, value) in value.as_object().into_iter().flatten() {
            self.step(Step::Key(key), values, value);
        }
    }

    fn structure(&mut self, schema: &'a Schema, value: &'a Value) {
        let outer = schema.definition.as_deref().map(|name| std::mem::replace(&mut self.owner, short(name)));
        for (name, value) in value.as_object().into_iter().flatten() {
            match schema.properties.get(name) {
                Some(child) => self.step(Step::Field(name), child, value),
                None => {
                    let path = self.path().child(name);
                    self.found.unknown.push(path);
                }
            }
        }
        if let Some(outer) = outer {
            self.owner = outer;
        }
    }

    fn path(&self) -> FieldPath {
        self.way.iter().fold(FieldPath::root(), |path, step| match step {
            Step::Field(name) | Step::Key(name) => path.child(name),
            Step::Index(index) => path.index(*index),
        })
    }

    /// Why Go would refuse the value, if it would.
    fn mismatch(&self, schema: &Schema, value: &Value) -> Option<String> {
        match (schema.format.as_deref(), value) {
            (Some("quantity"), _) => Quantity::from_value(value).err().map(|error| error.to_string()),
            (Some("int-or-string"), _) => {
                let fits = value.is_string() || fits_integer(Some("int32"), value);
                (!fits).then(|| self.refuse(value, "int32"))
            }
            (Some("date-time"), Value::String(text)) => bad_time(schema, text),
            (Some("byte"), Value::String(text)) => bad_base64(text),
            (format, _) => {
                let fits = match schema.type_ {
                    None => true,
                    Some(Type::Integer) => fits_integer(format, value),
                    Some(Type::Number) => value.is_number(),
                    Some(type_) => type_.name() == type_name(value),
                };
                (!fits).then(|| self.refuse(value, &go_type(schema)))
            }
        }
    }

    fn refuse(&self, value: &Value, go_type: &str) -> String {
        let found = match value {
            Value::Bool(_) => "bool".to_owned(),
            Value::Number(number) if go_type.starts_with("int") => format!("number {number}"),
            Value::Number(_) => "number".to_owned(),
            other => type_name(other).to_owned(),
        };
        // Go leaves indices and map keys out.
        let fields = self.way.iter().filter_map(|step| if let Step::Field(name) = step { Some(*name) } else { None });
        let place = fields.collect::<Vec<_>>().join(".");
        format!("json: cannot unmarshal {found} into Go struct field {}.{place} of type {go_type}", self.owner)
    }
}

fn short(definition: &str) -> &str {
    definition.rsplit('.').next().unwrap_or(definition)
}

fn fits_integer(format: Option<&str>, value: &Value) -> bool {
    let Some(number) = value.as_i64() else {
        // A float without a fraction is an integer to the server's decoder.
        return value.as_f64().is_some_and(|float| float.fract() == 0.0 && float.abs() < 9.0e15);
    };
    format != Some("int32") || i32::try_from(number).is_ok()
}

/// The Go type of a field. Named string types are not in the schemas: they read `string`.
fn go_type(schema: &Schema) -> String {
    if let Some(definition) = schema.definition.as_deref().filter(|_| schema.type_ == Some(Type::Object)) {
        let mut parts = definition.rsplit('.');
        let (name, package) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        return format!("{package}.{name}");
    }
    let inner = |schema: &Option<std::sync::Arc<Schema>>| schema.as_deref().map_or("interface {}".to_owned(), go_type);
    match schema.type_ {
        Some(Type::Integer) => schema.format.clone().unwrap_or_else(|| "int".to_owned()),
        Some(Type::Number) => "float64".to_owned(),
        Some(Type::Boolean) => "bool".to_owned(),
        Some(Type::Array) if schema.format.as_deref() == Some("byte") => "[]uint8".to_owned(),
        Some(Type::Array) => format!("[]{}", inner(&schema.items)),
        Some(Type::Object) => format!("map[string]{}", inner(&schema.additional_properties)),
        Some(Type::String) | None => "string".to_owned(),
    }
}

fn bad_time(schema: &Schema, text: &str) -> Option<String> {
    if text.is_empty() || text.parse::<jiff::Timestamp>().is_ok() {
        return None;
    }
    let is_micro = schema.definition.as_deref().is_some_and(|name| name.ends_with("MicroTime"));
    let layout = if is_micro { "2006-01-02T15:04:05.000000Z07:00" } else { "2006-01-02T15:04:05Z07:00" };
    Some(format!("parsing time \"{text}\" as \"{layout}\": cannot parse \"{text}\" as \"2006\""))
}

fn bad_base64(text: &str) -> Option<String> {
    let plain: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    if base64::engine::general_purpose::STANDARD.decode(&plain).is_ok() {
        return None;
    }
    let is_bad = |b: u8| !(b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
    let at = text.bytes().position(is_bad).unwrap_or(text.len());
    Some(format!("illegal base64 data at input byte {at}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn decode(api_version: &str, kind: &str, object: Value) -> DecodeErrors {
        let (group, version) = crate::gvk::split_api_version(api_version);
        decode_errors(&GroupVersionKind::new(group, version, kind), &object)
    }

    fn fatal(api_version: &str, kind: &str, object: Value) -> String {
        decode(api_version, kind, object).fatal.unwrap_or_default()
    }

    #[test]
    fn wrong_types_read_as_go_words_them() {
        assert_eq!(
            fatal("apps/v1", "Deployment", json!({"spec": {"replicas": "two"}})),
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"
        );
        assert_eq!(
            fatal("v1", "ConfigMap", json!({"data": {"a": 1}})),
            "json: cannot unmarshal number into Go struct field ConfigMap.data of type string"
        );
        assert_eq!(
            fatal("v1", "ConfigMap", json!({"data": []})),
            "json: cannot unmarshal array into Go struct field ConfigMap.data of type map[string]string"
        );
        assert_eq!(
            fatal("v1", "Pod", json!({"metadata": {"labels": {"a": true}}})),
            "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string"
        );
        assert_eq!(
            fatal("v1", "Pod", json!({"spec": {"containers": {"name": "c"}}})),
            "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container"
        );
        assert_eq!(
            fatal("apps/v1", "Deployment", json!({"spec": {"replicas": 1.5}})),
            "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32"
        );
    }

    #[test]
    fn formats_are_decoded() {
        let limits = json!({"spec": {"containers": [{"resources": {"limits": {"cpu": "many"}}}]}});
        assert!(fatal("v1", "Pod", limits).starts_with("quantities must match the regular expression"));
        assert_eq!(fatal("v1", "Secret", json!({"data": {"a": "b c"}})), "illegal base64 data at input byte 1");
        assert!(
            fatal("coordination.k8s.io/v1", "Lease", json!({"spec": {"renewTime": "now"}})).contains("05.000000Z07")
        );
        let fine = json!({"spec": {"ports": [{"port": 80, "targetPort": "web"}, {"port": 81, "targetPort": 81}]}});
        assert_eq!(decode("v1", "Service", fine), DecodeErrors::default());
    }

    #[test]
    fn unknown_fields() {
        let object =
            json!({"odd": 1, "spec": {"template": {"spec": {"containers": [{"imagee": "x"}]}}, "bogus": null}});
        let found = decode("apps/v1", "Deployment", object);
        let messages: Vec<String> = found.unknown_messages().collect();
        assert_eq!(
            messages,
            [
                r#"unknown field "odd""#,
                r#"unknown field "spec.bogus""#,
                r#"unknown field "spec.template.spec.containers[0].imagee""#
            ]
        );
        let fields = json!({"metadata": {"managedFields": [{"fieldsV1": {"f:spec": {}}}]}});
        assert_eq!(decode("v1", "Pod", fields), DecodeErrors::default());
    }
}
