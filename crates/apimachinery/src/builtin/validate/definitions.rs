//! The rules of custom resource definitions. It must not know the rules of their schemas, which [`Schema`] holds.

use serde_json::{Value, json};

use super::{Errors, field, is_empty, list, text};
use crate::schema::Type;
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
        check_version(errors, spec, version, (&path, index));
    }
    conversion(errors, spec, &path);
    if spec.get("preserveUnknownFields") == Some(&Value::Bool(true)) {
        let detail =
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        errors.invalid(path.child("preserveUnknownFields"), true, detail);
    }
    stored_versions(errors, new, spec);
    let Some(old) = old.and_then(|old| old.get("spec")) else { return };
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
        let detail = "must have exactly one version marked as storage version";
        errors.invalid_shown_as(path.child("versions"), &shown(&versions), detail);
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

/// As `ValidateCustomResourceDefinitionStoredVersions`: the storage version is a stored one, and versions that objects
/// may still be stored in stay.
fn stored_versions(errors: &mut Errors, crd: &Value, spec: &Value) {
    let Some(status) = crd.get("status").filter(|status| status.is_object()) else { return };
    let at = field("status").child("storedVersions");
    let stored: Vec<&str> = list(status, "storedVersions").filter_map(|(_, name)| name.as_str()).collect();
    if stored.is_empty() {
        return errors.invalid(at, Value::Null, "must have at least one stored version");
    }
    let is_stored = |version: &Value| version.get("storage") == Some(&Value::Bool(true));
    for (_, version) in list(spec, "versions").filter(|(_, version)| is_stored(version)) {
        let name = text(version, "name");
        if !stored.contains(&name) {
            errors.invalid(at.clone(), json!(stored), format!("must have the storage version {name}"));
        }
    }
    for (index, name) in stored.iter().enumerate() {
        if !list(spec, "versions").any(|(_, version)| text(version, "name") == *name) {
            let detail = format!(
                "missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions \
                 until a storage migration ensures no data remains persisted in {name} and removes {name} from \
                 status.storedVersions"
            );
            errors.invalid(at.index(index), *name, detail);
        }
    }
}

/// Versions as upstream shows them: Go structs, printed field by field.
fn shown(versions: &[&Value]) -> String {
    let version = |version: &&Value| {
        let flag = |name: &str| version.get(name).and_then(Value::as_bool).unwrap_or(false);
        format!(
            "{{\"Name\":{},\"Served\":{},\"Storage\":{},\"Deprecated\":{},\"DeprecationWarning\":{},\"Schema\":null,\
             \"Subresources\":null,\"AdditionalPrinterColumns\":null,\"SelectableFields\":null}}",
            json!(text(version, "name")),
            flag("served"),
            flag("storage"),
            flag("deprecated"),
            version.get("deprecationWarning").unwrap_or(&Value::Null),
        )
    };
    format!("[{}]", versions.iter().map(version).collect::<Vec<_>>().join(","))
}

/// Where upstream reports what is wrong with a part of a version: its internal type has what all versions share in one
/// place.
fn place(spec: &Value, path: &FieldPath, index: usize, (part, shared): (&str, &str)) -> FieldPath {
    let mut parts = list(spec, "versions").map(|(_, version)| version.get(part));
    let first = parts.next().flatten();
    match parts.all(|other| other == first) {
        true => path.child(shared),
        false => path.child("versions").index(index).child(part),
    }
}

fn check_version(errors: &mut Errors, spec: &Value, version: &Value, (path, index): (&FieldPath, usize)) {
    let at = |part, shared| place(spec, path, index, (part, shared));
    // What all versions share is said once.
    let own = |at: &FieldPath| index == 0 || at.as_str().starts_with(path.child("versions").as_str());
    let schema = version.pointer("/schema/openAPIV3Schema");
    let schema_path = at("schema", "validation").child("openAPIV3Schema");
    let structural = match schema {
        None => {
            let at = path.child("versions").index(index).child("schema").child("openAPIV3Schema");
            errors.required(at, "");
            None
        }
        Some(schema) => {
            let read = Schema::from_openapi_at(schema, &schema_path);
            let (schema, wrong) = read.map_or_else(|wrong| (None, wrong), |schema| (Some(schema), Vec::new()));
            errors.extend(if own(&schema_path) { wrong } else { Vec::new() });
            schema
        }
    };
    let columns = at("additionalPrinterColumns", "additionalPrinterColumns");
    for (index, column) in list(version, "additionalPrinterColumns").filter(|_| own(&columns)) {
        printer_column(errors, column, &columns.index(index));
    }
    let subresources = at("subresources", "subresources");
    if let Some(scale) = version.pointer("/subresources/scale").filter(|_| own(&subresources)) {
        check_scale(errors, scale, &subresources.child("scale"));
    }
    let selectable = at("selectableFields", "selectableFields");
    if let Some(schema) = structural.filter(|_| own(&selectable)) {
        selectable_fields(errors, version, &schema, &selectable);
    }
}

fn check_scale(errors: &mut Errors, scale: &Value, at: &FieldPath) {
    json_path(errors, text(scale, "specReplicasPath"), &at.child("specReplicasPath"), ".spec");
    json_path(errors, text(scale, "statusReplicasPath"), &at.child("statusReplicasPath"), ".status");
    let selector = text(scale, "labelSelectorPath");
    if !selector.is_empty() && !selector.starts_with(".spec.") && !selector.starts_with(".status.") {
        let detail = "should be a json path under either .status or .spec";
        errors.invalid(at.child("labelSelectorPath"), selector, detail);
    }
}

/// As `ValidateCustomResourceSelectableFields`.
fn selectable_fields(errors: &mut Errors, version: &Value, schema: &Schema, path: &FieldPath) {
    /// Upstream's `MaxSelectableFields`.
    const MOST: usize = 8;
    let mut seen = std::collections::BTreeSet::new();
    for (index, field) in list(version, "selectableFields") {
        let (at, given) = (path.index(index), text(field, "jsonPath"));
        if given.is_empty() {
            errors.required(at.child("jsonPath"), "");
            continue;
        }
        let Some(found) = schema_at(schema, given) else {
            let detail = "is an invalid path: does not refer to a valid field";
            errors.invalid(at.child("jsonPath"), given, detail);
            continue;
        };
        if given.starts_with(".metadata") {
            errors.invalid(at.clone(), given, "must not point to fields in metadata");
        }
        if !matches!(found.type_, Some(Type::String | Type::Boolean | Type::Integer)) {
            let detail = "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.";
            errors.invalid(at.clone(), given, detail);
        }
        if !seen.insert(given) {
            errors.duplicate(at, given);
        }
    }
    errors.too_many(path.clone(), seen.len(), MOST);
}

/// The schema of a field by a path such as `.spec.color`.
fn schema_at<'s>(schema: &'s Schema, path: &str) -> Option<&'s Schema> {
    let mut names = path.strip_prefix('.')?.split('.');
    names.try_fold(schema, |schema, name| schema.properties.get(name).map(|found| &**found))
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
