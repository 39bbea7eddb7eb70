//! Garbage collection by owner references, as upstream's `garbagecollector`: an object goes when all its owners are
//! gone; an owner deleted in the foreground goes after its dependents; an orphaning one leaves them.
//! It must not know any kind.

use kube::core::params::PropagationPolicy;
use mainstay_apimachinery::gvk::split_api_version;
use mainstay_apimachinery::{GroupVersionKind, object};
use mainstay_store::{KindKey, ObjectKey};
use serde_json::{Value, json};

use super::graph::uid;
use super::metadata::{FOREGROUND, Metadata, ORPHAN, OwnerReference};
use super::write::{Failure, parse};
use super::{Key, Lifecycle};

/// What has become of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// It is there, or nobody can tell.
    Solid,
    /// It is gone.
    Absent,
    /// It goes once its dependents have gone.
    Waiting,
}

impl Lifecycle {
    /// Deletes a dependent whose owners are gone, or drops the references to those that are.
    pub(super) async fn collect(&self, key: &ObjectKey) -> Result<(), Failure> {
        let snapshot = self.server.snapshot();
        let Some(record) = snapshot.get(key) else { return Ok(()) };
        let metadata = Metadata::of(&record.bytes);
        if metadata.is_deleting() {
            return Ok(());
        }
        let states: Vec<Owner> = metadata.owners().iter().map(|owner| self.owner(key, owner)).collect();
        if states.is_empty() || states.iter().all(|state| *state == Owner::Solid) {
            return Ok(());
        }
        if states.contains(&Owner::Solid) {
            let dependent = parse(key, record)?;
            let kept = object::owner_references(&dependent).zip(&states).filter(|(_, state)| **state == Owner::Solid);
            let kept: Vec<&Value> = kept.map(|(reference, _)| reference).collect();
            return self.patch_metadata(key, &dependent, json!({"ownerReferences": kept})).await;
        }
        let has_dependents = !self.graph().dependents(&uid(key, &metadata.uid)).is_empty();
        let policy = if metadata.has_finalizer(ORPHAN) {
            PropagationPolicy::Orphan
        } else if states.contains(&Owner::Waiting) && has_dependents || metadata.has_finalizer(FOREGROUND) {
            PropagationPolicy::Foreground
        } else {
            PropagationPolicy::Background
        };
        self.delete(key, &metadata.uid, Some(policy)).await
    }

    /// Looks an owner up. One that cannot be judged counts as being there: never delete for want of knowledge.
    fn owner(&self, dependent: &ObjectKey, reference: &OwnerReference) -> Owner {
        let cluster = &dependent.kind.cluster;
        let (group, version) = split_api_version(&reference.api_version);
        let kind = GroupVersionKind::new(group, version, reference.kind.as_str());
        let Some(resource) = self.server.registry().by_kind(cluster, &kind) else {
            let gone = self.graph().is_gone(&uid(dependent, &reference.uid));
            return if gone { Owner::Absent } else { Owner::Solid };
        };
        if resource.namespaced && dependent.namespace.is_empty() {
            return Owner::Solid;
        }
        let namespace = if resource.namespaced { dependent.namespace.clone() } else { "".into() };
        let owner = KindKey::new(cluster.clone(), resource.storage_group.clone(), resource.plural.clone());
        let snapshot = self.server.snapshot();
        let Some(record) = snapshot.get(&owner.object(namespace, reference.name.as_str())) else {
            return Owner::Absent;
        };
        let found = Metadata::of(&record.bytes);
        match () {
            () if found.uid != reference.uid => Owner::Absent,
            () if found.is_deleting() && found.has_finalizer(FOREGROUND) => Owner::Waiting,
            () => Owner::Solid,
        }
    }

    /// Lets an object go that waits for its dependents, once it may.
    pub(super) async fn release(&self, key: &ObjectKey) -> Result<(), Failure> {
        let Some(owner) = self.read(key)?.filter(object::is_deleting) else { return Ok(()) };
        let dependents = self.graph().dependents(&uid(key, object::uid(&owner)));
        if object::finalizers(&owner).any(|name| name == ORPHAN) {
            for dependent in dependents.keys() {
                self.orphan(dependent, object::uid(&owner)).await?;
            }
            return self.remove_finalizer(key, &owner, ORPHAN).await;
        }
        if !object::finalizers(&owner).any(|name| name == FOREGROUND) {
            return Ok(());
        }
        if dependents.values().any(|blocks| *blocks) {
            dependents.into_keys().for_each(|dependent| self.queue.add(Key::Dependent(dependent)));
            return Ok(());
        }
        self.remove_finalizer(key, &owner, FOREGROUND).await
    }

    /// Drops the references to an owner.
    async fn orphan(&self, key: &ObjectKey, owner: &str) -> Result<(), Failure> {
        let Some(dependent) = self.read(key)? else { return Ok(()) };
        let kept: Vec<&Value> = object::owner_references(&dependent).filter(|o| o["uid"] != owner).collect();
        self.patch_metadata(key, &dependent, json!({"ownerReferences": kept})).await
    }
}
