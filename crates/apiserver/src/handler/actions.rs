//! `POST`s that store nothing of their own: bindings and evictions of pods, and reviews.
//! It must not know how objects are stored.

use bytes::Bytes;
use mainstay_apimachinery::object;
use serde_json::{Value, json};

use crate::call::Call;
use crate::handler::{credentials, delete, read, reviews};
use crate::options::{Validation, WriteOptions};
use crate::respond::{Reply, json_value};
use crate::write::{self, Desired, Ownership};
use crate::{Error, body};

/// Answers one of them.
pub(crate) async fn create(call: &Call, bytes: &Bytes) -> Result<Reply, Error> {
    match (&*call.resource.group, call.subresource_str()) {
        ("authorization.k8s.io", _) => return reviews::create(call, bytes),
        ("authentication.k8s.io", _) | (_, "token") => return credentials::create(call, bytes),
        _ => {}
    }
    let sent = body::read(&call.content_type, bytes)?.value;
    match (&*call.resource.plural, call.subresource_str()) {
        ("pods", "binding") => bind(call, &sent, call.name_str()).await,
        ("bindings", "") => {
            let name = object::name(&sent).to_owned();
            let mut pod = call.clone();
            pod.resource =
                call.server.registry().resolve(&call.cluster, "", "v1", "pods").ok_or_else(Error::no_such_path)?;
            bind(&pod, &sent, &name).await
        }
        ("pods", "eviction") => evict(call, &sent).await,
        _ => Err(Error::method_not_allowed()),
    }
}

/// Sets a pod's node, once, and the condition that says so.
async fn bind(call: &Call, binding: &Value, name: &str) -> Result<Reply, Error> {
    let target = binding.pointer("/target/name").and_then(Value::as_str).filter(|target| !target.is_empty());
    let target = target.ok_or_else(|| Error::unclassified("target.name: Required value"))?;
    let mut pod = call.clone();
    pod.name = Some(name.to_owned());
    pod.subresource = Some("binding".to_owned());
    let now = call.now();
    let options = plain_options(call);
    let result = write::change(&pod, &options, |old| {
        let node = old.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or_default();
        if !node.is_empty() {
            let why = format!("pod {name} is already assigned to node {node:?}");
            return Err(Error::conflict_on("pods/binding", name, &why));
        }
        let object = bound(old, target, &now);
        Ok(Desired { object, warnings: Vec::new(), ownership: Ownership::Applied })
    });
    result.await?;
    Ok(json_value(
        201,
        &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}),
    ))
}

fn bound(pod: &Value, node: &str, now: &str) -> Value {
    let mut pod = pod.clone();
    pod["spec"]["nodeName"] = Value::from(node);
    let condition = json!({"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now});
    let known = pod.pointer("/status/conditions").and_then(Value::as_array);
    let others = known.into_iter().flatten().filter(|known| known["type"] != "PodScheduled").cloned();
    let conditions: Vec<Value> = others.chain([condition]).collect();
    pod["status"]["conditions"] = Value::from(conditions);
    pod
}

fn plain_options(call: &Call) -> WriteOptions {
    let dry_run = call.query.get("dryRun").is_some();
    WriteOptions { dry_run, manager: call.manager(), validation: Validation::Ignore, force: false }
}

/// Deletes a pod in the way of `policy/v1` `Eviction`; disruption budgets are not asked.
async fn evict(call: &Call, eviction: &Value) -> Result<Reply, Error> {
    let mut pod = call.clone();
    pod.subresource = None;
    pod.content_type = "application/json".to_owned();
    let options = eviction.get("deleteOptions").cloned().unwrap_or_else(|| json!({}));
    delete::delete(&pod, &read::bytes_of(&options)).await?;
    Ok(json_value(
        201,
        &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}),
    ))
}
