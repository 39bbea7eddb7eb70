//! Sources that are broken in part or cannot be read at all.

use crate::lab::{Lab, condition, config};

#[tokio::test(start_paused = true)]
async fn what_is_broken_is_reported_and_the_rest_is_deployed() {
    let lab = Lab::start().await;
    let first =
        lab.commit(&[("shop/a.yaml", Some(&config("a", "1", ""))), ("shop/b.yaml", Some(&config("b", "1", "")))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    lab.synced("shop-dev", &first).await;

    let typo = "apiVersion: v1\nkind: ConfgMap\nmetadata:\n  name: c\n";
    let refused = "# first line\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: Not_A_Name\n";
    lab.commit(&[
        ("shop/a.yaml", Some(&config("a", "2", ""))),
        ("shop/b.yaml", Some("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: [b\n")),
        ("shop/c.yaml", Some(typo)),
        ("shop/d.yaml", Some(refused)),
    ])
    .await;
    let app = lab.until("shop-dev", |app| app["status"]["operationState"]["phase"] == "Failed").await;

    let errors = condition(&app, "ComparisonError").unwrap();
    assert!(errors.contains("shop/b.yaml:"), "{errors}");
    assert!(errors.contains("shop/c.yaml:1: ConfgMap/shop/c: the destination serves no v1, Kind=ConfgMap"), "{errors}");
    let errors = condition(&app, "SyncError").unwrap();
    assert!(errors.contains("shop/d.yaml:5:3: ConfigMap/shop/Not_A_Name:"), "{errors}");
    assert_eq!(lab.config("a").await.unwrap()["data"]["value"], "2", "the rest is deployed");
    assert!(lab.config("b").await.is_some(), "what the broken file held is kept");
    let kept = condition(&app, "PruneWarning").unwrap();
    assert!(kept.contains("nothing is pruned while the source is not readable in full"), "{kept}");

    let fixed = lab.commit(&[("shop/b.yaml", None), ("shop/c.yaml", None), ("shop/d.yaml", None)]).await;
    let app = lab.synced("shop-dev", &fixed).await;
    assert!(app["status"]["conditions"].is_null(), "{}", app["status"]["conditions"]);
    assert!(lab.config("b").await.is_none(), "pruned once the source is whole");
}

#[tokio::test(start_paused = true)]
async fn a_value_of_the_wrong_type_stops_only_its_object() {
    let web = |replicas: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: {replicas}\n  \
             selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    \
             spec: {{containers: [{{name: web, image: web}}]}}\n"
        )
    };
    let lab = Lab::start().await;
    let files = |replicas: &str, value: &str| (web(replicas), config("a", value, ""));
    let (deployment, a) = files("1", "1");
    let first = lab.commit(&[("shop/web.yaml", Some(&deployment)), ("shop/a.yaml", Some(&a))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    lab.synced("shop-dev", &first).await;

    let (deployment, a) = files("three", "2");
    lab.commit(&[("shop/web.yaml", Some(&deployment)), ("shop/a.yaml", Some(&a))]).await;
    let app = lab.until("shop-dev", |app| app["status"]["operationState"]["phase"] == "Failed").await;
    let error = condition(&app, "SyncError").unwrap();
    assert!(
        error.contains("shop/web.yaml:5:3: Deployment.apps/shop/web: failed to create typed patch object"),
        "{error}"
    );
    assert!(error.contains(".spec.replicas: expected numeric"), "{error}");
    assert_eq!(condition(&app, "ComparisonError"), None);
    assert_eq!(lab.config("a").await.unwrap()["data"]["value"], "2", "the rest is deployed");
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_source_changes_nothing() {
    let lab = Lab::start().await;
    let first = lab.commit(&[("shop/a.yaml", Some(&config("a", "1", "")))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    lab.synced("shop-dev", &first).await;
    lab.commit(&[("shop/a.yaml", None), ("README.md", Some("x"))]).await;
    let app = lab.until("shop-dev", |app| app["status"]["sync"]["status"] == "Unknown").await;
    assert!(condition(&app, "ComparisonError").unwrap().contains("shop"), "{app:#}");
    assert!(lab.config("a").await.is_some());

    let back = lab.commit(&[("shop/a.yaml", Some(&config("a", "2", "")))]).await;
    lab.synced("shop-dev", &back).await;
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_comes_later_is_deployed_then() {
    let lab = Lab::start().await;
    let foo = "apiVersion: x.io/v1\nkind: Foo\nmetadata: {name: f}\n";
    lab.commit(&[("shop/foo.yaml", Some(foo)), ("shop/a.yaml", Some(&config("a", "1", "")))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    let app = lab.until("shop-dev", |app| app["status"]["operationState"]["phase"] == "Failed").await;
    assert!(condition(&app, "ComparisonError").unwrap().contains("shop/foo.yaml:1: Foo.x.io/shop/f"));
    assert!(lab.config("a").await.is_some());

    let crd = serde_json::json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "foos.x.io"},
        "spec": {"group": "x.io", "scope": "Namespaced", "names": {"kind": "Foo", "plural": "foos", "singular": "foo", "listKind": "FooList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}]},
    });
    lab.member(("apiextensions.k8s.io/v1", "CustomResourceDefinition"), "").await.create("test", &crd).await.unwrap();
    lab.until("shop-dev", |app| app["status"]["operationState"]["phase"] == "Succeeded").await;
    assert!(lab.member(("x.io/v1", "Foo"), "shop").await.get("f").await.unwrap().is_some());
}
