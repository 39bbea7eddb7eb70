//! Resources of a namespace that no application deploys, for projects that ask to be told of them. One shared informer per
//! kind and cluster, begun with the first application that asks; one that comes or goes wakes those that look at its
//! namespace.
//! It must not know what is said of them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use mainstay_api::argoproj::{Destination, OrphanedResources};
use mainstay_apimachinery::object;
use mainstay_controller_runtime::{ApiResource, Context, Event, Informer, ObjectKey, informer};
use serde_json::Value;

use super::live::{Alarm, SYNC_LIMIT, lock};
use super::{Capabilities, Error};
use crate::plan::key::Key;
use crate::plan::orphan;
use crate::plan::settings::Settings;
use crate::plan::tracking::{Method, Owner, tracked_by};

/// Index of the informers: objects that nobody made or tracks, by namespace.
const BY_NAMESPACE: &str = "gitops/orphans";

/// A namespace of a cluster.
type Place = (String, String);

/// Who looks where.
pub(super) struct Orphans {
    capabilities: Capabilities,
    hooked: Mutex<HashSet<(String, ApiResource)>>,
    lookers: Arc<Mutex<HashMap<Place, BTreeSet<String>>>>,
}

/// What an application asks to be told of.
pub(crate) struct Search<'a> {
    pub(crate) app: (&'a ObjectKey, &'a Owner),
    pub(crate) cluster: &'a Context,
    pub(crate) destination: &'a Destination,
    /// What its project says; `None` if it does not ask.
    pub(crate) asked: Option<&'a OrphanedResources>,
    pub(crate) settings: &'a Settings,
}

impl Orphans {
    pub(super) fn new(capabilities: Capabilities) -> Self {
        Self { capabilities, hooked: Mutex::default(), lookers: Arc::default() }
    }

    /// The resources of the application's namespace that no application deploys, sorted. Kinds that cannot be listed are
    /// left out: nothing but a warning hangs on it.
    pub(super) async fn find(&self, search: &Search<'_>, alarm: &Alarm) -> Result<Vec<Key>, Error> {
        let (key, owner) = search.app;
        self.forget(&owner.instance);
        let namespace = &search.destination.namespace;
        let Some(asked) = search.asked.filter(|asked| asked.warn && !namespace.is_empty()) else {
            return Ok(Vec::new());
        };
        let place = (search.cluster.cluster.clone(), namespace.clone());
        lock(&self.lookers).entry(place).or_default().insert(owner.instance.clone());
        let served = self.capabilities.of(search.cluster, key).await?;
        let counts = |resource: &&ApiResource| {
            let (group, kind) = (resource.group.as_str(), resource.kind.as_str());
            !orphan::is_noise(group, kind) && !search.settings.excludes(group, kind, search.destination)
        };
        let informers: Vec<Informer> = served
            .watched
            .iter()
            .filter(counts)
            .map(|resource| self.informer(search.cluster, resource, alarm))
            .collect();
        let all = join_all(informers.iter().map(Informer::synced));
        // What comes later wakes the application.
        let _ = tokio::time::timeout(SYNC_LIMIT, all).await;
        // By label anybody may be the owner whom the index does not know.
        let is_owned = |informer: &Informer, key: &ObjectKey| {
            owner.tracking.method == Method::Label
                && informer.get_key(key).is_some_and(|object| owner.tracking.owner(&object).is_some())
        };
        let found = informers.iter().flat_map(|informer| {
            let resource = informer.resource();
            let keys = informer.keys_by_index(BY_NAMESPACE, namespace).into_iter();
            let keys = keys.filter(|key| !is_owned(informer, key));
            keys.map(|key| Key {
                group: resource.group.clone(),
                kind: resource.kind.clone(),
                namespace: key.namespace,
                name: key.name,
            })
        });
        let mut found: Vec<Key> = found.filter(|key| !orphan::is_expected(key, &asked.ignore)).collect();
        found.sort();
        Ok(found)
    }

    /// Forgets an application.
    pub(super) fn forget(&self, app: &str) {
        lock(&self.lookers).retain(|_, apps| {
            apps.remove(app);
            !apps.is_empty()
        });
    }

    fn informer(&self, cluster: &Context, resource: &ApiResource, alarm: &Alarm) -> Informer {
        let informer = cluster.informers.informer(resource);
        if lock(&self.hooked).insert((cluster.cluster.clone(), resource.clone())) {
            informer.add_index(BY_NAMESPACE, |object| orphaned_in(object).map(str::to_owned).into_iter().collect());
            informer.add_handler(self.waker(cluster.cluster.clone(), alarm.clone()));
        }
        informer
    }

    fn waker(&self, cluster: String, alarm: Alarm) -> impl Fn(&Event<'_>) + Send + Sync + 'static {
        let lookers = Arc::clone(&self.lookers);
        let orphans: Mutex<HashSet<ObjectKey>> = Mutex::default();
        move |event| {
            let object = event.object();
            let is_one = matches!(event, Event::Applied { .. }) && orphaned_in(object).is_some();
            let key = ObjectKey::of(object);
            let place = (cluster.clone(), key.namespace.clone());
            let changed = if is_one { lock(&orphans).insert(key) } else { lock(&orphans).remove(&key) };
            let lookers = lock(&lookers).get(&place).filter(|_| changed).cloned();
            lookers.into_iter().flatten().for_each(|app| alarm.ring(&app));
        }
    }
}

/// The namespace of an object that nothing made and no application tracks.
fn orphaned_in(object: &Value) -> Option<&str> {
    let nobodys = tracked_by(object).is_none() && informer::owner_uids(object).is_empty();
    object::namespace(object).filter(|_| nobodys)
}
