//! The end of an application: hooks before, its resources, hooks after.
//! It must not know how any of it is done.

use mainstay_api::argoproj::ApplicationSpec;
use mainstay_apimachinery::GroupVersionKind;
use mainstay_controller_runtime::{Action, ObjectKey};
use mainstay_telemetry::chain;
use serde_json::Value;

use super::{Engine, Error, RESYNC};
use crate::deletion::{self, Progress};
use crate::deletion_hooks::{self, Step};
use crate::destinations::{self, Asking};
use crate::observe::Memory;
use crate::plan::hook::Phase;
use crate::validate::Invalid;

impl Engine {
    /// Deletes what an application that is being deleted asks to be deleted with it.
    pub(super) async fn delete(&self, app: &Value) -> Result<Action, Error> {
        if deletion_hooks::step(app, Phase::PreDelete).is_some() {
            return self.deletion_hooks(app, Phase::PreDelete).await;
        }
        if !deletion::cascades(app) && deletion_hooks::step(app, Phase::PostDelete).is_some() {
            return self.deletion_hooks(app, Phase::PostDelete).await;
        }
        if !deletion::cascades(app) {
            return Ok(Action::done());
        }
        let spec: ApplicationSpec =
            app.get("spec").and_then(|spec| serde_json::from_value(spec.clone()).ok()).unwrap_or_default();
        let name = if spec.destination.name.is_empty() { &spec.destination.server } else { &spec.destination.name };
        let project = if spec.project.is_empty() { "default" } else { &spec.project };
        let asking = Asking { cluster: name, project, only_own: false };
        let cluster = match self.destinations.find(&asking).await {
            Ok(cluster) => Some(cluster),
            // There is no such cluster any more, so nothing of it could be deleted.
            Err(destinations::Error::Unknown(_)) => None,
            Err(error) => return self.undeletable(app, error.to_string()).await,
        };
        let kinds = self.kinds_of_source(app).await;
        let owner = self.owner(&ObjectKey::of(app));
        match deletion::advance(&self.control, (app, &owner), cluster.as_ref(), &self.views, kinds).await? {
            Progress::Done => Ok(Action::done()),
            Progress::Waiting => Ok(Action::resync_after(RESYNC)),
        }
    }

    /// Reports that resources cannot be deleted: they are not left behind in silence.
    async fn undeletable(&self, app: &Value, message: String) -> Result<Action, Error> {
        let key = ObjectKey::of(app);
        let mut memory = self.take(&key);
        let refused = self.refuse(app, &mut memory, "DeletionError", message).await;
        self.put(key, memory);
        refused
    }

    /// Runs the hooks of a deletion, or lets their objects go. A source that cannot be read, or a hook that fails, holds the
    /// deletion up and is reported.
    async fn deletion_hooks(&self, app: &Value, phase: Phase) -> Result<Action, Error> {
        let key = ObjectKey::of(app);
        let mut memory = self.take(&key);
        let done = Box::pin(self.run_deletion_hooks((&key, app), phase, &mut memory)).await;
        self.put(key, memory);
        done
    }

    async fn run_deletion_hooks(
        &self,
        (key, app): (&ObjectKey, &Value),
        phase: Phase,
        memory: &mut Memory,
    ) -> Result<Action, Error> {
        let subject = match self.subject(key, app).await {
            Ok(subject) => subject,
            Err(Invalid(message)) => return self.refuse(app, memory, "DeletionError", message).await,
        };
        let mut observed = match self.fetch(&subject, memory).await {
            Ok((_, observed)) => observed,
            Err(error) => {
                self.refuse(app, memory, "DeletionError", chain(&error).to_string()).await?;
                return Err(error.into());
            }
        };
        let failed = |source| Error::Hooks(key.name.clone(), source);
        let Some(step) = deletion_hooks::step(app, phase) else { return Ok(Action::done()) };
        if step == Step::Run {
            match deletion_hooks::run(&subject, &mut observed, phase).await.map_err(failed)? {
                deletion_hooks::Progress::Done => {}
                deletion_hooks::Progress::Waiting(_) => return Ok(Action::resync_after(RESYNC)),
                deletion_hooks::Progress::Failed(message) => {
                    return self.refuse(app, memory, "DeletionError", message).await;
                }
            }
        } else {
            deletion_hooks::clean(&subject, &observed, phase).await.map_err(failed)?;
        }
        let finalizer = deletion_hooks::finalizer(phase, step);
        let removed = deletion::remove_finalizers(&self.control, app, |one| one == finalizer).await;
        removed.map_err(|source| deletion::Error::Finalizer(key.name.clone(), source))?;
        Ok(Action::resync_after(RESYNC))
    }

    /// Kinds in the source of an application that has no resources in its status: its first sync may have been cut
    /// short. Best effort: a source that cannot be read has nothing to say.
    async fn kinds_of_source(&self, app: &Value) -> Vec<GroupVersionKind> {
        let recorded = app.pointer("/status/resources").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
        let Ok(subject) = self.subject(&ObjectKey::of(app), app).await else { return Vec::new() };
        if recorded {
            return Vec::new();
        }
        let observed = self.fetch(&subject, &mut Memory::default()).await;
        observed
            .map_or_else(|_| Vec::new(), |(_, observed)| observed.targets.by_key.values().map(|t| t.gvk()).collect())
    }
}
