//! `POST`s that store nothing of their own: reviews of identity and access, bindings and evictions of pods.
//! It must not know how objects are stored.

use bytes::Bytes;
use mainstay_apimachinery::object;
use mainstay_controller_runtime::clock::format_seconds;
use serde_json::{Value, json};

use crate::call::Call;
use crate::handler::{delete, read};
use crate::identity::{Attributes, Identity};
use crate::options::{Validation, WriteOptions};
use crate::respond::{Reply, json_value};
use crate::write::{self, Desired, Ownership};
use crate::{Error, body};

/// Answers one of them.
pub(crate) async fn create(call: &Call, bytes: &Bytes) -> Result<Reply, Error> {
    let sent = body::read(&call.content_type, bytes)?.value;
    match (&*call.resource.plural, call.subresource_str()) {
        ("selfsubjectreviews", "") => Ok(reviewed(call, sent, json!({"userInfo": user_info(&call.identity)}))),
        ("selfsubjectaccessreviews", "") => Ok(review_access(call, sent, &call.identity)),
        ("subjectaccessreviews" | "localsubjectaccessreviews", "") => {
            let identity = subject(&sent);
            Ok(review_access(call, sent, &identity))
        }
        ("selfsubjectrulesreviews", "") => Ok(review_rules(call, sent)),
        ("tokenreviews", "") => review_token(call, sent),
        ("serviceaccounts", "token") => request_token(call, sent),
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

fn user_info(identity: &Identity) -> Value {
    json!({"username": identity.user, "groups": identity.groups})
}

fn reviewed(call: &Call, mut review: Value, status: Value) -> Reply {
    review["kind"] = Value::from(&*call.resource.kind);
    review["apiVersion"] = Value::from(call.resource.api_version());
    if review.get("metadata").is_none() {
        review["metadata"] = json!({});
    }
    review["status"] = status;
    json_value(201, &review)
}

fn subject(review: &Value) -> Identity {
    let groups = review.pointer("/spec/groups").and_then(Value::as_array).into_iter().flatten();
    let groups: Vec<&str> = groups.filter_map(Value::as_str).collect();
    Identity::new(review.pointer("/spec/user").and_then(Value::as_str).unwrap_or_default(), &groups)
}

fn review_access(call: &Call, review: Value, identity: &Identity) -> Reply {
    let text = |pointer: &str| review.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let on_resource = review.pointer("/spec/resourceAttributes").is_some();
    let verb = if on_resource { "/spec/resourceAttributes/verb" } else { "/spec/nonResourceAttributes/verb" };
    let attributes = Attributes {
        cluster: &call.cluster,
        verb: text(verb),
        group: text("/spec/resourceAttributes/group"),
        resource: text("/spec/resourceAttributes/resource"),
        subresource: text("/spec/resourceAttributes/subresource"),
        namespace: text("/spec/resourceAttributes/namespace"),
        name: text("/spec/resourceAttributes/name"),
        path: text("/spec/nonResourceAttributes/path"),
    };
    let allowed = call.server.options().authorizer.allows(identity, &attributes);
    reviewed(call, review, json!({"allowed": allowed}))
}

fn review_rules(call: &Call, review: Value) -> Reply {
    let status = json!({
        "incomplete": false,
        "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
    });
    reviewed(call, review, status)
}

fn review_token(call: &Call, review: Value) -> Result<Reply, Error> {
    let token = review.pointer("/spec/token").and_then(Value::as_str).filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| Error::bad_request("token is required for TokenReview in authentication"))?;
    let status = match call.server.tokens().identity(token, call.server.clock().now()) {
        Some(identity) => json!({"authenticated": true, "user": user_info(&identity)}),
        None => json!({"error": "invalid bearer token", "user": {}}),
    };
    Ok(reviewed(call, review, status))
}

/// Lifetime of a token nobody gave one, as upstream. Tokens are opaque and end with the process at the latest.
const TOKEN_SECONDS: i64 = 3600;

fn request_token(call: &Call, request: Value) -> Result<Reply, Error> {
    let found = call.server.snapshot().get(&call.object_key(call.name_str())).cloned();
    found.ok_or_else(|| call.not_found())?;
    let seconds = request.pointer("/spec/expirationSeconds").and_then(Value::as_i64).unwrap_or(TOKEN_SECONDS);
    let expires = call.server.clock().now() + std::time::Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    let token = call.server.options().ids.token();
    let identity = Identity::service_account(call.namespace_str(), call.name_str());
    call.server.tokens().insert_until(&token, identity, expires);
    Ok(json_value(
        201,
        &json!({
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"name": call.name_str(), "namespace": call.namespace_str(), "creationTimestamp": call.now()},
            "spec": {"audiences": ["https://kubernetes.default.svc"], "expirationSeconds": seconds, "boundObjectRef": null},
            "status": {"token": token, "expirationTimestamp": format_seconds(expires)},
        }),
    ))
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
