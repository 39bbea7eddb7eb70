//! Argo Rollouts. It must not know other kinds.

use serde_json::Value;

use super::{Request, action, flag, remove, rfc3339, set, unknown, with};
use crate::Error;
use crate::action::Action;

pub(super) fn actions(object: &Value) -> Vec<Action> {
    let promoted = is_promoted(object);
    let aborted = flag(object, "/status/abort");
    vec![
        action("abort", promoted || aborted),
        action("pause", promoted || flag(object, "/spec/paused")),
        action("promote-full", promoted || (is_old(object) && object.pointer("/spec/strategy/blueGreen").is_some())),
        action("restart", false),
        action("resume", !is_paused(object)),
        action("retry", promoted || !aborted),
        action("skip-current-step", step(object).is_none()),
    ]
}

/// Whether everything runs what is desired.
fn is_promoted(object: &Value) -> bool {
    object.pointer("/status/currentPodHash") == object.pointer("/status/stableRS")
}

fn is_paused(object: &Value) -> bool {
    match object.pointer("/status/pauseConditions").and_then(Value::as_array) {
        Some(conditions) => !conditions.is_empty(),
        None => flag(object, "/spec/paused"),
    }
}

/// Whether the controller is older than v0.10: it wrote a hash where there is a generation now.
fn is_old(object: &Value) -> bool {
    let observed = object.pointer("/status/observedGeneration");
    let observed = observed.and_then(|seen| seen.as_str().map_or_else(|| seen.as_i64(), |text| text.parse().ok()));
    let generation = object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
    observed.is_none_or(|observed| observed > generation)
}

fn steps(object: &Value) -> Option<u64> {
    let steps = object.pointer("/spec/strategy/canary/steps").and_then(Value::as_array)?;
    u64::try_from(steps.len()).ok()
}

/// The step that the rollout is at, if it is not through.
fn step(object: &Value) -> Option<u64> {
    let steps = steps(object)?;
    let step = object.pointer("/status/currentStepIndex").and_then(Value::as_u64)?;
    (step < steps).then_some(step)
}

pub(super) fn run(request: &Request<'_>) -> Result<Value, Error> {
    let object = request.object;
    Ok(match request.name {
        "abort" => with(object, "/status", "abort", true),
        "pause" => with(object, "/spec", "paused", true),
        "promote-full" => promote(object),
        "restart" => with(object, "/spec", "restartAt", rfc3339(request.now)),
        "resume" => resume(object),
        "retry" => retry(object),
        "skip-current-step" => skip(object),
        _ => return Err(unknown(request)),
    })
}

fn promote(object: &Value) -> Value {
    let mut object = object.clone();
    if object.get("status").is_none() {
        return object;
    }
    if is_old(&object) {
        remove(&mut object, "/status", "abort");
        if let Some(steps) = steps(&object) {
            set(&mut object, "/status", "currentStepIndex", steps);
        }
    } else {
        set(&mut object, "/status", "promoteFull", true);
    }
    object
}

fn resume(object: &Value) -> Value {
    let mut object = object.clone();
    remove(&mut object, "/status", "pauseConditions");
    if flag(&object, "/spec/paused") {
        set(&mut object, "/spec", "paused", false);
    }
    object
}

/// What analyses said of the attempt that was aborted would abort the next one.
fn retry(object: &Value) -> Value {
    let mut object = object.clone();
    if !flag(&object, "/status/abort") {
        return object;
    }
    remove(&mut object, "/status", "abort");
    for field in ["prePromotionAnalysisRunStatus", "postPromotionAnalysisRunStatus"] {
        remove(&mut object, "/status/blueGreen", field);
    }
    for field in ["currentStepAnalysisRunStatus", "currentBackgroundAnalysisRunStatus"] {
        remove(&mut object, "/status/canary", field);
    }
    object
}

fn skip(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(step) = step(&object) {
        remove(&mut object, "/status", "pauseConditions");
        set(&mut object, "/status", "currentStepIndex", step + 1);
    }
    object
}
