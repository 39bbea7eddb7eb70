//! Protobuf request bodies, which kubectl and Go controllers send for built-in kinds, made into JSON.
//! It must not know requests; answers are always JSON, which every such client accepts too.
//!
//! The messages are in `data/protobuf-messages.txt`; the JSON names of their fields are those of the schema that the
//! spelling without case and underscores fits. A message none fits is one that Go inlines.

use std::collections::HashMap;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use mainstay_apimachinery::gvk::split_api_version;
use mainstay_apimachinery::{GroupVersionKind, Schema, builtin};
use mainstay_controller_runtime::clock::{format_micros, format_seconds};
use serde_json::{Map, Value, json};

pub(crate) mod order;
mod pointers;
mod wire;

use pointers::is_pointer;
use wire::{Fault, Payload, fields};

/// The first bytes of every body: `runtime.Unknown` follows.
const MAGIC: &[u8] = b"k8s\0";

/// A field of a message, as the table has it.
struct Field {
    /// Name without case and underscores.
    name: String,
    /// Name in JSON, as far as the spelling of the table tells it.
    json: String,
    /// `s`, `b`, `f`, `i`, `d` or `m`.
    kind: u8,
    /// `*` for a list, `%` for a map.
    mark: Option<u8>,
    /// Name of the message, for `m`.
    message: &'static str,
    /// Its place among the fields of the Go struct, which the table keeps.
    place: usize,
}

type Message = HashMap<u32, Field>;

/// Messages by lower-case name: the table and the schemas differ in the case of abbreviations.
static MESSAGES: LazyLock<HashMap<String, Message>> = LazyLock::new(|| {
    let lines = include_str!("../data/protobuf-messages.txt").lines();
    lines
        .map(|line| {
            let mut parts = line.split(' ');
            let name = parts.next().unwrap_or_default().to_lowercase();
            (name, parts.enumerate().filter_map(parse_field).collect())
        })
        .collect()
});

/// `name:tag[*|%]kind[=message]`.
fn parse_field((place, text): (usize, &'static str)) -> Option<(u32, Field)> {
    let (name, rest) = text.split_once(':')?;
    let (type_, message) = rest.split_once('=').unwrap_or((rest, ""));
    let tag = type_.trim_end_matches(|c: char| !c.is_ascii_digit());
    let letters = &type_.as_bytes()[tag.len()..];
    let (kind, mark) = letters.split_last()?;
    let (name, json, mark) = (plain(name), json_name(name), mark.first().copied());
    let field = Field { name, json, kind: *kind, mark, message, place };
    Some((tag.parse().ok()?, field))
}

/// `max_length` is `maxLength`; what starts with `x_kubernetes` keeps its parts; two fields of schemas start with `$`.
fn json_name(name: &str) -> String {
    if name.starts_with("x_kubernetes_") {
        return name.replace('_', "-");
    }
    if matches!(name, "schema" | "ref") {
        return format!("${name}");
    }
    let mut parts = name.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let mut letters = part.chars();
        let head = letters.next().map(|letter| letter.to_ascii_uppercase());
        text + &head.into_iter().chain(letters).collect::<String>()
    })
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect()
}

/// Decodes a body.
///
/// # Errors
/// When it is not a whole message of a known kind.
pub(crate) fn decode(bytes: &[u8]) -> Result<Value, Fault> {
    let unknown = bytes.strip_prefix(MAGIC).ok_or(Fault::NoMagic)?;
    let (mut kind, mut api_version, mut raw) = (String::new(), String::new(), &[][..]);
    for (tag, payload) in fields(unknown)? {
        match (tag, payload) {
            (1, Payload::Bytes(meta)) => {
                for (tag, payload) in fields(meta)? {
                    let text = if tag == 1 { &mut api_version } else { &mut kind };
                    *text = payload.text()?;
                }
            }
            (2, Payload::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let (group, version) = split_api_version(&api_version);
    let gvk = GroupVersionKind::new(group, version, kind.as_str());
    let unknown_kind = || Fault::UnknownKind(gvk.to_string());
    let definition = builtin::definition_name(&gvk).ok_or_else(unknown_kind)?;
    let schema = builtin::schema(&gvk).ok_or_else(unknown_kind)?;
    let mut object = structure(definition, At { schema: Some(&schema), owner: definition, depth: 0 }, raw)?;
    object.insert("kind".to_owned(), kind.into());
    object.insert("apiVersion".to_owned(), api_version.into());
    Ok(Value::Object(object))
}

/// Messages within messages. The deepest honest ones, schemas within definitions, stay far below it.
const MAX_DEPTH: usize = 100;

/// Where in an object we are.
#[derive(Clone, Copy)]
struct At<'a> {
    schema: Option<&'a Schema>,
    /// Name of the message we are in.
    owner: &'a str,
    depth: usize,
}

impl<'a> At<'a> {
    fn child(self, schema: Option<&'a Schema>) -> Self {
        Self { schema, depth: self.depth + 1, ..self }
    }
}

fn structure<'a>(name: &'a str, at: At<'a>, bytes: &[u8]) -> Result<Map<String, Value>, Fault> {
    if at.depth > MAX_DEPTH {
        return Err(Fault::TooDeep);
    }
    let message = MESSAGES.get(&name.to_lowercase()).ok_or_else(|| Fault::UnknownKind(name.to_owned()))?;
    let at = At { owner: name, ..at };
    // The schemas within definitions may hold anything, so only the table knows their fields.
    let is_known = at.schema.is_some_and(|schema| !schema.properties.is_empty());
    let mut object = Map::new();
    for (tag, payload) in fields(bytes)? {
        let Some(field) = message.get(&tag) else { continue };
        let property = at.schema.and_then(|s| s.properties.iter().find(|(key, _)| plain(key) == field.name));
        match property {
            Some((key, schema)) => insert(&mut object, key, (field, at.child(Some(schema))), &payload)?,
            None if !is_known => insert(&mut object, &field.json, (field, at.child(None)), &payload)?,
            None if field.kind == b'm' && field.mark.is_none() => {
                object.extend(structure(field.message, at.child(at.schema), payload.bytes()?)?);
            }
            None => {}
        }
    }
    Ok(object)
}

fn insert(
    object: &mut Map<String, Value>,
    key: &str,
    (field, at): (&Field, At<'_>),
    payload: &Payload<'_>,
) -> Result<(), Fault> {
    match field.mark {
        Some(b'%') => {
            let (name, value) = entry(field, at, payload.bytes()?)?;
            if let Some(map) = object.entry(key).or_insert_with(|| json!({})).as_object_mut() {
                map.insert(name, value);
            }
        }
        Some(_) => {
            let items = at.schema.and_then(|schema| schema.items.as_deref());
            let value = value(field, at.child(items), payload)?;
            if let Some(list) = object.entry(key).or_insert_with(|| json!([])).as_array_mut() {
                list.push(value);
            }
        }
        None => {
            let value = value(field, at, payload)?;
            let said = is_pointer(at.owner, key) && !value.is_null();
            if said || !is_zero(&value) {
                object.insert(key.to_owned(), value);
            }
        }
    }
    Ok(())
}

fn entry(field: &Field, at: At<'_>, bytes: &[u8]) -> Result<(String, Value), Fault> {
    let values = at.schema.and_then(|schema| schema.additional_properties.as_deref());
    let (mut name, mut found) = (String::new(), None);
    for (tag, payload) in fields(bytes)? {
        match tag {
            1 => name = payload.text()?,
            _ => found = Some(value(field, at.child(values), &payload)?),
        }
    }
    Ok((name, found.unwrap_or_else(|| if field.kind == b'm' { Value::Null } else { "".into() })))
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn value(field: &Field, at: At<'_>, payload: &Payload<'_>) -> Result<Value, Fault> {
    Ok(match field.kind {
        b's' => payload.text()?.into(),
        b'b' => STANDARD.encode(payload.bytes()?).into(),
        b'f' => (payload.integer()? != 0).into(),
        b'i' => payload.integer()?.into(),
        b'd' => payload.double()?.into(),
        _ => message(field.message, at, payload.bytes()?)?,
    })
}

/// A message; some have a JSON form of their own.
fn message(name: &str, at: At<'_>, bytes: &[u8]) -> Result<Value, Fault> {
    let integer = |tag| -> Result<i64, Fault> {
        fields(bytes)?.into_iter().find(|(found, _)| *found == tag).map_or(Ok(0), |(_, payload)| payload.integer())
    };
    let text = |tag| -> Result<String, Fault> {
        let found = fields(bytes)?.into_iter().find(|(found, _)| *found == tag);
        found.map_or(Ok(String::new()), |(_, payload)| payload.text())
    };
    Ok(match name.rsplit('.').next().unwrap_or_default() {
        "Quantity" => text(1)?.into(),
        "IntOrString" if integer(1)? == 1 => text(3)?.into(),
        "IntOrString" => integer(2)?.into(),
        "Time" | "MicroTime" if bytes.is_empty() => Value::Null,
        "Time" => format_seconds(time(integer(1)?, 0)?).into(),
        "MicroTime" => format_micros(time(integer(1)?, integer(2)?)?).into(),
        "RawExtension" | "FieldsV1" | "JSON" | "Json" => {
            serde_json::from_str(&text(1)?).map_err(|error| Fault::Embedded(error.to_string()))?
        }
        kind if kind.starts_with("JsonSchemaPropsOr") => either(kind, at, bytes)?,
        "ExtraValue" => {
            let items = fields(bytes)?.into_iter().map(|(_, payload)| payload.text());
            json!(items.collect::<Result<Vec<_>, _>>()?)
        }
        _ => Value::Object(structure(name, at, bytes)?),
    })
}

/// A schema, or what may stand in its place: a flag, several schemas, names of fields.
fn either(kind: &str, at: At<'_>, bytes: &[u8]) -> Result<Value, Fault> {
    const SCHEMA: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JsonSchemaProps";
    let is_flag = kind.ends_with("Bool");
    let (mut schema, mut list, mut flag) = (None, Vec::new(), false);
    for (tag, payload) in fields(bytes)? {
        match tag {
            1 if is_flag => flag = payload.integer()? != 0,
            2 if kind.ends_with("StringArray") => list.push(Value::from(payload.text()?)),
            2 if !is_flag => list.push(message(SCHEMA, at.child(None), payload.bytes()?)?),
            _ => schema = Some(message(SCHEMA, at.child(None), payload.bytes()?)?),
        }
    }
    Ok(schema.unwrap_or_else(|| if is_flag { flag.into() } else { list.into() }))
}

fn time(seconds: i64, nanos: i64) -> Result<Timestamp, Fault> {
    let nanos = i32::try_from(nanos).map_err(|_| Fault::Truncated)?;
    Timestamp::new(seconds, nanos).map_err(|error| Fault::Embedded(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field with bytes, short enough for one length byte.
    fn part(tag: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![tag << 3 | 2, u8::try_from(bytes.len()).unwrap()];
        out.extend(bytes);
        out
    }

    fn body(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
        let meta = [part(1, api_version.as_bytes()), part(2, kind.as_bytes())].concat();
        [MAGIC.to_vec(), part(1, &meta), part(2, raw)].concat()
    }

    #[test]
    fn a_config_map_is_decoded() {
        let metadata = [part(1, b"a"), part(3, b""), vec![7 << 3, 0], part(8, b"")].concat();
        let data = [part(1, b"k"), part(2, b"v")].concat();
        let raw = [part(1, &metadata), part(2, &data)].concat();
        let object = decode(&body("v1", "ConfigMap", &raw)).unwrap();
        assert_eq!(
            object,
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}})
        );
    }

    #[test]
    fn what_go_inlines_is_flat_and_a_zero_replica_is_said() {
        let source = part(2, &part(6, &part(1, b"m")));
        let volume = [part(1, b"v"), source].concat();
        let template = part(2, &part(1, &volume));
        let spec = [vec![1 << 3, 0], part(3, &template), vec![5 << 3, 0]].concat();
        let object = decode(&body("apps/v1", "Deployment", &part(2, &spec))).unwrap();
        assert_eq!(object["spec"]["replicas"], 0);
        assert_eq!(
            object["spec"]["template"]["spec"]["volumes"],
            json!([{"name": "v", "secret": {"secretName": "m"}}])
        );
        assert!(object["spec"].get("minReadySeconds").is_none());
    }

    #[test]
    fn a_definition_keeps_its_schema() {
        let text = part(5, b"string");
        let field = [part(1, b"colour"), part(2, &[text, vec![13 << 3, 0]].concat())].concat();
        // Tag 29 and 38 need two bytes.
        let long = |tag: u8, wire: u8| vec![(tag & 15) << 3 | wire | 0x80, tag >> 4];
        let mut schema = part(5, b"object");
        schema.extend(long(29, 2));
        schema.push(u8::try_from(field.len()).unwrap());
        schema.extend(&field);
        schema.extend([long(38, 0), vec![1]].concat());
        schema.extend([long(30, 2), vec![2, 1 << 3, 1]].concat());
        let version = [part(1, b"v1"), part(4, &part(1, &schema))].concat();
        let raw = part(2, &part(7, &version));
        let object = decode(&body("apiextensions.k8s.io/v1", "CustomResourceDefinition", &raw)).unwrap();
        let expected = json!({
            "type": "object", "properties": {"colour": {"type": "string", "maxLength": 0}},
            "additionalProperties": true, "x-kubernetes-preserve-unknown-fields": true
        });
        assert_eq!(object["spec"]["versions"][0]["schema"]["openAPIV3Schema"], expected);
    }

    #[test]
    fn what_go_points_to_may_be_zero() {
        let conditions = [vec![1 << 3, 0], vec![2 << 3, 0]].concat();
        let endpoint = [part(1, b"10.0.0.1"), part(2, &conditions)].concat();
        let raw = [part(2, &endpoint), part(4, b"IPv4")].concat();
        let slice = decode(&body("discovery.k8s.io/v1", "EndpointSlice", &raw)).unwrap();
        assert_eq!(slice["endpoints"][0]["conditions"], json!({"ready": false, "serving": false}));
        let probe = [part(1, &part(2, &part(2, &[1 << 3, 0, 2 << 3, 80]))), vec![2 << 3, 0]].concat();
        let container = [part(1, b"c"), part(10, &probe), vec![0x80, 1, 0]].concat();
        let pod = decode(&body("v1", "Pod", &part(2, &part(2, &container)))).unwrap();
        let found = &pod["spec"]["containers"][0];
        assert!(found["livenessProbe"].get("initialDelaySeconds").is_none(), "{found}");
        assert!(found.get("stdin").is_none(), "{found}");
    }

    #[test]
    fn what_is_no_message_is_refused() {
        assert!(matches!(decode(b"{}"), Err(Fault::NoMagic)));
        assert!(matches!(decode(b"k8s\0\x0a\x7f"), Err(Fault::Truncated)));
        assert!(matches!(decode(&body("ex.io/v1", "Foo", b"")), Err(Fault::UnknownKind(_))));
    }
}
