//! Which objects a quota with scopes counts: `spec.scopes` and `spec.scopeSelector`.
//! It must not know amounts. Upstream: `podMatchesScopeFunc` of `pkg/quota/v1/evaluator/core`.

use serde_json::Value;

use super::{items, text};

/// Whether an object of a resource is in all scopes of a quota. Scopes are of pods, and `VolumeAttributesClass` of
/// claims; a quota with a scope counts nothing else.
#[must_use]
pub fn in_scope(quota: &Value, resource: &str, object: &Value) -> bool {
    let plain = items(quota, "/spec/scopes").filter_map(Value::as_str).map(|scope| (scope, "Exists", &Value::Null));
    let selected = items(quota, "/spec/scopeSelector/matchExpressions").map(|expression| {
        let values = expression.get("values").unwrap_or(&Value::Null);
        let operator = text(expression, "/operator").unwrap_or("Exists");
        (text(expression, "/scopeName").unwrap_or_default(), operator, values)
    });
    plain.chain(selected).all(|(scope, operator, values)| matches(resource, object, scope, (operator, values)))
}

fn matches(resource: &str, object: &Value, scope: &str, selector: (&str, &Value)) -> bool {
    match (resource, scope) {
        ("pods", "Terminating") => is_terminating(object),
        ("pods", "NotTerminating") => !is_terminating(object),
        ("pods", "BestEffort") => is_best_effort(object),
        ("pods", "NotBestEffort") => !is_best_effort(object),
        ("pods", "PriorityClass") => selects(selector, text(object, "/spec/priorityClassName")),
        ("pods", "CrossNamespacePodAffinity") => crosses_namespaces(object),
        ("persistentvolumeclaims", "VolumeAttributesClass") => {
            selects(selector, text(object, "/spec/volumeAttributesClassName"))
        }
        _ => false,
    }
}

fn selects((operator, values): (&str, &Value), given: Option<&str>) -> bool {
    let given = given.filter(|given| !given.is_empty());
    let listed = || {
        let mut values = values.as_array().into_iter().flatten();
        given.is_some_and(|given| values.any(|value| value == given))
    };
    match operator {
        "In" => listed(),
        "NotIn" => !listed(),
        "DoesNotExist" => given.is_none(),
        _ => given.is_some(),
    }
}

fn is_terminating(pod: &Value) -> bool {
    pod.pointer("/spec/activeDeadlineSeconds").and_then(Value::as_i64).is_some_and(|seconds| seconds >= 0)
}

/// As `qos.GetPodQOS`: no container asks for anything.
fn is_best_effort(pod: &Value) -> bool {
    let asks = |container: &Value| {
        ["requests", "limits"].iter().any(|kind| {
            let given = container.pointer(&format!("/resources/{kind}")).and_then(Value::as_object);
            given.is_some_and(|given| given.keys().any(|name| name == "cpu" || name == "memory"))
        })
    };
    !items(pod, "/spec/containers").chain(items(pod, "/spec/initContainers")).any(asks)
}

fn crosses_namespaces(pod: &Value) -> bool {
    ["podAffinity", "podAntiAffinity"].iter().any(|kind| {
        let required = format!("/spec/affinity/{kind}/requiredDuringSchedulingIgnoredDuringExecution");
        let preferred = format!("/spec/affinity/{kind}/preferredDuringSchedulingIgnoredDuringExecution");
        let preferred = items(pod, &preferred).filter_map(|weighted| weighted.get("podAffinityTerm"));
        items(pod, &required)
            .chain(preferred)
            .any(|term| term.get("namespaceSelector").is_some() || items(term, "/namespaces").next().is_some())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pods_are_counted_in_their_scopes_only() {
        let pod =
            json!({"spec": {"priorityClassName": "high", "containers": [{"resources": {"requests": {"cpu": "1"}}}]}});
        let scoped = |scope: &str| in_scope(&json!({"spec": {"scopes": [scope]}}), "pods", &pod);
        assert!(scoped("NotBestEffort") && scoped("NotTerminating") && scoped("PriorityClass"));
        assert!(!scoped("BestEffort") && !scoped("Terminating") && !scoped("CrossNamespacePodAffinity"));
        let selected = |operator: &str, values: Value| {
            let expression = json!({"scopeName": "PriorityClass", "operator": operator, "values": values});
            in_scope(&json!({"spec": {"scopeSelector": {"matchExpressions": [expression]}}}), "pods", &pod)
        };
        assert!(selected("In", json!(["high"])) && !selected("In", json!(["low"])));
        assert!(selected("NotIn", json!(["low"])) && !selected("DoesNotExist", json!([])));
        assert!(!in_scope(&json!({"spec": {"scopes": ["BestEffort"]}}), "services", &json!({})));
    }
}
