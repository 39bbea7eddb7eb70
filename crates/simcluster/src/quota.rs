//! ResourceQuotas: keeps `status.used` true. It must not know who refuses what is over the limit: the API server does.

use std::collections::BTreeMap;

use mainstay_apimachinery::quantity::Quantity;
use mainstay_apimachinery::{builtin, object, quota};
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::context::resource;
use mainstay_controller_runtime::{Action, ApiResource, Controller, Informer, ObjectKey};
use serde_json::{Map, Value, json};

use crate::cluster::{CONTROLLER_MANAGER, Cluster};
use crate::{kinds, read};

/// Objects of a namespace by plural resource with its group, such as `pods` or `deployments.apps`.
type Objects = BTreeMap<String, Vec<Value>>;

/// The resources whose changes bring quotas up to date. Others are read when a quota names them.
fn followed() -> [ApiResource; 7] {
    [
        kinds::pods(),
        kinds::services(),
        kinds::claims(),
        kinds::config_maps(),
        kinds::secrets(),
        kinds::deployments(),
        kinds::jobs(),
    ]
}

/// Starts the controller.
pub(crate) fn start(cluster: &Cluster) {
    let quotas = cluster.informer(&kinds::resource_quotas());
    let mut controller = Controller::new("resourcequota", &cluster.context).watch(&quotas, |event| {
        // Its own writes and those of admission, which books what it lets in, are no reason to count anew: what was
        // let in may not have been seen here yet.
        let quota = event.object();
        let changed = quota.pointer("/spec/hard") != quota.pointer("/status/hard");
        changed.then(|| ObjectKey::of(quota))
    });
    for resource in followed() {
        let known = quotas.clone();
        controller = controller.watch(&cluster.informer(&resource), move |event| of_namespace(&known, event.object()));
    }
    let cluster = cluster.clone();
    controller.spawn(move |key| reconcile(cluster.clone(), key));
}

fn of_namespace(quotas: &Informer, object: &Value) -> Vec<ObjectKey> {
    let near = quotas.list_namespace(object::namespace(object).unwrap_or_default());
    near.iter().map(ObjectKey::of).collect()
}

async fn reconcile(cluster: Cluster, key: ObjectKey) -> Result<Action, Error> {
    let Some(quota) = cluster.informer(&kinds::resource_quotas()).get_key(&key) else { return Ok(Action::done()) };
    let mut objects = Objects::new();
    for name in entries(&quota).filter_map(|(entry, _)| quota::counted_resource(entry)) {
        let Some(resource) = resource_named(name).filter(|_| !objects.contains_key(name)) else { continue };
        let informer = cluster.informer(&resource);
        informer.synced().await;
        objects.insert(name.to_owned(), informer.list_namespace(&key.namespace));
    }
    if let Some(mut patch) = read::status_patch(&quota, &status(&quota, &objects)) {
        // What admission has booked meanwhile must not be lost.
        patch["metadata"]["resourceVersion"] = quota["metadata"]["resourceVersion"].clone();
        cluster.patch_status(CONTROLLER_MANAGER, &kinds::resource_quotas(), &quota, &patch).await?;
    }
    Ok(Action::done())
}

fn entries(quota: &Value) -> impl Iterator<Item = (&String, &Value)> {
    quota.pointer("/spec/hard").and_then(Value::as_object).into_iter().flatten()
}

/// The whole status of a quota.
fn status(quota: &Value, objects: &Objects) -> Value {
    let used = |entry: &str| -> Option<Quantity> {
        let resource = quota::counted_resource(entry)?;
        let counted = objects.get(resource)?.iter().filter(|object| quota::in_scope(quota, resource, object));
        Some(counted.map(|object| quota::usage(entry, object)).sum())
    };
    let used = entries(quota).filter_map(|(entry, _)| Some((entry.clone(), Value::from(used(entry)?.to_string()))));
    let used: Map<String, Value> = used.collect();
    json!({"hard": quota.pointer("/spec/hard"), "used": used})
}

/// The built-in resource of a name such as `pods` or `deployments.apps`.
fn resource_named(name: &str) -> Option<ApiResource> {
    let (plural, group) = name.split_once('.').unwrap_or((name, ""));
    let info = builtin::resources().iter().find(|info| info.resource == plural && info.group == group)?;
    Some(resource(info.group, info.version, info.kind, info.resource))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_summed_over_the_namespace() {
        let objects = Objects::from([
            ("pods".to_owned(), vec![json!({}), json!({"status": {"phase": "Failed"}})]),
            ("deployments.apps".to_owned(), vec![json!({}), json!({})]),
        ]);
        let quota = json!({"spec": {"hard": {"pods": "5", "count/deployments.apps": "3", "odd": "1"}}});
        assert_eq!(status(&quota, &objects)["used"], json!({"pods": "1", "count/deployments.apps": "2"}));
        assert!(resource_named("deployments.apps").is_some() && resource_named("odd").is_none());
    }
}
