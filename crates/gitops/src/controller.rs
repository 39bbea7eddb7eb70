//! Reconciles one Application at a time: read, validate, plan, apply, report.
//! It must not know how any of the five is done.

mod deleting;
mod gate;
mod hydrating;
mod notices;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mainstay_api::argoproj::{self, ApplicationStatus, OperationState, Source, SyncStatus};
use mainstay_apimachinery::object;
use mainstay_controller_runtime::{Action, Class, Classify, Context, Informer, ObjectKey, Recorder};
use mainstay_git::Commit;
use mainstay_telemetry::chain;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::apply;
use crate::deletion;
use crate::deletion_hooks;
use crate::destinations::{self, Asking, Destinations};
use crate::fetch::{self, LiveViews, SettingsSource, Sources};
use crate::hooks;
use crate::observe::{Memory, Observed, Subject, observe};
use crate::plan::autosync;
use crate::plan::history;
use crate::plan::tracking::Owner;
use crate::plan::turn::{self, Run, Turn};
use crate::plan::vain;
use crate::report::{self, Besides, Findings, Notice};
use crate::revisions::{Asked, Revisions};
use crate::routes::Routes;
use crate::sync::{self, Outcome};
use crate::validate::{self, Invalid, Validated};

/// How often an application is looked at when nothing is known to have changed: a safety net that costs no calls.
const RESYNC: Duration = Duration::from_secs(300);
/// How soon to look again while a cache has not caught up with an own write.
const CATCH_UP: Duration = Duration::from_millis(10);

/// What all reconciles share.
pub(crate) struct Engine {
    pub(crate) control: Context,
    pub(crate) destinations: Arc<Destinations>,
    pub(crate) applications: Informer,
    pub(crate) projects: Informer,
    pub(crate) revisions: Arc<Revisions>,
    pub(crate) routes: Arc<Routes>,
    pub(crate) sources: Sources,
    pub(crate) views: LiveViews,
    pub(crate) settings: Arc<SettingsSource>,
    pub(crate) recorder: Recorder,
    pub(crate) memories: Mutex<HashMap<ObjectKey, Memory>>,
}

/// A reconcile failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Something could not be read; it is reported on the application.
    #[error(transparent)]
    Fetch(#[from] fetch::Error),
    /// The report could not be written.
    #[error(transparent)]
    Report(#[from] report::Error),
    /// Hooks of an ended operation could not be ended.
    #[error("failed to end the hooks of application {0}")]
    Hooks(String, #[source] apply::Error),
    /// Deleting failed.
    #[error(transparent)]
    Deletion(#[from] deletion::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Fetch(error) => error.class(),
            Self::Report(error) => error.class(),
            Self::Hooks(_, error) => error.class(),
            Self::Deletion(error) => error.class(),
        }
    }
}

/// Commits to compare with, one for each source.
struct Aim {
    commits: Vec<Arc<Commit>>,
    /// Whether they are those that the application follows, or some that an operation asks for.
    own: bool,
}

impl Aim {
    fn shas(&self) -> Vec<String> {
        self.commits.iter().map(|commit| commit.sha.clone()).collect()
    }
}

/// One look at an application.
struct Look<'a> {
    subject: Subject,
    aim: Aim,
    observed: Observed,
    memory: &'a mut Memory,
    /// Events on their way.
    recording: Option<JoinHandle<()>>,
}

impl Look<'_> {
    /// Lets hooks go whose end was reported: by an operation's state, or else by the application's.
    async fn tidy(&mut self, state: Option<&OperationState>) {
        let Some(state) = state.or(self.subject.valid.status.operation_state.as_ref()) else { return };
        for (key, written) in hooks::tidy(&self.subject.cluster, state, &self.observed.live).await {
            match written {
                Some(live) => self.memory.overlay.wrote(key, live, self.subject.cluster.clock.now()),
                None => self.memory.overlay.deleted(&key),
            }
        }
    }

    /// The finalizers that the application has to have for its hooks, if it has not. What a broken source may have meant is
    /// not known.
    fn finalizers(&self) -> Option<Vec<String>> {
        let targets = &self.observed.targets;
        let known = !targets.problems.iter().any(|problem| problem.leaves_a_gap());
        deletion_hooks::finalizers(&self.subject.app, &targets.hooks).filter(|_| known)
    }

    /// Ends the hooks of the application's operation, which is ended itself.
    async fn end_hooks(&self) -> Result<(), apply::Error> {
        let Some(state) = &self.subject.valid.status.operation_state else { return Ok(()) };
        hooks::end(&self.subject.cluster, state, &self.observed.live).await
    }
}

impl Engine {
    /// Reconciles one application.
    pub(crate) async fn reconcile(&self, key: ObjectKey) -> Result<Action, Error> {
        let Some(app) = self.applications.get_key(&key) else {
            self.forget(&key);
            return Ok(Action::done());
        };
        let is_ours = self.settings.current().allows(&key.namespace, self.settings.namespace());
        if !is_ours || object::annotation(&app, argoproj::SKIP_RECONCILE) == Some("true") {
            return Ok(Action::done());
        }
        if object::is_deleting(&app) {
            return self.delete(&app).await;
        }
        let mut memory = self.take(&key);
        let action = if is_stale(&app, &memory) {
            Ok(Action::requeue_after(CATCH_UP))
        } else {
            Box::pin(self.look(&key, app, &mut memory)).await
        };
        self.put(key, memory);
        action
    }

    async fn look(&self, key: &ObjectKey, app: Value, memory: &mut Memory) -> Result<Action, Error> {
        let mut subject = match self.subject(key, &app).await {
            Ok(subject) => subject,
            Err(Invalid(message)) => return self.refuse(&app, memory, "InvalidSpecError", message).await,
        };
        self.refresh(&subject, memory);
        if let Err(error) = self.hydrate(&mut subject, memory).await {
            if let Error::Fetch(error) = &error {
                self.refuse(&subject.app, memory, "HydrationError", chain(error).to_string()).await?;
            }
            return Err(error);
        }
        let (aim, observed) = match self.fetch(&subject, memory).await {
            Ok(fetched) => fetched,
            Err(error) => {
                self.refuse(&subject.app, memory, "ComparisonError", chain(&error).to_string()).await?;
                return Err(error.into());
            }
        };
        let turn = self.plan(&subject, &observed);
        let mut look = Look { subject, aim, observed, memory, recording: None };
        look.tidy(None).await;
        match turn {
            Turn::Run(run) => self.sync(&mut look, *run).await,
            Turn::Hold(run, hold) => self.hold(&mut look, run.as_deref(), hold).await,
            Turn::Terminate => self.terminate(&mut look).await,
            Turn::Wait(delay) => {
                let later = self.settle(&mut look, Vec::new()).await?;
                Ok(Action::requeue_after(later.map_or(delay, |later| later.min(delay))))
            }
            Turn::Refuse(message) => Ok(when_next(self.settle(&mut look, vec![("SyncError", message)]).await?)),
            Turn::Nothing => Ok(when_next(self.settle(&mut look, Vec::new()).await?)),
        }
    }

    /// Validates an application, and finds its project and its cluster.
    async fn subject(&self, key: &ObjectKey, app: &Value) -> Result<Subject, Invalid> {
        let mut valid = validate::application(app)?;
        let (home, owner) = (self.settings.namespace().to_owned(), self.owner(key));
        let live = self.projects.get(&home, valid.project());
        let project = validate::project(&valid, live.as_ref())?;
        validate::namespace(&valid, &project, (&key.namespace, &home))?;
        let vain = live.iter().flat_map(|live| vain::project(valid.project(), live)).collect::<Vec<_>>();
        valid.remarks.extend(vain);
        let settings = self.settings.current();
        valid.remarks.extend(settings.remarks().iter().cloned());
        let rules = settings.rules_with(&valid.spec.ignore_differences);
        let cluster = self.destination(&valid, project.permit_only_project_scoped_clusters).await;
        let cluster = cluster.map_err(|error| Invalid(error.to_string()))?;
        Ok(Subject { key: key.clone(), app: app.clone(), owner, home, valid, project, cluster, settings, rules })
    }

    async fn destination(&self, valid: &Validated, only_own: bool) -> Result<Context, destinations::Error> {
        self.destinations.find(&Asking { cluster: valid.cluster(), project: valid.project(), only_own }).await
    }

    fn owner(&self, key: &ObjectKey) -> Owner {
        Owner::new(&key.namespace, &key.name, self.settings.namespace(), self.settings.current().tracking())
    }

    /// Does what the refresh annotation asks for.
    fn refresh(&self, subject: &Subject, memory: &mut Memory) {
        let Some(kind) = object::annotation(&subject.app, argoproj::REFRESH) else { return };
        asked(subject, &subject.valid.revisions).iter().for_each(|asked| self.revisions.forget(asked));
        if kind == "hard" {
            self.sources.forget(&subject.key);
            memory.seen = None;
            memory.verdicts = Default::default();
        }
    }

    async fn fetch(&self, subject: &Subject, memory: &mut Memory) -> Result<(Aim, Observed), fetch::Error> {
        let own = &subject.valid.revisions;
        let wanted = turn::revisions(&subject.valid).unwrap_or_else(|| own.clone());
        let commits = self.resolve(subject, &wanted).await?;
        let aim = Aim { commits, own: wanted == *own };
        let observed = observe(subject, &aim.shas(), &self.sources, &self.views, memory).await?;
        if let Some(seen) = &memory.seen {
            let mut reads = seen.reads();
            reads.extend(memory.dry.clone());
            self.routes.learn(&subject.key, reads);
        }
        Ok((aim, observed))
    }

    async fn resolve(&self, subject: &Subject, revisions: &[String]) -> Result<Vec<Arc<Commit>>, fetch::Error> {
        let mut commits = Vec::new();
        for asked in asked(subject, revisions) {
            let place = || format!("revision {} of {}", asked.revision, asked.url);
            let resolved = self.revisions.resolve(&asked).await;
            commits.push(resolved.map_err(|source| fetch::Error::Source { place: place(), source })?);
        }
        Ok(commits)
    }

    fn plan(&self, subject: &Subject, observed: &Observed) -> Turn {
        let valid = &subject.valid;
        let (keep, stay) = (observed.keep_from_automation(subject), observed.stay(&valid.options));
        let input = autosync::Input {
            automated: valid.automated(),
            comparison: &observed.comparison,
            revisions: &observed.revisions,
            sources: &valid.sources,
            last: valid.status.operation_state.as_ref(),
            changed_since: observed.unblocked,
            supersedes: object::annotation(&subject.app, argoproj::SUPERSEDE_SYNCS) != Some("false"),
            hooks_run: observed.hooks_run,
            keep: keep.as_deref(),
            stay: &stay,
            now: self.control.clock.now(),
        };
        turn::within(turn::next(valid, &input), |manual, began| gate::ask(subject, manual, began, input.now))
    }

    /// Runs an operation and reports it.
    async fn sync(&self, look: &mut Look<'_>, mut run: Run) -> Result<Action, Error> {
        let mut notices: Vec<Notice> = notices::arrival(look, self.control.clock.now()).into_iter().collect();
        if run.is_new() && look.observed.hooks_run {
            look.end_hooks().await.map_err(|source| Error::Hooks(look.subject.key.name.clone(), source))?;
        }
        notices.extend(notices::started(look, &run, self.control.clock.now()));
        let recorded = run.is_recorded();
        let mut besides = self.besides(&look.subject, &run, look.aim.shas()).await;
        besides.finalizers = look.finalizers();
        if let Some(state) = sync::begin(&look.subject, &look.observed, &mut run) {
            self.begin(look, state, std::mem::take(&mut besides)).await?;
        }
        self.record(look, notices);
        let outcome = sync::run(&look.subject, &mut look.observed, run, &self.views).await;
        let ended = self.control.clock.now();
        look.observed.wrote(&look.subject, &outcome.written, look.memory);
        outcome.deleted.iter().for_each(|key| look.memory.overlay.deleted(key));
        let (retry_after, finished) = (outcome.retry_after, outcome.finished.is_some());
        let ending = notices::ended(look, &outcome, ended);
        self.report_sync(look, outcome, recorded, besides).await?;
        self.record(look, ending.into_iter().collect());
        Ok(match retry_after {
            Some(delay) => Action::requeue_after(delay),
            // The operation wanted another revision than the application follows: compare with that one now.
            None if finished && !look.aim.own => Action::requeue_after(CATCH_UP),
            None => Action::resync_after(RESYNC),
        })
    }

    /// Says that an operation runs before it writes anything: one that is cut short is then known, and finished.
    async fn begin(&self, look: &mut Look<'_>, state: OperationState, besides: Besides) -> Result<(), Error> {
        let mut status = look.subject.valid.status.clone();
        status.operation_state = Some(state);
        if let Some(app) = self.write(&look.subject.app, &status, besides, look.memory).await? {
            look.subject.app = app;
        }
        look.subject.valid.status = status;
        Ok(())
    }

    async fn report_sync(
        &self,
        look: &mut Look<'_>,
        outcome: Outcome,
        recorded: bool,
        besides: Besides,
    ) -> Result<(), Error> {
        let Outcome { state, finished, .. } = outcome;
        let (message, entry) = (state.message.clone(), history::entry(&state));
        let failed = (finished == Some(false)).then(|| ("SyncError", message.clone()));
        let now = self.control.clock.now_rfc3339();
        let findings = Findings { operation: Some(state), conditions: failed.into_iter().collect(), now };
        let mut status = report::build(&look.subject, &look.observed, findings);
        if finished == Some(true) && recorded {
            let limit = look.subject.valid.spec.revision_history_limit;
            status.history = history::record(&status.history, entry, limit);
        }
        self.write(&look.subject.app, &status, besides, look.memory).await?;
        look.tidy(status.operation_state.as_ref()).await;
        Ok(())
    }

    /// What is written along with an operation: that it was taken up, and a pin if it rolls back what is automated.
    async fn besides(&self, subject: &Subject, run: &Run, shas: Vec<String>) -> Besides {
        let mut besides = Besides { operation_taken: subject.valid.operation.is_some(), ..refreshed() };
        let asks = run.sync().asked().len() == shas.len();
        if run.is_automated() || !run.is_new() || !asks || subject.valid.automated().is_none() {
            return besides;
        }
        let own: Vec<String> = subject.valid.sources.iter().map(|source| source.revision().to_owned()).collect();
        let heads = self.resolve(subject, &own).await;
        let follows = heads.is_ok_and(|heads| heads.iter().map(|head| &head.sha).eq(&shas));
        besides.annotations.push((argoproj::PINNED_REVISION, (!follows).then(|| shas.join(","))));
        besides
    }

    async fn terminate(&self, look: &mut Look<'_>) -> Result<Action, Error> {
        let now = self.control.clock.now_rfc3339();
        look.end_hooks().await.map_err(|source| Error::Hooks(look.subject.key.name.clone(), source))?;
        let mut state = look.subject.valid.status.operation_state.clone().unwrap_or_default();
        "Failed".clone_into(&mut state.phase);
        "operation terminated".clone_into(&mut state.message);
        state.finished_at.clone_from(&now);
        let findings = Findings { operation: Some(state), conditions: Vec::new(), now };
        let status = report::build(&look.subject, &look.observed, findings);
        self.write(&look.subject.app, &status, refreshed(), look.memory).await?;
        Ok(Action::resync_after(RESYNC))
    }

    /// Reports a look that led to no operation. Gives the time after which to look again if the report was put off.
    async fn settle(
        &self,
        look: &mut Look<'_>,
        conditions: Vec<(&'static str, String)>,
    ) -> Result<Option<Duration>, Error> {
        let findings = Findings { operation: None, conditions, now: self.control.clock.now_rfc3339() };
        let status = report::build(&look.subject, &look.observed, findings);
        let besides = Besides { finalizers: look.finalizers(), ..refreshed() };
        if let Some(later) = self.put_off(look, &status).filter(|_| besides.finalizers.is_none()) {
            return Ok(Some(later));
        }
        self.write(&look.subject.app, &status, besides, look.memory).await?;
        let arrival = notices::arrival(look, self.control.clock.now());
        self.record(look, arrival.into_iter().collect());
        Ok(None)
    }

    /// How long to put off a report that has nothing new but how single resources are.
    fn put_off(&self, look: &Look<'_>, status: &ApplicationStatus) -> Option<Duration> {
        let valid = &look.subject.valid;
        let pace = report::pace(status.resources.len())?;
        let since = self.control.clock.now().duration_since(look.memory.written_at?);
        let left = pace.checked_sub(Duration::try_from(since).unwrap_or_default()).filter(|left| !left.is_zero())?;
        (!valid.refresh && report::differs_in_detail(&valid.status, status)).then_some(left)
    }

    /// Reports an application that cannot be compared. What is live stays as it is.
    async fn refuse(
        &self,
        app: &Value,
        memory: &mut Memory,
        condition: &'static str,
        message: String,
    ) -> Result<Action, Error> {
        let now = self.control.clock.now_rfc3339();
        let old: ApplicationStatus =
            app.get("status").and_then(|status| serde_json::from_value(status.clone()).ok()).unwrap_or_default();
        let mut status = old.clone();
        let mut besides = refreshed();
        if let Some(operation) = validate::operation(app) {
            // What was asked for cannot be done; to leave it standing would start it at some later time.
            status.operation_state = Some(OperationState {
                operation,
                phase: "Error".to_owned(),
                message: message.clone(),
                started_at: now.clone(),
                finished_at: now.clone(),
                ..OperationState::default()
            });
            besides.operation_taken = true;
        }
        status.conditions = report::conditions(&old.conditions, vec![(condition, message)], &now);
        status.sync = Some(SyncStatus { status: "Unknown".to_owned(), ..old.sync.clone().unwrap_or_default() });
        status.health = status.health.or_else(|| Some(report::unknown_health(&now)));
        if status != old {
            status.reconciled_at = now;
        }
        self.write(app, &status, besides, memory).await?;
        Ok(Action::resync_after(RESYNC))
    }

    async fn write(
        &self,
        app: &Value,
        status: &ApplicationStatus,
        besides: Besides,
        memory: &mut Memory,
    ) -> Result<Option<Value>, Error> {
        let written = report::write(&self.control, app, status, &besides).await?;
        if let Some(version) = written.as_ref().and_then(object::resource_version) {
            memory.written = Some(version.to_owned());
            memory.written_at = Some(self.control.clock.now());
        }
        Ok(written)
    }

    fn take(&self, key: &ObjectKey) -> Memory {
        self.memories.lock().unwrap_or_else(PoisonError::into_inner).remove(key).unwrap_or_default()
    }

    fn put(&self, key: ObjectKey, memory: Memory) {
        self.memories.lock().unwrap_or_else(PoisonError::into_inner).insert(key, memory);
    }

    fn forget(&self, key: &ObjectKey) {
        self.take(key);
        self.sources.forget(key);
        self.views.forget(&self.owner(key).instance);
    }
}

fn when_next(put_off: Option<Duration>) -> Action {
    put_off.map_or(Action::resync_after(RESYNC), Action::requeue_after)
}

/// What is asked of the repository of each source.
fn asked(subject: &Subject, revisions: &[String]) -> Vec<Asked> {
    let sources = subject.valid.sources.iter().zip(revisions);
    let asked = |(source, revision): (&Source, &String)| Asked {
        url: source.repo_url.clone(),
        chart: source.chart.clone(),
        revision: revision.clone(),
    };
    sources.map(asked).collect()
}

/// A look has been taken: the refresh annotation has done its work.
fn refreshed() -> Besides {
    Besides { annotations: vec![(argoproj::REFRESH, None)], ..Besides::default() }
}

/// Whether the cache has not caught up with the last own write.
fn is_stale(app: &Value, memory: &Memory) -> bool {
    let number = |version: &str| version.parse::<u64>().unwrap_or(0);
    let shown = number(object::resource_version(app).unwrap_or_default());
    memory.written.as_deref().is_some_and(|written| shown < number(written))
}
