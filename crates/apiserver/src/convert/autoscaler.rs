//! `HorizontalPodAutoscaler` of autoscaling/v1 and v2 as two views of one object, as `pkg/apis/autoscaling/v1/conversion.go`:
//! what v1 has no field for, it carries in annotations. It must not know requests.

use mainstay_apimachinery::object;
use serde_json::{Map, Value, json};

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT_METRICS: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
const CPU: &str = "targetCPUUtilizationPercentage";
const CURRENT_CPU: &str = "currentCPUUtilizationPercentage";

/// From autoscaling/v2 to v1.
pub(super) fn to_v1(object: &mut Value) {
    let mut notes = Map::new();
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        let (cpu, others) = split_cpu(spec.remove("metrics"), "target");
        if let Some(share) = cpu {
            spec.insert(CPU.to_owned(), share);
        }
        note(&mut notes, METRICS, others.iter().map(|metric| old_metric(metric, false)).collect());
        if let Some(behavior) = spec.remove("behavior") {
            notes.insert(BEHAVIOR.to_owned(), Value::from(behavior.to_string()));
        }
    }
    if !object["status"].is_object() {
        object["status"] = json!({});
    }
    if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) {
        let (cpu, others) = split_cpu(status.remove("currentMetrics"), "current");
        if let Some(share) = cpu {
            status.insert(CURRENT_CPU.to_owned(), share);
        }
        note(&mut notes, CURRENT_METRICS, others.iter().map(|metric| old_metric(metric, true)).collect());
        if let Some(Value::Array(conditions)) = status.remove("conditions") {
            note(&mut notes, CONDITIONS, conditions);
        }
        for name in ["currentReplicas", "desiredReplicas"] {
            status.entry(name).or_insert_with(|| json!(0));
        }
    }
    for (key, value) in notes {
        object["metadata"]["annotations"][key] = value;
    }
}

fn note(notes: &mut Map<String, Value>, key: &str, list: Vec<Value>) {
    if !list.is_empty() {
        notes.insert(key.to_owned(), Value::from(Value::from(list).to_string()));
    }
}

/// The share of cpu that v1 has a field for, and the other metrics.
fn split_cpu(metrics: Option<Value>, side: &str) -> (Option<Value>, Vec<Value>) {
    let Some(Value::Array(metrics)) = metrics else { return (None, Vec::new()) };
    let share = |metric: &Value| {
        let is_cpu = metric["type"] == "Resource" && metric["resource"]["name"] == "cpu";
        metric["resource"][side].get("averageUtilization").filter(|_| is_cpu).cloned()
    };
    let first = metrics.iter().position(|metric| share(metric).is_some());
    let found = first.and_then(|index| share(&metrics[index]));
    let others = metrics.into_iter().enumerate().filter(|(index, _)| Some(*index) != first).map(|(_, metric)| metric);
    (found, others.collect())
}

/// From autoscaling/v1 to v2.
pub(super) fn to_v2(object: &mut Value) {
    let noted = |object: &mut Value, key: &str| -> Option<Value> {
        let annotations = object.pointer_mut("/metadata/annotations")?.as_object_mut()?;
        serde_json::from_str(annotations.remove(key)?.as_str()?).ok()
    };
    let (metrics, current) = (noted(object, METRICS), noted(object, CURRENT_METRICS));
    let (conditions, behavior) = (noted(object, CONDITIONS), noted(object, BEHAVIOR));
    if object.pointer("/metadata/annotations").is_some_and(|annotations| *annotations == json!({})) {
        object::metadata_mut(object).remove("annotations");
    }
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        let cpu = spec
            .remove(CPU)
            .map(|share| cpu_metric("target", json!({"type": "Utilization", "averageUtilization": share})));
        let others = items(metrics);
        let metrics = cpu.into_iter().chain(others.iter().map(|metric| new_metric(metric, false)));
        set_list(spec, "metrics", metrics.collect());
        if let Some(behavior) = behavior {
            spec.insert("behavior".to_owned(), behavior);
        }
    }
    if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) {
        let cpu = status.remove(CURRENT_CPU).map(|share| cpu_metric("current", json!({"averageUtilization": share})));
        let current: Vec<Value> =
            cpu.into_iter().chain(items(current).iter().map(|metric| new_metric(metric, true))).collect();
        status.insert("currentMetrics".to_owned(), if current.is_empty() { Value::Null } else { Value::from(current) });
        set_list(status, "conditions", items(conditions));
    }
}

fn set_list(object: &mut Map<String, Value>, name: &str, list: Vec<Value>) {
    if !list.is_empty() {
        object.insert(name.to_owned(), Value::from(list));
    }
}

fn items(value: Option<Value>) -> Vec<Value> {
    if let Some(Value::Array(list)) = value { list } else { Vec::new() }
}

fn cpu_metric(side: &str, amount: Value) -> Value {
    json!({"type": "Resource", "resource": {"name": "cpu", side: amount}})
}

/// Where v1 keeps what v2 has in `target`, or in `current` of a status.
fn names(is_status: bool) -> [(&'static str, &'static str); 3] {
    if is_status {
        [
            ("averageUtilization", "currentAverageUtilization"),
            ("averageValue", "currentAverageValue"),
            ("value", "currentValue"),
        ]
    } else {
        [
            ("averageUtilization", "targetAverageUtilization"),
            ("averageValue", "targetAverageValue"),
            ("value", "targetValue"),
        ]
    }
}

fn source_field(metric: &Value) -> &'static str {
    match metric["type"].as_str().unwrap_or_default() {
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        "Pods" => "pods",
        "Object" => "object",
        _ => "external",
    }
}

fn old_metric(metric: &Value, is_status: bool) -> Value {
    let field = source_field(metric);
    let source = &metric[field];
    let side = &source[if is_status { "current" } else { "target" }];
    let mut old = Map::new();
    for name in ["name", "container"] {
        copy(source, name, &mut old, name);
    }
    copy(&source["metric"], "name", &mut old, "metricName");
    copy(&source["metric"], "selector", &mut old, if field == "external" { "metricSelector" } else { "selector" });
    copy(source, "describedObject", &mut old, "target");
    for (new_name, old_name) in names(is_status) {
        // Averages of objects kept their short name.
        let old_name = if field == "object" && new_name == "averageValue" { new_name } else { old_name };
        copy(side, new_name, &mut old, old_name);
    }
    json!({"type": metric["type"], field: old})
}

fn new_metric(metric: &Value, is_status: bool) -> Value {
    let field = source_field(metric);
    let source = &metric[field];
    let (mut new, mut identity, mut side) = (Map::new(), Map::new(), Map::new());
    for name in ["name", "container"] {
        copy(source, name, &mut new, name);
    }
    copy(source, "metricName", &mut identity, "name");
    copy(source, if field == "external" { "metricSelector" } else { "selector" }, &mut identity, "selector");
    copy(source, "target", &mut new, "describedObject");
    for (new_name, old_name) in names(is_status) {
        let old_name = if field == "object" && new_name == "averageValue" { new_name } else { old_name };
        copy(source, old_name, &mut side, new_name);
    }
    if !is_status {
        let kinds = [("averageUtilization", "Utilization"), ("averageValue", "AverageValue"), ("value", "Value")];
        if let Some((_, kind)) = kinds.iter().find(|(name, _)| side.contains_key(*name)) {
            side.insert("type".to_owned(), Value::from(*kind));
        }
    }
    if !identity.is_empty() {
        new.insert("metric".to_owned(), Value::Object(identity));
    }
    new.insert(if is_status { "current" } else { "target" }.to_owned(), Value::Object(side));
    json!({"type": metric["type"], field: new})
}

fn copy(from: &Value, name: &str, to: &mut Map<String, Value>, new_name: &str) {
    if let Some(value) = from.get(name) {
        to.insert(new_name.to_owned(), value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn autoscaler() -> Value {
        let requests = json!({"type": "AverageValue", "averageValue": "10"});
        json!({
            "metadata": {"name": "web", "annotations": {"own": "1"}},
            "spec": {
                "maxReplicas": 3,
                "metrics": [
                    {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}},
                    {"type": "Pods", "pods": {"metric": {"name": "requests"}, "target": requests}},
                    {"type": "Object", "object": {
                        "describedObject": {"kind": "Service", "name": "s"}, "metric": {"name": "hits"},
                        "target": {"type": "Value", "value": "5"}
                    }}
                ],
                "behavior": {"scaleDown": {"stabilizationWindowSeconds": 5}}
            },
            "status": {
                "currentReplicas": 1, "desiredReplicas": 2, "currentMetrics": null,
                "conditions": [{"type": "AbleToScale", "status": "True"}]
            }
        })
    }

    #[test]
    fn the_old_view_has_the_share_of_cpu_and_the_rest_in_annotations() {
        let mut old = autoscaler();
        to_v1(&mut old);
        assert_eq!(old["spec"], json!({"maxReplicas": 3, "targetCPUUtilizationPercentage": 60}));
        assert_eq!(old["status"], json!({"currentReplicas": 1, "desiredReplicas": 2}));
        let metrics: Value = serde_json::from_str(old["metadata"]["annotations"][METRICS].as_str().unwrap()).unwrap();
        assert_eq!(metrics[0], json!({"type": "Pods", "pods": {"metricName": "requests", "targetAverageValue": "10"}}));
        let target = json!({"kind": "Service", "name": "s"});
        assert_eq!(
            metrics[1],
            json!({"type": "Object", "object": {"target": target, "metricName": "hits", "targetValue": "5"}})
        );
    }

    #[test]
    fn there_and_back_again_nothing_is_lost() {
        let mut object = autoscaler();
        to_v1(&mut object);
        to_v2(&mut object);
        assert_eq!(object, autoscaler());
    }
}
