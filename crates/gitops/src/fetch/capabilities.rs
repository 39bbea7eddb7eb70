//! What each destination serves, for tools that ask: kept until its CRDs change, and then the applications that asked
//! are woken.
//! It must not know what tools make of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mainstay_controller_runtime::{Context, Event, ObjectKey, Served, WorkQueue, served};

use super::Error;
use super::definitions::crds;

/// CRDs come in bunches.
const SETTLE: Duration = Duration::from_secs(1);

/// What is known of a cluster.
#[derive(Default)]
struct Known {
    served: Option<Arc<Served>>,
    /// What each CRD serves, as a number.
    definitions: HashMap<String, u64>,
    asked: BTreeSet<ObjectKey>,
    /// Grows when a CRD changes: an answer asked for before is not kept.
    changes: u64,
}

/// The clusters that were asked for.
#[derive(Clone)]
pub(crate) struct Capabilities {
    clusters: Arc<Mutex<BTreeMap<String, Known>>>,
    queue: WorkQueue<ObjectKey>,
}

impl Capabilities {
    /// Nothing is known yet; applications are woken through the queue.
    pub(crate) fn new(queue: WorkQueue<ObjectKey>) -> Self {
        Self { clusters: Arc::default(), queue }
    }

    fn clusters(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a cluster serves now. The application is woken when that changes.
    pub(crate) async fn of(&self, cluster: &Context, app: &ObjectKey) -> Result<Arc<Served>, Error> {
        self.watch(cluster);
        let changes = {
            let mut clusters = self.clusters();
            let known = clusters.entry(cluster.cluster.clone()).or_default();
            known.asked.insert(app.clone());
            if let Some(served) = &known.served {
                return Ok(Arc::clone(served));
            }
            known.changes
        };
        let answer = served(&cluster.client).await;
        let answer = Arc::new(answer.map_err(|source| Error::Serves { cluster: cluster.cluster.clone(), source })?);
        let mut clusters = self.clusters();
        let known = clusters.entry(cluster.cluster.clone()).or_default();
        if known.changes == changes {
            known.served = Some(Arc::clone(&answer));
        }
        Ok(answer)
    }

    /// What is known of a cluster, without asking.
    pub(crate) fn known(&self, cluster: &str) -> Option<Arc<Served>> {
        self.clusters().get(cluster)?.served.clone()
    }

    /// Forgets an application.
    pub(crate) fn forget(&self, app: &ObjectKey) {
        for known in self.clusters().values_mut() {
            known.asked.remove(app);
        }
    }

    fn watch(&self, cluster: &Context) {
        let name = cluster.cluster.clone();
        let mut clusters = self.clusters();
        if clusters.contains_key(&name) {
            return;
        }
        clusters.insert(name.clone(), Known::default());
        drop(clusters);
        let known = self.clone();
        cluster.informers.informer(&crds()).add_handler(move |event| known.note(&name, event));
    }

    fn note(&self, cluster: &str, event: &Event<'_>) {
        let mut clusters = self.clusters();
        let known = clusters.entry(cluster.to_owned()).or_default();
        let object = event.object();
        let name = mainstay_apimachinery::object::name(object).to_owned();
        let changed = match event {
            Event::Applied { .. } => {
                let mut hasher = DefaultHasher::new();
                (object["spec"]["names"]["kind"].to_string(), versions(object)).hash(&mut hasher);
                let shape = hasher.finish();
                known.definitions.insert(name, shape) != Some(shape)
            }
            Event::Deleted { .. } => known.definitions.remove(&name).is_some(),
        };
        if !changed {
            return;
        }
        known.changes += 1;
        if known.served.take().is_some() {
            known.asked.iter().for_each(|app| self.queue.add_after(app.clone(), SETTLE));
        }
    }
}

/// The versions that a CRD serves, once it is established.
fn versions(crd: &serde_json::Value) -> Vec<String> {
    let conditions = crd["status"]["conditions"].as_array();
    let established =
        |condition: &serde_json::Value| condition["type"] == "Established" && condition["status"] == "True";
    if !conditions.is_some_and(|conditions| conditions.iter().any(established)) {
        return Vec::new();
    }
    let versions = crd["spec"]["versions"].as_array().into_iter().flatten();
    versions.filter(|version| version["served"] == true).map(|version| version["name"].to_string()).collect()
}
