//! The status of a CustomResourceDefinition: accepted names, conditions, stored versions.
//! It must not know storage; the clock's reading is handed in.

use std::collections::BTreeSet;

use mainstay_apimachinery::object;
use serde_json::{Map, Value, json};

use crate::registry::ClusterResources;

/// The finalizer that keeps a definition until its objects are gone.
pub const CLEANUP_FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Whether the Established condition is true.
#[must_use]
pub fn is_established(crd: &Value) -> bool {
    condition(crd, "Established").is_some_and(|found| found["status"] == "True")
}

/// Whether the status says all that follows from the spec: its names are accepted, and it is established.
pub(super) fn is_settled(crd: &Value) -> bool {
    let accepted = condition(crd, "NamesAccepted").is_some_and(|found| found["status"] == "True");
    let wanted = |field: &str| crd.pointer("/spec/names").and_then(|names| names.get(field));
    accepted && is_established(crd) && NAMES.iter().all(|field| wanted(field) == accepted_name(crd, field))
}

const NAMES: [&str; 6] = ["plural", "singular", "shortNames", "kind", "listKind", "categories"];

fn accepted_name<'a>(crd: &'a Value, field: &str) -> Option<&'a Value> {
    crd.pointer("/status/acceptedNames")?.get(field)
}

/// The status of a new definition: nothing is accepted yet, and the objects will be stored in one version.
pub fn begin(crd: &mut Value) {
    crd["status"] = json!({"conditions": null, "acceptedNames": {"plural": "", "kind": ""}});
    crd["status"]["storedVersions"] = stored_versions(crd);
}

/// After a change of the spec, the version that objects are stored in from now on is a stored one.
pub fn keep_stored_versions(crd: &mut Value) {
    if let (true, stored) = (crd["status"].is_object(), stored_versions(crd)) {
        crd["status"]["storedVersions"] = stored;
    }
}

/// Says in the status what becomes of the names in the spec: as upstream's naming and establishing controllers.
/// `known` are the other definitions of the cluster, `now` is RFC 3339.
pub fn complete(crd: &mut Value, known: &ClusterResources, now: &str) {
    let (accepted, conflict) = accept_names(crd, known);
    let established = is_established(crd) || conflict.is_none();
    let names = match conflict {
        None => ("True", "NoConflicts", "no conflicts found".to_owned()),
        Some((reason, message)) => ("False", reason, message),
    };
    set_condition(crd, "NamesAccepted", names, now);
    let establishment = if established {
        ("True", "InitialNamesAccepted", "the initial names have been accepted".to_owned())
    } else {
        ("False", "NotAccepted", "not all names are accepted".to_owned())
    };
    set_condition(crd, "Established", establishment, now);
    status_mut(crd).insert("acceptedNames".to_owned(), accepted);
}

/// Marks a definition whose deletion begins: it stays until its objects are gone.
pub fn begin_deletion(crd: &mut Value, now: &str) {
    object::add_finalizer(crd, CLEANUP_FINALIZER);
    object::metadata_mut(crd).remove("deletionGracePeriodSeconds");
    let message = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon";
    set_terminating(crd, "InstanceDeletionPending", message, now);
}

/// Sets the Terminating condition to one of upstream's reasons.
pub fn set_terminating(crd: &mut Value, reason: &str, message: &str, now: &str) {
    set_condition(crd, "Terminating", ("True", reason, message.to_owned()), now);
}

/// Accepts each name that no other definition of the group has taken; the rest stays as accepted before. Of several
/// conflicts the last is reported, as (reason, message), like upstream.
fn accept_names(crd: &Value, known: &ClusterResources) -> (Value, Option<(&'static str, String)>) {
    let group = crd.pointer("/spec/group").and_then(Value::as_str).unwrap_or_default();
    let others = || known.definitions().filter(|d| *d.group == *group && *d.name != *object::name(crd));
    let taken: BTreeSet<&str> = others().flat_map(|d| d.names.iter().map(String::as_str)).collect();
    let kinds: BTreeSet<&str> = others().flat_map(|d| [&*d.kind, &*d.list_kind]).collect();
    let mut accepted =
        crd.pointer("/status/acceptedNames").cloned().unwrap_or_else(|| json!({"plural": "", "kind": ""}));
    let mut conflict = None;
    let fields = [
        ("plural", "PluralConflict", &taken),
        ("singular", "SingularConflict", &taken),
        ("shortNames", "ShortNamesConflict", &taken),
        ("kind", "KindConflict", &kinds),
        ("listKind", "ListKindConflict", &kinds),
    ];
    for (field, reason, taken) in fields {
        let Some(wanted) = crd.pointer("/spec/names").and_then(|names| names.get(field)) else {
            drop(accepted.as_object_mut().and_then(|accepted| accepted.remove(field)));
            continue;
        };
        let names = wanted.as_array().map_or_else(|| std::slice::from_ref(wanted), Vec::as_slice);
        match names.iter().filter_map(Value::as_str).find(|name| taken.contains(name)) {
            Some(name) => conflict = Some((reason, format!("\"{name}\" is already in use"))),
            None => accepted[field] = wanted.clone(),
        }
    }
    match crd.pointer("/spec/names/categories") {
        Some(categories) => accepted["categories"] = categories.clone(),
        None => drop(accepted.as_object_mut().and_then(|accepted| accepted.remove("categories"))),
    }
    (accepted, conflict)
}

fn stored_versions(crd: &Value) -> Value {
    let mut stored: Vec<Value> =
        crd.pointer("/status/storedVersions").and_then(Value::as_array).cloned().unwrap_or_default();
    let versions = crd.pointer("/spec/versions").and_then(Value::as_array).into_iter().flatten();
    if let Some(version) = versions.into_iter().find(|version| version["storage"] == true)
        && !stored.contains(&version["name"])
    {
        stored.push(version["name"].clone());
    }
    Value::Array(stored)
}

fn condition<'a>(crd: &'a Value, type_: &str) -> Option<&'a Value> {
    crd.pointer("/status/conditions")?.as_array()?.iter().find(|found| found["type"] == type_)
}

fn status_mut(crd: &mut Value) -> &mut Map<String, Value> {
    if !crd["status"].is_object() {
        crd["status"] = json!({});
    }
    crd["status"].as_object_mut().expect("it was just made a map")
}

fn set_condition(crd: &mut Value, type_: &str, (status, reason, message): (&str, &str, String), now: &str) {
    let known = condition(crd, type_);
    let since = known.filter(|found| found["status"] == status).and_then(|found| found["lastTransitionTime"].as_str());
    let new = json!({
        "type": type_, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": since.unwrap_or(now),
    });
    let conditions = status_mut(crd).entry("conditions").or_insert_with(|| json!([]));
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let list = conditions.as_array_mut().expect("it was just made a list");
    match list.iter_mut().find(|found| found["type"] == type_) {
        Some(found) => *found = new,
        None => list.push(new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Registry;

    fn crd(plural: &str, kind: &str) -> Value {
        json!({
            "metadata": {"name": format!("{plural}.ex.io"), "uid": plural},
            "spec": {"group": "ex.io", "names": {"plural": plural, "kind": kind}, "scope": "Namespaced",
                "versions": [{"name": "v1", "served": true, "storage": true}]},
        })
    }

    #[test]
    fn a_definition_is_established_on_its_first_write() {
        let registry = Registry::new();
        let mut foos = crd("foos", "Foo");
        complete(&mut foos, &registry.cluster("dev"), "2026-01-01T00:00:00Z");
        assert!(is_established(&foos) && is_settled(&foos));
        keep_stored_versions(&mut foos);
        assert_eq!(foos["status"]["storedVersions"], json!(["v1"]));
        let mut going = foos.clone();
        begin_deletion(&mut going, "2026-01-01T00:00:00Z");
        assert_eq!(going["metadata"]["finalizers"], json!([CLEANUP_FINALIZER]));
        registry.publish("dev", &foos);
        assert!(registry.resolve("dev", "ex.io", "v1", "foos").is_some());
        assert!(registry.resolve("prod", "ex.io", "v1", "foos").is_none());
    }

    #[test]
    fn a_kind_already_taken_is_refused_in_the_status() {
        let registry = Registry::new();
        let mut foos = crd("foos", "Foo");
        complete(&mut foos, &registry.cluster("dev"), "t");
        registry.publish("dev", &foos);
        let mut others = crd("others", "Foo");
        complete(&mut others, &registry.cluster("dev"), "t");
        assert!(!is_established(&others));
        assert_eq!(others["status"]["conditions"][0]["reason"], "KindConflict");
        assert_eq!(others["status"]["acceptedNames"], json!({"plural": "others", "kind": ""}));
    }

    #[test]
    fn a_fork_does_not_touch_its_parent() {
        let registry = Registry::new();
        let fork = registry.fork();
        let mut foos = crd("foos", "Foo");
        complete(&mut foos, &fork.cluster("dev"), "t");
        fork.publish("dev", &foos);
        assert!(fork.resolve("dev", "ex.io", "v1", "foos").is_some());
        assert!(registry.resolve("dev", "ex.io", "v1", "foos").is_none());
        fork.remove("dev", &foos);
        assert!(fork.resolve("dev", "ex.io", "v1", "foos").is_none());
        fork.reload("dev", [&foos]);
        assert!(fork.resolve("dev", "ex.io", "v1", "foos").is_some());
    }
}
