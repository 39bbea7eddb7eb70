//! Role-based access control: who may do what by the Roles and bindings of a cluster, as upstream's
//! `plugin/pkg/auth/authorizer/rbac`. Rules are read when they change, not when they are asked.
//! It must not know requests beyond their attributes.

pub(crate) mod aggregation;
pub(crate) mod bootstrap;
mod covers;
mod defaults;
pub(crate) mod escalation;
mod objects;
mod policy;
mod reconcile;
mod rule;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use arc_swap::ArcSwap;
use mainstay_store::Snapshot;

use crate::authz::{Attributes, Decision};
use crate::identity::Identity;
use objects::{Binding, Kind, Role};
pub(crate) use policy::Policy;
pub(crate) use rule::Rule;

/// The rules of all clusters, as of the last time somebody asked.
#[derive(Default)]
pub(crate) struct Rbac {
    clusters: RwLock<HashMap<Arc<str>, Arc<Cluster>>>,
}

/// The rules of one cluster.
struct Cluster {
    /// The store was at least at this revision when the rules were found to be current.
    seen: AtomicU64,
    policy: ArcSwap<Policy>,
    objects: Mutex<Objects>,
}

/// What the rules were made from.
struct Objects {
    cluster_roles: Kind<Role>,
    roles: Kind<Role>,
    cluster_bindings: Kind<Binding>,
    bindings: Kind<Binding>,
}

impl Objects {
    fn of(cluster: &str) -> Self {
        Self {
            cluster_roles: Kind::new(cluster, "clusterroles"),
            roles: Kind::new(cluster, "roles"),
            cluster_bindings: Kind::new(cluster, "clusterrolebindings"),
            bindings: Kind::new(cluster, "rolebindings"),
        }
    }

    /// Reads what has changed; tells whether anything has.
    fn refresh(&mut self, snapshot: &Snapshot) -> bool {
        let roles = self.cluster_roles.refresh(snapshot) | self.roles.refresh(snapshot);
        roles | self.cluster_bindings.refresh(snapshot) | self.bindings.refresh(snapshot)
    }

    fn policy(&self) -> Policy {
        Policy::new(&[&self.cluster_roles, &self.roles], &[&self.cluster_bindings, &self.bindings])
    }
}

impl Rbac {
    /// Whether somebody may do something.
    pub(crate) fn allows(&self, snapshot: &Snapshot, identity: &Identity, attributes: &Attributes<'_>) -> bool {
        self.policy(snapshot, attributes.cluster).allows(identity, attributes)
    }

    /// Whether somebody may do something, and why.
    pub(crate) fn decide(&self, snapshot: &Snapshot, identity: &Identity, attributes: &Attributes<'_>) -> Decision {
        self.policy(snapshot, attributes.cluster).decide(identity, attributes)
    }

    /// The rules of a cluster as a snapshot has them, or later ones.
    pub(crate) fn policy(&self, snapshot: &Snapshot, cluster: &str) -> Arc<Policy> {
        self.cluster(cluster).policy(snapshot)
    }

    fn cluster(&self, name: &str) -> Arc<Cluster> {
        if let Some(cluster) = self.clusters.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return cluster.clone();
        }
        let new =
            Cluster { seen: AtomicU64::new(0), policy: ArcSwap::default(), objects: Mutex::new(Objects::of(name)) };
        let mut clusters = self.clusters.write().unwrap_or_else(PoisonError::into_inner);
        clusters.entry(name.into()).or_insert_with(|| Arc::new(new)).clone()
    }
}

impl Cluster {
    fn policy(&self, snapshot: &Snapshot) -> Arc<Policy> {
        if self.seen.load(Ordering::Acquire) >= snapshot.revision() {
            return self.policy.load_full();
        }
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have read a later state meanwhile; going back would take rights away that were given.
        if self.seen.load(Ordering::Acquire) < snapshot.revision() {
            if objects.refresh(snapshot) {
                self.policy.store(Arc::new(objects.policy()));
            }
            self.seen.store(snapshot.revision(), Ordering::Release);
        }
        self.policy.load_full()
    }
}
