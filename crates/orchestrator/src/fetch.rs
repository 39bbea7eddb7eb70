//! Reads what a reconcile needs, all from caches: a steady state asks the API server nothing.
//! It must not judge what it reads.

use std::collections::BTreeSet;

use mainstay_api::kro;
use mainstay_apimachinery::{GroupVersionKind, gvk, object};
use mainstay_cel::Bindings;
use mainstay_controller_runtime::ObjectKey;
use serde_json::{Value, json};

use crate::children::{self, Children, Reference};
use crate::expression::Template;
use crate::graph::{Body, Graph, Node};
use crate::plan::Observed;

/// Annotation on instances: every kind they may have children of, as `apps/v1/Deployment,v1/Service`. kro's own
/// annotation leaves the versions out, without which the children of a kind that left the graph cannot be found.
pub const CHILD_KINDS: &str = "orchestrator.mainstay.dev/child-kinds";

/// What is known about an instance.
#[derive(Debug)]
pub struct Fetched {
    /// Its children and what it refers to, by node.
    pub observed: Observed,
    /// All its children, also those of nodes that are no more.
    pub children: Vec<Value>,
}

/// The kinds an instance may have children of: those of its graph and those it had before.
#[must_use]
pub fn child_kinds(graph: &Graph, instance: &Value) -> BTreeSet<GroupVersionKind> {
    let before = object::annotation(instance, CHILD_KINDS).unwrap_or_default();
    let before = before.split(',').filter_map(|text| {
        let (api_version, kind) = text.rsplit_once('/')?;
        let (group, version) = gvk::split_api_version(api_version);
        Some(GroupVersionKind::new(group, version, kind))
    });
    graph.kinds().into_iter().cloned().chain(before).collect()
}

/// Reads an instance's children and references.
///
/// # Errors
/// When a cache cannot be read.
pub async fn fetch(children: &Children, graph: &Graph, instance: &Value) -> Result<Fetched, children::Error> {
    let kinds = child_kinds(graph, instance);
    let found = children.of(object::uid(instance), &kinds).await?;
    let mut observed = Observed::default();
    for node in graph.nodes.iter().filter(|node| !node.is_external()) {
        if children.cache(&node.gvk).await?.is_none() {
            observed.missing_kinds.insert(node.gvk.clone());
        }
    }
    for child in &found {
        let id = object::label(child, kro::NODE_ID).unwrap_or_default();
        if graph.node(id).is_some_and(|node| GroupVersionKind::of(child).as_ref() == Some(&node.gvk)) {
            observed.put(id, child.clone());
        }
    }
    Ok(Fetched { observed, children: found })
}

/// Reads what the nodes refer to; their names may come from other nodes, so this follows each pass.
///
/// # Errors
/// When a cache cannot be read.
pub async fn external(
    children: &Children,
    graph: &Graph,
    instance: &Value,
    observed: &mut Observed,
) -> Result<(), children::Error> {
    if !graph.nodes.iter().any(Node::is_external) {
        return Ok(());
    }
    let mut references = BTreeSet::new();
    for node in graph.nodes.iter().filter(|node| node.is_external()) {
        let Some(metadata) = reference(node, instance, observed) else { continue };
        let namespace = metadata.get("namespace").and_then(Value::as_str).unwrap_or_default();
        let name = metadata.get("name").and_then(Value::as_str).unwrap_or_default();
        let key = if name.is_empty() { ObjectKey::new("", "") } else { ObjectKey::new(namespace, name) };
        references.insert(Reference { gvk: node.gvk.clone(), key: key.clone() });
        let Some(cache) = children.cache(&node.gvk).await? else { continue };
        let found = if name.is_empty() {
            selected(cache.list(), namespace, metadata.get("selector"))
        } else {
            cache.get_key(&key).into_iter().collect()
        };
        observed.objects.insert(node.id.clone(), found);
    }
    children.refer(object::uid(instance), &references);
    Ok(())
}

/// The names a node refers to; `None` while they cannot be told.
fn reference(node: &Node, instance: &Value, observed: &Observed) -> Option<Value> {
    let (Body::External(template) | Body::ExternalSelector(template)) = &node.body else { return None };
    let mut metadata = resolve(template, instance, observed)?;
    // A selector without a namespace means all of them; a name without one the instance's own.
    if metadata.get("namespace").is_none()
        && node.namespaced != Some(false)
        && matches!(node.body, Body::External(_))
        && let Some(namespace) = object::namespace(instance)
    {
        metadata["namespace"] = json!(namespace);
    }
    Some(metadata)
}

fn resolve(template: &Template, instance: &Value, observed: &Observed) -> Option<Value> {
    let mut bindings = Bindings::new().with("schema", instance);
    for (id, objects) in &observed.objects {
        if let [object] = objects.as_slice() {
            bindings.set(id, object);
        }
    }
    template.resolve(&bindings).ok()
}

fn selected(objects: Vec<Value>, namespace: &str, selector: Option<&Value>) -> Vec<Value> {
    let selector =
        selector.and_then(|selector| mainstay_apimachinery::selector::LabelSelector::from_object(selector).ok());
    let Some(selector) = selector else { return Vec::new() };
    let wanted = |object: &Value| {
        (namespace.is_empty() || object::namespace(object) == Some(namespace))
            && selector.matches(object::labels(object))
    };
    objects.into_iter().filter(wanted).collect()
}
