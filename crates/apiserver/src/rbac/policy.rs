//! The rules of one cluster, indexed by whom they are granted to: upstream's `DefaultRuleResolver`.
//! It must not know where the rules come from, nor how they follow changes.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::objects::{Binding, GROUP, Kind, Name, Role, RoleRef};
use super::rule::Rule;
use crate::authz::{Attributes, Decision};
use crate::identity::Identity;

/// What is granted in one place: in a namespace, or everywhere.
#[derive(Default)]
struct Place {
    bindings: Vec<Grant>,
    users: HashMap<String, Vec<usize>>,
    groups: HashMap<String, Vec<usize>>,
}

/// One binding with the rules it grants.
pub(super) struct Grant {
    name: Name,
    binding: Arc<Binding>,
    /// `None` if there is no such role.
    role: Option<Arc<Role>>,
}

impl Grant {
    /// As upstream's `roleBindingDescriber` and `clusterRoleBindingDescriber`.
    fn describe(&self, identity: &Identity) -> String {
        let (namespace, name) = &self.name;
        let (kind, name) = match &**namespace {
            "" => ("ClusterRoleBinding", name.to_string()),
            namespace => ("RoleBinding", format!("{name}/{namespace}")),
        };
        let subject = self.binding.subjects.iter().find(|subject| subject.is(identity, namespace));
        let subject = subject.map(|subject| subject.describe(namespace)).unwrap_or_default();
        let RoleRef { kind: role_kind, name: role } = &self.binding.role_ref;
        format!("{kind} {name:?} of {role_kind} {role:?} to {subject}")
    }

    /// As the lister's error of a role that is not there.
    fn missing(&self) -> String {
        let RoleRef { kind, name } = &self.binding.role_ref;
        format!("{}.{GROUP} {name:?} not found", kind.to_lowercase())
    }
}

impl Place {
    fn add(&mut self, grant: Grant) {
        let (index, namespace) = (self.bindings.len(), grant.name.0.clone());
        for subject in &grant.binding.subjects {
            let found = match (subject.group(), subject.user(&namespace)) {
                (Some(group), _) => self.groups.entry(group.to_owned()).or_default(),
                (None, Some(user)) => self.users.entry(user).or_default(),
                (None, None) => continue,
            };
            if found.last() != Some(&index) {
                found.push(index);
            }
        }
        self.bindings.push(grant);
    }

    /// The bindings that name somebody, in their order.
    fn of(&self, identity: &Identity) -> impl Iterator<Item = &Grant> {
        let mut found: Vec<usize> = self.users.get(&identity.user).cloned().unwrap_or_default();
        for group in &identity.groups {
            found.extend(self.groups.get(group).into_iter().flatten());
        }
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(|index| &self.bindings[index])
    }
}

/// The rules of a cluster at one moment.
#[derive(Default)]
pub(crate) struct Policy {
    everywhere: Place,
    namespaces: HashMap<Arc<str>, Place>,
}

impl Policy {
    pub(super) fn new(roles: &[&Kind<Role>; 2], bindings: &[&Kind<Binding>; 2]) -> Self {
        let mut policy = Self::default();
        for (name, (_, binding)) in bindings.iter().flat_map(|kind| &kind.objects) {
            let role = role(roles, &binding.role_ref, &name.0);
            let grant = Grant { name: name.clone(), binding: binding.clone(), role };
            let place = match &*name.0 {
                "" => &mut policy.everywhere,
                _ => policy.namespaces.entry(name.0.clone()).or_default(),
            };
            place.add(grant);
        }
        policy
    }

    fn grants<'a>(&'a self, identity: &'a Identity, namespace: &str) -> impl Iterator<Item = &'a Grant> {
        let place = self.namespaces.get(namespace);
        self.everywhere.of(identity).chain(place.into_iter().flat_map(|place| place.of(identity)))
    }

    /// Looks at each rule that somebody has in a namespace, until told to stop.
    fn visit<'a, T>(
        &'a self,
        (identity, namespace): (&'a Identity, &str),
        mut look: impl FnMut(&'a Grant, &'a Rule) -> ControlFlow<T>,
    ) -> Option<T> {
        for grant in self.grants(identity, namespace) {
            for rule in grant.role.iter().flat_map(|role| &role.rules) {
                if let ControlFlow::Break(found) = look(grant, rule) {
                    return Some(found);
                }
            }
        }
        None
    }

    fn granting<'a>(&'a self, identity: &'a Identity, attributes: &Attributes<'_>) -> Option<&'a Grant> {
        self.visit((identity, attributes.namespace), |grant, rule| match rule.allows(attributes) {
            true => ControlFlow::Break(grant),
            false => ControlFlow::Continue(()),
        })
    }

    /// Whether somebody may do something.
    pub(super) fn allows(&self, identity: &Identity, attributes: &Attributes<'_>) -> bool {
        self.granting(identity, attributes).is_some()
    }

    /// Whether somebody may do something, and by which rule; if not, which of their roles are missing.
    pub(super) fn decide(&self, identity: &Identity, attributes: &Attributes<'_>) -> Decision {
        if let Some(grant) = self.granting(identity, attributes) {
            let reason = format!("RBAC: allowed by {}", grant.describe(identity));
            return Decision { allowed: true, reason };
        }
        let reason = self.missing(identity, attributes.namespace).map(|missing| format!("RBAC: {missing}"));
        Decision { allowed: false, reason: reason.unwrap_or_default() }
    }

    /// The roles that are granted to somebody in a namespace but are not there.
    pub(crate) fn missing(&self, identity: &Identity, namespace: &str) -> Option<String> {
        let missing = self.grants(identity, namespace).filter(|grant| grant.role.is_none());
        let mut missing: Vec<String> = missing.map(Grant::missing).collect();
        missing.dedup();
        match missing.len() {
            0 => None,
            1 => missing.pop(),
            _ => Some(format!("[{}]", missing.join(", "))),
        }
    }

    /// The rules that somebody has in a namespace.
    pub(crate) fn rules_of(&self, identity: &Identity, namespace: &str) -> Vec<Rule> {
        let mut rules = Vec::new();
        self.visit((identity, namespace), |_, rule| {
            rules.push(rule.clone());
            ControlFlow::<()>::Continue(())
        });
        rules
    }
}

fn role([cluster_roles, roles]: &[&Kind<Role>; 2], reference: &RoleRef, namespace: &Arc<str>) -> Option<Arc<Role>> {
    let name: Arc<str> = reference.name.as_str().into();
    let found = match reference.kind.as_str() {
        "ClusterRole" => cluster_roles.objects.get(&("".into(), name)),
        _ => roles.objects.get(&(namespace.clone(), name)),
    };
    found.map(|(_, role)| role.clone())
}
