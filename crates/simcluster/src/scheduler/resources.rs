//! What pods ask for and what nodes have room for. It must not know how a node is chosen.
//! Upstream: `component-helpers/resource`, `PodRequests`.

use std::collections::BTreeMap;

use mainstay_apimachinery::quantity::Quantity;
use serde_json::Value;

use crate::read;

/// Amounts by resource: thousandths of a CPU, and whole units of everything else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resources(BTreeMap<String, i64>);

impl Resources {
    /// Reads a map of quantities.
    fn read(map: Option<&Value>) -> Self {
        let entries = map.and_then(Value::as_object).into_iter().flatten();
        let amount = |name: &str, value: &Value| {
            let quantity = Quantity::from_value(value).ok()?;
            Some(if name == "cpu" { quantity.milli_value() } else { quantity.value() })
        };
        Self(entries.filter_map(|(name, value)| Some((name.clone(), amount(name, value)?))).collect())
    }

    /// What a pod asks for: its containers together, or its init containers where they need more.
    pub(crate) fn of_pod(pod: &Value) -> Self {
        let of = |container: &Value| Self::read(container.pointer("/resources/requests"));
        let (mut sidecars, mut peak, mut total) = (Self::default(), Self::default(), Self::default());
        for container in read::items(pod, "/spec/initContainers") {
            let mut needs = of(container);
            needs.add(&sidecars);
            if read::text(container, "/restartPolicy") == Some("Always") {
                sidecars = needs.clone();
            }
            peak.raise(&needs);
        }
        for container in read::items(pod, "/spec/containers") {
            total.add(&of(container));
        }
        total.add(&sidecars);
        total.raise(&peak);
        total.add(&Self::read(pod.pointer("/spec/overhead")));
        total
    }

    /// What a node has room for.
    pub(crate) fn of_node(node: &Value) -> Self {
        Self::read(node.pointer("/status/allocatable"))
    }

    /// Adds another's amounts.
    pub(crate) fn add(&mut self, other: &Self) {
        for (name, amount) in &other.0 {
            *self.0.entry(name.clone()).or_default() += amount;
        }
    }

    /// Takes another's amounts away.
    pub(crate) fn subtract(&mut self, other: &Self) {
        for (name, amount) in &other.0 {
            *self.0.entry(name.clone()).or_default() -= amount;
        }
    }

    fn raise(&mut self, other: &Self) {
        for (name, amount) in &other.0 {
            let known = self.0.entry(name.clone()).or_default();
            *known = (*known).max(*amount);
        }
    }

    /// The resources that are asked for beyond what is free, and whether even an empty node had too little.
    pub(crate) fn lacking<'a>(&'a self, used: &Self, room: &Self) -> Vec<(&'a str, bool)> {
        let amount = |of: &Self, name: &str| of.0.get(name).copied().unwrap_or(0);
        let asked = self.0.iter().filter(|(_, asked)| **asked > 0);
        let lacking = asked.filter(|(name, asked)| amount(used, name) + **asked > amount(room, name));
        lacking.map(|(name, asked)| (name.as_str(), *asked > amount(room, name))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_asks_for_its_containers_or_for_its_greediest_start() {
        let container = |cpu: &str, more: Value| {
            let mut container = json!({"resources": {"requests": {"cpu": cpu}}});
            container["restartPolicy"] = more;
            container
        };
        let cpu = |pod: &Value| Resources::of_pod(pod).0["cpu"];
        let plain = json!({"spec": {"containers": [container("100m", Value::Null), container("1", Value::Null)]}});
        assert_eq!(cpu(&plain), 1100);
        let mut starting = plain.clone();
        starting["spec"]["initContainers"] = json!([container("200m", json!("Always")), container("3", Value::Null)]);
        assert_eq!(cpu(&starting), 3200);
    }

    #[test]
    fn what_lacks_is_named() {
        let amounts = |cpu: &str, memory: &str| Resources::read(Some(&json!({"cpu": cpu, "memory": memory})));
        let room = amounts("2", "1Gi");
        assert!(amounts("500m", "1Mi").lacking(&amounts("1500m", "0"), &room).is_empty());
        assert_eq!(amounts("1", "2Gi").lacking(&amounts("1500m", "0"), &room), [("cpu", false), ("memory", true)]);
    }
}
