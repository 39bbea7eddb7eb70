//! `PATCH`: the four kinds of patches, of objects, status and scale.
//! It must not know how objects are stored.

mod shown;

use bytes::Bytes;
use mainstay_apimachinery::patch::{PatchError, in_go, json_patch, merge_patch, strategic_merge_patch};
use mainstay_apimachinery::{FieldError, FieldErrorKind, FieldPath, json, object, yaml};
use serde_json::Value;

use crate::call::Call;
use crate::handler::read;
use crate::options::{Validation, WriteOptions};
use crate::respond::{Reply, warn};
use crate::write::{self, Desired, Ownership, Written};
use crate::{Error, body, managers, scale};
use shown::Ways;

/// What a patch says, by its content type.
enum Patch {
    Json(Value),
    Merge(Value),
    Strategic(Value),
}

impl Patch {
    /// What a refusal shows of it: what it made of the object, or the strategic patch itself.
    fn shown(&self, call: &Call, made: &Value) -> String {
        match self {
            Self::Json(operations) => Ways::of_operations(operations).text(&call.resource, made),
            Self::Merge(patch) => Ways::of_merge(patch).text(&call.resource, made),
            Self::Strategic(patch) => in_go(patch),
        }
    }
}

/// `PATCH` of an object.
pub(crate) async fn patch(call: &Call, bytes: &Bytes) -> Result<Reply, Error> {
    let content_type = call.content_type.split(';').next().unwrap_or_default().trim();
    if content_type == "application/apply-patch+yaml" {
        return apply(call, bytes).await;
    }
    let patch: fn(Value) -> Patch = match content_type {
        "application/json-patch+json" => Patch::Json,
        "application/merge-patch+json" => Patch::Merge,
        "application/strategic-merge-patch+json" if call.resource.custom.is_none() => Patch::Strategic,
        _ if call.resource.custom.is_some() => return Err(Error::unsupported_custom_patch()),
        _ => return Err(Error::unsupported_patch()),
    };
    let options = WriteOptions::parse(call, "PatchOptions", false)?;
    let json::Decoded { value, duplicates } = parse(bytes)?;
    let patch = patch(value);
    check_shape(&patch)?;
    let written = write::change(call, &options, |old| desired(call, &options, (&patch, &duplicates), old)).await?;
    answer(call, &written)
}

fn answer(call: &Call, written: &Written) -> Result<Reply, Error> {
    let code = if written.created { 201 } else { 200 };
    let mut reply = if call.subresource_str() == "scale" {
        read::encode_reply(call, code, &scale::of(&call.resource, &written.object)?)
    } else {
        read::object_value(call, code, &written.object)?
    };
    warn(&mut reply, &written.warnings);
    Ok(reply)
}

fn parse(bytes: &Bytes) -> Result<json::Decoded, Error> {
    json::decode_as_go(bytes).map_err(|why| Error::bad_request(format!("error decoding patch: {why}")))
}

/// The most operations that a JSON patch may have, as upstream.
const MAX_OPERATIONS: usize = 10_000;

fn check_shape(patch: &Patch) -> Result<(), Error> {
    let (value, wanted) = match patch {
        Patch::Json(Value::Array(operations)) if operations.len() > MAX_OPERATIONS => {
            return Err(Error::too_many_operations(MAX_OPERATIONS, operations.len()));
        }
        Patch::Json(value) if !value.is_array() => (value, "[]handlers.jsonPatchOp"),
        Patch::Merge(value) | Patch::Strategic(value) if !value.is_object() => (value, "map[string]interface {}"),
        _ => return Ok(()),
    };
    let kind = body::go_kind(value);
    let why = format!("error decoding patch: json: cannot unmarshal {kind} into Go value of type {wanted}");
    Err(Error::bad_request(why))
}

/// What a patch makes of an object; `duplicates` are fields that stand twice in it.
fn desired(
    call: &Call,
    options: &WriteOptions,
    (patch, duplicates): (&Patch, &[FieldPath]),
    old: &Value,
) -> Result<Desired, Error> {
    if call.subresource_str() == "scale" {
        let scale = patched(call, patch, &scale::before_write(&call.resource, old)?)?;
        let object = scale::into(&call.resource, old, &scale)?;
        return Ok(Desired { object, warnings: Vec::new(), ownership: Ownership::Writer });
    }
    let mut object = patched(call, patch, old)?;
    // What a refusal shows is made anew, so that a patch which is taken keeps no copy.
    let invalid = |why: String| match patched(call, patch, old) {
        Ok(made) => {
            let (path, shown) = (FieldPath::root().child("patch"), Value::from(patch.shown(call, &made)));
            Error::invalid_patch(&FieldError::new(FieldErrorKind::Invalid, path, shown, why))
        }
        Err(error) => error,
    };
    if let Some(why) = check_type(call, patch, &mut object)? {
        return Err(invalid(why));
    }
    let warnings = body::check_fields(call, options, &mut object, duplicates).map_err(|why| match patch {
        Patch::Strategic(patch) if why.starts_with("json: cannot unmarshal") => unconvertible(patch, &why),
        _ => invalid(why),
    })?;
    body::check_place(call, &mut object)?;
    check_uid(call, old, &object)?;
    Ok(Desired { object, warnings, ownership: Ownership::Writer })
}

/// Kind and version are still the resource's, or it is said why what came out cannot be made into that.
fn check_type(call: &Call, patch: &Patch, patched: &mut Value) -> Result<Option<String>, Error> {
    if call.resource.custom.is_some() {
        let same = object::kind(patched) == &*call.resource.kind;
        return if same { Ok(None) } else { body::check_kind(call, patched).map(|()| None) };
    }
    // A strategic merge patch is merged into the fields of a struct, which stays what it is.
    let stays = matches!(patch, Patch::Strategic(_));
    if stays || object::kind(patched).is_empty() {
        patched["kind"] = Value::from(&*call.resource.kind);
    }
    if stays || object::api_version(patched).is_empty() {
        patched["apiVersion"] = Value::from(call.resource.api_version());
    }
    Ok(body::unconvertible(call, object::kind(patched), object::api_version(patched)))
}

/// Upstream converts what a strategic merge patch makes without JSON, and says so in other words.
fn unconvertible(patch: &Value, why: &str) -> Error {
    let wanted = match why.rsplit("of type ").next().unwrap_or_default() {
        "integer" => "int32",
        "boolean" => "bool",
        other => other,
    };
    let path = FieldPath::root().child("patch");
    let shown = Value::from(in_go(patch));
    Error::invalid_patch(&FieldError::new(FieldErrorKind::Invalid, path, shown, format!("unrecognized type: {wanted}")))
}

/// A patch cannot make another object of it.
fn check_uid(call: &Call, old: &Value, new: &Value) -> Result<(), Error> {
    let uid = object::uid(new);
    if uid.is_empty() || uid == object::uid(old) {
        return Ok(());
    }
    let path = FieldPath::root().child("metadata").child("uid");
    let error = FieldError::new(FieldErrorKind::Invalid, path, Value::from(uid), "field is immutable");
    // Upstream finds it in the metadata, and again in the object.
    Err(Error::invalid(&call.resource, call.name_str(), &[error.clone(), error]))
}

fn patched(call: &Call, patch: &Patch, target: &Value) -> Result<Value, Error> {
    let result = match patch {
        Patch::Json(patch) => json_patch(target, patch),
        Patch::Merge(patch) => Ok(merge_patch(target, patch)),
        Patch::Strategic(patch) => match call.resource.schema() {
            Some(schema) => strategic_merge_patch(&schema, target, patch),
            None => Ok(merge_patch(target, patch)),
        },
    };
    result.map_err(|error| match error {
        PatchError::Decode(_) => Error::bad_request(error.to_string()),
        PatchError::Rejected(_) => Error::patch_failed(),
        PatchError::MissingMergeKey { .. } | PatchError::Directive(_) => Error::unclassified(error.to_string()),
    })
}

/// Server-side apply: makes the object if there is none.
async fn apply(call: &Call, bytes: &Bytes) -> Result<Reply, Error> {
    let options = WriteOptions::parse(call, "PatchOptions", true)?;
    let (applied, warnings) = read_applied(call, &options, bytes)?;
    for _ in 0..CREATE_ATTEMPTS {
        let exists = call.server.snapshot().get(&call.object_key(call.name_str())).is_some();
        let result = if exists || call.subresource.is_some() {
            write::change(call, &options, |old| {
                check_uid(call, old, &applied)?;
                let object = apply_to(call, &options, old, &applied)?;
                Ok(Desired { object, warnings: warnings.clone(), ownership: Ownership::Applied })
            })
            .await
        } else {
            create(call, &options, &applied).await.map(|written| written.warned(&warnings))
        };
        match result {
            // Another writer was faster in making or in deleting it.
            Err(error) if is_race(&error, exists, call) => {}
            other => return answer(call, &other?),
        }
    }
    Err(Error::modified(&call.resource, call.name_str()))
}

/// Times an apply starts over because the object came or went meanwhile.
const CREATE_ATTEMPTS: usize = 5;

fn is_race(error: &Error, existed: bool, call: &Call) -> bool {
    let faster = !existed && error.reason == "AlreadyExists";
    faster || (existed && call.subresource.is_none() && *error == call.not_found())
}

/// The configuration in the body, and what its writer is warned of.
fn read_applied(call: &Call, options: &WriteOptions, bytes: &Bytes) -> Result<(Value, Vec<String>), Error> {
    let (mut value, duplicate) = read_yaml(bytes)?;
    let warnings = match (duplicate, options.validation) {
        (Some(why), Validation::Strict) => {
            return Err(Error::bad_request(format!("error strict decoding YAML: {why}")));
        }
        (Some(why), Validation::Warn) => vec![why],
        _ => Vec::new(),
    };
    let is_scale = call.subresource_str() == "scale";
    let (kind, api_version) = (object::kind(&value), object::api_version(&value));
    let expected = if is_scale { "Scale" } else { &*call.resource.kind };
    let wrong_version = !is_scale && api_version != call.resource.api_version();
    if kind != expected || api_version.is_empty() || wrong_version {
        let (group, version) = mainstay_apimachinery::gvk::split_api_version(api_version);
        return Err(Error::bad_request(format!("invalid object type: {group}/{version}, Kind={kind}")));
    }
    if value.pointer("/metadata/managedFields").is_some_and(|fields| *fields != serde_json::json!([])) {
        return Err(Error::bad_request("metadata.managedFields must be nil"));
    }
    // What is empty is applied too: only names are looked at. The namespace comes from the path in the end.
    let placed = object::namespace(&value).is_some();
    if !value["metadata"].is_object() {
        value["metadata"] = Value::Object(serde_json::Map::new());
    }
    body::check_names(call, &mut value)?;
    if !placed {
        object::metadata_mut(&mut value).remove("namespace");
    }
    Ok((value, warnings))
}

/// Reads YAML or JSON; says which key stands twice in one map, if any, in the words of Go's YAML.
fn read_yaml(bytes: &Bytes) -> Result<(Value, Option<String>), Error> {
    const CONVERTING: &str = "error converting YAML to JSON: yaml";
    if let Some(decoded) = json::decode(bytes).ok().filter(|decoded| decoded.duplicates.is_empty()) {
        return Ok((decoded.value, None));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| Error::bad_request(error.to_string()))?;
    let (document, twice) = yaml::parse_one_lenient(text).map_err(|error| {
        let what = error.message.split("; ").next().unwrap_or_default();
        Error::bad_request(format!("error decoding YAML: {CONVERTING}: line {}: {what}", error.line))
    })?;
    let in_words = |error: yaml::YamlError| {
        let key = error.duplicate.unwrap_or_default();
        format!("{CONVERTING}: unmarshal errors:\n  line {}: key {key:?} already set in map", error.line)
    };
    Ok((document.value, twice.map(in_words)))
}

fn apply_to(call: &Call, options: &WriteOptions, old: &Value, applied: &Value) -> Result<Value, Error> {
    if call.subresource_str() != "scale" {
        return managers::apply(call, options, old, applied);
    }
    // The scale's one field is the object's: the applied object has the replicas and nothing else.
    let bare = serde_json::json!({"apiVersion": call.resource.api_version(), "kind": &*call.resource.kind, "metadata": applied["metadata"]});
    let applied = scale::into(&call.resource, &bare, applied)?;
    managers::apply(call, options, old, &applied)
}

async fn create(call: &Call, options: &WriteOptions, applied: &Value) -> Result<Written, Error> {
    if !object::uid(applied).is_empty() {
        let uid = object::uid(applied);
        let why = format!("uid mismatch: the provided object specified uid {uid}, and no existing object was found");
        return Err(Error::conflict(&call.resource, call.name_str(), &why));
    }
    let mut object = managers::apply(call, options, &Value::Null, applied)?;
    body::check_place(call, &mut object)?;
    write::create(call, options, object, Ownership::Applied).await
}
