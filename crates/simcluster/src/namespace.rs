//! What every namespace has from its start: the default ServiceAccount and the cluster's root certificate.
//! It must not know how a namespace ends.

use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{Action, ApiResource, Controller, Event, ObjectKey};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::kinds;

const ACCOUNT: &str = "default";
const ROOT: &str = "kube-root-ca.crt";

/// Starts the controller.
pub(crate) fn start(cluster: &Cluster) {
    let namespaces = cluster.informer(&kinds::namespaces());
    let accounts = cluster.informer(&kinds::service_accounts());
    let maps = cluster.informer(&kinds::config_maps());
    let cluster = cluster.clone();
    Controller::new("namespace", &cluster.context.clone())
        .watch(&namespaces, |event| [ObjectKey::of(event.object())])
        .watch(&accounts, |event| lost(event, ACCOUNT))
        .watch(&maps, |event| lost(event, ROOT))
        .spawn(move |key| reconcile(cluster.clone(), key));
}

/// The namespace in which an object of a name was deleted.
fn lost(event: &Event<'_>, name: &str) -> Option<ObjectKey> {
    match event {
        Event::Deleted { object } if object::name(object) == name => {
            Some(ObjectKey::new("", object::namespace(object)?))
        }
        _ => None,
    }
}

async fn reconcile(cluster: Cluster, key: ObjectKey) -> Result<Action, Error> {
    let Some(namespace) = cluster.informer(&kinds::namespaces()).get_key(&key) else { return Ok(Action::done()) };
    if object::is_deleting(&namespace) {
        return Ok(Action::done());
    }
    let root = cluster.options.authority.root();
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount"});
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"annotations": {"kubernetes.io/description": "The root certificate of this simulated cluster."}},
        "data": {"ca.crt": root},
    });
    ensure(&cluster, &kinds::service_accounts(), (&key.name, ACCOUNT), account).await?;
    ensure(&cluster, &kinds::config_maps(), (&key.name, ROOT), map).await?;
    Ok(Action::done())
}

async fn ensure(
    cluster: &Cluster,
    resource: &ApiResource,
    (namespace, name): (&str, &str),
    mut object: Value,
) -> Result<(), Error> {
    if cluster.informer(resource).get(namespace, name).is_some() {
        return Ok(());
    }
    object::metadata_mut(&mut object).insert("name".to_owned(), Value::from(name));
    object::set_namespace(&mut object, namespace);
    match cluster.create(resource, &object).await {
        // The namespace ends meanwhile.
        Err(error) if error.is_not_found() || error.is_refusal() => Ok(()),
        other => other.map(drop),
    }
}
