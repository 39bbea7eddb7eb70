//! The EndpointSlice of a Service, from the pods it selects. It must not know a clock or a client.
//! Upstream: `endpointslice/reconciler.go`; one slice per Service, of at most 1000 endpoints.

use mainstay_apimachinery::object;
use serde_json::{Map, Value, json};

use crate::{hash, owner, pod, read};

/// Most endpoints a slice may hold; the API's limit.
const MAX_ENDPOINTS: usize = 1000;

/// The slice of a Service with a selector; `None` for one without, whose endpoints are somebody else's.
pub(crate) fn slice(service: &Value, pods: &[Value]) -> Option<Value> {
    selector(service)?;
    let mut endpoints: Vec<Value> = pods.iter().filter_map(|pod| endpoint(service, pod)).take(MAX_ENDPOINTS).collect();
    endpoints.sort_by(|a, b| read::text(a, "/targetRef/name").cmp(&read::text(b, "/targetRef/name")));
    let mut labels = object::labels(service).clone();
    labels.insert("kubernetes.io/service-name".to_owned(), json!(object::name(service)));
    labels.insert("endpointslice.kubernetes.io/managed-by".to_owned(), json!("endpointslice-controller.k8s.io"));
    if read::text(service, "/spec/clusterIP") == Some("None") {
        labels.insert("service.kubernetes.io/headless".to_owned(), json!(""));
    }
    Some(json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "name": name(service),
            "generateName": format!("{}-", object::name(service)),
            "namespace": object::namespace(service),
            "labels": labels,
            "ownerReferences": [owner::reference(service)],
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": ports(service, pods),
    }))
}

/// The label pairs that a Service selects pods by.
pub(crate) fn selector(service: &Value) -> Option<&Map<String, Value>> {
    service.pointer("/spec/selector").and_then(Value::as_object).filter(|selector| !selector.is_empty())
}

/// Whether a Service selects a pod.
pub(crate) fn selects(service: &Value, pod: &Value) -> bool {
    let labels = object::labels(pod);
    selector(service).is_some_and(|wanted| wanted.iter().all(|(key, value)| labels.get(key) == Some(value)))
}

/// The slice's name; upstream's suffix is random.
pub(crate) fn name(service: &Value) -> String {
    let namespace = object::namespace(service).unwrap_or_default();
    format!("{}-{}", object::name(service), hash::suffix(&format!("{namespace}/{}", object::name(service))))
}

fn endpoint(service: &Value, pod: &Value) -> Option<Value> {
    if pod::is_finished(pod) {
        return None;
    }
    let address = read::text(pod, "/status/podIP")?;
    let publishes_all = read::flag(service, "/spec/publishNotReadyAddresses");
    let (serving, terminating) = (pod::is_ready(pod), object::is_deleting(pod));
    Some(json!({
        "addresses": [address],
        "conditions": {
            "ready": publishes_all || (serving && !terminating),
            "serving": publishes_all || serving,
            "terminating": terminating,
        },
        "nodeName": pod::node(pod),
        "targetRef": {
            "kind": "Pod", "name": object::name(pod), "namespace": object::namespace(pod), "uid": object::uid(pod),
        },
    }))
}

fn ports(service: &Value, pods: &[Value]) -> Vec<Value> {
    let mut ports = Vec::new();
    for port in read::items(service, "/spec/ports") {
        let Some(number) = target_port(port, pods) else { continue };
        let mut entry = json!({
            "name": read::text(port, "/name").unwrap_or_default(),
            "port": number,
            "protocol": read::text(port, "/protocol").unwrap_or("TCP"),
        });
        if let Some(protocol) = read::text(port, "/appProtocol") {
            entry["appProtocol"] = json!(protocol);
        }
        ports.push(entry);
    }
    ports
}

/// The number of a target port; a name is looked up in the pods' containers. Upstream: `FindPort`.
fn target_port(port: &Value, pods: &[Value]) -> Option<i64> {
    match port.get("targetPort") {
        Some(Value::String(name)) => pods.iter().find_map(|pod| container_port(pod, name)),
        Some(number) => number.as_i64(),
        None => read::int(port, "/port"),
    }
}

fn container_port(pod: &Value, name: &str) -> Option<i64> {
    read::items(pod, "/spec/containers")
        .flat_map(|container| read::items(container, "/ports"))
        .find(|port| read::text(port, "/name") == Some(name))
        .and_then(|port| read::int(port, "/containerPort"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> Value {
        json!({"metadata": {"name": "web", "namespace": "n", "uid": "s", "labels": {"app": "web"}},
               "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}})
    }

    fn a_pod(name: &str, ready: &str) -> Value {
        json!({"metadata": {"name": name, "namespace": "n", "labels": {"app": "web", "x": "y"}},
               "spec": {"nodeName": "n1", "containers": [{"ports": [{"name": "http", "containerPort": 8080}]}]},
               "status": {"phase": "Running", "podIP": "10.244.0.1", "conditions": [{"type": "Ready", "status": ready}]}})
    }

    #[test]
    fn ready_pods_are_ready_endpoints_and_named_ports_are_resolved() {
        let slice = slice(&service(), &[a_pod("b", "False"), a_pod("a", "True")]).unwrap();
        assert_eq!(slice["endpoints"][0]["targetRef"]["name"], "a");
        assert_eq!(slice["endpoints"][0]["conditions"]["ready"], true);
        assert_eq!(slice["endpoints"][1]["conditions"]["ready"], false);
        assert_eq!(slice["ports"], json!([{"name": "http", "port": 8080, "protocol": "TCP"}]));
        assert_eq!(object::label(&slice, "kubernetes.io/service-name"), Some("web"));
        assert!(selects(&service(), &a_pod("a", "True")));
    }

    #[test]
    fn a_pod_without_an_address_is_no_endpoint_and_no_selector_no_slice() {
        let mut pod = a_pod("a", "True");
        pod["status"].as_object_mut().unwrap().remove("podIP");
        assert_eq!(slice(&service(), &[pod]).unwrap()["endpoints"], json!([]));
        let mut bare = service();
        bare["spec"].as_object_mut().unwrap().remove("selector");
        assert!(slice(&bare, &[]).is_none());
    }
}
