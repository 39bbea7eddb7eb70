//! Writes what was found and done: the set's status and Events. Only what changed is written.
//! It must not decide anything.

use mainstay_api::argoproj::{ApplicationSetStatus, Condition, HealthStatus, ResourceStatus, SetCondition, VERSION};
use mainstay_apimachinery::object;
use mainstay_controller_runtime::recorder::Note;
use mainstay_controller_runtime::{Applier, Recorder, api, applier};
use serde_json::{Value, json};

use crate::MANAGER;
use crate::plan::children::WITHHELD;

/// The most Applications a status lists, as upstream.
const LISTED: usize = 5000;

/// Why a status could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The API of sets could not be found.
    #[error("failed to find the API of ApplicationSets")]
    Discover(#[source] applier::Error),
    /// The server refused.
    #[error("failed to report on ApplicationSet {0}")]
    Write(String, #[source] api::Error),
}

/// What came of a set.
pub(crate) enum Found<'a> {
    /// Everything is as it should be; deletions may wait for approval.
    Done { withheld: Option<&'a str> },
    /// It went wrong: the reason in one word and in many.
    Failed(&'static str, String),
}

/// The conditions that say what came of a set.
pub(crate) fn conditions(found: &Found<'_>) -> Vec<SetCondition> {
    let one = |kind: &str, status: bool, reason: &str, message: &str| SetCondition {
        condition: Condition { condition_type: kind.to_owned(), message: message.to_owned(), ..Condition::default() },
        status: if status { "True" } else { "False" }.to_owned(),
        reason: reason.to_owned(),
    };
    match found {
        Found::Done { withheld } => {
            let (generated, params) = (
                "All applications have been generated successfully",
                "Successfully generated parameters for all Applications",
            );
            let mut all = vec![
                one("ErrorOccurred", false, "ApplicationSetUpToDate", generated),
                one("ParametersGenerated", true, "ParametersGenerated", params),
                one("ResourcesUpToDate", withheld.is_none(), "ApplicationSetUpToDate", withheld.unwrap_or(generated)),
            ];
            all.extend(withheld.map(|why| one(WITHHELD, true, "DeletionBudgetExceeded", why)));
            all
        }
        Found::Failed(reason, message) => vec![
            one("ErrorOccurred", true, reason, message),
            one("ParametersGenerated", *reason != "ApplicationParamsGenerationError", reason, message),
            one("ResourcesUpToDate", false, reason, message),
        ],
    }
}

/// The status of a set. A condition that says the same as before keeps its time.
pub(crate) fn status(set: &Value, found: &Found<'_>, owned: &[Value], now: &str) -> ApplicationSetStatus {
    let old: ApplicationSetStatus =
        set.get("status").and_then(|status| serde_json::from_value(status.clone()).ok()).unwrap_or_default();
    let mut conditions = conditions(found);
    for condition in &mut conditions {
        let before =
            old.conditions.iter().find(|old| old.condition.condition_type == condition.condition.condition_type);
        let same = before.filter(|old| old.status == condition.status && old.reason == condition.reason);
        let since = same.map_or(now, |old| &old.condition.last_transition_time);
        since.clone_into(&mut condition.condition.last_transition_time);
    }
    ApplicationSetStatus {
        conditions,
        resources: owned.iter().take(LISTED).map(resource).collect(),
        resources_count: owned.len(),
    }
}

fn resource(application: &Value) -> ResourceStatus {
    let text = |pointer: &str| application.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let health = text("/status/health/status");
    ResourceStatus {
        group: "argoproj.io".to_owned(),
        version: VERSION.to_owned(),
        kind: "Application".to_owned(),
        namespace: object::namespace(application).unwrap_or_default().to_owned(),
        name: object::name(application).to_owned(),
        status: text("/status/sync/status"),
        health: (!health.is_empty()).then(|| HealthStatus { status: health, ..HealthStatus::default() }),
        ..ResourceStatus::default()
    }
}

/// Writes a status, if it differs from the one the set has.
pub(crate) async fn write(applier: &Applier, set: &Value, status: &ApplicationSetStatus) -> Result<bool, Error> {
    let status = serde_json::to_value(status).expect("a status holds strings, numbers, lists and maps");
    if set.get("status") == Some(&status) {
        return Ok(false);
    }
    let api = applier.api_of(set).await.map_err(Error::Discover)?;
    let mut patch = json!({"status": status});
    // What is not said any more goes.
    for field in ["conditions", "resources"] {
        if patch["status"].get(field).is_none() && set["status"].get(field).is_some() {
            patch["status"][field] = Value::Null;
        }
    }
    let name = object::name(set);
    let written = api.merge_patch(MANAGER, name, Some("status"), &patch).await;
    written.map(|_| true).map_err(|source| Error::Write(name.to_owned(), source))
}

/// What is wrong, with a reason for an Event, if the set does not say so yet.
pub(crate) fn news<'a>(set: &Value, found: &'a Found<'_>) -> Option<(&'static str, &'a str)> {
    let (reason, message) = match found {
        Found::Failed(reason, message) => (*reason, message.as_str()),
        Found::Done { withheld } => ("DeletionWithheld", (*withheld)?),
    };
    let conditions = set.pointer("/status/conditions").and_then(Value::as_array);
    let known = conditions.into_iter().flatten().any(|one| one["message"] == message);
    (!known).then_some((reason, message))
}

/// Records an Event about a set.
pub(crate) async fn record(recorder: &Recorder, set: &Value, reason: &'static str, message: &str, warning: bool) {
    let note = if warning { Note::warning } else { Note::normal };
    recorder.record(set, note(reason, message)).await;
}
