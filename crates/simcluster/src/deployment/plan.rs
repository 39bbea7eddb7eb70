//! What a Deployment needs next, from it and its ReplicaSets: one round of upstream's `syncDeployment`.
//! It must not know a clock or a client.

use std::time::Duration;

use jiff::Timestamp;
use mainstay_apimachinery::object;
use serde_json::{Map, Value, json};

use super::rollout::{self, Counts, Strategy};
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
        scale_while_paused(sets, replicas, plan);
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

/// A paused Deployment is still scaled while only one ReplicaSet has pods. Upstream: `sync`, `scale`.
fn scale_while_paused(sets: &Sets<'_>, replicas: i64, plan: &mut Plan) {
    let active: Vec<&Value> = sets.all().into_iter().filter(|set| wanted(set) > 0).collect();
    if let [only] = active.as_slice() {
        scale(only, replicas, Map::new(), plan);
    }
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
mod tests {
    use super::*;

    fn deployment(image: &str) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "n", "uid": "d", "generation": 1,
                         "annotations": {crate::THREAD: "apps@1", "note": "kept"}},
            "spec": {"replicas": 2, "progressDeadlineSeconds": 600, "revisionHistoryLimit": 1,
                     "selector": {"matchLabels": {"app": "web"}},
                     "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
                     "template": {"metadata": {"labels": {"app": "web"}},
                                  "spec": {"containers": [{"name": "c", "image": image}]}}},
        })
    }

    fn run(deployment: &Value, sets: &[Value]) -> Plan {
        let now = Timestamp::from_second(100).unwrap();
        plan(&Input { deployment, replica_sets: sets, old_pods: false, now })
    }

    fn created(plan: &Plan) -> Value {
        match &plan.writes[0] {
            Write::Create(set) => set.clone(),
            other => panic!("expected a creation, got {other:?}"),
        }
    }

    fn available(mut set: Value) -> Value {
        let wanted = wanted(&set);
        set["status"] = json!({"replicas": wanted, "readyReplicas": wanted, "availableReplicas": wanted});
        set
    }

    #[test]
    fn a_new_deployment_gets_its_replica_set() {
        let plan = run(&deployment("a:1"), &[]);
        let set = created(&plan);
        assert_eq!(wanted(&set), 2);
        assert_eq!(object::annotation(&set, REVISION), Some("1"));
        assert_eq!(object::annotation(&set, crate::THREAD), Some("apps@1"));
        assert_eq!(object::annotation(&set, "note"), Some("kept"));
        let hash = object::label(&set, TEMPLATE_HASH).unwrap();
        assert_eq!(object::name(&set), format!("web-{hash}"));
        assert_eq!(set["spec"]["selector"]["matchLabels"][TEMPLATE_HASH], json!(hash));
        assert_eq!(plan.notes[0].message, format!("Scaled up replica set web-{hash} from 0 to 2"));
        assert_eq!(run(&deployment("a:1"), &[]), plan);
    }

    #[test]
    fn a_rolling_update_surges_then_takes_from_the_old() {
        let old = available(created(&run(&deployment("a:1"), &[])));
        let mut changed = deployment("a:2");
        object::set_annotation(&mut changed, REVISION, "1");
        let plan = run(&changed, std::slice::from_ref(&old));
        let new = created(&plan);
        assert_eq!((wanted(&new), object::annotation(&new, REVISION)), (1, Some("2")));
        assert!(matches!(&plan.writes[1], Write::PatchDeployment(_)));
        object::set_annotation(&mut changed, REVISION, "2");
        let waiting = run(&changed, &[old.clone(), new.clone()]);
        assert!(waiting.writes.iter().all(|write| matches!(write, Write::PatchStatus(_))));
        let moving = run(&changed, &[old.clone(), available(new)]);
        let expected = Write::Patch(object::name(&old).to_owned(), json!({"spec": {"replicas": 1}}));
        assert_eq!(moving.writes[0], expected);
    }

    #[test]
    fn recreate_waits_for_the_old_pods() {
        let old = available(created(&run(&deployment("a:1"), &[])));
        let mut changed = deployment("a:2");
        changed["spec"]["strategy"] = json!({"type": "Recreate"});
        let plan = run(&changed, std::slice::from_ref(&old));
        assert_eq!(plan.writes[0], Write::Patch(object::name(&old).to_owned(), json!({"spec": {"replicas": 0}})));
        let mut gone = old;
        gone["spec"]["replicas"] = json!(0);
        gone["status"] = json!({"replicas": 0});
        assert_eq!(wanted(&created(&run(&changed, &[gone]))), 2);
    }

    #[test]
    fn a_template_that_comes_back_gets_the_next_revision() {
        let first = created(&run(&deployment("a:1"), &[]));
        let mut second = created(&run(&deployment("a:2"), std::slice::from_ref(&first)));
        second["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
        let plan = run(&deployment("a:1"), &[first.clone(), second]);
        let patch = plan.writes.iter().find_map(|write| match write {
            Write::Patch(name, patch) if name == object::name(&first) => Some(patch),
            _ => None,
        });
        assert_eq!(patch.unwrap()["metadata"]["annotations"][REVISION], json!("3"));
        assert_eq!(patch.unwrap()["metadata"]["annotations"][HISTORY], json!("1"));
    }

    #[test]
    fn history_beyond_the_limit_goes() {
        let new = available(created(&run(&deployment("a:9"), &[])));
        let spent = |number: &str| {
            let mut set = created(&run(&deployment(number), &[]));
            set["spec"]["replicas"] = json!(0);
            object::set_annotation(&mut set, REVISION, number);
            set
        };
        let plan = run(&deployment("a:9"), &[new, spent("1"), spent("2")]);
        let deleted: Vec<_> = plan.writes.iter().filter(|write| matches!(write, Write::Delete(_))).collect();
        assert_eq!(deleted, vec![&Write::Delete(object::name(&spent("1")).to_owned())]);
    }

    #[test]
    fn a_paused_deployment_makes_no_replica_set() {
        let mut paused = deployment("a:1");
        paused["spec"]["paused"] = json!(true);
        let plan = run(&paused, &[]);
        assert!(plan.writes.iter().all(|write| matches!(write, Write::PatchStatus(_))));
    }
}
