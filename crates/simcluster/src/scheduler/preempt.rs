//! Which pods make way for one of a higher priority. It must not know a clock or a client.
//! Upstream: plugin `defaultpreemption`, without disruption budgets.

use std::cmp::Reverse;

use mainstay_apimachinery::object;
use serde_json::Value;

use super::fit::{self, Candidate};
use super::peers::{Peer, Peers};
use super::resources::Resources;
use crate::read;

/// A node and the pods that must leave it.
#[derive(Debug, PartialEq)]
pub(super) struct Preemption<'a> {
    /// The node's name.
    pub node: &'a str,
    /// The pods.
    pub victims: Vec<&'a Value>,
}

/// A pod and its priority.
pub(super) type Ranked<'a> = (i64, &'a Value);

/// The node where the least is lost, or none.
pub(super) fn find<'a>(
    (priority, pod): Ranked<'_>,
    candidates: &[Candidate<'a>],
    peers: &Peers<'a>,
    priority_of: impl Fn(&Value) -> i64,
) -> Option<Preemption<'a>> {
    let needs = Resources::of_pod(pod);
    let options = candidates.iter().filter_map(|candidate| {
        let lower = peers.pods.iter().filter(|peer| object::name(peer.node) == object::name(candidate.node));
        let mut lower: Vec<Ranked<'a>> =
            lower.map(|peer| (priority_of(peer.pod), peer.pod)).filter(|(other, _)| *other < priority).collect();
        // Those that matter most get their place back first.
        lower.sort_by_key(|(priority, pod)| (Reverse(*priority), read::time(pod, "/status/startTime")));
        let victims = victims(pod, &needs, candidate, (peers, &lower))?;
        let highest = victims.iter().map(|(priority, _)| *priority).max()?;
        let sum: i64 = victims.iter().map(|(priority, _)| priority - i64::from(i32::MIN)).sum();
        let node = object::name(candidate.node);
        let victims: Vec<&Value> = victims.into_iter().map(|(_, pod)| pod).collect();
        Some(((highest, sum, victims.len(), node), Preemption { node, victims }))
    });
    options.min_by(|(a, _), (b, _)| a.cmp(b)).map(|(_, preemption)| preemption)
}

/// The fewest of the lower pods whose leaving makes room; `None` if it would not even without all of them.
fn victims<'a>(
    pod: &Value,
    needs: &Resources,
    candidate: &Candidate<'a>,
    (peers, lower): (&Peers<'a>, &[Ranked<'a>]),
) -> Option<Vec<Ranked<'a>>> {
    let fits_without = |gone: &[Ranked<'a>]| {
        let is_gone = |pod: &Value| gone.iter().any(|(_, other)| object::uid(other) == object::uid(pod));
        let left: Vec<Peer<'a>> = peers.pods.iter().filter(|peer| !is_gone(peer.pod)).copied().collect();
        let mut candidate = candidate.clone();
        candidate.pods = candidate.pods.saturating_sub(gone.len());
        for (_, pod) in gone {
            candidate.used.subtract(&Resources::of_pod(pod));
        }
        fit::obstacle(pod, needs, &candidate, &Peers { pods: &left, ..*peers }).is_none()
    };
    if lower.is_empty() || !fits_without(lower) {
        return None;
    }
    let mut victims = lower.to_vec();
    for one in lower {
        let others: Vec<Ranked<'a>> =
            victims.iter().filter(|victim| object::uid(victim.1) != object::uid(one.1)).copied().collect();
        if fits_without(&others) {
            victims = others;
        }
    }
    Some(victims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(name: &str) -> Value {
        json!({"metadata": {"name": name}, "status": {"allocatable": {"cpu": "2"},
               "conditions": [{"type": "Ready", "status": "True"}]}})
    }

    fn pod(name: &str, priority: i64, cpu: &str) -> Value {
        json!({"metadata": {"name": name, "uid": name},
               "spec": {"priority": priority, "containers": [{"resources": {"requests": {"cpu": cpu}}}]}})
    }

    fn run(new: &Value, placed: &[(&Value, &Value)], nodes: &[&Value]) -> Option<(String, Vec<String>)> {
        let peers: Vec<Peer<'_>> = placed.iter().map(|(pod, node)| Peer { pod, node }).collect();
        let candidates: Vec<Candidate<'_>> = nodes
            .iter()
            .map(|node| {
                let mut used = Resources::default();
                let here = peers.iter().filter(|peer| object::name(peer.node) == object::name(node));
                let pods = here.inspect(|peer| used.add(&Resources::of_pod(peer.pod))).count();
                Candidate { node, pods, used }
            })
            .collect();
        let priority = |pod: &Value| read::count(pod, "/spec/priority");
        let peers = Peers { pods: &peers, nodes, namespaces: &[] };
        let found = find((priority(new), new), &candidates, &peers, priority)?;
        Some((found.node.to_owned(), found.victims.iter().map(|pod| object::name(pod).to_owned()).collect()))
    }

    #[test]
    fn the_least_important_pods_leave_and_no_more_than_needed() {
        let (a, b) = (node("a"), node("b"));
        let (low, mid, small, high) =
            (pod("low", 1, "1"), pod("mid", 5, "1"), pod("small", 1, "500m"), pod("high", 9, "2"));
        let placed = [(&low, &a), (&mid, &a), (&high, &b)];
        assert_eq!(run(&pod("new", 7, "1"), &placed, &[&a, &b]), Some(("a".to_owned(), vec!["low".to_owned()])));
        assert_eq!(run(&pod("new", 1, "1"), &placed, &[&a, &b]), None);
        let choice = [(&mid, &a), (&small, &b), (&mid, &b)];
        let found = run(&pod("new", 7, "1500m"), &choice, &[&a, &b]);
        assert_eq!(found, Some(("a".to_owned(), vec!["mid".to_owned()])));
    }
}
