//! The types of `request` and `namespaceObject`, as `BuildRequestType` and `BuildNamespaceType` of
//! `k8s.io/apiserver/pkg/admission/plugin/cel`.
//! It must not know values.

use std::sync::{Arc, LazyLock};

use mainstay_apimachinery::Schema;
use serde_json::{Value, json};

use crate::check::{CelType, type_of};

/// The schema of `request`.
pub(super) static REQUEST: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let text = || json!({"type": "string"});
    let texts = || json!({"type": "array", "items": {"type": "string"}});
    let named =
        |last: &str| json!({"type": "object", "properties": {"group": text(), "version": text(), last: text()}});
    schema(&json!({"type": "object", "properties": {
        "kind": named("kind"), "resource": named("resource"), "subResource": text(),
        "requestKind": named("kind"), "requestResource": named("resource"), "requestSubResource": text(),
        "name": text(), "namespace": text(), "operation": text(), "dryRun": {"type": "boolean"},
        "userInfo": {"type": "object", "properties": {
            "username": text(), "uid": text(), "groups": texts(),
            "extra": {"type": "object", "additionalProperties": texts()}}},
        // What is marked so may be anything to the type checker.
        "options": {"x-kubernetes-int-or-string": true},
    }}))
});

/// The schema of `namespaceObject`.
pub(super) static NAMESPACE: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let text = || json!({"type": "string"});
    let time = || json!({"type": "string", "format": "date-time"});
    let texts = || json!({"type": "array", "items": {"type": "string"}});
    let map = || json!({"type": "object", "additionalProperties": {"type": "string"}});
    schema(&json!({"type": "object", "properties": {
        "metadata": {"type": "object", "properties": {
            "name": text(), "generateName": text(), "namespace": text(), "labels": map(), "annotations": map(),
            "UID": text(), "creationTimestamp": time(), "deletionGracePeriodSeconds": {"type": "integer"},
            "deletionTimestamp": time(), "generation": {"type": "integer"}, "resourceVersion": text(),
            "finalizers": texts()}},
        "spec": {"type": "object", "properties": {"finalizers": texts()}},
        "status": {"type": "object", "properties": {"phase": text()}},
    }}))
});

/// The schema of an object. It is read as a field of another one, since the metadata at the root of a definition may
/// not be described.
fn schema(openapi: &Value) -> Arc<Schema> {
    let around = json!({"type": "object", "properties": {"object": openapi}});
    let around = Schema::from_openapi(&around).expect("it is a literal; a test reads it");
    around.properties.get("object").cloned().expect("it was put there")
}

/// The type of `request`.
pub(super) fn request() -> CelType {
    plain(&REQUEST)
}

/// The type of `namespaceObject`.
pub(super) fn namespace() -> CelType {
    plain(&NAMESPACE)
}

/// The type of a schema whose fields go by their own names, reserved words or not: `request.namespace`.
fn plain(schema: &Arc<Schema>) -> CelType {
    if schema.properties.is_empty() {
        return type_of(schema, "").unwrap_or(CelType::Dyn);
    }
    let fields = schema.properties.iter().map(|(name, field)| (name.clone(), plain(field)));
    CelType::Fields(Arc::new(fields.collect()))
}
