//! The pure engine: from a graph, an instance and what is observed to what there should be.
//! It cannot fail and does no I/O; a node that cannot be resolved says so in its state.
//!
//! A pass resolves what can be resolved now. The caller applies it, observes the result and plans again until
//! nothing new comes; on a cluster that is as it should be, one pass suffices.

mod children;
mod collection;
mod node;
mod readiness;
mod render;

use std::collections::{BTreeMap, BTreeSet};

use mainstay_apimachinery::{GroupVersionKind, object};
use mainstay_cel::Bindings;
use serde_json::{Map, Value};

use crate::graph::{Graph, Node};

pub use children::{applyset_id, instance_labels};
pub use readiness::Readiness;
pub use render::{Rendered, render, with_defaults};

/// What the cluster holds, by node.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Live objects of each node, applied or external.
    pub objects: BTreeMap<String, Vec<Value>>,
    /// Kinds the cluster does not serve.
    pub missing_kinds: BTreeSet<GroupVersionKind>,
}

impl Observed {
    /// The live object of a node with the names of a desired one.
    #[must_use]
    pub fn live(&self, id: &str, desired: &Value) -> Option<&Value> {
        let same = |live: &&Value| {
            object::name(live) == object::name(desired) && object::namespace(live) == object::namespace(desired)
        };
        self.objects.get(id)?.iter().find(same)
    }

    /// How many objects there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.objects.values().map(Vec::len).sum()
    }

    /// Takes an object in, in place of an older state of it.
    pub fn put(&mut self, id: &str, live: Value) {
        let objects = self.objects.entry(id.to_owned()).or_default();
        let same = |known: &&mut Value| {
            object::name(known) == object::name(&live) && object::namespace(known) == object::namespace(&live)
        };
        match objects.iter_mut().find(same) {
            Some(known) => *known = live,
            None => objects.push(live),
        }
    }
}

/// What there should be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Rules of the definition that the instance breaks; nothing may be applied while there are any.
    pub refusals: Vec<String>,
    /// The nodes in topological order.
    pub nodes: Vec<NodePlan>,
    /// The status fields that can be told now.
    pub status: Map<String, Value>,
}

/// One node of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct NodePlan {
    /// Id of the node.
    pub id: String,
    /// What to do about it.
    pub state: State,
}

/// What is to be done about a node.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// It is not part of this instance.
    Skipped {
        /// Why.
        why: String,
    },
    /// Something else must come first.
    Waiting {
        /// What.
        why: String,
    },
    /// An expression cannot be evaluated, whatever comes.
    Failed {
        /// Where and why.
        why: String,
    },
    /// These objects should be there.
    Desired {
        /// As they should be.
        objects: Vec<Value>,
        /// Whether they are there and ready.
        readiness: Readiness,
    },
    /// Objects that others made; they are only read.
    External {
        /// Whether they are there and ready.
        readiness: Readiness,
    },
}

impl Plan {
    /// The objects there should be, with their node's id.
    pub fn objects(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.nodes.iter().flat_map(|node| match &node.state {
            State::Desired { objects, .. } => objects.iter().map(|object| (node.id.as_str(), object)).collect(),
            _ => Vec::new(),
        })
    }

    /// Whether everything that belongs to the instance is known, so that anything else may be pruned.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.refusals.is_empty()
            && self.nodes.iter().all(|node| !matches!(node.state, State::Waiting { .. } | State::Failed { .. }))
    }
}

/// Plans one pass.
#[must_use]
pub fn plan(graph: &Graph, instance: &Value, observed: &Observed) -> Plan {
    Pass::new(graph, instance, observed, false).run()
}

/// One pass over the graph.
struct Pass<'a> {
    graph: &'a Graph,
    instance: &'a Value,
    observed: &'a Observed,
    /// The instance as expressions see it: without its status.
    schema: Value,
    /// Collections as lists, in the order of the desired objects.
    variables: BTreeMap<&'a str, Value>,
    /// Whether what exists counts as ready, as when nothing runs.
    assume_ready: bool,
}

impl<'a> Pass<'a> {
    fn new(graph: &'a Graph, instance: &'a Value, observed: &'a Observed, assume_ready: bool) -> Self {
        let mut schema = Map::new();
        for field in ["apiVersion", "kind", "metadata"] {
            schema.insert(field.to_owned(), instance.get(field).cloned().unwrap_or_default());
        }
        let spec = instance.get("spec").cloned().unwrap_or_else(|| Value::Object(Map::new()));
        schema.insert("spec".to_owned(), spec);
        Self { graph, instance, observed, schema: Value::Object(schema), variables: BTreeMap::new(), assume_ready }
    }

    fn run(mut self) -> Plan {
        let refusals = self.refusals();
        let mut nodes: Vec<NodePlan> = Vec::with_capacity(self.graph.nodes.len());
        for node in &self.graph.nodes {
            let state = self.node(node, &nodes);
            if let Some(variable) = self.variable(node, &state) {
                self.variables.insert(&node.id, variable);
            }
            nodes.push(NodePlan { id: node.id.clone(), state });
        }
        let status = self.graph.status.resolve_softly(&self.bindings());
        let status = status.and_then(|status| status.as_object().cloned()).unwrap_or_default();
        Plan { refusals, nodes, status }
    }

    fn refusals(&self) -> Vec<String> {
        let bindings = Bindings::new().with("self", &self.schema["spec"]);
        let broken = self.graph.rules.iter().filter_map(|rule| match rule.program.evaluate(&bindings) {
            Ok(Value::Bool(true)) => None,
            Ok(_) => Some(rule.message.clone()),
            Err(error) => Some(error.to_string()),
        });
        broken.collect()
    }

    /// The variables expressions see now.
    fn bindings(&self) -> Bindings<'_> {
        let mut bindings = Bindings::new().with("schema", &self.schema);
        for (name, value) in &self.variables {
            bindings.set(name, value);
        }
        bindings
    }

    /// What a node's id stands for once its objects are there.
    fn variable(&self, node: &Node, state: &State) -> Option<Value> {
        let known = || self.observed.objects.get(&node.id).cloned().unwrap_or_default();
        let live: Vec<Value> = match state {
            State::Desired { objects, .. } => {
                let live: Option<Vec<_>> = objects.iter().map(|object| self.observed.live(&node.id, object)).collect();
                live?.into_iter().cloned().collect()
            }
            State::External { .. } => known(),
            _ => return None,
        };
        if node.is_collection() { Some(Value::Array(live)) } else { live.into_iter().next() }
    }
}

#[cfg(test)]
mod tests;
