//! Reconciles one set at a time: read, validate, plan, apply, report.
//! It must not know how any of the five is done.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mainstay_api::argoproj::{ApplicationSetSpec, ApplicationSetStatus, RollingStep};
use mainstay_apimachinery::object;
use mainstay_controller_runtime::recorder::Note;
use mainstay_controller_runtime::{Action, Class, Classify, Context, Informer, ObjectKey, Recorder};
use mainstay_git::Repositories;
use mainstay_gotemplate::Entropy;
use serde_json::{Value, json};

use crate::apply::Applications;
use crate::fetch::{self, Outside};
use crate::plan::changes::{self, Changes};
use crate::plan::rolling::{self, Member, Rollout};
use crate::plan::{self, Dialect, FastTemplate, GoTemplate, budget, template};
use crate::report::{self, Findings, Problem};
use crate::revisions::Revisions;
use crate::{Clusters, apply, deletion, validate};

/// How soon to look again while a cache has not caught up with an own write.
const CATCH_UP: Duration = Duration::from_millis(10);
/// What times of the API are exact to.
const SECOND: Duration = Duration::from_secs(1);
/// Asks for a look without anything kept; removed once done. Upstream's `AnnotationApplicationSetRefresh`.
const REFRESH: &str = "argocd.argoproj.io/application-set-refresh";
/// So many names are in the text of a condition.
const NAMED: usize = 50;

/// What all reconciles share.
pub(crate) struct Engine {
    pub(crate) control: Context,
    pub(crate) sets: Informer,
    pub(crate) applications: Informer,
    pub(crate) projects: Informer,
    pub(crate) secrets: Informer,
    pub(crate) clusters: Arc<dyn Clusters>,
    pub(crate) revisions: Arc<Revisions>,
    pub(crate) repositories: Repositories,
    pub(crate) recorder: Recorder,
    pub(crate) http: Result<reqwest::Client, String>,
    /// The version of each set after the last own write.
    pub(crate) written: Mutex<HashMap<ObjectKey, u64>>,
}

/// A reconcile failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A source could not be read; it is reported on the set.
    #[error(transparent)]
    Plan(#[from] plan::Error),
    /// An Application could not be written; it is reported on the set.
    #[error(transparent)]
    Apply(#[from] apply::Error),
    /// The report could not be written.
    #[error(transparent)]
    Report(#[from] report::Error),
    /// Deleting failed.
    #[error(transparent)]
    Deletion(#[from] deletion::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Plan(error) if error.is_transient() => Class::Retry,
            Self::Plan(_) => Class::Terminal,
            Self::Apply(error) => error.class(),
            Self::Report(error) => error.class(),
            Self::Deletion(error) => error.class(),
        }
    }
}

/// What is known of a set before anything is written.
struct Look {
    set: Value,
    spec: ApplicationSetSpec,
    status: ApplicationSetStatus,
    desired: Vec<Value>,
    live: BTreeMap<String, Value>,
    now: String,
}

impl Look {
    fn steps(&self) -> &[RollingStep] {
        let strategy = self.spec.strategy.as_ref().filter(|strategy| strategy.kind == "RollingSync");
        strategy.and_then(|strategy| strategy.rolling_sync.as_ref()).map_or(&[], |rolling| rolling.steps.as_slice())
    }

    fn owned(&self) -> impl Iterator<Item = &Value> {
        self.live.values().filter(|live| changes::is_owned(&self.set, live))
    }
}

/// What came of the changes.
#[derive(Default)]
struct Done {
    /// The first that failed.
    error: Option<apply::Error>,
    /// Whether a cache has not caught up.
    stale: bool,
    /// How many Applications were written.
    written: usize,
}

impl Done {
    fn note(&mut self, result: Result<(), apply::Error>) -> bool {
        match result {
            Ok(()) => {
                self.written += 1;
                return true;
            }
            Err(error) if error.is_conflict() => self.stale = true,
            Err(error) => drop(self.error.get_or_insert(error)),
        }
        false
    }
}

impl Engine {
    /// Reconciles one set.
    pub(crate) async fn reconcile(&self, key: ObjectKey) -> Result<Action, Error> {
        let Some(set) = self.sets.get_key(&key) else {
            self.written.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
            return Ok(Action::done());
        };
        if self.is_stale(&key, &set) {
            return Ok(Action::requeue_after(CATCH_UP));
        }
        let result = Box::pin(self.look(set)).await;
        match result {
            Err(Error::Report(error)) if error.is_conflict() => Ok(Action::requeue_after(CATCH_UP)),
            Err(Error::Apply(error)) if error.is_conflict() => Ok(Action::requeue_after(CATCH_UP)),
            other => other,
        }
    }

    async fn look(&self, set: Value) -> Result<Action, Error> {
        let live = self.live(&set);
        if object::is_deleting(&set) {
            let owned: Vec<Value> = live.values().filter(|live| changes::is_owned(&set, live)).cloned().collect();
            deletion::advance(&self.control, &set, &owned).await?;
            return Ok(Action::done());
        }
        let (spec, desired) = match self.generate(&set).await {
            Ok(generated) => generated,
            Err(error) => return self.refuse(&set, error).await,
        };
        if deletion::is_reverse(&spec) && !deletion::is_held(&set) {
            deletion::hold(&self.control, &set).await?;
            return Ok(Action::requeue_after(CATCH_UP));
        }
        let (status, now) = (report::status_of(&set), self.control.clock.now_rfc3339());
        let look = Look { set, spec, status, desired, live, now };
        self.converge(look).await
    }

    /// The Applications of the set's namespace by name.
    fn live(&self, set: &Value) -> BTreeMap<String, Value> {
        let all = self.applications.list_namespace(object::namespace(set).unwrap_or_default());
        all.into_iter().map(|live| (object::name(&live).to_owned(), live)).collect()
    }

    /// The desired Applications of a set.
    async fn generate(&self, set: &Value) -> Result<(ApplicationSetSpec, Vec<Value>), plan::Error> {
        let spec = validate::set(set)?;
        let namespace = object::namespace(set).unwrap_or_default();
        if object::annotation(set, REFRESH).is_some() {
            plan::repositories(&spec.generators).iter().for_each(|url| self.revisions.forget(url));
        }
        let outside = Outside {
            control: &self.control,
            secrets: &self.secrets,
            repositories: &self.repositories,
            revisions: &self.revisions,
            http: &self.http,
            namespace,
            name: object::name(set),
        };
        let dialect = self.dialect(set, &spec)?;
        let mut desired = plan::Engine { sources: &outside, dialect: &*dialect }.applications(&spec).await?;
        desired.iter_mut().for_each(|application| template::finish(application, &spec, namespace));
        template::check_names(&desired)?;
        Ok((spec, desired))
    }

    /// What the set's templates are written in.
    fn dialect(&self, set: &Value, spec: &ApplicationSetSpec) -> Result<Box<dyn Dialect>, plan::Error> {
        if !spec.go_template {
            return Ok(Box::new(FastTemplate));
        }
        let entropy = Entropy::default().of(object::uid(set));
        Ok(Box::new(GoTemplate::new(&spec.go_template_options, self.control.clock.now(), entropy)?))
    }

    /// Reports a set that nothing can be generated of. What is live stays as it is.
    async fn refuse(&self, set: &Value, error: plan::Error) -> Result<Action, Error> {
        let problem = ("ApplicationGenerationFromParamsError", error.to_string());
        let old = report::status_of(set);
        let standings = old.application_status.clone();
        let findings = Findings { ungenerated: true, problem: Some(problem), standings, ..Findings::default() };
        self.report(set, &old, findings).await?;
        if error.is_transient() {
            return Err(error.into());
        }
        Ok(self.next(set))
    }

    /// Brings the Applications to what is desired, as far as it may be done now.
    async fn converge(&self, look: Look) -> Result<Action, Error> {
        let invalid = self.invalid(&look);
        let valid: Vec<Value> =
            look.desired.iter().filter(|it| !invalid.contains_key(object::name(it))).cloned().collect();
        let mut changes = changes::plan(&look.set, &look.spec, &valid, &look.live);
        let mut problem = problem_of(&invalid, &changes);
        if problem.is_some() {
            changes.delete.clear();
        }
        let awaiting = match self.awaiting(&look, &changes) {
            Ok(awaiting) => awaiting,
            Err(error) => {
                problem = Some(("ApplicationValidationError", error.to_string()));
                changes.delete.clear();
                None
            }
        };
        if awaiting.is_some() {
            changes.delete.clear();
        }
        let done = self.apply(&look.set, &changes).await;
        if let Some(error) = &done.error {
            problem = Some((error.reason(), mainstay_telemetry::chain(error)));
        }
        let rollout = (!look.steps().is_empty()).then(|| roll(&look, &changes));
        let soon = rollout.as_ref().is_some_and(|rollout| rollout.soon);
        let stale = self.conclude(&look, problem, awaiting, rollout).await? || done.stale;
        match done.error {
            Some(error) => Err(error.into()),
            None if stale => Ok(Action::requeue_after(CATCH_UP)),
            None if soon => Ok(Action::requeue_after(SECOND)),
            None => Ok(self.next(&look.set)),
        }
    }

    /// Reports, then starts the syncs of a rollout. Gives whether a cache has not caught up.
    async fn conclude(
        &self,
        look: &Look,
        problem: Option<Problem>,
        awaiting: Option<String>,
        rollout: Option<Rollout>,
    ) -> Result<bool, Error> {
        if let Some(message) = awaiting.as_ref().filter(|it| !is_told(&look.status, it)) {
            self.recorder.record(&about(&look.set), Note::warning("DeletionAwaitsApproval", message)).await;
        }
        let rollout = rollout.unwrap_or_default();
        let findings = Findings {
            ungenerated: false,
            problem,
            awaiting,
            rollout: (!look.steps().is_empty()).then_some(rollout.step),
            standings: rollout.standings,
            applications: Some(
                self.live(&look.set).into_values().filter(|it| changes::is_owned(&look.set, it)).collect(),
            ),
        };
        self.report(&look.set, &look.status, findings).await?;
        if object::annotation(&look.set, REFRESH).is_some() {
            let patch = json!({"annotations": {(REFRESH): null}});
            let fresh = self.sets.get_key(&ObjectKey::of(&look.set)).unwrap_or_else(|| look.set.clone());
            report::patch_metadata(&self.control, &fresh, patch).await?;
        }
        self.start(look, &rollout.start).await
    }

    /// Starts syncs. Those that other writes came between are tried again.
    async fn start(&self, look: &Look, names: &[String]) -> Result<bool, Error> {
        let applications = Applications::new(&self.control, object::namespace(&look.set).unwrap_or_default());
        let mut done = Done::default();
        for live in names.iter().filter_map(|name| look.live.get(name)) {
            let started = applications.sync(live, &operation(live, look)).await;
            if done.note(started) {
                self.tell(&look.set, "Synced", &format!("started a sync of Application {:?}", object::name(live)))
                    .await;
            }
        }
        done.error.map_or(Ok(done.stale), |error| Err(error.into()))
    }

    /// Desired Applications that are refused, each with why.
    fn invalid(&self, look: &Look) -> BTreeMap<String, String> {
        let namespace = object::namespace(&look.set).unwrap_or_default();
        let known = fetch::clusters(&self.secrets, namespace);
        let known: BTreeSet<&str> =
            known.iter().flat_map(|cluster| [cluster.name.as_str(), cluster.server.as_str()]).collect();
        let has_project = |name: &str| self.projects.get(namespace, name).is_some();
        let has_cluster = |cluster: &str| known.contains(cluster) || self.clusters.has(cluster);
        let judged = look.desired.iter().filter_map(|application| {
            let why = validate::application(application, has_project, has_cluster)?;
            Some((object::name(application).to_owned(), why))
        });
        judged.collect()
    }

    /// What to say if the deletions of a plan need an approval that they do not have.
    fn awaiting(&self, look: &Look, changes: &Changes) -> Result<Option<String>, plan::Error> {
        let (deleted, of) = (changes.delete.len(), look.owned().count());
        if deleted == 0 || !budget::is_exceeded(&look.set, deleted, of)? {
            return Ok(None);
        }
        let names: Vec<&str> = changes.delete.iter().map(object::name).collect();
        let mut listed = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        if names.len() > NAMED {
            let hash = mainstay_controller_runtime::applier::hash(&json!(names));
            listed.push_str(&format!(" and {} more ({hash})", names.len() - NAMED));
        }
        let message = format!(
            "deleting {deleted} of {of} applications exceeds the deletion budget: {listed}; to go on, annotate this \
             ApplicationSet with {}: <the time now>",
            mainstay_api::argoproj::DELETION_APPROVED
        );
        let told =
            look.status.conditions.iter().find(|it| it.kind == report::DELETION_PENDING && it.message == message);
        let approved = told.is_some_and(|told| budget::is_approved(&look.set, &told.last_transition_time));
        Ok((!approved).then_some(message))
    }

    /// Creates, changes, and deletes if all that went well.
    async fn apply(&self, set: &Value, changes: &Changes) -> Done {
        let applications = Applications::new(&self.control, object::namespace(set).unwrap_or_default());
        let mut done = Done::default();
        for application in &changes.create {
            if done.note(applications.create(application).await) {
                self.tell(set, "created", &format!("created Application {:?}", object::name(application))).await;
            }
        }
        for update in &changes.update {
            if done.note(applications.update(update).await) {
                self.tell(set, "updated", &format!("updated Application {:?}", update.name)).await;
            }
        }
        if done.error.is_some() || done.stale {
            return done;
        }
        for application in &changes.delete {
            if done.note(applications.delete(application).await) {
                self.tell(set, "Deleted", &format!("deleted Application {:?}", object::name(application))).await;
            }
        }
        done
    }

    async fn tell(&self, set: &Value, reason: &str, message: &str) {
        self.recorder.record(&about(set), Note::normal(reason, message)).await;
    }

    async fn report(&self, set: &Value, old: &ApplicationSetStatus, findings: Findings) -> Result<(), Error> {
        let now = self.control.clock.now_rfc3339();
        let status = report::build(old, findings, &now);
        let written = report::write(&self.control, set, &status).await?;
        if let Some(version) = written.and_then(|version| version.parse().ok()) {
            self.written.lock().unwrap_or_else(PoisonError::into_inner).insert(ObjectKey::of(set), version);
        }
        Ok(())
    }

    /// Whether the cache has not caught up with the last own write.
    fn is_stale(&self, key: &ObjectKey, set: &Value) -> bool {
        let shown = object::resource_version(set).and_then(|version| version.parse().ok()).unwrap_or(0_u64);
        self.written.lock().unwrap_or_else(PoisonError::into_inner).get(key).is_some_and(|written| shown < *written)
    }

    /// When to look again though nothing is known to have changed.
    fn next(&self, set: &Value) -> Action {
        let generators = set.pointer("/spec/generators").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        plan::requeue_after(generators).map_or_else(Action::done, Action::resync_after)
    }
}

/// What an Event says about a set: not all of it.
fn about(set: &Value) -> Value {
    let metadata = set.get("metadata").cloned().unwrap_or_default();
    json!({"apiVersion": object::api_version(set), "kind": object::kind(set), "metadata": metadata})
}

fn is_told(status: &ApplicationSetStatus, message: &str) -> bool {
    status.conditions.iter().any(|it| it.kind == report::DELETION_PENDING && it.message == message)
}

/// The first problem of a plan.
fn problem_of(invalid: &BTreeMap<String, String>, changes: &Changes) -> Option<Problem> {
    let refused = invalid.values().next().map(|why| ("ApplicationValidationError", why.clone()));
    let foreign = changes.foreign.first().map(|name| {
        let why = format!("application {name} is controlled by another owner; choose another name");
        ("UpdateApplicationError", why)
    });
    refused.or(foreign)
}

/// Takes the rollout of a set as far as it goes.
fn roll(look: &Look, changes: &Changes) -> Rollout {
    let changed: BTreeSet<&str> =
        changes.update.iter().filter(|update| update.spec).map(|update| update.name.as_str()).collect();
    let member = |desired| {
        let name = object::name(desired);
        let live = look.live.get(name).filter(|live| changes::is_owned(&look.set, live));
        Member { desired, live, changed: changed.contains(name) }
    };
    let members: Vec<Member<'_>> = look.desired.iter().map(member).collect();
    rolling::advance(look.steps(), &members, &look.status.application_status, &look.now)
}

/// The sync that a rollout starts, with what the template's automated policy would do.
fn operation(live: &Value, look: &Look) -> Value {
    let prune =
        look.spec.template.pointer("/spec/syncPolicy/automated/prune").and_then(Value::as_bool).unwrap_or(false);
    let mut operation = json!({
        "initiatedBy": {"username": "applicationset-controller", "automated": true},
        "info": [{
            "name": "Reason",
            "value": "ApplicationSet RollingSync triggered a sync of this Application resource",
        }],
        "sync": {},
    });
    if prune {
        operation["sync"]["prune"] = json!(true);
    }
    if let Some(options) = live.pointer("/spec/syncPolicy/syncOptions") {
        operation["sync"]["syncOptions"] = options.clone();
    }
    if let Some(retry) = live.pointer("/spec/syncPolicy/retry") {
        operation["retry"] = retry.clone();
    }
    operation
}
