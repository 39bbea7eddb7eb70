//! Reads from the clusters what a page or a command shows of an application.
//! It must not interpret what it reads; `model` does. What cannot be read is noted, never taken for absent.

use std::collections::BTreeSet;

use futures::StreamExt;
use kube::core::params::ListParams;
use kube::core::{ApiResource, DynamicObject, Request, Resource};
use mainstay_apimachinery::{GroupVersionKind, object};
use mainstay_controller_runtime::Api;
use mainstay_telemetry::chain;
use serde_json::Value;

use crate::model::{Located, World};
use crate::{Error, PortalContext, kinds};

/// Calls at a time for one page: enough to hide a real cluster's latency, few enough to be fair to others.
const CONCURRENCY: usize = 16;
/// Applications that deploy to more namespaces than this show only what they list themselves, not what grew out of it.
const NAMESPACE_LIMIT: usize = 8;

/// One resource in one namespace of one cluster: what is listed, and what a live page watches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    pub(crate) cluster: String,
    pub(crate) resource: ApiResource,
    pub(crate) namespace: String,
    /// Field selector; empty for all objects.
    pub(crate) fields: String,
}

/// All argoproj.io Applications of the control plane, sorted by namespace and name.
///
/// # Errors
/// When the control plane does not answer.
pub async fn applications(context: &PortalContext) -> Result<Vec<Value>, Error> {
    let api = Api::new(context.control.clone(), kinds::application(), None);
    let mut applications = match api.list("").await {
        Ok(list) => list,
        // The kind is not served before the engines have started.
        Err(error) if error.is_not_found() => Vec::new(),
        Err(error) => return Err(Error::read("the applications", error)),
    };
    applications.sort_by(|a, b| {
        let key = |value| (object::namespace(value).unwrap_or_default(), object::name(value));
        key(a).cmp(&key(b))
    });
    Ok(applications)
}

/// Everything known of one application.
///
/// # Errors
/// When there is no such application, or the control plane does not answer. What a member cluster does not answer
/// is among the world's gaps.
pub async fn application(context: &PortalContext, namespace: &str, name: &str) -> Result<World, Error> {
    let api = Api::new(context.control.clone(), kinds::application(), Some(namespace));
    let found = api.get(name).await.map_err(|error| Error::read(format!("application {namespace}/{name}"), error))?;
    let application =
        found.ok_or_else(|| Error::NoApplication { namespace: namespace.to_owned(), name: name.to_owned() })?;
    let mut world = World { control: context.control_name.clone(), application, ..World::default() };
    let (scopes, gaps) = scopes(context, &world).await;
    world.gaps = gaps;
    read_scopes(context, &mut world, scopes).await;
    read_cluster_scoped(context, &mut world).await;
    read_own_events(context, &mut world).await;
    world.simulated = simulated(context, [world.destination()]).await;
    Ok(world)
}

/// Which of the clusters say by their nodes that they are simulated.
pub async fn simulated(context: &PortalContext, clusters: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    let nodes = mainstay_controller_runtime::context::resource("", "v1", "Node", "nodes");
    let mut simulated = BTreeSet::new();
    for cluster in clusters {
        let Some(client) = context.client(&cluster) else { continue };
        let listed = list(client, &nodes, "", &ListParams::default().limit(1)).await.unwrap_or_default();
        if listed.iter().any(crate::model::is_simulated) {
            simulated.insert(cluster);
        }
    }
    simulated
}

/// What to list for an application: in each namespace it deploys to, the kinds it lists and those that grow out of
/// them, as far as the cluster serves them. Also what stands in the way.
pub(crate) async fn scopes(context: &PortalContext, world: &World) -> (Vec<Scope>, Vec<String>) {
    let cluster = world.destination();
    let Some(mapper) = context.mapper(&cluster) else {
        return (Vec::new(), vec![Error::UnknownCluster(cluster).to_string()]);
    };
    let (mut scopes, mut gaps) = (Vec::new(), Vec::new());
    for (kind, namespaces) in wanted(world) {
        match mapper.resolve(&kind).await {
            Ok(Some(mapping)) if mapping.namespaced => scopes.extend(namespaces.into_iter().map(|namespace| Scope {
                cluster: cluster.clone(),
                resource: mapping.resource.clone(),
                namespace,
                fields: String::new(),
            })),
            Ok(_) => {}
            Err(error) => gaps.push(chain(&error)),
        }
    }
    gaps.dedup();
    (scopes, gaps)
}

/// Kinds and the namespaces to look for them in.
fn wanted(world: &World) -> Vec<(GroupVersionKind, BTreeSet<String>)> {
    let destination = world.application["spec"]["destination"]["namespace"].as_str().unwrap_or_default();
    let mut all: BTreeSet<String> = BTreeSet::from([destination.to_owned()]);
    let mut wanted: std::collections::BTreeMap<GroupVersionKind, BTreeSet<String>> = Default::default();
    for resource in resources(world) {
        let field = |name: &str| resource[name].as_str().unwrap_or_default();
        let kind = GroupVersionKind::new(field("group"), field("version"), field("kind"));
        if !field("namespace").is_empty() {
            all.insert(field("namespace").to_owned());
            wanted.entry(kind).or_default().insert(field("namespace").to_owned());
        }
    }
    all.remove("");
    if all.len() <= NAMESPACE_LIMIT {
        let more = kinds::children().chain([GroupVersionKind::new("", "v1", "Event")]);
        more.for_each(|kind| wanted.entry(kind).or_default().extend(all.iter().cloned()));
    }
    wanted.into_iter().collect()
}

fn resources(world: &World) -> impl Iterator<Item = &Value> {
    world.application["status"]["resources"].as_array().into_iter().flatten()
}

async fn read_scopes(context: &PortalContext, world: &mut World, scopes: Vec<Scope>) {
    let calls = scopes.into_iter().map(|scope| async move {
        let Some(client) = context.client(&scope.cluster) else { return (scope, Ok(Vec::new())) };
        let listed = list(client, &scope.resource, &scope.namespace, &ListParams::default()).await;
        (scope, listed)
    });
    let answers: Vec<_> = futures::stream::iter(calls).buffered(CONCURRENCY).collect().await;
    for (scope, answer) in answers {
        let found = match answer {
            Ok(found) => found,
            Err(error) => {
                let Scope { cluster, resource, namespace, .. } = scope;
                world.gaps.push(format!("{} of {cluster}/{namespace}: {}", resource.plural, chain(&error)));
                continue;
            }
        };
        let located = found.into_iter().map(|object| Located { cluster: scope.cluster.clone(), object });
        if scope.resource.kind == "Event" { world.events.extend(located) } else { world.objects.extend(located) }
    }
}

/// Cluster-scoped objects are read one by one: to list all of a kind would read those of everybody.
async fn read_cluster_scoped(context: &PortalContext, world: &mut World) {
    let cluster = world.destination();
    let (Some(client), Some(mapper)) = (context.client(&cluster), context.mapper(&cluster)) else { return };
    let (mut found, mut gaps) = (Vec::new(), Vec::new());
    for resource in resources(world).filter(|resource| resource["namespace"].as_str().unwrap_or_default().is_empty()) {
        let field = |name: &str| resource[name].as_str().unwrap_or_default();
        let kind = GroupVersionKind::new(field("group"), field("version"), field("kind"));
        let Ok(Some(mapping)) = mapper.resolve(&kind).await else { continue };
        match Api::new(client.clone(), mapping.resource, None).get(field("name")).await {
            Ok(object) => found.extend(object.map(|object| Located { cluster: cluster.clone(), object })),
            Err(error) => gaps.push(chain(&error)),
        }
    }
    world.objects.extend(found);
    world.gaps.extend(gaps);
}

/// Events about the Application itself, which is not where its objects are.
async fn read_own_events(context: &PortalContext, world: &mut World) {
    let namespace = object::namespace(&world.application).unwrap_or_default().to_owned();
    let about = format!("involvedObject.name={}", object::name(&world.application));
    let params = ListParams::default().fields(&about);
    match list(&context.control, &kinds::events(), &namespace, &params).await {
        Ok(events) => {
            let cluster = &context.control_name;
            world.events.extend(events.into_iter().map(|object| Located { cluster: cluster.clone(), object }));
        }
        Err(error) => world.gaps.push(format!("events of {namespace}: {}", chain(&error))),
    }
}

async fn list(
    client: &kube::Client,
    resource: &ApiResource,
    namespace: &str,
    params: &ListParams,
) -> Result<Vec<Value>, Error> {
    let what = || resource.plural.clone();
    let namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
    let request = Request::new(DynamicObject::url_path(resource, namespace)).list(params);
    let request = request.map_err(|error| Error::read(what(), error))?;
    let mut list: Value = client.request(request).await.map_err(|error| Error::read(what(), error))?;
    let Some(Value::Array(items)) = list.get_mut("items").map(Value::take) else { return Ok(Vec::new()) };
    // Items of a list do not say what they are.
    let typed = |mut item: Value| {
        item["apiVersion"] = Value::from(resource.api_version.as_str());
        item["kind"] = Value::from(resource.kind.as_str());
        item
    };
    Ok(items.into_iter().map(typed).collect())
}
