//! `ServiceAccount`: a pod runs as an account that exists, and finds its token in a volume. Off unless
//! `Options::service_account_admission` is set: simulated pods read no tokens.
//! It must not know tokens. Upstream: `plugin/pkg/admission/serviceaccount`.

use mainstay_apimachinery::object;
use serde_json::{Value, json};

use super::Operation;
use super::plugin::Plugin;
use super::review::{Review, items, text};
use crate::Error;

/// The account of a pod that names none.
const DEFAULT: &str = "default";
/// Prefix of the token's volume, and where it is mounted.
const VOLUME_PREFIX: &str = "kube-api-access-";
const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// An hour and seven seconds, so that it can be told from tokens that somebody asked an hour for.
const TOKEN_SECONDS: i64 = 60 * 60 + 7;
/// Length of the random part of the volume's name.
const SUFFIX_LENGTH: usize = 5;

/// The plugin.
pub(super) struct ServiceAccount;

impl Plugin for ServiceAccount {
    fn handles(&self, review: &Review<'_>) -> bool {
        review.is(Operation::Create, "", "pods") && review.call.server.options().service_account_admission
    }

    fn admit(&self, review: &Review<'_>, pod: &mut Value) -> Result<(), Error> {
        // What a kubelet runs of its own accord has no account.
        if object::annotation(pod, "kubernetes.io/config.mirror").is_some() {
            return Ok(());
        }
        let name = match text(pod, "/spec/serviceAccountName") {
            "" => DEFAULT.to_owned(),
            name => name.to_owned(),
        };
        let namespace = review.request.namespace;
        let account = review.get("", "serviceaccounts", (namespace, &name)).ok_or_else(|| {
            let why =
                format!("error looking up service account {namespace}/{name}: serviceaccount \"{name}\" not found");
            review.forbidden(&why)
        })?;
        pod["spec"]["serviceAccountName"] = Value::from(name.as_str());
        pod["spec"]["serviceAccount"] = Value::from(name);
        if items(pod, "/spec/imagePullSecrets").next().is_none() {
            let secrets: Vec<Value> = items(&account, "/imagePullSecrets").cloned().collect();
            if !secrets.is_empty() {
                pod["spec"]["imagePullSecrets"] = Value::from(secrets);
            }
        }
        let asked = |object: &Value, pointer: &str| object.pointer(pointer).and_then(Value::as_bool);
        let mounts =
            asked(pod, "/spec/automountServiceAccountToken").or(asked(&account, "/automountServiceAccountToken"));
        if mounts.unwrap_or(true) {
            mount(pod, &review.call.server.options().ids.suffix(SUFFIX_LENGTH));
        }
        Ok(())
    }
}

/// Mounts the token into every container that mounts nothing in its place.
fn mount(pod: &mut Value, suffix: &str) {
    let known =
        items(pod, "/spec/volumes").map(|volume| text(volume, "/name")).find(|name| name.starts_with(VOLUME_PREFIX));
    let (name, is_new) = match known {
        Some(known) => (known.to_owned(), false),
        None => (format!("{VOLUME_PREFIX}{suffix}"), true),
    };
    let mut mounted = false;
    for field in ["initContainers", "containers"] {
        let containers = pod["spec"].get_mut(field).and_then(Value::as_array_mut).into_iter().flatten();
        for container in containers {
            if items(container, "/volumeMounts").any(|mount| text(mount, "/mountPath") == MOUNT_PATH) {
                continue;
            }
            let mount = json!({"name": name, "readOnly": true, "mountPath": MOUNT_PATH});
            push(container, "volumeMounts", mount);
            mounted = true;
        }
    }
    if mounted && is_new {
        push(&mut pod["spec"], "volumes", volume(&name));
    }
}

fn push(object: &mut Value, field: &str, item: Value) {
    let Some(fields) = object.as_object_mut() else { return };
    if let Some(list) = fields.entry(field).or_insert_with(|| json!([])).as_array_mut() {
        list.push(item);
    }
}

fn volume(name: &str) -> Value {
    let namespace = json!({"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}});
    json!({"name": name, "projected": {"defaultMode": 420, "sources": [
        {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [namespace]}},
    ]}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_container_gets_the_token_unless_it_has_something_there() {
        let own = json!([{"name": "own", "mountPath": MOUNT_PATH}]);
        let mut pod = json!({"spec": {"containers": [{"name": "a"}, {"name": "b", "volumeMounts": own}]}});
        mount(&mut pod, "xyz12");
        let mounted = json!([{"name": "kube-api-access-xyz12", "readOnly": true, "mountPath": MOUNT_PATH}]);
        assert_eq!(pod["spec"]["containers"][0]["volumeMounts"], mounted);
        assert_eq!(pod["spec"]["containers"][1]["volumeMounts"], own);
        assert_eq!(pod["spec"]["volumes"][0]["name"], "kube-api-access-xyz12");
    }
}
