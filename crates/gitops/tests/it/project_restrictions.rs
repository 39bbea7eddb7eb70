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
