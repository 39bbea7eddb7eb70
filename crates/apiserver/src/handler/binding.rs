//! Bindings: a pod is given its node, once.
//! It must not know who chooses nodes.

use mainstay_apimachinery::object;
use serde_json::{Value, json};

use crate::Error;
use crate::call::Call;
use crate::options::WriteOptions;
use crate::respond::{Reply, success};
use crate::write::{self, Desired, Ownership};

/// `POST …/bindings`: a binding of the pod that has its name.
pub(super) async fn create(call: &Call, binding: &Value) -> Result<Reply, Error> {
    let mut pod = call.clone();
    pod.resource = call.server.registry().resolve(&call.cluster, "", "v1", "pods").ok_or_else(Error::no_such_path)?;
    pod.name = Some(object::name(binding).to_owned());
    pod.subresource = Some("binding".to_owned());
    bind(&pod, binding).await
}

/// Sets a pod's node, and the condition that says so.
pub(super) async fn bind(call: &Call, binding: &Value) -> Result<Reply, Error> {
    let target = binding.pointer("/target/name").and_then(Value::as_str).filter(|target| !target.is_empty());
    let target = target.ok_or_else(|| Error::unclassified("target.name: Required value"))?;
    let now = call.now();
    let (name, options) = (call.name_str(), WriteOptions::by_server(call));
    let result = write::change(call, &options, |old| {
        if object::is_deleting(old) {
            let why = format!("pod {name} is being deleted, cannot be assigned to a host");
            return Err(Error::conflict_on("pods/binding", name, &why));
        }
        let node = old.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or_default();
        if !node.is_empty() {
            let why = format!("pod {name} is already assigned to node {node:?}");
            return Err(Error::conflict_on("pods/binding", name, &why));
        }
        let object = bound(old, (target, binding), &now);
        Ok(Desired { object, warnings: Vec::new(), ownership: Ownership::Applied })
    });
    result.await?;
    Ok(success(201))
}

/// The pod with its node; annotations of the binding become the pod's.
fn bound(pod: &Value, (node, binding): (&str, &Value), now: &str) -> Value {
    let mut pod = pod.clone();
    pod["spec"]["nodeName"] = Value::from(node);
    for (key, value) in object::annotations(binding) {
        pod["metadata"]["annotations"][key] = value.clone();
    }
    let condition = json!({"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now});
    set_condition(&mut pod, condition);
    pod
}

/// Adds a condition to a pod's status, in the place of one of its type.
pub(super) fn set_condition(pod: &mut Value, condition: Value) {
    let known = pod.pointer("/status/conditions").and_then(Value::as_array);
    let others = known.into_iter().flatten().filter(|known| known["type"] != condition["type"]).cloned();
    let conditions: Vec<Value> = others.chain([condition.clone()]).collect();
    pod["status"]["conditions"] = Value::from(conditions);
}
