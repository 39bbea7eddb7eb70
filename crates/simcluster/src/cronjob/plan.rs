//! What a CronJob needs next: one round of upstream's `syncCronJob`. It must not know a clock or a client.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mainstay_apimachinery::object;
use serde_json::{Map, Value, json};

use super::history;
use super::times::Timetable;
use crate::note::Note;
use crate::{condition, job, owner, read};

/// Annotation of a Job with the time it was made for.
const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/// What to do.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    /// Names of Jobs to delete first.
    pub delete: Vec<String>,
    /// The Job to start.
    pub start: Option<Start>,
    /// The whole new status, but for the Job to start: see [`started`].
    pub status: Value,
    /// What to say.
    pub notes: Vec<Note>,
    /// When to look again.
    pub again_in: Option<Duration>,
}

/// A Job to start.
#[derive(Debug, PartialEq)]
pub(super) struct Start {
    /// The Job.
    pub job: Value,
    /// The time of the schedule it is for.
    pub at: Timestamp,
}

/// Whether an unfinished Job of the CronJob is missing from its list of active ones.
pub(super) fn is_unexpected(cron_job: &Value, job: &Value) -> bool {
    !job::is_finished(job) && !is_active(cron_job, object::uid(job))
}

fn is_active(cron_job: &Value, uid: &str) -> bool {
    read::items(cron_job, "/status/active").any(|reference| read::text(reference, "/uid") == Some(uid))
}

/// One round; `gone` are the uids of active Jobs that are not there any more.
pub(super) fn plan(cron_job: &Value, jobs: &[Value], gone: &[String], now: Timestamp) -> Plan {
    let mut plan = Plan { delete: history::surplus(cron_job, jobs), ..Plan::default() };
    let mut active: Vec<Value> = read::items(cron_job, "/status/active").cloned().collect();
    settle(cron_job, jobs, gone, &mut active, &mut plan.notes);
    if !object::is_deleting(cron_job) {
        match Timetable::of(cron_job) {
            Err(fault) => plan.notes.push(fault),
            Ok(_) if read::flag(cron_job, "/spec/suspend") => {}
            Ok(timetable) => schedule(cron_job, &timetable, now, (&mut active, &mut plan)),
        }
    }
    plan.status = status(cron_job, jobs, active);
    plan
}

/// Takes Jobs off the list of active ones that have ended or are gone.
fn settle(cron_job: &Value, jobs: &[Value], gone: &[String], active: &mut Vec<Value>, notes: &mut Vec<Note>) {
    for job in jobs {
        let name = object::name(job);
        let listed = is_active(cron_job, object::uid(job));
        if !listed && !job::is_finished(job) {
            let message = format!("Saw a job that the controller did not create or forgot: {name}");
            notes.push(Note::warning("UnexpectedJob", message));
        } else if listed && job::is_finished(job) {
            active.retain(|reference| read::text(reference, "/uid") != Some(object::uid(job)));
            let outcome = if condition::is_true(job, "Complete") { "Complete" } else { "Failed" };
            let message = format!("Saw completed job: {name}, condition: {outcome}");
            notes.push(Note::normal("SawCompletedJob", message));
        }
    }
    let is_gone = |reference: &Value| gone.iter().any(|uid| read::text(reference, "/uid") == Some(uid.as_str()));
    for reference in active.extract_if(.., |reference| is_gone(reference)) {
        let name = read::text(&reference, "/name").unwrap_or_default();
        notes.push(Note::normal("MissingJob", format!("Active job went missing: {name}")));
    }
}

fn schedule(cron_job: &Value, timetable: &Timetable, now: Timestamp, (active, plan): (&mut Vec<Value>, &mut Plan)) {
    plan.again_in = timetable.until_next(cron_job, now);
    let (due, missed) = timetable.to_run(cron_job, now);
    plan.notes.extend(missed);
    let Some(at) = due else { return };
    let patience = read::int(cron_job, "/spec/startingDeadlineSeconds").map(SignedDuration::from_secs);
    if patience.is_some_and(|patience| now.duration_since(at) > patience) {
        let time = at.strftime("%a, %d %b %Y %H:%M:%S UTC");
        plan.notes.push(Note::warning("MissSchedule", format!("Missed scheduled time to start a job: {time}")));
        return;
    }
    let job = new_job(cron_job, timetable, at);
    let runs = active.iter().any(|reference| read::text(reference, "/name") == Some(object::name(&job)));
    if runs || read::time(cron_job, "/status/lastScheduleTime") == Some(at) {
        return;
    }
    match read::text(cron_job, "/spec/concurrencyPolicy") {
        Some("Forbid") if !active.is_empty() => {
            let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
            plan.notes.push(Note::normal("JobAlreadyActive", message));
            return;
        }
        Some("Replace") => {
            let names = active.drain(..).filter_map(|reference| read::text(&reference, "/name").map(str::to_owned));
            plan.delete.extend(names);
        }
        _ => {}
    }
    plan.start = Some(Start { job, at });
}

/// Upstream: `getJobFromTemplate2`.
fn new_job(cron_job: &Value, timetable: &Timetable, at: Timestamp) -> Value {
    let mut metadata = Map::new();
    for field in ["labels", "annotations"] {
        if let Some(value) = cron_job.pointer(&format!("/spec/jobTemplate/metadata/{field}")) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    let minutes = at.as_second() / 60;
    metadata.insert("name".to_owned(), json!(format!("{}-{minutes}", object::name(cron_job))));
    metadata.insert("namespace".to_owned(), json!(object::namespace(cron_job)));
    metadata.insert("ownerReferences".to_owned(), json!([owner::reference(cron_job)]));
    let mut job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata,
        "spec": cron_job.pointer("/spec/jobTemplate/spec"),
    });
    object::set_annotation(&mut job, SCHEDULED, &local_time(timetable, at));
    owner::copy_thread(cron_job, &mut job);
    job
}

/// A time as Go's RFC 3339 layout prints it in a zone.
fn local_time(timetable: &Timetable, at: Timestamp) -> String {
    let local = at.to_zoned(timetable.zone.clone());
    let zone = if local.offset().seconds() == 0 { "Z".to_owned() } else { local.strftime("%:z").to_string() };
    format!("{}{zone}", local.strftime("%Y-%m-%dT%H:%M:%S"))
}

fn status(cron_job: &Value, jobs: &[Value], active: Vec<Value>) -> Value {
    let mut status = cron_job.get("status").and_then(Value::as_object).cloned().unwrap_or_default();
    status.remove("active");
    if !active.is_empty() {
        status.insert("active".to_owned(), Value::from(active));
    }
    let known = read::time(cron_job, "/status/lastSuccessfulTime");
    let succeeded = jobs.iter().filter(|job| condition::is_true(job, "Complete"));
    let last = succeeded.filter_map(|job| read::time(job, "/status/completionTime")).max();
    if let Some(last) = last.filter(|last| known.is_none_or(|known| known < *last)) {
        status.insert("lastSuccessfulTime".to_owned(), json!(read::rfc3339(last)));
    }
    Value::Object(status)
}

/// Puts a Job that was started into the status.
pub(super) fn started(status: &mut Value, reference: &Value, at: Timestamp) {
    let mut active: Vec<Value> = read::items(status, "/active").cloned().collect();
    active.push(reference.clone());
    status["active"] = Value::from(active);
    status["lastScheduleTime"] = json!(read::rfc3339(at));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cron_job(policy: &str) -> Value {
        json!({"apiVersion": "batch/v1", "kind": "CronJob",
            "metadata": {"name": "report", "namespace": "n", "uid": "c", "creationTimestamp": "2030-01-01T00:00:00Z"},
            "spec": {"schedule": "0 * * * *", "timeZone": "Europe/Berlin", "concurrencyPolicy": policy,
                     "jobTemplate": {"metadata": {"labels": {"app": "report"}}, "spec": {"parallelism": 1}}}})
    }

    fn now() -> Timestamp {
        "2030-01-01T01:00:00.1Z".parse().unwrap()
    }

    fn job(name: &str, conditions: &Value) -> Value {
        json!({"metadata": {"name": name, "uid": name},
               "status": {"conditions": conditions, "completionTime": "2030-01-01T00:30:00Z"}})
    }

    fn reasons(plan: &Plan) -> Vec<&str> {
        plan.notes.iter().map(|note| note.reason).collect()
    }

    #[test]
    fn the_job_of_a_time_has_its_name_and_its_time() {
        let plan = plan(&cron_job("Allow"), &[], &[], now());
        let start = plan.start.unwrap();
        assert_eq!(object::name(&start.job), "report-31557660");
        assert_eq!(object::annotation(&start.job, SCHEDULED), Some("2030-01-01T02:00:00+01:00"));
        assert_eq!(object::label(&start.job, "app"), Some("report"));
        assert_eq!(start.job["spec"], json!({"parallelism": 1}));
        let mut status = plan.status;
        started(&mut status, &json!({"name": "x"}), start.at);
        assert_eq!(status, json!({"active": [{"name": "x"}], "lastScheduleTime": "2030-01-01T01:00:00Z"}));
        assert_eq!(plan.again_in, Some(Duration::from_secs(3600)));
    }

    #[test]
    fn concurrency_is_as_the_policy_says() {
        let busy = |policy: &str| {
            let mut cron_job = cron_job(policy);
            cron_job["status"] = json!({"active": [{"name": "old", "uid": "old"}]});
            plan(&cron_job, &[job("old", &json!([]))], &[], now())
        };
        assert!(busy("Allow").start.is_some());
        let forbidden = busy("Forbid");
        assert_eq!((forbidden.start.is_none(), reasons(&forbidden)), (true, vec!["JobAlreadyActive"]));
        let replaced = busy("Replace");
        assert_eq!((replaced.start.is_some(), replaced.delete), (true, vec!["old".to_owned()]));
    }

    #[test]
    fn ended_and_vanished_jobs_leave_the_list_and_success_is_dated() {
        let mut cron_job = cron_job("Allow");
        cron_job["spec"]["suspend"] = json!(true);
        cron_job["status"] = json!({"active": [{"name": "a", "uid": "a"}, {"name": "b", "uid": "b"}]});
        let done = job("a", &json!([{"type": "Complete", "status": "True"}]));
        let plan = plan(&cron_job, &[done], &["b".to_owned()], now());
        assert_eq!(plan.status, json!({"lastSuccessfulTime": "2030-01-01T00:30:00Z"}));
        assert_eq!(reasons(&plan), ["SawCompletedJob", "MissingJob"]);
        assert_eq!(plan.notes[0].message, "Saw completed job: a, condition: Complete");
        assert!(plan.start.is_none() && plan.again_in.is_none());
    }

    #[test]
    fn a_time_beyond_its_deadline_is_missed() {
        let mut cron_job = cron_job("Allow");
        cron_job["spec"]["startingDeadlineSeconds"] = json!(0);
        let plan = plan(&cron_job, &[], &[], now());
        assert!(plan.start.is_none());
    }
}
