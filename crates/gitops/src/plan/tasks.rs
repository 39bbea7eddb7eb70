//! What a sync has to do: what is out of sync and may be touched, in waves.
//! It must not know how a wave is run.

use std::collections::BTreeMap;

use mainstay_api::argoproj::ResourceRef;
use serde_json::Value;

use super::compare::{Comparison, Live, Sync};
use super::hook::Phase;
use super::key::Key;
use super::operation::Task;
use super::options::{PruneMode, SyncOptions, prune_mode};
use super::order::{self, Apply, Prune, Wave};
use super::target::Target;

/// What a sync is asked to do.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    /// Whether it prunes.
    pub prune: bool,
    /// Why nothing may be pruned, whatever is asked.
    pub keep: Option<&'a str>,
    /// The only resources it touches; empty is all.
    pub only: &'a [ResourceRef],
    /// The hooks it runs.
    pub hooks: &'a BTreeMap<Task, Target>,
    /// Its options.
    pub options: &'a SyncOptions,
}

/// What there is to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tasks {
    /// In order.
    pub waves: Vec<Wave>,
    /// Resources that are left although they are no longer in the source, with the reason.
    pub kept: Vec<(Key, String)>,
}

/// Finds what there is to do; `done` are tasks that earlier steps of the sync dealt with.
#[must_use]
pub fn tasks(
    comparison: &Comparison,
    targets: &BTreeMap<Key, Target>,
    live: &Live,
    scope: &Scope<'_>,
    done: impl Fn(&Task) -> bool,
) -> Tasks {
    let (mut applies, mut prunes, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    let out = comparison.resources.iter().filter(|resource| resource.sync == Sync::OutOfSync);
    for resource in out.filter(|one| selects(scope.only, &one.key) && !done(&Task::resource(&one.key))) {
        let (key, wave) = (resource.key.clone(), resource.wave);
        match (targets.get(&key), live.get(&key)) {
            (Some(target), _) => applies.push(Apply { key, phase: Phase::Sync, wave, defines: defines(target) }),
            (None, Some(live)) => match may_prune(scope, prune_mode(live, scope.options)) {
                Ok(mode) => prunes.push(Prune { key, wave, mode }),
                Err(why) => kept.push((key, why)),
            },
            (None, None) => {}
        }
    }
    let hooks = scope.hooks.iter().filter(|(task, _)| !done(task));
    applies.extend(hooks.map(|(task, target)| Apply {
        key: task.key.clone(),
        phase: task.phase,
        wave: target.wave,
        defines: None,
    }));
    Tasks { waves: order::waves(&applies, &prunes), kept }
}

fn may_prune(scope: &Scope<'_>, mode: PruneMode) -> Result<PruneMode, String> {
    if let Some(keep) = scope.keep {
        return Err(keep.to_owned());
    }
    match mode {
        PruneMode::Never => Err("ignored (no prune)".to_owned()),
        PruneMode::Confirm => Err("waiting for approval by annotation argocd.argoproj.io/deletion-approved".to_owned()),
        _ if !scope.prune => Err("ignored (requires pruning)".to_owned()),
        mode => Ok(mode),
    }
}

fn selects(only: &[ResourceRef], key: &Key) -> bool {
    let matches = |wanted: &ResourceRef| {
        wanted.group == key.group
            && wanted.kind == key.kind
            && wanted.name == key.name
            && (wanted.namespace.is_empty() || wanted.namespace == key.namespace)
    };
    only.is_empty() || only.iter().any(matches)
}

/// The group and kind that a CustomResourceDefinition brings.
fn defines(target: &Target) -> Option<(String, String)> {
    let text = |pointer: &str| target.object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let definition = target.key.kind == "CustomResourceDefinition";
    definition.then(|| text("/spec/group").zip(text("/spec/names/kind"))).flatten()
}
