//! Jobs start, pause, complete and fail as their specs say.

use mainstay_apimachinery::object;

use super::*;

fn job() -> Value {
    json!({"metadata": {"name": "j", "namespace": "n", "uid": "u"},
           "spec": {"parallelism": 2, "completions": 3, "backoffLimit": 1, "template": {"spec": {"containers": [{}]}}}})
}

fn indexed(extra: &Value) -> Value {
    let mut job = job();
    job["spec"]["completionMode"] = json!("Indexed");
    for (key, value) in extra.as_object().unwrap() {
        job["spec"][key] = value.clone();
    }
    job
}

fn a_pod(name: &str, phase: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "n"}, "status": {"phase": phase}})
}

fn at_index(index: i64, phase: &str) -> Value {
    let mut pod = a_pod(&format!("p{index}-{phase}"), phase);
    object::set_annotation(&mut pod, super::super::indexes::INDEX, &index.to_string());
    pod
}

fn run(job: &Value, phases: &[&str]) -> Plan {
    let pods: Vec<Value> = phases.iter().enumerate().map(|(index, phase)| a_pod(&format!("p{index}"), phase)).collect();
    plan(job, &pods, Timestamp::UNIX_EPOCH)
}

fn indexes(plan: &Plan) -> Vec<i64> {
    plan.create.iter().filter_map(super::super::indexes::of).collect()
}

fn reason(plan: &Plan, kind: &str) -> Option<String> {
    let found = condition::find(&json!({"status": plan.status}), kind).cloned()?;
    read::text(&found, "/reason").map(str::to_owned)
}

#[test]
fn pods_start_up_to_the_parallelism_and_the_completions_left() {
    assert_eq!(run(&job(), &[]).create.len(), 2);
    assert_eq!(run(&job(), &["Succeeded", "Running"]).create.len(), 1);
    assert_eq!(run(&job(), &["Succeeded", "Succeeded", "Running"]).create.len(), 0);
}

#[test]
fn a_job_completes_and_says_so() {
    let plan = run(&job(), &["Succeeded", "Succeeded", "Succeeded"]);
    let done = json!({"status": plan.status});
    assert!(is_finished(&done) && condition::is_true(&done, "SuccessCriteriaMet"));
    assert_eq!((read::count(&done, "/status/succeeded"), plan.create.len()), (3, 0));
    assert_eq!(plan.notes[0].reason, "Completed");
}

#[test]
fn a_job_that_failed_says_so_when_its_last_pod_has_ended() {
    let failing = run(&job(), &["Failed", "Failed", "Running"]);
    assert_eq!(
        (reason(&failing, "FailureTarget").as_deref(), reason(&failing, "Failed")),
        (Some("BackoffLimitExceeded"), None)
    );
    assert_eq!(failing.delete, ["p2"]);
    let mut job = job();
    job["status"] = failing.status;
    let failed = run(&job, &["Failed", "Failed"]);
    assert_eq!((reason(&failed, "Failed").as_deref(), failed.notes[0].warning), (Some("BackoffLimitExceeded"), true));
}

#[test]
fn a_pod_that_failed_is_made_anew_after_a_pause() {
    let mut failed = a_pod("p0", "Failed");
    failed["status"]["containerStatuses"] =
        json!([{"state": {"terminated": {"exitCode": 1, "finishedAt": "1970-01-01T00:00:05Z"}}}]);
    let at = |second| plan(&job(), std::slice::from_ref(&failed), Timestamp::from_second(second).unwrap());
    assert_eq!((at(6).create.len(), at(6).again_in), (0, Some(Duration::from_secs(9))));
    assert_eq!((at(15).create.len(), at(15).again_in), (2, None));
}

#[test]
fn a_suspended_job_has_no_pods_and_starts_anew_when_resumed() {
    let mut job = job();
    job["spec"]["suspend"] = json!(true);
    let stopped = run(&job, &["Running"]);
    assert_eq!((stopped.create.len(), stopped.delete.len()), (0, 1));
    assert!(stopped.status.get("startTime").is_none());
    job["status"] = stopped.status;
    assert!(run(&job, &[]).notes.is_empty());
    job["spec"]["suspend"] = json!(false);
    let resumed = run(&job, &[]);
    assert_eq!((resumed.notes[0].reason, resumed.status["startTime"].is_string()), ("Resumed", true));
}

#[test]
fn each_index_completes_once() {
    let job = indexed(&json!({}));
    let first = plan(&job, &[], Timestamp::UNIX_EPOCH);
    assert_eq!(indexes(&first), [0, 1]);
    assert_eq!(first.create[0]["spec"]["hostname"], "j-0");
    assert_eq!(first.create[0]["spec"]["containers"][0]["env"][0]["name"], "JOB_COMPLETION_INDEX");
    let second = plan(&job, &[at_index(0, "Succeeded"), at_index(1, "Running")], Timestamp::UNIX_EPOCH);
    assert_eq!((indexes(&second), &second.status["completedIndexes"]), (vec![2], &json!("0")));
    let third =
        plan(&job, &[at_index(0, "Succeeded"), at_index(1, "Failed"), at_index(2, "Running")], Timestamp::UNIX_EPOCH);
    assert_eq!(indexes(&third), [1]);
}

#[test]
fn an_index_over_its_limit_fails_alone_and_the_job_at_the_end() {
    let mut job = indexed(&json!({"backoffLimitPerIndex": 0}));
    job["spec"].as_object_mut().unwrap().remove("backoffLimit");
    let going = plan(&job, &[at_index(0, "Failed"), at_index(1, "Running")], Timestamp::UNIX_EPOCH);
    assert_eq!((indexes(&going), &going.status["failedIndexes"]), (vec![2], &json!("0")));
    let all = [at_index(0, "Failed"), at_index(1, "Succeeded"), at_index(2, "Succeeded")];
    let over = plan(&job, &all, Timestamp::UNIX_EPOCH);
    assert_eq!(reason(&over, "Failed").as_deref(), Some("FailedIndexes"));
    job["spec"]["maxFailedIndexes"] = json!(0);
    assert_eq!(
        reason(&plan(&job, &all[..1], Timestamp::UNIX_EPOCH), "Failed").as_deref(),
        Some("MaxFailedIndexesExceeded")
    );
}

#[test]
fn a_success_policy_ends_a_job_early() {
    let job = indexed(&json!({"successPolicy": {"rules": [{"succeededIndexes": "1-2", "succeededCount": 1}]}}));
    let plan = plan(&job, &[at_index(1, "Succeeded"), at_index(0, "Running")], Timestamp::UNIX_EPOCH);
    assert_eq!(reason(&plan, "SuccessCriteriaMet").as_deref(), Some("SuccessPolicy"));
    assert_eq!(plan.delete, ["p0-Running"]);
}

#[test]
fn time_is_up_after_the_deadline_and_a_finished_job_expires() {
    let mut job = job();
    job["spec"]["activeDeadlineSeconds"] = json!(10);
    assert_eq!(run(&job, &[]).deadline_in, Some(Duration::from_secs(10)));
    job["status"] = json!({"startTime": "1969-12-31T23:59:50Z"});
    assert_eq!(reason(&run(&job, &[]), "Failed").as_deref(), Some("DeadlineExceeded"));
    job["spec"]["ttlSecondsAfterFinished"] = json!(60);
    job["status"] = run(&job, &[]).status;
    assert_eq!(expires_at(&job), Some(Timestamp::from_second(60).unwrap()));
}
