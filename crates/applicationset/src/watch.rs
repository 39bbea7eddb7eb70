//! Turns what happens outside into sets to be reconciled: changed sets, Applications, projects and Secrets, pushes.
//! It must not know what a reconcile does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use futures::stream::BoxStream;
use mainstay_api::argoproj;
use mainstay_apimachinery::object;
use mainstay_controller_runtime::{Context, Event, Informer, ObjectKey, WorkQueue, applier};
use mainstay_webhook::RepositoryKey;
use serde_json::{Value, json};

use crate::revisions::Revisions;
use crate::{Told, plan};

/// Wakes sets.
pub(crate) struct Watcher {
    queue: WorkQueue<ObjectKey>,
    sets: Informer,
    revisions: Arc<Revisions>,
    namespace: String,
    /// Hashes of what matters of each Application and of each set, as it was last seen.
    seen: Mutex<HashMap<ObjectKey, String>>,
    seen_sets: Mutex<HashMap<ObjectKey, String>>,
}

impl Watcher {
    pub(crate) fn new(
        queue: WorkQueue<ObjectKey>,
        sets: Informer,
        revisions: Arc<Revisions>,
        namespace: String,
    ) -> Self {
        Self { queue, sets, revisions, namespace, seen: Mutex::default(), seen_sets: Mutex::default() }
    }

    fn is_ours(&self, value: &Value) -> bool {
        object::namespace(value) == Some(&self.namespace)
    }

    /// The key of a changed set, unless only its status changed.
    pub(crate) fn set(&self, event: &Event<'_>) -> Option<ObjectKey> {
        let set = event.object();
        let matters = json!({
            "spec": set.get("spec"), "annotations": object::annotations(set), "deleting": object::is_deleting(set),
            "finalizers": set.pointer("/metadata/finalizers"),
        });
        (self.is_ours(set) && changed(&self.seen_sets, event, &matters)).then(|| ObjectKey::of(set))
    }

    /// The set of a changed Application, if something changed that the set decides or reports.
    pub(crate) fn application(&self, event: &Event<'_>) -> Option<ObjectKey> {
        let application = event.object();
        let owner = object::controller_of(application)?;
        let is_set = owner.get("kind").and_then(Value::as_str) == Some("ApplicationSet");
        let at = |pointer| application.pointer(pointer);
        let matters = json!([
            at("/spec"),
            at("/metadata/labels"),
            at("/metadata/annotations"),
            at("/metadata/finalizers"),
            at("/metadata/ownerReferences"),
            at("/operation"),
            at("/status/sync"),
            at("/status/health/status"),
            at("/status/operationState/phase"),
            at("/status/operationState/startedAt"),
            at("/status/conditions"),
        ]);
        if !is_set || !self.is_ours(application) || !changed(&self.seen, event, &matters) {
            return None;
        }
        let name = owner.get("name").and_then(Value::as_str)?;
        Some(ObjectKey::new(&self.namespace, name))
    }

    /// All sets: a project that was missing may be there now.
    pub(crate) fn project(&self, event: &Event<'_>) -> Vec<ObjectKey> {
        if self.is_ours(event.object()) { self.all() } else { Vec::new() }
    }

    /// All sets, if a Secret tells of a cluster: it may be the destination of any.
    pub(crate) fn secret(&self, event: &Event<'_>) -> Vec<ObjectKey> {
        let secret = event.object();
        let matters = self.is_ours(secret) && object::label(secret, argoproj::SECRET_TYPE) == Some("cluster");
        if matters { self.all() } else { Vec::new() }
    }

    fn all(&self) -> Vec<ObjectKey> {
        self.those(|_| true)
    }

    fn those(&self, wanted: impl Fn(&Value) -> bool) -> Vec<ObjectKey> {
        self.sets.list_namespace(&self.namespace).iter().filter(|set| wanted(set)).map(ObjectKey::of).collect()
    }

    /// Wakes the sets that what a git host tells is about, until there is no more of it.
    pub(crate) async fn listen(&self, mut told: BoxStream<'static, Told>, control: &Context) {
        while let Some(told) = told.next().await {
            let pending = control.probe.begin();
            let keys = match &told {
                Told::Pushed(url) => {
                    self.revisions.forget(url);
                    let repository = RepositoryKey::of(url);
                    self.those(|set| reads(set, &repository))
                }
                Told::PullRequest(pull) => self.those(|set| plan::asks_for(generators(set), pull)),
                Told::Missed => {
                    self.revisions.forget_all();
                    self.all()
                }
            };
            keys.into_iter().for_each(|key| self.queue.add(key));
            drop(pending);
        }
        // Without news polls go on.
        futures::future::pending::<()>().await;
    }
}

fn generators(set: &Value) -> &[Value] {
    set.pointer("/spec/generators").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Whether a set reads a repository; one whose URL is a template may read any.
fn reads(set: &Value, repository: &RepositoryKey) -> bool {
    let is_it = |own: &String| own.contains("{{") || RepositoryKey::of(own) == *repository;
    plan::repositories(generators(set)).iter().any(is_it)
}

/// Whether what matters of an object differs from the last time.
fn changed(seen: &Mutex<HashMap<ObjectKey, String>>, event: &Event<'_>, matters: &Value) -> bool {
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let key = ObjectKey::of(event.object());
    match event {
        Event::Applied { .. } => {
            let hash = applier::hash(matters);
            seen.insert(key, hash.clone()).as_ref() != Some(&hash)
        }
        Event::Deleted { .. } => {
            seen.remove(&key);
            true
        }
    }
}
