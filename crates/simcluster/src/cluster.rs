//! One simulated cluster as its controllers see it: caches, calls and events under the right names.
//! It must not know what any controller decides.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::Error;
use mainstay_controller_runtime::{
    Action, Api, ApiResource, Context, DeleteOptions, Informer, Note as Record, Recorder,
};
use mainstay_telemetry::Thread;
use serde_json::Value;

use crate::note::{self, Note};
use crate::options::Options;
use crate::{kinds, owner};

/// Index of every informer here: by the uid of the object's controller.
pub(crate) const BY_CONTROLLER: &str = "controller";

/// Who writes what; upstream's field managers.
pub(crate) const CONTROLLER_MANAGER: &str = "kube-controller-manager";
/// Binds pods.
pub(crate) const SCHEDULER: &str = "kube-scheduler";
/// Writes the statuses of pods and nodes.
pub(crate) const KUBELET: &str = "kubelet";
/// The field manager of Events.
const COMPONENT: &str = "mainstay-simcluster";

/// The cluster. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Cluster {
    /// The runtime's view of it.
    pub context: Context,
    /// What it is like.
    pub options: Arc<Options>,
    recorder: Recorder,
}

impl Cluster {
    /// A cluster over a context.
    pub(crate) fn new(context: Context, options: Options) -> Self {
        let recorder = Recorder::new(&context, COMPONENT).correlated();
        Self { context, options: Arc::new(options), recorder }
    }

    /// The present time.
    pub(crate) fn now(&self) -> Timestamp {
        self.context.clock.now()
    }

    /// The shared informer of a resource, with an index by controller.
    pub(crate) fn informer(&self, resource: &ApiResource) -> Informer {
        let informer = self.context.informers.informer(resource);
        informer
            .add_index(BY_CONTROLLER, |object| owner::controller_uid(object).map(str::to_owned).into_iter().collect());
        informer
    }

    /// The API of a resource in a namespace.
    pub(crate) fn api(&self, resource: &ApiResource, namespace: &str) -> Api {
        self.context.api(resource, Some(namespace))
    }

    /// Records events about an object, under the object's own causal thread. Nobody waits for them, as upstream, but
    /// the world is not at rest before they are written.
    pub(crate) fn record(&self, about: &Value, notes: &[Note]) {
        if notes.is_empty() {
            return;
        }
        let (recorder, about, notes) = (self.recorder.clone(), about.clone(), notes.to_vec());
        let pending = self.context.probe.begin();
        tokio::spawn(async move {
            let thread: Option<Thread> = object::annotation(&about, crate::THREAD).and_then(|text| text.parse().ok());
            for note in &notes {
                let record = if note.warning {
                    Record::warning(note.reason, &note.message)
                } else {
                    Record::normal(note.reason, &note.message)
                };
                let component = note.source.unwrap_or_else(|| note::component(object::kind(&about)));
                recorder.record(&about, record.thread(thread.as_ref()).component(component)).await;
            }
            drop(pending);
        });
    }

    /// Merge-patches an object's status as a manager. An object that is gone meanwhile is no error: its end was watched.
    pub(crate) async fn patch_status(
        &self,
        manager: &str,
        resource: &ApiResource,
        object: &Value,
        patch: &Value,
    ) -> Result<(), Error> {
        let api = self.api(resource, object::namespace(object).unwrap_or_default());
        gone_is_done(api.merge_patch(manager, object::name(object), Some("status"), patch).await)
    }

    /// Merge-patches an object as the controller manager. An object that is gone meanwhile is no error.
    pub(crate) async fn patch(&self, resource: &ApiResource, object: &Value, patch: &Value) -> Result<(), Error> {
        let api = self.api(resource, object::namespace(object).unwrap_or_default());
        gone_is_done(api.merge_patch(CONTROLLER_MANAGER, object::name(object), None, patch).await)
    }

    /// Creates an object as the controller manager; `false` if one with its name is there already.
    pub(crate) async fn create(&self, resource: &ApiResource, object: &Value) -> Result<bool, Error> {
        let api = self.api(resource, object::namespace(object).unwrap_or_default());
        match api.create(CONTROLLER_MANAGER, object).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes an object by name in a namespace; one that is gone already is no error.
    pub(crate) async fn delete(&self, resource: &ApiResource, namespace: &str, name: &str) -> Result<(), Error> {
        self.api(resource, namespace).delete(name, &DeleteOptions::default()).await.map(drop)
    }

    /// The pods that an object controls.
    pub(crate) fn pods_of(&self, owner: &Value) -> Vec<Value> {
        self.informer(&kinds::pods()).by_index(BY_CONTROLLER, object::uid(owner))
    }
}

fn gone_is_done(result: Result<Value, Error>) -> Result<(), Error> {
    match result {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

/// Looks again when something is due, which the world has to wait for.
pub(crate) fn again_in(delay: Option<Duration>) -> Action {
    delay.map_or_else(Action::done, Action::requeue_after)
}

/// How long from `now` until `at`, never less than a millisecond: timers fire no finer.
pub(crate) fn until(now: Timestamp, at: Timestamp) -> Duration {
    let left = at.duration_since(now).max(SignedDuration::from_millis(1));
    Duration::try_from(left).unwrap_or_default()
}
