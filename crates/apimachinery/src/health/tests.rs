//! One line per state of each kind.
//! It must not reach into the checks: everything goes through `of`.

use super::*;
use serde_json::json;

fn check(object: Value, status: Status, message: &str) {
    assert_eq!(of(&object), Some(Health::new(status, message)), "{object}");
}

fn with(api_version: &str, kind: &str, spec: Value, status: Value) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x", "generation": 2}, "spec": spec, "status": status})
}

#[test]
fn deployments() {
    let deployment = |spec, status| with("apps/v1", "Deployment", spec, status);
    let wait = "Waiting for rollout to finish: ";
    check(deployment(json!({"paused": true}), json!({})), Status::Suspended, "Deployment is paused");
    check(
        deployment(json!({}), json!({"observedGeneration": 1})),
        Status::Progressing,
        &format!("{wait}observed deployment generation less than desired generation"),
    );
    let overdue =
        json!({"observedGeneration": 2, "conditions": [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]});
    check(deployment(json!({}), overdue), Status::Degraded, "Deployment \"x\" exceeded its progress deadline");
    for (status, message) in [
        (json!({"observedGeneration": 2, "updatedReplicas": 1}), "1 out of 2 new replicas have been updated..."),
        (
            json!({"observedGeneration": 2, "updatedReplicas": 2, "replicas": 3}),
            "1 old replicas are pending termination...",
        ),
        (
            json!({"observedGeneration": 2, "updatedReplicas": 2, "replicas": 2, "availableReplicas": 1}),
            "1 of 2 updated replicas are available...",
        ),
    ] {
        check(deployment(json!({"replicas": 2}), status), Status::Progressing, &format!("{wait}{message}"));
    }
    let done = json!({"observedGeneration": 2, "updatedReplicas": 2, "replicas": 2, "availableReplicas": 2});
    check(deployment(json!({"replicas": 2}), done), Status::Healthy, "");
}

#[test]
fn sets() {
    let stateful = |spec, status| with("apps/v1", "StatefulSet", spec, status);
    check(stateful(json!({}), json!({})), Status::Progressing, "Waiting for statefulset spec update to be observed...");
    let status = json!({"observedGeneration": 2, "readyReplicas": 1, "updatedReplicas": 1});
    check(stateful(json!({"replicas": 3}), status.clone()), Status::Progressing, "Waiting for 2 pods to be ready...");
    let partition = |partition| json!({"replicas": 1, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}});
    check(
        stateful(partition(0), status.clone()),
        Status::Healthy,
        "partitioned roll out complete: 1 new pods have been updated...",
    );
    let behind = json!({"observedGeneration": 2, "readyReplicas": 1});
    check(
        stateful(partition(0), behind),
        Status::Progressing,
        "Waiting for partitioned roll out to finish: 0 out of 1 new pods have been updated...",
    );
    check(
        stateful(json!({"updateStrategy": {"type": "OnDelete"}}), status),
        Status::Healthy,
        "statefulset has 1 ready pods",
    );
    let daemon = |status| with("apps/v1", "DaemonSet", json!({}), status);
    check(
        daemon(
            json!({"observedGeneration": 2, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1}),
        ),
        Status::Progressing,
        "Waiting for daemon set \"x\" rollout to finish: 1 of 2 updated pods are available...",
    );
    check(daemon(json!({"observedGeneration": 2})), Status::Healthy, "");
    let replica = |status| with("apps/v1", "ReplicaSet", json!({"replicas": 1}), status);
    let failure = json!({"observedGeneration": 2, "conditions": [{"type": "ReplicaFailure", "status": "True", "message": "quota"}]});
    check(replica(failure), Status::Degraded, "quota");
    check(replica(json!({"observedGeneration": 2, "availableReplicas": 1})), Status::Healthy, "");
}

#[test]
fn pods() {
    let pod = |policy: &str, status| with("v1", "Pod", json!({"restartPolicy": policy}), status);
    let waiting = json!({"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no image"}}}]});
    check(pod("Always", waiting.clone()), Status::Degraded, "no image");
    check(pod("Never", waiting), Status::Progressing, "");
    check(
        pod("Always", json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]})),
        Status::Healthy,
        "",
    );
    check(
        pod("Always", json!({"phase": "Running", "containerStatuses": [{"lastState": {"terminated": {}}}]})),
        Status::Degraded,
        "",
    );
    check(
        pod("Always", json!({"phase": "Running", "containerStatuses": [{"lastState": {}}]})),
        Status::Progressing,
        "",
    );
    check(pod("Never", json!({"phase": "Running"})), Status::Progressing, "");
    check(pod("Never", json!({"phase": "Succeeded"})), Status::Healthy, "");
    let failed =
        json!({"phase": "Failed", "containerStatuses": [{"name": "c", "state": {"terminated": {"exitCode": 3}}}]});
    check(pod("Never", failed), Status::Degraded, "container \"c\" failed with exit code 3");
}

#[test]
fn jobs() {
    let job = |conditions| with("batch/v1", "Job", json!({}), json!({"conditions": conditions}));
    check(job(json!([])), Status::Progressing, "");
    check(job(json!([{"type": "Complete", "status": "True", "message": "done"}])), Status::Healthy, "done");
    check(job(json!([{"type": "Failed", "status": "True", "message": "backoff"}])), Status::Degraded, "backoff");
    check(job(json!([{"type": "Suspended", "status": "True", "message": "later"}])), Status::Suspended, "");
}

#[test]
fn services_and_the_like() {
    let balancer = |status| with("v1", "Service", json!({"type": "LoadBalancer"}), status);
    check(balancer(json!({})), Status::Progressing, "");
    check(balancer(json!({"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}})), Status::Healthy, "");
    check(with("v1", "Service", json!({}), json!({})), Status::Healthy, "");
    check(with("networking.k8s.io/v1", "Ingress", json!({}), json!({})), Status::Progressing, "");
    check(with("v1", "PersistentVolumeClaim", json!({}), json!({"phase": "Lost"})), Status::Degraded, "");
    let scaler =
        |conditions| with("autoscaling/v2", "HorizontalPodAutoscaler", json!({}), json!({"conditions": conditions}));
    check(scaler(json!([])), Status::Progressing, "Waiting to Autoscale");
    check(scaler(json!([{"type": "AbleToScale", "status": "True", "message": "ok"}])), Status::Healthy, "ok");
    let failed = json!([{"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric", "message": "no metrics"}]);
    check(scaler(failed), Status::Degraded, "no metrics");
    let available = json!({"conditions": [{"type": "Available", "status": "False", "reason": "R", "message": "m"}]});
    check(with("apiregistration.k8s.io/v1", "APIService", json!({}), available), Status::Progressing, "R: m");
}

#[test]
fn custom_resources() {
    let resource = |status| with("platform.mainstay.dev/v1alpha1", "Application", json!({}), status);
    let ready = |status: &str, reason: &str| {
        resource(json!({"conditions": [{"type": "Ready", "status": status, "reason": reason, "message": "m"}]}))
    };
    check(ready("True", ""), Status::Healthy, "m");
    check(ready("False", "ResourcesProgressing"), Status::Progressing, "m");
    check(ready("False", "ReconcileFailed"), Status::Degraded, "m");
    check(
        resource(json!({"observedGeneration": 1})),
        Status::Progressing,
        "Waiting for generation 2 to be observed, 1 is",
    );
    check(resource(json!({"state": "ACTIVE"})), Status::Healthy, "");
    check(resource(json!({"state": "ERROR"})), Status::Degraded, "state is ERROR");
    assert_eq!(of(&resource(json!({}))), None);
    let app = with(
        "argoproj.io/v1alpha1",
        "Application",
        json!({}),
        json!({"health": {"status": "Degraded", "message": "m"}}),
    );
    check(app, Status::Degraded, "m");
    let issuing = json!({"conditions": [{"type": "Ready", "status": "False"}, {"type": "Issuing", "status": "True", "message": "i"}]});
    check(with("cert-manager.io/v1", "Certificate", json!({}), issuing), Status::Progressing, "i");
}

#[test]
fn others_have_none_and_deletion_overrules() {
    assert_eq!(of(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}})), None);
    let deleting =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}});
    check(deleting, Status::Progressing, "Pending deletion");
}

#[test]
fn the_worst_counts() {
    let all =
        [Status::Suspended, Status::Degraded, Status::Progressing].map(|status| Health::new(status, status.as_str()));
    assert_eq!(aggregate(all), Health::new(Status::Degraded, "Degraded"));
    assert_eq!(aggregate([]).status, Status::Healthy);
    assert!("Missing".parse::<Status>().unwrap() < Status::Unknown && "x".parse::<Status>().is_err());
}
