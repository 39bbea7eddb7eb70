//! ControllerRevisions: the templates that a StatefulSet or DaemonSet has had, so that it can go back to one.
//! It must not know how pods are replaced. Upstream: `pkg/controller/history`.

use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::Error;
use serde_json::{Value, json};

use crate::cluster::{BY_CONTROLLER, Cluster};
use crate::{hash, kinds, owner, read};

/// Label of pods and revisions with the revision.
pub(crate) const LABEL: &str = "controller-revision-hash";

/// A change that the revisions of a set need.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Write {
    /// The present template has none yet.
    Create(Value),
    /// The template came back: its revision becomes the latest one.
    Renumber(Value, i64),
}

/// What the revisions of a set say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct History {
    /// The revision of the present template, as it is or will be.
    pub update: Value,
    /// What is to be written first.
    pub write: Option<Write>,
    /// All others, oldest first.
    pub others: Vec<Value>,
}

/// How a kind names its revisions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Naming {
    /// The label of a revision with its hash.
    pub hash_label: &'static str,
}

/// Of a StatefulSet.
pub(crate) const STATEFUL_SET: Naming = Naming { hash_label: "controller.kubernetes.io/hash" };
/// Of a DaemonSet.
pub(crate) const DAEMON_SET: Naming = Naming { hash_label: LABEL };

/// Finds or makes the revision of the present template among those there are.
pub(crate) fn history(set: &Value, known: &[Value], naming: Naming) -> History {
    let mut others: Vec<Value> = known.to_vec();
    others.sort_by_key(|revision| (number(revision), object::name(revision).to_owned()));
    let next = others.last().map_or(0, number) + 1;
    let data = data(set);
    let equal = others.iter().rposition(|revision| revision.get("data") == Some(&data));
    match equal.map(|at| others.remove(at)) {
        Some(known) if number(&known) == next - 1 => History { update: known, write: None, others },
        Some(known) => {
            let mut update = known.clone();
            update["revision"] = json!(next);
            History { update, write: Some(Write::Renumber(known, next)), others }
        }
        None => {
            let update = new(set, data, next, naming);
            History { write: Some(Write::Create(update.clone())), update, others }
        }
    }
}

fn number(revision: &Value) -> i64 {
    read::count(revision, "/revision")
}

/// The patch that brings the template back; `kubectl rollout undo` sends it as it is. Upstream: `getPatch`.
fn data(set: &Value) -> Value {
    let mut template = set.pointer("/spec/template").cloned().unwrap_or_else(|| json!({}));
    template["$patch"] = json!("replace");
    json!({"spec": {"template": template}})
}

fn new(set: &Value, data: Value, number: i64, naming: Naming) -> Value {
    let template = set.pointer("/spec/template").unwrap_or(&Value::Null);
    let hash = hash::pod_template(template, read::int(set, "/status/collisionCount").filter(|count| *count > 0));
    let mut labels = template.pointer("/metadata/labels").and_then(Value::as_object).cloned().unwrap_or_default();
    labels.insert(naming.hash_label.to_owned(), json!(hash));
    let mut annotations = object::annotations(set).clone();
    annotations.retain(|key, _| !key.starts_with("mainstay.dev/") && !key.starts_with("argocd.argoproj.io/"));
    json!({
        "apiVersion": "apps/v1", "kind": "ControllerRevision",
        "metadata": {
            "name": format!("{}-{hash}", object::name(set)), "namespace": object::namespace(set),
            "labels": labels, "annotations": annotations, "ownerReferences": [owner::reference(set)],
        },
        "data": data, "revision": number,
    })
}

/// The template that a revision holds, in place of the set's own.
pub(crate) fn apply(set: &Value, revision: &Value) -> Value {
    let mut old = set.clone();
    if let Some(template) = revision.pointer("/data/spec/template") {
        let mut template = template.clone();
        if let Some(template) = template.as_object_mut() {
            template.remove("$patch");
        }
        old["spec"]["template"] = template;
    }
    old
}

/// The revisions beyond `revisionHistoryLimit` that nothing stands on, oldest first. Upstream: `truncateHistory`.
pub(crate) fn surplus(set: &Value, history: &History, is_live: impl Fn(&Value) -> bool) -> Vec<String> {
    let limit = read::int(set, "/spec/revisionHistoryLimit").unwrap_or(10);
    let dead: Vec<&Value> = history.others.iter().filter(|revision| !is_live(revision)).collect();
    let surplus = dead.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
    dead.into_iter().take(surplus).map(|revision| object::name(revision).to_owned()).collect()
}

/// The revisions that a set controls.
pub(crate) fn of(cluster: &Cluster, set: &Value) -> Vec<Value> {
    cluster.informer(&kinds::controller_revisions()).by_index(BY_CONTROLLER, object::uid(set))
}

/// Writes what a history needs. One whose name a foreign object has is not made: the set then has no way back to it.
pub(crate) async fn write(cluster: &Cluster, write: &Write) -> Result<(), Error> {
    let resource = kinds::controller_revisions();
    match write {
        Write::Create(revision) => cluster.create(&resource, revision).await.map(drop),
        Write::Renumber(known, number) => cluster.patch(&resource, known, &json!({ "revision": number })).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(image: &str) -> Value {
        json!({"metadata": {"name": "db", "namespace": "n", "uid": "u"},
               "spec": {"revisionHistoryLimit": 1, "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"image": image}}}})
    }

    #[test]
    fn each_template_has_one_revision_and_the_latest_has_the_highest_number() {
        let first = history(&set("a"), &[], STATEFUL_SET);
        assert_eq!((number(&first.update), object::label(&first.update, "app")), (1, Some("db")));
        let second = history(&set("b"), std::slice::from_ref(&first.update), STATEFUL_SET);
        assert_eq!((number(&second.update), second.others.len()), (2, 1));
        let both = [first.update.clone(), second.update.clone()];
        assert_eq!(history(&set("b"), &both, STATEFUL_SET).write, None);
        let back = history(&set("a"), &both, STATEFUL_SET);
        assert_eq!(back.write, Some(Write::Renumber(first.update.clone(), 3)));
        assert_eq!(apply(&set("b"), &first.update), set("a"));
    }

    #[test]
    fn history_is_cut_to_its_limit_but_for_what_is_live() {
        let mut known: Vec<Value> = Vec::new();
        for image in ["a", "b", "c", "d"] {
            let history = history(&set(image), &known, DAEMON_SET);
            known.push(history.update);
        }
        let last = history(&set("d"), &known, DAEMON_SET);
        assert_eq!(surplus(&set("d"), &last, |_| false), [object::name(&known[0]), object::name(&known[1])]);
        assert_eq!(surplus(&set("d"), &last, |revision| number(revision) == 1), [object::name(&known[1])]);
    }
}
