//! The ClusterRoles and bindings that every cluster has: those of upstream's `bootstrappolicy`, but for the roles of
//! its single controllers, and one for what this server does to objects itself. It must not know how they are stored.

use super::rule::Rule;
use crate::identity::{AUTHENTICATED, MASTERS, SERVICE_ACCOUNTS, UNAUTHENTICATED};

mod components;
mod users;

const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];
const READ_WRITE: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const READ_UPDATE: &[&str] = &["get", "list", "patch", "update", "watch"];
const ALL: &[&str] = &["*"];

/// Field and label that roles gather by.
pub(super) const AGGREGATE_TO: &str = "rbac.authorization.k8s.io/aggregate-to-";

/// A ClusterRole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DefaultRole {
    pub(super) name: String,
    /// The role that gathers this one, such as `view`.
    pub(super) gathered_by: Option<&'static str>,
    /// Gathers all that say so.
    pub(super) gathers: Option<&'static str>,
    pub(super) rules: Vec<Rule>,
}

/// A ClusterRoleBinding of the role of its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DefaultBinding {
    pub(super) name: String,
    pub(super) subjects: Vec<(&'static str, String, &'static str)>,
}

fn role(name: &str, rules: Vec<Rule>) -> DefaultRole {
    DefaultRole { name: name.to_owned(), rules, ..DefaultRole::default() }
}

/// Sorted, as upstream's rule builder does.
fn sorted(items: &[&str]) -> Vec<String> {
    let mut items: Vec<String> = items.iter().map(|item| (*item).to_owned()).collect();
    items.sort();
    items
}

fn on(verbs: &[&str], groups: &[&str], resources: &[&str]) -> Rule {
    Rule { verbs: sorted(verbs), api_groups: sorted(groups), resources: sorted(resources), ..Rule::default() }
}

/// Of the core group.
fn core(verbs: &[&str], resources: &[&str]) -> Rule {
    on(verbs, &[""], resources)
}

fn named(rule: Rule, names: &[&str]) -> Rule {
    Rule { resource_names: sorted(names), ..rule }
}

fn paths(verbs: &[&str], urls: &[&str]) -> Rule {
    Rule { verbs: sorted(verbs), non_resource_urls: sorted(urls), ..Rule::default() }
}

/// What every component needs to record events.
fn events() -> Rule {
    on(&["create", "patch", "update"], &["", "events.k8s.io"], &["events"])
}

/// All ClusterRoles.
pub(super) fn roles() -> Vec<DefaultRole> {
    let mut roles = users::roles();
    roles.extend(components::roles());
    roles
}

/// All ClusterRoleBindings.
pub(super) fn bindings() -> Vec<DefaultBinding> {
    let groups: [(&str, &[&str]); 6] = [
        ("cluster-admin", &[MASTERS]),
        ("system:monitoring", &["system:monitoring"]),
        ("system:discovery", &[AUTHENTICATED]),
        ("system:basic-user", &[AUTHENTICATED]),
        ("system:public-info-viewer", &[AUTHENTICATED, UNAUTHENTICATED]),
        ("system:service-account-issuer-discovery", &[SERVICE_ACCOUNTS]),
    ];
    let users = [
        ("system:node-proxier", "system:kube-proxy"),
        ("system:kube-controller-manager", "system:kube-controller-manager"),
        ("system:kube-scheduler", "system:kube-scheduler"),
        ("system:volume-scheduler", "system:kube-scheduler"),
    ];
    let bind = |name: &str, kind, subjects: &[&str], namespace| DefaultBinding {
        name: name.to_owned(),
        subjects: subjects.iter().map(|subject| (kind, (*subject).to_owned(), namespace)).collect(),
    };
    let mut bindings: Vec<DefaultBinding> =
        groups.iter().map(|(name, subjects)| bind(name, "Group", subjects, "")).collect();
    bindings.extend(users.iter().map(|(name, user)| bind(name, "User", &[user], "")));
    bindings.push(bind("system:kube-dns", "ServiceAccount", &["kube-dns"], "kube-system"));
    bindings.push(bind("system:node", "Group", &[], ""));
    bindings
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_binding_has_its_role() {
        let roles: BTreeSet<String> = roles().into_iter().map(|role| role.name).collect();
        assert!(bindings().iter().all(|binding| roles.contains(&binding.name)));
        assert_eq!(roles.len(), super::roles().len());
    }

    #[test]
    fn every_rule_says_what_it_is_about() {
        for role in roles() {
            assert!(role.rules.is_empty() == role.gathers.is_some(), "{}", role.name);
            for rule in &role.rules {
                let resource = !rule.api_groups.is_empty() && !rule.resources.is_empty();
                assert!(!rule.verbs.is_empty() && (resource == rule.non_resource_urls.is_empty()), "{}", role.name);
            }
        }
    }
}
