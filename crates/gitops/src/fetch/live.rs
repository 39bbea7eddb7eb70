//! Live objects of applications, from one shared informer per kind and cluster; a change of one wakes its application.
//! It must not know what is desired beyond the keys it is asked for.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use mainstay_api::argoproj::Destination;
use mainstay_apimachinery::{GroupVersionKind, object};
use mainstay_controller_runtime::{ApiResource, Context, Event, Informer, ObjectKey, WorkQueue};
use serde_json::Value;

use super::children::Children;
use super::definitions::Definitions;
use super::orphans::{Orphans, Search};
use super::settings::SettingsSource;
use super::{Capabilities, Error};
use crate::plan::compare::{self, Live};
use crate::plan::health::{self, Reporting};
use crate::plan::key::Key;
use crate::plan::settings::Settings;
use crate::plan::summary::Facts;
use crate::plan::tracking::{Method, Owner, Tracking, parse_instance};

/// Index of the informers: objects by the application that tracks them.
const BY_APP: &str = "gitops/application";
/// The same by label.
const BY_LABEL: &str = "gitops/application-label";
/// How long an application waits for more changes of its objects before it looks, and how much longer for each
/// object it has: an app of apps with 1000 children looks once a second, not a thousand times.
const SETTLE: Duration = Duration::from_millis(20);
const SETTLE_PER_OBJECT: Duration = Duration::from_millis(1);
const SETTLE_MAX: Duration = Duration::from_secs(2);

/// How long a first list may take.
pub(super) const SYNC_LIMIT: Duration = Duration::from_secs(30);

/// Views of live objects.
pub(crate) struct LiveViews {
    alarm: Alarm,
    hooked: Mutex<HashSet<(String, ApiResource)>>,
    definitions: Definitions,
    children: Children,
    orphans: Orphans,
    settings: Arc<SettingsSource>,
    /// Applications with kinds that their destination does not serve, by cluster.
    lacking: Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>,
}

/// Wakes applications when something of theirs has changed.
#[derive(Clone)]
pub(super) struct Alarm {
    namespace: String,
    queue: WorkQueue<ObjectKey>,
    /// How many objects each application has.
    sizes: Arc<Mutex<HashMap<String, u32>>>,
}

impl Alarm {
    /// The key of an application by its name among all.
    fn key(&self, app: &str) -> ObjectKey {
        let (namespace, name) = parse_instance(app, &self.namespace);
        ObjectKey::new(namespace, name)
    }

    /// Wakes an application once its objects have settled. One that was never compared looks for itself when its turn
    /// comes.
    pub(super) fn ring(&self, app: &str) {
        let Some(size) = lock(&self.sizes).get(app).copied() else { return };
        let delay = SETTLE.saturating_add(SETTLE_PER_OBJECT.saturating_mul(size)).min(SETTLE_MAX);
        self.queue.add_after(self.key(app), delay);
    }
}

/// What is live.
#[derive(Default)]
pub(crate) struct View {
    /// The objects.
    pub(crate) live: Live,
    /// Which of their kinds are healthy only when they say so.
    pub(crate) reporting: Reporting,
    /// What is to be said of what their instances made.
    pub(crate) made: Facts,
}

/// What an application asks to see.
pub(crate) struct Wanted<'a> {
    /// The destination.
    pub(crate) cluster: &'a Context,
    /// The application.
    pub(crate) app: &'a Owner,
    /// Desired keys with their version.
    pub(crate) targets: Vec<(&'a Key, &'a str)>,
    /// Kinds that it managed before.
    pub(crate) before: Vec<GroupVersionKind>,
    /// The destination as the application names it.
    pub(crate) destination: &'a Destination,
}

impl LiveViews {
    /// Views that wake applications of a namespace through a queue.
    pub(crate) fn new(queue: WorkQueue<ObjectKey>, settings: Arc<SettingsSource>, capabilities: Capabilities) -> Self {
        Self {
            alarm: Alarm { namespace: settings.namespace().to_owned(), queue, sizes: Arc::default() },
            orphans: Orphans::new(capabilities),
            hooked: Mutex::default(),
            definitions: Definitions::default(),
            children: Children::default(),
            settings,
            lacking: Arc::default(),
        }
    }

    /// The live objects that an application tracks or names, but for those of excluded kinds.
    pub(crate) async fn read(&self, wanted: &Wanted<'_>) -> Result<View, Error> {
        let mut kinds: BTreeMap<GroupVersionKind, Vec<&Key>> = BTreeMap::new();
        for (key, version) in &wanted.targets {
            kinds.entry(GroupVersionKind::new(&key.group, *version, &key.kind)).or_default().push(key);
        }
        for gvk in &wanted.before {
            // Another version of a desired kind shows the same objects.
            if !kinds.keys().any(|known| known.group_kind() == gvk.group_kind()) {
                kinds.entry(gvk.clone()).or_default();
            }
        }
        let settings = self.settings.current();
        kinds.retain(|gvk, _| !settings.excludes(&gvk.group, &gvk.kind, wanted.destination));
        let View { mut live, mut reporting, .. } = View::default();
        for (gvk, keys) in kinds {
            let Some(informer) = self.informer(wanted.cluster, &gvk).await? else { continue };
            if self.is_made_for_graph(wanted.cluster, informer.resource()).await {
                reporting.add(gvk.group_kind());
            }
            let tracked = informer.by_index(index(&wanted.app.tracking), &wanted.app.instance);
            let tracked = tracked.into_iter().filter(|object| wanted.app.owns(object));
            live.extend(tracked.map(|object| (Key::of(&object), object)));
            for key in keys {
                if !live.contains_key(key)
                    && let Some(object) = informer.get(&key.namespace, &key.name)
                {
                    live.insert(key.clone(), object);
                }
            }
        }
        let size = u32::try_from(live.len()).unwrap_or(u32::MAX);
        lock(&self.alarm.sizes).insert(wanted.app.instance.clone(), size);
        let instances = live.iter().filter(|(key, _)| reporting.is_instance(key));
        let instances = instances.map(|(_, object)| object::uid(object).to_owned()).collect();
        let made = self.children.facts(wanted.cluster, &wanted.app.instance, &instances, &self.alarm).await;
        Ok(View { live, reporting, made })
    }

    /// The resources of an application's namespace that no application deploys, if its project asks.
    pub(crate) async fn orphans(&self, search: &Search<'_>) -> Result<Vec<Key>, Error> {
        self.orphans.find(search, &self.alarm).await
    }

    async fn is_made_for_graph(&self, cluster: &Context, resource: &ApiResource) -> bool {
        if !health::is_custom(&resource.group) {
            return false;
        }
        self.watch_definitions(cluster);
        self.definitions.made_for_graph(cluster, resource).await
    }

    /// The informer of a kind, synced; `None` where the cluster does not serve it.
    pub(crate) async fn informer(&self, cluster: &Context, gvk: &GroupVersionKind) -> Result<Option<Informer>, Error> {
        let resolved = cluster.mapper.resolve(gvk).await;
        let mapping = resolved.map_err(|source| Error::Discovery { cluster: cluster.cluster.clone(), source })?;
        let Some(mapping) = mapping else { return Ok(None) };
        let informer = cluster.informers.informer(&mapping.resource);
        if lock(&self.hooked).insert((cluster.cluster.clone(), mapping.resource.clone())) {
            informer.add_handler(self.waker());
        }
        // Which installation an object is of is looked at when it is read.
        let tracking = Tracking { installation: String::new(), ..self.settings.current().tracking().clone() };
        informer.add_index(index(&tracking), move |object| owners(&tracking, object));
        if tokio::time::timeout(SYNC_LIMIT, informer.synced()).await.is_err() {
            // Listing fails: the kind may be gone again. An empty view must never pass for an empty cluster.
            cluster.mapper.forget(gvk);
            return Err(Error::Unlisted { cluster: cluster.cluster.clone(), gvk: gvk.clone() });
        }
        Ok(Some(informer))
    }

    /// Wakes the application that tracks an object, or did, when something changed that it looks at.
    fn waker(&self) -> impl Fn(&Event<'_>) + Send + Sync + 'static {
        let (alarm, settings) = (self.alarm.clone(), Arc::clone(&self.settings));
        let shown: Mutex<HashMap<ObjectKey, Shown>> = Mutex::default();
        move |event| {
            let current = settings.current();
            let seen = |object: &Value| seen(object, &current, settings.now());
            for app in concerned(&mut lock(&shown), event, (current.tracking(), seen)) {
                alarm.ring(&app);
            }
        }
    }

    /// Notes whether an application has kinds that its destination does not serve; a new CRD there wakes it.
    pub(crate) fn lacks_kinds(&self, cluster: &Context, app: &str, lacks: bool) {
        let mut lacking = lock(&self.lacking);
        if lacks {
            lacking.entry(cluster.cluster.clone()).or_default().insert(app.to_owned());
            drop(lacking);
            self.watch_definitions(cluster);
        } else if let Some(apps) = lacking.get_mut(&cluster.cluster) {
            apps.remove(app);
        }
    }

    fn watch_definitions(&self, cluster: &Context) {
        let (alarm, lacking) = (self.alarm.clone(), Arc::clone(&self.lacking));
        let name = cluster.cluster.clone();
        self.definitions.watch(cluster, move || {
            for app in lock(&lacking).get(&name).into_iter().flatten() {
                alarm.queue.add_after(alarm.key(app), SETTLE);
            }
        });
    }

    /// Forgets an application.
    pub(crate) fn forget(&self, app: &str) {
        lock(&self.alarm.sizes).remove(app);
        self.children.forget(app);
        self.orphans.forget(app);
        for apps in lock(&self.lacking).values_mut() {
            apps.remove(app);
        }
    }
}

/// The index that holds who is tracked how. Another `application.instanceLabelKey` counts from the next start on.
fn index(tracking: &Tracking) -> &'static str {
    if tracking.method == Method::Label { BY_LABEL } else { BY_APP }
}

fn owners(tracking: &Tracking, object: &Value) -> Vec<String> {
    tracking.owner(object).map(str::to_owned).into_iter().collect()
}

/// What a look would see of an object: whose it is, and what of it counts.
#[derive(Clone, PartialEq, Eq)]
struct Shown {
    app: String,
    seen: u64,
}

/// The applications to wake for an event. Most writes of a status change nothing that a look would see.
fn concerned(
    shown: &mut HashMap<ObjectKey, Shown>,
    event: &Event<'_>,
    (tracking, seen): (&Tracking, impl Fn(&Value) -> u64),
) -> Vec<String> {
    let (object, key) = (event.object(), ObjectKey::of(event.object()));
    let app = tracking.owner(object).map(str::to_owned);
    let before = match (event, &app) {
        (Event::Applied { .. }, Some(app)) => {
            let now = Shown { app: app.clone(), seen: seen(object) };
            if shown.get(&key) == Some(&now) {
                return Vec::new();
            }
            shown.insert(key, now)
        }
        _ => shown.remove(&key),
    };
    let before = before.map(|before| before.app).filter(|before| app.as_ref() != Some(before));
    before.into_iter().chain(app).collect()
}

/// A number that changes when an object does in something that is compared, or in its health.
fn seen(object: &Value, settings: &Settings, now: Timestamp) -> u64 {
    let mut hasher = DefaultHasher::new();
    (compare::fingerprint(object, &compare::Ignored::default()), health::trace(object, settings, now))
        .hash(&mut hasher);
    hasher.finish()
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_a_look_would_see_wakes() {
        let child = |app: &str, spec: &str, status: Value| {
            json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {
                "name": "a", "namespace": "argocd", "annotations": {"argocd.argoproj.io/tracking-id": format!("{app}:argoproj.io/Application:argocd/a")}},
                "spec": {"project": spec}, "status": status})
        };
        let health = |health: &str, sync: &str| json!({"health": {"status": health}, "sync": {"revision": sync}});
        let mut shown = HashMap::new();
        let seen = |object: &Value| seen(object, &Settings::default(), Timestamp::UNIX_EPOCH);
        let tracking = Tracking::default();
        let mut wakes = |object: Value| concerned(&mut shown, &Event::Applied { object: &object }, (&tracking, seen));
        assert_eq!(wakes(child("apps", "x", health("Missing", "1"))), ["apps"]);
        assert_eq!(wakes(child("apps", "x", health("Missing", "2"))), Vec::<String>::new());
        assert_eq!(wakes(child("apps", "x", health("Healthy", "2"))), ["apps"]);
        assert_eq!(wakes(child("apps", "drift", health("Healthy", "2"))), ["apps"]);
        assert_eq!(wakes(child("other", "drift", health("Healthy", "2"))), ["apps", "other"]);
        let mut untracked = child("other", "drift", health("Healthy", "2"));
        untracked["metadata"]["annotations"] = json!({});
        assert_eq!(wakes(untracked), ["other"], "the tracking id itself was taken off");
        let gone = child("apps", "x", Value::Null);
        assert_eq!(concerned(&mut shown, &Event::Deleted { object: &gone }, (&tracking, seen)), ["apps"]);
    }
}
