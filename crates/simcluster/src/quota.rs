//! ResourceQuotas: keeps `status.used` true. It must not know who refuses what is over the limit: the API server does.

mod usage;

use std::collections::BTreeSet;

use mainstay_apimachinery::builtin;
use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::context::resource;
use mainstay_controller_runtime::{Action, ApiResource, Controller, Informer, ObjectKey};
use serde_json::Value;

use crate::cluster::{CONTROLLER_MANAGER, Cluster};
use crate::{kinds, read};
use usage::Objects;

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
    let mut controller =
        Controller::new("resourcequota", &cluster.context).watch(&quotas, |event| [ObjectKey::of(event.object())]);
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
    let entries = quota.pointer("/spec/hard").and_then(Value::as_object);
    let names: BTreeSet<String> =
        entries.into_iter().flatten().filter_map(|(entry, _)| usage::counted_resource(entry)).collect();
    let mut objects = Objects::new();
    for name in names {
        let Some(resource) = resource_named(&name) else { continue };
        let informer = cluster.informer(&resource);
        informer.synced().await;
        objects.insert(name, informer.list_namespace(&key.namespace));
    }
    if let Some(patch) = read::status_patch(&quota, &usage::status(&quota, &objects)) {
        cluster.patch_status(CONTROLLER_MANAGER, &kinds::resource_quotas(), &quota, &patch).await?;
    }
    Ok(Action::done())
}

/// The built-in resource of a name such as `pods` or `deployments.apps`.
fn resource_named(name: &str) -> Option<ApiResource> {
    let (plural, group) = name.split_once('.').unwrap_or((name, ""));
    let info = builtin::resources().iter().find(|info| info.resource == plural && info.group == group)?;
    Some(resource(info.group, info.version, info.kind, info.resource))
}
