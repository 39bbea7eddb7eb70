//! Instances of graphs are healthy when their controller says so, not before.

use crate::lab::Lab;
use serde_json::{Value, json};

const SHOP: (&str, &str) = ("x.io/v1", "Shop");

fn definition() -> Value {
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

fn status(state: &str, ready: &str, generation: i64) -> Value {
    let ready =
        json!({"type": "Ready", "status": ready, "reason": "R", "message": "m", "observedGeneration": generation});
    json!({"status": {"state": state, "conditions": [ready]}})
}

fn health<'a>(app: &'a Value) -> &'a str {
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
