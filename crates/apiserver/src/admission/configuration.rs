//! The policies and webhooks of each cluster, parsed and compiled once for each change of them.
//! It must not know how they are evaluated or called.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use arc_swap::ArcSwap;
use mainstay_store::{KindKey, Snapshot};
use serde_json::Value;

use super::matching::{Index, Matcher};
use super::policy::{Mutating, Validating};
use super::review::Review;
use super::webhook::{Called, Clients, Webhook};
use crate::convert::parse;
use crate::server::ApiServer;

static GROUP: LazyLock<Arc<str>> = LazyLock::new(|| "admissionregistration.k8s.io".into());

/// What is configured in one cluster.
pub(super) struct Configuration {
    revision: u64,
    pub(super) validating: Listed<Validating>,
    pub(super) mutating: Listed<Mutating>,
    validating_webhooks: Listed<Webhook>,
    mutating_webhooks: Listed<Webhook>,
}

/// A list with its index.
pub(super) struct Listed<T> {
    index: Index,
    items: Vec<T>,
}

impl<T> Listed<T> {
    fn new(items: Vec<T>, matcher: fn(&T) -> &Matcher) -> Self {
        Self { index: Index::of(items.iter().map(matcher)), items }
    }

    /// Those that may be about a write, in their order.
    pub(super) fn candidates(&self, review: &Review<'_>) -> impl Iterator<Item = &T> {
        self.index.candidates(review).into_iter().filter_map(|number| self.items.get(number))
    }
}

/// What is configured in all clusters, and the connections to webhooks.
#[derive(Default)]
pub(crate) struct Configurations {
    known: ArcSwap<HashMap<Arc<str>, Arc<Configuration>>>,
    building: Mutex<()>,
    clients: Arc<Clients>,
}

impl Configurations {
    /// What is configured in a cluster; `None` if nothing is. As long as nothing is written to the group of
    /// configurations this costs two look-ups.
    pub(super) fn of(&self, server: &ApiServer, cluster: &Arc<str>) -> Option<Arc<Configuration>> {
        let snapshot = server.snapshot();
        let revision = snapshot.group_revision(cluster, &GROUP)?;
        let known = self.known.load().get(cluster).cloned();
        let known = known.filter(|known| known.revision >= revision);
        let configuration = known.unwrap_or_else(|| self.build(&snapshot, cluster, revision));
        (!configuration.is_empty()).then_some(configuration)
    }

    fn build(&self, snapshot: &Snapshot, cluster: &Arc<str>, revision: u64) -> Arc<Configuration> {
        let _one_at_a_time = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = self.known.load().get(cluster).filter(|known| known.revision >= revision) {
            return known.clone();
        }
        let built = Arc::new(Configuration::read(snapshot, cluster, (revision, &self.clients)));
        self.known.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.insert(cluster.clone(), built.clone());
            known
        });
        built
    }
}

impl Configuration {
    fn read(snapshot: &Snapshot, cluster: &Arc<str>, (revision, clients): (u64, &Arc<Clients>)) -> Self {
        let list = |plural: &str| -> Vec<Value> {
            let kind = KindKey::new(cluster.clone(), GROUP.clone(), plural);
            snapshot.list(&kind, None).map(|record| parse(&record.bytes)).collect()
        };
        let (policies, bindings) = (list("validatingadmissionpolicies"), list("validatingadmissionpolicybindings"));
        let validating = policies.iter().filter_map(|policy| Validating::parse(policy, &bindings)).collect();
        let (policies, bindings) = (list("mutatingadmissionpolicies"), list("mutatingadmissionpolicybindings"));
        let mutating = policies.iter().filter_map(|policy| Mutating::parse(policy, &bindings)).collect();
        let webhooks = |plural: &str| {
            let parsed =
                list(plural).iter().flat_map(|configuration| Webhook::parse_all(configuration, clients)).collect();
            Listed::new(parsed, Webhook::matcher)
        };
        Self {
            revision,
            validating: Listed::new(validating, Validating::matcher),
            mutating: Listed::new(mutating, Mutating::matcher),
            validating_webhooks: webhooks("validatingwebhookconfigurations"),
            mutating_webhooks: webhooks("mutatingwebhookconfigurations"),
        }
    }

    fn is_empty(&self) -> bool {
        self.validating.items.is_empty()
            && self.mutating.items.is_empty()
            && self.validating_webhooks.items.is_empty()
            && self.mutating_webhooks.items.is_empty()
    }

    /// The webhooks that judge this write.
    pub(super) fn validating_webhooks(&self, review: &Review<'_>, object: Option<&Value>) -> Vec<Called<'_>> {
        called(&self.validating_webhooks, review, object)
    }

    /// The webhooks that may change this object.
    pub(super) fn mutating_webhooks(&self, review: &Review<'_>, object: &Value) -> Vec<Called<'_>> {
        // What a scale becomes is worked out from the object, which is what is stored.
        if review.request.subresource == "scale" {
            Vec::new()
        } else {
            called(&self.mutating_webhooks, review, Some(object))
        }
    }
}

fn called<'c>(hooks: &'c Listed<Webhook>, review: &Review<'_>, object: Option<&Value>) -> Vec<Called<'c>> {
    let candidates = hooks.candidates(review);
    candidates.filter_map(|hook| Some(Called { hook, found: hook.matcher().matches(review, object)? })).collect()
}
