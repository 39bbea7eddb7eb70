//! The rules of `ConfigMap` and `Secret`. It must not know other kinds.

use base64::Engine;
use serde_json::Value;

use super::{Errors, field, is_empty, text};
use crate::{FieldPath, names};

/// Most bytes in the values of a secret or config map together.
const DATA_MAX: usize = 1024 * 1024;

/// Keys that secrets of a well-known type must have.
const SECRET_KEYS: [(&str, &[&str]); 5] = [
    ("kubernetes.io/tls", &["tls.crt", "tls.key"]),
    ("kubernetes.io/dockerconfigjson", &[".dockerconfigjson"]),
    ("kubernetes.io/dockercfg", &[".dockercfg"]),
    ("kubernetes.io/ssh-auth", &["ssh-privatekey"]),
    ("bootstrap.kubernetes.io/token", &["token-id"]),
];

pub(super) fn config_map(errors: &mut Errors, new: &Value, old: Option<&Value>) {
    let binary = new.get("binaryData").and_then(Value::as_object);
    let mut bytes = 0;
    for (key, value) in entries(new, "data") {
        keys(errors, &field("data"), key);
        if binary.is_some_and(|binary| binary.contains_key(key)) {
            errors.invalid(field("data").key(key), key.as_str(), "duplicate of key present in binaryData");
        }
        bytes += value.as_str().map_or(0, str::len);
    }
    for (key, value) in entries(new, "binaryData") {
        keys(errors, &field("binaryData"), key);
        bytes += decoded_len(value);
    }
    if bytes > DATA_MAX {
        errors.too_long(FieldPath::root(), DATA_MAX);
    }
    frozen(errors, new, old, &["data", "binaryData"]);
}

pub(super) fn secret(errors: &mut Errors, new: &Value, old: Option<&Value>) {
    let mut bytes = 0;
    for (key, value) in entries(new, "data") {
        keys(errors, &field("data"), key);
        bytes += decoded_len(value);
    }
    if bytes > DATA_MAX {
        errors.too_long(field("data"), DATA_MAX);
    }
    let type_ = text(new, "type");
    let needed = SECRET_KEYS.iter().filter(|(name, _)| *name == type_).flat_map(|(_, keys)| *keys);
    for key in needed.filter(|key| new.get("data").and_then(|data| data.get(**key)).is_none()) {
        errors.required(field("data").key(key), "");
    }
    type_rules(errors, new, type_);
    if let Some(old) = old {
        errors.immutable(field("type"), new.get("type"), old.get("type"));
    }
    frozen(errors, new, old, &["data"]);
}

/// What secrets of some types must have beside their keys.
fn type_rules(errors: &mut Errors, new: &Value, type_: &str) {
    let has = |key: &str| new.get("data").is_some_and(|data| data.get(key).is_some());
    match type_ {
        "kubernetes.io/basic-auth" if !has("username") && !has("password") => {
            errors.required(field("data").key("username"), "");
            errors.required(field("data").key("password"), "");
        }
        "kubernetes.io/service-account-token" => {
            const ACCOUNT: &str = "kubernetes.io/service-account.name";
            if crate::object::annotations(new).get(ACCOUNT).is_none_or(|name| name == "") {
                errors.required(field("metadata").child("annotations").key(ACCOUNT), "");
            }
        }
        "kubernetes.io/dockerconfigjson" => docker_config(errors, new, ".dockerconfigjson"),
        "kubernetes.io/dockercfg" => docker_config(errors, new, ".dockercfg"),
        _ => {}
    }
}

/// A registry's credentials are JSON; what they are is not shown.
fn docker_config(errors: &mut Errors, new: &Value, key: &str) {
    let Some(encoded) = new.get("data").and_then(|data| data.get(key)).and_then(Value::as_str) else { return };
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap_or_default();
    if let Some(why) = crate::json::syntax_error(&bytes) {
        errors.invalid(field("data").key(key), "<secret contents redacted>", why);
    }
}

fn entries<'a>(object: &'a Value, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    object.get(name).and_then(Value::as_object).into_iter().flatten()
}

fn keys(errors: &mut Errors, path: &FieldPath, key: &str) {
    errors.grammar(&path.key(key), key, names::check_config_key(key));
}

/// Bytes that a base64 text stands for.
fn decoded_len(value: &Value) -> usize {
    let text = value.as_str().unwrap_or_default().trim_end_matches('=');
    text.len() * 3 / 4
}

/// With `immutable: true` neither the data nor the flag itself may change.
fn frozen(errors: &mut Errors, new: &Value, old: Option<&Value>, fields: &[&str]) {
    const DETAIL: &str = "field is immutable when `immutable` is set";
    let Some(old) = old.filter(|old| old.get("immutable") == Some(&Value::Bool(true))) else { return };
    if new.get("immutable") != Some(&Value::Bool(true)) {
        errors.forbidden(field("immutable"), DETAIL);
    }
    for name in fields {
        let (new, old) = (new.get(*name), old.get(*name));
        if new != old && !(is_empty(new) && is_empty(old)) {
            errors.forbidden(field(name), DETAIL);
        }
    }
}
