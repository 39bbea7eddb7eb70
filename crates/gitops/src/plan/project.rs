//! What an AppProject lets its applications do.
//! It must not know how a refusal is reported.

use mainstay_api::argoproj::{AppProjectSpec, Destination, GroupKindName, IN_CLUSTER, IN_CLUSTER_SERVER};

use super::glob;
use super::key::Key;

/// Why a project refuses, with what to do.
pub type Refusal = String;

/// Whether the project lets applications read a repository.
///
/// # Errors
/// The refusal, in words.
pub fn check_source(project: &str, spec: &AppProjectSpec, repo_url: &str) -> Result<(), Refusal> {
    if permits(spec.source_repos.iter().map(String::as_str), |pattern| glob::matches(pattern, repo_url)) {
        return Ok(());
    }
    Err(format!(
        "application repo {repo_url} is not permitted in project '{project}'; add it to the project's sourceRepos"
    ))
}

/// Whether the project lets applications deploy to a destination.
///
/// # Errors
/// The refusal, in words.
pub fn check_destination(project: &str, spec: &AppProjectSpec, destination: &Destination) -> Result<(), Refusal> {
    if permits_destination(spec, destination) {
        return Ok(());
    }
    let cluster = if destination.name.is_empty() { &destination.server } else { &destination.name };
    Err(format!(
        "application destination {cluster} with namespace '{}' does not match any of the allowed destinations in project '{project}'; add it to the project's destinations",
        destination.namespace
    ))
}

/// Whether the project lets applications manage a resource at its destination.
///
/// # Errors
/// The refusal, in words.
pub fn check_resource(
    project: &str,
    spec: &AppProjectSpec,
    key: &Key,
    destination: &Destination,
) -> Result<(), Refusal> {
    if !permits_kind(spec, key) {
        let list = if key.namespace.is_empty() { "clusterResourceWhitelist" } else { "namespaceResource lists" };
        return Err(format!("resource {} is not permitted in project '{project}'; see its {list}", key.group_kind()));
    }
    let place = Destination { namespace: key.namespace.clone(), ..destination.clone() };
    if !key.namespace.is_empty() && !permits_destination(spec, &place) {
        return Err(format!(
            "namespace {} is not permitted in project '{project}'; add it to the project's destinations",
            key.namespace
        ));
    }
    Ok(())
}

/// Cluster-scoped kinds must be listed; namespaced ones are allowed unless a list says otherwise.
fn permits_kind(spec: &AppProjectSpec, key: &Key) -> bool {
    let listed = |list: &[GroupKindName]| {
        list.iter().any(|item| {
            glob::matches(&item.group, &key.group)
                && glob::matches(&item.kind, &key.kind)
                && (item.name.is_empty() || glob::matches(&item.name, &key.name))
        })
    };
    if key.namespace.is_empty() {
        return listed(&spec.cluster_resource_whitelist) && !listed(&spec.cluster_resource_blacklist);
    }
    let allowed = spec.namespace_resource_whitelist.as_deref().is_none_or(|list| list.is_empty() || listed(list));
    allowed && !listed(&spec.namespace_resource_blacklist)
}

fn permits_destination(spec: &AppProjectSpec, wanted: &Destination) -> bool {
    let (name, server) = (canonical_name(wanted), canonical_server(wanted));
    let matching = |item: &Destination, deny: bool| {
        let (item_server, item_name, item_namespace) =
            (item.server.as_str(), item.name.as_str(), item.namespace.as_str());
        let negated = [item_server, item_name, item_namespace].iter().any(|text| text.starts_with('!'));
        let bare = |text: &str| text.strip_prefix('!').unwrap_or(text).to_owned();
        let cluster = (!item_server.is_empty() && glob::matches(&bare(item_server), server))
            || (!item_name.is_empty() && glob::matches(&bare(item_name), name))
            || [item_server, item_name].contains(&"*");
        negated == deny && cluster && glob::matches(&bare(item_namespace), &wanted.namespace)
    };
    spec.destinations.iter().any(|item| matching(item, false))
        && !spec.destinations.iter().any(|item| matching(item, true))
}

/// Name and API URL of a destination, as far as they are known; either may be empty.
#[must_use]
pub fn canonical(destination: &Destination) -> [&str; 2] {
    [canonical_name(destination), canonical_server(destination)]
}

fn canonical_name(destination: &Destination) -> &str {
    if destination.server == IN_CLUSTER_SERVER { IN_CLUSTER } else { &destination.name }
}

fn canonical_server(destination: &Destination) -> &str {
    if destination.name == IN_CLUSTER { IN_CLUSTER_SERVER } else { &destination.server }
}

/// Some pattern matches, and no pattern that begins with `!` does.
fn permits<'a>(patterns: impl Iterator<Item = &'a str>, matches: impl Fn(&str) -> bool) -> bool {
    let mut allowed = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(denied) if matches(denied) => return false,
            Some(_) => {}
            None => allowed = allowed || matches(pattern),
        }
    }
    allowed
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec() -> AppProjectSpec {
        serde_json::from_value(json!({
            "sourceRepos": ["http://git/*", "!http://git/secret.git"],
            "destinations": [{"name": "dev", "namespace": "shop-*"}, {"name": "dev", "namespace": "!shop-x"}],
            "clusterResourceWhitelist": [{"group": "", "kind": "Namespace"}],
            "namespaceResourceBlacklist": [{"group": "", "kind": "ResourceQuota"}],
        }))
        .unwrap()
    }

    fn dev(namespace: &str) -> Destination {
        Destination { name: "dev".into(), namespace: namespace.into(), ..Destination::default() }
    }

    #[test]
    fn sources_and_destinations() {
        assert!(check_source("p", &spec(), "http://git/apps.git").is_ok());
        assert!(check_source("p", &spec(), "http://git/secret.git").unwrap_err().contains("sourceRepos"));
        assert!(check_source("p", &spec(), "http://elsewhere/apps.git").is_err());
        assert!(check_destination("p", &spec(), &dev("shop-a")).is_ok());
        assert!(check_destination("p", &spec(), &dev("shop-x")).is_err());
        let production = Destination { name: "production".into(), ..dev("shop-a") };
        assert!(check_destination("p", &spec(), &production).unwrap_err().contains("production"));
    }

    #[test]
    fn kinds() {
        let key = |group: &str, kind: &str, namespace: &str| Key {
            group: group.into(),
            kind: kind.into(),
            namespace: namespace.into(),
            name: "n".into(),
        };
        let check = |key: Key| check_resource("p", &spec(), &key, &dev("shop-a"));
        assert!(check(key("", "Namespace", "")).is_ok());
        assert!(check(key("rbac.authorization.k8s.io", "ClusterRole", "")).is_err());
        assert!(check(key("apps", "Deployment", "shop-a")).is_ok());
        assert!(check(key("", "ResourceQuota", "shop-a")).is_err());
        assert!(check(key("apps", "Deployment", "kube-system")).unwrap_err().contains("namespace kube-system"));
    }

    #[test]
    fn the_default_project_allows_everything() {
        let project = mainstay_api::argoproj::default_project("argocd");
        let spec: AppProjectSpec = serde_json::from_value(project["spec"].clone()).unwrap();
        assert!(check_source("default", &spec, "x").is_ok() && check_destination("default", &spec, &dev("a")).is_ok());
        let role = Key { group: "g".into(), kind: "K".into(), namespace: String::new(), name: "n".into() };
        assert!(check_resource("default", &spec, &role, &dev("a")).is_ok());
    }
}
