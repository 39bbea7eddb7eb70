//! What an AppProject refuses.

use crate::lab::{Lab, condition, config};
use serde_json::{Value, json};

fn project(lab: &Lab) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "shop", "namespace": "argocd"},
        "spec": {
            "sourceRepos": [lab.url], "destinations": [{"name": "dev", "namespace": "shop"}],
            "namespaceResourceBlacklist": [{"group": "", "kind": "Secret"}],
        },
    })
}

#[tokio::test(start_paused = true)]
async fn a_project_decides_where_and_what() {
    let lab = Lab::start().await;
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n";
    lab.commit(&[("shop/a.yaml", Some(&config("a", "1", ""))), ("shop/s.yaml", Some(secret))]).await;
    let mut app = lab.app("shop-dev", "shop");
    app["spec"]["project"] = json!("shop");
    lab.cluster.apply(&app).await;
    let missing = |app: &Value| {
        condition(app, "InvalidSpecError").is_some_and(|text| text.contains("project shop which does not exist"))
    };
    lab.until("shop-dev", missing).await;

    lab.cluster.apply(&project(&lab)).await;
    let app_now = lab.until("shop-dev", |app| app["status"]["operationState"]["phase"] == "Failed").await;
    let error = condition(&app_now, "ComparisonError").unwrap();
    assert!(
        error.contains("shop/s.yaml:1: Secret/shop/s: resource Secret is not permitted in project 'shop'"),
        "{error}"
    );
    assert!(lab.config("a").await.is_some(), "what is permitted is deployed");

    app["spec"]["destination"]["namespace"] = json!("elsewhere");
    lab.cluster.apply(&app).await;
    let app = lab.until("shop-dev", |app| condition(app, "InvalidSpecError").is_some()).await;
    assert!(condition(&app, "InvalidSpecError").unwrap().contains("destination dev with namespace 'elsewhere'"));
    assert_eq!(app["status"]["sync"]["status"], "Unknown");
    assert!(lab.config("a").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_a_project_asks_in_vain_is_said() {
    let lab = Lab::start().await;
    let sha = lab.commit(&[("shop/a.yaml", Some(&config("a", "1", "")))]).await;
    let mut project = project(&lab);
    project["spec"]["destinationServiceAccounts"] =
        json!([{"server": "*", "namespace": "*", "defaultServiceAccount": "x"}]);
    project["spec"]["clusterResourceWhitelist"] = json!([{"group": "*", "kind": "*"}]);
    lab.cluster.apply(&project).await;
    let mut app = lab.app("shop-dev", "shop");
    app["spec"]["project"] = json!("shop");
    lab.cluster.apply(&app).await;
    let app = lab.synced("shop-dev", &sha).await;
    let said = condition(&app, "UnsupportedFeatureWarning").unwrap();
    assert!(said.starts_with("project shop: destinationServiceAccounts are not used yet"), "{said}");

    project["spec"]["signatureKeys"] = json!([{"keyID": "4AEE18F83AFDEB23"}]);
    lab.cluster.apply(&project).await;
    let app = lab.until("shop-dev", |app| condition(app, "InvalidSpecError").is_some()).await;
    assert!(condition(&app, "InvalidSpecError").unwrap().contains("signed commits"));
}
