//! Writes what was found and done: status and conditions of the set, Events. Only what changed is written.
//! It must not decide anything; it says what others found.

use mainstay_api::argoproj::{
    self, ApplicationSetApplicationStatus, ApplicationSetCondition, ApplicationSetResource, ApplicationSetStatus,
    HealthStatus,
};
use mainstay_apimachinery::object;
use mainstay_controller_runtime::{Api, Class, Classify, Context, api, context};
use serde_json::{Value, json};

use crate::MANAGER;
use crate::plan::changes::difference;

/// As many Applications are in the status at most; upstream's `--applicationset-status-max-resources-count`.
const MAX_RESOURCES: usize = 5000;
/// The condition that says which Applications wait for somebody to approve of their deletion; Mainstay's own.
pub(crate) const DELETION_PENDING: &str = "DeletionPending";

/// Writing the set failed.
#[derive(Debug, thiserror::Error)]
#[error("failed to report on applicationset {name}")]
pub(crate) struct Error {
    name: String,
    #[source]
    source: api::Error,
}

impl Error {
    /// Whether it only shows that a cache has not caught up.
    pub(crate) fn is_conflict(&self) -> bool {
        self.source.is_conflict()
    }
}

impl Classify for Error {
    fn class(&self) -> Class {
        if self.source.is_not_found() { Class::Wait } else { Class::Retry }
    }
}

/// What went wrong: a reason of upstream's, and a text.
pub(crate) type Problem = (&'static str, String);

/// What a look at a set found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Whether parameters could not be generated.
    pub(crate) ungenerated: bool,
    /// What went wrong, if anything did.
    pub(crate) problem: Option<Problem>,
    /// Which deletions wait for approval.
    pub(crate) awaiting: Option<String>,
    /// The step that a rollout is in; the outer is `None` where there is no rollout to tell of.
    pub(crate) rollout: Option<Option<usize>>,
    /// Where each Application of a rollout is.
    pub(crate) standings: Vec<ApplicationSetApplicationStatus>,
    /// The set's Applications; `None` leaves what was reported before.
    pub(crate) applications: Option<Vec<Value>>,
}

/// The sets of a namespace.
pub(crate) fn sets(control: &Context, namespace: &str) -> Api {
    let resource = context::resource(argoproj::GROUP, argoproj::VERSION, "ApplicationSet", "applicationsets");
    control.api(&resource, Some(namespace))
}

/// The status that a set has.
pub(crate) fn status_of(set: &Value) -> ApplicationSetStatus {
    set.get("status").and_then(|status| serde_json::from_value(status.clone()).ok()).unwrap_or_default()
}

/// The status that says what was found.
pub(crate) fn build(old: &ApplicationSetStatus, findings: Findings, now: &str) -> ApplicationSetStatus {
    let conditions = conditions(&old.conditions, &findings, now);
    let mut status = ApplicationSetStatus {
        health: Some(health(&conditions, old, now)),
        conditions,
        application_status: findings.standings,
        resources: old.resources.clone(),
        resources_count: old.resources_count,
    };
    if let Some(applications) = findings.applications {
        status.resources_count = i64::try_from(applications.len()).unwrap_or(i64::MAX);
        status.resources = applications.iter().take(MAX_RESOURCES).map(resource).collect();
    }
    status
}

fn conditions(old: &[ApplicationSetCondition], findings: &Findings, now: &str) -> Vec<ApplicationSetCondition> {
    let up_to_date = || ("ApplicationSetUpToDate", "All applications have been generated successfully".to_owned());
    let mut conditions = Vec::new();
    let mut add = |kind: &str, holds: bool, (reason, message): Problem| {
        let known = old.iter().find(|condition| condition.kind == kind);
        let mut condition = ApplicationSetCondition {
            kind: kind.to_owned(),
            status: if holds { "True" } else { "False" }.to_owned(),
            reason: reason.to_owned(),
            message,
            last_transition_time: String::new(),
        };
        let same = known.filter(|known| {
            (&known.status, &known.reason, &known.message) == (&condition.status, &condition.reason, &condition.message)
        });
        condition.last_transition_time =
            same.map_or_else(|| now.to_owned(), |known| known.last_transition_time.clone());
        conditions.push(condition);
    };
    let problem = findings.problem.clone();
    add("ErrorOccurred", problem.is_some(), problem.clone().unwrap_or_else(up_to_date));
    let generated = ("ParametersGenerated", "Successfully generated parameters for all Applications".to_owned());
    let failed = problem.as_ref().map(|(_, message)| ("ErrorOccurred", message.clone()));
    let ungenerated = failed.clone().filter(|_| findings.ungenerated);
    add("ParametersGenerated", ungenerated.is_none(), ungenerated.unwrap_or(generated));
    if let Some(waiting) = &findings.awaiting {
        add("ResourcesUpToDate", false, ("DeletionAwaitsApproval", waiting.clone()));
        add(DELETION_PENDING, true, ("DeletionBudgetExceeded", waiting.clone()));
    } else {
        add("ResourcesUpToDate", failed.is_none(), problem.unwrap_or_else(up_to_date));
    }
    match findings.rollout {
        Some(Some(step)) => {
            let message = format!("ApplicationSet is performing rollout of step {step}");
            add("RolloutProgressing", true, ("ApplicationSetModified", message));
        }
        Some(None) => {
            let message = "ApplicationSet Rollout has completed".to_owned();
            add("RolloutProgressing", false, ("ApplicationSetRolloutComplete", message));
        }
        None => {}
    }
    conditions
}

/// The health that conditions amount to, as upstream derives it.
fn health(conditions: &[ApplicationSetCondition], old: &ApplicationSetStatus, now: &str) -> HealthStatus {
    let holds = |kind: &str| conditions.iter().find(|condition| condition.kind == kind && condition.status == "True");
    let (status, condition) = if let Some(condition) = holds("ErrorOccurred") {
        ("Degraded", Some(condition))
    } else if let Some(condition) = holds("RolloutProgressing") {
        ("Progressing", Some(condition))
    } else if let Some(condition) = holds("ResourcesUpToDate") {
        ("Healthy", Some(condition))
    } else {
        ("Unknown", None)
    };
    let message = condition.map(|condition| condition.message.clone()).unwrap_or_default();
    let mut health: HealthStatus = HealthStatus::default();
    status.clone_into(&mut health.status);
    health.message = message;
    let known = old.health.as_ref().filter(|known| known.status == health.status);
    health.last_transition_time = known.map_or_else(|| now.to_owned(), |known| known.last_transition_time.clone());
    health
}

fn resource(application: &Value) -> ApplicationSetResource {
    let text = |pointer| application.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let health = application.pointer("/status/health").and_then(|health| serde_json::from_value(health.clone()).ok());
    ApplicationSetResource {
        group: argoproj::GROUP.to_owned(),
        version: argoproj::VERSION.to_owned(),
        kind: "Application".to_owned(),
        namespace: object::namespace(application).unwrap_or_default().to_owned(),
        name: object::name(application).to_owned(),
        status: text("/status/sync/status"),
        health,
    }
}

/// Writes a status, if it differs from the one the set has, if the set is still as it was read. Gives the version
/// that it has then.
pub(crate) async fn write(
    control: &Context,
    set: &Value,
    status: &ApplicationSetStatus,
) -> Result<Option<String>, Error> {
    let status = serde_json::to_value(status).expect("a status holds strings, numbers, lists and maps");
    let old = set.get("status").cloned().unwrap_or_else(|| json!({}));
    let Some(change) = difference(&old, &status) else { return Ok(None) };
    let version = object::resource_version(set).unwrap_or_default();
    let patch = json!({"metadata": {"resourceVersion": version}, "status": change});
    let api = sets(control, object::namespace(set).unwrap_or_default());
    let written = api.merge_patch(MANAGER, object::name(set), Some("status"), &patch).await;
    let written = written.map_err(|source| Error { name: object::name(set).to_owned(), source })?;
    Ok(object::resource_version(&written).map(str::to_owned))
}

/// Patches a set's metadata.
pub(crate) async fn patch_metadata(control: &Context, set: &Value, mut metadata: Value) -> Result<(), Error> {
    metadata["resourceVersion"] = json!(object::resource_version(set));
    let api = sets(control, object::namespace(set).unwrap_or_default());
    let patched = api.merge_patch(MANAGER, object::name(set), None, &json!({"metadata": metadata})).await;
    patched.map(drop).map_err(|source| Error { name: object::name(set).to_owned(), source })
}
