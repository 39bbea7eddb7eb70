//! Defaults of policies, bindings and definitions that depend on other fields. It must not know workloads.

use serde_json::{Value, json};

use super::{Object, child, items, made, set, text};

const RBAC: &str = "rbac.authorization.k8s.io";

/// `SetDefaults_HorizontalPodAutoscaler` of autoscaling/v2.
pub(super) fn autoscaler(autoscaler: &mut Object) {
    let Some(spec) = made(autoscaler, "spec") else { return };
    let no_metrics = spec.get("metrics").and_then(Value::as_array).is_none_or(Vec::is_empty);
    if no_metrics {
        let target = json!({"type": "Utilization", "averageUtilization": 80});
        let metric = json!({"type": "Resource", "resource": {"name": "cpu", "target": target}});
        spec.insert("metrics".to_owned(), json!([metric]));
    }
    let Some(behavior) = child(spec, "behavior") else { return };
    let percent = json!({"type": "Percent", "value": 100, "periodSeconds": 15});
    let pods = json!({"type": "Pods", "value": 4, "periodSeconds": 15});
    if let Some(up) = made(behavior, "scaleUp") {
        set(up, "stabilizationWindowSeconds", 0);
        set(up, "selectPolicy", "Max");
        set(up, "policies", json!([pods, percent]));
    }
    if let Some(down) = made(behavior, "scaleDown") {
        set(down, "selectPolicy", "Max");
        set(down, "policies", json!([percent]));
    }
}

/// `SetDefaults_NetworkPolicy`: the types follow from the rules.
pub(super) fn network_policy(policy: &mut Object) {
    let Some(spec) = made(policy, "spec") else { return };
    let has_egress = spec.get("egress").and_then(Value::as_array).is_some_and(|rules| !rules.is_empty());
    set(spec, "policyTypes", if has_egress { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) });
}

/// Groups of subjects; service accounts have none.
pub(super) fn role_binding(binding: &mut Object) {
    for subject in items(binding, "subjects") {
        if matches!(text(subject, "kind"), "User" | "Group") {
            set(subject, "apiGroup", RBAC);
        }
    }
}

/// `SetDefaults_LimitRangeItem`: limits follow from the maximum, requests from limits or the minimum.
pub(super) fn limit_range(range: &mut Object) {
    let Some(spec) = child(range, "spec") else { return };
    for limit in items(spec, "limits").filter(|limit| text(limit, "type") == "Container") {
        inherit(limit, "max", "default");
        inherit(limit, "default", "defaultRequest");
        inherit(limit, "min", "defaultRequest");
    }
}

fn inherit(limit: &mut Object, from: &str, to: &str) {
    let Some(amounts) = limit.get(from).and_then(Value::as_object).filter(|found| !found.is_empty()).cloned() else {
        return;
    };
    let Some(target) = made(limit, to) else { return };
    for (name, amount) in amounts {
        set(target, &name, amount);
    }
}

/// `SetDefaults_CustomResourceDefinitionSpec`: names that follow from the kind.
pub(super) fn custom_resource_definition(definition: &mut Object) {
    let Some(names) = child(definition, "spec").and_then(|spec| child(spec, "names")) else { return };
    let kind = text(names, "kind").to_owned();
    if !kind.is_empty() {
        set(names, "singular", kind.to_lowercase());
        set(names, "listKind", format!("{kind}List"));
    }
}
