//! Writes to the destination: applies and prunes one wave, makes the destination's namespace.
//! It must not decide what is applied; it says of each resource what became of it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use futures::StreamExt;
use kube::core::params::PropagationPolicy;
use mainstay_api::argoproj::{IgnoreDifferences, NamespaceMetadata, ResourceResult};
use mainstay_apimachinery::object;
use mainstay_controller_runtime::api::{ApplyOptions, DeleteOptions};
use mainstay_controller_runtime::{Class, Classify, Context, api, context, mapper};
use mainstay_telemetry::{Thread, chain, thread};
use serde_json::{Value, json};

use crate::MANAGER;
use crate::plan::compare::{self, Ignored, Live};
use crate::plan::hook::Phase;
use crate::plan::key::Key;
use crate::plan::operation::{PRUNE_SKIPPED, PRUNED, SYNC_FAILED, SYNCED, Task, hook_result, result};
use crate::plan::options::SyncOptions;
use crate::plan::order::Wave;
use crate::plan::target::Target;

/// Applies at a time within one group of a wave.
const CONCURRENCY: usize = 16;

/// A write failed for a reason that is not the object's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Discovery failed.
    #[error("failed to find the resource of {0}")]
    Discover(Key, #[source] mapper::Error),
    /// The server failed.
    #[error("failed to write to cluster {0}")]
    Call(String, #[source] api::Error),
}

impl Error {
    /// Whether the object that was to be written is not there any more, or another one is.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self, Self::Call(_, error) if error.is_not_found())
    }
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Discover(_, error) => error.class(),
            Self::Call(_, error) => error.class(),
        }
    }
}

/// What a wave is run with.
pub(crate) struct Job<'a> {
    pub(crate) cluster: &'a Context,
    pub(crate) targets: &'a BTreeMap<Key, Target>,
    pub(crate) hooks: &'a BTreeMap<Task, Target>,
    pub(crate) live: &'a Live,
    pub(crate) cause: &'a Thread,
    pub(crate) options: &'a SyncOptions,
    /// Whether everything that cannot be changed is made anew.
    pub(crate) force: bool,
    /// Differences that are ignored, where an apply is to leave them alone too.
    pub(crate) respected: &'a [IgnoreDifferences],
}

impl<'a> Job<'a> {
    /// What is to be applied under a key in a phase, and whether it is a hook.
    fn target(&self, phase: Phase, key: &Key) -> Option<(&'a Target, bool)> {
        let hook = self.hooks.get(&Task { phase, key: key.clone() }).map(|target| (target, true));
        hook.or_else(|| Some((self.targets.get(key).filter(|_| phase == Phase::Sync)?, false)))
    }
}

/// What became of one task.
pub(crate) struct Done {
    pub(crate) task: Task,
    pub(crate) result: ResourceResult,
    /// The live object afterwards, if it was applied.
    pub(crate) live: Option<Value>,
}

/// What became of a wave.
pub(crate) struct Wrote {
    pub(crate) done: Vec<Done>,
    /// Resources that have to be gone before they are made anew; then the wave goes on.
    pub(crate) leaving: Vec<Key>,
}

/// Applies a wave's groups one after the other, each at once; then prunes, unless an apply failed: what should
/// replace the pruned may be what failed.
pub(crate) async fn wave(job: &Job<'_>, wave: &Wave) -> Wrote {
    let (mut done, mut leaving) = (Vec::new(), Vec::new());
    for group in &wave.groups {
        let targets = group.iter().filter_map(|key| job.target(wave.phase, key));
        let applies: Vec<_> = targets.map(|(target, is_hook)| task(job, wave.phase, target, is_hook)).collect();
        for ended in at_once(applies).await {
            match ended {
                Ok(one) => done.push(one),
                Err(key) => leaving.push(key),
            }
        }
    }
    if !leaving.is_empty() {
        return Wrote { done, leaving };
    }
    let failed = done.iter().any(|done| done.result.status == SYNC_FAILED);
    let prunes = wave.prunes.iter().filter_map(|key| Some((key, job.live.get(key)?)));
    if failed {
        let why = "not pruned because another resource of its wave failed to apply";
        done.extend(prunes.map(|(key, live)| skip(key, live, why)));
    } else {
        let prunes: Vec<_> = prunes.map(|(key, live)| prune(job, key, live)).collect();
        done.extend(at_once(prunes).await);
    }
    Wrote { done, leaving }
}

async fn at_once<T, F: Future<Output = T>>(work: Vec<F>) -> Vec<T> {
    futures::stream::iter(work).buffered(CONCURRENCY).collect().await
}

/// What became of a target; its key if it has to be gone first.
async fn task(job: &Job<'_>, phase: Phase, target: &Target, is_hook: bool) -> Result<Done, Key> {
    let (result, live) = apply(job, target).await.ok_or_else(|| target.key.clone())?;
    let result = if is_hook { hook_result(phase, result) } else { result };
    Ok(Done { task: Task { phase, key: target.key.clone() }, result, live })
}

async fn apply(job: &Job<'_>, target: &Target) -> Option<(ResourceResult, Option<Value>)> {
    let mut desired = target.object.clone();
    if let Some(live) = job.live.get(&target.key) {
        let ignored = Ignored::of(job.respected, &target.key);
        match with_owners(job.cluster, target, live, &ignored).await {
            Ok(live) => compare::keep_ignored(&mut desired, &live, &ignored),
            Err(refused) => {
                let message = format!("{}: {}: {}", target.origin, target.key, refused.message);
                return Some((result(&target.key, &target.version, SYNC_FAILED, message), None));
            }
        }
    }
    object::set_annotation(&mut desired, thread::ANNOTATION, &job.cause.to_string());
    let written = write(job, target, &desired).await.transpose()?;
    let (key, known) = (&target.key, job.live.contains_key(&target.key));
    let (status, message, live) = match written {
        Ok(live) => (SYNCED, said(key, if known { "configured" } else { "created" }), Some(live)),
        Err(reason) => (SYNC_FAILED, format!("{}: {key}: {reason}", target.place_of(&reason)), None),
    };
    Some((result(key, &target.version, status, message), live))
}

/// The live object, with who owns its fields if that is asked for.
async fn with_owners<'a>(
    cluster: &Context,
    target: &Target,
    live: &'a Value,
    ignored: &Ignored,
) -> Result<Cow<'a, Value>, Refused> {
    if !ignored.needs_owners() {
        return Ok(Cow::Borrowed(live));
    }
    let found = api_of(cluster, target, live).await?.get(object::name(live)).await;
    found.map(|found| found.map_or(Cow::Borrowed(live), Cow::Owned)).map_err(|error| Refused::by_server(&error))
}

/// Writes a target. Gives the live object, or nothing if the old one has to be gone first.
async fn write(job: &Job<'_>, target: &Target, desired: &Value) -> Result<Option<Value>, String> {
    let live = job.live.get(&target.key);
    let force = target.mode.force || job.force;
    let written = match live {
        Some(live) if force && (target.mode.replace || object::is_deleting(live)) => {
            return make_room(job, target, live).await;
        }
        Some(live) if target.mode.replace => replace(job.cluster, target, desired, live).await,
        _ => server_side(job.cluster, target, desired).await,
    };
    match (written, live) {
        (Err(error), Some(live)) if force && error.is_refusal() => make_room(job, target, live).await,
        (written, _) => written.map(Some).map_err(|refusal| refusal.message),
    }
}

/// Why a write was not done.
struct Refused {
    message: String,
    /// Whether the server refuses the object itself.
    refusal: bool,
}

impl Refused {
    fn is_refusal(&self) -> bool {
        self.refusal
    }

    fn told(message: String) -> Self {
        Self { message, refusal: false }
    }

    fn by_server(error: &api::Error) -> Self {
        Self { message: error.message(), refusal: error.is_refusal() }
    }
}

/// Deletes a live object, so that it can be made anew.
async fn make_room(job: &Job<'_>, target: &Target, live: &Value) -> Result<Option<Value>, String> {
    if !object::is_deleting(live) {
        delete(job.cluster, &target.key, live, job.options).await.map_err(|error| chain(&error).to_string())?;
    }
    Ok(None)
}

/// Puts the manifest in the place of the live object, if that is still as it was seen.
async fn replace(cluster: &Context, target: &Target, desired: &Value, live: &Value) -> Result<Value, Refused> {
    let mut desired = desired.clone();
    if let Some(version) = object::resource_version(live) {
        object::metadata_mut(&mut desired).insert("resourceVersion".to_owned(), version.into());
    }
    let api = api_of(cluster, target, &desired).await?;
    api.replace(MANAGER, &desired).await.map_err(|error| Refused::by_server(&error))
}

async fn server_side(cluster: &Context, target: &Target, desired: &Value) -> Result<Value, Refused> {
    let api = api_of(cluster, target, desired).await?;
    api.apply(desired, &ApplyOptions::forced(MANAGER)).await.map_err(|error| {
        if error.is_not_found() {
            cluster.mapper.forget(&target.gvk());
        }
        Refused::by_server(&error)
    })
}

async fn api_of(cluster: &Context, target: &Target, desired: &Value) -> Result<api::Api, Refused> {
    let gvk = target.gvk();
    let mapping = cluster.mapper.resolve(&gvk).await.map_err(|error| Refused::told(chain(&error).to_string()))?;
    let mapping = mapping.ok_or_else(|| Refused::told(format!("cluster {} serves no {gvk}", cluster.cluster)))?;
    Ok(cluster.api(&mapping.resource, object::namespace(desired)))
}

async fn prune(job: &Job<'_>, key: &Key, live: &Value) -> Done {
    if object::is_deleting(live) {
        return finished(key, live, PRUNED, "pruned".to_owned());
    }
    match delete(job.cluster, key, live, job.options).await {
        Ok(_) => finished(key, live, PRUNED, "pruned".to_owned()),
        Err(error) => finished(key, live, SYNC_FAILED, format!("{key}: failed to prune: {}", chain(&error))),
    }
}

/// Says of a resource why it was not pruned.
pub(crate) fn skip(key: &Key, live: &Value, why: &str) -> Done {
    finished(key, live, PRUNE_SKIPPED, why.to_owned())
}

fn finished(key: &Key, live: &Value, status: &str, message: String) -> Done {
    let (_, version) = mainstay_apimachinery::gvk::split_api_version(object::api_version(live));
    Done { task: Task::resource(key), result: result(key, version, status, message), live: None }
}

/// Deletes a live object, if it is still the one that was seen. False if it is not there any more.
pub(crate) async fn delete(cluster: &Context, key: &Key, live: &Value, options: &SyncOptions) -> Result<bool, Error> {
    let Some(gvk) = mainstay_apimachinery::GroupVersionKind::of(live) else { return Ok(false) };
    let resolved = cluster.mapper.resolve(&gvk).await.map_err(|error| Error::Discover(key.clone(), error))?;
    // A kind that is no longer served has no objects.
    let Some(mapping) = resolved else { return Ok(false) };
    let propagation = match options.value("PrunePropagationPolicy") {
        Some("background") => PropagationPolicy::Background,
        Some("orphan") => PropagationPolicy::Orphan,
        _ => PropagationPolicy::Foreground,
    };
    let uid = Some(object::uid(live).to_owned()).filter(|uid| !uid.is_empty());
    let options = DeleteOptions { uid, propagation: Some(propagation), ..DeleteOptions::default() };
    let api = cluster.api(&mapping.resource, object::namespace(live));
    let deleted = api.delete(object::name(live), &options).await;
    deleted.map_err(|error| Error::Call(cluster.cluster.clone(), error))
}

/// Takes a finalizer off a live object, if it is still as it was seen. Gives the object as it is then; `None` of a kind
/// that is no longer served.
pub(crate) async fn remove_finalizer(
    cluster: &Context,
    key: &Key,
    live: &Value,
    finalizer: &str,
) -> Result<Option<Value>, Error> {
    let Some(gvk) = mainstay_apimachinery::GroupVersionKind::of(live) else { return Ok(None) };
    let resolved = cluster.mapper.resolve(&gvk).await.map_err(|error| Error::Discover(key.clone(), error))?;
    let Some(mapping) = resolved else { return Ok(None) };
    let rest: Vec<&str> = object::finalizers(live).filter(|known| *known != finalizer).collect();
    let version = object::resource_version(live).unwrap_or_default();
    let patch = json!({"metadata": {"finalizers": rest, "uid": object::uid(live), "resourceVersion": version}});
    let api = cluster.api(&mapping.resource, object::namespace(live));
    let patched = api.merge_patch(MANAGER, object::name(live), None, &patch).await;
    patched.map(Some).map_err(|error| Error::Call(cluster.cluster.clone(), error))
}

/// Makes a namespace, or brings the metadata that the application manages up to date.
pub(crate) async fn namespace(
    cluster: &Context,
    name: &str,
    metadata: Option<&NamespaceMetadata>,
) -> Result<Value, Error> {
    let mut namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    if let Some(metadata) = metadata {
        for (key, value) in &metadata.labels {
            object::set_label(&mut namespace, key, value);
        }
        for (key, value) in &metadata.annotations {
            object::set_annotation(&mut namespace, key, value);
        }
    }
    let resource = context::resource("", "v1", "Namespace", "namespaces");
    let applied = cluster.api(&resource, None).apply(&namespace, &ApplyOptions::forced(MANAGER)).await;
    applied.map_err(|error| Error::Call(cluster.cluster.clone(), error))
}

/// `deployment.apps/web configured`, as kubectl and Argo CD say what they did.
pub(crate) fn said(key: &Key, done: &str) -> String {
    let Key { group, name, .. } = key;
    let kind = key.kind.to_lowercase();
    if group.is_empty() { format!("{kind}/{name} {done}") } else { format!("{kind}.{group}/{name} {done}") }
}
