//! What objects use of a ResourceQuota: one meaning for the controller that counts and for the server that refuses.
//! It must not know where objects are. Upstream: `pkg/quota/v1/evaluator/core`.

mod charge;
mod scope;

use serde_json::Value;

pub use charge::charge;
pub use scope::in_scope;

use crate::quantity::Quantity;

/// Names of a quota for the number of objects of a resource, from before `count/…` existed.
const COUNTED: [&str; 7] =
    ["pods", "services", "secrets", "configmaps", "persistentvolumeclaims", "resourcequotas", "replicationcontrollers"];

/// Stands in an entry between the name of a storage class and what is counted of its claims.
const STORAGE_CLASS: &str = ".storageclass.storage.k8s.io/";

/// The resource whose objects an entry of `spec.hard` counts, with its group: `pods` for `requests.cpu`,
/// `deployments.apps` for `count/deployments.apps`. `None` for an entry that is not known.
#[must_use]
pub fn counted_resource(entry: &str) -> Option<&str> {
    if let Some(resource) = entry.strip_prefix("count/") {
        return Some(resource);
    }
    match entry {
        _ if COUNTED.contains(&entry) => Some(entry),
        "services.loadbalancers" | "services.nodeports" => Some("services"),
        "requests.storage" => Some("persistentvolumeclaims"),
        _ if entry.contains(STORAGE_CLASS) => Some("persistentvolumeclaims"),
        "cpu" | "memory" | "ephemeral-storage" => Some("pods"),
        _ if entry.starts_with("requests.") || entry.starts_with("limits.") => Some("pods"),
        _ => None,
    }
}

/// How much of an entry one object of the entry's resource uses. Finished pods use nothing.
#[must_use]
pub fn usage(entry: &str, object: &Value) -> Quantity {
    let one = |counts: bool| Quantity::from_units(i64::from(counts));
    if let Some((class, what)) = entry.split_once(STORAGE_CLASS) {
        let of_class = text(object, "/spec/storageClassName") == Some(class);
        return if of_class { usage(what, object) } else { Quantity::default() };
    }
    match entry {
        _ if entry.starts_with("count/") => one(true),
        "pods" => one(!is_finished(object)),
        "services.loadbalancers" => one(text(object, "/spec/type") == Some("LoadBalancer")),
        "services.nodeports" => Quantity::from_units(node_ports(object)),
        "requests.storage" => quantity(object.pointer("/spec/resources/requests/storage")),
        _ if COUNTED.contains(&entry) => one(true),
        _ => usage_of_pod(entry, object),
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer).and_then(Value::as_str)
}

fn items<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    object.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn is_finished(pod: &Value) -> bool {
    matches!(text(pod, "/status/phase"), Some("Succeeded" | "Failed"))
}

/// The ports that will be allocated, which they may not be yet: what counts is the intent.
fn node_ports(service: &Value) -> i64 {
    let suppressed = service.pointer("/spec/allocateLoadBalancerNodePorts") == Some(&Value::Bool(false));
    match text(service, "/spec/type") {
        Some("NodePort") => return count(items(service, "/spec/ports")),
        Some("LoadBalancer") if !suppressed => return count(items(service, "/spec/ports")),
        Some("LoadBalancer") => {}
        _ => return 0,
    }
    let has_port = |port: &&Value| port.get("nodePort").and_then(Value::as_i64).is_some_and(|port| port > 0);
    count(items(service, "/spec/ports").filter(has_port))
}

fn count<'a>(items: impl Iterator<Item = &'a Value>) -> i64 {
    i64::try_from(items.count()).unwrap_or(i64::MAX)
}

fn usage_of_pod(entry: &str, pod: &Value) -> Quantity {
    if is_finished(pod) {
        return Quantity::from_units(0);
    }
    let (kind, name) = match entry.split_once('.') {
        Some((kind @ ("requests" | "limits"), name)) => (kind, name),
        _ => ("requests", entry),
    };
    let of = |container: &Value| quantity(container.pointer(&format!("/resources/{kind}/{name}")));
    let mut together: Quantity = items(pod, "/spec/containers").map(of).sum();
    // Init containers run alone, one after the other, but beside the sidecars started before them.
    let (mut sidecars, mut most) = (Quantity::default(), Quantity::default());
    for container in items(pod, "/spec/initContainers") {
        if container.get("restartPolicy").is_some_and(|policy| policy == "Always") {
            sidecars = sidecars + of(container);
            together = together + of(container);
            most = most.max(sidecars);
        } else {
            most = most.max(sidecars + of(container));
        }
    }
    let overhead = quantity(pod.pointer(&format!("/spec/overhead/{name}")));
    let used = together.max(most);
    if used.is_zero() && kind == "limits" { used } else { used + overhead }
}

fn quantity(value: Option<&Value>) -> Quantity {
    value.and_then(|value| Quantity::from_value(value).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(phase: &str) -> Value {
        json!({"status": {"phase": phase}, "spec": {
            "initContainers": [{"resources": {"requests": {"cpu": "400m"}}}],
            "containers": [
                {"resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}}},
                {"resources": {"requests": {"cpu": "200m"}}}]}})
    }

    #[test]
    fn a_pod_uses_what_it_asks_for_until_it_is_finished() {
        let amounts = ["pods", "requests.cpu", "cpu", "limits.memory", "memory", "count/pods"];
        let printed = |phase| amounts.map(|entry| usage(entry, &pod(phase)).to_string());
        assert_eq!(printed("Running"), ["1", "400m", "400m", "128Mi", "64Mi", "1"]);
        assert_eq!(printed("Succeeded"), ["0", "0", "0", "0", "0", "1"]);
    }

    #[test]
    fn services_and_claims_are_counted_by_what_they_are() {
        let service = json!({"spec": {"type": "LoadBalancer", "ports": [{"nodePort": 30000}, {"port": 1}]}});
        let amounts = ["services", "services.loadbalancers", "services.nodeports"];
        assert_eq!(amounts.map(|entry| usage(entry, &service).to_string()), ["1", "1", "2"]);
        let claim = json!({"spec": {"resources": {"requests": {"storage": "2Gi"}}}});
        assert_eq!(usage("requests.storage", &claim).to_string(), "2Gi");
        assert_eq!(counted_resource("count/deployments.apps"), Some("deployments.apps"));
        assert_eq!(counted_resource("odd"), None);
    }
}
