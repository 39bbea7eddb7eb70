//! The checks that the level `restricted` adds, as `k8s.io/pod-security-admission/policy/check_*.go`.
//! It must not know namespaces.

use serde_json::Value;

use super::baseline::{added, profile, seccomp, volumes};
use super::check::{Check, Pod, Violation, containers, distinct, plural, quoted, setters, violation};

/// In the order of their names. Windows is left out of three since 1.25.
pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "allowPrivilegeEscalation",
        versions: &[(8, escalation), (25, |pod| if pod.is_windows() { None } else { escalation(pod) })],
        overrides: "",
    },
    Check {
        id: "capabilities_restricted",
        versions: &[(22, capabilities), (25, |pod| if pod.is_windows() { None } else { capabilities(pod) })],
        overrides: "capabilities_baseline",
    },
    Check { id: "restrictedVolumes", versions: &[(0, restricted_volumes)], overrides: "hostPathVolumes" },
    Check {
        id: "runAsNonRoot",
        versions: &[(0, non_root), (35, |pod| if pod.has_user_namespace() { None } else { non_root(pod) })],
        overrides: "",
    },
    Check {
        id: "runAsUser",
        versions: &[(23, run_as_user), (35, |pod| if pod.has_user_namespace() { None } else { run_as_user(pod) })],
        overrides: "",
    },
    Check {
        id: "seccompProfile_restricted",
        versions: &[(19, seccomp_required), (25, |pod| if pod.is_windows() { None } else { seccomp_required(pod) })],
        overrides: "seccompProfile_baseline",
    },
];

fn escalation(pod: &Pod<'_>) -> Option<Violation> {
    let names =
        pod.names_of(|container| container.context.get("allowPrivilegeEscalation") != Some(&Value::Bool(false)));
    let detail = || format!("{} must set securityContext.allowPrivilegeEscalation=false", containers(&names));
    if names.is_empty() { None } else { violation("allowPrivilegeEscalation != false", detail()) }
}

fn capabilities(pod: &Pod<'_>) -> Option<Violation> {
    let drops_all = |context: &Value| {
        let dropped = context.pointer("/capabilities/drop").and_then(Value::as_array);
        dropped.is_some_and(|dropped| dropped.iter().any(|name| name == "ALL"))
    };
    let forbidden = |name: &&str| *name != "NET_BIND_SERVICE";
    let missing = pod.names_of(|container| !drops_all(container.context));
    let adding = pod.names_of(|container| added(container.context).any(|name| forbidden(&name)));
    let given = distinct(pod.containers().flat_map(|container| added(container.context).filter(forbidden)));
    let mut details = Vec::new();
    if !missing.is_empty() {
        details.push(format!("{} must set securityContext.capabilities.drop=[\"ALL\"]", containers(&missing)));
    }
    if !adding.is_empty() {
        let what = quoted(&given);
        details.push(format!("{} must not include {what} in securityContext.capabilities.add", containers(&adding)));
    }
    if details.is_empty() { None } else { violation("unrestricted capabilities", details.join("; ")) }
}

/// Volumes that bring nothing of the node along.
const VOLUMES: [&str; 8] =
    ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"];

fn restricted_volumes(pod: &Pod<'_>) -> Option<Violation> {
    let bad: Vec<(&str, &str)> = volumes(pod).filter_map(restricted_type).collect();
    if bad.is_empty() {
        return None;
    }
    let names: Vec<&str> = bad.iter().map(|(name, _)| *name).collect();
    let kinds = distinct(bad.iter().map(|(_, kind)| *kind));
    let detail = format!(
        "{} {} {} {} {}",
        plural("volume", "volumes", names.len()),
        quoted(&names),
        plural("uses", "use", names.len()),
        plural("restricted volume type", "restricted volume types", kinds.len()),
        quoted(&kinds)
    );
    violation("restricted volume types", detail)
}

/// Name and type of a volume that is restricted.
fn restricted_type(volume: &Value) -> Option<(&str, &str)> {
    let fields = volume.as_object()?;
    if VOLUMES.iter().any(|allowed| fields.contains_key(*allowed)) {
        return None;
    }
    let kind = fields.keys().find(|key| *key != "name").map_or("unknown", String::as_str);
    Some((fields.get("name").and_then(Value::as_str).unwrap_or_default(), kind))
}

fn non_root(pod: &Pod<'_>) -> Option<Violation> {
    const REASON: &str = "runAsNonRoot != true";
    fn given(context: &Value) -> Option<bool> {
        context.get("runAsNonRoot").and_then(Value::as_bool)
    }
    let of_pod = given(pod.context());
    let explicit = pod.names_of(|container| given(container.context) == Some(false));
    if let Some(who) = setters(of_pod == Some(false), &explicit) {
        return violation(REASON, format!("{who} must not set securityContext.runAsNonRoot=false"));
    }
    let implicit = pod.names_of(|container| given(container.context).is_none() && of_pod != Some(true));
    let detail = || format!("pod or {} must set securityContext.runAsNonRoot=true", containers(&implicit));
    if implicit.is_empty() { None } else { violation(REASON, detail()) }
}

fn run_as_user(pod: &Pod<'_>) -> Option<Violation> {
    let root = |context: &Value| context.get("runAsUser").and_then(Value::as_i64) == Some(0);
    let who = setters(root(pod.context()), &pod.names_of(|container| root(container.context)))?;
    violation("runAsUser=0", format!("{who} must not set runAsUser=0"))
}

fn seccomp_required(pod: &Pod<'_>) -> Option<Violation> {
    if let Some(bad) = seccomp(pod) {
        return Some(bad);
    }
    let of_pod = profile(pod.context()).is_some();
    let implicit = pod.names_of(|container| profile(container.context).is_none() && !of_pod);
    if implicit.is_empty() {
        return None;
    }
    let who = containers(&implicit);
    let what = "must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"";
    violation("seccompProfile", format!("pod or {who} {what}"))
}
