//! Passes over a graph.

use super::*;
use crate::catalog::Catalog;
use crate::validate::validate;
use mainstay_apimachinery::yaml;
use serde_json::json;

const RGD: &str = r#"
metadata: {name: web, uid: rgd-uid}
spec:
  schema:
    apiVersion: v1alpha1
    kind: Web
    group: test.dev
    spec: {name: string, expose: boolean | default=false, keys: "[]string"}
    status: {phase: "${pod.status.phase}", keys: "${string(size(configs))}"}
  resources:
    - id: pod
      readyWhen: ["${pod.status.phase == 'Running'}"]
      template: {apiVersion: v1, kind: Pod, metadata: {name: "${schema.spec.name}"}, spec: {containers: [{name: a, image: b}]}}
    - id: service
      includeWhen: ["${schema.spec.expose}"]
      template: {apiVersion: v1, kind: Service, metadata: {name: "${pod.metadata.name}"}}
    - id: ingress
      template: {apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: "${service.metadata.name}"}}
    - id: configs
      forEach: [{key: "${schema.spec.keys}"}]
      template: {apiVersion: v1, kind: ConfigMap, metadata: {name: "${schema.spec.name}-${key}"}}
"#;

fn graph() -> Graph {
    validate(&yaml::parse_one(RGD).unwrap().value, &Catalog::builtin()).unwrap()
}

fn instance(expose: bool, keys: &[&str]) -> Value {
    json!({"apiVersion": "test.dev/v1alpha1", "kind": "Web", "metadata": {"name": "x", "namespace": "ns", "uid": "u"},
           "spec": {"name": "x", "expose": expose, "keys": keys}})
}

fn state<'p>(plan: &'p Plan, id: &str) -> &'p State {
    &plan.nodes.iter().find(|node| node.id == id).unwrap().state
}

fn observe(plan: &Plan, observed: &mut Observed) {
    plan.objects().for_each(|(id, object)| observed.put(id, object.clone()));
}

#[test]
fn dependents_wait_until_what_they_need_is_ready() {
    let (graph, instance, mut observed) = (graph(), instance(true, &[]), Observed::default());
    let first = plan(&graph, &instance, &observed);
    assert_eq!(first.objects().map(|(id, _)| id).collect::<Vec<_>>(), ["pod"]);
    assert_eq!(state(&first, "service"), &State::Waiting { why: "`pod` is not there yet".into() });
    observe(&first, &mut observed);
    let second = plan(&graph, &instance, &observed);
    let State::Waiting { why } = state(&second, "service") else { panic!("{second:?}") };
    assert!(
        why.starts_with("`pod` is not ready: Pod/ns/x: failed to evaluate `pod.status.phase == 'Running'`"),
        "{why}"
    );
    observed.objects.get_mut("pod").unwrap()[0]["status"] = json!({"phase": "Running"});
    let third = plan(&graph, &instance, &observed);
    assert_eq!(third.objects().map(|(id, _)| id).collect::<Vec<_>>(), ["pod", "service"]);
    assert_eq!(third.status, json!({"phase": "Running", "keys": "0"}).as_object().unwrap().clone());
    assert!(!third.is_complete());
    observe(&third, &mut observed);
    observed.objects.get_mut("pod").unwrap()[0]["status"] = json!({"phase": "Running"});
    let fourth = plan(&graph, &instance, &observed);
    assert_eq!(fourth.objects().count(), 3);
    assert!(fourth.is_complete());
}

#[test]
fn skipping_is_contagious() {
    let plan = plan(&graph(), &instance(false, &[]), &Observed::default());
    assert_eq!(state(&plan, "service"), &State::Skipped { why: "includeWhen `schema.spec.expose` is false".into() });
    assert_eq!(state(&plan, "ingress"), &State::Skipped { why: "it depends on `service`, which is skipped".into() });
}

#[test]
fn collections_make_one_object_per_item() {
    let plan_of = |keys: &[&str]| plan(&graph(), &instance(false, keys), &Observed::default());
    let plan = plan_of(&["a", "b"]);
    let names: Vec<_> =
        plan.objects().filter(|(id, _)| *id == "configs").map(|(_, o)| object::name(o).to_owned()).collect();
    assert_eq!(names, ["x-a", "x-b"]);
    let State::Failed { why } = state(&plan_of(&["a", "a"]), "configs").clone() else { panic!() };
    assert_eq!(why, "two objects of the collection are both ConfigMap/ns/x-a; their names must differ");
    assert!(matches!(state(&plan_of(&[]), "configs"), State::Desired { readiness: Readiness::Ready, .. }));
}

#[test]
fn children_carry_the_names_of_their_instance() {
    let plan = plan(&graph(), &instance(false, &[]), &Observed::default());
    let (_, pod) = plan.objects().next().unwrap();
    assert_eq!(object::namespace(pod), Some("ns"));
    assert_eq!(object::label(pod, "kro.run/node-id"), Some("pod"));
    assert_eq!(object::label(pod, "kro.run/instance-id"), Some("u"));
    assert_eq!(object::label(pod, "kro.run/resource-graph-definition-name"), Some("web"));
    assert_eq!(object::annotation(pod, "internal.kro.run/apply-order"), Some("0"));
}

#[test]
fn renders_without_a_cluster() {
    let rendered = render(&graph(), &instance(true, &["a"]), &Observed::default());
    let kinds: Vec<_> = rendered.objects.iter().map(object::kind).collect();
    assert_eq!(kinds, ["Pod", "Service", "Ingress", "ConfigMap"]);
    assert!(rendered.problems.is_empty(), "{:?}", rendered.problems);
}
