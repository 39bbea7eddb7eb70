//! Which node a pod goes to: the one with the fewest pods of those it fits on. It must not know a clock or a client.
//! Upstream: the filter plugins of kube-scheduler, in their order, with their words.

use std::collections::BTreeMap;

use mainstay_apimachinery::object;
use serde_json::Value;

use super::peers::Peers;
use super::resources::Resources;
use crate::{condition, read};

/// What a scheduler knows of a node.
#[derive(Clone, Debug)]
pub(crate) struct Candidate<'a> {
    /// The node.
    pub node: &'a Value,
    /// How many pods are bound to it.
    pub pods: usize,
    /// What they ask for together.
    pub used: Resources,
}

/// Why a pod does not fit on a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Obstacle {
    /// In kube-scheduler's words.
    pub reasons: Vec<String>,
    /// Whether it would fit if others made room.
    pub resolvable: bool,
}

impl Obstacle {
    fn one(reason: &str, resolvable: bool) -> Option<Self> {
        Some(Self { reasons: vec![reason.to_owned()], resolvable })
    }
}

/// Chooses a node by name, or says of each node why it is not this one.
pub(crate) fn choose(pod: &Value, candidates: &[Candidate<'_>], peers: &Peers<'_>) -> Result<String, Vec<Obstacle>> {
    let (needs, mut obstacles) = (Resources::of_pod(pod), Vec::new());
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        match obstacle(pod, &needs, candidate, peers) {
            Some(obstacle) => obstacles.push(obstacle),
            None => {
                let rank = (candidate.pods, object::name(candidate.node));
                best = Some(best.map_or(rank, |known| known.min(rank)));
            }
        }
    }
    best.map(|(_, name)| name.to_owned()).ok_or(obstacles)
}

/// What a person is told of a pod that fits nowhere. Upstream: `FitError.Error`.
pub(crate) fn unschedulable(obstacles: &[Obstacle]) -> String {
    if obstacles.is_empty() {
        return "no nodes available to schedule pods".to_owned();
    }
    let nodes = obstacles.len();
    let reasons = histogram(obstacles.iter().flat_map(|obstacle| &obstacle.reasons).map(String::as_str));
    let helpless = histogram(obstacles.iter().map(|obstacle| {
        if obstacle.resolvable {
            "No preemption victims found for incoming pod"
        } else {
            "Preemption is not helpful for scheduling"
        }
    }));
    format!("0/{nodes} nodes are available: {reasons}. preemption: 0/{nodes} nodes are available: {helpless}.")
}

fn histogram<'a>(reasons: impl Iterator<Item = &'a str>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in reasons {
        *counts.entry(reason).or_default() += 1;
    }
    let mut texts: Vec<String> = counts.into_iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    texts.sort_unstable();
    texts.join(", ")
}

/// The first thing that keeps a pod off a node.
pub(crate) fn obstacle(
    pod: &Value,
    needs: &Resources,
    candidate: &Candidate<'_>,
    peers: &Peers<'_>,
) -> Option<Obstacle> {
    let node = candidate.node;
    if read::flag(node, "/spec/unschedulable") && !tolerates_cordon(pod) {
        return Obstacle::one("node(s) were unschedulable", false);
    }
    if !tolerates_all(pod, node) || !condition::is_true(node, "Ready") {
        return Obstacle::one("node(s) had untolerated taint(s)", false);
    }
    if !selects(pod, node) {
        return Obstacle::one("node(s) didn't match Pod's node affinity/selector", false);
    }
    let room = lack_of_room(needs, candidate);
    if room.is_some() {
        return room;
    }
    peers.obstacle(pod, node).and_then(|(reason, resolvable)| Obstacle::one(reason, resolvable))
}

fn lack_of_room(needs: &Resources, candidate: &Candidate<'_>) -> Option<Obstacle> {
    let node = candidate.node;
    let capacity = read::text(node, "/status/allocatable/pods").and_then(|pods| pods.parse().ok());
    let mut found = Obstacle { reasons: Vec::new(), resolvable: true };
    if candidate.pods >= capacity.unwrap_or(usize::MAX) {
        found.reasons.push("Too many pods".to_owned());
    }
    for (resource, hopeless) in needs.lacking(&candidate.used, &Resources::of_node(node)) {
        found.reasons.push(format!("Insufficient {resource}"));
        found.resolvable &= !hopeless;
    }
    (!found.reasons.is_empty()).then_some(found)
}

fn tolerates_cordon(pod: &Value) -> bool {
    let cordon = serde_json::json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"});
    read::items(pod, "/spec/tolerations").any(|toleration| tolerates(toleration, &cordon))
}

/// Whether a node takes a pod that does not mind a full or cordoned node: what a DaemonSet asks.
pub(crate) fn admits(pod: &Value, node: &Value) -> bool {
    tolerates_all(pod, node) && selects(pod, node)
}

/// Whether a pod that is on a node may stay there.
pub(crate) fn keeps(pod: &Value, node: &Value) -> bool {
    let evicting = read::items(node, "/spec/taints").filter(|taint| read::text(taint, "/effect") == Some("NoExecute"));
    let mut evicting = evicting.peekable();
    let tolerated = |taint: &Value| read::items(pod, "/spec/tolerations").any(|one| tolerates(one, taint));
    (evicting.peek().is_none() || evicting.all(tolerated)) && selects(pod, node)
}

fn tolerates_all(pod: &Value, node: &Value) -> bool {
    read::items(node, "/spec/taints")
        .filter(|taint| read::text(taint, "/effect") != Some("PreferNoSchedule"))
        .all(|taint| read::items(pod, "/spec/tolerations").any(|toleration| tolerates(toleration, taint)))
}

/// Upstream: `Toleration.ToleratesTaint`.
pub(crate) fn tolerates(toleration: &Value, taint: &Value) -> bool {
    let field = |name: &str| read::text(toleration, &format!("/{name}"));
    let effect_fits = field("effect").is_none_or(|effect| read::text(taint, "/effect") == Some(effect));
    let key_fits = field("key").is_none_or(|key| read::text(taint, "/key") == Some(key));
    let value_fits = field("operator") == Some("Exists") || field("value") == read::text(taint, "/value");
    effect_fits && key_fits && value_fits && (field("key").is_some() || field("operator") == Some("Exists"))
}

/// Whether the pod's node selector and required node affinity take a node.
pub(crate) fn selects(pod: &Value, node: &Value) -> bool {
    let labels = object::labels(node);
    let selector = pod.pointer("/spec/nodeSelector").and_then(Value::as_object);
    let by_labels = selector.into_iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    let terms = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    let mut terms = read::items(pod, terms).peekable();
    by_labels && (terms.peek().is_none() || terms.any(|term| term_matches(term, node)))
}

fn term_matches(term: &Value, node: &Value) -> bool {
    let by_label = |key: &str| object::label(node, key);
    let by_field = |key: &str| (key == "metadata.name").then(|| object::name(node));
    let expressions: Vec<&Value> = read::items(term, "/matchExpressions").collect();
    let fields: Vec<&Value> = read::items(term, "/matchFields").collect();
    // A term without requirements takes no node.
    (!expressions.is_empty() || !fields.is_empty())
        && expressions.iter().all(|requirement| requirement_holds(requirement, by_label))
        && fields.iter().all(|requirement| requirement_holds(requirement, by_field))
}

fn requirement_holds<'a>(requirement: &Value, get: impl Fn(&str) -> Option<&'a str>) -> bool {
    let value = read::text(requirement, "/key").and_then(get);
    let listed = || read::items(requirement, "/values").any(|one| one.as_str() == value);
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
    let bound = || number(read::items(requirement, "/values").next().and_then(Value::as_str));
    let compares = |holds: fn(i64, i64) -> bool| number(value).zip(bound()).is_some_and(|(a, b)| holds(a, b));
    match read::text(requirement, "/operator") {
        Some("In") => value.is_some() && listed(),
        Some("NotIn") => value.is_none() || !listed(),
        Some("Exists") => value.is_some(),
        Some("DoesNotExist") => value.is_none(),
        Some("Gt") => compares(|a, b| a > b),
        Some("Lt") => compares(|a, b| a < b),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(name: &str) -> Value {
        json!({"metadata": {"name": name, "labels": {"name": name, "cores": "8"}},
               "status": {"allocatable": {"pods": "2", "cpu": "2"},
                          "conditions": [{"type": "Ready", "status": "True"}]}})
    }

    fn candidate(node: &Value, pods: usize) -> Candidate<'_> {
        Candidate { node, pods, used: Resources::default() }
    }

    fn chosen(pod: &Value, candidates: &[Candidate<'_>]) -> Result<String, String> {
        choose(pod, candidates, &Peers::default()).map_err(|obstacles| unschedulable(&obstacles))
    }

    #[test]
    fn the_emptiest_node_is_chosen_then_the_first_by_name() {
        let (a, b, c) = (node("a"), node("b"), node("c"));
        assert_eq!(chosen(&json!({}), &[candidate(&c, 0), candidate(&b, 0), candidate(&a, 1)]).unwrap(), "b");
    }

    #[test]
    fn a_pod_that_fits_nowhere_is_told_why() {
        let (a, mut b) = (node("a"), node("b"));
        b["spec"] = json!({"taints": [{"key": "gpu", "effect": "NoSchedule"}]});
        let candidates = [candidate(&a, 2), candidate(&b, 0)];
        let expected = "0/2 nodes are available: 1 Too many pods, 1 node(s) had untolerated taint(s). preemption: 0/2 \
                        nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not \
                        helpful for scheduling.";
        assert_eq!(chosen(&json!({}), &candidates).unwrap_err(), expected);
        let tolerant = json!({"spec": {"tolerations": [{"key": "gpu", "operator": "Exists"}]}});
        assert_eq!(chosen(&tolerant, &candidates).unwrap(), "b");
        assert_eq!(chosen(&json!({}), &[]).unwrap_err(), "no nodes available to schedule pods");
    }

    #[test]
    fn requests_must_fit_beside_those_of_others() {
        let (a, b) = (node("a"), node("b"));
        let pod = |cpu: &str| json!({"spec": {"containers": [{"resources": {"requests": {"cpu": cpu}}}]}});
        let mut busy = candidate(&a, 1);
        busy.used = Resources::of_pod(&pod("1500m"));
        assert_eq!(chosen(&pod("1"), &[busy.clone(), candidate(&b, 1)]).unwrap(), "b");
        let expected = "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No \
                        preemption victims found for incoming pod.";
        assert_eq!(chosen(&pod("1"), &[busy]).unwrap_err(), expected);
        let hopeless = chosen(&pod("3"), &[candidate(&b, 0)]).unwrap_err();
        assert!(hopeless.ends_with("1 Preemption is not helpful for scheduling."), "{hopeless}");
    }

    #[test]
    fn selectors_and_affinity_bind() {
        let (a, b) = (node("a"), node("b"));
        let candidates = [candidate(&a, 0), candidate(&b, 0)];
        let selector = json!({"spec": {"nodeSelector": {"name": "b"}}});
        assert_eq!(chosen(&selector, &candidates).unwrap(), "b");
        let affinity = |term: Value| {
            json!({"spec": {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
                {"nodeSelectorTerms": [term]}}}}})
        };
        let expression = |key: &str, operator: &str, value: &str| json!({"matchExpressions": [{"key": key, "operator": operator, "values": [value]}]});
        assert_eq!(chosen(&affinity(expression("name", "NotIn", "a")), &candidates).unwrap(), "b");
        assert!(chosen(&affinity(expression("cores", "Gt", "8")), &candidates).is_err());
        let field = json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["b"]}]});
        assert_eq!(chosen(&affinity(field), &candidates).unwrap(), "b");
    }

    #[test]
    fn a_cordoned_node_is_for_those_who_do_not_mind() {
        let mut a = node("a");
        a["spec"] = json!({"unschedulable": true});
        assert!(chosen(&json!({}), &[candidate(&a, 0)]).unwrap_err().contains("node(s) were unschedulable"));
        let anyway = json!({"spec": {"tolerations": [{"operator": "Exists"}]}});
        assert_eq!(chosen(&anyway, &[candidate(&a, 0)]).unwrap(), "a");
    }
}
