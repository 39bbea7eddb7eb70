//! The rules of `metadata`, as `apimachinery/pkg/api/validation`. It must not know specs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Errors, field, list, text};
use crate::{FieldPath, GroupVersionKind, names, object};

/// Fields that stay as they were made.
const IMMUTABLE: [&str; 5] = ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp"];

/// Finalizers without a prefix that are known.
const STANDARD_FINALIZERS: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];

pub(super) fn check(errors: &mut Errors, gvk: &GroupVersionKind, new: &Value, old: Option<&Value>) {
    check_with(errors, new, old, name_rule(gvk));
    // Definitions are checked by upstream's apiextensions, which asks for qualified names only.
    if super::super::schema(gvk).is_some() && gvk.group != "apiextensions.k8s.io" {
        known_finalizers(errors, new);
    }
    // Where nothing is wrong, there is nothing to find again.
    if old.is_some() && !errors.is_empty() {
        (1..times(gvk)).for_each(|_| changeable(errors, new));
    }
}

/// How often upstream finds what is wrong with the labels of an update: twice for all kinds together, then with the
/// rules of the kind, of which some hold the whole object against the rules of a new one too.
fn times(gvk: &GroupVersionKind) -> usize {
    const WHOLE: [&str; 7] =
        ["ConfigMap", "Node", "PersistentVolumeClaim", "Pod", "Secret", "Service", "ServiceAccount"];
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", kind) if WHOLE.contains(&kind) => 4,
        ("rbac.authorization.k8s.io", _) => 4,
        ("policy", "PodDisruptionBudget") => 2,
        _ => 3,
    }
}

/// What an update of the metadata may change.
fn changeable(errors: &mut Errors, new: &Value) {
    let path = field("metadata");
    labels(errors, object::labels(new), &path.child("labels"));
    annotations(errors, new, &path.child("annotations"));
    owners(errors, new, &path.child("ownerReferences"));
}

/// Built-in kinds take only finalizers that Kubernetes knows or that carry a prefix; custom resources, such as Argo
/// CD's, may have older ones.
fn known_finalizers(errors: &mut Errors, new: &Value) {
    let path = field("metadata").child("finalizers");
    for (index, finalizer) in object::finalizers(new).enumerate() {
        if !finalizer.contains('/') && !STANDARD_FINALIZERS.contains(&finalizer) {
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            errors.invalid(path.index(index), finalizer, detail);
        }
    }
}

pub(super) fn check_with(errors: &mut Errors, new: &Value, old: Option<&Value>, rule: fn(&str) -> Vec<String>) {
    let path = field("metadata");
    let metadata = new.get("metadata").unwrap_or(&Value::Null);
    check_name(errors, metadata, &path, rule);
    changeable(errors, new);
    for (index, finalizer) in object::finalizers(new).enumerate() {
        errors.grammar(&path.child("finalizers").index(index), finalizer, names::check_qualified_name(finalizer));
    }
    let Some(old) = old.and_then(|old| old.get("metadata")) else { return };
    for name in IMMUTABLE.iter().filter(|name| metadata.get(**name).is_some() && old.get(**name).is_some()) {
        errors.immutable(path.child(name), metadata.get(*name), old.get(*name));
    }
}

fn name_rule(gvk: &GroupVersionKind) -> fn(&str) -> Vec<String> {
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "Namespace" | "Service") => names::check_dns1123_label,
        ("rbac.authorization.k8s.io", _) => names::check_path_segment,
        // Their names are held against their specs.
        ("apiextensions.k8s.io" | "apiregistration.k8s.io", _) => |_| Vec::new(),
        _ => names::check_dns1123_subdomain,
    }
}

fn check_name(errors: &mut Errors, metadata: &Value, path: &FieldPath, rule: fn(&str) -> Vec<String>) {
    let (name, prefix) = (text(metadata, "name"), text(metadata, "generateName"));
    if !prefix.is_empty() {
        // What is made of it ends in letters and digits, so a trailing dash is fine.
        errors.grammar(&path.child("generateName"), prefix, rule(prefix.trim_end_matches('-')));
    }
    if name.is_empty() && prefix.is_empty() {
        errors.required(path.child("name"), "name or generateName is required");
    } else if !name.is_empty() {
        errors.grammar(&path.child("name"), name, rule(name));
    }
}

/// Keys and values of a map of labels; both are reported at the map, as upstream does.
pub(super) fn labels(errors: &mut Errors, labels: &super::Object, path: &FieldPath) {
    for (key, value) in labels {
        errors.grammar(path, key, names::check_qualified_name(key));
        let value = value.as_str().unwrap_or_default();
        errors.grammar(path, value, names::check_label_value(value));
    }
}

fn annotations(errors: &mut Errors, new: &Value, path: &FieldPath) {
    let annotations = object::annotations(new);
    let mut bytes = 0;
    for (key, value) in annotations {
        errors.grammar(path, key, names::check_qualified_name(&key.to_lowercase()));
        bytes += key.len() + value.as_str().map_or(0, str::len);
    }
    if bytes > names::ANNOTATIONS_MAX {
        errors.too_long(path.clone(), names::ANNOTATIONS_MAX);
    }
}

fn owners(errors: &mut Errors, new: &Value, path: &FieldPath) {
    let mut controllers: BTreeMap<&str, ()> = BTreeMap::new();
    for (_, owner) in new.get("metadata").into_iter().flat_map(|metadata| list(metadata, "ownerReferences")) {
        for name in ["apiVersion", "kind", "name", "uid"].iter().filter(|name| text(owner, name).is_empty()) {
            errors.invalid(
                path.child(name),
                "",
                if *name == "apiVersion" { "version must not be empty" } else { "must not be empty" },
            );
        }
        if owner.get("controller") == Some(&Value::Bool(true)) {
            controllers.insert(text(owner, "uid"), ());
        }
    }
    if controllers.len() > 1 {
        let found = new["metadata"]["ownerReferences"].clone();
        let detail = "Only one reference can have Controller set to true";
        errors.invalid(path.clone(), found, detail);
    }
}
