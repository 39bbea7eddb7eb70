//! The CEL rules of CustomResourceDefinitions; what else they must keep, apimachinery checks.
//! It must not know custom resources.

use mainstay_apimachinery::{FieldError, FieldPath, Schema};
use mainstay_cel::rules::definition;
use serde_json::Value;

/// Everything wrong with the rules of a definition. Rules that stay as they are need not be compiled again.
pub(super) fn check(new: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let versions = versions(new);
    if old.is_some_and(|old| self::versions(old) == versions) {
        return Vec::new();
    }
    let spec = FieldPath::root().child("spec");
    let alike = versions.iter().all(|version| schema(version) == versions.first().and_then(schema));
    // Upstream keeps a schema that all versions share in one place, and reports it there.
    let place = |index| match alike {
        true => spec.child("validation"),
        false => spec.child("versions").index(index).child("schema"),
    };
    let checked = if alike { &versions[..versions.len().min(1)] } else { versions };
    let of_version = |(index, version)| of_schema(schema(version), &place(index).child("openAPIV3Schema"));
    checked.iter().enumerate().flat_map(of_version).collect()
}

fn of_schema(raw: Option<&Value>, path: &FieldPath) -> Vec<FieldError> {
    let structural = raw.and_then(|raw| Schema::from_openapi(raw).ok());
    structural.map(|schema| definition::check(&schema, path)).unwrap_or_default()
}

fn versions(crd: &Value) -> &[Value] {
    crd.pointer("/spec/versions").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn schema(version: &Value) -> Option<&Value> {
    version.pointer("/schema/openAPIV3Schema")
}
