//! Compares desired with live: what is in sync, what is not, what is left over. As Argo CD's `CompareAppState`, with
//! server-side dry-run as the only way to tell a difference.
//! It must not know how live objects or predictions are got.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use mainstay_api::argoproj::{self, IgnoreDifferences};
use mainstay_apimachinery::managed_fields::{self, Operation};
use mainstay_apimachinery::object;
use mainstay_telemetry::thread;
use serde_json::Value;

use super::glob;
use super::hook;
use super::jq::{self, Jq};
use super::key::Key;
use super::target::{Target, hash};
use super::tracking::Owner;

/// Whether live is as desired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sync {
    /// It is.
    #[default]
    Synced,
    /// It is not.
    OutOfSync,
    /// It cannot be told.
    Unknown,
}

impl Sync {
    /// The name upstream uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Synced => "Synced",
            Self::OutOfSync => "OutOfSync",
            Self::Unknown => "Unknown",
        }
    }
}

impl fmt::Display for Sync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Live objects of one application by key: those with its tracking id, and those its source names.
pub type Live = BTreeMap<Key, Value>;

/// What the API server would make of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prediction {
    /// Applying it would change nothing that counts.
    Same,
    /// Applying it would change something.
    Differs,
    /// It cannot be told: the server refused it, or does not serve the kind.
    Unknown,
}

/// One resource compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its key.
    pub key: Key,
    /// Version: of the target, or else of the live object.
    pub version: String,
    /// Whether live is as desired.
    pub sync: Sync,
    /// Whether it is in the source.
    pub desired: bool,
    /// Whether it is live.
    pub live: bool,
    /// Sync wave.
    pub wave: i64,
    /// Whether it counts for the application's own sync status.
    pub counts: bool,
    /// Whether it is the object of a hook, which is neither in sync nor out of it.
    pub hook: bool,
}

impl Resource {
    /// Whether it is live but no longer in the source.
    #[must_use]
    pub fn requires_pruning(&self) -> bool {
        self.live && !self.desired && !self.hook
    }
}

/// An application compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Of the whole.
    pub sync: Sync,
    /// Of each resource, by key.
    pub resources: Vec<Resource>,
}

/// Pairs and judges. A pair whose prediction is missing is unknown; `gaps` tells that the source is not known in full.
#[must_use]
pub fn compare(
    owner: &Owner,
    targets: &BTreeMap<Key, Target>,
    live: &Live,
    predictions: &BTreeMap<Key, Prediction>,
    gaps: bool,
) -> Comparison {
    let keys: BTreeSet<&Key> = targets.keys().chain(live.keys()).collect();
    let resources: Vec<Resource> = keys
        .into_iter()
        .filter_map(|key| judge(owner, key, (targets.get(key), live.get(key)), predictions.get(key).copied()))
        .collect();
    let out = resources.iter().any(|resource| resource.counts && resource.sync == Sync::OutOfSync);
    let unknown = gaps || resources.iter().any(|resource| resource.counts && resource.sync == Sync::Unknown);
    let sync = match (out, unknown) {
        (true, _) => Sync::OutOfSync,
        (false, true) => Sync::Unknown,
        (false, false) => Sync::Synced,
    };
    Comparison { sync, resources }
}

fn judge(
    owner: &Owner,
    key: &Key,
    (target, live): (Option<&Target>, Option<&Value>),
    prediction: Option<Prediction>,
) -> Option<Resource> {
    let extraneous = target.is_none();
    if extraneous && live.is_none_or(|live| !owner.owns(live)) {
        return None;
    }
    let hook = extraneous && live.is_some_and(hook::is_hook);
    let sync = match (target, live) {
        _ if hook => Sync::Synced,
        (Some(target), _) if target.blocked => Sync::Unknown,
        (Some(_), Some(_)) => match prediction {
            Some(Prediction::Same) => Sync::Synced,
            Some(Prediction::Differs) => Sync::OutOfSync,
            Some(Prediction::Unknown) | None => Sync::Unknown,
        },
        _ => Sync::OutOfSync,
    };
    let ignored = extraneous && live.is_some_and(ignores_extraneous);
    let version = target.map(|target| target.version.clone()).or_else(|| live.map(version_of)).unwrap_or_default();
    let wave = target.map(|target| target.wave).or_else(|| live.map(super::target::wave)).unwrap_or(0);
    Some(Resource {
        key: key.clone(),
        version,
        sync,
        desired: !extraneous,
        live: live.is_some(),
        wave,
        counts: !ignored && !hook,
        hook,
    })
}

fn ignores_extraneous(live: &Value) -> bool {
    let options = object::annotation(live, argoproj::COMPARE_OPTIONS).unwrap_or_default();
    options.split(',').any(|option| option.trim() == "IgnoreExtraneous")
}

fn version_of(live: &Value) -> String {
    mainstay_apimachinery::gvk::split_api_version(object::api_version(live)).1.to_owned()
}

/// Whether what the server predicts differs from what is live, in fields that count.
#[must_use]
pub fn differs(predicted: &Value, live: &Value, ignored: &Ignored) -> bool {
    let without = |object: &Value| comparable(object, &ignored.pointers_in(object, live));
    without(predicted) != without(live)
}

/// A number that stays the same while nothing that counts changes in a live object: a write of its status alone does
/// not ask for a new comparison.
#[must_use]
pub fn fingerprint(live: &Value, ignored: &Ignored) -> u64 {
    hash(&comparable(live, &ignored.pointers_in(live, live)))
}

/// An object without what does not count: what the server keeps, the status, the causal thread, ignored fields.
fn comparable(value: &Value, ignored: &[String]) -> Value {
    let Some(map) = value.as_object() else { return value.clone() };
    let without_status = map.iter().filter(|(field, _)| *field != "status");
    let mut value = Value::Object(without_status.map(|(field, value)| (field.clone(), value.clone())).collect());
    let metadata = object::metadata_mut(&mut value);
    for field in ["managedFields", "resourceVersion", "generation", "creationTimestamp", "selfLink"] {
        metadata.remove(field);
    }
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove(thread::ANNOTATION);
        annotations.remove(argoproj::REFRESH);
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    // From the last to the first, so that items of a list keep their place until it is their turn.
    for pointer in ignored.iter().rev() {
        remove_pointer(&mut value, pointer);
    }
    value
}

/// What an application ignores in a resource.
#[derive(Clone, Debug, Default)]
pub struct Ignored {
    pointers: Vec<String>,
    expressions: Vec<Arc<Jq>>,
    managers: Vec<String>,
    /// Of everything that rules say: another answer is due once it is another.
    digest: u64,
}

impl Ignored {
    /// A number that differs where something else is ignored.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// Whether it depends on who owns fields of the live object, which informers do not keep.
    #[must_use]
    pub fn needs_owners(&self) -> bool {
        !self.managers.is_empty()
    }

    /// What some rules ignore in a resource. Expressions that cannot be used are said elsewhere.
    #[must_use]
    pub fn of(rules: &[IgnoreDifferences], key: &Key) -> Self {
        let chosen = rules.iter().filter(|rule| {
            glob::matches(&rule.group, &key.group)
                && glob::matches(&rule.kind, &key.kind)
                && (rule.name.is_empty() || rule.name == key.name)
                && (rule.namespace.is_empty() || rule.namespace == key.namespace)
        });
        let (mut ignored, mut hasher) = (Self::default(), DefaultHasher::new());
        for rule in chosen {
            (&rule.json_pointers, &rule.jq_path_expressions, &rule.managed_fields_managers).hash(&mut hasher);
            ignored.pointers.extend(rule.json_pointers.iter().cloned());
            ignored.expressions.extend(rule.jq_path_expressions.iter().filter_map(|text| jq::compiled(text).ok()));
            ignored.managers.extend(rule.managed_fields_managers.iter().cloned());
        }
        ignored.digest = hasher.finish();
        ignored
    }

    /// JSON pointers of what is ignored in an object; `live` tells who owns what.
    fn pointers_in(&self, object: &Value, live: &Value) -> Vec<String> {
        let mut pointers = self.pointers.clone();
        pointers.extend(self.expressions.iter().flat_map(|expression| expression.pointers(object)));
        for manager in &self.managers {
            let owned = |operation| managed_fields::owned_by(live, manager, operation);
            let owned = owned(Operation::Apply).union(&owned(Operation::Update));
            pointers.extend(managed_fields::pointers(&owned, object));
        }
        pointers
    }
}

/// Keeps what is live in fields whose differences are ignored, so that an apply changes nothing in them. An item that
/// stands elsewhere in a live list is left out: then the one that is there stays.
pub fn keep_ignored(desired: &mut Value, live: &Value, ignored: &Ignored) {
    let chosen = ignored.pointers_in(live, live);
    for pointer in ignored.pointers_in(desired, live).iter().rev() {
        let kept = live.pointer(pointer).filter(|_| chosen.contains(pointer));
        match (desired.pointer_mut(pointer), kept) {
            (Some(field), Some(live)) => field.clone_from(live),
            (Some(_), None) => remove_pointer(desired, pointer),
            (None, _) => {}
        }
    }
}

/// Targets that are live under another application's tracking id, with that application: the two undo each other's
/// work.
pub fn shared<'a>(
    owner: &'a Owner,
    targets: &'a BTreeMap<Key, Target>,
    live: &'a Live,
) -> impl Iterator<Item = (&'a Target, &'a str)> {
    let desired = targets.values().filter_map(|target| Some((target, live.get(&target.key)?)));
    desired.filter_map(move |(target, live)| Some((target, owner.other(live)?)))
}

fn remove_pointer(value: &mut Value, pointer: &str) {
    let Some((parent, last)) = pointer.rsplit_once('/') else { return };
    let last = last.replace("~1", "/").replace("~0", "~");
    match value.pointer_mut(parent) {
        Some(Value::Object(map)) => drop(map.remove(&last)),
        Some(Value::Array(items)) => {
            if let Some(index) = last.parse::<usize>().ok().filter(|index| *index < items.len()) {
                items.remove(index);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_does_not_count_makes_no_difference() {
        let live = json!({"metadata": {"name": "a", "resourceVersion": "7", "annotations": {"mainstay.dev/thread": "apps@1"}}, "spec": {"replicas": 3}, "status": {"x": 1}});
        let same = json!({"metadata": {"name": "a"}, "spec": {"replicas": 3}});
        let other = json!({"metadata": {"name": "a"}, "spec": {"replicas": 2}});
        assert!(!differs(&same, &live, &Ignored::default()));
        assert!(differs(&other, &live, &Ignored::default()));
        assert!(!differs(&other, &live, &pointers(&["/spec/replicas"])));
        let nothing = Ignored::default();
        assert_eq!(fingerprint(&live, &nothing), fingerprint(&same, &nothing));
    }

    #[test]
    fn ignored_fields_keep_what_is_live() {
        let mut desired = json!({"spec": {"replicas": 1, "paused": true, "x": 1}});
        let ignored = pointers(&["/spec/replicas", "/spec/paused", "/spec/other"]);
        keep_ignored(&mut desired, &json!({"spec": {"replicas": 5, "other": 2, "x": 3}}), &ignored);
        assert_eq!(desired, json!({"spec": {"replicas": 5, "x": 1}}));
    }

    #[test]
    fn rules_choose_by_kind_and_name() {
        let rules: Vec<IgnoreDifferences> = serde_json::from_value(json!([
            {"group": "apps", "kind": "*", "jsonPointers": ["/spec/replicas"]},
            {"group": "apps", "kind": "Deployment", "name": "other", "jsonPointers": ["/x"]},
        ]))
        .unwrap();
        let key = Key { group: "apps".into(), kind: "Deployment".into(), namespace: "a".into(), name: "web".into() };
        assert_eq!(Ignored::of(&rules, &key).pointers, ["/spec/replicas"]);
    }

    #[test]
    fn expressions_and_managers_choose_fields() {
        let rules: Vec<IgnoreDifferences> = serde_json::from_value(json!([
            {"kind": "*", "group": "*", "jqPathExpressions": [".spec.containers[] | select(.name == \"side\")"]},
            {"kind": "*", "group": "*", "managedFieldsManagers": ["scaler"]},
        ]))
        .unwrap();
        let ignored = Ignored::of(&rules, &Key::default());
        let live = json!({
            "metadata": {"managedFields": [{"manager": "scaler", "operation": "Update", "apiVersion": "v1",
                "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]},
            "spec": {"replicas": 5, "containers": [{"name": "main"}, {"name": "side", "image": "2"}]},
        });
        let predicted = |main: &str| json!({"metadata": {}, "spec": {"replicas": 1, "containers": [{"name": "side"}, {"name": main}]}});
        assert!(!differs(&predicted("main"), &live, &ignored));
        assert!(differs(&predicted("other"), &live, &ignored));
        let mut desired = predicted("main");
        keep_ignored(&mut desired, &live, &ignored);
        assert_eq!(desired["spec"], json!({"replicas": 5, "containers": [{"name": "main"}]}));
    }

    fn pointers(pointers: &[&str]) -> Ignored {
        Ignored { pointers: pointers.iter().map(|pointer| (*pointer).to_owned()).collect(), ..Ignored::default() }
    }
}
