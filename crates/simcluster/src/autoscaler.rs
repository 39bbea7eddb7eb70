//! The horizontal pod autoscaler over a steady load: it keeps its target within minReplicas and maxReplicas.
//! It must not know where a metric comes from: the simulated ones always meet their target.

use jiff::Timestamp;
use mainstay_apimachinery::{gvk::split_api_version, object};
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{Action, ApiResource, Controller, Informer, ObjectKey};
use serde_json::{Map, Value, json};

use crate::cluster::{CONTROLLER_MANAGER, Cluster};
use crate::condition::{self, Condition};
use crate::note::Note;
use crate::{kinds, read};

/// The kinds an autoscaler may target here.
fn scalable() -> [ApiResource; 3] {
    [kinds::deployments(), kinds::stateful_sets(), kinds::replica_sets()]
}

/// Starts the controller.
pub(crate) fn start(cluster: &Cluster) {
    let autoscalers = cluster.informer(&kinds::autoscalers());
    let mut controller = Controller::new("horizontalpodautoscaler", &cluster.context)
        .watch(&autoscalers, |event| [ObjectKey::of(event.object())]);
    for resource in scalable() {
        let known = autoscalers.clone();
        let target = cluster.informer(&resource);
        controller = controller.watch(&target, move |event| targeting(&known, event.object()));
    }
    let cluster = cluster.clone();
    controller.spawn(move |key| reconcile(cluster.clone(), key));
}

fn targeting(autoscalers: &Informer, target: &Value) -> Vec<ObjectKey> {
    let near = autoscalers.list_namespace(object::namespace(target).unwrap_or_default());
    let aims = |hpa: &&Value| {
        read::text(hpa, "/spec/scaleTargetRef/kind") == Some(object::kind(target))
            && read::text(hpa, "/spec/scaleTargetRef/name") == Some(object::name(target))
    };
    near.iter().filter(aims).map(ObjectKey::of).collect()
}

async fn reconcile(cluster: Cluster, key: ObjectKey) -> Result<Action, Error> {
    let Some(hpa) = cluster.informer(&kinds::autoscalers()).get_key(&key) else { return Ok(Action::done()) };
    if object::is_deleting(&hpa) {
        return Ok(Action::done());
    }
    let target = target(&cluster, &hpa);
    let current = target.as_ref().map(|(_, target)| read::int(target, "/spec/replicas").unwrap_or(1));
    let decision = decide(&hpa, current);
    if let Some((resource, target)) = target.filter(|_| decision.scale) {
        cluster.patch(&resource, &target, &json!({"spec": {"replicas": decision.desired}})).await?;
        let message = format!("New size: {}; reason: {}", decision.desired, decision.why);
        cluster.record(&hpa, &[Note::normal("SuccessfulRescale", message)]);
    }
    if let Some(patch) = read::status_patch(&hpa, &status(&hpa, &decision, cluster.now())) {
        cluster.patch_status(CONTROLLER_MANAGER, &kinds::autoscalers(), &hpa, &patch).await?;
    }
    Ok(Action::done())
}

/// The target of an autoscaler, if it is there and of a kind known here.
fn target(cluster: &Cluster, hpa: &Value) -> Option<(ApiResource, Value)> {
    let (group, _) = split_api_version(read::text(hpa, "/spec/scaleTargetRef/apiVersion").unwrap_or("apps/v1"));
    let kind = read::text(hpa, "/spec/scaleTargetRef/kind")?;
    let resource = scalable().into_iter().find(|known| known.kind == kind && known.group == group)?;
    let name = read::text(hpa, "/spec/scaleTargetRef/name")?;
    let found = cluster.informer(&resource).get(object::namespace(hpa)?, name)?;
    Some((resource, found))
}

/// What an autoscaler does about its target.
#[derive(Debug, PartialEq, Eq)]
struct Decision {
    current: i64,
    desired: i64,
    scale: bool,
    why: &'static str,
    conditions: Vec<Condition>,
}

/// `current` is the target's `spec.replicas`; `None` where there is no such target.
/// Upstream: `reconcileAutoscaler` with a usage ratio of one.
fn decide(hpa: &Value, current: Option<i64>) -> Decision {
    let min = read::int(hpa, "/spec/minReplicas").unwrap_or(1);
    let max = read::int(hpa, "/spec/maxReplicas").unwrap_or(min);
    let Some(current) = current else { return without_target() };
    if current == 0 && min != 0 {
        return disabled();
    }
    let (desired, why) = match current {
        n if n < min => (min, "Current number of replicas below Spec.MinReplicas"),
        n if n > max => (max, "Current number of replicas above Spec.MaxReplicas"),
        n => (n, "All metrics at their target"),
    };
    let scale = desired != current;
    let able = if scale {
        let message = format!("the HPA controller was able to update the target scale to {desired}");
        Condition::new("AbleToScale", true, "SucceededRescale", message)
    } else {
        Condition::new("AbleToScale", true, "ReadyForNewScale", "recommended size matches current size")
    };
    let message = "the HPA was able to successfully calculate a replica count from a simulated steady load";
    let active = Condition::new("ScalingActive", true, "ValidMetricFound", message);
    let limit = "the desired count is within the acceptable range";
    let limited = Condition::new("ScalingLimited", false, "DesiredWithinRange", limit);
    Decision { current, desired, scale, why, conditions: vec![able, active, limited] }
}

fn without_target() -> Decision {
    let message = "the HPA controller was unable to get the target's current scale: target not found";
    let conditions = vec![Condition::new("AbleToScale", false, "FailedGetScale", message)];
    Decision { current: 0, desired: 0, scale: false, why: "", conditions }
}

fn disabled() -> Decision {
    let able = "the HPA controller was able to get the target's current scale";
    let message = "scaling is disabled since the replica count of the target is zero";
    let conditions = vec![
        Condition::new("AbleToScale", true, "SucceededGetScale", able),
        Condition::new("ScalingActive", false, "ScalingDisabled", message),
    ];
    Decision { current: 0, desired: 0, scale: false, why: "", conditions }
}

fn status(hpa: &Value, decision: &Decision, now: Timestamp) -> Value {
    let mut status = Map::new();
    for (field, count) in [("currentReplicas", decision.current), ("desiredReplicas", decision.desired)] {
        status.insert(field.to_owned(), json!(count));
    }
    if let Some(time) = hpa.pointer("/status/lastScaleTime") {
        status.insert("lastScaleTime".to_owned(), time.clone());
    }
    if decision.scale {
        status.insert("lastScaleTime".to_owned(), json!(read::rfc3339(now)));
    }
    let metrics: Vec<Value> = read::items(hpa, "/spec/metrics").filter_map(steady).collect();
    if !metrics.is_empty() && decision.current > 0 {
        status.insert("currentMetrics".to_owned(), Value::from(metrics));
    }
    let mut conditions = condition::all(hpa);
    conditions.retain(|old| decision.conditions.iter().any(|new| read::text(old, "/type") == Some(new.kind)));
    for condition in &decision.conditions {
        condition::set(&mut conditions, condition, now);
    }
    status.insert("conditions".to_owned(), Value::from(conditions));
    Value::Object(status)
}

/// A resource metric at its target; its absolute value is not simulated and reads 0.
fn steady(metric: &Value) -> Option<Value> {
    let resource = metric.get("resource")?;
    let target = resource.get("target")?;
    let mut current = json!({"averageValue": target.get("averageValue").cloned().unwrap_or_else(|| json!("0"))});
    if let Some(percent) = target.get("averageUtilization") {
        current["averageUtilization"] = percent.clone();
    }
    Some(json!({"type": "Resource", "resource": {"name": resource.get("name"), "current": current}}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hpa() -> Value {
        json!({"spec": {"minReplicas": 2, "maxReplicas": 5, "metrics": [{"type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}]}})
    }

    #[test]
    fn the_target_is_kept_within_bounds() {
        let sizes = [1, 2, 4, 9].map(|current| decide(&hpa(), Some(current)).desired);
        assert_eq!(sizes, [2, 2, 4, 5]);
        assert!(decide(&hpa(), Some(1)).scale && !decide(&hpa(), Some(4)).scale);
    }

    #[test]
    fn status_shows_steady_metrics_and_settles() {
        let mut hpa = hpa();
        hpa["status"] = status(&hpa, &decide(&hpa, Some(3)), Timestamp::UNIX_EPOCH);
        assert_eq!(hpa["status"]["currentMetrics"][0]["resource"]["current"]["averageUtilization"], 70);
        assert!(condition::is_true(&hpa, "AbleToScale"));
        assert_eq!(status(&hpa, &decide(&hpa, Some(3)), Timestamp::MAX), hpa["status"]);
    }

    #[test]
    fn a_missing_target_is_told() {
        assert_eq!(decide(&hpa(), None).conditions[0].reason, "FailedGetScale");
        assert_eq!(decide(&hpa(), Some(0)).conditions[1].reason, "ScalingDisabled");
    }
}
