//! CronJobs and Jobs. It must not know other kinds.

use serde_json::{Value, json};

use super::{Request, flag, iconed, identity, rfc3339};
use crate::action::Action;
use mainstay_apimachinery::object;

/// Conditions of a Job that has ended, or is about to.
const ENDED: &[&str] = &["Complete", "Failed", "FailureTarget", "SuccessCriteriaMet"];

pub(super) fn cron_job(object: &Value) -> Vec<Action> {
    let create = Action { display_name: "Create Job".to_owned(), ..iconed("create-job", "fa-plus") };
    vec![create, toggle(object)]
}

fn toggle(object: &Value) -> Action {
    if flag(object, "/spec/suspend") { iconed("resume", "fa-play") } else { iconed("suspend", "fa-pause") }
}

pub(super) fn job(object: &Value) -> Vec<Action> {
    if has_ended(object) {
        return Vec::new();
    }
    let terminate = object.get("status").is_some().then(|| iconed("terminate", "fa-stop"));
    [toggle(object)].into_iter().chain(terminate).collect()
}

fn has_ended(object: &Value) -> bool {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["status"] == "True" && ENDED.iter().any(|kind| condition["type"] == *kind))
}

/// A Job from the template, owned by the CronJob and named by the minute.
pub(super) fn create_job(request: &Request<'_>) -> Value {
    let cron = request.object;
    let (name, namespace) = identity(cron);
    let template = cron.pointer("/spec/jobTemplate");
    let part = |field: &str| template.and_then(|template| template.get(field)).cloned().unwrap_or_else(|| json!({}));
    let mut metadata = part("metadata");
    metadata["name"] = format!("{name}-{}", request.now.strftime("%Y%m%d%H%M")).into();
    metadata["namespace"] = json!(namespace);
    metadata["ownerReferences"] = json!([{
        "apiVersion": object::api_version(cron), "kind": object::kind(cron), "name": name, "uid": object::uid(cron),
    }]);
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": part("spec")})
}

/// Tells the Job's controller to let it fail.
pub(super) fn terminate(request: &Request<'_>) -> Value {
    let mut job = request.object.clone();
    if has_ended(&job) {
        return job;
    }
    let Some(status) = job.get_mut("status").and_then(Value::as_object_mut) else { return job };
    let condition = json!({
        "type": "FailureTarget", "status": "True", "reason": "ManuallyTerminated",
        "message": "Job was terminated explicitly through Argo CD", "lastTransitionTime": rfc3339(request.now),
    });
    match status.entry("conditions").or_insert_with(|| json!([])) {
        Value::Array(conditions) => conditions.push(condition),
        other => *other = json!([condition]),
    }
    job
}
