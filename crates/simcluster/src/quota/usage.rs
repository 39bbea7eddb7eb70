//! What the objects of a namespace use of a ResourceQuota. It must not know a clock or a client.
//! Upstream: `pkg/quota/v1/evaluator/core`.

use std::collections::BTreeMap;

use mainstay_apimachinery::quantity::Quantity;
use serde_json::{Map, Value, json};

use crate::{pod, read};

/// Objects of a namespace by plural resource with its group, such as `pods` or `deployments.apps`.
pub(crate) type Objects = BTreeMap<String, Vec<Value>>;

/// Names of a quota for the number of objects of a resource, from before `count/…` existed.
const COUNTED: [&str; 7] =
    ["pods", "services", "secrets", "configmaps", "persistentvolumeclaims", "resourcequotas", "replicationcontrollers"];

/// The resource whose objects a quota's entry counts, such as `pods` for `requests.cpu`; `None` for one not known here.
pub(crate) fn counted_resource(entry: &str) -> Option<String> {
    if let Some(resource) = entry.strip_prefix("count/") {
        return Some(resource.to_owned());
    }
    if COUNTED.contains(&entry) {
        return Some(entry.to_owned());
    }
    match entry {
        "services.loadbalancers" | "services.nodeports" => Some("services".to_owned()),
        "requests.storage" => Some("persistentvolumeclaims".to_owned()),
        "cpu" | "memory" | "ephemeral-storage" => Some("pods".to_owned()),
        _ if entry.starts_with("requests.") || entry.starts_with("limits.") => Some("pods".to_owned()),
        _ => None,
    }
}

/// How much of an entry the objects use; `None` if the entry counts nothing known here.
pub(crate) fn used(entry: &str, objects: &Objects) -> Option<Quantity> {
    let resource = counted_resource(entry)?;
    let counted = objects.get(&resource).map(Vec::as_slice).unwrap_or_default();
    Some(counted.iter().map(|object| of_object(entry, object)).sum())
}

/// How much of an entry one object of the entry's resource uses.
fn of_object(entry: &str, object: &Value) -> Quantity {
    let one = |counts: bool| Quantity::from_units(i64::from(counts));
    match entry {
        _ if entry.starts_with("count/") => one(true),
        "pods" => one(!pod::is_finished(object)),
        "services.loadbalancers" => one(read::text(object, "/spec/type") == Some("LoadBalancer")),
        "services.nodeports" => Quantity::from_units(node_ports(object)),
        "requests.storage" => quantity(object.pointer("/spec/resources/requests/storage")),
        _ if COUNTED.contains(&entry) => one(true),
        _ => of_pod(entry, object),
    }
}

fn node_ports(service: &Value) -> i64 {
    let count = read::items(service, "/spec/ports").filter(|port| read::count(port, "/nodePort") > 0).count();
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn of_pod(entry: &str, pod: &Value) -> Quantity {
    if pod::is_finished(pod) {
        return Quantity::from_units(0);
    }
    let (kind, name) = match entry.split_once('.') {
        Some((kind @ ("requests" | "limits"), name)) => (kind, name),
        _ => ("requests", entry),
    };
    let of = |container: &Value| quantity(container.pointer(&format!("/resources/{kind}/{name}")));
    let together: Quantity = read::items(pod, "/spec/containers").map(of).sum();
    // Init containers run alone, one after the other.
    read::items(pod, "/spec/initContainers").map(of).fold(together, Ord::max)
}

fn quantity(value: Option<&Value>) -> Quantity {
    value.and_then(|value| Quantity::from_value(value).ok()).unwrap_or_else(|| Quantity::from_units(0))
}

/// The whole status of a quota.
pub(crate) fn status(quota: &Value, objects: &Objects) -> Value {
    let hard = quota.pointer("/spec/hard").and_then(Value::as_object).cloned().unwrap_or_default();
    let used: Map<String, Value> =
        hard.keys().filter_map(|entry| Some((entry.clone(), Value::from(used(entry, objects)?.to_string())))).collect();
    json!({"hard": hard, "used": used})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_pod(phase: &str) -> Value {
        json!({"status": {"phase": phase}, "spec": {
            "initContainers": [{"resources": {"requests": {"cpu": "400m"}}}],
            "containers": [
                {"resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}}},
                {"resources": {"requests": {"cpu": "200m"}}}]}})
    }

    #[test]
    fn usage_is_that_of_unfinished_pods_and_of_all_other_objects() {
        let objects = Objects::from([
            ("pods".to_owned(), vec![a_pod("Running"), a_pod("Succeeded")]),
            ("deployments.apps".to_owned(), vec![json!({}), json!({})]),
        ]);
        let quota = json!({"spec": {"hard": {"pods": "5", "requests.cpu": "2", "limits.memory": "1Gi", "memory": "1Gi",
            "count/deployments.apps": "3", "services": "1", "odd": "1"}}});
        let expected = json!({"pods": "1", "requests.cpu": "400m", "limits.memory": "128Mi", "memory": "64Mi",
            "count/deployments.apps": "2", "services": "0"});
        assert_eq!(status(&quota, &objects)["used"], expected);
    }
}
