//! One object, in the form the client wants.
//! It must not know how lists and watches are made.

use bytes::Bytes;
use http::header::HeaderValue;
use mainstay_apimachinery::{FieldError, FieldErrorKind, FieldPath, object};
use mainstay_store::Record;
use serde_json::{Value, json};

use crate::Error;
use crate::call::Call;
use crate::convert::{parse, served_bytes, to_served};
use crate::handler::{list, pods};
use crate::negotiate::Form;
use crate::respond::{Reply, encode, json_bytes, reply};
use crate::table::{IncludeObject, TableRenderer, partial};
use crate::{body, scale, yaml};

/// `GET` of an object or of a subresource of it.
pub(crate) fn get(call: &Call) -> Result<Reply, Error> {
    if call.subresource_str() == "log" {
        return pods::log(call);
    }
    if let Some(reply) = pods::connect(call) {
        return reply;
    }
    let snapshot = call.server.snapshot();
    call.query.get("resourceVersion").map(|requested| list::reached(requested, &snapshot)).transpose()?;
    let record = snapshot.get(&call.object_key(call.name_str())).ok_or_else(|| call.not_found())?;
    match call.subresource_str() {
        "" | "status" | "ephemeralcontainers" | "resize" | "approval" => object_bytes(call, 200, record),
        "scale" => Ok(encode_reply(call, 200, &scale::of(&call.resource, &served(call, record))?)),
        _ => Err(Error::method_not_allowed()),
    }
}

/// An answer with an object as it is stored.
pub(crate) fn object_bytes(call: &Call, code: u16, record: &Record) -> Result<Reply, Error> {
    if call.accepted.form == Form::Plain && !call.accepted.yaml {
        return Ok(json_bytes(code, served_bytes(&call.resource, &record.bytes, record.revision).into_owned()));
    }
    object_value(call, code, &served(call, record))
}

/// An answer with an object in the served version.
pub(crate) fn object_value(call: &Call, code: u16, served: &Value) -> Result<Reply, Error> {
    let shown = match call.accepted.form {
        Form::Plain => return Ok(encode_reply(call, code, served)),
        Form::PartialMetadata { of_list: true } => return Err(Error::not_a_list(&body::internal_type(&call.resource))),
        Form::PartialMetadata { .. } => partial(served),
        Form::Table => {
            let metadata = json!({"resourceVersion": object::resource_version(served)});
            renderer(call)?.table([served], metadata, call.server.clock().now())
        }
    };
    Ok(encode_reply(call, code, &shown))
}

/// What renders this resource as rows.
pub(crate) fn renderer(call: &Call) -> Result<TableRenderer, Error> {
    let include = call.query.get("includeObject").unwrap_or_default();
    let include = IncludeObject::parse(include).ok_or_else(|| {
        let path = FieldPath::root().child("includeObject");
        let detail = "must be 'Metadata', 'Object', 'None', or empty";
        let error = FieldError::new(FieldErrorKind::Invalid, path, Value::from(include), detail);
        Error::bad_request(format!("Unable to convert to Table as requested: {error}"))
    })?;
    Ok(TableRenderer::new(call.resource.clone(), include))
}

/// A value as JSON or YAML.
pub(crate) fn encode_reply(call: &Call, code: u16, value: &Value) -> Reply {
    if call.accepted.yaml {
        return reply(code, HeaderValue::from_static("application/yaml"), yaml::encode(value));
    }
    json_bytes(code, encode(value))
}

/// A record's object in the served version.
pub(crate) fn served(call: &Call, record: &Record) -> Value {
    to_served(&call.resource, parse(&record.bytes))
}

/// A value as the bytes of a request.
pub(crate) fn bytes_of(value: &Value) -> Bytes {
    encode(value)
}
