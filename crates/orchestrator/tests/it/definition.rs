//! Definitions: the kind they bring, and what becomes of bad ones.

use serde_json::json;

use crate::support::{CONFIG_MAP, CRD, RGD, cluster, condition};

const NOTE: (&str, &str) = ("test.dev/v1alpha1", "Note");

pub(crate) const NOTES: &str = r#"
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: notes}
spec:
  schema:
    apiVersion: v1alpha1
    kind: Note
    group: test.dev
    shortNames: [nt]
    spec: {text: string | default=hello, extra: boolean | default=false}
    status: {seen: "${first.data.text}"}
  resources:
    - id: second
      includeWhen: ["${schema.spec.extra}"]
      template: {apiVersion: v1, kind: ConfigMap, metadata: {name: "${first.metadata.name}-2"}, data: {text: "${first.data.text}"}}
    - id: first
      template: {apiVersion: v1, kind: ConfigMap, metadata: {name: "${schema.metadata.name}"}, data: {text: "${schema.spec.text}"}}
"#;

fn note(name: &str, extra: bool) -> serde_json::Value {
    json!({"apiVersion": "test.dev/v1alpha1", "kind": "Note", "metadata": {"name": name, "namespace": "shop"}, "spec": {"extra": extra}})
}

#[tokio::test(start_paused = true)]
async fn a_definition_brings_a_kind() {
    let cluster = cluster().await;
    cluster.apply_yaml(NOTES).await;
    let notes = cluster.eventually(RGD, ("", "notes"), |notes| condition(notes, "Ready").0 == "True").await;
    assert_eq!(notes["status"]["state"], "Active");
    assert_eq!(notes["status"]["topologicalOrder"], json!(["first", "second"]));
    assert_eq!(notes["status"]["resources"], json!([{"id": "second", "dependencies": [{"id": "first"}]}]));
    for kind in ["GraphAccepted", "KindReady", "ControllerReady"] {
        assert_eq!(condition(&notes, kind).0, "True", "{kind}");
    }
    let crd = cluster.get(CRD, "", "notes.test.dev").await.unwrap();
    assert_eq!(crd["spec"]["names"]["shortNames"], json!(["nt"]));
    cluster.apply(&note("a", true)).await;
    let a = cluster.eventually(NOTE, ("shop", "a"), |a| condition(a, "Ready").0 == "True").await;
    assert_eq!(a["status"]["seen"], "hello");
    assert_eq!(cluster.get(CONFIG_MAP, "shop", "a-2").await.unwrap()["data"]["text"], "hello");
}

#[tokio::test(start_paused = true)]
async fn a_bad_definition_says_why_and_the_last_good_one_keeps_serving() {
    let cluster = cluster().await;
    cluster.apply_yaml(NOTES).await;
    cluster.settle().await;
    cluster
        .apply_yaml(&NOTES.replace("data: {text: \"${schema.spec.text}\"}", "data: {text: \"${second.data.text}\"}"))
        .await;
    let notes = cluster.eventually(RGD, ("", "notes"), |notes| condition(notes, "Ready").0 == "False").await;
    assert_eq!(
        condition(&notes, "GraphAccepted").1,
        "resource `second`, field spec.resources[0]: the resources depend on each other in a circle: \
         second → first → second; take one of the references out; the last good graph keeps serving"
    );
    assert_eq!(notes["status"]["state"], "Inactive");
    cluster.apply(&note("b", false)).await;
    cluster.eventually(NOTE, ("shop", "b"), |b| condition(b, "Ready").0 == "True").await;
    cluster.apply_yaml(NOTES).await;
    cluster.eventually(RGD, ("", "notes"), |notes| condition(notes, "Ready").0 == "True").await;
}

#[tokio::test(start_paused = true)]
async fn a_definition_that_never_was_good_serves_nothing() {
    let cluster = cluster().await;
    cluster.apply_yaml(&NOTES.replace("${schema.spec.text}", "${schema.spec.txet}")).await;
    let notes = cluster.eventually(RGD, ("", "notes"), |notes| condition(notes, "Ready").0 == "False").await;
    assert_eq!(
        condition(&notes, "GraphAccepted").1,
        "resource `first`, field spec.resources[1].template.data.text: `schema.spec` has no field `txet`; \
         did you mean `text`? (in `schema.spec.txet`)"
    );
    assert_eq!(cluster.get(CRD, "", "notes.test.dev").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_changed_definition_changes_its_instances() {
    let cluster = cluster().await;
    cluster.apply_yaml(NOTES).await;
    cluster.settle().await;
    cluster.apply(&note("a", true)).await;
    cluster.settle().await;
    cluster.apply_yaml(&NOTES.replace("-2\"}", "-two\"}")).await;
    cluster.settle().await;
    assert!(cluster.get(CONFIG_MAP, "shop", "a-two").await.is_some());
    assert_eq!(cluster.get(CONFIG_MAP, "shop", "a-2").await, None, "what the graph no longer has is pruned");
}

#[tokio::test(start_paused = true)]
async fn a_change_that_breaks_instances_is_refused_while_there_are_any() {
    let cluster = cluster().await;
    cluster.apply_yaml(NOTES).await;
    cluster.settle().await;
    cluster.apply(&note("a", false)).await;
    cluster.settle().await;
    let breaking = NOTES
        .replace("extra: boolean | default=false", "extra: string | default=no")
        .replace("${schema.spec.extra}", "${schema.spec.extra == 'yes'}");
    cluster.apply_yaml(&breaking).await;
    let notes = cluster.eventually(RGD, ("", "notes"), |notes| condition(notes, "Ready").0 == "False").await;
    assert_eq!(
        condition(&notes, "GraphAccepted").1,
        "field spec.schema: the change would break objects that exist: spec.extra: its type changes from boolean to \
         string; take it back, or delete the objects first; the last good graph keeps serving"
    );
    cluster.delete(NOTE, "shop", "a").await;
    cluster.eventually(RGD, ("", "notes"), |notes| condition(notes, "Ready").0 == "True").await;
}

#[tokio::test(start_paused = true)]
async fn instances_of_a_definition_that_turned_bad_can_still_be_deleted_by_a_new_process() {
    let cluster = cluster().await;
    cluster.apply_yaml(NOTES).await;
    cluster.settle().await;
    cluster.apply(&note("a", true)).await;
    cluster.settle().await;
    cluster.apply_yaml(&NOTES.replace("${schema.spec.text}", "${schema.spec.txet}")).await;
    cluster.settle().await;
    let fork = cluster.fork();
    crate::support::run_on(&fork);
    let a = fork.eventually(NOTE, ("shop", "a"), |a| condition(a, "Ready").0 == "False").await;
    assert_eq!(condition(&a, "Ready").1, "the definition `notes` is not valid; see its conditions");
    assert!(fork.get(CONFIG_MAP, "shop", "a-2").await.is_some());
    fork.delete(NOTE, "shop", "a").await;
    fork.settle().await;
    assert_eq!(fork.get(NOTE, "shop", "a").await, None);
    assert_eq!(fork.get(CONFIG_MAP, "shop", "a-2").await, None);
}

#[tokio::test(start_paused = true)]
async fn two_definitions_of_one_kind_do_not_fight() {
    let cluster = cluster().await;
    cluster.apply_yaml(NOTES).await;
    cluster.settle().await;
    cluster.apply_yaml(&NOTES.replace("metadata: {name: notes}", "metadata: {name: other}")).await;
    let other = cluster.eventually(RGD, ("", "other"), |other| condition(other, "Ready").0 == "False").await;
    assert_eq!(
        condition(&other, "KindReady").1,
        "the definition `notes` serves Note.test.dev already; rename one of the two kinds"
    );
}

#[tokio::test(start_paused = true)]
async fn a_definition_goes_after_its_last_instance() {
    let cluster = cluster().await;
    cluster.apply_yaml(NOTES).await;
    cluster.settle().await;
    cluster.apply(&note("a", true)).await;
    cluster.settle().await;
    cluster.delete(RGD, "", "notes").await;
    let notes = cluster.eventually(RGD, ("", "notes"), |notes| condition(notes, "KindReady").0 == "False").await;
    assert_eq!(
        condition(&notes, "KindReady").1,
        "1 instances remain; delete them first, and the definition goes by itself"
    );
    cluster.delete(NOTE, "shop", "a").await;
    cluster.settle().await;
    assert_eq!(cluster.get(NOTE, "shop", "a").await, None);
    assert_eq!(cluster.get(CONFIG_MAP, "shop", "a").await, None);
    assert_eq!(cluster.get(RGD, "", "notes").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_kind_left_behind_can_be_taken_over_and_a_foreign_one_cannot() {
    let cluster = cluster().await;
    cluster.apply_yaml(NOTES).await;
    cluster.settle().await;
    cluster.delete(RGD, "", "notes").await;
    cluster.settle().await;
    assert_eq!(cluster.get(RGD, "", "notes").await, None);
    cluster.apply_yaml(&NOTES.replace("metadata: {name: notes}", "metadata: {name: heir}")).await;
    cluster.eventually(RGD, ("", "heir"), |heir| condition(heir, "Ready").0 == "True").await;
    let foreign = NOTES
        .replace("metadata: {name: notes}", "metadata: {name: thief}")
        .replace("kind: Note", "kind: ResourceGraphDefinition");
    cluster.apply_yaml(&foreign.replace("group: test.dev", "group: kro.run")).await;
    let thief = cluster.eventually(RGD, ("", "thief"), |thief| condition(thief, "Ready").0 == "False").await;
    assert!(condition(&thief, "KindReady").1.contains("is defined by someone else already"), "{thief:#}");
}

#[tokio::test(start_paused = true)]
async fn a_new_process_goes_on_where_the_old_one_stopped() {
    let cluster = cluster().await;
    cluster.apply_yaml(NOTES).await;
    cluster.settle().await;
    cluster.apply(&note("a", true)).await;
    cluster.settle().await;
    cluster.delete(RGD, "", "notes").await;
    cluster.settle().await;
    // A fork has no orchestrator of its own yet: starting one is starting anew.
    let fork = cluster.fork();
    crate::support::run_on(&fork);
    fork.settle().await;
    fork.delete(NOTE, "shop", "a").await;
    fork.settle().await;
    assert_eq!(fork.get(NOTE, "shop", "a").await, None);
    assert_eq!(fork.get(RGD, "", "notes").await, None);
}
