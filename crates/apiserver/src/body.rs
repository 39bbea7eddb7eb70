//! Reading request bodies: JSON or YAML, unknown and duplicate fields, wrong types.
//! It must not know storage.

use bytes::Bytes;
use mainstay_apimachinery::{
    FieldError, FieldErrorKind, FieldPath, GroupVersionKind, builtin, gvk, json, object, yaml,
};
use serde_json::Value;

use crate::Error;
use crate::call::Call;
use crate::options::{Validation, WriteOptions};
use crate::registry::Resource;
use crate::{protobuf, strategy};

/// A body as it was sent.
pub(crate) struct Body {
    pub(crate) value: Value,
    pub(crate) duplicates: Vec<FieldPath>,
}

/// Reads a body as JSON or YAML, by its content type.
pub(crate) fn read(content_type: &str, bytes: &Bytes) -> Result<Body, Error> {
    match content_type.split(';').next().unwrap_or_default().trim() {
        "" | "application/json" => read_json(bytes),
        "application/yaml" => read_yaml(bytes),
        "application/vnd.kubernetes.protobuf" => {
            let value = protobuf::decode(bytes).map_err(|fault| Error::bad_request(fault.to_string()))?;
            Ok(Body { value, duplicates: Vec::new() })
        }
        _ => Err(Error::unsupported_body()),
    }
}

fn read_json(bytes: &Bytes) -> Result<Body, Error> {
    let decoded = json::decode_as_go(bytes).map_err(|why| unrecognized(&why, bytes))?;
    Ok(Body { value: decoded.value, duplicates: decoded.duplicates })
}

/// Of a body whose kind cannot be told.
fn unrecognized(why: &str, bytes: &[u8]) -> Error {
    let why = format!("couldn't get version/kind; json parse error: {why} ({})", summary(bytes));
    Error::bad_request(format!("the object provided is unrecognized: {why}"))
}

/// Bytes of a body that an error shows.
const SHOWN_BYTES: usize = 30;

/// As `summarizeData`: what looks like JSON as it is, all else in hexadecimal.
fn summary(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(SHOWN_BYTES)];
    let more = if bytes.len() > SHOWN_BYTES { " ..." } else { "" };
    match shown.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(shown)),
        Some(_) => format!("{}{more}", shown.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    }
}

/// Reads YAML, of which JSON is a part.
pub(crate) fn read_yaml(bytes: &Bytes) -> Result<Body, Error> {
    if let Ok(decoded) = json::decode(bytes) {
        return Ok(Body { value: decoded.value, duplicates: decoded.duplicates });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| Error::bad_request(error.to_string()))?;
    let document = yaml::parse_one(text);
    let document = document.map_err(|error| Error::bad_request(format!("error decoding YAML: {error}")))?;
    Ok(Body { value: document.value, duplicates: Vec::new() })
}

/// Reads the object of a create or an update and makes it one of the call's kind.
pub(crate) fn read_object(
    call: &Call,
    options: &WriteOptions,
    bytes: &Bytes,
    warnings: &mut Vec<String>,
) -> Result<Value, Error> {
    let Body { mut value, duplicates } = read(&call.content_type, bytes).map_err(|error| named(call, error))?;
    check_type_meta(&mut value, bytes).map_err(|error| named(call, error))?;
    check_kind(call, &mut value)?;
    let mut found = strict_findings(call, &mut value, &duplicates).map_err(|why| cannot_handle(call, &why))?;
    if found.len() > 1 {
        in_order(&mut found, bytes);
    }
    warnings.extend(judged(options, found).map_err(|why| cannot_handle(call, &why))?);
    check_place(call, &mut value)?;
    Ok(value)
}

fn cannot_handle(call: &Call, why: &str) -> Error {
    let kind = &call.resource.kind;
    Error::bad_request(format!("{kind} in version {:?} cannot be handled as a {kind}: {why}", &*call.resource.version))
}

/// The part of a body that says its kind must be readable; `null` is an empty object.
fn check_type_meta(value: &mut Value, bytes: &[u8]) -> Result<(), Error> {
    const TYPE: &str =
        r#"struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"#;
    if value.is_null() {
        *value = Value::Object(serde_json::Map::new());
    }
    if !value.is_object() {
        return Err(unrecognized(
            &format!("json: cannot unmarshal {} into Go value of type {TYPE}", go_kind(value)),
            bytes,
        ));
    }
    for field in ["apiVersion", "kind"] {
        let found = value.get(field).filter(|found| !found.is_string() && !found.is_null());
        if let Some(found) = found {
            let why = format!("json: cannot unmarshal {} into Go struct field .{field} of type string", go_kind(found));
            return Err(unrecognized(&why, bytes));
        }
    }
    Ok(())
}

/// What Go's decoder calls a value.
pub(crate) fn go_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Says which kind was expected, where a body cannot be read at all.
fn named(call: &Call, mut error: Error) -> Error {
    let kind = format!("unrecognized (must be of type {}): couldn't", call.resource.kind);
    error.message = error.message.replace("unrecognized: couldn't", &kind);
    error
}

/// The kind must be the resource's; what is left out is filled in.
pub(crate) fn check_kind(call: &Call, value: &mut Value) -> Result<(), Error> {
    let resource = &call.resource;
    if object::kind(value).is_empty() {
        value["kind"] = Value::from(&*resource.kind);
    }
    if object::api_version(value).is_empty() {
        value["apiVersion"] = Value::from(resource.api_version());
    }
    let (kind, api_version) = (object::kind(value), object::api_version(value));
    if kind == &*resource.kind && api_version == resource.api_version() {
        return Ok(());
    }
    // Upstream's scheme still knows the first version of definitions, though it does not serve it.
    let known = resource.custom.is_some() || api_version == "apiextensions.k8s.io/v1beta1";
    if !known {
        return Err(Error::bad_request(wrong_builtin(call, kind, api_version)));
    }
    if api_version == resource.api_version() {
        let why = format!("must be {}", resource.kind);
        let error = FieldError::new(FieldErrorKind::Invalid, FieldPath::root().child("kind"), Value::from(kind), why);
        return Err(Error::invalid_as(resource, (kind, object::name(value)), &[error]));
    }
    let version = api_version.rsplit('/').next().unwrap_or_default();
    Err(Error::bad_request(if kind == &*resource.kind {
        other_version(call, api_version)
    } else {
        let expected = &resource.kind;
        let why = format!("converting ({version}.{kind}) to ({expected}): unknown conversion");
        format!("{kind} in version {version:?} cannot be handled as a {expected}: {why}")
    }))
}

fn other_version(call: &Call, api_version: &str) -> String {
    let expected = call.resource.api_version();
    format!("the API version in the data ({api_version}) does not match the expected API version ({expected})")
}

/// Where Go's scheme was made, which its errors name.
const SCHEME: &str = "pkg/runtime/scheme.go:111";

/// Why a body of this kind is none of the resource's, which is built in.
fn wrong_builtin(call: &Call, kind: &str, api_version: &str) -> String {
    let (_, version) = gvk::split_api_version(api_version);
    match unconvertible(call, kind, api_version) {
        Some(why) => format!("{kind} in version {version:?} cannot be handled as a {}: {why}", call.resource.kind),
        None => other_version(call, api_version),
    }
}

/// Why nothing of this kind becomes an object of the resource, which is built in; nothing if another version of it does.
pub(crate) fn unconvertible(call: &Call, kind: &str, api_version: &str) -> Option<String> {
    let (group, version) = gvk::split_api_version(api_version);
    if builtin::definition_name(&GroupVersionKind::new(group, version, kind)).is_none() {
        return Some(format!("no kind {kind:?} is registered for version {api_version:?} in scheme {SCHEME:?}"));
    }
    let expected = internal_type(&call.resource);
    (kind != &*call.resource.kind).then(|| format!("converting ({version}.{kind}) to ({expected}): unknown conversion"))
}

/// The type that Go has for an object of the resource while it works on it.
pub(crate) fn internal_type(resource: &Resource) -> String {
    let package = match resource.group.split('.').next().unwrap_or_default() {
        _ if resource.custom.is_some() => return "unstructured.Unstructured".to_owned(),
        "" | "events" => "core",
        package => package,
    };
    format!("{package}.{}", resource.kind)
}

/// Something that strict field validation refuses.
pub(crate) struct Finding {
    path: FieldPath,
    is_duplicate: bool,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = if self.is_duplicate { "duplicate" } else { "unknown" };
        write!(f, "{what} field \"{}\"", self.path.as_str())
    }
}

/// Drops unknown fields. They and duplicates are warnings, an error, or nothing, as asked for; values of the wrong
/// type are an error for built-in kinds, as they are for Go's decoder.
pub(crate) fn check_fields(
    call: &Call,
    options: &WriteOptions,
    value: &mut Value,
    duplicates: &[FieldPath],
) -> Result<Vec<String>, String> {
    judged(options, strict_findings(call, value, duplicates)?)
}

fn strict_findings(call: &Call, value: &mut Value, duplicates: &[FieldPath]) -> Result<Vec<Finding>, String> {
    let twice = duplicates.iter().map(|path| Finding { path: path.clone(), is_duplicate: true });
    let mut found: Vec<Finding> = twice.collect();
    let unknown = match &call.resource.custom {
        Some(custom) => custom.schema.prune(value),
        None => prune_builtin(call, value)?,
    };
    found.extend(unknown.into_iter().map(|path| Finding { path, is_duplicate: false }));
    Ok(found)
}

fn prune_builtin(call: &Call, value: &mut Value) -> Result<Vec<FieldPath>, String> {
    let found = builtin::decode_errors(&call.resource.gvk(), value);
    if let Some(fatal) = found.fatal {
        return Err(fatal);
    }
    if let Some(schema) = call.resource.schema().filter(|_| !found.unknown.is_empty()) {
        schema.prune(value);
    }
    Ok(found.unknown)
}

/// In the order in which Go's decoder meets them: that of the document, a duplicate where it stands again.
fn in_order(found: &mut [Finding], bytes: &[u8]) {
    let order = json::order(bytes);
    let place = |finding: &Finding| {
        let places = order.get(finding.path.as_str())?;
        if finding.is_duplicate { places.get(1) } else { places.first() }.copied()
    };
    found.sort_by_key(place);
}

fn judged(options: &WriteOptions, found: Vec<Finding>) -> Result<Vec<String>, String> {
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    match options.validation {
        Validation::Ignore => Ok(Vec::new()),
        Validation::Strict if !found.is_empty() => Err(format!("strict decoding error: {}", found.join(", "))),
        Validation::Strict | Validation::Warn => Ok(found),
    }
}

/// The namespace must be the path's; what is left out is filled in. The name must be the path's, if that has one.
pub(crate) fn check_place(call: &Call, value: &mut Value) -> Result<(), Error> {
    if !value["metadata"].is_object() {
        value["metadata"] = Value::Object(serde_json::Map::new());
    }
    // A list of managed fields that is there and empty says that they shall be cleared.
    let managers = object::metadata_mut(value).remove("managedFields");
    strategy::tidy_metadata(object::metadata_mut(value));
    if let Some(managers) = managers.filter(|managers| !managers.is_null()) {
        object::metadata_mut(value).insert("managedFields".to_owned(), managers);
    }
    check_names(call, value)
}

/// The part of [`check_place`] that looks at names alone.
pub(crate) fn check_names(call: &Call, value: &mut Value) -> Result<(), Error> {
    match (&call.namespace, object::namespace(value)) {
        (Some(namespace), None) => object::set_namespace(value, namespace),
        (Some(namespace), Some(given)) if namespace != given => {
            return Err(Error::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        (None, Some(_)) if !call.resource.namespaced => drop(object::metadata_mut(value).remove("namespace")),
        _ => {}
    }
    let Some(wanted) = &call.name else { return Ok(()) };
    let given = object::name(value);
    if given.is_empty() {
        object::metadata_mut(value).insert("name".to_owned(), Value::from(wanted.as_str()));
    } else if given != wanted {
        let why = format!("the name of the object ({given}) does not match the name on the URL ({wanted})");
        return Err(Error::bad_request(why));
    }
    Ok(())
}
