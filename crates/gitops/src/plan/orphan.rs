//! Which resources that no application deploys are worth a word. As Argo CD's `isKnownOrphanedResourceExclusion`.
//! It must not know where they are.

use mainstay_api::argoproj::GroupKindName;

use super::glob;
use super::key::Key;

/// Kinds that controllers write without owning up to it, as Argo CD's default `resource.exclusions`; and Events.
const NOISE: [(&str, &str); 5] = [
    ("", "Endpoints"),
    ("discovery.k8s.io", "EndpointSlice"),
    ("coordination.k8s.io", "Lease"),
    ("", "Event"),
    ("events.k8s.io", "Event"),
];

/// What every namespace has, or every cluster.
const BUILT_IN: [(&str, &str); 2] = [("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")];

/// Whether a kind is never looked at.
#[must_use]
pub fn is_noise(group: &str, kind: &str) -> bool {
    NOISE.contains(&(group, kind))
}

/// Whether a resource is meant to be there without an application: it always is, or the project says so.
#[must_use]
pub fn is_expected(key: &Key, ignored: &[GroupKindName]) -> bool {
    let built_in = BUILT_IN.contains(&(key.kind.as_str(), key.name.as_str()))
        || (key.namespace == "default" && key.kind == "Service" && key.name == "kubernetes");
    let matches = |item: &GroupKindName| {
        glob::matches(&item.group, &key.group)
            && glob::matches(&item.kind, &key.kind)
            && (item.name.is_empty() || glob::matches(&item.name, &key.name))
    };
    key.group.is_empty() && built_in || ignored.iter().any(matches)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(group: &str, kind: &str, name: &str) -> Key {
        Key { group: group.into(), kind: kind.into(), namespace: "default".into(), name: name.into() }
    }

    #[test]
    fn what_is_always_there_and_what_a_project_names_is_expected() {
        let ignored: Vec<GroupKindName> = serde_json::from_value(
            serde_json::json!([{"kind": "Secret", "name": "sh.helm.*"}, {"group": "*.io", "kind": "*"}]),
        )
        .unwrap();
        let expected = |group: &str, kind: &str, name: &str| is_expected(&key(group, kind, name), &ignored);
        assert!(expected("", "ServiceAccount", "default") && !expected("", "ServiceAccount", "builder"));
        assert!(expected("", "ConfigMap", "kube-root-ca.crt") && expected("", "Service", "kubernetes"));
        assert!(expected("", "Secret", "sh.helm.release.v1.x") && !expected("", "Secret", "password"));
        assert!(expected("acme.io", "Rocket", "r") && !expected("apps", "Deployment", "d"));
    }
}
