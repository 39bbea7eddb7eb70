//! The rules of statuses, which controllers and kubelets write. It must not know specs.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{Errors, field, list, text};
use crate::GroupVersionKind;

/// Numbers that are never negative, and pairs of which the first never exceeds the second.
struct Counts {
    counts: &'static [&'static str],
    bounds: &'static [(&'static str, &'static str, &'static str)],
}

const NONE: Counts = Counts { counts: &[], bounds: &[] };
const OF_REPLICAS: &str = "cannot be greater than status.replicas";
const OF_READY: &str = "cannot be greater than readyReplicas";

const DEPLOYMENT: Counts = Counts {
    counts: &[
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
        "terminatingReplicas",
        "collisionCount",
    ],
    bounds: &[
        ("updatedReplicas", "replicas", OF_REPLICAS),
        ("readyReplicas", "replicas", OF_REPLICAS),
        ("availableReplicas", "replicas", OF_REPLICAS),
        ("availableReplicas", "readyReplicas", OF_READY),
    ],
};

const REPLICA_SET: Counts = Counts {
    counts: &["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration"],
    bounds: &[
        ("fullyLabeledReplicas", "replicas", OF_REPLICAS),
        ("readyReplicas", "replicas", OF_REPLICAS),
        ("availableReplicas", "replicas", OF_REPLICAS),
        ("availableReplicas", "readyReplicas", OF_READY),
    ],
};

const STATEFUL_SET: Counts = Counts {
    counts: &[
        "replicas",
        "readyReplicas",
        "currentReplicas",
        "updatedReplicas",
        "observedGeneration",
        "collisionCount",
        "availableReplicas",
    ],
    bounds: &[
        ("readyReplicas", "replicas", OF_REPLICAS),
        ("currentReplicas", "replicas", OF_REPLICAS),
        ("updatedReplicas", "replicas", OF_REPLICAS),
        ("availableReplicas", "replicas", OF_REPLICAS),
        ("availableReplicas", "readyReplicas", "cannot be greater than status.readyReplicas"),
    ],
};

const DAEMON_SET: Counts = Counts {
    counts: &[
        "currentNumberScheduled",
        "numberMisscheduled",
        "desiredNumberScheduled",
        "numberReady",
        "observedGeneration",
        "updatedNumberScheduled",
        "numberAvailable",
        "numberUnavailable",
        "collisionCount",
    ],
    ..NONE
};

fn counts(group: &str, kind: &str) -> Counts {
    match (group, kind) {
        ("apps", "Deployment") => DEPLOYMENT,
        ("apps", "ReplicaSet") | ("", "ReplicationController") => REPLICA_SET,
        ("apps", "StatefulSet") => STATEFUL_SET,
        ("apps", "DaemonSet") => DAEMON_SET,
        ("batch", "Job") => Counts { counts: &["active", "succeeded", "failed", "ready"], ..NONE },
        ("policy", "PodDisruptionBudget") => {
            Counts { counts: &["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"], ..NONE }
        }
        ("autoscaling", "HorizontalPodAutoscaler") => {
            Counts { counts: &["currentReplicas", "desiredReplicas"], ..NONE }
        }
        _ => NONE,
    }
}

/// Everything wrong with the status of a built-in kind.
pub(super) fn check(errors: &mut Errors, gvk: &GroupVersionKind, object: &Value) {
    let Some(status) = object.get("status") else { return };
    let path = field("status");
    let Counts { counts, bounds } = counts(&gvk.group, &gvk.kind);
    for name in counts {
        errors.non_negative(path.child(name), status.get(*name));
    }
    let number = |name: &str| status.get(name).and_then(Value::as_i64).unwrap_or(0);
    for (name, bound, detail) in bounds {
        if number(name) > number(bound) {
            errors.invalid(path.child(name), number(name), *detail);
        }
    }
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "Pod") => addresses(errors, status),
        ("", "Service") | ("networking.k8s.io", "Ingress") => ingresses(errors, status),
        _ => {}
    }
}

const ADDRESS: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";

fn addresses(errors: &mut Errors, status: &Value) {
    let mut seen = Vec::new();
    for (index, item) in list(status, "podIPs") {
        let at = field("status").child("podIPs").index(index);
        let address = text(item, "ip");
        if address.parse::<IpAddr>().is_err() {
            errors.invalid(at.clone(), address, ADDRESS);
        }
        if seen.contains(&address) {
            errors.duplicate(at, json!({"ip": address}));
        }
        seen.push(address);
    }
}

fn ingresses(errors: &mut Errors, status: &Value) {
    let balancer = status.get("loadBalancer").unwrap_or(&Value::Null);
    let path = field("status").child("loadBalancer").child("ingress");
    for (index, ingress) in list(balancer, "ingress") {
        let at = path.index(index);
        let (address, host) = (text(ingress, "ip"), text(ingress, "hostname"));
        if !address.is_empty() && address.parse::<IpAddr>().is_err() {
            errors.invalid(at.child("ip"), address, ADDRESS);
        }
        if !host.is_empty() {
            errors.grammar(&at.child("hostname"), host, crate::names::check_dns1123_subdomain(host));
            if host.parse::<IpAddr>().is_ok() {
                errors.invalid(at.child("hostname"), host, "must be a DNS name, not an IP address");
            }
        }
    }
}
