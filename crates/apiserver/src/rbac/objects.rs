//! Roles and bindings as the store holds them, read once for each of their states.
//! It must not know requests.

use std::collections::BTreeMap;
use std::sync::Arc;

use mainstay_store::{KindKey, Snapshot};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::rule::{Rule, list};
use crate::identity::{Identity, service_account_user};

pub(crate) const GROUP: &str = "rbac.authorization.k8s.io";

/// A Role or a ClusterRole.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Role {
    #[serde(default, deserialize_with = "list")]
    pub(crate) rules: Vec<Rule>,
}

/// A RoleBinding or a ClusterRoleBinding.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Binding {
    #[serde(deserialize_with = "list")]
    pub(crate) subjects: Vec<Subject>,
    pub(crate) role_ref: RoleRef,
}

/// The role that a binding grants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct RoleRef {
    pub(crate) kind: String,
    pub(crate) name: String,
}

/// Whom a binding grants it to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Subject {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
}

impl Subject {
    fn namespace_in<'a>(&'a self, namespace: &'a str) -> &'a str {
        self.namespace.as_deref().filter(|own| !own.is_empty()).unwrap_or(namespace)
    }

    /// The user it means in a binding of a namespace; `None` if it means a group or nobody.
    pub(super) fn user(&self, namespace: &str) -> Option<String> {
        match self.kind.as_str() {
            "User" => Some(self.name.clone()),
            "ServiceAccount" => {
                let namespace = self.namespace_in(namespace);
                (!namespace.is_empty()).then(|| service_account_user(namespace, &self.name))
            }
            _ => None,
        }
    }

    /// The group it means.
    pub(super) fn group(&self) -> Option<&str> {
        (self.kind == "Group").then_some(&*self.name)
    }

    pub(super) fn is(&self, identity: &Identity, namespace: &str) -> bool {
        match self.group() {
            Some(group) => identity.in_group(group),
            None => self.user(namespace).is_some_and(|user| user == identity.user),
        }
    }

    /// As upstream's `describeSubject`.
    pub(super) fn describe(&self, namespace: &str) -> String {
        match self.kind.as_str() {
            "ServiceAccount" => {
                format!("{} {:?}", self.kind, format!("{}/{}", self.name, self.namespace_in(namespace)))
            }
            _ => format!("{} {:?}", self.kind, self.name),
        }
    }
}

/// Namespace and name.
pub(super) type Name = (Arc<str>, Arc<str>);

/// The objects of one kind in one cluster.
pub(super) struct Kind<T> {
    key: KindKey,
    /// Version of the kind that was read; `None` before the first.
    version: Option<u64>,
    pub(super) objects: BTreeMap<Name, (u64, Arc<T>)>,
}

impl<T> Clone for Kind<T> {
    fn clone(&self) -> Self {
        Self { key: self.key.clone(), version: self.version, objects: self.objects.clone() }
    }
}

impl<T: DeserializeOwned + Default> Kind<T> {
    pub(super) fn new(cluster: &str, plural: &str) -> Self {
        Self { key: KindKey::new(cluster, GROUP, plural), version: None, objects: BTreeMap::new() }
    }

    pub(super) fn is_current(&self, snapshot: &Snapshot) -> bool {
        self.version == Some(snapshot.version(&self.key))
    }

    /// Reads what has changed; tells whether anything has.
    pub(super) fn refresh(&mut self, snapshot: &Snapshot) -> bool {
        if self.is_current(snapshot) {
            return false;
        }
        let mut objects = BTreeMap::new();
        for record in snapshot.list(&self.key, None) {
            let name = (record.key.namespace.clone(), record.key.name.clone());
            let known = self.objects.get(&name).filter(|(revision, _)| *revision == record.revision);
            let object = known.map_or_else(|| Arc::new(read(&record.key, &record.bytes)), |(_, object)| object.clone());
            objects.insert(name, (record.revision, object));
        }
        self.objects = objects;
        self.version = Some(snapshot.version(&self.key));
        true
    }
}

/// What is stored has passed the schema, so that this fails for nothing but a damaged store; then nobody is granted
/// anything by it.
fn read<T: DeserializeOwned + Default>(key: &mainstay_store::ObjectKey, bytes: &[u8]) -> T {
    serde_json::from_slice(bytes).unwrap_or_else(|error| {
        tracing::error!(%key, %error, "failed to read an object of access control; it grants nothing");
        T::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_mean_users_and_groups() {
        let subject = |kind: &str, namespace: Option<&str>| Subject {
            kind: kind.to_owned(),
            name: "a".to_owned(),
            namespace: namespace.map(str::to_owned),
        };
        let ann = Identity::new("a", &["a"]);
        assert!(subject("User", None).is(&ann, "shop") && subject("Group", None).is(&ann, "shop"));
        let account = Identity::service_account("shop", "a");
        assert!(subject("ServiceAccount", None).is(&account, "shop"));
        assert!(subject("ServiceAccount", Some("shop")).is(&account, "elsewhere"));
        assert!(!subject("ServiceAccount", None).is(&account, "") && !subject("Robot", None).is(&ann, "shop"));
        assert_eq!(subject("ServiceAccount", None).describe("shop"), "ServiceAccount \"a/shop\"");
        assert_eq!(subject("User", None).describe("shop"), "User \"a\"");
    }
}
