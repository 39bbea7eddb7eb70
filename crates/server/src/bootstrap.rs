//! The objects every cluster needs before the first sync: custom resource definitions, namespaces, the default
//! project and the root of the app of apps. Everything else comes from git.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mainstay_api::{argoproj, kro};
use mainstay_controller_runtime::{Applier, Context, ObjectKey};
use serde_json::{Value, json};

use crate::Error;
use crate::seed::IN_CLUSTER_URL;

/// Field manager of the bootstrap.
const MANAGER: &str = "mainstay-server";

/// Namespace of what belongs to Mainstay itself.
const SYSTEM: &str = "mainstay-system";
/// How the API servers of the other clusters begin, as destinations name them.
pub(crate) const MEMBER_SERVER: &str = "https://kubernetes.default.svc/clusters/";
/// Namespace of the argoproj.io objects, as upstream installs them.
pub(crate) const ARGOCD: &str = "argocd";

/// The ConfigMap in the control plane that tells where the portal and the git host are.
#[must_use]
pub fn info_key() -> ObjectKey {
    ObjectKey::new(SYSTEM, "mainstay-info")
}

/// What every cluster needs.
///
/// # Errors
/// When the API server refuses an object.
pub(crate) async fn cluster(context: &Context) -> Result<(), Error> {
    let mut objects = vec![namespace(SYSTEM)];
    objects.push(kro::custom_resource_definition());
    apply(context, &objects).await
}

/// What the control plane needs besides: Argo CD's kinds, and where to begin.
///
/// # Errors
/// When the API server refuses an object.
pub(crate) async fn control_plane(context: &Context, info: &[(&str, String)]) -> Result<(), Error> {
    let mut objects = vec![namespace(ARGOCD), info_map(info)];
    objects.extend(argoproj::custom_resource_definitions());
    objects.extend([argoproj::default_project(ARGOCD), root_application()]);
    apply(context, &objects).await
}

/// The Secrets by which Argo CD's tools know the other clusters: the `clusters` generator reads their labels. They hold no
/// credentials, since the engines need none.
///
/// # Errors
/// When the API server refuses one.
pub(crate) async fn members(context: &Context, names: &[String]) -> Result<(), Error> {
    let secret = |name: &String| {
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"name": format!("cluster-{name}"), "namespace": ARGOCD, "labels": {argoproj::SECRET_TYPE: "cluster"}},
            "data": {
                "name": STANDARD.encode(name),
                "server": STANDARD.encode(format!("{MEMBER_SERVER}{name}")),
                "config": STANDARD.encode("{}"),
            },
        })
    };
    apply(context, &names.iter().map(secret).collect::<Vec<_>>()).await
}

async fn apply(context: &Context, objects: &[Value]) -> Result<(), Error> {
    let applier = Applier::new(context, MANAGER);
    let outcome = applier.apply_all(objects.iter().map(|object| (object, None)), None).await;
    for result in outcome.results {
        result.map_err(|source| Error::Bootstrap { cluster: context.cluster.clone(), source })?;
    }
    Ok(())
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

fn info_map(info: &[(&str, String)]) -> Value {
    let ObjectKey { namespace, name } = info_key();
    let data: serde_json::Map<String, Value> =
        info.iter().map(|(key, value)| ((*key).to_owned(), Value::from(value.as_str()))).collect();
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data})
}

/// The root of the app of apps: `bootstrap/` of the platform repository.
fn root_application() -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": "platform", "namespace": ARGOCD},
        "spec": {
            "project": "default",
            "source": {
                "repoURL": format!("{IN_CLUSTER_URL}/platform.git"), "targetRevision": "main", "path": "bootstrap",
            },
            "destination": {"name": "in-cluster", "namespace": ARGOCD},
            "syncPolicy": {"automated": {"prune": true, "selfHeal": true}},
        },
    })
}
