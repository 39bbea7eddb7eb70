//! Runs one step of an operation after the other, as far as it goes without waiting.
//! It must not know how the outcome is reported.

use std::collections::BTreeMap;
use std::time::Duration;

use mainstay_api::argoproj::{NamespaceMetadata, OperationState, ResourceResult, SyncResult};
use mainstay_apimachinery::{GroupVersionKind, object};
use mainstay_controller_runtime::clock::format_seconds;
use mainstay_telemetry::{Thread, thread};
use serde_json::Value;

use crate::apply::{self, Done, Job, Wrote};
use crate::fetch::LiveViews;
use crate::hooks;
use crate::observe::{Observed, Subject};
use crate::plan::autosync;
use crate::plan::compare;
use crate::plan::hook::Phase;
use crate::plan::key::Key;
use crate::plan::operation::{self, SYNC_FAILED, SYNCED, Step, Task};
use crate::plan::options::{FAIL_ON_SHARED, RESPECT_IGNORED, SyncOptions};
use crate::plan::order::Wave;
use crate::plan::target::Target;
use crate::plan::tasks::{self, Scope};
use crate::plan::turn::{self, Run};

/// How far an operation got.
pub(crate) struct Outcome {
    /// What to report of it.
    pub(crate) state: OperationState,
    /// Whether it is done, and how it went.
    pub(crate) finished: Option<bool>,
    /// When to try again.
    pub(crate) retry_after: Option<Duration>,
    /// Live objects as the writes left them.
    pub(crate) written: Vec<(Key, Value)>,
    /// What was deleted, though it may be there for a while.
    pub(crate) deleted: Vec<Key>,
}

/// How an operation ended.
struct Verdict {
    succeeded: bool,
    message: String,
    /// Whether trying again cannot help before the source, the project or the destination's kinds change.
    hopeless: bool,
}

/// One operation under way.
struct Sync<'a> {
    subject: &'a Subject,
    revisions: Vec<String>,
    run: Run,
    hooks: BTreeMap<Task, Target>,
    written: Vec<(Key, Value)>,
    deleted: Vec<Key>,
}

/// The state to report before an operation writes anything to the destination. `None` for one that goes on, whose
/// state is there already, and for one with nothing to write.
pub(crate) fn begin(subject: &Subject, observed: &Observed, run: &mut Run) -> Option<OperationState> {
    if !run.is_new() {
        recall(subject, observed, run);
        return None;
    }
    run.started_at = subject.cluster.clock.now_rfc3339();
    let sync = Sync::new(subject, observed, run.clone());
    if run.sync().dry_run || pending(observed, &sync, &options(subject, run)).0.is_empty() {
        return None;
    }
    Some(sync.state("Running", "one or more tasks are running".to_owned()))
}

/// Tells what an operation had applied that was cut short before it could report: what is as desired and carries its
/// thread. So the next wave waits for it.
fn recall(subject: &Subject, observed: &Observed, run: &mut Run) {
    let attempt = hooks::attempt(run);
    let instances = hooks_of(observed, run);
    hooks::recall(&mut run.results, &instances, &observed.live, &attempt);
    let resources = run.results.values().filter(|result| !operation::is_hook(result)).count();
    if resources > 0 || run.retries > 0 || !run.is_recorded() {
        return;
    }
    let cause = Thread::of_commit(&subject.valid.first().repo_url, observed.revision()).to_string();
    let caused = |key: &Key| {
        let live = observed.live.get(key);
        live.and_then(|live| object::annotation(live, thread::ANNOTATION)) == Some(cause.as_str())
    };
    let resources = observed.comparison.resources.iter();
    let is_applied = |one: &&compare::Resource| !one.hook && one.sync == compare::Sync::Synced && caused(&one.key);
    let applied = resources.filter(is_applied);
    let result = |key: &Key, version: &str| operation::result(key, version, SYNCED, apply::said(key, "unchanged"));
    run.results.extend(applied.map(|one| (Task::resource(&one.key), result(&one.key, &one.version))));
}

/// What the hooks of an operation make: those of a sync of everything.
fn hooks_of(observed: &Observed, run: &Run) -> BTreeMap<Task, Target> {
    if run.runs_hooks() {
        hooks::instances(&observed.targets.hooks, &hooks::attempt(run), |phase| phase <= Phase::SyncFail)
    } else {
        BTreeMap::new()
    }
}

/// Runs an operation as far as it goes.
pub(crate) async fn run(subject: &Subject, observed: &mut Observed, mut run: Run, views: &LiveViews) -> Outcome {
    if run.is_new() {
        run.started_at = subject.cluster.clock.now_rfc3339();
    }
    let mut sync = Sync::new(subject, observed, run);
    hooks::refresh(&mut sync.run.results, &observed.judge());
    let options = options(subject, &sync.run);
    if options.has(FAIL_ON_SHARED, "true")
        && let Some(shared) = observed.shared(subject).first()
    {
        let message = format!("Shared resource found: {shared}");
        return sync.finish(Verdict { succeeded: false, message, hopeless: true });
    }
    if let Some(message) = hooks::blocked(&sync.hooks) {
        return sync.finish(Verdict { succeeded: false, message, hopeless: true });
    }
    let (waves, skipped) = pending(observed, &sync, &options);
    sync.record(observed, skipped);
    if sync.run.sync().dry_run {
        let message = format!("dry run: {} waves would be run", waves.len());
        return sync.finish(Verdict { succeeded: true, message, hopeless: false });
    }
    if !waves.is_empty()
        && let Err(message) = make_namespace(subject, observed, views, &options).await
    {
        return sync.finish(Verdict { succeeded: false, message, hopeless: false });
    }
    sync.run_waves(observed, &options, waves).await
}

impl<'a> Sync<'a> {
    fn new(subject: &'a Subject, observed: &Observed, run: Run) -> Self {
        let hooks = hooks_of(observed, &run);
        Self { subject, revisions: observed.revisions.clone(), run, hooks, written: Vec::new(), deleted: Vec::new() }
    }

    async fn run_waves(mut self, observed: &mut Observed, options: &SyncOptions, mut waves: Vec<Wave>) -> Outcome {
        loop {
            let judge = observed.judge();
            let health = |key: &Key| judge.of(key).map(|health| health.status);
            match operation::next(&waves, &self.run.results, health) {
                Step::Run(wave) => {
                    match self.make_way(observed, &wave).await {
                        Ok(left) if left.is_empty() => {}
                        Ok(left) => {
                            let message = format!("waiting for deletion of hook {}", left[0]);
                            self.deleted.extend(left);
                            return self.pause(message);
                        }
                        Err(message) => return self.finish(Verdict { succeeded: false, message, hopeless: false }),
                    }
                    let Wrote { done, leaving } = self.run_wave(observed, options, &wave).await;
                    self.record(observed, done);
                    if let Some(key) = leaving.first() {
                        let message = format!("waiting for deletion of {key}, which is made anew");
                        self.deleted.extend(leaving);
                        return self.pause(message);
                    }
                    waves.retain(|other| *other != wave);
                    hooks::refresh(&mut self.run.results, &observed.judge());
                }
                Step::Wait(message) => return self.pause(message),
                Step::Finish { succeeded, message } => {
                    if let Some(key) = leaving(observed, &self.run).filter(|_| succeeded) {
                        return self.pause(format!("waiting for deletion of {key}"));
                    }
                    let verdict = match blocked(observed, &mut self.run).filter(|_| succeeded) {
                        Some(message) => Verdict { succeeded: false, message, hopeless: true },
                        None => Verdict { succeeded, message, hopeless: false },
                    };
                    return self.finish(verdict);
                }
            }
        }
    }

    fn record(&mut self, observed: &mut Observed, done: Vec<Done>) {
        for Done { task, result, live } in done {
            if let Some(live) = live {
                observed.live.insert(task.key.clone(), live.clone());
                self.written.push((task.key.clone(), live));
            }
            if result.status == operation::PRUNED {
                self.deleted.push(task.key.clone());
            }
            self.run.results.insert(task, result);
        }
    }

    /// Deletes what earlier attempts left of a wave's hooks. Gives what is still there.
    async fn make_way(&self, observed: &mut Observed, wave: &Wave) -> Result<Vec<Key>, String> {
        let keys = wave.groups.iter().flatten();
        let hook = |key: &Key| self.hooks.get(&Task { phase: wave.phase, key: key.clone() });
        let targets: Vec<&Target> = keys.filter_map(hook).collect();
        let attempt = hooks::attempt(&self.run);
        let left = hooks::make_way(&self.subject.cluster, (wave.phase, &targets), &mut observed.live, &attempt).await;
        left.map_err(|error| {
            format!("failed to delete a hook of an earlier sync: {}", mainstay_telemetry::chain(&error))
        })
    }

    async fn run_wave(&self, observed: &Observed, options: &SyncOptions, wave: &Wave) -> Wrote {
        let cause = Thread::of_commit(&self.subject.valid.first().repo_url, observed.revision());
        let rules = &self.subject.rules;
        let job = Job {
            respected: if options.has(RESPECT_IGNORED, "true") { rules } else { &[] },
            cluster: &self.subject.cluster,
            targets: &observed.targets.by_key,
            hooks: &self.hooks,
            live: &observed.live,
            cause: &cause,
            force: self.run.forces(),
            options,
        };
        apply::wave(&job, wave).await
    }

    fn pause(self, message: String) -> Outcome {
        let state = self.state("Running", message);
        Outcome { state, finished: None, retry_after: None, written: self.written, deleted: self.deleted }
    }

    /// Ends the operation, or sets it to be tried again.
    fn finish(mut self, verdict: Verdict) -> Outcome {
        let Verdict { succeeded, message, hopeless } = verdict;
        let retry = turn::retry(&self.subject.valid, &self.run.operation);
        let again = !succeeded && !hopeless;
        let delay = again.then(|| autosync::retry_after(retry, self.run.is_automated(), self.run.retries)).flatten();
        let now = self.subject.cluster.clock.now();
        let (state, finished) = match delay {
            Some(delay) => {
                self.run.retries += 1;
                let at = format_seconds(now + delay);
                let message = format!("{message}. Retrying attempt #{} at {at}", self.run.retries);
                (self.state("Running", message), None)
            }
            None => (self.state(if succeeded { "Succeeded" } else { "Failed" }, message), Some(succeeded)),
        };
        let state = OperationState { finished_at: format_seconds(now), ..state };
        Outcome { state, finished, retry_after: delay, written: self.written, deleted: self.deleted }
    }

    fn state(&self, phase: &str, message: String) -> OperationState {
        let mut resources: Vec<_> = self.run.results.values().cloned().collect();
        if phase == "Succeeded" {
            let applied = |resource: &&mut ResourceResult| resource.status == SYNCED && !operation::is_hook(resource);
            for resource in resources.iter_mut().filter(applied) {
                "Succeeded".clone_into(&mut resource.hook_phase);
            }
        }
        let valid = &self.subject.valid;
        let (revision, revisions) = valid.kept(&self.revisions);
        let (source, sources) = (valid.single(), valid.several().to_vec());
        OperationState {
            operation: self.run.operation.clone(),
            phase: phase.to_owned(),
            message,
            sync_result: Some(SyncResult { revision, revisions, source, sources, resources }),
            started_at: self.run.started_at.clone(),
            finished_at: String::new(),
            retry_count: self.run.retries,
        }
    }
}

/// The options of an operation: its own, or the application's.
fn options(subject: &Subject, run: &Run) -> SyncOptions {
    let own = run.sync().sync_options;
    if own.is_empty() { subject.valid.options.clone() } else { SyncOptions::new(&own) }
}

/// What is still to be done, in order; and what is left alone, with the reason.
fn pending(observed: &Observed, sync: &Sync<'_>, options: &SyncOptions) -> (Vec<Wave>, Vec<Done>) {
    let asked = sync.run.sync();
    let scope = Scope {
        prune: asked.prune,
        keep: observed.keep.as_deref(),
        only: &asked.resources,
        hooks: &sync.hooks,
        options,
    };
    let done = |task: &Task| sync.run.results.contains_key(task);
    let tasks = tasks::tasks(&observed.comparison, &observed.targets.by_key, &observed.live, &scope, done);
    let kept = tasks.kept.iter().filter_map(|(key, why)| Some(apply::skip(key, observed.live.get(key)?, why)));
    (tasks.waves, kept.collect())
}

/// A pruned resource that is still there: its finalizers are at work, or the informer has not seen it go.
fn leaving(observed: &Observed, run: &Run) -> Option<String> {
    let mut pruned = run.results.iter().filter(|(_, result)| result.status == operation::PRUNED);
    pruned.find(|(task, _)| observed.live.contains_key(&task.key)).map(|(task, _)| task.key.to_string())
}

/// Resources that could not even be tried: the rest is deployed, but the sync has not succeeded.
fn blocked(observed: &Observed, run: &mut Run) -> Option<String> {
    for target in observed.targets.by_key.values().filter(|target| target.blocked) {
        let problem = observed.targets.problems.iter().find(|problem| problem.resource.as_ref() == Some(&target.key));
        let message = problem.map(ToString::to_string).unwrap_or_default();
        let result = operation::result(&target.key, &target.version, SYNC_FAILED, message);
        run.results.insert(Task::resource(&target.key), result);
    }
    operation::failure(&run.results)
}

/// Makes the destination's namespace if the application asks for it and no manifest does.
async fn make_namespace(
    subject: &Subject,
    observed: &Observed,
    views: &LiveViews,
    options: &SyncOptions,
) -> Result<(), String> {
    let name = subject.valid.spec.destination.namespace.as_str();
    let own = Key { kind: "Namespace".to_owned(), name: name.to_owned(), ..Key::default() };
    if name.is_empty() || !options.has("CreateNamespace", "true") || observed.targets.by_key.contains_key(&own) {
        return Ok(());
    }
    let kind = GroupVersionKind::new("", "v1", "Namespace");
    let informer =
        views.informer(&subject.cluster, &kind).await.map_err(|error| mainstay_telemetry::chain(&error).to_string())?;
    let metadata = subject.valid.policy().and_then(|policy| policy.managed_namespace_metadata.as_ref());
    let live = informer.as_ref().and_then(|informer| informer.get("", name));
    if live.is_some_and(|live| !object::is_deleting(&live) && metadata.is_none_or(|metadata| covers(&live, metadata))) {
        return Ok(());
    }
    let made = apply::namespace(&subject.cluster, name, metadata).await;
    made.map(drop).map_err(|error| format!("failed to create namespace {name}: {}", mainstay_telemetry::chain(&error)))
}

fn covers(live: &Value, metadata: &NamespaceMetadata) -> bool {
    let has = |map: &serde_json::Map<String, Value>, wanted: &BTreeMap<String, String>| {
        wanted.iter().all(|(key, value)| map.get(key).and_then(Value::as_str) == Some(value))
    };
    has(object::labels(live), &metadata.labels) && has(object::annotations(live), &metadata.annotations)
}
