//! The rules of custom resource definitions. It must not know the rules of their schemas, which [`Schema`] holds.

use serde_json::{Value, json};

use super::{Errors, field, is_empty, list, text};
use crate::{FieldPath, Schema, names, object};

const APPROVED: &str = "api-approved.kubernetes.io";

pub(super) fn check(errors: &mut Errors, new: &Value, old: Option<&Value>) {
    let spec = new.get("spec").unwrap_or(&Value::Null);
    let path = field("spec");
    let group = text(spec, "group");
    let full_name = format!("{}.{group}", spec.pointer("/names/plural").and_then(Value::as_str).unwrap_or_default());
    // On an update the name cannot change, and a change of what it is made of is reported below.
    if old.is_none() && object::name(new) != full_name {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        errors.invalid(field("metadata").child("name"), object::name(new), detail);
    }
    protected_group(errors, new, group);
    if group.is_empty() {
        errors.required(path.child("group"), "");
    } else {
        errors.grammar(&path.child("group"), group, names::check_dns1123_subdomain(group));
    }
    let scope = text(spec, "scope");
    if !matches!(scope, "Cluster" | "Namespaced") {
        errors.not_supported(path.child("scope"), scope, &["Cluster", "Namespaced"]);
    }
    check_names(errors, spec.get("names").unwrap_or(&Value::Null), &path.child("names"));
    storage(errors, spec, &path);
    for (index, version) in list(spec, "versions") {
        check_version(errors, version, &path, index);
    }
    conversion(errors, spec, &path);
    if spec.get("preserveUnknownFields") == Some(&Value::Bool(true)) {
        let detail =
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        errors.invalid(path.child("preserveUnknownFields"), true, detail);
    }
    let Some(old) = old else { return };
    stored_versions_stay(errors, spec, old);
    let Some(old) = old.get("spec") else { return };
    for name in ["group", "scope"] {
        errors.immutable(path.child(name), spec.get(name), old.get(name));
    }
    for name in ["plural", "kind"] {
        let at = |spec: &Value| spec.get("names").and_then(|names| names.get(name)).cloned();
        errors.immutable(path.child("names").child(name), at(spec).as_ref(), at(old).as_ref());
    }
}

/// Groups of Kubernetes itself need an annotation that says who approved them.
fn protected_group(errors: &mut Errors, new: &Value, group: &str) {
    let is_protected = [".k8s.io", ".kubernetes.io"].iter().any(|suffix| group.ends_with(suffix))
        || matches!(group, "k8s.io" | "kubernetes.io");
    if is_protected && object::annotation(new, APPROVED).is_none_or(str::is_empty) {
        let detail = format!(
            "protected groups must have approval annotation \"{APPROVED}\", see \
             https://github.com/kubernetes/enhancements/pull/1111"
        );
        errors.required(field("metadata").child("annotations").key(APPROVED), &detail);
    }
}

fn check_names(errors: &mut Errors, found: &Value, path: &FieldPath) {
    const MIXED: &str = "may have mixed case, but should otherwise match: ";
    for name in ["plural", "singular"] {
        let value = text(found, name);
        if !value.is_empty() || name == "plural" {
            errors.grammar(&path.child(name), value, names::check_dns1035_label(value));
        }
    }
    for name in ["kind", "listKind"] {
        let value = text(found, name);
        for message in names::check_dns1035_label(&value.to_lowercase()) {
            errors.invalid(path.child(name), value, format!("{MIXED}{message}"));
        }
    }
    for (name, values) in [("shortNames", list(found, "shortNames")), ("categories", list(found, "categories"))] {
        for (index, value) in values {
            let value = value.as_str().unwrap_or_default();
            errors.grammar(&path.child(name).index(index), value, names::check_dns1035_label(value));
        }
    }
    if text(found, "kind") == text(found, "listKind") && !text(found, "kind").is_empty() {
        errors.invalid(path.child("listKind"), text(found, "listKind"), "kind and listKind may not be the same");
    }
}

fn storage(errors: &mut Errors, spec: &Value, path: &FieldPath) {
    let versions: Vec<&Value> = list(spec, "versions").map(|(_, version)| version).collect();
    let is_stored = |version: &&&Value| version.get("storage") == Some(&Value::Bool(true));
    if versions.iter().filter(is_stored).count() != 1 {
        let shown: Vec<Value> = versions.iter().map(|version| shown(version)).collect();
        errors.invalid(path.child("versions"), shown, "must have exactly one version marked as storage version");
        stored_versions(errors, &versions);
    }
    let mut seen = std::collections::BTreeSet::new();
    for (index, version) in versions.iter().enumerate() {
        let name = text(version, "name");
        let at = path.child("versions").index(index).child("name");
        errors.grammar(&at, name, names::check_dns1035_label(name));
        if !seen.insert(name) {
            errors.duplicate(at, name);
        }
    }
}

/// What follows for the status that the server would write: the first storage version is the stored one.
fn stored_versions(errors: &mut Errors, versions: &[&Value]) {
    let stored = versions.iter().filter(|version| version.get("storage") == Some(&Value::Bool(true)));
    let stored: Vec<&str> = stored.map(|version| text(version, "name")).collect();
    let at = field("status").child("storedVersions");
    match (stored.first(), stored.last()) {
        (Some(first), Some(last)) => {
            errors.invalid(at, json!([first]), format!("must have the storage version {last}"))
        }
        _ => errors.invalid(at, Value::Null, "must have at least one stored version"),
    }
}

/// Versions that objects may still be stored in must stay.
fn stored_versions_stay(errors: &mut Errors, spec: &Value, old: &Value) {
    let found = old.get("status").unwrap_or(&Value::Null);
    for (index, stored) in list(found, "storedVersions") {
        let name = stored.as_str().unwrap_or_default();
        if !list(spec, "versions").any(|(_, version)| text(version, "name") == name) {
            let detail = format!(
                "missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions \
                 until a storage migration ensures no data remains persisted in {name} and removes {name} from \
                 status.storedVersions"
            );
            errors.invalid(field("status").child("storedVersions").index(index), name, detail);
        }
    }
}

/// A version as upstream shows it: its Go struct, printed.
fn shown(version: &Value) -> Value {
    let flag = |name: &str| version.get(name).and_then(Value::as_bool).unwrap_or(false);
    json!({
        "Name": text(version, "name"), "Served": flag("served"), "Storage": flag("storage"),
        "Deprecated": flag("deprecated"), "DeprecationWarning": version.get("deprecationWarning"), "Schema": null,
        "Subresources": null, "AdditionalPrinterColumns": null, "SelectableFields": null
    })
}

fn check_version(errors: &mut Errors, version: &Value, path: &FieldPath, index: usize) {
    match version.pointer("/schema/openAPIV3Schema") {
        None => {
            let at = path.child("versions").index(index).child("schema").child("openAPIV3Schema");
            errors.required(at, "");
        }
        // Upstream's internal type has the schema in one place, and reports it there.
        Some(schema) => {
            let at = path.child("validation").child("openAPIV3Schema");
            errors.extend(Schema::from_openapi_at(schema, &at).err().unwrap_or_default());
        }
    }
    for (index, column) in list(version, "additionalPrinterColumns") {
        printer_column(errors, column, &path.child("additionalPrinterColumns").index(index));
    }
    if let Some(scale) = version.pointer("/subresources/scale") {
        let at = path.child("subresources").child("scale");
        json_path(errors, text(scale, "specReplicasPath"), &at.child("specReplicasPath"), ".spec");
        json_path(errors, text(scale, "statusReplicasPath"), &at.child("statusReplicasPath"), ".status");
    }
}

fn json_path(errors: &mut Errors, value: &str, path: &FieldPath, root: &str) {
    if value.is_empty() {
        errors.required(path.clone(), "");
    } else if !value.starts_with(&format!("{root}.")) {
        errors.invalid(path.clone(), value, format!("should be a json path under {root}"));
    }
}

fn printer_column(errors: &mut Errors, column: &Value, path: &FieldPath) {
    const TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
    if text(column, "name").is_empty() {
        errors.required(path.child("name"), "");
    }
    match text(column, "type") {
        "" => errors.required(path.child("type"), &format!("must be one of {}", TYPES.join(","))),
        type_ if !TYPES.contains(&type_) => {
            errors.invalid(path.child("type"), type_, format!("must be one of {}", TYPES.join(",")));
        }
        _ => {}
    }
    match text(column, "jsonPath") {
        "" => errors.required(path.child("JSONPath"), ""),
        place if !place.starts_with('.') => {
            errors.invalid(path.child("JSONPath"), place, "must be a simple json path starting with .");
        }
        _ => {}
    }
}

fn conversion(errors: &mut Errors, spec: &Value, path: &FieldPath) {
    let at = path.child("conversion");
    let Some(conversion) = spec.get("conversion").filter(|conversion| text(conversion, "strategy") == "Webhook") else {
        return;
    };
    if conversion.pointer("/webhook/clientConfig").is_none() {
        errors.required(at.child("webhookClientConfig"), "required when strategy is set to Webhook");
    }
    if is_empty(conversion.pointer("/webhook/conversionReviewVersions")) {
        errors.required(at.child("conversionReviewVersions"), "");
    }
}
