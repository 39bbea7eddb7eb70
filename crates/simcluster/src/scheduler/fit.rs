//! Which node a pod goes to: the one with the fewest pods of those it fits on. It must not know a clock or a client.
//!
//! Resource requests do not count: simulated nodes have room for any. What a pod says of nodes does.

use mainstay_apimachinery::object;
use serde_json::Value;

use crate::read;

/// What a scheduler knows of a node.
#[derive(Clone, Debug)]
pub(crate) struct Candidate<'a> {
    /// The node.
    pub node: &'a Value,
    /// How many pods are bound to it.
    pub pods: usize,
}

/// Chooses a node by name, or says why there is none, as kube-scheduler does.
pub(crate) fn choose(pod: &Value, candidates: &[Candidate<'_>]) -> Result<String, String> {
    let mut reasons: Vec<&'static str> = Vec::new();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        match obstacle(pod, candidate) {
            Some(reason) => reasons.push(reason),
            None => {
                let rank = (candidate.pods, object::name(candidate.node));
                best = Some(best.map_or(rank, |known| known.min(rank)));
            }
        }
    }
    best.map(|(_, name)| name.to_owned()).ok_or_else(|| unschedulable(candidates.len(), &mut reasons))
}

fn unschedulable(nodes: usize, reasons: &mut [&'static str]) -> String {
    if nodes == 0 {
        return "no nodes available to schedule pods".to_owned();
    }
    reasons.sort_unstable();
    let groups = reasons.chunk_by(|a, b| a == b).map(|group| format!("{} {}", group.len(), group[0]));
    format!("0/{nodes} nodes are available: {}.", groups.collect::<Vec<_>>().join(", "))
}

fn obstacle(pod: &Value, candidate: &Candidate<'_>) -> Option<&'static str> {
    let node = candidate.node;
    if read::flag(node, "/spec/unschedulable") {
        return Some("node(s) were unschedulable");
    }
    if !tolerates_all(pod, node) {
        return Some("node(s) had untolerated taint(s)");
    }
    if !selects(pod, node) {
        return Some("node(s) didn't match Pod's node affinity/selector");
    }
    let capacity = read::text(node, "/status/allocatable/pods").and_then(|pods| pods.parse().ok());
    (candidate.pods >= capacity.unwrap_or(usize::MAX)).then_some("Too many pods")
}

/// Whether a node takes a pod that does not mind a full or cordoned node: what a DaemonSet asks.
pub(crate) fn admits(pod: &Value, node: &Value) -> bool {
    tolerates_all(pod, node) && selects(pod, node)
}

fn tolerates_all(pod: &Value, node: &Value) -> bool {
    read::items(node, "/spec/taints")
        .filter(|taint| read::text(taint, "/effect") != Some("PreferNoSchedule"))
        .all(|taint| read::items(pod, "/spec/tolerations").any(|toleration| tolerates(toleration, taint)))
}

/// Upstream: `Toleration.ToleratesTaint`.
fn tolerates(toleration: &Value, taint: &Value) -> bool {
    let field = |name: &str| read::text(toleration, &format!("/{name}"));
    let effect_fits = field("effect").is_none_or(|effect| read::text(taint, "/effect") == Some(effect));
    let key_fits = field("key").is_none_or(|key| read::text(taint, "/key") == Some(key));
    let value_fits = field("operator") == Some("Exists") || field("value") == read::text(taint, "/value");
    effect_fits && key_fits && value_fits && (field("key").is_some() || field("operator") == Some("Exists"))
}

fn selects(pod: &Value, node: &Value) -> bool {
    let labels = object::labels(node);
    let selector = pod.pointer("/spec/nodeSelector").and_then(Value::as_object);
    let by_labels = selector.into_iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    let terms = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    let mut terms = read::items(pod, terms).peekable();
    by_labels && (terms.peek().is_none() || terms.any(|term| term_matches(term, node)))
}

fn term_matches(term: &Value, node: &Value) -> bool {
    read::items(term, "/matchExpressions").all(|requirement| {
        let value = read::text(requirement, "/key").and_then(|key| object::label(node, key));
        let listed = || read::items(requirement, "/values").any(|one| one.as_str() == value);
        match read::text(requirement, "/operator") {
            Some("In") => value.is_some() && listed(),
            Some("NotIn") => value.is_none() || !listed(),
            Some("Exists") => value.is_some(),
            Some("DoesNotExist") => value.is_none(),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(name: &str) -> Value {
        json!({"metadata": {"name": name, "labels": {"name": name}}, "status": {"allocatable": {"pods": "2"}}})
    }

    #[test]
    fn the_emptiest_node_is_chosen_then_the_first_by_name() {
        let (a, b, c) = (node("a"), node("b"), node("c"));
        let candidates = [(&c, 0), (&b, 0), (&a, 1)].map(|(node, pods)| Candidate { node, pods });
        assert_eq!(choose(&json!({}), &candidates).unwrap(), "b");
    }

    #[test]
    fn a_pod_that_fits_nowhere_is_told_why() {
        let (a, mut b) = (node("a"), node("b"));
        b["spec"] = json!({"taints": [{"key": "gpu", "effect": "NoSchedule"}]});
        let candidates = [(&a, 2), (&b, 0)].map(|(node, pods)| Candidate { node, pods });
        let reason = choose(&json!({}), &candidates).unwrap_err();
        assert_eq!(reason, "0/2 nodes are available: 1 Too many pods, 1 node(s) had untolerated taint(s).");
        let tolerant = json!({"spec": {"tolerations": [{"key": "gpu", "operator": "Exists"}]}});
        assert_eq!(choose(&tolerant, &candidates).unwrap(), "b");
        assert_eq!(choose(&json!({}), &[]).unwrap_err(), "no nodes available to schedule pods");
    }

    #[test]
    fn selectors_and_affinity_bind() {
        let (a, b) = (node("a"), node("b"));
        let candidates = [(&a, 0), (&b, 0)].map(|(node, pods)| Candidate { node, pods });
        let selector = json!({"spec": {"nodeSelector": {"name": "b"}}});
        assert_eq!(choose(&selector, &candidates).unwrap(), "b");
        let terms = json!([{"matchExpressions": [{"key": "name", "operator": "NotIn", "values": ["a"]}]}]);
        let affinity = json!({"spec": {"affinity": {"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}}});
        assert_eq!(choose(&affinity, &candidates).unwrap(), "b");
    }
}
