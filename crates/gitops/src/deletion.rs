//! Deletes an application's resources before the application: in reverse wave order, one wave at a time.
//! It must not delete anything that the application does not track.

use mainstay_api::argoproj::{self, ApplicationSpec, ApplicationStatus};
use mainstay_apimachinery::{GroupVersionKind, object};
use mainstay_controller_runtime::{Class, Classify, Context, api};
use serde_json::{Value, json};

use crate::MANAGER;
use crate::fetch::{self, LiveViews, Wanted};
use crate::plan::compare::Live;
use crate::plan::key::Key;
use crate::plan::options::SyncOptions;
use crate::plan::tracking::Owner;
use crate::plan::{hook, order, prune, target};
use crate::{apply, hooks, report};

/// Deleting failed; it is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Live objects could not be read.
    #[error("failed to delete the resources of application {0}")]
    Read(String, #[source] fetch::Error),
    /// An object could not be deleted.
    #[error("failed to delete the resources of application {0}")]
    Delete(String, #[source] apply::Error),
    /// The finalizer could not be removed.
    #[error("failed to remove the finalizer of application {0}")]
    Finalizer(String, #[source] api::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Read(_, error) => error.class(),
            Self::Delete(..) => Class::Retry,
            Self::Finalizer(_, error) => {
                if error.is_not_found() {
                    Class::Terminal
                } else {
                    Class::Retry
                }
            }
        }
    }
}

/// What is left to be deleted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing; the finalizer is gone.
    Done,
    /// Something; its disappearance wakes the application.
    Waiting,
}

/// Whether an application asks for its resources to be deleted with it.
pub(crate) fn cascades(app: &Value) -> bool {
    object::finalizers(app).any(is_ours)
}

fn is_ours(finalizer: &str) -> bool {
    finalizer == argoproj::RESOURCES_FINALIZER
        || finalizer.strip_prefix(argoproj::RESOURCES_FINALIZER).is_some_and(|rest| rest.starts_with('/'))
}

/// Takes deletion as far as it goes. `cluster` is the destination; an unknown one has nothing that could be deleted.
/// `kinds` are those the application may have made besides the ones in its status.
pub(crate) async fn advance(
    control: &Context,
    (app, owner): (&Value, &Owner),
    cluster: Option<&Context>,
    views: &LiveViews,
    kinds: Vec<GroupVersionKind>,
) -> Result<Progress, Error> {
    let name = object::name(app).to_owned();
    if let Some(cluster) = cluster {
        let live =
            tracked(cluster, (app, owner), views, kinds).await.map_err(|error| Error::Read(name.clone(), error))?;
        let doomed: Vec<(Key, i64)> = live.iter().map(|(key, live)| (key.clone(), target::wave(live))).collect();
        if let Some(wave) = order::deletion_waves(&doomed).first() {
            delete_wave(cluster, app, wave, &live).await.map_err(|error| Error::Delete(name, error))?;
            return Ok(Progress::Waiting);
        }
    }
    remove_finalizer(control, app).await.map_err(|error| Error::Finalizer(name, error))?;
    Ok(Progress::Done)
}

/// The live objects that go with the application.
async fn tracked(
    cluster: &Context,
    (app, owner): (&Value, &Owner),
    views: &LiveViews,
    mut kinds: Vec<GroupVersionKind>,
) -> Result<Live, fetch::Error> {
    let status: ApplicationStatus =
        app.get("status").and_then(|status| serde_json::from_value(status.clone()).ok()).unwrap_or_default();
    kinds.extend(status.resources.iter().map(|r| GroupVersionKind::new(&r.group, &r.version, &r.kind)));
    kinds.sort();
    kinds.dedup();
    let spec: ApplicationSpec =
        app.get("spec").and_then(|spec| serde_json::from_value(spec.clone()).ok()).unwrap_or_default();
    let destination = &spec.destination;
    let wanted = Wanted { cluster, app: owner, targets: Vec::new(), before: kinds, destination };
    let mut live = views.read(&wanted).await?.live;
    live.retain(|key, live| owner.owns(live) && !prune::survives_deletion(key, live, owner));
    Ok(live)
}

async fn delete_wave(cluster: &Context, app: &Value, wave: &[Key], live: &Live) -> Result<(), apply::Error> {
    let background = object::finalizers(app).any(|finalizer| is_ours(finalizer) && finalizer.ends_with("/background"));
    let policy = if background { "background" } else { "foreground" };
    let options = SyncOptions::new(&[format!("PrunePropagationPolicy={policy}")]);
    for key in wave {
        let Some(object) = live.get(key) else { continue };
        if hook::is_hook(object) {
            // Nobody waits for it any more.
            hooks::remove(cluster, key, object).await?;
        } else if !object::is_deleting(object) {
            apply::delete(cluster, key, object, &options).await?;
        }
    }
    Ok(())
}

async fn remove_finalizer(control: &Context, app: &Value) -> Result<(), api::Error> {
    remove_finalizers(control, app, is_ours).await
}

/// Removes some finalizers of an application, if it is still as it was seen.
pub(crate) async fn remove_finalizers(
    control: &Context,
    app: &Value,
    which: impl Fn(&str) -> bool,
) -> Result<(), api::Error> {
    let rest: Vec<&str> = object::finalizers(app).filter(|finalizer| !which(finalizer)).collect();
    let version = object::resource_version(app).unwrap_or_default();
    let patch = json!({"metadata": {"finalizers": rest, "resourceVersion": version}});
    let api = report::applications(control, object::namespace(app).unwrap_or_default());
    api.merge_patch(MANAGER, object::name(app), None, &patch).await.map(drop)
}
