//! The Endpoints (`v1`) of Services, for clients that do not know EndpointSlices. It must not know EndpointSlices.
//! Upstream: `pkg/controller/endpoint`; all addresses of a Service are in one subset.

use std::net::Ipv4Addr;
use std::time::Duration;

use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{Action, Controller, ObjectKey};
use serde_json::{Map, Value, json};

use super::slice;
use crate::cluster::Cluster;
use crate::{kinds, pod, read};

/// Changes of pods are gathered for so long, since each is a write of the whole object: what upstream has
/// `--endpoint-updates-batch-period` for. Endpoints are a copy for old clients, so nobody waits for them.
const BATCH: Duration = Duration::from_millis(500);
/// Most addresses of one object; upstream's `maxCapacity`.
const MOST: usize = 1000;
/// Annotation of an object that holds fewer addresses than there are.
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";
const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
const CONTROLLER: &str = "endpoint-controller";

/// Starts the controller.
pub(crate) fn start(cluster: &Cluster) {
    let services = cluster.informer(&kinds::services());
    let pods = cluster.informer(&kinds::pods());
    let endpoints = cluster.informer(&kinds::endpoints());
    let known = services.clone();
    let controller = Controller::new("endpoint", &cluster.context)
        .watch(&services, |event| [ObjectKey::of(event.object())])
        .watch(&endpoints, |event| is_ours(event.object()).then(|| ObjectKey::of(event.object())))
        .reads(&pods);
    let queue = controller.queue();
    pods.add_handler(move |event| {
        for key in super::selecting(&known, event.object()) {
            queue.add_after(key, BATCH);
        }
    });
    let cluster = cluster.clone();
    controller.spawn(move |key| reconcile(cluster.clone(), key));
}

fn is_ours(endpoints: &Value) -> bool {
    object::label(endpoints, MANAGED_BY) == Some(CONTROLLER)
}

async fn reconcile(cluster: Cluster, key: ObjectKey) -> Result<Action, Error> {
    let resource = kinds::endpoints();
    let known = cluster.informer(&resource).get_key(&key);
    let service = cluster.informer(&kinds::services()).get_key(&key).filter(|service| !object::is_deleting(service));
    let Some(service) = service else {
        if known.as_ref().is_some_and(is_ours) {
            cluster.delete(&resource, &key.namespace, &key.name).await?;
        }
        return Ok(Action::done());
    };
    let mut pods = cluster.informer(&kinds::pods()).list_namespace(&key.namespace);
    pods.retain(|pod| slice::selects(&service, pod));
    let Some(wanted) = of(&service, &pods) else { return Ok(Action::done()) };
    let Some(known) = known else { return cluster.create(&resource, &wanted).await.map(|_| Action::done()) };
    if let Some(patch) = read::merge_diff(&part(&known), &part(&wanted)) {
        cluster.patch(&resource, &known, &patch).await?;
    }
    Ok(Action::done())
}

/// What the controller keeps of an object; annotations but its own are anybody's.
fn part(endpoints: &Value) -> Value {
    let mut part = json!({"metadata": {"labels": object::labels(endpoints), "annotations": {}}});
    if let Some(over) = object::annotation(endpoints, OVER_CAPACITY) {
        part["metadata"]["annotations"][OVER_CAPACITY] = json!(over);
    }
    if let Some(subsets) = endpoints.get("subsets") {
        part["subsets"] = subsets.clone();
    }
    part
}

/// The Endpoints of a Service with a selector.
fn of(service: &Value, pods: &[Value]) -> Option<Value> {
    slice::selector(service)?;
    let mut labels = slice::labels(service);
    labels.insert(MANAGED_BY.to_owned(), json!(CONTROLLER));
    let mut endpoints = json!({
        "apiVersion": "v1", "kind": "Endpoints",
        "metadata": {"name": object::name(service), "namespace": object::namespace(service), "labels": labels},
    });
    let (ready, not_ready) = addresses(service, pods);
    if ready.len() + not_ready.len() > MOST {
        object::set_annotation(&mut endpoints, OVER_CAPACITY, "truncated");
    }
    let ready: Vec<Value> = ready.into_iter().take(MOST).collect();
    let not_ready: Vec<Value> = not_ready.into_iter().take(MOST - ready.len()).collect();
    let parts = [("addresses", ready), ("notReadyAddresses", not_ready), ("ports", ports(service, pods))];
    let subset: Map<String, Value> =
        parts.into_iter().filter(|(_, list)| !list.is_empty()).map(|(k, list)| (k.to_owned(), json!(list))).collect();
    if subset.contains_key("addresses") || subset.contains_key("notReadyAddresses") {
        endpoints["subsets"] = json!([subset]);
    }
    Some(endpoints)
}

fn ports(service: &Value, pods: &[Value]) -> Vec<Value> {
    let mut ports = slice::ports(service, pods);
    for port in &mut ports {
        if read::text(port, "/name").is_none()
            && let Some(port) = port.as_object_mut()
        {
            port.remove("name");
        }
    }
    ports
}

/// The addresses of ready pods and of those that are not, by address.
fn addresses(service: &Value, pods: &[Value]) -> (Vec<Value>, Vec<Value>) {
    let publishes_all = read::flag(service, "/spec/publishNotReadyAddresses");
    let here = |pod: &&Value| !pod::is_finished(pod) && (publishes_all || !object::is_deleting(pod));
    let mut found: Vec<(Option<Ipv4Addr>, &Value, Value)> =
        pods.iter().filter(here).filter_map(|pod| Some((ip(pod), pod, address(pod)?))).collect();
    found.sort_by_key(|(ip, pod, _)| (*ip, object::uid(pod)));
    let (ready, not): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, pod, _)| publishes_all || pod::is_ready(pod));
    let last = |list: Vec<(_, _, Value)>| list.into_iter().map(|(_, _, address)| address).collect();
    (last(ready), last(not))
}

fn ip(pod: &Value) -> Option<Ipv4Addr> {
    read::text(pod, "/status/podIP")?.parse().ok()
}

fn address(pod: &Value) -> Option<Value> {
    Some(json!({
        "ip": read::text(pod, "/status/podIP")?,
        "nodeName": pod::node(pod),
        "targetRef": {
            "kind": "Pod", "name": object::name(pod), "namespace": object::namespace(pod), "uid": object::uid(pod),
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_pod(number: usize, ready: &str) -> Value {
        json!({"metadata": {"name": format!("p{number}"), "namespace": "n", "uid": format!("u{number}")},
               "spec": {"nodeName": "n1"},
               "status": {"phase": "Running", "podIP": format!("10.244.{}.{}", number / 250, number % 250 + 1),
                          "conditions": [{"type": "Ready", "status": ready}]}})
    }

    fn service() -> Value {
        json!({"metadata": {"name": "web", "namespace": "n"},
               "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}})
    }

    #[test]
    fn ready_and_other_addresses_are_told_apart() {
        let endpoints = of(&service(), &[a_pod(10, "True"), a_pod(9, "True"), a_pod(1, "False")]).unwrap();
        let subset = &endpoints["subsets"][0];
        assert_eq!(subset["addresses"][0]["ip"], "10.244.0.10");
        assert_eq!(subset["addresses"][1]["targetRef"]["name"], "p10");
        assert_eq!(subset["notReadyAddresses"][0]["ip"], "10.244.0.2");
        assert_eq!(subset["ports"], json!([{"port": 8080, "protocol": "TCP"}]));
        assert_eq!(
            part(&endpoints),
            part(&of(&service(), &[a_pod(9, "True"), a_pod(1, "False"), a_pod(10, "True")]).unwrap())
        );
    }

    #[test]
    fn a_service_without_pods_has_no_subset_and_too_many_are_cut_off() {
        assert!(of(&service(), &[]).unwrap().get("subsets").is_none());
        let pods: Vec<Value> = (0..1001).map(|number| a_pod(number, "True")).collect();
        let endpoints = of(&service(), &pods).unwrap();
        assert_eq!(endpoints["subsets"][0]["addresses"].as_array().unwrap().len(), 1000);
        assert_eq!(object::annotation(&endpoints, OVER_CAPACITY), Some("truncated"));
    }
}
