//! The EndpointSlices of a Service, from the pods it selects. It must not know a clock or a client.
//! Upstream: `endpointslice/reconciler.go`.

use std::collections::BTreeMap;

use mainstay_apimachinery::object;
use serde_json::{Map, Value, json};

use crate::{hash, owner, pod, read};

/// Most endpoints of one slice; upstream's `--max-endpoints-per-slice`.
const MAX_ENDPOINTS: usize = 100;

/// What the slices of a Service need.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Plan {
    /// Slices to create.
    pub create: Vec<Value>,
    /// Merge patches, each with the slice it is for.
    pub patch: Vec<(Value, Value)>,
    /// Names of slices to delete.
    pub delete: Vec<String>,
}

/// Compares the slices of a Service with the pods behind it. One without a selector needs nothing: its endpoints are
/// somebody else's. An endpoint stays in its slice, so that a change of one pod rewrites one slice.
pub(crate) fn plan(service: &Value, pods: &[Value], known: &[Value]) -> Plan {
    if selector(service).is_none() {
        return Plan::default();
    }
    let mut wanted: BTreeMap<String, Value> =
        pods.iter().filter_map(|pod| Some((object::uid(pod).to_owned(), endpoint(service, pod)?))).collect();
    let mut known: Vec<&Value> = known.iter().collect();
    known.sort_by_key(|slice| object::name(slice));
    let mut kept: Vec<Vec<Value>> = known.iter().map(|slice| keep(slice, &mut wanted)).collect();
    let mut added: Vec<Value> = wanted.into_values().collect();
    sort(&mut added);
    fill(&mut kept, &mut added);
    let mut plan = Plan::default();
    let ports = json!(ports(service, pods));
    let mut survivors = kept.iter().filter(|endpoints| !endpoints.is_empty()).count();
    for (slice, endpoints) in known.iter().zip(kept) {
        // The last one stays though it is empty: it says that there is no endpoint.
        if endpoints.is_empty() && (survivors > 0 || !added.is_empty()) {
            plan.delete.push(object::name(slice).to_owned());
            continue;
        }
        survivors = survivors.max(1);
        let part = json!({"endpoints": slice.get("endpoints"), "ports": slice.get("ports")});
        if let Some(patch) = read::merge_diff(&part, &json!({"endpoints": endpoints, "ports": ports})) {
            plan.patch.push(((*slice).clone(), patch));
        }
    }
    let chunks: Vec<&[Value]> = added.chunks(MAX_ENDPOINTS).collect();
    let none: &[Value] = &[];
    let chunks = if chunks.is_empty() && known.is_empty() { vec![none] } else { chunks };
    let free = (0..).map(|index| name(service, index)).filter(|name| !known.iter().any(|it| object::name(it) == name));
    plan.create = chunks.into_iter().zip(free).map(|(chunk, name)| new_slice(service, &name, chunk, &ports)).collect();
    plan
}

/// The endpoints of a slice that are still wanted, as they are wanted now.
fn keep(slice: &Value, wanted: &mut BTreeMap<String, Value>) -> Vec<Value> {
    let uids = read::items(slice, "/endpoints").filter_map(|endpoint| read::text(endpoint, "/targetRef/uid"));
    uids.filter_map(|uid| wanted.remove(uid)).collect()
}

/// Puts new endpoints where there is room, the fullest slice first.
fn fill(kept: &mut [Vec<Value>], added: &mut Vec<Value>) {
    let mut order: Vec<&mut Vec<Value>> = kept.iter_mut().filter(|endpoints| endpoints.len() < MAX_ENDPOINTS).collect();
    order.sort_by_key(|endpoints| std::cmp::Reverse(endpoints.len()));
    for endpoints in order {
        let room = (MAX_ENDPOINTS - endpoints.len()).min(added.len());
        endpoints.extend(added.drain(..room));
        sort(endpoints);
    }
}

fn sort(endpoints: &mut [Value]) {
    endpoints.sort_by(|a, b| read::text(a, "/targetRef/name").cmp(&read::text(b, "/targetRef/name")));
}

fn new_slice(service: &Value, name: &str, endpoints: &[Value], ports: &Value) -> Value {
    let mut labels = labels(service);
    labels.insert("kubernetes.io/service-name".to_owned(), json!(object::name(service)));
    labels.insert("endpointslice.kubernetes.io/managed-by".to_owned(), json!("endpointslice-controller.k8s.io"));
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "name": name,
            "generateName": format!("{}-", object::name(service)),
            "namespace": object::namespace(service),
            "labels": labels,
            "ownerReferences": [owner::reference(service)],
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": ports,
    })
}

/// The labels of a Service, as its endpoints have them.
pub(crate) fn labels(service: &Value) -> Map<String, Value> {
    let mut labels = object::labels(service).clone();
    if read::text(service, "/spec/clusterIP") == Some("None") {
        labels.insert("service.kubernetes.io/headless".to_owned(), json!(""));
    }
    labels
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

/// The name of a slice; upstream's suffix is random.
fn name(service: &Value, index: usize) -> String {
    let (namespace, name) = (object::namespace(service).unwrap_or_default(), object::name(service));
    let ordinal = if index == 0 { String::new() } else { format!("/{index}") };
    format!("{name}-{}", hash::suffix(&format!("{namespace}/{name}{ordinal}")))
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

/// The ports of a Service at its pods.
pub(crate) fn ports(service: &Value, pods: &[Value]) -> Vec<Value> {
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
        json!({"metadata": {"name": name, "namespace": "n", "uid": name, "labels": {"app": "web", "x": "y"}},
               "spec": {"nodeName": "n1", "containers": [{"ports": [{"name": "http", "containerPort": 8080}]}]},
               "status": {"phase": "Running", "podIP": "10.244.0.1", "conditions": [{"type": "Ready", "status": ready}]}})
    }

    fn pods(count: usize) -> Vec<Value> {
        (0..count).map(|index| a_pod(&format!("p{index:04}"), "True")).collect()
    }

    fn size(slice: &Value) -> usize {
        read::items(slice, "/endpoints").count()
    }

    #[test]
    fn ready_pods_are_ready_endpoints_and_named_ports_are_resolved() {
        let slice = plan(&service(), &[a_pod("b", "False"), a_pod("a", "True")], &[]).create.remove(0);
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
        assert_eq!(plan(&service(), &[pod], &[]).create[0]["endpoints"], json!([]));
        let mut bare = service();
        bare["spec"].as_object_mut().unwrap().remove("selector");
        assert_eq!(plan(&bare, &[], &[]), Plan::default());
    }

    #[test]
    fn slices_hold_a_hundred_and_a_change_touches_one() {
        let many = plan(&service(), &pods(250), &[]).create;
        assert_eq!(many.iter().map(size).collect::<Vec<_>>(), [100, 100, 50]);
        assert_eq!(plan(&service(), &pods(250), &many), Plan::default());
        let one_more = plan(&service(), &pods(251), &many);
        assert_eq!((one_more.create.len(), one_more.patch.len(), size(&one_more.patch[0].1)), (0, 1, 51));
        let one_less = plan(&service(), &pods(250)[1..], &many);
        assert_eq!((one_less.patch.len(), size(&one_less.patch[0].1)), (1, 99));
        let few = plan(&service(), &pods(100), &many);
        assert_eq!((few.patch.len(), few.delete.len()), (0, 2));
        let none = plan(&service(), &[], &many);
        assert_eq!((none.patch.len(), none.delete.len()), (1, 2), "one stays, and is empty");
    }
}
