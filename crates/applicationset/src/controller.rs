//! Reconciles one ApplicationSet at a time: read, validate, plan, apply, report.
//! It must not know how any of the five is done.

use std::time::Duration;

use mainstay_apimachinery::object;
use mainstay_controller_runtime::{Action, Applier, Class, Classify, Context, Informer, ObjectKey, Recorder};
use mainstay_git::Repositories;
use mainstay_telemetry::chain;
use serde_json::Value;

use crate::plan::children::{self, Plan};
use crate::plan::generate::Known;
use crate::report::{self, Found};
use crate::validate::{self, Validated};
use crate::{POLL_INTERVAL, fetch};

/// What all reconciles share.
pub(crate) struct Engine {
    pub(crate) control: Context,
    pub(crate) sets: Informer,
    pub(crate) applications: Informer,
    pub(crate) secrets: Informer,
    pub(crate) repositories: Repositories,
    pub(crate) applier: Applier,
    pub(crate) recorder: Recorder,
    pub(crate) namespace: String,
}

/// A reconcile failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A repository could not be read; it is reported on the set.
    #[error(transparent)]
    Fetch(#[from] fetch::Error),
    /// An Application could not be written; it is reported on the set.
    #[error("failed to write the Applications of set {0}")]
    Apply(String),
    /// The report could not be written.
    #[error(transparent)]
    Report(#[from] report::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            // A push, or the next poll, tells when it can be read.
            Self::Fetch(fetch::Error::Repository { source, .. }) if source.class() != mainstay_git::Class::Retry => {
                Class::Wait
            }
            _ => Class::Retry,
        }
    }
}

impl Engine {
    /// The sets that a changed Secret concerns: all, if it is that of a cluster.
    pub(crate) fn of_secret(&self, secret: &Value) -> Vec<ObjectKey> {
        let here = object::namespace(secret) == Some(&self.namespace) && fetch::is_cluster(secret);
        if here { self.keys(|_| true) } else { Vec::new() }
    }

    /// The sets that read a repository.
    pub(crate) fn of_repository(&self, url: &str) -> Vec<ObjectKey> {
        let plain = |url: &str| url.trim_end_matches('/').trim_end_matches(".git").to_ascii_lowercase();
        let name = plain(url);
        self.keys(|set| set.get("spec").is_some_and(|spec| plain(&spec.to_string()).contains(&name)))
    }

    fn keys(&self, wanted: impl Fn(&Value) -> bool) -> Vec<ObjectKey> {
        let sets = self.sets.list();
        sets.iter()
            .filter(|set| object::namespace(set) == Some(&self.namespace) && wanted(set))
            .map(ObjectKey::of)
            .collect()
    }

    /// Reconciles one set.
    pub(crate) async fn reconcile(&self, key: ObjectKey) -> Result<Action, Error> {
        let Some(set) = self.sets.get_key(&key).filter(|set| !object::is_deleting(set)) else {
            return Ok(Action::done());
        };
        let valid = match validate::set(&set) {
            Ok(valid) => valid,
            Err(invalid) => {
                self.report(&set, Found::Failed(invalid.reason, invalid.message)).await?;
                return Ok(Action::done());
            }
        };
        let desired = match self.desired(&set, &valid).await {
            Ok(desired) => desired,
            Err(error) => {
                let message = chain(&error).to_string();
                self.report(&set, Found::Failed("ApplicationParamsGenerationError", message)).await?;
                return match error {
                    fetch::Error::Refused(_) => Ok(Action::done()),
                    error => Err(error.into()),
                };
            }
        };
        let plan = desired.and_then(|desired| self.plan(&set, &valid, desired));
        match plan {
            Ok(plan) => self.carry_out(&set, plan).await?,
            Err(message) => self.report(&set, Found::Failed("ApplicationValidationError", message)).await?,
        }
        Ok(reads_git(&valid).map_or(Action::done(), Action::resync_after))
    }

    /// The Applications that are asked for; or why there are none, in words.
    async fn desired(&self, set: &Value, valid: &Validated) -> Result<Result<Vec<Value>, String>, fetch::Error> {
        let in_namespace = |secret: &Value| object::namespace(secret) == Some(&self.namespace);
        let secrets: Vec<Value> = self.secrets.list().into_iter().filter(in_namespace).collect();
        let known = Known { clusters: fetch::clusters(&secrets), ..Known::default() };
        let what = (valid.spec.generators.as_slice(), &valid.spec.template);
        let generated = fetch::generate(&self.repositories, what, known).await?;
        Ok(children::desired(set, valid, &generated))
    }

    fn plan(&self, set: &Value, valid: &Validated, desired: Vec<Value>) -> Result<Plan, String> {
        let (owned, others) = self.applications_of(set);
        children::plan(set, valid, desired, (&owned, &others))
    }

    /// The Applications of a set, by name, and all others beside it.
    fn applications_of(&self, set: &Value) -> (Vec<Value>, Vec<Value>) {
        let beside = |app: &Value| object::namespace(app) == object::namespace(set);
        let mut all: Vec<Value> = self.applications.list().into_iter().filter(beside).collect();
        all.sort_by(|a, b| object::name(a).cmp(object::name(b)));
        let is_own = |app: &Value| children::controller(app).is_some_and(|owner| owner["uid"] == object::uid(set));
        all.into_iter().partition(is_own)
    }

    async fn carry_out(&self, set: &Value, plan: Plan) -> Result<(), Error> {
        let mut failures = Vec::new();
        for (application, live) in &plan.apply {
            if let Err(error) = self.applier.apply(application, live.as_ref(), None).await {
                failures.push(format!("{}: {}", object::name(application), chain(&error)));
            }
        }
        for gone in plan.delete.iter().filter(|gone| !object::is_deleting(gone)) {
            match self.applier.delete(gone).await {
                Ok(deleted) if deleted => {
                    let message = format!("deleted application {}", object::name(gone));
                    report::record(&self.recorder, set, "ApplicationDeleted", &message, false).await;
                }
                Ok(_) => {}
                Err(error) => failures.push(format!("{}: {}", object::name(gone), chain(&error))),
            }
        }
        if let Some(first) = failures.first() {
            let more = if failures.len() > 1 { format!(" and {} more", failures.len() - 1) } else { String::new() };
            self.report(set, Found::Failed("UpdateApplicationError", format!("{first}{more}"))).await?;
            return Err(Error::Apply(object::name(set).to_owned()));
        }
        self.report(set, Found::Done { withheld: plan.withheld.as_deref() }).await?;
        Ok(())
    }

    async fn report(&self, set: &Value, found: Found<'_>) -> Result<(), Error> {
        let (owned, _) = self.applications_of(set);
        let status = report::status(set, &found, &owned, &self.control.clock.now_rfc3339());
        let news = report::news(set, &found);
        if report::write(&self.applier, set, &status).await?
            && let Some((reason, message)) = news
        {
            report::record(&self.recorder, set, reason, message, true).await;
        }
        Ok(())
    }
}

/// How soon to ask repositories again, if a generator reads one.
fn reads_git(valid: &Validated) -> Option<Duration> {
    let mut soonest = None;
    let mut open: Vec<&Value> = valid.spec.generators.iter().collect();
    while let Some(generator) = open.pop() {
        for (kind, body) in generator.as_object().into_iter().flatten() {
            open.extend(body.get("generators").and_then(Value::as_array).into_iter().flatten());
            if kind == "git" {
                let own = body.get("requeueAfterSeconds").and_then(Value::as_u64).map(Duration::from_secs);
                let interval = own.filter(|own| !own.is_zero()).unwrap_or(POLL_INTERVAL);
                soonest = Some(soonest.map_or(interval, |soonest: Duration| soonest.min(interval)));
            }
        }
    }
    soonest
}
