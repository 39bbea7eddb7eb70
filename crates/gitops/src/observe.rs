//! One look at an application: who it is, what is desired, what is live, how they compare.
//! It must not know operations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use mainstay_api::argoproj::{AppProjectSpec, IgnoreDifferences};
use mainstay_apimachinery::GroupVersionKind;
use mainstay_controller_runtime::{Context, ObjectKey};
use serde_json::Value;

use crate::fetch::{self, Ask, LiveViews, Overlay, Search, Seen, Sources, Verdicts, View, Wanted};
use crate::hooks;
use crate::plan::compare::{self, Comparison, Ignored, Live, Prediction};
use crate::plan::health::{Judge, Reporting};
use crate::plan::key::Key;
use crate::plan::options::{FAIL_ON_SHARED, PruneMode, SyncOptions, prune_mode};
use crate::plan::prune;
use crate::plan::settings::Settings;
use crate::plan::summary::Facts;
use crate::plan::target::{Target, Targets};
use crate::plan::tracking::Owner;
use crate::validate::Validated;

/// An application that can be worked on.
pub(crate) struct Subject {
    pub(crate) key: ObjectKey,
    pub(crate) app: Value,
    pub(crate) owner: Owner,
    /// Namespace of GitOps itself, where projects are.
    pub(crate) home: String,
    pub(crate) valid: Validated,
    pub(crate) project: AppProjectSpec,
    pub(crate) cluster: Context,
    pub(crate) settings: Arc<Settings>,
    /// What is ignored in comparisons: the application's own rules, and those of the system.
    pub(crate) rules: Vec<IgnoreDifferences>,
}

impl Subject {
    /// Asks for its desired resources.
    pub(crate) fn ask(&self) -> Ask<'_> {
        Ask {
            app: &self.key,
            owner: &self.owner,
            sources: &self.valid.sources,
            destination: &self.valid.spec.destination,
            options: &self.valid.options,
            project: (self.valid.project(), &self.project),
            cluster: &self.cluster,
            settings: &self.settings,
        }
    }
}

/// What is remembered of an application between two looks. Nothing is lost with it but calls saved.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) seen: Option<Seen>,
    pub(crate) verdicts: Verdicts,
    pub(crate) overlay: Overlay,
    /// Resources that could not be tried at the last look; `None` before the first.
    pub(crate) blocked: Option<BTreeSet<Key>>,
    /// Resource version of the application as it was last written here.
    pub(crate) written: Option<String>,
    /// When that was.
    pub(crate) written_at: Option<Timestamp>,
    /// Paths of the dry source that were read; `None` before it was.
    pub(crate) dry: Option<Vec<String>>,
}

/// An application as it is.
pub(crate) struct Observed {
    /// The commit of each source that last changed the desired resources.
    pub(crate) revisions: Vec<String>,
    /// What reads each source.
    pub(crate) tools: Vec<&'static str>,
    pub(crate) targets: Arc<Targets>,
    pub(crate) live: Live,
    /// Kinds whose objects have to report before they are healthy.
    pub(crate) reporting: Reporting,
    pub(crate) settings: Arc<Settings>,
    /// When the look was taken.
    pub(crate) now: Timestamp,
    /// What is to be said of what live instances made.
    pub(crate) made: Facts,
    /// What no application deploys in the namespace, if the project asks.
    pub(crate) orphans: Vec<Key>,
    pub(crate) predictions: BTreeMap<Key, Prediction>,
    pub(crate) comparison: Comparison,
    /// Why nothing may be pruned.
    pub(crate) keep: Option<String>,
    /// Whether hooks of the last operation run.
    pub(crate) hooks_run: bool,
    /// Whether something that was blocked at the last look is not any more.
    pub(crate) unblocked: bool,
}

/// Looks at an application at a commit of each of its sources.
pub(crate) async fn observe(
    subject: &Subject,
    shas: &[String],
    sources: &Sources,
    views: &LiveViews,
    memory: &mut Memory,
) -> Result<Observed, fetch::Error> {
    let valid = &subject.valid;
    let desired = sources.desired(&subject.ask(), shas, memory.seen.as_ref()).await?;
    memory.seen = Some(desired.seen);
    let targets = desired.targets;
    let wanted = Wanted {
        cluster: &subject.cluster,
        app: &subject.owner,
        targets: targets.by_key.values().map(|target| (&target.key, target.version.as_str())).collect(),
        before: managed_before(valid).into_iter().chain(targets.hooks.iter().map(|hook| hook.target.gvk())).collect(),
        destination: &valid.spec.destination,
    };
    let View { mut live, reporting, made } = views.read(&wanted).await?;
    memory.overlay.lay_over(&mut live, subject.cluster.clock.now());
    // What was written here before its kind was excluded is not ours to prune any more.
    live.retain(|key, _| !subject.settings.excludes(&key.group, &key.kind, &valid.spec.destination));
    let search = Search {
        app: (&subject.key, &subject.owner),
        cluster: &subject.cluster,
        destination: &valid.spec.destination,
        asked: subject.project.orphaned_resources.as_ref(),
        settings: &subject.settings,
    };
    let orphans = views.orphans(&search).await?;
    let rules = &subject.rules;
    let predictions = fetch::predict(&subject.cluster, &targets.by_key, &live, rules, &mut memory.verdicts).await?;
    let allow_empty = valid.automated().is_some_and(|automated| automated.allow_empty);
    let now = subject.cluster.clock.now();
    let judge = Judge { live: &live, reporting: &reporting, settings: &subject.settings, now };
    let hooks_run = valid.status.operation_state.as_ref().is_some_and(|state| hooks::is_running(state, &judge));
    let mut observed = Observed {
        hooks_run,
        revisions: desired.revisions,
        tools: desired.tools,
        keep: prune::keep(&targets.problems, targets.by_key.len(), allow_empty),
        targets,
        live,
        reporting,
        settings: Arc::clone(&subject.settings),
        now,
        made,
        orphans,
        predictions,
        comparison: Comparison::default(),
        unblocked: false,
    };
    observed.compare(subject);
    observed.note_blocked(subject, views, memory);
    Ok(observed)
}

impl Observed {
    /// The commit that what is deployed is known by: the first source's.
    pub(crate) fn revision(&self) -> &str {
        self.revisions.first().map_or("", String::as_str)
    }

    /// Judges the health of what is live.
    pub(crate) fn judge(&self) -> Judge<'_> {
        Judge { live: &self.live, reporting: &self.reporting, settings: &self.settings, now: self.now }
    }

    /// Why automation may not prune, if so.
    pub(crate) fn keep_from_automation(&self, subject: &Subject) -> Option<String> {
        let stay = self.stay(&subject.valid.options);
        let resources = self.comparison.resources.iter();
        let extra = resources.filter(|one| one.requires_pruning() && !stay.contains(&one.key)).map(|one| &one.key);
        let extra: Vec<&Key> = extra.collect();
        let of = self.comparison.resources.len();
        self.keep.clone().or_else(|| prune::over_budget(&subject.app, &extra, of))
    }

    /// Live resources that are not desired and ask to stay all the same.
    pub(crate) fn stay(&self, options: &SyncOptions) -> BTreeSet<Key> {
        let extra = self.comparison.resources.iter().filter(|resource| resource.requires_pruning());
        let stays = |key: &&Key| {
            let mode = self.live.get(key).map(|live| prune_mode(live, options));
            matches!(mode, Some(PruneMode::Never | PruneMode::Confirm))
        };
        extra.map(|resource| &resource.key).filter(stays).cloned().collect()
    }

    /// Desired resources that another application deploys too, in words.
    pub(crate) fn shared(&self, subject: &Subject) -> Vec<String> {
        let app = &subject.owner.instance;
        let shared = compare::shared(&subject.owner, &self.targets.by_key, &self.live);
        let said = |(target, owner): (&Target, &str)| {
            format!("{}: {} is part of applications {app} and {owner}", target.origin, target.key)
        };
        shared.map(said).collect()
    }

    /// Compares anew, after live objects or predictions changed.
    pub(crate) fn compare(&mut self, subject: &Subject) {
        let gaps = self.targets.problems.iter().any(|problem| problem.leaves_a_gap());
        let targets = &self.targets.by_key;
        self.comparison = compare::compare(&subject.owner, targets, &self.live, &self.predictions, gaps);
    }

    /// Takes in what was written: those resources are now as desired.
    pub(crate) fn wrote(&mut self, subject: &Subject, written: &[(Key, Value)], memory: &mut Memory) {
        let rules = &subject.rules;
        for (key, live) in written {
            memory.overlay.wrote(key.clone(), live.clone(), subject.cluster.clock.now());
            let Some(target) = self.targets.by_key.get(key) else { continue };
            memory.verdicts.note(target, live, &Ignored::of(rules, key), Prediction::Same);
            self.predictions.insert(key.clone(), Prediction::Same);
        }
        self.compare(subject);
    }

    fn note_blocked(&mut self, subject: &Subject, views: &LiveViews, memory: &mut Memory) {
        let blocked = self.targets.by_key.values().filter(|target| target.blocked);
        let mut blocked: BTreeSet<Key> = blocked.map(|target| target.key.clone()).collect();
        views.lacks_kinds(&subject.cluster, &subject.owner.instance, !blocked.is_empty());
        if subject.valid.options.has(FAIL_ON_SHARED, "true") {
            let shared = compare::shared(&subject.owner, &self.targets.by_key, &self.live);
            blocked.extend(shared.map(|(target, _)| target.key.clone()));
        }
        // The first look since the start counts as a change: what failed before is tried once more.
        self.unblocked = memory.blocked.as_ref().is_none_or(|before| !before.is_subset(&blocked));
        memory.blocked = Some(blocked);
    }
}

/// The kinds that an application managed when its status was last written.
fn managed_before(valid: &Validated) -> Vec<GroupVersionKind> {
    let resources = valid.status.resources.iter();
    let kinds: BTreeSet<GroupVersionKind> =
        resources.map(|resource| GroupVersionKind::new(&resource.group, &resource.version, &resource.kind)).collect();
    kinds.into_iter().collect()
}
