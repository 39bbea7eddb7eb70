//! Which daemon pods a rolling update may replace or add now. It must not know objects beyond the pods of a node.
//! Upstream: `pkg/controller/daemon/update.go`.

use serde_json::Value;

use crate::read;

/// The pods of one node, told apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodePods<'a> {
    /// The node.
    pub node: &'a str,
    /// The pod of the present template.
    pub new: Option<&'a Value>,
    /// The pod of a former one.
    pub old: Option<&'a Value>,
}

/// How many pods may be missing, or be there twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    max_surge: usize,
    max_unavailable: usize,
}

/// What may be done now.
#[derive(Debug, Default)]
pub(super) struct Step<'a> {
    /// Pods to delete.
    pub delete: Vec<&'a Value>,
    /// Nodes that get a second pod.
    pub surge: Vec<&'a str>,
}

impl Bounds {
    /// Of a DaemonSet with so many nodes.
    pub(super) fn of(set: &Value, nodes: usize) -> Self {
        let total = i64::try_from(nodes).unwrap_or(i64::MAX);
        let bound = |field: &str| {
            let value = set.pointer(&format!("/spec/updateStrategy/rollingUpdate/{field}"));
            value.and_then(|value| read::scaled(value, total, true)).and_then(|bound| usize::try_from(bound).ok())
        };
        let max_surge = bound("maxSurge").unwrap_or(0);
        // Both zero would never move.
        let least = usize::from(max_surge == 0);
        Self { max_surge, max_unavailable: bound("maxUnavailable").unwrap_or(1).max(least) }
    }

    /// Whether a node keeps its old pod until the new one serves.
    pub(super) fn surges(self) -> bool {
        self.max_surge > 0
    }
}

/// One step of a rolling update.
pub(super) fn step<'a>(nodes: &[NodePods<'a>], bounds: Bounds, available: impl Fn(&Value) -> bool) -> Step<'a> {
    if bounds.surges() { surge(nodes, bounds, available) } else { replace(nodes, bounds, available) }
}

fn replace<'a>(nodes: &[NodePods<'a>], bounds: Bounds, available: impl Fn(&Value) -> bool) -> Step<'a> {
    let (mut unavailable, mut delete, mut candidates) = (0, Vec::new(), Vec::new());
    for pods in nodes {
        match (pods.new, pods.old) {
            (Some(new), None) => unavailable += usize::from(!available(new)),
            (None, Some(old)) if available(old) => candidates.push(old),
            (None, Some(old)) => {
                unavailable += 1;
                delete.push(old);
            }
            _ => unavailable += 1,
        }
    }
    delete.extend(candidates.into_iter().take(bounds.max_unavailable.saturating_sub(unavailable)));
    Step { delete, surge: Vec::new() }
}

fn surge<'a>(nodes: &[NodePods<'a>], bounds: Bounds, available: impl Fn(&Value) -> bool) -> Step<'a> {
    let (mut surging, mut step, mut candidates) = (0, Step::default(), Vec::new());
    for pods in nodes {
        match (pods.new, pods.old) {
            (Some(new), Some(old)) if available(new) => step.delete.push(old),
            (Some(_), Some(_)) => surging += 1,
            (None, Some(old)) if available(old) => candidates.push(pods.node),
            (None, Some(_)) => step.surge.push(pods.node),
            (_, None) => {}
        }
    }
    step.surge.extend(candidates.into_iter().take(bounds.max_surge.saturating_sub(surging)));
    step
}
