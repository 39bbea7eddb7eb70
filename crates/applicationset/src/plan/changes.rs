//! What is to be created, changed and deleted, within a set's policy.
//! It must not know how Applications were generated.

use std::collections::{BTreeMap, BTreeSet};

use mainstay_api::argoproj::{self, ApplicationSetSpec};
use mainstay_apimachinery::object;
use serde_json::{Map, Value, json};

/// Annotations that belong to others whatever a set says: upstream's defaults, and those of Mainstay.
const PRESERVED: [&str; 5] = [
    "notified.notifications.argoproj.io",
    argoproj::REFRESH,
    "argocd.argoproj.io/hydrate",
    argoproj::DELETION_APPROVED,
    argoproj::PINNED_REVISION,
];
/// Annotations under these prefixes are Mainstay's own bookkeeping.
const PRESERVED_PREFIX: &str = "mainstay.dev/";

/// What a policy allows, besides creating.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether Applications are changed.
    pub update: bool,
    /// Whether they are deleted.
    pub delete: bool,
}

impl Policy {
    /// The policy of a set; `sync` where it says none.
    #[must_use]
    pub fn of(spec: &ApplicationSetSpec) -> Self {
        match spec.sync_policy.as_ref().map_or("", |policy| policy.applications_sync.as_str()) {
            "create-only" => Self { update: false, delete: false },
            "create-update" => Self { update: true, delete: false },
            "create-delete" => Self { update: false, delete: true },
            _ => Self { update: true, delete: true },
        }
    }
}

/// An Application to be changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// Its name.
    pub name: String,
    /// The merge patch, which insists on the version that was read.
    pub patch: Value,
    /// Whether its `spec` changes.
    pub spec: bool,
}

/// The changes of one round.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Applications to be created.
    pub create: Vec<Value>,
    /// Applications to be changed.
    pub update: Vec<Update>,
    /// Applications to be deleted.
    pub delete: Vec<Value>,
    /// Desired Applications that another controller owns.
    pub foreign: Vec<String>,
}

/// Whether a set controls an Application.
#[must_use]
pub fn is_owned(set: &Value, application: &Value) -> bool {
    object::controller_of(application)
        .is_some_and(|owner| owner.get("uid").and_then(Value::as_str) == Some(object::uid(set)))
}

/// The changes from what is live in the set's namespace to what is desired.
#[must_use]
pub fn plan(set: &Value, spec: &ApplicationSetSpec, desired: &[Value], live: &BTreeMap<String, Value>) -> Changes {
    let policy = Policy::of(spec);
    let mut changes = Changes::default();
    for application in desired {
        let name = object::name(application);
        let Some(live) = live.get(name) else {
            changes.create.push(owned(application.clone(), set));
            continue;
        };
        if object::controller_of(live).is_some() && !is_owned(set, live) {
            changes.foreign.push(name.to_owned());
        } else if policy.update && !object::is_deleting(live) {
            changes.update.extend(update(set, spec, application, live));
        }
    }
    let wanted: BTreeSet<&str> = desired.iter().map(object::name).collect();
    let extra = live.values().filter(|live| is_owned(set, live) && !wanted.contains(object::name(live)));
    changes.delete = extra.filter(|live| policy.delete && !object::is_deleting(live)).cloned().collect();
    changes
}

fn owned(mut application: Value, set: &Value) -> Value {
    let owner = json!({
        "apiVersion": argoproj::API_VERSION, "kind": "ApplicationSet", "name": object::name(set),
        "uid": object::uid(set), "controller": true, "blockOwnerDeletion": true,
    });
    object::metadata_mut(&mut application).insert("ownerReferences".to_owned(), json!([owner]));
    application
}

fn update(set: &Value, spec: &ApplicationSetSpec, desired: &Value, live: &Value) -> Option<Update> {
    let wanted = wanted(set, spec, desired, live);
    let mut patch = difference(live, &wanted)?;
    let changes_spec = patch.get("spec").is_some();
    let version = object::resource_version(live).unwrap_or_default();
    object::metadata_mut(&mut patch).insert("resourceVersion".to_owned(), Value::from(version));
    Some(Update { name: object::name(live).to_owned(), patch, spec: changes_spec })
}

/// The live Application with everything that the set decides as desired.
fn wanted(set: &Value, spec: &ApplicationSetSpec, desired: &Value, live: &Value) -> Value {
    let mut wanted = live.clone();
    wanted["spec"] = desired.get("spec").cloned().unwrap_or_else(|| json!({}));
    let kept = spec.preserved_fields.clone().unwrap_or_default();
    let keeps_annotation = |key: &str| {
        PRESERVED.contains(&key) || key.starts_with(PRESERVED_PREFIX) || kept.annotations.iter().any(|name| name == key)
    };
    let annotations = metadata(object::annotations(desired), object::annotations(live), keeps_annotation);
    let labels =
        metadata(object::labels(desired), object::labels(live), |key| kept.labels.iter().any(|name| name == key));
    let mut finalizers: Vec<&str> = object::finalizers(desired).collect();
    let others = object::finalizers(live).filter(|name| !name.starts_with(argoproj::RESOURCES_FINALIZER));
    for other in others {
        if !finalizers.contains(&other) {
            finalizers.push(other);
        }
    }
    let fields = object::metadata_mut(&mut wanted);
    set_or_remove(fields, "annotations", Value::Object(annotations));
    set_or_remove(fields, "labels", Value::Object(labels));
    set_or_remove(fields, "finalizers", json!(finalizers));
    if !is_owned(set, live) {
        wanted = owned(wanted, set);
    }
    for rule in spec
        .ignore_application_differences
        .iter()
        .filter(|rule| rule.name.is_empty() || rule.name == object::name(live))
    {
        rule.json_pointers.iter().for_each(|pointer| keep(&mut wanted, live, pointer));
    }
    wanted
}

fn metadata(
    desired: &Map<String, Value>,
    live: &Map<String, Value>,
    keeps: impl Fn(&str) -> bool,
) -> Map<String, Value> {
    let mut wanted = desired.clone();
    wanted.extend(live.iter().filter(|(key, _)| keeps(key)).map(|(key, value)| (key.clone(), value.clone())));
    wanted
}

fn set_or_remove(fields: &mut Map<String, Value>, key: &str, value: Value) {
    let empty = value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty);
    if empty { drop(fields.remove(key)) } else { drop(fields.insert(key.to_owned(), value)) }
}

/// Makes the wanted value at a JSON pointer what the live one is, also where that is none.
fn keep(wanted: &mut Value, live: &Value, pointer: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else { return };
    let key = key.replace("~1", "/").replace("~0", "~");
    if let Some(value) = live.pointer(pointer) {
        if wanted.pointer(parent).is_none() {
            keep(wanted, live, parent);
            return;
        }
        match wanted.pointer_mut(parent) {
            Some(Value::Object(map)) => drop(map.insert(key, value.clone())),
            Some(Value::Array(list)) => {
                if let Some(item) = key.parse::<usize>().ok().and_then(|index| list.get_mut(index)) {
                    *item = value.clone();
                }
            }
            _ => {}
        }
    } else if let Some(map) = wanted.pointer_mut(parent).and_then(Value::as_object_mut) {
        map.remove(&key);
    }
}

/// The JSON merge patch that leads from one value to another; `None` if they are equal.
pub(crate) fn difference(old: &Value, new: &Value) -> Option<Value> {
    if old == new {
        return None;
    }
    let (Value::Object(old), Value::Object(new)) = (old, new) else { return Some(new.clone()) };
    let mut patch = Map::new();
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, value) in new {
        match old.get(key) {
            Some(before) => patch.extend(difference(before, value).map(|change| (key.clone(), change))),
            None => drop(patch.insert(key.clone(), value.clone())),
        }
    }
    Some(Value::Object(patch))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> Value {
        json!({"metadata": {"name": "s", "uid": "u"}})
    }

    fn application(name: &str, spec: Value) -> Value {
        json!({"metadata": {"name": name}, "spec": spec})
    }

    fn live(name: &str, spec: Value) -> Value {
        let mut live = owned(application(name, spec), &set());
        live["metadata"]["resourceVersion"] = json!("7");
        live
    }

    fn plan_with(spec: Value, desired: &[Value], live: Vec<Value>) -> Changes {
        let spec: ApplicationSetSpec = serde_json::from_value(spec).unwrap();
        let live = live.into_iter().map(|live| (object::name(&live).to_owned(), live)).collect();
        plan(&set(), &spec, desired, &live)
    }

    #[test]
    fn the_policy_says_what_is_done_besides_creating() {
        for (policy, updates, deletes) in
            [("sync", 1, 1), ("create-only", 0, 0), ("create-update", 1, 0), ("create-delete", 0, 1)]
        {
            let spec = json!({"syncPolicy": {"applicationsSync": policy}});
            let desired = [application("new", json!({})), application("a", json!({"project": "x"}))];
            let changes = plan_with(spec, &desired, vec![live("a", json!({})), live("old", json!({}))]);
            let counts = (changes.create.len(), changes.update.len(), changes.delete.len());
            assert_eq!(counts, (1, updates, deletes), "{policy}");
        }
    }

    #[test]
    fn preserved_and_ignored_fields_stay() {
        let mut there = live("a", json!({"source": {"targetRevision": "v2", "path": "p"}}));
        there["metadata"]["annotations"] = json!({"keep": "1", "drop": "1", (argoproj::REFRESH): "hard"});
        let spec = json!({
            "preservedFields": {"annotations": ["keep"]},
            "ignoreApplicationDifferences": [{"jsonPointers": ["/spec/source/targetRevision", "/spec/info"]}],
        });
        let desired = application("a", json!({"source": {"targetRevision": "v1", "path": "q"}, "info": [1]}));
        let changes = plan_with(spec, &[desired], vec![there]);
        let expected = json!({
            "metadata": {"annotations": {"drop": null}, "resourceVersion": "7"}, "spec": {"source": {"path": "q"}},
        });
        assert_eq!(changes.update, [Update { name: "a".into(), patch: expected, spec: true }]);
    }

    #[test]
    fn what_another_set_owns_is_left_alone() {
        let mut there = live("a", json!({}));
        there["metadata"]["ownerReferences"][0]["uid"] = json!("other");
        let changes = plan_with(json!({}), &[application("a", json!({"project": "x"}))], vec![there]);
        assert_eq!(changes, Changes { foreign: vec!["a".into()], ..Changes::default() });
    }
}
