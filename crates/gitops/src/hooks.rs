//! The hooks of an operation: which run, how they go, and when their objects are deleted.
//! It must not know in which order tasks are run.

use std::collections::BTreeMap;

use mainstay_api::argoproj::{self, OperationState};
use mainstay_apimachinery::{health, object};
use mainstay_controller_runtime::Context;
use mainstay_telemetry::chain;
use serde_json::Value;

use crate::apply;
use crate::plan::compare::Live;
use crate::plan::health::{Health, Judge, Status};
use crate::plan::hook::{self, Attempt, Hook, Phase};
use crate::plan::key::Key;
use crate::plan::operation::{self, Results, SYNCED, Task};
use crate::plan::options::SyncOptions;
use crate::plan::target::Target;
use crate::plan::turn::Run;

/// The attempt that a run makes.
pub(crate) fn attempt(run: &Run) -> Attempt {
    Attempt {
        revision: run.sync().asked().into_iter().next().unwrap_or_default(),
        started_at: run.started_at.clone(),
        retries: run.retries,
    }
}

/// What hooks make in the phases of an attempt.
pub(crate) fn instances(hooks: &[Hook], attempt: &Attempt, runs: impl Fn(Phase) -> bool) -> BTreeMap<Task, Target> {
    let mut instances = BTreeMap::new();
    for hook in hooks {
        for phase in hook.phases.iter().filter(|phase| runs(**phase)) {
            let target = hook.instance(*phase, attempt);
            instances.insert(Task { phase: *phase, key: target.key.clone() }, target);
        }
    }
    instances
}

/// Hooks that cannot be run, in words: nothing may be applied without them.
pub(crate) fn blocked(instances: &BTreeMap<Task, Target>) -> Option<String> {
    let (_, target) = instances.iter().find(|(_, target)| target.blocked)?;
    Some(format!("{}: hook {} cannot be run, so nothing was begun", target.origin, target.key))
}

/// Takes in the hooks that this attempt made before it was cut short.
pub(crate) fn recall(results: &mut Results, instances: &BTreeMap<Task, Target>, live: &Live, attempt: &Attempt) {
    for (task, target) in instances {
        let made = live.get(&task.key).is_some_and(|live| attempt.made(live, task.phase));
        if made && !results.contains_key(task) {
            let result = operation::result(&task.key, &target.version, SYNCED, apply::said(&task.key, "created"));
            results.insert(task.clone(), operation::hook_result(task.phase, result));
        }
    }
}

/// Looks how running hooks are.
pub(crate) fn refresh(results: &mut Results, judge: &Judge<'_>) {
    for (task, result) in results.iter_mut().filter(|(_, result)| operation::is_running_hook(result)) {
        match judge.live.get(&task.key) {
            None => operation::end_hook(result, false, "was deleted before it was complete".to_owned()),
            Some(live) => {
                if let Some((succeeded, message)) = outcome(live, judge) {
                    operation::end_hook(result, succeeded, message);
                }
            }
        }
    }
}

/// Whether a hook's object has come to an end, and how. What has no health is done once it is there.
fn outcome(live: &Value, judge: &Judge<'_>) -> Option<(bool, String)> {
    let mut live = live.clone();
    // Its finalizer keeps it until it was seen to end.
    object::metadata_mut(&mut live).remove("deletionTimestamp");
    let health = match judge.settings.health(&live, judge.now) {
        Some(verdict) => verdict.unwrap_or_else(|why| Some(Health::new(Status::Unknown, why))),
        None => health::of(&live),
    };
    let Some(health) = health else { return Some((true, String::new())) };
    match health.status {
        Status::Healthy => Some((true, health.message)),
        Status::Progressing | Status::Suspended | Status::Missing => None,
        Status::Degraded | Status::Unknown => Some((false, health.message)),
    }
}

/// Whether an operation has hooks that have not come to an end.
pub(crate) fn is_running(state: &OperationState, judge: &Judge<'_>) -> bool {
    let running = results(state).into_iter().filter(|(_, result)| operation::is_running_hook(result));
    let mut tasks = running.map(|(task, _)| task);
    tasks.any(|task| judge.live.get(&task.key).is_some_and(|live| outcome(live, judge).is_none()))
}

/// Deletes what stands in the way of hooks that are to be made: objects of earlier attempts. Gives those that are still
/// there.
pub(crate) async fn make_way(
    cluster: &Context,
    (phase, targets): (Phase, &[&Target]),
    live: &mut Live,
    attempt: &Attempt,
) -> Result<Vec<Key>, apply::Error> {
    let mut left = Vec::new();
    for target in targets.iter().filter(|target| hook::deletion(&target.object).before_creation) {
        let Some(old) = live.get(&target.key).filter(|old| !attempt.made(old, phase)) else { continue };
        if remove(cluster, &target.key, old).await? {
            left.push(target.key.clone());
        } else {
            live.remove(&target.key);
        }
    }
    Ok(left)
}

/// Lets the objects of hooks that have ended go, and deletes those that ask for it. `state` is what was reported: from
/// then on nobody asks the objects how the hooks went. Gives what was written; `None` was deleted.
pub(crate) async fn tidy(cluster: &Context, state: &OperationState, live: &Live) -> Vec<(Key, Option<Value>)> {
    let mut written = Vec::new();
    for (task, result) in results(state) {
        let Some(succeeded) = operation::hook_ended(&result).filter(|_| operation::is_hook(&result)) else { continue };
        let Some(object) = live.get(&task.key).filter(|live| has_finalizer(live)) else { continue };
        let policy = hook::deletion(object);
        let goes = if succeeded { policy.succeeded } else { policy.failed };
        let done = if goes {
            remove(cluster, &task.key, object).await.map(|_| None)
        } else {
            release(cluster, &task.key, object).await
        };
        match done {
            Ok(left) => written.push((task.key, left)),
            // It has its finalizer still, so the next look tries again.
            Err(error) => tracing::warn!(hook = %task.key, error = %chain(&error), "failed to let a hook go"),
        }
    }
    written
}

/// Lets the object of a hook go, if it is held.
pub(crate) async fn let_go(cluster: &Context, key: &Key, live: &Value) -> Result<(), apply::Error> {
    if has_finalizer(live) { release(cluster, key, live).await.map(drop) } else { Ok(()) }
}

fn results(state: &OperationState) -> Results {
    state.sync_result.as_ref().map(|result| operation::results(&result.resources)).unwrap_or_default()
}

/// Ends the hooks of an operation that is ended.
pub(crate) async fn end(cluster: &Context, state: &OperationState, live: &Live) -> Result<(), apply::Error> {
    for (task, result) in results(state) {
        if let Some(object) = live.get(&task.key).filter(|_| operation::is_running_hook(&result)) {
            remove(cluster, &task.key, object).await?;
        }
    }
    Ok(())
}

fn has_finalizer(live: &Value) -> bool {
    object::finalizers(live).any(|finalizer| finalizer == argoproj::HOOK_FINALIZER)
}

/// Deletes a hook's object, whatever it waits for on our behalf. False if it is not there any more.
pub(crate) async fn remove(cluster: &Context, key: &Key, live: &Value) -> Result<bool, apply::Error> {
    if has_finalizer(live) && release(cluster, key, live).await?.is_none() {
        return Ok(false);
    }
    if object::is_deleting(live) {
        return Ok(true);
    }
    apply::delete(cluster, key, live, &SyncOptions::default()).await
}

/// Takes our finalizer off a hook's object. Gives the object as it is then, if it is there.
async fn release(cluster: &Context, key: &Key, live: &Value) -> Result<Option<Value>, apply::Error> {
    match apply::remove_finalizer(cluster, key, live, argoproj::HOOK_FINALIZER).await {
        Err(error) if error.is_gone() => Ok(None),
        done => done,
    }
}
