//! Collections: the cartesian product of a node's `forEach` lists, the last iterator fastest.
//! It must not know templates.

use mainstay_cel::{Bindings, ErrorKind};
use serde_json::Value;

use super::{Pass, State};
use crate::graph::Node;

/// Most objects of one collection: upstream's `--rgd-max-collection-size`.
const MAX_SIZE: usize = 1000;

impl Pass<'_> {
    /// The values of the iterators for each object.
    pub(super) fn tuples(&self, node: &Node, bindings: &Bindings<'_>) -> Result<Vec<Vec<Value>>, State> {
        let mut tuples: Vec<Vec<Value>> = vec![Vec::new()];
        for (name, program) in &node.for_each {
            let items = match program.evaluate(bindings) {
                Ok(Value::Array(items)) => items,
                Ok(other) => {
                    return Err(State::Failed { why: format!("forEach `{name}` must give a list, not {other}") });
                }
                Err(error) if error.kind == ErrorKind::Pending => {
                    return Err(State::Waiting { why: format!("forEach: {error}") });
                }
                Err(error) => return Err(State::Failed { why: format!("forEach: {error}") }),
            };
            if tuples.len().saturating_mul(items.len()) > MAX_SIZE {
                return Err(State::Failed { why: format!("forEach: the collection has more than {MAX_SIZE} objects") });
            }
            let longer = |tuple: &Vec<Value>| {
                let with = |item: &Value| tuple.iter().chain([item]).cloned().collect::<Vec<_>>();
                items.iter().map(with).collect::<Vec<_>>()
            };
            tuples = tuples.iter().flat_map(longer).collect();
        }
        Ok(tuples)
    }
}
