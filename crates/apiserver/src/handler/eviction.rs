//! Evictions: a pod is deleted if its disruption budget allows it, as `pkg/registry/core/pod/storage/eviction.go`.
//! It must not know who keeps the status of budgets.

use mainstay_apimachinery::object;
use mainstay_apimachinery::selector::LabelSelector;
use mainstay_store::KindKey;
use serde_json::{Value, json};

use super::binding::set_condition;
use super::{delete, read};
use crate::Error;
use crate::call::Call;
use crate::convert::parse;
use crate::options::WriteOptions;
use crate::respond::{Reply, success};
use crate::write::{self, Desired, Ownership};

/// Field manager of what an eviction writes into the budget.
const MANAGER: &str = "kube-apiserver";
/// Evictions a budget may have that its controller has not seen yet.
const MOST_DISRUPTED: usize = 2000;
/// Seconds after which to ask again while a budget's controller has not caught up.
const RETRY_SECONDS: u64 = 10;

/// `POST …/pods/<name>/eviction`.
pub(super) async fn evict(call: &Call, eviction: &Value) -> Result<Reply, Error> {
    if object::name(eviction) != call.name_str() {
        return Err(Error::bad_request("name in URL does not match name in Eviction object"));
    }
    let record = call.server.snapshot().get(&call.object_key(call.name_str())).cloned();
    let pod = parse(&record.ok_or_else(|| call.not_found())?.bytes);
    let options = eviction.get("deleteOptions").cloned().unwrap_or_else(|| json!({}));
    let asked = options.get("dryRun").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    let dry_run = asked || call.query.get("dryRun").is_some();
    if !goes_anyway(&pod) {
        ask_budget(call, &pod, dry_run).await?;
    }
    if !dry_run && !object::is_deleting(&pod) {
        mark(call).await?;
    }
    let mut target = call.clone();
    target.subresource = None;
    target.content_type = "application/json".to_owned();
    delete::delete(&target, &read::bytes_of(&options)).await?;
    Ok(success(201))
}

/// Pods that do no work are evicted whatever their budget says.
fn goes_anyway(pod: &Value) -> bool {
    let phase = pod.pointer("/status/phase").and_then(Value::as_str).unwrap_or_default();
    matches!(phase, "Succeeded" | "Failed" | "Pending") || object::is_deleting(pod)
}

async fn ask_budget(call: &Call, pod: &Value, dry_run: bool) -> Result<(), Error> {
    let mut budgets = budgets(call, pod);
    let Some(budget) = budgets.next() else { return Ok(()) };
    if budgets.next().is_some() {
        let why = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
        return Err(Error::unclassified(why));
    }
    if !is_ready(pod) && lets_unready_go(&budget) {
        return Ok(());
    }
    let mut target = call.clone();
    target.resource = resource(call)?;
    target.name = Some(object::name(&budget).to_owned());
    target.subresource = Some("status".to_owned());
    let options = WriteOptions { dry_run, manager: MANAGER.to_owned(), ..WriteOptions::by_server(call) };
    let (name, now) = (object::name(pod), call.now());
    let spent = write::change(&target, &options, |budget| {
        check(&target, budget)?;
        Ok(Desired { object: spend(budget, name, &now), warnings: Vec::new(), ownership: Ownership::Writer })
    });
    spent.await.map(|_| ())
}

fn resource(call: &Call) -> Result<std::sync::Arc<crate::registry::Resource>, Error> {
    let found = call.server.registry().resolve(&call.cluster, "policy", "v1", "poddisruptionbudgets");
    found.ok_or_else(Error::no_such_path)
}

/// The budgets of the pod's namespace that select it.
fn budgets(call: &Call, pod: &Value) -> impl Iterator<Item = Value> {
    let kind = KindKey::new(call.cluster.clone(), "policy", "poddisruptionbudgets");
    let snapshot = call.server.snapshot();
    let all: Vec<Value> = snapshot.list(&kind, Some(call.namespace_str())).map(|record| parse(&record.bytes)).collect();
    let labels = object::labels(pod).clone();
    all.into_iter().filter(move |budget| {
        let selector = budget.pointer("/spec/selector").map(LabelSelector::from_object);
        matches!(selector, Some(Ok(selector)) if selector.matches(&labels))
    })
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// A running pod that is not ready may go always, or while enough others are healthy.
fn lets_unready_go(budget: &Value) -> bool {
    if budget.pointer("/spec/unhealthyPodEvictionPolicy").is_some_and(|policy| policy == "AlwaysAllow") {
        return true;
    }
    let (current, desired) = (number(budget, "currentHealthy"), number(budget, "desiredHealthy"));
    desired > 0 && current >= desired
}

fn number(budget: &Value, field: &str) -> i64 {
    budget.get("status").and_then(|status| status.get(field)).and_then(Value::as_i64).unwrap_or(0)
}

/// Whether the budget has a disruption left, in the words of upstream where not.
fn check(call: &Call, budget: &Value) -> Result<(), Error> {
    let name = object::name(budget);
    if number(budget, "observedGeneration") < object::generation(budget) {
        let why = format!("The disruption budget {name} is still being processed by the server.");
        return Err(Error::too_many_disruptions(&why, Some(RETRY_SECONDS)));
    }
    let disrupted = budget.pointer("/status/disruptedPods").and_then(Value::as_object).map_or(0, serde_json::Map::len);
    match number(budget, "disruptionsAllowed") {
        ..0 => Err(Error::forbidden(&call.resource, name, "pdb disruptions allowed is negative")),
        _ if disrupted > MOST_DISRUPTED => {
            let why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller";
            Err(Error::forbidden(&call.resource, name, why))
        }
        0 => {
            let (desired, current) = (number(budget, "desiredHealthy"), number(budget, "currentHealthy"));
            let why = format!("The disruption budget {name} needs {desired} healthy pods and has {current} currently");
            Err(Error::too_many_disruptions(&why, None))
        }
        _ => Ok(()),
    }
}

fn spend(budget: &Value, pod: &str, now: &str) -> Value {
    let mut spent = budget.clone();
    let left = number(budget, "disruptionsAllowed") - 1;
    spent["status"]["disruptionsAllowed"] = Value::from(left);
    spent["status"]["disruptedPods"][pod] = Value::from(now);
    if left == 0 {
        set_condition(
            &mut spent,
            json!({
                "type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods", "message": "",
                "observedGeneration": number(budget, "observedGeneration"), "lastTransitionTime": now,
            }),
        );
    }
    spent
}

/// Says on the pod why it goes.
async fn mark(call: &Call) -> Result<(), Error> {
    let mut target = call.clone();
    target.subresource = Some("status".to_owned());
    let options = WriteOptions { manager: MANAGER.to_owned(), ..WriteOptions::by_server(call) };
    let now = call.now();
    let marked = write::change(&target, &options, |old| {
        let mut object = old.clone();
        let condition = json!({
            "type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI",
            "message": "Eviction API: evicting", "lastProbeTime": null, "lastTransitionTime": now,
        });
        set_condition(&mut object, condition);
        Ok(Desired { object, warnings: Vec::new(), ownership: Ownership::Writer })
    });
    marked.await.map(|_| ())
}
