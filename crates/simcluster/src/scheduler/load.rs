//! Which pods are on which node and what they ask for, those just bound among them. It must not know a client.

use std::collections::{BTreeMap, HashMap, HashSet};

use mainstay_apimachinery::object;
use serde_json::Value;

use super::peers;
use super::resources::Resources;

/// The load of all nodes.
#[derive(Default)]
pub(super) struct Load {
    by_node: BTreeMap<String, NodeLoad>,
    placed: HashMap<String, Placed>,
    /// Uids of placed pods that keep others away.
    repelling: HashSet<String>,
    /// How many placed pods have each priority.
    priorities: BTreeMap<i64, usize>,
}

#[derive(Default)]
struct NodeLoad {
    pods: usize,
    used: Resources,
}

struct Placed {
    node: String,
    asks: Resources,
    priority: i64,
}

impl Load {
    /// Counts a pod on a node.
    pub(super) fn put(&mut self, pod: &Value, node: &str, priority: i64) {
        let uid = object::uid(pod);
        if self.placed.get(uid).is_some_and(|known| known.node == node) {
            return;
        }
        self.take(uid);
        let asks = Resources::of_pod(pod);
        let load = self.by_node.entry(node.to_owned()).or_default();
        load.pods += 1;
        load.used.add(&asks);
        if peers::repels(pod) {
            self.repelling.insert(uid.to_owned());
        }
        *self.priorities.entry(priority).or_default() += 1;
        self.placed.insert(uid.to_owned(), Placed { node: node.to_owned(), asks, priority });
    }

    /// Counts a pod no longer; whether it was counted.
    pub(super) fn take(&mut self, uid: &str) -> bool {
        let Some(Placed { node, asks, priority }) = self.placed.remove(uid) else { return false };
        self.repelling.remove(uid);
        if let Some(count) = self.priorities.get_mut(&priority) {
            *count -= 1;
            if *count == 0 {
                self.priorities.remove(&priority);
            }
        }
        if let Some(load) = self.by_node.get_mut(&node) {
            load.pods -= 1;
            load.used.subtract(&asks);
        }
        true
    }

    /// How many pods a node has, and what they ask for.
    pub(super) fn on(&self, node: &str) -> (usize, Resources) {
        self.by_node.get(node).map(|load| (load.pods, load.used.clone())).unwrap_or_default()
    }

    /// The node a pod is counted on.
    pub(super) fn node_of(&self, uid: &str) -> Option<&str> {
        self.placed.get(uid).map(|placed| placed.node.as_str())
    }

    /// Whether any placed pod has a lower priority.
    pub(super) fn has_below(&self, priority: i64) -> bool {
        self.priorities.range(..priority).next().is_some()
    }

    /// Whether any placed pod keeps others away.
    pub(super) fn repels(&self) -> bool {
        !self.repelling.is_empty()
    }
}
