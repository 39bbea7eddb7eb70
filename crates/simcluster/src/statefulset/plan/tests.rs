//! Pods come in order, go in order, and are replaced from the highest ordinal.

use serde_json::json;

use super::*;

fn set(image: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {"name": "db", "namespace": "n", "uid": "u", "generation": 1},
        "spec": {"replicas": 2, "serviceName": "db", "template": {"spec": {"image": image}},
                 "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
                 "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {}}]}})
}

fn parallel(image: &str) -> Value {
    let mut set = set(image);
    set["spec"]["podManagementPolicy"] = json!("Parallel");
    set
}

fn run_from(set: &Value, known: &[Value], pods: &[Value]) -> Plan {
    let history = revision::history(set, known, revision::STATEFUL_SET);
    plan(&Input { set, history: &history, pods, now: Timestamp::from_second(100).unwrap() })
}

fn run(set: &Value, pods: &[Value]) -> Plan {
    run_from(set, &[], pods)
}

fn ready(mut pod: Value) -> Value {
    let condition = json!({"type": "Ready", "status": "True", "lastTransitionTime": "1970-01-01T00:00:01Z"});
    pod["status"] = json!({"phase": "Running", "conditions": [condition]});
    pod
}

fn names(pods: &[Value]) -> Vec<&str> {
    pods.iter().map(object::name).collect()
}

#[test]
fn pods_come_one_after_the_other_with_their_claims() {
    let first = run(&set("a"), &[]);
    assert_eq!(names(&first.create), ["db-0"]);
    assert_eq!(first.create[0]["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"], "data-db-0");
    assert!(run(&set("a"), &first.create).create.is_empty());
    let second = run(&set("a"), &[ready(first.create[0].clone())]);
    assert_eq!(names(&second.create), ["db-1"]);
    let mut later = set("a");
    later["spec"]["ordinals"] = json!({"start": 5});
    later["spec"]["podManagementPolicy"] = json!("Parallel");
    assert_eq!(names(&run(&later, &[]).create), ["db-5", "db-6"]);
}

#[test]
fn an_update_replaces_from_the_highest_ordinal_and_scaling_down_too() {
    let pods: Vec<Value> = run(&parallel("a"), &[]).create.into_iter().map(ready).collect();
    assert!(run(&set("a"), &pods).delete.is_empty());
    assert_eq!(run(&set("b"), &pods).delete, ["db-1"]);
    let mut fewer = set("a");
    fewer["spec"]["replicas"] = json!(0);
    assert_eq!(run(&fewer, &pods).delete, ["db-1"]);
    let mut none = parallel("a");
    none["spec"]["replicas"] = json!(0);
    assert_eq!(run(&none, &pods).delete, ["db-1", "db-0"]);
    let status = run(&set("a"), &pods).status;
    assert_eq!((&status["readyReplicas"], &status["currentRevision"]), (&json!(2), &status["updateRevision"]));
}

#[test]
fn a_partition_keeps_the_lower_ordinals_and_on_delete_keeps_all() {
    let pods: Vec<Value> = run(&parallel("a"), &[]).create.into_iter().map(ready).collect();
    let old = revision::history(&set("a"), &[], revision::STATEFUL_SET).update;
    let mut split = parallel("b");
    split["spec"]["updateStrategy"]["rollingUpdate"]["partition"] = json!(1);
    split["status"] = json!({"currentRevision": object::name(&old)});
    assert_eq!(run_from(&split, std::slice::from_ref(&old), &pods).delete, ["db-1"]);
    let anew = run_from(&split, std::slice::from_ref(&old), &[]).create;
    assert_eq!(anew.iter().map(|pod| pod["spec"]["image"].as_str().unwrap()).collect::<Vec<_>>(), ["a", "b"]);
    let mut by_hand = set("b");
    by_hand["spec"]["updateStrategy"] = json!({"type": "OnDelete"});
    assert!(run(&by_hand, &pods).delete.is_empty());
}

#[test]
fn as_many_as_may_be_unavailable_are_replaced_at_once() {
    let mut wide = parallel("a");
    wide["spec"]["replicas"] = json!(5);
    let pods: Vec<Value> = run(&wide, &[]).create.into_iter().map(ready).collect();
    wide["spec"]["template"] = json!({"spec": {"image": "b"}});
    wide["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"] = json!("40%");
    assert_eq!(run(&wide, &pods).delete, ["db-4", "db-3"]);
}

#[test]
fn a_pod_that_ended_is_made_anew() {
    let mut pods: Vec<Value> = run(&parallel("a"), &[]).create.into_iter().map(ready).collect();
    pods[0]["status"] = json!({"phase": "Failed"});
    let plan = run(&set("a"), &pods);
    assert_eq!((plan.delete, plan.notes[0].reason), (vec!["db-0".to_owned()], "RecreatingFailedPod"));
}

#[test]
fn availability_waits_for_min_ready_seconds() {
    let mut slow = set("a");
    slow["spec"]["minReadySeconds"] = json!(109);
    let first = ready(run(&slow, &[]).create.remove(0));
    let plan = run(&slow, &[first]);
    assert!(plan.create.is_empty());
    assert_eq!((plan.again_in, &plan.status["availableReplicas"]), (Some(Duration::from_secs(10)), &json!(0)));
}
