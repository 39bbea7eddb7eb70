//! Which actions are offered when, and what they change.

use serde_json::json;

use super::*;

fn offered(kind: &str, object: &Value) -> Vec<String> {
    let mark = |action: Action| format!("{}{}", if action.disabled { "-" } else { "" }, action.name);
    actions(kind, object).into_iter().map(mark).collect()
}

fn done_with(kind: &str, name: &str, object: &Value, params: &[(&str, &str)]) -> Result<Vec<Impacted>, Error> {
    let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let now = "2026-03-01T08:05:09Z".parse().unwrap();
    run(&Request { kind, name, object, params: &params, now })
}

fn done(kind: &str, name: &str, object: &Value) -> Value {
    let mut impacted = done_with(kind, name, object, &[]).unwrap();
    impacted.pop().unwrap().resource
}

#[test]
fn workloads_restart_scale_and_pause() {
    let web = json!({"spec": {"replicas": 2, "template": {"spec": {}}}});
    let paused = json!({"spec": {"paused": true}});
    assert_eq!(offered("apps/Deployment", &web), ["pause", "restart", "-resume", "scale"]);
    assert_eq!(offered("apps/Deployment", &paused), ["-pause", "restart", "resume", "scale"]);
    assert_eq!(offered("apps/StatefulSet", &web), ["restart", "scale"]);
    assert_eq!(offered("apps/DaemonSet", &web), ["restart"]);
    assert_eq!(actions("apps/Deployment", &web)[3].params[0].default, "2");

    let restarted = done("apps/DaemonSet", "restart", &web);
    let annotations = json!({"kubectl.kubernetes.io/restartedAt": "2026-03-01T08:05:09Z"});
    assert_eq!(restarted["spec"]["template"], json!({"spec": {}, "metadata": {"annotations": annotations}}));
    assert_eq!(done("apps/Deployment", "pause", &web)["spec"]["paused"], true);
    assert_eq!(done("apps/Deployment", "resume", &paused)["spec"]["paused"], false);
    let scaled = done_with("apps/StatefulSet", "scale", &web, &[("replicas", "5")]).unwrap();
    assert_eq!(scaled[0].resource["spec"]["replicas"], 5);
}

#[test]
fn what_cannot_be_done_is_refused_in_words() {
    let web = json!({"spec": {}});
    let refused =
        |kind: &str, name: &str, params: &[(&str, &str)]| done_with(kind, name, &web, params).unwrap_err().to_string();
    assert!(refused("apps/Deployment", "scale", &[]).ends_with("replicas parameter is required"));
    for bad in ["-1", "x", "1.5", "4294967295"] {
        assert!(refused("apps/Deployment", "scale", &[("replicas", bad)]).contains("invalid number"), "{bad}");
    }
    assert!(refused("apps/Deployment", "restart", &[]).contains("no spec.template"));
    assert!(refused("apps/DaemonSet", "scale", &[]).contains("\"scale\" is not defined for apps/DaemonSet"));
    assert!(refused("argoproj.io/Rollout", "fly", &[]).contains("not defined"));
}

#[test]
fn cron_jobs_make_jobs() {
    let cron = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "backup", "namespace": "shop", "uid": "u"},
        "spec": {"jobTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": {"template": {"spec": {"volumes": [{"emptyDir": {}}]}}}}}});
    assert_eq!(offered("batch/CronJob", &cron), ["create-job", "suspend"]);
    let impacted = done_with("batch/CronJob", "create-job", &cron, &[]).unwrap();
    assert_eq!(impacted[0].operation, Operation::Create);
    assert_eq!(
        impacted[0].resource,
        json!({"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": "backup-202603010805", "namespace": "shop", "labels": {"a": "b"},
                "ownerReferences": [{"apiVersion": "batch/v1", "kind": "CronJob", "name": "backup", "uid": "u"}]},
            "spec": {"template": {"spec": {"volumes": [{"emptyDir": {}}]}}}})
    );
    let suspended = done("batch/CronJob", "suspend", &cron);
    assert_eq!(offered("batch/CronJob", &suspended), ["create-job", "resume"]);
    assert_eq!(done("batch/CronJob", "resume", &suspended)["spec"]["suspend"], false);
}

#[test]
fn jobs_end_once() {
    let job = |status: Value| json!({"spec": {}, "status": status});
    assert_eq!(offered("batch/Job", &json!({"spec": {}})), ["suspend"]);
    assert_eq!(offered("batch/Job", &json!({"spec": {"suspend": true}, "status": {}})), ["resume", "terminate"]);
    let ended = job(json!({"conditions": [{"type": "Complete", "status": "True"}]}));
    assert_eq!(offered("batch/Job", &ended), Vec::<String>::new());
    let terminated = done("batch/Job", "terminate", &job(json!({"active": 1})));
    assert_eq!(terminated["status"]["conditions"][0]["type"], "FailureTarget");
    assert_eq!(done("batch/Job", "terminate", &terminated), terminated);
    assert_eq!(done("batch/Job", "terminate", &ended), ended);
}

fn rollout(spec: Value, status: Value) -> Value {
    json!({"metadata": {"generation": 3}, "spec": spec, "status": status})
}

#[test]
fn rollouts_offer_what_makes_sense() {
    let canary = json!({"strategy": {"canary": {"steps": [{"setWeight": 10}, {"pause": {}}]}}});
    let on_the_way = rollout(
        canary.clone(),
        json!({"currentPodHash": "b", "stableRS": "a", "observedGeneration": "3", "currentStepIndex": 1, "pauseConditions": [{}]}),
    );
    assert_eq!(
        offered("argoproj.io/Rollout", &on_the_way),
        ["abort", "pause", "promote-full", "restart", "resume", "-retry", "skip-current-step"]
    );
    let through = rollout(
        canary.clone(),
        json!({"currentPodHash": "a", "stableRS": "a", "observedGeneration": "3", "currentStepIndex": 2}),
    );
    assert_eq!(
        offered("argoproj.io/Rollout", &through),
        ["-abort", "-pause", "-promote-full", "restart", "-resume", "-retry", "-skip-current-step"]
    );
    let aborted =
        rollout(canary, json!({"currentPodHash": "b", "stableRS": "a", "abort": true, "currentStepIndex": 0}));
    assert_eq!(
        offered("argoproj.io/Rollout", &aborted),
        ["-abort", "pause", "promote-full", "restart", "-resume", "retry", "skip-current-step"]
    );
    let never_seen = json!({"metadata": {}, "spec": {"strategy": {"blueGreen": {}}, "paused": true}});
    assert_eq!(
        offered("argoproj.io/Rollout", &never_seen),
        ["-abort", "-pause", "-promote-full", "restart", "resume", "-retry", "-skip-current-step"]
    );
}

#[test]
fn rollouts_do_what_is_asked() {
    let spec = json!({"paused": true, "strategy": {"canary": {"steps": [{}, {}]}}});
    let status = json!({"observedGeneration": "3", "currentStepIndex": 0, "pauseConditions": [{}], "abort": true, "canary": {"currentStepAnalysisRunStatus": {}, "weights": 1}});
    let object = rollout(spec, status);
    let done = |name: &str| done("argoproj.io/Rollout", name, &object);
    assert_eq!(done("restart")["spec"]["restartAt"], "2026-03-01T08:05:09Z");
    assert_eq!(done("promote-full")["status"]["promoteFull"], true);
    assert_eq!(done("skip-current-step")["status"]["currentStepIndex"], 1);
    assert_eq!(done("skip-current-step")["status"].get("pauseConditions"), None);
    let resumed = done("resume");
    assert_eq!((&resumed["spec"]["paused"], resumed["status"].get("pauseConditions")), (&json!(false), None));
    let retried = done("retry");
    assert_eq!((retried["status"].get("abort"), &retried["status"]["canary"]), (None, &json!({"weights": 1})));
    assert_eq!(done("pause")["spec"]["paused"], true);
    assert_eq!(done("abort")["status"]["abort"], true);
    let mut old = object.clone();
    old["status"]["observedGeneration"] = "7f5c".into();
    let promoted = super::tests::done("argoproj.io/Rollout", "promote-full", &old);
    assert_eq!((&promoted["status"]["currentStepIndex"], promoted["status"].get("abort")), (&json!(2), None));
}
