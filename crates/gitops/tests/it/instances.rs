//! Instances of graphs are healthy when their controller says so, not before.

use crate::lab::{Lab, condition};
use serde_json::{Value, json};

pub(crate) const SHOP: (&str, &str) = ("x.io/v1", "Shop");

pub(crate) fn definition() -> Value {
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "shops.x.io", "labels": {"kro.run/owned": "true"}},
        "spec": {
            "group": "x.io", "scope": "Namespaced",
            "names": {"kind": "Shop", "plural": "shops", "singular": "shop", "listKind": "ShopList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": schema}}],
        },
    })
}

pub(crate) fn status(state: &str, ready: &str, generation: i64) -> Value {
    let ready =
        json!({"type": "Ready", "status": ready, "reason": "R", "message": "m", "observedGeneration": generation});
    json!({"status": {"state": state, "conditions": [ready]}})
}

fn health(app: &Value) -> &str {
    app["status"]["health"]["status"].as_str().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn an_instance_has_to_report_on_its_present_generation() {
    let lab = Lab::start().await;
    let crds = lab.member(("apiextensions.k8s.io/v1", "CustomResourceDefinition"), "").await;
    crds.create("test", &definition()).await.unwrap();
    let shop = |size: u32| format!("apiVersion: x.io/v1\nkind: Shop\nmetadata: {{name: s}}\nspec: {{size: {size}}}\n");
    let sha = lab.commit(&[("shop/s.yaml", Some(&shop(1)))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    lab.synced("shop-dev", &sha).await;
    lab.cluster.settle().await;
    let app = lab.status("shop-dev").await;
    assert_eq!(app["health"]["status"], "Progressing", "{app:#}");
    let said = &app["resources"][0]["health"]["message"];
    assert_eq!(said, "waiting for its controller to report");

    let shops = lab.member(SHOP, "shop").await;
    shops.merge_patch("kro", "s", Some("status"), &status("ACTIVE", "True", 1)).await.unwrap();
    lab.until("shop-dev", |app| health(app) == "Healthy").await;

    let sha = lab.commit(&[("shop/s.yaml", Some(&shop(2)))]).await;
    lab.synced("shop-dev", &sha).await;
    lab.cluster.settle().await;
    let app = lab.status("shop-dev").await;
    assert_eq!(app["health"]["status"], "Progressing", "its status is about the generation before");
    shops.merge_patch("kro", "s", Some("status"), &status("ACTIVE", "True", 2)).await.unwrap();
    lab.until("shop-dev", |app| health(app) == "Healthy").await;
}

#[tokio::test(start_paused = true)]
async fn images_of_what_an_instance_made_are_told() {
    let lab = Lab::start().await;
    let crds = lab.member(("apiextensions.k8s.io/v1", "CustomResourceDefinition"), "").await;
    crds.create("test", &definition()).await.unwrap();
    let sha = lab.commit(&[("shop/s.yaml", Some("apiVersion: x.io/v1\nkind: Shop\nmetadata: {name: s}\n"))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    lab.synced("shop-dev", &sha).await;
    let shop = lab.member(SHOP, "shop").await.get("s").await.unwrap().unwrap();

    let mut web = mainstay_testkit::build::deployment("shop", "web", 1, "registry.example/web:1");
    web["metadata"]["labels"]["kro.run/instance-id"] = shop["metadata"]["uid"].clone();
    let deployments = lab.member(("apps/v1", "Deployment"), "shop").await;
    deployments.create("kro", &web).await.unwrap();
    let shows = |images: Value| move |app: &Value| app["status"]["summary"]["images"] == images;
    lab.until("shop-dev", shows(json!(["registry.example/web:1"]))).await;

    lab.cluster.settle().await;
    let before = (lab.cluster.server().snapshot().revision(), lab.cluster.server().calls());
    let scaled = json!({"spec": {"replicas": 2}});
    deployments.merge_patch("kro", "web", None, &scaled).await.unwrap();
    lab.cluster.settle().await;
    let after = (lab.cluster.server().snapshot().revision(), lab.cluster.server().calls());
    assert_eq!(after, (before.0 + 1, before.1 + 1), "only a change of images is looked at");

    let newer =
        json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "registry.example/web:2"}]}}}});
    deployments.merge_patch("kro", "web", None, &newer).await.unwrap();
    lab.until("shop-dev", shows(json!(["registry.example/web:2"]))).await;
}

const GRAPH: &str = "# two resources that need each other
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: cycle}
spec:
  schema: {apiVersion: v1alpha1, kind: Cycle}
  resources:
    - id: one
      template: {apiVersion: v1, kind: ConfigMap, metadata: {name: '${two.metadata.name}'}}
    - id: two
      template: {apiVersion: v1, kind: ConfigMap, metadata: {name: '${one.metadata.name}'}}
";

#[tokio::test(start_paused = true)]
async fn what_is_degraded_is_said_with_file_and_line() {
    let lab = Lab::start().await;
    let crds = lab.member(("apiextensions.k8s.io/v1", "CustomResourceDefinition"), "").await;
    crds.create("test", &mainstay_api::kro::custom_resource_definition()).await.unwrap();
    let sha = lab.commit(&[("shop/cycle.yaml", Some(GRAPH))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    let app = lab.synced("shop-dev", &sha).await;
    assert_eq!(health(&app), "Progressing");
    let graphs = lab.member(("kro.run/v1alpha1", "ResourceGraphDefinition"), "").await;
    let report = async |state: &str, ready: &str, message: &str| {
        let mut status = status(state, ready, 1);
        status["status"]["conditions"][0]["message"] = json!(message);
        graphs.merge_patch("kro", "cycle", Some("status"), &status).await.unwrap();
    };

    let why = "resource `two`, field spec.resources[1]: it needs `one`, which needs `two`";
    report("Inactive", "False", why).await;
    let app = lab.until("shop-dev", |app| health(app) == "Degraded").await;
    let expected = format!("shop/cycle.yaml:10:7: ResourceGraphDefinition cycle: {why}");
    assert_eq!(condition(&app, "DegradedResourceWarning"), Some(expected.as_str()));

    report("Inactive", "False", "nobody serves it").await;
    let expected = "shop/cycle.yaml:2: ResourceGraphDefinition cycle: nobody serves it";
    lab.until("shop-dev", |app| condition(app, "DegradedResourceWarning") == Some(expected)).await;

    report("Active", "True", "").await;
    let app = lab.until("shop-dev", |app| health(app) == "Healthy").await;
    assert_eq!(condition(&app, "DegradedResourceWarning"), None);
}
