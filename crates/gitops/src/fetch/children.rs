//! What a summary says of what the instances of an application made, images and URLs: one shared informer per kind and
//! cluster, begun with the first instance there. A change of it wakes the application of the instance.
//! It must not know how an instance makes its children.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use mainstay_api::kro;
use mainstay_apimachinery::object;
use mainstay_controller_runtime::{Context, Event, Informer, ObjectKey, context};

use super::live::{Alarm, SYNC_LIMIT, lock};
use crate::plan::summary::Facts;

/// Index of the informers: objects by the instance they were made for.
const BY_INSTANCE: &str = "gitops/instance";

/// Kinds that name images or hosts, and that a graph is likely to make. Not pods: a cluster has too many of them to keep.
const KINDS: [(&str, &str, &str); 6] = [
    ("apps", "Deployment", "deployments"),
    ("apps", "StatefulSet", "statefulsets"),
    ("apps", "DaemonSet", "daemonsets"),
    ("batch", "Job", "jobs"),
    ("batch", "CronJob", "cronjobs"),
    ("networking.k8s.io", "Ingress", "ingresses"),
];

/// What instances made.
#[derive(Default)]
pub(super) struct Children {
    owners: Arc<Mutex<Owners>>,
    hooked: Mutex<HashSet<String>>,
}

#[derive(Default)]
struct Owners {
    instances: HashMap<String, BTreeSet<String>>,
    apps: HashMap<String, String>,
}

impl Owners {
    /// Notes the instances of an application by their uids.
    fn note(&mut self, app: &str, instances: &BTreeSet<String>) {
        for uid in self.instances.remove(app).iter().flatten() {
            self.apps.remove(uid);
        }
        if !instances.is_empty() {
            self.apps.extend(instances.iter().map(|uid| (uid.clone(), app.to_owned())));
            self.instances.insert(app.to_owned(), instances.clone());
        }
    }
}

impl Children {
    /// What is to be said of what instances of an application made, which are given by uid.
    pub(super) async fn facts(
        &self,
        cluster: &Context,
        app: &str,
        instances: &BTreeSet<String>,
        alarm: &Alarm,
    ) -> Facts {
        lock(&self.owners).note(app, instances);
        if instances.is_empty() {
            return Facts::default();
        }
        let mut found = Facts::default();
        for informer in self.informers(cluster, alarm) {
            // What comes later wakes the application.
            let _ = tokio::time::timeout(SYNC_LIMIT, informer.synced()).await;
            let children = instances.iter().flat_map(|uid| informer.by_index(BY_INSTANCE, uid));
            children.for_each(|child| found.add(Facts::of(&child)));
        }
        found
    }

    pub(super) fn forget(&self, app: &str) {
        lock(&self.owners).note(app, &BTreeSet::new());
    }

    fn informers(&self, cluster: &Context, alarm: &Alarm) -> Vec<Informer> {
        let resources = KINDS.map(|(group, kind, plural)| context::resource(group, "v1", kind, plural));
        let informers: Vec<Informer> = resources.iter().map(|one| cluster.informers.informer(one)).collect();
        if lock(&self.hooked).insert(cluster.cluster.clone()) {
            for informer in &informers {
                informer.add_index(BY_INSTANCE, |child| {
                    object::label(child, kro::INSTANCE_ID).map(str::to_owned).into_iter().collect()
                });
                informer.add_handler(self.waker(alarm.clone()));
            }
        }
        informers
    }

    fn waker(&self, alarm: Alarm) -> impl Fn(&Event<'_>) + Send + Sync + 'static {
        let owners = Arc::clone(&self.owners);
        let shown: Mutex<HashMap<ObjectKey, Facts>> = Mutex::default();
        move |event| {
            let child = event.object();
            let Some(instance) = object::label(child, kro::INSTANCE_ID) else { return };
            let (key, now) = (ObjectKey::of(child), Facts::of(child));
            let same = match event {
                Event::Applied { .. } => lock(&shown).insert(key, now.clone()).as_ref() == Some(&now),
                Event::Deleted { .. } => lock(&shown).remove(&key).is_none(),
            };
            let app = lock(&owners).apps.get(instance).filter(|_| !same).cloned();
            if let Some(app) = app {
                alarm.ring(&app);
            }
        }
    }
}
