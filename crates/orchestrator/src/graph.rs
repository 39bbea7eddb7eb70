//! The graph a definition describes: nodes in the order they can be applied, and the kind of its instances.
//! It must not know how a definition is read, nor what a cluster holds.

pub mod order;

use std::collections::{BTreeMap, BTreeSet};

use mainstay_apimachinery::GroupVersionKind;
use mainstay_cel::Program;
use serde_json::Value;

use crate::expression::Template;

/// A checked definition. Compiled once, planned from many times.
#[derive(Debug)]
pub struct Graph {
    /// Name of the definition.
    pub name: String,
    /// Uid of the definition; empty for one from a file.
    pub uid: String,
    /// Generation of the definition.
    pub generation: i64,
    /// The kind of the instances.
    pub instance: InstanceKind,
    /// The CustomResourceDefinition of the instances.
    pub crd: Value,
    /// The nodes in topological order.
    pub nodes: Vec<Node>,
    /// Status fields.
    pub status: Template,
    /// Ids of the nodes whose live objects expressions read.
    pub reads: BTreeSet<String>,
    /// Rules over an instance's `spec`.
    pub rules: Vec<Rule>,
}

/// The kind of a graph's instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceKind {
    /// Group, version and kind.
    pub gvk: GroupVersionKind,
    /// Plural.
    pub plural: String,
    /// Whether instances live in namespaces.
    pub namespaced: bool,
}

/// A rule over `self`, an instance's `spec`.
#[derive(Debug)]
pub struct Rule {
    /// Must be true.
    pub program: Program,
    /// What to tell when it is not.
    pub message: String,
}

/// One resource of the graph.
#[derive(Debug)]
pub struct Node {
    /// What expressions call it.
    pub id: String,
    /// Its place among `spec.resources`.
    pub index: usize,
    /// Kind of its objects.
    pub gvk: GroupVersionKind,
    /// Whether its objects live in namespaces; `None` while the kind is unknown.
    pub namespaced: Option<bool>,
    /// What to do with it.
    pub body: Body,
    /// All must be true for the node to be part of an instance.
    pub include_when: Vec<Program>,
    /// All must be true for the node to be ready.
    pub ready_when: Vec<Program>,
    /// Makes it a collection: iterators with the lists they run over.
    pub for_each: Vec<(String, Program)>,
    /// Ids of the nodes its expressions read.
    pub dependencies: BTreeSet<String>,
    /// How many waves come before it.
    pub wave: usize,
    /// Whether it is left out while the cluster does not serve its kind.
    pub skip_if_kind_missing: bool,
}

/// What a node stands for.
#[derive(Debug)]
pub enum Body {
    /// Objects to apply.
    Template(Template),
    /// An object to read: name and namespace.
    External(Template),
    /// Objects to read by labels: namespace and selector.
    ExternalSelector(Template),
}

impl Node {
    /// Whether it stands for a list of objects.
    #[must_use]
    pub fn is_collection(&self) -> bool {
        !self.for_each.is_empty() || matches!(self.body, Body::ExternalSelector(_))
    }

    /// Whether its objects are only read.
    #[must_use]
    pub fn is_external(&self) -> bool {
        !matches!(self.body, Body::Template(_))
    }
}

impl Graph {
    /// A graph without nodes for the kind of a CustomResourceDefinition: its instances can be deleted, not applied.
    #[must_use]
    pub fn stub(name: &str, crd: &Value) -> Self {
        let text = |pointer| crd.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (group, version, kind) = (text("/spec/group"), text("/spec/versions/0/name"), text("/spec/names/kind"));
        let instance = InstanceKind {
            gvk: GroupVersionKind::new(group, version, kind),
            plural: text("/spec/names/plural").to_owned(),
            namespaced: text("/spec/scope") != "Cluster",
        };
        Self {
            name: name.to_owned(),
            uid: String::new(),
            generation: 0,
            instance,
            crd: crd.clone(),
            nodes: Vec::new(),
            status: Template::Literal(Value::Null),
            reads: BTreeSet::new(),
            rules: Vec::new(),
        }
    }

    /// A node by its id.
    #[must_use]
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// The ids in topological order, as `status.topologicalOrder`.
    pub fn order(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(|node| node.id.as_str())
    }

    /// The dependencies by id, leaving out nodes that have none, as `status.resources`.
    #[must_use]
    pub fn dependencies(&self) -> BTreeMap<&str, &BTreeSet<String>> {
        let with = self.nodes.iter().filter(|node| !node.dependencies.is_empty());
        with.map(|node| (node.id.as_str(), &node.dependencies)).collect()
    }

    /// The ids of the nodes whose objects are read: by other nodes, by the status, by their own `readyWhen`.
    pub(crate) fn reads_of(nodes: &[Node], status: &Template) -> BTreeSet<String> {
        let mut reads = status.references();
        for node in nodes {
            reads.extend(node.dependencies.iter().cloned());
            if !node.ready_when.is_empty() {
                reads.insert(node.id.clone());
            }
        }
        reads
    }

    /// The kinds of the objects applied.
    #[must_use]
    pub fn kinds(&self) -> BTreeSet<&GroupVersionKind> {
        self.nodes.iter().filter(|node| !node.is_external()).map(|node| &node.gvk).collect()
    }
}
