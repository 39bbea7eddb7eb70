//! Sync options: those that are heeded, and what is said of the others.

use crate::lab::{APPLICATION, Lab, condition, config};
use serde_json::json;

fn deployment(image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: 1\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec: {{containers: [{{name: main, image: '{image}'}}]}}\n"
    )
}

#[tokio::test(start_paused = true)]
async fn ignored_fields_are_left_alone_where_that_is_asked() {
    let lab = Lab::start().await;
    let first = lab.commit(&[("shop/web.yaml", Some(&deployment("web:1")))]).await;
    let mut app = lab.app("shop-dev", "shop");
    app["spec"]["ignoreDifferences"] =
        json!([{"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}]);
    app["spec"]["syncPolicy"]["syncOptions"] = json!(["CreateNamespace=true", "RespectIgnoreDifferences=true"]);
    lab.cluster.apply(&app).await;
    lab.synced("shop-dev", &first).await;
    let deployments = lab.member(("apps/v1", "Deployment"), "shop").await;
    deployments.merge_patch("hpa", "web", None, &json!({"spec": {"replicas": 5}})).await.unwrap();
    let second = lab.commit(&[("shop/web.yaml", Some(&deployment("web:2")))]).await;
    lab.synced("shop-dev", &second).await;
    let live = deployments.get("web").await.unwrap().unwrap();
    assert_eq!(live["spec"]["template"]["spec"]["containers"][0]["image"], "web:2");
    assert_eq!(live["spec"]["replicas"], 5);
}

#[tokio::test(start_paused = true)]
async fn a_shared_resource_fails_the_sync_where_that_is_asked() {
    let lab = Lab::start().await;
    let files = [("one/a.yaml", config("a", "1", "")), ("two/a.yaml", config("a", "2", ""))];
    let files = files.each_ref().map(|(path, text)| (*path, Some(text.as_str())));
    let sha = lab.commit(&files).await;
    lab.cluster.apply(&lab.app("one", "one")).await;
    lab.synced("one", &sha).await;
    let mut two = lab.app("two", "two");
    two["spec"]["syncPolicy"]["syncOptions"] = json!(["FailOnSharedResource=true"]);
    lab.cluster.apply(&two).await;
    let two = lab.until("two", |app| app["status"]["operationState"]["phase"] == "Failed").await;
    let message = two["status"]["operationState"]["message"].as_str().unwrap();
    assert_eq!(message, "Shared resource found: two/a.yaml:1: ConfigMap/shop/a is part of applications two and one");
    assert_eq!(lab.config("a").await.unwrap()["data"]["value"], "1");

    let sha = lab.commit(&[("one/a.yaml", None), ("one/b.yaml", Some(&config("b", "1", "")))]).await;
    lab.synced("one", &sha).await;
    let applications = lab.cluster.api(APPLICATION, "argocd").await;
    let refresh = json!({"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}});
    applications.merge_patch("test", "two", None, &refresh).await.unwrap();
    lab.until("two", |app| app["status"]["operationState"]["phase"] == "Succeeded").await;
    assert_eq!(lab.config("a").await.unwrap()["data"]["value"], "2", "nobody shares it any more");
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_in_vain_is_said() {
    let lab = Lab::start().await;
    let own = "argocd.argoproj.io/sync-options: ServerSideApply=false";
    let sha = lab.commit(&[("shop/a.yaml", Some(&config("a", "1", own)))]).await;
    let mut app = lab.app("shop-dev", "shop");
    app["spec"]["syncPolicy"]["syncOptions"] = json!(["CreateNamespace=true", "Validate=false"]);
    app["metadata"]["annotations"] = json!({"argocd.argoproj.io/compare-options": "ServerSideDiff=false"});
    lab.cluster.apply(&app).await;
    let app = lab.synced("shop-dev", &sha).await;
    assert_eq!(
        condition(&app, "UnsupportedFeatureWarning").unwrap().lines().collect::<Vec<_>>(),
        [
            "spec.syncPolicy.syncOptions: Validate=false has no effect; the API server always validates what is applied",
            "argocd.argoproj.io/compare-options: ServerSideDiff=false has no effect; comparing is always a server-side dry run, webhooks included",
            "shop/a.yaml:1: ConfigMap/shop/a: argocd.argoproj.io/sync-options: ServerSideApply=false has no effect; manifests are always applied server-side",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_replacement_leaves_nothing_of_others() {
    let lab = Lab::start().await;
    let own = "argocd.argoproj.io/sync-options: Replace=true";
    let first = lab.commit(&[("shop/a.yaml", Some(&config("a", "1", own)))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    lab.synced("shop-dev", &first).await;
    let uid = lab.config("a").await.unwrap()["metadata"]["uid"].clone();
    let theirs = json!({"data": {"theirs": "x"}});
    lab.member(("v1", "ConfigMap"), "shop").await.merge_patch("somebody", "a", None, &theirs).await.unwrap();
    let second = lab.commit(&[("shop/a.yaml", Some(&config("a", "2", own)))]).await;
    lab.synced("shop-dev", &second).await;
    let live = lab.config("a").await.unwrap();
    assert_eq!((&live["data"], &live["metadata"]["uid"]), (&json!({"value": "2"}), &uid));
    let without = config("a", "2", own).replace("data:\n  value: \"2\"\n", "");
    let third = lab.commit(&[("shop/a.yaml", Some(&without))]).await;
    lab.synced("shop-dev", &third).await;
    assert!(lab.config("a").await.unwrap()["data"].is_null(), "what the manifest no longer says is taken away");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_changed_is_made_anew_where_that_is_asked() {
    let lab = Lab::start().await;
    let selecting = |app: &str, own: &str| {
        deployment("web:1")
            .replace("app: web", &format!("app: {app}"))
            .replace("{name: web}", &format!("{{name: web, annotations: {{{own}}}}}"))
    };
    let force = "argocd.argoproj.io/sync-options: Force=true";
    let first = lab.commit(&[("shop/web.yaml", Some(&selecting("one", force)))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    lab.synced("shop-dev", &first).await;
    let deployments = lab.member(("apps/v1", "Deployment"), "shop").await;
    let uid = deployments.get("web").await.unwrap().unwrap()["metadata"]["uid"].clone();
    let second = lab.commit(&[("shop/web.yaml", Some(&selecting("two", force)))]).await;
    lab.synced("shop-dev", &second).await;
    let live = deployments.get("web").await.unwrap().unwrap();
    assert_ne!(live["metadata"]["uid"], uid);
    assert_eq!(live["spec"]["selector"]["matchLabels"]["app"], "two");
    let third = lab.commit(&[("shop/web.yaml", Some(&selecting("three", "note: plain")))]).await;
    let failed = |app: &serde_json::Value| {
        app["status"]["operationState"]["message"].as_str().is_some_and(|said| said.contains("field is immutable"))
    };
    lab.until("shop-dev", failed).await;
    assert_ne!(third, second);
}

#[tokio::test(start_paused = true)]
async fn differences_can_be_ignored_by_expression_and_by_manager() {
    let lab = Lab::start().await;
    let first = lab.commit(&[("shop/web.yaml", Some(&deployment("web:1")))]).await;
    let mut app = lab.app("shop-dev", "shop");
    app["spec"]["syncPolicy"]["automated"]["selfHeal"] = false.into();
    lab.cluster.apply(&app).await;
    lab.synced("shop-dev", &first).await;
    let deployments = lab.member(("apps/v1", "Deployment"), "shop").await;
    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "other"}]}}}});
    deployments.merge_patch("updater", "web", None, &image).await.unwrap();
    deployments.merge_patch("scaler", "web", None, &json!({"spec": {"replicas": 5}})).await.unwrap();
    lab.until("shop-dev", |app| app["status"]["sync"]["status"] == "OutOfSync").await;
    app["spec"]["ignoreDifferences"] = json!([
        {"group": "apps", "kind": "Deployment", "jqPathExpressions": [".spec.template.spec.containers[] | select(.name == \"main\") | .image"]},
        {"group": "*", "kind": "*", "managedFieldsManagers": ["scaler"]},
        {"group": "*", "kind": "*", "jqPathExpressions": [".a | repeat(.)"]},
    ]);
    lab.cluster.apply(&app).await;
    let app = lab.until("shop-dev", |app| app["status"]["sync"]["status"] == "Synced").await;
    let said = condition(&app, "UnsupportedFeatureWarning").unwrap();
    assert!(said.contains("repeat is not taken in a path expression"), "{said}");
    assert_eq!(deployments.get("web").await.unwrap().unwrap()["spec"]["replicas"], 5);
}
