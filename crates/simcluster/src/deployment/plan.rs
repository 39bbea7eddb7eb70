//! What a Deployment needs next, from it and its ReplicaSets: one round of upstream's `syncDeployment`.
//! It must not know a clock or a client.

use std::time::Duration;

use jiff::Timestamp;
use mainstay_apimachinery::object;
use serde_json::{Map, Value, json};

use super::rollout::{self, Counts, Strategy};
use super::scale::{self, Part};
use super::status::{self, Sources};
use crate::note::Note;
use crate::{hash, owner, read};

/// Label that tells the ReplicaSets and pods of one template from those of another.
pub(crate) const TEMPLATE_HASH: &str = "pod-template-hash";
/// Annotation with the number of a rollout, on a Deployment and its ReplicaSets.
pub(crate) const REVISION: &str = "deployment.kubernetes.io/revision";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MAX: &str = "deployment.kubernetes.io/max-replicas";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";

/// What the plan is made from.
pub(crate) struct Input<'a> {
    /// The Deployment, defaulted.
    pub deployment: &'a Value,
    /// The ReplicaSets it controls.
    pub replica_sets: &'a [Value],
    /// Whether pods of old ReplicaSets are still there, even if they are ending: `Recreate` waits for them.
    pub old_pods: bool,
    /// The present time.
    pub now: Timestamp,
}

/// A write to the Deployment or one of its ReplicaSets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Write {
    /// Creates a ReplicaSet.
    Create(Value),
    /// Merge-patches the ReplicaSet of this name.
    Patch(String, Value),
    /// Deletes the ReplicaSet of this name.
    Delete(String),
    /// Merge-patches the Deployment.
    PatchDeployment(Value),
    /// Merge-patches the Deployment's status.
    PatchStatus(Value),
}

/// What to do now, and when to look again.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Plan {
    /// The writes, in this order.
    pub writes: Vec<Write>,
    /// Events about the Deployment.
    pub notes: Vec<Note>,
    /// When to look again though nothing changes.
    pub again_in: Option<Duration>,
}

/// The Deployment's ReplicaSets, told apart.
struct Sets<'a> {
    new: Option<&'a Value>,
    /// Oldest first.
    old: Vec<&'a Value>,
}

impl<'a> Sets<'a> {
    fn of(input: &Input<'a>) -> Self {
        let mut all: Vec<&Value> = input.replica_sets.iter().collect();
        all.sort_by_key(|set| (read::text(set, "/metadata/creationTimestamp"), object::name(set)));
        let template = template_without_hash(input.deployment);
        let new = all.iter().position(|set| template_without_hash(set) == template).map(|at| all.remove(at));
        Self { new, old: all }
    }

    fn all(&self) -> Vec<&'a Value> {
        self.new.into_iter().chain(self.old.iter().copied()).collect()
    }

    fn old_counts(&self) -> Vec<Counts> {
        self.old.iter().map(|set| counts(set)).collect()
    }
}

fn counts(set: &Value) -> Counts {
    Counts { wanted: wanted(set), available: read::count(set, "/status/availableReplicas") }
}

fn wanted(set: &Value) -> i64 {
    read::int(set, "/spec/replicas").unwrap_or(1)
}

/// Upstream: `EqualIgnoreHash`.
fn template_without_hash(parent: &Value) -> Value {
    let mut template = parent.pointer("/spec/template").cloned().unwrap_or_default();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(TEMPLATE_HASH);
    }
    template
}

/// One round.
pub(crate) fn plan(input: &Input<'_>) -> Plan {
    let sets = Sets::of(input);
    let replicas = wanted(input.deployment);
    let strategy = Strategy::of(input.deployment, replicas);
    let mut plan = Plan::default();
    match (sets.new, read::flag(input.deployment, "/spec/paused")) {
        // Scaling comes before everything else, so that a rollout goes on with the right numbers.
        _ if is_scaling(&sets, strategy, replicas) => rescale(input, &sets, strategy, &mut plan),
        (None, false) if strategy == Strategy::Recreate && old_remain(input, &sets) => {
            stop_old(&sets, &mut plan);
        }
        (None, false) => create_new(input, &sets, strategy, &mut plan),
        (new, paused) => move_replicas(input, &sets, (new, paused), &mut plan),
    }
    // A status written before the new ReplicaSet has one would be stale at once: its events bring us back.
    let fresh = sets.new.is_some_and(|new| new.pointer("/status/replicas").is_none());
    if !fresh && !plan.writes.iter().any(|write| matches!(write, Write::Create(_))) {
        finish(input, &sets, strategy, &mut plan);
    }
    plan
}

fn old_remain(input: &Input<'_>, sets: &Sets<'_>) -> bool {
    input.old_pods || sets.old.iter().any(|set| wanted(set) > 0 || read::count(set, "/status/replicas") > 0)
}

fn stop_old(sets: &Sets<'_>, plan: &mut Plan) {
    for set in &sets.old {
        scale(set, 0, Map::new(), plan);
    }
}

/// The next revision number: one more than the highest of the old ReplicaSets.
fn next_revision(sets: &Sets<'_>) -> i64 {
    sets.old.iter().map(|set| revision(set)).max().unwrap_or(0) + 1
}

fn revision(set: &Value) -> i64 {
    object::annotation(set, REVISION).and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn create_new(input: &Input<'_>, sets: &Sets<'_>, strategy: Strategy, plan: &mut Plan) {
    let replicas = wanted(input.deployment);
    let old_total = sets.old.iter().map(|set| wanted(set)).sum();
    let initial = rollout::next_new(strategy, replicas, 0, old_total);
    let revision = next_revision(sets).to_string();
    let set = new_replica_set(input.deployment, initial, &revision, strategy.max_total(replicas));
    if initial > 0 {
        plan.notes.push(scaling_note(object::name(&set), 0, initial));
    }
    plan.writes.push(Write::Create(set));
    annotate_deployment(input.deployment, &revision, plan);
}

fn annotate_deployment(deployment: &Value, revision: &str, plan: &mut Plan) {
    if object::annotation(deployment, REVISION) != Some(revision) {
        plan.writes.push(Write::PatchDeployment(json!({"metadata": {"annotations": {REVISION: revision}}})));
    }
}

/// The ReplicaSet of the Deployment's present template. Upstream: `getNewReplicaSet`.
fn new_replica_set(deployment: &Value, replicas: i64, revision: &str, max_total: i64) -> Value {
    let mut template = template_without_hash(deployment);
    let hash = hash::pod_template(&template, read::int(deployment, "/status/collisionCount"));
    object::set_label(&mut template, TEMPLATE_HASH, &hash);
    let mut selector = deployment.pointer("/spec/selector").cloned().unwrap_or_else(|| json!({}));
    selector["matchLabels"][TEMPLATE_HASH] = Value::from(hash.clone());
    let mut annotations = inherited_annotations(deployment);
    annotations.insert(REVISION.to_owned(), Value::from(revision));
    annotations.insert(DESIRED.to_owned(), Value::from(wanted(deployment).to_string()));
    annotations.insert(MAX.to_owned(), Value::from(max_total.to_string()));
    let mut set = json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{}-{hash}", object::name(deployment)),
            "namespace": object::namespace(deployment),
            "labels": template.pointer("/metadata/labels"),
            "annotations": annotations,
            "ownerReferences": [owner::reference(deployment)],
        },
        "spec": {"replicas": replicas, "selector": selector, "template": template},
    });
    if let Some(seconds) = read::int(deployment, "/spec/minReadySeconds") {
        set["spec"]["minReadySeconds"] = Value::from(seconds);
    }
    owner::copy_thread(deployment, &mut set);
    set
}

/// The Deployment's annotations that its ReplicaSets have too: all but what belongs to one applier or one revision.
fn inherited_annotations(deployment: &Value) -> Map<String, Value> {
    let stays = |key: &str| {
        key != "kubectl.kubernetes.io/last-applied-configuration"
            && !key.starts_with("deployment.kubernetes.io/")
            && !key.starts_with("mainstay.dev/")
            && !key.starts_with("argocd.argoproj.io/")
    };
    let annotations = object::annotations(deployment);
    annotations.iter().filter(|(key, _)| stays(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn move_replicas(input: &Input<'_>, sets: &Sets<'_>, (new, paused): (Option<&Value>, bool), plan: &mut Plan) {
    let replicas = wanted(input.deployment);
    let strategy = Strategy::of(input.deployment, replicas);
    if paused {
        // A paused Deployment is still scaled while at most one ReplicaSet has pods.
        if sets.all().into_iter().filter(|set| wanted(set) > 0).count() <= 1 {
            rescale(input, sets, strategy, plan);
        }
        return;
    }
    let Some(new) = new else { return };
    let annotations = new_annotations(input.deployment, sets, new, strategy.max_total(replicas), plan);
    let before = counts(new);
    if strategy == Strategy::Recreate && old_remain(input, sets) {
        stop_old(sets, plan);
        return;
    }
    let old = sets.old_counts();
    let old_total = old.iter().map(|counts| counts.wanted).sum();
    let next = rollout::next_new(strategy, replicas, before.wanted, old_total);
    scale(new, next, annotations, plan);
    // One direction a round: what the new set gained is not yet counted as available.
    if next <= before.wanted && old_total > 0 {
        let next_old = rollout::next_old(strategy.max_unavailable(), replicas, before, &old);
        for (set, next) in sets.old.iter().zip(next_old) {
            scale(set, next, Map::new(), plan);
        }
    }
}

/// Whether the Deployment was scaled since its ReplicaSets were. Upstream: `isScalingEvent`.
fn is_scaling(sets: &Sets<'_>, strategy: Strategy, replicas: i64) -> bool {
    let active: Vec<&Value> = sets.all().into_iter().filter(|set| wanted(set) > 0).collect();
    let scaled = active.iter().filter_map(|set| number(set, DESIRED)).any(|desired| desired != replicas);
    // Old pods that are to end first are not scaled.
    scaled && (active.len() == 1 || strategy != Strategy::Recreate)
}

fn number(set: &Value, annotation: &str) -> Option<i64> {
    object::annotation(set, annotation)?.parse().ok()
}

/// Gives a Deployment that was scaled its number: by its only ReplicaSet with pods, or by all in proportion.
/// Upstream: `scale` in `deployment/sync.go`.
fn rescale(input: &Input<'_>, sets: &Sets<'_>, strategy: Strategy, plan: &mut Plan) {
    let replicas = wanted(input.deployment);
    let max_total = strategy.max_total(replicas);
    let annotations = |set: &Value| {
        let pairs = [(DESIRED, replicas.to_string()), (MAX, max_total.to_string())];
        let changed = pairs.into_iter().filter(|(key, value)| object::annotation(set, key) != Some(value.as_str()));
        changed.map(|(key, value)| (key.to_owned(), Value::from(value))).collect::<Map<String, Value>>()
    };
    let mut active: Vec<&Value> = sets.all().into_iter().filter(|set| wanted(set) > 0).collect();
    if active.len() <= 1 {
        let only = active.first().copied().or(sets.new).or(sets.old.last().copied());
        if let Some(only) = only {
            scale(only, replicas, annotations(only), plan);
        }
        return;
    }
    if sets.new.is_some_and(|new| is_saturated(new, replicas)) {
        stop_old(sets, plan);
        return;
    }
    let grows = active.iter().map(|set| wanted(set)).sum::<i64>() < max_total;
    // The largest first; of equals the newest when growing, the oldest when shrinking.
    active.sort_by_key(|set| read::text(set, "/metadata/creationTimestamp"));
    if grows {
        active.reverse();
    }
    active.sort_by_key(|set| std::cmp::Reverse(wanted(set)));
    let parts: Vec<Part> = active.iter().map(|set| Part { size: wanted(set), max_before: number(set, MAX) }).collect();
    let present = read::count(input.deployment, "/status/replicas");
    for (set, size) in active.iter().zip(scale::spread(&parts, replicas, max_total, present)) {
        scale(set, size, annotations(set), plan);
    }
}

/// Upstream: `IsSaturated`.
fn is_saturated(new: &Value, replicas: i64) -> bool {
    wanted(new) == replicas && number(new, DESIRED) == Some(replicas) && counts(new).available == replicas
}

/// The annotations that the new ReplicaSet must get: its revision moves on when an old template comes back.
fn new_annotations(
    deployment: &Value,
    sets: &Sets<'_>,
    new: &Value,
    max_total: i64,
    plan: &mut Plan,
) -> Map<String, Value> {
    let mut wanted_annotations = inherited_annotations(deployment);
    wanted_annotations.insert(DESIRED.to_owned(), Value::from(wanted(deployment).to_string()));
    wanted_annotations.insert(MAX.to_owned(), Value::from(max_total.to_string()));
    let next = next_revision(sets).max(revision(new));
    if next > revision(new) {
        let past = object::annotation(new, HISTORY).map(|history| format!("{history},")).unwrap_or_default();
        wanted_annotations.insert(HISTORY.to_owned(), Value::from(format!("{past}{}", revision(new))));
        // A template that comes back was written for another cause this time.
        if let Some(thread) = object::annotation(deployment, crate::THREAD) {
            wanted_annotations.insert(crate::THREAD.to_owned(), Value::from(thread));
        }
    }
    wanted_annotations.insert(REVISION.to_owned(), Value::from(next.to_string()));
    annotate_deployment(deployment, &next.to_string(), plan);
    let has = object::annotations(new);
    wanted_annotations.into_iter().filter(|(key, value)| has.get(key) != Some(value)).collect()
}

/// Scales a ReplicaSet and sets annotations on it, if there is anything to change.
fn scale(set: &Value, replicas: i64, annotations: Map<String, Value>, plan: &mut Plan) {
    let before = wanted(set);
    let mut patch = Map::new();
    if before != replicas {
        patch.insert("spec".to_owned(), json!({ "replicas": replicas }));
        plan.notes.push(scaling_note(object::name(set), before, replicas));
    }
    if !annotations.is_empty() {
        patch.insert("metadata".to_owned(), json!({ "annotations": annotations }));
    }
    if !patch.is_empty() {
        plan.writes.push(Write::Patch(object::name(set).to_owned(), Value::Object(patch)));
    }
}

fn scaling_note(set: &str, from: i64, to: i64) -> Note {
    let direction = if to > from { "up" } else { "down" };
    Note::normal("ScalingReplicaSet", format!("Scaled {direction} replica set {set} from {from} to {to}"))
}

fn finish(input: &Input<'_>, sets: &Sets<'_>, strategy: Strategy, plan: &mut Plan) {
    let all = sets.all();
    let sources = Sources {
        deployment: input.deployment,
        new: sets.new,
        all: &all,
        replicas: wanted(input.deployment),
        strategy,
        now: input.now,
    };
    let computed = status::compute(&sources);
    plan.again_in = computed.deadline_in;
    if status::is_complete(&sources, &computed.status) {
        drop_history(input.deployment, sets, plan);
    }
    if let Some(patch) = read::status_patch(input.deployment, &computed.status) {
        plan.writes.push(Write::PatchStatus(patch));
    }
}

/// Deletes the oldest empty ReplicaSets beyond `revisionHistoryLimit`. Upstream: `cleanupDeployment`.
fn drop_history(deployment: &Value, sets: &Sets<'_>, plan: &mut Plan) {
    let Some(limit) = read::int(deployment, "/spec/revisionHistoryLimit") else { return };
    let mut empty: Vec<&&Value> = sets.old.iter().filter(|set| is_spent(set)).collect();
    empty.sort_by_key(|set| revision(set));
    let surplus = empty.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
    let doomed = empty.into_iter().take(surplus);
    plan.writes.extend(doomed.map(|set| Write::Delete(object::name(set).to_owned())));
}

fn is_spent(set: &Value) -> bool {
    wanted(set) == 0
        && read::count(set, "/status/replicas") == 0
        && read::count(set, "/status/observedGeneration") >= object::generation(set)
        && !object::is_deleting(set)
}

#[cfg(test)]
mod tests;
