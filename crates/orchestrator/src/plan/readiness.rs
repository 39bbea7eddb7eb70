//! Whether what is observed of a node is ready.
//! It must not know kinds: a definition says with `readyWhen` what ready means.

use mainstay_apimachinery::object;
use mainstay_cel::Bindings;
use serde_json::Value;

use super::Pass;
use crate::graph::Node;

/// How far the objects of a node are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Not all of them exist, or one is going away.
    Missing {
        /// Which.
        why: String,
    },
    /// They exist, but `readyWhen` does not hold.
    NotReady {
        /// What does not hold.
        why: String,
    },
    /// All there is to wait for has come.
    Ready,
}

impl Pass<'_> {
    /// The readiness of applied objects.
    pub(super) fn readiness(&self, node: &Node, desired: &[Value]) -> Readiness {
        let mut live = Vec::with_capacity(desired.len());
        for object in desired {
            match self.observed.live(&node.id, object) {
                Some(found) if object::is_deleting(found) => {
                    return Readiness::Missing { why: format!("{} is being deleted", object::describe(found)) };
                }
                Some(found) => live.push(found),
                None => return Readiness::Missing { why: format!("{} is not there", object::describe(object)) },
            }
        }
        holds(node, live)
    }

    /// The readiness of objects that others made. A selector may find none.
    pub(super) fn external_readiness(&self, node: &Node, live: &[Value]) -> Readiness {
        if live.is_empty() && !node.is_collection() {
            return Readiness::Missing { why: format!("the {} it refers to is not there", node.gvk.kind) };
        }
        holds(node, live.iter().collect())
    }
}

/// Whether every `readyWhen` holds for every object.
fn holds(node: &Node, live: Vec<&Value>) -> Readiness {
    let name = if node.is_collection() { "each" } else { node.id.as_str() };
    for object in live {
        let bindings = Bindings::new().with(name, object);
        for program in &node.ready_when {
            let why = match program.evaluate(&bindings) {
                Ok(Value::Bool(true)) => continue,
                Ok(_) => format!("{}: `{}` does not hold yet", object::describe(object), program.source()),
                Err(error) => format!("{}: {error}", object::describe(object)),
            };
            return Readiness::NotReady { why };
        }
    }
    Readiness::Ready
}
