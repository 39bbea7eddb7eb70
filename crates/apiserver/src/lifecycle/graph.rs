//! Who owns whom, and what is being deleted. Pure: events go in, keys to look at come out.
//! It must not know storage or clients.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use mainstay_store::{KindKey, ObjectKey};

use super::Key;
use super::metadata::{FOREGROUND, Metadata, ORPHAN, OwnerReference};
use crate::crd::CLEANUP_FINALIZER;

/// Uids of deleted objects that are remembered, to judge owners whose kind is no longer served. Upstream keeps 500.
const REMEMBERED: usize = 4096;

/// An object by cluster and uid.
type Uid = (Arc<str>, String);

#[derive(Default)]
pub(super) struct Graph {
    /// Dependents of an owner, and whether they keep it from going in the foreground.
    dependents: HashMap<Uid, BTreeMap<ObjectKey, bool>>,
    owners: HashMap<ObjectKey, Vec<OwnerReference>>,
    /// Objects being deleted that wait for dependents.
    waiting: HashMap<Uid, ObjectKey>,
    /// Namespaces being deleted.
    namespaces: BTreeSet<ObjectKey>,
    /// Resources whose definition is being deleted.
    definitions: HashMap<KindKey, ObjectKey>,
    gone: HashSet<Uid>,
    gone_in_order: VecDeque<Uid>,
}

impl Graph {
    /// An object was made or changed.
    pub(super) fn put(&mut self, key: &ObjectKey, metadata: &Metadata) -> Vec<Key> {
        let changed = self.set_owners(key, metadata.owners());
        if !metadata.is_deleting() {
            return if changed { vec![Key::Dependent(key.clone())] } else { Vec::new() };
        }
        let mut keys = Vec::new();
        if metadata.has_finalizer(FOREGROUND) || metadata.has_finalizer(ORPHAN) {
            self.waiting.insert(uid(key, &metadata.uid), key.clone());
            keys.push(Key::Owner(key.clone()));
        }
        if is_namespace(&key.kind) {
            self.namespaces.insert(key.clone());
            keys.push(Key::Namespace(key.clone()));
        }
        if let Some(resource) = defined(key).filter(|_| metadata.has_finalizer(CLEANUP_FINALIZER)) {
            self.definitions.insert(resource, key.clone());
            keys.push(Key::Definition(key.clone()));
        }
        keys
    }

    /// An object went away.
    pub(super) fn delete(&mut self, key: &ObjectKey, metadata: &Metadata) -> Vec<Key> {
        let own = uid(key, &metadata.uid);
        let mut keys: Vec<Key> = metadata
            .owners()
            .iter()
            .filter_map(|owner| self.waiting.get(&uid(key, &owner.uid)))
            .map(|owner| Key::Owner(owner.clone()))
            .collect();
        self.set_owners(key, &[]);
        self.waiting.remove(&own);
        keys.extend(self.dependents(&own).into_keys().map(Key::Dependent));
        self.remember(own);
        self.namespaces.remove(key);
        if let Some(resource) = defined(key) {
            self.definitions.remove(&resource);
        }
        keys.extend(self.definitions.get(&key.kind).cloned().map(Key::Definition));
        let namespace = KindKey::new(key.kind.cluster.clone(), "", "namespaces").object("", key.namespace.clone());
        keys.extend(self.namespaces.get(&namespace).cloned().map(Key::Namespace));
        keys
    }

    /// Dependents of an object, and whether each blocks its deletion in the foreground.
    pub(super) fn dependents(&self, owner: &Uid) -> BTreeMap<ObjectKey, bool> {
        self.dependents.get(owner).cloned().unwrap_or_default()
    }

    /// Whether an object with this uid was seen going away.
    pub(super) fn is_gone(&self, object: &Uid) -> bool {
        self.gone.contains(object)
    }

    /// Whether the owners are others than before.
    fn set_owners(&mut self, key: &ObjectKey, owners: &[OwnerReference]) -> bool {
        let before = if owners.is_empty() {
            self.owners.remove(key)
        } else {
            match self.owners.get_mut(key) {
                Some(known) if known == owners => return false,
                Some(known) => Some(std::mem::replace(known, owners.to_vec())),
                None => {
                    self.owners.insert(key.clone(), owners.to_vec());
                    None
                }
            }
        };
        for owner in before.into_iter().flatten() {
            self.unlink(&uid(key, &owner.uid), key);
        }
        for owner in owners {
            let blocks = owner.block_owner_deletion == Some(true);
            self.dependents.entry(uid(key, &owner.uid)).or_default().insert(key.clone(), blocks);
        }
        !owners.is_empty()
    }

    fn unlink(&mut self, owner: &Uid, dependent: &ObjectKey) {
        if let Some(dependents) = self.dependents.get_mut(owner) {
            dependents.remove(dependent);
            if dependents.is_empty() {
                self.dependents.remove(owner);
            }
        }
    }

    fn remember(&mut self, object: Uid) {
        if self.gone.insert(object.clone()) {
            self.gone_in_order.push_back(object);
        }
        let excess = self.gone_in_order.len().saturating_sub(REMEMBERED);
        for oldest in self.gone_in_order.drain(..excess) {
            self.gone.remove(&oldest);
        }
    }
}

/// An object of the same cluster as `key`, by uid.
pub(super) fn uid(key: &ObjectKey, uid: &str) -> Uid {
    (key.kind.cluster.clone(), uid.to_owned())
}

fn is_namespace(kind: &KindKey) -> bool {
    kind.group.is_empty() && &*kind.resource == "namespaces"
}

/// The resource that a `CustomResourceDefinition` defines, by its name.
fn defined(key: &ObjectKey) -> Option<KindKey> {
    let is_definition =
        &*key.kind.group == "apiextensions.k8s.io" && &*key.kind.resource == "customresourcedefinitions";
    let (plural, group) = key.name.split_once('.').filter(|_| is_definition)?;
    Some(KindKey::new(key.kind.cluster.clone(), group, plural))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(resource: &str, name: &str) -> ObjectKey {
        KindKey::new("dev", "apps", resource).object("ns", name)
    }

    fn metadata(json: serde_json::Value) -> Metadata {
        Metadata::of(serde_json::json!({"metadata": json}).to_string().as_bytes())
    }

    #[test]
    fn dependents_are_looked_at_when_their_owner_goes() {
        let mut graph = Graph::default();
        let owned = metadata(serde_json::json!({"uid": "2", "ownerReferences": [{"uid": "1", "name": "d"}]}));
        assert_eq!(graph.put(&key("replicasets", "r"), &owned), [Key::Dependent(key("replicasets", "r"))]);
        assert_eq!(graph.put(&key("replicasets", "r"), &owned), []);
        let owner = metadata(serde_json::json!({"uid": "1"}));
        assert_eq!(graph.delete(&key("deployments", "d"), &owner), [Key::Dependent(key("replicasets", "r"))]);
        assert!(graph.is_gone(&("dev".into(), "1".into())));
    }

    #[test]
    fn an_owner_in_the_foreground_is_looked_at_when_a_dependent_goes() {
        let mut graph = Graph::default();
        let owned = metadata(serde_json::json!({"uid": "2", "ownerReferences": [{"uid": "1", "name": "d"}]}));
        graph.put(&key("replicasets", "r"), &owned);
        let owner = metadata(serde_json::json!(
            {"uid": "1", "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["foregroundDeletion"]}));
        assert_eq!(graph.put(&key("deployments", "d"), &owner), [Key::Owner(key("deployments", "d"))]);
        assert_eq!(graph.delete(&key("replicasets", "r"), &owned), [Key::Owner(key("deployments", "d"))]);
        assert!(graph.dependents(&("dev".into(), "1".into())).is_empty());
    }

    #[test]
    fn a_namespace_is_looked_at_whenever_something_in_it_goes() {
        let mut graph = Graph::default();
        let deleting = metadata(serde_json::json!({"uid": "1", "deletionTimestamp": "2026-01-01T00:00:00Z"}));
        let namespace = KindKey::new("dev", "", "namespaces").object("", "ns");
        assert_eq!(graph.put(&namespace, &deleting), [Key::Namespace(namespace.clone())]);
        let plain = metadata(serde_json::json!({"uid": "2"}));
        assert_eq!(graph.delete(&key("deployments", "d"), &plain), [Key::Namespace(namespace.clone())]);
        graph.delete(&namespace, &deleting);
        assert_eq!(graph.delete(&key("deployments", "e"), &plain), []);
    }
}
