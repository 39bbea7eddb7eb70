//! Instances: order, what goes wrong, references, suspension, deletion in reverse.

use mainstay_api::platform::SPEC_RULES;
use mainstay_apimachinery::object;
use mainstay_controller_runtime::ApplyOptions;
use serde_json::{Value, json};

use crate::support::{APPLICATION, CONFIG_MAP, DEPLOYMENT, EVENT, RGD, cluster, condition, platform};

const THING: (&str, &str) = ("test.dev/v1alpha1", "Thing");

fn things(resources: &str) -> String {
    format!(
        "apiVersion: kro.run/v1alpha1\nkind: ResourceGraphDefinition\nmetadata: {{name: things}}\nspec:\n  schema:\n    \
         apiVersion: v1alpha1\n    kind: Thing\n    group: test.dev\n    spec: {{name: string | default=x}}\n  resources:\n{resources}"
    )
}

fn thing() -> Value {
    json!({"apiVersion": "test.dev/v1alpha1", "kind": "Thing", "metadata": {"name": "t", "namespace": "shop"}, "spec": {}})
}

#[tokio::test(start_paused = true)]
async fn resources_come_in_order_and_wait_for_readiness() {
    let cluster = cluster().await;
    cluster
        .apply_yaml(&things(
            r#"
    - id: after
      template: {apiVersion: v1, kind: ConfigMap, metadata: {name: after}, data: {replicas: "${string(app.status.availableReplicas)}"}}
    - id: app
      readyWhen: ["${app.status.?availableReplicas.orValue(0) == app.spec.replicas}"]
      template:
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: app}
        spec:
          replicas: 2
          selector: {matchLabels: {app: app}}
          template: {metadata: {labels: {app: app}}, spec: {containers: [{name: a, image: "registry.example/a:1"}]}}
"#,
        ))
        .await;
    cluster.eventually(RGD, ("", "things"), |things| condition(things, "Ready").0 == "True").await;
    cluster.apply(&thing()).await;
    let waiting = cluster.eventually(THING, ("shop", "t"), |t| condition(t, "GraphResolved").0 == "Unknown").await;
    assert!(condition(&waiting, "Ready").1.contains("resource `after`: `app` is not"), "{waiting:#}");
    assert_eq!(waiting["status"]["state"], "IN_PROGRESS");
    cluster.eventually(THING, ("shop", "t"), |t| condition(t, "Ready").0 == "True").await;
    assert_eq!(cluster.get(CONFIG_MAP, "shop", "after").await.unwrap()["data"]["replicas"], "2");
    cluster.settle().await;
    cluster.delete(THING, "shop", "t").await;
    cluster.settle().await;
    assert_eq!(cluster.get(THING, "shop", "t").await, None);
    assert_eq!(cluster.get(DEPLOYMENT, "shop", "app").await, None);
}

#[tokio::test(start_paused = true)]
async fn what_the_server_refuses_stands_on_the_instance() {
    let cluster = cluster().await;
    cluster
        .apply_yaml(&things(
            r#"
    - id: bad
      template: {apiVersion: v1, kind: Service, metadata: {name: "${schema.spec.name + '_'}"}, spec: {ports: [{port: 80}]}}
    - id: unknown
      template: {apiVersion: nowhere.dev/v1, kind: Nothing, metadata: {name: none}}
    - id: good
      template: {apiVersion: v1, kind: ConfigMap, metadata: {name: good}}
"#,
        ))
        .await;
    cluster.eventually(RGD, ("", "things"), |things| condition(things, "Ready").0 == "True").await;
    cluster.apply(&thing()).await;
    let t = cluster.eventually(THING, ("shop", "t"), |t| t["status"]["state"] == "ERROR").await;
    let (_, why) = condition(&t, "Ready");
    assert!(why.contains("resource `bad`: failed to apply Service/shop/x_: "), "{why}");
    assert!(
        why.contains("the cluster serves no nowhere.dev/v1, Kind=Nothing; install the CustomResourceDefinition"),
        "{why}"
    );
    assert!(cluster.get(CONFIG_MAP, "shop", "good").await.is_some(), "the rest is applied");
    cluster.settle().await;
    let events = cluster.list(EVENT, "shop").await;
    let failed: Vec<_> = events.iter().filter(|event| event["reason"] == "InstanceFailed").collect();
    assert_eq!((failed.len(), failed[0]["type"].as_str()), (1, Some("Warning")), "{failed:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_clash_of_dialects_is_refused() {
    let cluster = platform().await;
    let clash = json!({"apiVersion": "platform.mainstay.dev/v1alpha1", "kind": "Application",
        "metadata": {"name": "a", "namespace": "shop"},
        "spec": {"image": "x:1", "resources": {"cpu": "1", "limits": {"cpu": "2"}}}});
    let refused =
        cluster.api(APPLICATION, "shop").await.apply(&clash, &ApplyOptions::forced("test")).await.unwrap_err();
    let message = "resources.cpu and resources.limits.cpu differ; keep resources.cpu, or requests and limits";
    assert!(refused.message().contains(message), "{}", refused.message());
    assert_eq!(cluster.get(APPLICATION, "shop", "a").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_comes_later_stands_on_the_instances_that_break_it() {
    let cluster = cluster().await;
    let map = "    - id: a\n      template: {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n";
    cluster.apply_yaml(&things(map)).await;
    cluster.eventually(RGD, ("", "things"), |things| condition(things, "Ready").0 == "True").await;
    cluster.apply(&thing()).await;
    cluster.eventually(THING, ("shop", "t"), |t| condition(t, "Ready").0 == "True").await;
    let rules = r#"[{"rule": "self.name != 'x'", "message": "x is no name"}]"#;
    let annotated =
        format!("metadata: {{name: things, annotations: {{{SPEC_RULES}: '{}'}}}}", rules.replace('\'', "''"));
    let changed = map.replace("{name: a}}", "{name: a}, data: {k: v}}");
    cluster.apply_yaml(&things(&changed).replace("metadata: {name: things}", &annotated)).await;
    let broken = cluster.eventually(THING, ("shop", "t"), |t| t["status"]["state"] == "ERROR").await;
    assert_eq!(condition(&broken, "Ready"), ("False", "x is no name"));
}

#[tokio::test(start_paused = true)]
async fn external_references_are_watched_and_never_deleted() {
    let cluster = cluster().await;
    cluster
        .apply_yaml(&things(
            r#"
    - id: settings
      externalRef: {apiVersion: v1, kind: ConfigMap, metadata: {name: settings}}
    - id: copy
      template: {apiVersion: v1, kind: ConfigMap, metadata: {name: copy}, data: {a: "${settings.data.a}"}}
"#,
        ))
        .await;
    cluster.eventually(RGD, ("", "things"), |things| condition(things, "Ready").0 == "True").await;
    cluster.apply(&thing()).await;
    let t = cluster.eventually(THING, ("shop", "t"), |t| condition(t, "Ready").0 == "False").await;
    assert!(condition(&t, "Ready").1.contains("`settings` is not there yet"), "{t:#}");
    let settings = |value: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "shop"}, "data": {"a": value}});
    cluster.apply(&settings("1")).await;
    cluster.eventually(CONFIG_MAP, ("shop", "copy"), |copy| copy["data"]["a"] == "1").await;
    cluster.apply(&settings("2")).await;
    cluster.eventually(CONFIG_MAP, ("shop", "copy"), |copy| copy["data"]["a"] == "2").await;
    cluster.settle().await;
    cluster.delete(THING, "shop", "t").await;
    cluster.settle().await;
    assert!(cluster.get(CONFIG_MAP, "shop", "settings").await.is_some());
    assert_eq!(cluster.get(CONFIG_MAP, "shop", "copy").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_suspended_instance_is_left_alone() {
    let cluster = cluster().await;
    cluster
        .apply_yaml(&things("\n    - id: a\n      template: {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n"))
        .await;
    cluster.eventually(RGD, ("", "things"), |things| condition(things, "Ready").0 == "True").await;
    let mut suspended = thing();
    object::set_annotation(&mut suspended, "kro.run/reconcile", "suspended");
    cluster.apply(&suspended).await;
    let t = cluster.eventually(THING, ("shop", "t"), |t| condition(t, "Ready").0 == "False").await;
    assert!(condition(&t, "Ready").1.contains("remove the annotation to go on"));
    assert_eq!(cluster.get(CONFIG_MAP, "shop", "a").await, None);
}

#[tokio::test(start_paused = true)]
async fn another_instances_child_is_not_taken() {
    let cluster = cluster().await;
    cluster
        .apply_yaml(&things(
            "\n    - id: a\n      template: {apiVersion: v1, kind: ConfigMap, metadata: {name: same}}\n",
        ))
        .await;
    cluster.eventually(RGD, ("", "things"), |things| condition(things, "Ready").0 == "True").await;
    cluster.apply(&thing()).await;
    cluster.eventually(THING, ("shop", "t"), |t| condition(t, "Ready").0 == "True").await;
    let mut other = thing();
    other["metadata"]["name"] = json!("u");
    cluster.apply(&other).await;
    let u = cluster.eventually(THING, ("shop", "u"), |u| u["status"]["state"] == "ERROR").await;
    assert!(
        condition(&u, "Ready").1.contains("ConfigMap/shop/same already belongs to Thing t; rename one of the two"),
        "{u:#}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_tenant_is_made_and_goes_whole() {
    const TENANT: (&str, &str) = ("platform.mainstay.dev/v1alpha1", "Tenant");
    let cluster = platform().await;
    cluster
        .apply(&json!({"apiVersion": "platform.mainstay.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": "team"},
            "spec": {"contactEmail": "a@example.com", "members": [{"email": "b@example.com", "role": "admin"}]}}))
        .await;
    let team = cluster.eventually(TENANT, ("", "team"), |team| condition(team, "Ready").0 == "True").await;
    assert_eq!(team["status"]["namespace"], "team");
    let bindings = cluster.list(("rbac.authorization.k8s.io/v1", "RoleBinding"), "team").await;
    assert_eq!(bindings.iter().map(object::name).collect::<Vec<_>>(), ["tenant-admin"]);
    cluster.delete(TENANT, "", "team").await;
    cluster.settle().await;
    assert_eq!(cluster.get(TENANT, "", "team").await, None);
    assert_eq!(cluster.get(("v1", "Namespace"), "", "team").await, None);
}
