//! What the ConfigMap `argocd-cm` says of resources.

use serde_json::{Value, json};

use crate::lab::{APPLICATION, CONFIG_MAP, Lab, condition, config};

const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: b}\n";

/// Judges a `ConfigMap` by what it holds.
const BY_VALUE: &str = r#"
local hs = {status = "Healthy", message = "value is " .. obj.data.value}
if obj.data.value == "bad" then
  hs.status = "Degraded"
end
return hs
"#;

async fn settings(lab: &Lab, data: Value) {
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm", "namespace": "argocd"}, "data": data});
    lab.cluster.apply(&map).await;
}

fn is(status: &'static str) -> impl Fn(&Value) -> bool {
    move |app| app["status"]["health"]["status"] == status
}

fn health_of(app: &Value, name: &str) -> Value {
    let resources = app["status"]["resources"].as_array().unwrap();
    resources.iter().find(|resource| resource["name"] == name).unwrap()["health"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_script_judges_health_and_a_change_of_it_is_heard() {
    let lab = Lab::start().await;
    settings(&lab, json!({"resource.customizations.health.ConfigMap": BY_VALUE})).await;
    let sha = lab.commit(&[("shop/a.yaml", Some(&config("a", "bad", "")))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    lab.synced("shop-dev", &sha).await;
    let app = lab.until("shop-dev", is("Degraded")).await;
    assert_eq!(health_of(&app, "a"), json!({"status": "Degraded", "message": "value is bad"}));
    assert!(condition(&app, "DegradedResourceWarning").unwrap().contains("value is bad"));

    settings(&lab, json!({"resource.customizations.health.ConfigMap": "return {status = 'Suspended'}"})).await;
    lab.until("shop-dev", is("Suspended")).await;

    settings(&lab, json!({"resource.customizations.health.ConfigMap": "while true do end"})).await;
    let app = lab.until("shop-dev", is("Unknown")).await;
    let error = condition(&app, "ComparisonError").unwrap();
    assert!(error.contains("failed to get the health of ConfigMap/shop/a"), "{error}");
    assert!(error.contains("script ran longer than 3000000 instructions"), "{error}");

    settings(&lab, json!({"url": "https://argocd.example.com"})).await;
    let app = lab.until("shop-dev", is("Healthy")).await;
    assert_eq!((health_of(&app, "a"), condition(&app, "ComparisonError")), (Value::Null, None));
}

#[tokio::test(start_paused = true)]
async fn excluded_kinds_are_left_alone() {
    let lab = Lab::start().await;
    let sha = lab.commit(&[("shop/a.yaml", Some(&config("a", "1", ""))), ("shop/s.yaml", Some(SECRET))]).await;
    let mut app = lab.app("shop-dev", "shop");
    app["metadata"]["finalizers"] = json!(["resources-finalizer.argocd.argoproj.io"]);
    lab.cluster.apply(&app).await;
    lab.synced("shop-dev", &sha).await;
    let secret = || async { lab.member(("v1", "Secret"), "shop").await.get("s").await.unwrap() };
    assert!(secret().await.is_some());

    settings(&lab, json!({"resource.exclusions": "- kinds: [Secret]\n  clusters: [dev]\n"})).await;
    let warned = |app: &Value| condition(app, "ExcludedResourceWarning").is_some();
    let app = lab.until("shop-dev", warned).await;
    assert_eq!(
        condition(&app, "ExcludedResourceWarning"),
        Some("shop/s.yaml:1: Secret/shop/s: Resource /Secret s is excluded in the settings")
    );
    assert_eq!(app["status"]["resources"].as_array().unwrap().len(), 1);
    assert_eq!(app["status"]["sync"]["status"], "Synced");

    let sha = lab.commit(&[("shop/a.yaml", Some(&config("a", "2", ""))), ("shop/s.yaml", None)]).await;
    let app = lab.synced("shop-dev", &sha).await;
    assert!(!warned(&app) && secret().await.is_some(), "it is not pruned");

    lab.cluster.delete(APPLICATION, "argocd", "shop-dev").await;
    lab.cluster.settle().await;
    assert!(lab.cluster.get(APPLICATION, "argocd", "shop-dev").await.is_none());
    assert!(lab.config("a").await.is_none() && secret().await.is_some(), "nor deleted with the application");
}

#[tokio::test(start_paused = true)]
async fn differences_are_ignored_by_the_system_beside_own_rules() {
    let lab = Lab::start().await;
    let rule = "jsonPointers: [/data/value]\n";
    settings(&lab, json!({"resource.customizations.ignoreDifferences.ConfigMap": rule})).await;
    let sha = lab.commit(&[("shop/a.yaml", Some(&config("a", "1", "")))]).await;
    let mut app = lab.app("shop-dev", "shop");
    app["spec"]["ignoreDifferences"] = json!([{"group": "", "kind": "ConfigMap", "jsonPointers": ["/data/own"]}]);
    lab.cluster.apply(&app).await;
    lab.synced("shop-dev", &sha).await;
    let drift = json!({"data": {"value": "drifted", "own": "x"}});
    let member = lab.member(CONFIG_MAP, "shop").await;
    member.merge_patch("someone", "a", None, &drift).await.unwrap();
    lab.cluster.settle().await;
    assert_eq!(lab.status("shop-dev").await["sync"]["status"], "Synced");
    assert_eq!(lab.config("a").await.unwrap()["data"]["value"], "drifted");

    settings(&lab, json!({})).await;
    lab.cluster.settle().await;
    let live = lab.config("a").await.unwrap();
    assert_eq!(live["data"]["value"], "1", "without the rule it is a difference, and is healed");
}

#[tokio::test(start_paused = true)]
async fn mistakes_are_said_and_the_rest_holds() {
    let lab = Lab::start().await;
    let data = json!({
        "resource.customizations.health.ConfigMap": BY_VALUE,
        "resource.customizations.mood.ConfigMap": "good",
        "resource.exclusions": "- kinds: 5\n",
        "resource.compareoptions": "ignoreResourceStatusField: none",
    });
    settings(&lab, data).await;
    lab.commit(&[("shop/a.yaml", Some(&config("a", "bad", "")))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    let app = lab.until("shop-dev", is("Degraded")).await;
    let said = condition(&app, "UnsupportedFeatureWarning").unwrap();
    for expected in [
        "resource.customizations.mood.ConfigMap of ConfigMap argocd-cm: mood is not known",
        "failed to read resource.exclusions[0] of ConfigMap argocd-cm",
        "ignoreResourceStatusField has no effect",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}
