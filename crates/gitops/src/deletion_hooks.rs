//! Hooks of a deletion: those of phase `PreDelete` run before an application's resources go, those of `PostDelete` after. As
//! Argo CD's pre- and post-delete finalizers.
//! It must not know how resources are deleted.

use std::collections::BTreeMap;

use mainstay_api::argoproj;
use mainstay_apimachinery::object;
use mainstay_telemetry::Thread;
use serde_json::Value;

use crate::apply::{self, Job, Wrote};
use crate::observe::{Observed, Subject};
use crate::plan::hook::{self, Attempt, Hook, Phase};
use crate::plan::key::Key;
use crate::plan::operation::{self, Results, Task};
use crate::plan::order::{self, Apply};
use crate::plan::target::Target;
use crate::{deletion, hooks};

/// The finalizers by which an application waits for its hooks: for their end, and for their objects to be let go.
const FINALIZERS: [(Phase, &str); 2] =
    [(Phase::PreDelete, argoproj::PRE_DELETE_FINALIZER), (Phase::PostDelete, argoproj::POST_DELETE_FINALIZER)];

/// How far the hooks of a phase are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// All have succeeded, or there are none.
    Done,
    /// Some run; in words.
    Waiting(String),
    /// One has failed; in words.
    Failed(String),
}

/// The finalizers that an application has to have for its hooks; `None` if it has them, and no others of the kind.
pub(crate) fn finalizers(app: &Value, hooks: &[Hook]) -> Option<Vec<String>> {
    let has = |phase: Phase| hooks.iter().any(|hook| hook.phases.contains(&phase));
    let mut wanted: Vec<String> = object::finalizers(app).filter(|one| !is_ours(one)).map(str::to_owned).collect();
    for (_, name) in FINALIZERS.iter().filter(|(phase, _)| has(*phase)) {
        wanted.extend([(*name).to_owned(), cleanup(name)]);
    }
    let same = object::finalizers(app).count() == wanted.len()
        && object::finalizers(app).all(|one| wanted.iter().any(|wanted| wanted == one));
    (!same).then_some(wanted)
}

fn is_ours(finalizer: &str) -> bool {
    FINALIZERS.iter().any(|(_, name)| finalizer == *name || finalizer == cleanup(name))
}

fn cleanup(name: &str) -> String {
    format!("{name}/cleanup")
}

/// What an application that is being deleted waits for in a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Its hooks to end.
    Run,
    /// Their objects to be let go.
    Clean,
}

/// The step that an application's finalizers ask for in a phase.
pub(crate) fn step(app: &Value, phase: Phase) -> Option<Step> {
    let (_, name) = FINALIZERS.iter().find(|(other, _)| *other == phase)?;
    let has = |wanted: &str| object::finalizers(app).any(|one| one == wanted);
    if has(name) { Some(Step::Run) } else { has(&cleanup(name)).then_some(Step::Clean) }
}

/// The finalizer that stands for a step.
pub(crate) fn finalizer(phase: Phase, step: Step) -> String {
    let name = FINALIZERS.iter().find(|(other, _)| *other == phase).map_or("", |(_, name)| *name);
    if step == Step::Run { name.to_owned() } else { cleanup(name) }
}

fn attempt(subject: &Subject) -> Attempt {
    let deleted = subject.app.pointer("/metadata/deletionTimestamp").and_then(Value::as_str).unwrap_or_default();
    Attempt { started_at: deleted.to_owned(), ..Attempt::default() }
}

fn instances(subject: &Subject, observed: &Observed, phase: Phase) -> BTreeMap<Task, Target> {
    hooks::instances(&observed.targets.hooks, &attempt(subject), |other| other == phase)
}

/// Runs the hooks of a phase as far as they go without waiting.
pub(crate) async fn run(subject: &Subject, observed: &mut Observed, phase: Phase) -> Result<Progress, apply::Error> {
    let (instances, attempt) = (instances(subject, observed, phase), attempt(subject));
    if let Some(message) = hooks::blocked(&instances) {
        return Ok(Progress::Failed(message));
    }
    let mut results = Results::new();
    hooks::recall(&mut results, &instances, &observed.live, &attempt);
    hooks::refresh(&mut results, &observed.judge());
    let applies: Vec<Apply> = instances
        .iter()
        .map(|(task, target)| Apply { key: task.key.clone(), phase, wave: target.wave, defines: None })
        .collect();
    for wave in order::waves(&applies, &[]) {
        let keys: Vec<&Key> = wave.groups.iter().flatten().collect();
        let result = |key: &&Key| results.get(&Task { phase, key: (*key).clone() });
        if let Some(failed) = keys.iter().filter_map(result).find(|one| operation::hook_ended(one) == Some(false)) {
            return Ok(Progress::Failed(format!("{phase} hook {} failed: {}", failed.name, failed.message)));
        }
        if let Some(running) = keys.iter().find(|key| result(key).is_some_and(operation::is_running_hook)) {
            return Ok(Progress::Waiting(format!("waiting for completion of hook {running}")));
        }
        let missing: Vec<Key> = keys.iter().filter(|key| result(key).is_none()).map(|key| (*key).clone()).collect();
        if !missing.is_empty() {
            return make(subject, observed, (phase, &instances), missing).await;
        }
    }
    Ok(Progress::Done)
}

/// Makes hooks of a wave, after what earlier syncs and deletions left of them has gone.
async fn make(
    subject: &Subject,
    observed: &mut Observed,
    (phase, instances): (Phase, &BTreeMap<Task, Target>),
    missing: Vec<Key>,
) -> Result<Progress, apply::Error> {
    let targets: Vec<&Target> =
        missing.iter().filter_map(|key| instances.get(&Task { phase, key: key.clone() })).collect();
    let attempt = attempt(subject);
    let left = hooks::make_way(&subject.cluster, (phase, &targets), &mut observed.live, &attempt).await?;
    if let Some(left) = left.first() {
        return Ok(Progress::Waiting(format!("waiting for deletion of hook {left}")));
    }
    let job = Job {
        respected: &[],
        cluster: &subject.cluster,
        targets: &BTreeMap::new(),
        hooks: instances,
        live: &observed.live,
        cause: &Thread::of_commit(&subject.valid.first().repo_url, observed.revision()),
        force: false,
        options: &subject.valid.options,
    };
    let wave = order::Wave { phase, groups: vec![missing], ..order::Wave::default() };
    let Wrote { done, .. } = apply::wave(&job, &wave).await;
    let failed = done.iter().find(|one| one.result.status == operation::SYNC_FAILED);
    Ok(match (failed, done.first()) {
        (Some(failed), _) => Progress::Failed(failed.result.message.clone()),
        (None, Some(made)) => Progress::Waiting(format!("waiting for completion of hook {}", made.task.key)),
        (None, None) => Progress::Done,
    })
}

/// Lets the objects of a phase's hooks go, and deletes those that ask for it; before a cascade all of them.
pub(crate) async fn clean(subject: &Subject, observed: &Observed, phase: Phase) -> Result<(), apply::Error> {
    let cascades = phase == Phase::PreDelete && deletion::cascades(&subject.app);
    for task in instances(subject, observed, phase).into_keys() {
        let Some(live) = observed.live.get(&task.key) else { continue };
        if cascades || hook::deletion(live).succeeded {
            hooks::remove(&subject.cluster, &task.key, live).await?;
        } else {
            hooks::let_go(&subject.cluster, &task.key, live).await?;
        }
    }
    Ok(())
}
