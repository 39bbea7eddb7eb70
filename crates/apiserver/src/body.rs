//! Reading request bodies: JSON or YAML, unknown and duplicate fields, wrong types.
//! It must not know storage.

use bytes::Bytes;
use mainstay_apimachinery::{FieldError, FieldErrorKind, FieldPath, Schema, json, object, yaml};
use serde_json::Value;

use crate::Error;
use crate::call::Call;
use crate::options::{Validation, WriteOptions};
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
    let decoded = json::decode(bytes).map_err(|error| {
        let shown =
            if bytes.is_empty() { "<empty>".into() } else { String::from_utf8_lossy(&bytes[..bytes.len().min(64)]) };
        let why = format!("couldn't get version/kind; json parse error: {error} ({shown})");
        Error::bad_request(format!("the object provided is unrecognized: {why}"))
    })?;
    Ok(Body { value: decoded.value, duplicates: decoded.duplicates })
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
    if !value.is_object() {
        let kind = &call.resource.kind;
        return Err(Error::bad_request(format!("the object provided is unrecognized (must be of type {kind})")));
    }
    check_kind(call, &mut value)?;
    let cannot = |why: String| {
        let kind = &call.resource.kind;
        Error::bad_request(format!(
            "{kind} in version {:?} cannot be handled as a {kind}: {why}",
            &*call.resource.version
        ))
    };
    check_fields(call, options, &mut value, &duplicates).map(|found| warnings.extend(found)).map_err(cannot)?;
    check_place(call, &mut value)?;
    Ok(value)
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
    let (kind, api_version) = (object::kind(value).to_owned(), object::api_version(value).to_owned());
    if kind.is_empty() && api_version.is_empty() {
        value["kind"] = Value::from(&*resource.kind);
        value["apiVersion"] = Value::from(resource.api_version());
        return Ok(());
    }
    if kind == *resource.kind && api_version == resource.api_version() {
        return Ok(());
    }
    if resource.custom.is_some() && api_version == resource.api_version() {
        let why = format!("must be {}", resource.kind);
        let error =
            FieldError::new(FieldErrorKind::Invalid, FieldPath::root().child("kind"), Value::from(kind.as_str()), why);
        return Err(Error::invalid(resource, object::name(value), &[error]));
    }
    let version = api_version.rsplit('/').next().unwrap_or_default();
    Err(Error::bad_request(if resource.custom.is_some() && kind == *resource.kind {
        let expected = resource.api_version();
        format!("the API version in the data ({api_version}) does not match the expected API version ({expected})")
    } else if kind == *resource.kind {
        let why = format!("no kind {kind:?} is registered for version {api_version:?} in scheme");
        format!("{kind} in version {version:?} cannot be handled as a {kind}: {why}")
    } else {
        let expected = &resource.kind;
        let why = format!("converting ({version}.{kind}) to ({expected}): unknown conversion");
        format!("{kind} in version {version:?} cannot be handled as a {expected}: {why}")
    }))
}

/// Drops unknown fields. They and duplicates are warnings, an error, or nothing, as asked for; values of the wrong
/// type are an error for built-in kinds, as they are for Go's decoder.
pub(crate) fn check_fields(
    call: &Call,
    options: &WriteOptions,
    value: &mut Value,
    duplicates: &[FieldPath],
) -> Result<Vec<String>, String> {
    let schema = call.resource.schema();
    if let Some(schema) = schema.as_ref().filter(|_| call.resource.custom.is_none()) {
        drop_nulls(schema, value);
        let errors = schema.validate(value, &FieldPath::root());
        if let Some(error) = errors.iter().find(|error| error.kind == FieldErrorKind::TypeInvalid) {
            return Err(wrong_type(&call.resource.kind, error));
        }
    }
    let mut strict: Vec<String> =
        duplicates.iter().map(|path| format!("duplicate field \"{}\"", path.as_str())).collect();
    if let Some(schema) = schema {
        strict.extend(schema.prune(value).iter().map(|path| format!("unknown field \"{}\"", path.as_str())));
    }
    match options.validation {
        Validation::Ignore => Ok(Vec::new()),
        Validation::Strict if !strict.is_empty() => Err(format!("strict decoding error: {}", strict.join(", "))),
        Validation::Strict | Validation::Warn => Ok(strict),
    }
}

/// Go's decoder reads `null` as absent, but where a field holds any JSON.
fn drop_nulls(schema: &Schema, value: &mut Value) {
    match value {
        Value::Object(map) => {
            let absent = |child: &Schema| !child.nullable && !child.preserve_unknown_fields && child.type_.is_some();
            map.retain(|name, value| !(value.is_null() && schema.field(name).is_some_and(|child| absent(child))));
            for (name, value) in map.iter_mut().filter(|(_, value)| value.is_object() || value.is_array()) {
                schema.field(name).into_iter().for_each(|child| drop_nulls(child, value));
            }
        }
        Value::Array(list) => {
            let Some(items) = &schema.items else { return };
            list.iter_mut().for_each(|item| drop_nulls(items, item));
        }
        _ => {}
    }
}

/// In the words of Go's decoder, as far as a schema knows them.
fn wrong_type(kind: &str, error: &FieldError) -> String {
    let found = match error.value.as_str() {
        Some("integer" | "number") => "number",
        Some("boolean") => "bool",
        Some(other) => other,
        None => "value",
    };
    let wanted = error.detail.split("must be of type ").nth(1).and_then(|rest| rest.split(':').next());
    format!(
        "json: cannot unmarshal {found} into Go struct field {kind}.{} of type {}",
        error.path,
        wanted.unwrap_or("other")
    )
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
