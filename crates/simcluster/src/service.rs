//! Services: their EndpointSlices and Endpoints, and an address for those of type LoadBalancer.
//! It must not know what controls the pods behind a Service.

pub(crate) mod endpoints;
pub(crate) mod slice;

use std::net::Ipv4Addr;

use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{Action, Controller, Informer, ObjectKey};
use serde_json::{Value, json};

use crate::cluster::{BY_CONTROLLER, CONTROLLER_MANAGER, Cluster};
use crate::{hash, kinds, owner, read};

/// Starts the controller.
pub(crate) fn start(cluster: &Cluster) {
    let services = cluster.informer(&kinds::services());
    let pods = cluster.informer(&kinds::pods());
    let slices = cluster.informer(&kinds::endpoint_slices());
    let cluster = cluster.clone();
    let known = services.clone();
    Controller::new("service", &cluster.context.clone())
        .watch(&services, |event| [ObjectKey::of(event.object())])
        .watch(&pods, move |event| selecting(&known, event.object()))
        .watch(&slices, |event| owner::controller_key(event.object(), "Service"))
        .spawn(move |key| reconcile(cluster.clone(), key));
}

/// The Services of the pod's namespace that select it. A pod without an address cannot be behind one.
pub(crate) fn selecting(services: &Informer, pod: &Value) -> Vec<ObjectKey> {
    if read::text(pod, "/status/podIP").is_none() {
        return Vec::new();
    }
    let near = services.list_namespace(object::namespace(pod).unwrap_or_default());
    near.iter().filter(|service| slice::selects(service, pod)).map(ObjectKey::of).collect()
}

async fn reconcile(cluster: Cluster, key: ObjectKey) -> Result<Action, Error> {
    let Some(service) = cluster.informer(&kinds::services()).get_key(&key) else { return Ok(Action::done()) };
    if object::is_deleting(&service) {
        return Ok(Action::done());
    }
    let mut pods = cluster.informer(&kinds::pods()).list_namespace(&key.namespace);
    pods.retain(|pod| slice::selects(&service, pod));
    let known = cluster.informer(&kinds::endpoint_slices()).by_index(BY_CONTROLLER, object::uid(&service));
    write_slices(&cluster, &key.namespace, slice::plan(&service, &pods, &known)).await?;
    if let Some(patch) = load_balancer(&service) {
        cluster.patch_status(CONTROLLER_MANAGER, &kinds::services(), &service, &patch).await?;
    }
    Ok(Action::done())
}

async fn write_slices(cluster: &Cluster, namespace: &str, plan: slice::Plan) -> Result<(), Error> {
    let resource = kinds::endpoint_slices();
    for slice in &plan.create {
        cluster.create(&resource, slice).await?;
    }
    for (slice, patch) in &plan.patch {
        cluster.patch(&resource, slice, patch).await?;
    }
    for name in &plan.delete {
        cluster.delete(&resource, namespace, name).await?;
    }
    Ok(())
}

/// The status patch that gives a LoadBalancer Service its address: one of TEST-NET-2 (RFC 5737), which leads nowhere.
fn load_balancer(service: &Value) -> Option<Value> {
    if read::text(service, "/spec/type") != Some("LoadBalancer") {
        return None;
    }
    let host = u8::try_from(1 + hash::below(&ObjectKey::of(service).to_string(), 254)).ok()?;
    let ingress = json!([{"ip": Ipv4Addr::new(198, 51, 100, host).to_string(), "ipMode": "VIP"}]);
    if service.pointer("/status/loadBalancer/ingress") == Some(&ingress) {
        return None;
    }
    Some(json!({"status": {"loadBalancer": {"ingress": ingress}}}))
}
