//! What a Deployment writes in each situation of its life.

use super::*;

fn deployment(image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "n", "uid": "d", "generation": 1,
                     "annotations": {crate::THREAD: "apps@1", "note": "kept"}},
        "spec": {"replicas": 2, "progressDeadlineSeconds": 600, "revisionHistoryLimit": 1,
                 "selector": {"matchLabels": {"app": "web"}},
                 "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
                 "template": {"metadata": {"labels": {"app": "web"}},
                              "spec": {"containers": [{"name": "c", "image": image}]}}},
    })
}

fn run(deployment: &Value, sets: &[Value]) -> Plan {
    let now = Timestamp::from_second(100).unwrap();
    plan(&Input { deployment, replica_sets: sets, old_pods: false, now })
}

fn created(plan: &Plan) -> Value {
    match &plan.writes[0] {
        Write::Create(set) => set.clone(),
        other => panic!("expected a creation, got {other:?}"),
    }
}

fn available(mut set: Value) -> Value {
    let wanted = wanted(&set);
    set["status"] = json!({"replicas": wanted, "readyReplicas": wanted, "availableReplicas": wanted});
    set
}

#[test]
fn a_new_deployment_gets_its_replica_set() {
    let plan = run(&deployment("a:1"), &[]);
    let set = created(&plan);
    assert_eq!(wanted(&set), 2);
    assert_eq!(object::annotation(&set, REVISION), Some("1"));
    assert_eq!(object::annotation(&set, crate::THREAD), Some("apps@1"));
    assert_eq!(object::annotation(&set, "note"), Some("kept"));
    let hash = object::label(&set, TEMPLATE_HASH).unwrap();
    assert_eq!(object::name(&set), format!("web-{hash}"));
    assert_eq!(set["spec"]["selector"]["matchLabels"][TEMPLATE_HASH], json!(hash));
    assert_eq!(plan.notes[0].message, format!("Scaled up replica set web-{hash} from 0 to 2"));
    assert_eq!(run(&deployment("a:1"), &[]), plan);
}

#[test]
fn a_rolling_update_surges_then_takes_from_the_old() {
    let old = available(created(&run(&deployment("a:1"), &[])));
    let mut changed = deployment("a:2");
    object::set_annotation(&mut changed, REVISION, "1");
    let plan = run(&changed, std::slice::from_ref(&old));
    let new = created(&plan);
    assert_eq!((wanted(&new), object::annotation(&new, REVISION)), (1, Some("2")));
    assert!(matches!(&plan.writes[1], Write::PatchDeployment(_)));
    object::set_annotation(&mut changed, REVISION, "2");
    let waiting = run(&changed, &[old.clone(), new.clone()]);
    assert!(waiting.writes.iter().all(|write| matches!(write, Write::PatchStatus(_))));
    let moving = run(&changed, &[old.clone(), available(new)]);
    let expected = Write::Patch(object::name(&old).to_owned(), json!({"spec": {"replicas": 1}}));
    assert_eq!(moving.writes[0], expected);
}

#[test]
fn recreate_waits_for_the_old_pods() {
    let old = available(created(&run(&deployment("a:1"), &[])));
    let mut changed = deployment("a:2");
    changed["spec"]["strategy"] = json!({"type": "Recreate"});
    let plan = run(&changed, std::slice::from_ref(&old));
    assert_eq!(plan.writes[0], Write::Patch(object::name(&old).to_owned(), json!({"spec": {"replicas": 0}})));
    let mut gone = old;
    gone["spec"]["replicas"] = json!(0);
    gone["status"] = json!({"replicas": 0});
    assert_eq!(wanted(&created(&run(&changed, &[gone]))), 2);
}

#[test]
fn a_template_that_comes_back_gets_the_next_revision() {
    let first = created(&run(&deployment("a:1"), &[]));
    let mut second = created(&run(&deployment("a:2"), std::slice::from_ref(&first)));
    second["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
    let plan = run(&deployment("a:1"), &[first.clone(), second]);
    let patch = plan.writes.iter().find_map(|write| match write {
        Write::Patch(name, patch) if name == object::name(&first) => Some(patch),
        _ => None,
    });
    assert_eq!(patch.unwrap()["metadata"]["annotations"][REVISION], json!("3"));
    assert_eq!(patch.unwrap()["metadata"]["annotations"][HISTORY], json!("1"));
}

#[test]
fn history_beyond_the_limit_goes() {
    let new = available(created(&run(&deployment("a:9"), &[])));
    let spent = |number: &str| {
        let mut set = created(&run(&deployment(number), &[]));
        set["spec"]["replicas"] = json!(0);
        object::set_annotation(&mut set, REVISION, number);
        set
    };
    let plan = run(&deployment("a:9"), &[new, spent("1"), spent("2")]);
    let deleted: Vec<_> = plan.writes.iter().filter(|write| matches!(write, Write::Delete(_))).collect();
    assert_eq!(deleted, vec![&Write::Delete(object::name(&spent("1")).to_owned())]);
}

#[test]
fn a_paused_deployment_makes_no_replica_set() {
    let mut paused = deployment("a:1");
    paused["spec"]["paused"] = json!(true);
    let plan = run(&paused, &[]);
    assert!(plan.writes.iter().all(|write| matches!(write, Write::PatchStatus(_))));
}

#[test]
fn scaling_in_the_middle_of_a_rollout_is_shared_in_proportion() {
    let mut first = deployment("a:1");
    first["spec"]["replicas"] = json!(10);
    let old = available(created(&run(&first, &[])));
    let mut changed = deployment("a:2");
    changed["spec"]["replicas"] = json!(10);
    let new = created(&run(&changed, std::slice::from_ref(&old)));
    assert_eq!(wanted(&new), 1);
    changed["spec"]["replicas"] = json!(20);
    let plan = run(&changed, &[old.clone(), new.clone()]);
    let sizes: Vec<(&str, Option<i64>)> = plan
        .writes
        .iter()
        .filter_map(|write| match write {
            Write::Patch(name, patch) => Some((name.as_str(), read::int(patch, "/spec/replicas"))),
            _ => None,
        })
        .collect();
    assert_eq!(sizes, [(object::name(&old), Some(19)), (object::name(&new), Some(2))]);
}

#[test]
fn a_paused_deployment_is_scaled_still() {
    let set = available(created(&run(&deployment("a:1"), &[])));
    let mut paused = deployment("a:1");
    paused["spec"]["paused"] = json!(true);
    paused["spec"]["replicas"] = json!(5);
    let plan = run(&paused, &[set]);
    assert!(plan.writes.iter().any(|write| matches!(write, Write::Patch(_, patch) if patch["spec"]["replicas"] == 5)));
}
