//! What pods say of the pods near them: affinity, anti-affinity and topology spread, the required terms.
//! It must not know what else makes a node fit. Upstream: plugins `interpodaffinity` and `podtopologyspread`.

use std::collections::BTreeMap;

use mainstay_apimachinery::object;
use mainstay_apimachinery::selector::LabelSelector;
use serde_json::Value;

use super::fit;
use crate::read;

const AFFINITY: &str = "/spec/affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution";
const ANTI_AFFINITY: &str = "/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution";
const SPREAD: &str = "/spec/topologySpreadConstraints";

const NOT_NEAR: &str = "node(s) didn't match pod affinity rules";
const NOT_APART: &str = "node(s) didn't match pod anti-affinity rules";
const NOT_WELCOME: &str = "node(s) didn't satisfy existing pods anti-affinity rules";
const UNEVEN: &str = "node(s) didn't match pod topology spread constraints";
const NO_LABEL: &str = "node(s) didn't match pod topology spread constraints (missing required label)";

/// A pod and the node it is on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer<'a> {
    /// The pod.
    pub pod: &'a Value,
    /// Its node.
    pub node: &'a Value,
}

/// The pods that are placed, and the nodes there are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Peers<'a> {
    /// The placed pods.
    pub pods: &'a [Peer<'a>],
    /// All nodes.
    pub nodes: &'a [&'a Value],
    /// The namespaces, for terms that select them by label.
    pub namespaces: &'a [Value],
}

/// Whether a pod says anything about its peers.
pub(crate) fn cares(pod: &Value) -> bool {
    [AFFINITY, ANTI_AFFINITY, SPREAD].iter().any(|terms| read::items(pod, terms).next().is_some())
}

/// Whether a pod keeps others away.
pub(crate) fn repels(pod: &Value) -> bool {
    read::items(pod, ANTI_AFFINITY).next().is_some()
}

impl Peers<'_> {
    /// Why the pod may not go to the node, and whether others leaving could change that.
    pub(crate) fn obstacle(&self, pod: &Value, node: &Value) -> Option<(&'static str, bool)> {
        let spread = read::items(pod, SPREAD)
            .filter(|constraint| read::text(constraint, "/whenUnsatisfiable") != Some("ScheduleAnyway"))
            .find_map(|constraint| self.uneven(pod, node, constraint));
        spread.or_else(|| self.away(pod, node)).or_else(|| self.too_near(pod, node))
    }

    fn uneven(&self, pod: &Value, node: &Value, constraint: &Value) -> Option<(&'static str, bool)> {
        let key = read::text(constraint, "/topologyKey")?;
        let Some(domain) = object::label(node, key) else { return Some((NO_LABEL, false)) };
        let eligible = self.nodes.iter().filter(|node| fit::selects(pod, node));
        let mut counts: BTreeMap<&str, i64> =
            eligible.filter_map(|node| object::label(node, key)).map(|domain| (domain, 0)).collect();
        let matches =
            |other: &Value| object::namespace(other) == object::namespace(pod) && selects(constraint, pod, other);
        for peer in self.pods.iter().filter(|peer| !object::is_deleting(peer.pod) && matches(peer.pod)) {
            if let Some(count) = object::label(peer.node, key).and_then(|domain| counts.get_mut(domain)) {
                *count += 1;
            }
        }
        let domains = i64::try_from(counts.len()).unwrap_or(i64::MAX);
        let enough = domains >= read::int(constraint, "/minDomains").unwrap_or(1);
        let least = if enough { counts.values().min().copied().unwrap_or(0) } else { 0 };
        let own = i64::from(selects(constraint, pod, pod));
        let skew = counts.get(domain).copied().unwrap_or(0) + own - least;
        (skew > read::int(constraint, "/maxSkew").unwrap_or(1)).then_some((UNEVEN, true))
    }

    fn away(&self, pod: &Value, node: &Value) -> Option<(&'static str, bool)> {
        let terms: Vec<&Value> = read::items(pod, AFFINITY).collect();
        let near = |term: &&Value| self.pods.iter().any(|peer| self.shares(term, (pod, node), *peer));
        if terms.iter().all(near) {
            return None;
        }
        // The first of a group has nobody to go to.
        let anyone = terms.iter().any(|term| self.pods.iter().any(|peer| self.matches(term, pod, peer.pod)));
        let alone = !anyone && terms.iter().all(|term| self.matches(term, pod, pod) && has_domain(term, node));
        (!alone).then_some((NOT_NEAR, false))
    }

    fn too_near(&self, pod: &Value, node: &Value) -> Option<(&'static str, bool)> {
        let mut terms = read::items(pod, ANTI_AFFINITY);
        if terms.any(|term| self.pods.iter().any(|peer| self.shares(term, (pod, node), *peer))) {
            return Some((NOT_APART, true));
        }
        let repelled = |peer: &Peer<'_>| {
            read::items(peer.pod, ANTI_AFFINITY)
                .any(|term| self.matches(term, peer.pod, pod) && same_domain(term, node, peer.node))
        };
        self.pods.iter().any(repelled).then_some((NOT_WELCOME, true))
    }

    fn shares(&self, term: &Value, (pod, node): (&Value, &Value), peer: Peer<'_>) -> bool {
        same_domain(term, node, peer.node) && self.matches(term, pod, peer.pod)
    }

    /// Whether a term of a pod is about another one.
    fn matches(&self, term: &Value, pod: &Value, other: &Value) -> bool {
        let namespace = object::namespace(other).unwrap_or_default();
        let named = read::items(term, "/namespaces").any(|name| name.as_str() == Some(namespace));
        let by_label =
            term.get("namespaceSelector").is_some_and(|selector| self.selects_namespace(selector, namespace));
        let unsaid = term.get("namespaceSelector").is_none() && read::items(term, "/namespaces").next().is_none();
        let here = unsaid && object::namespace(pod) == object::namespace(other);
        (named || by_label || here) && selects(term, pod, other)
    }

    fn selects_namespace(&self, selector: &Value, name: &str) -> bool {
        let Ok(selector) = LabelSelector::from_object(selector) else { return false };
        let found = self.namespaces.iter().find(|namespace| object::name(namespace) == name);
        found.is_some_and(|namespace| selector.matches(object::labels(namespace)))
    }
}

/// Whether a term's label selector, with its `matchLabelKeys`, matches another pod.
fn selects(term: &Value, pod: &Value, other: &Value) -> bool {
    let keys = read::items(term, "/matchLabelKeys").filter_map(Value::as_str);
    let alike = keys
        .filter(|key| object::label(pod, key).is_some())
        .all(|key| object::label(pod, key) == object::label(other, key));
    let selector = term.get("labelSelector").and_then(|selector| LabelSelector::from_object(selector).ok());
    alike && selector.is_some_and(|selector| selector.matches(object::labels(other)))
}

fn has_domain(term: &Value, node: &Value) -> bool {
    read::text(term, "/topologyKey").and_then(|key| object::label(node, key)).is_some()
}

fn same_domain(term: &Value, node: &Value, other: &Value) -> bool {
    let Some(key) = read::text(term, "/topologyKey") else { return false };
    let domain = object::label(node, key);
    domain.is_some() && domain == object::label(other, key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(name: &str, zone: &str) -> Value {
        json!({"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "zone": zone}}})
    }

    fn pod(app: &str, spec: Value) -> Value {
        json!({"metadata": {"name": app, "namespace": "n", "labels": {"app": app}}, "spec": spec})
    }

    fn term(kind: &str, app: &str, key: &str) -> Value {
        let term = json!({"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}});
        json!({"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}})
    }

    fn obstacles(new: &Value, placed: &[(&Value, usize)]) -> Vec<Option<&'static str>> {
        let nodes = [node("a", "1"), node("b", "1"), node("c", "2")];
        let known: Vec<&Value> = nodes.iter().collect();
        let pods: Vec<Peer<'_>> = placed.iter().map(|(pod, at)| Peer { pod, node: &nodes[*at] }).collect();
        let peers = Peers { pods: &pods, nodes: &known, namespaces: &[] };
        nodes.iter().map(|node| peers.obstacle(new, node).map(|(why, _)| why)).collect()
    }

    #[test]
    fn affinity_asks_for_company_and_the_first_of_a_group_needs_none() {
        let db = pod("db", json!({}));
        let web = pod("web", term("podAffinity", "db", "zone"));
        assert_eq!(obstacles(&web, &[(&db, 0)]), [None, None, Some(NOT_NEAR)]);
        assert_eq!(obstacles(&web, &[]), [Some(NOT_NEAR); 3]);
        assert_eq!(obstacles(&pod("db", term("podAffinity", "db", "zone")), &[]), [None; 3]);
    }

    #[test]
    fn anti_affinity_holds_in_both_directions() {
        let apart = pod("web", term("podAntiAffinity", "web", "kubernetes.io/hostname"));
        assert_eq!(obstacles(&apart, &[(&apart, 1)]), [None, Some(NOT_APART), None]);
        let lonely = pod("db", term("podAntiAffinity", "web", "zone"));
        let plain = pod("web", json!({}));
        assert_eq!(obstacles(&plain, &[(&lonely, 2)]), [None, None, Some(NOT_WELCOME)]);
    }

    #[test]
    fn spread_keeps_domains_even() {
        let constraint = json!({"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": "web"}}});
        let web = pod("web", json!({"topologySpreadConstraints": [constraint]}));
        assert_eq!(obstacles(&web, &[]), [None; 3]);
        assert_eq!(obstacles(&web, &[(&web, 0)]), [Some(UNEVEN), Some(UNEVEN), None]);
        assert_eq!(obstacles(&web, &[(&web, 0), (&web, 2)]), [None; 3]);
        let mut racks = web.clone();
        racks["spec"]["topologySpreadConstraints"][0]["topologyKey"] = json!("rack");
        assert_eq!(obstacles(&racks, &[]), [Some(NO_LABEL); 3]);
    }
}
