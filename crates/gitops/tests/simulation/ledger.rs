//! What was done to the destination, held against the rules while it happens.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use mainstay_api::argoproj;
use mainstay_apimachinery::object;
use mainstay_telemetry::thread;
use serde_json::Value;

use crate::script::Files;

/// What is known of one application.
#[derive(Default)]
pub(crate) struct Ledger {
    /// What each commit holds, by SHA, in the order they were made.
    pub(crate) commits: Vec<(String, Files)>,
    /// Whether something asks for pruning: the policy, or a person.
    pub(crate) may_prune: bool,
    /// Whether the application is being deleted, so that everything may go.
    pub(crate) ends: bool,
    /// Resources that were created and not pruned since.
    made: BTreeSet<String>,
    /// Hooks that were created, by name, attempt and phase.
    hooks: HashMap<(String, String, String), u32>,
    /// What was made for commits that were not known yet.
    strange: Vec<(String, String)>,
    /// Writes of any kind.
    pub(crate) writes: u64,
    /// Rules that were broken.
    broken: Vec<String>,
}

impl Ledger {
    pub(crate) fn new(may_prune: bool) -> Self {
        Self { may_prune, ..Self::default() }
    }

    fn files(&self, sha: &str) -> Option<&Files> {
        self.commits.iter().rev().find(|(known, _)| known == sha).map(|(_, files)| files)
    }

    /// Rules that were broken until now.
    pub(crate) fn take(&mut self) -> Vec<String> {
        let strange = std::mem::take(&mut self.strange);
        let unknown = strange.iter().filter(|(_, sha)| self.files(sha).is_none());
        let unknown = unknown.map(|(name, sha)| format!("{name} was made for commit {sha:?}, which there is not"));
        let unknown: Vec<String> = unknown.collect();
        std::mem::take(&mut self.broken).into_iter().chain(unknown).collect()
    }

    /// Something was created.
    pub(crate) fn created(&mut self, created: &Value) {
        let name = object::name(created).to_owned();
        if let Some(attempt) = object::annotation(created, argoproj::HOOK_ATTEMPT) {
            let phase = object::annotation(created, argoproj::HOOK_PHASE).unwrap_or_default().to_owned();
            let times = self.hooks.entry((name.clone(), attempt.to_owned(), phase.clone())).or_default();
            *times += 1;
            if *times > 1 {
                self.broken.push(format!("hook {name} was made {times} times in phase {phase} of attempt {attempt}"));
            }
            return;
        }
        let thread = object::annotation(created, thread::ANNOTATION).unwrap_or_default();
        let sha = thread.rsplit('@').next().unwrap_or_default();
        match self.files(sha) {
            // A poll may see a commit before whoever makes it can tell.
            None => self.strange.push((name.clone(), sha.to_owned())),
            Some(files) => {
                let wave = files.objects.get(&name).map(|object| object.wave);
                let early =
                    files.resources().find(|(other, object)| Some(object.wave) < wave && !self.made.contains(*other));
                if let Some((other, _)) = early {
                    let wave = wave.unwrap_or_default();
                    self.broken.push(format!("{name} of wave {wave} was made before {other} of an earlier one"));
                }
            }
        }
        self.made.insert(name);
    }

    /// Something was deleted by GitOps.
    pub(crate) fn deleted(&mut self, name: &str) {
        if self.ends || name.starts_with('h') {
            return;
        }
        self.made.remove(name);
        let absent = |files: &Files| files.is_whole() && !files.objects.contains_key(name);
        if !self.may_prune {
            self.broken.push(format!("{name} was pruned although nobody asked for that"));
        } else if !self.commits.iter().any(|(_, files)| absent(files)) {
            self.broken.push(format!("{name} was pruned although every commit has it"));
        }
        let holders: BTreeMap<usize, bool> = self
            .commits
            .iter()
            .enumerate()
            .filter_map(|(at, (_, files))| Some((at, files.objects.get(name)?.stays)))
            .collect();
        if !holders.is_empty() && holders.values().all(|stays| *stays) {
            self.broken.push(format!("{name} was pruned although it says Prune=false"));
        }
    }
}
