//! When a project lets its applications sync.

use std::time::Duration;

use crate::lab::{APPLICATION, Lab, condition, config};
use serde_json::{Value, json};

/// A project that denies syncs for half an hour from now.
fn project(lab: &Lab, more: Value) -> Value {
    let now = lab.cluster.seams().clock.now();
    let mut window = json!({"kind": "deny", "schedule": now.strftime("%M %H * * *").to_string(), "duration": "30m",
        "namespaces": ["shop"], "description": "freeze"});
    window.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "shop", "namespace": "argocd"},
        "spec": {"sourceRepos": [lab.url], "destinations": [{"name": "dev", "namespace": "shop"}], "syncWindows": [window],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}]},
    })
}

async fn held(lab: &Lab, window: Value) -> Value {
    lab.cluster.apply(&project(lab, window)).await;
    let mut app = lab.app("shop-dev", "shop");
    app["spec"]["project"] = json!("shop");
    lab.cluster.apply(&app).await;
    lab.until("shop-dev", |app| condition(app, "SyncWindowWarning").is_some()).await
}

#[tokio::test(start_paused = true)]
async fn automation_waits_for_the_end_of_a_denial_and_no_longer() {
    let lab = Lab::start().await;
    let sha = lab.commit(&[("shop/a.yaml", Some(&config("a", "1", "")))]).await;
    let app = held(&lab, json!({})).await;
    let said = condition(&app, "SyncWindowWarning").unwrap();
    assert!(said.starts_with("within sync window deny") && said.contains("(freeze)"), "{said}");
    assert_eq!(
        (&app["status"]["sync"]["status"], &app["status"]["operationState"]),
        (&json!("OutOfSync"), &Value::Null)
    );
    let start = tokio::time::Instant::now();
    let app = lab.synced("shop-dev", &sha).await;
    let waited = start.elapsed();
    assert!(waited > Duration::from_secs(1700) && waited < Duration::from_secs(1810), "{waited:?}");
    assert_eq!(condition(&app, "SyncWindowWarning"), None);
}

#[tokio::test(start_paused = true)]
async fn a_sync_that_is_asked_for_waits_or_passes_as_the_window_says() {
    let lab = Lab::start().await;
    let sha = lab.commit(&[("shop/a.yaml", Some(&config("a", "1", "")))]).await;
    held(&lab, json!({})).await;
    let api = lab.cluster.api(APPLICATION, "argocd").await;
    let asked = json!({"operation": {"sync": {"revision": sha}, "initiatedBy": {"username": "ada"}}});
    api.merge_patch("test", "shop-dev", None, &asked).await.unwrap();
    let state = |app: &Value| app["status"]["operationState"].clone();
    let app = lab.until("shop-dev", |app| state(app)["phase"] == "Running").await;
    assert_eq!(state(&app)["message"], "Sync operation blocked by sync window");
    assert!(app["operation"].is_null() && lab.config("a").await.is_none());

    lab.cluster.apply(&project(&lab, json!({"manualSync": true}))).await;
    let app = lab.synced("shop-dev", &sha).await;
    assert_eq!(state(&app)["operation"]["initiatedBy"]["username"], "ada");
    assert_eq!(app["status"]["history"][0]["initiatedBy"]["username"], "ada");
    assert!(lab.config("a").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_held_sync_can_be_ended() {
    let lab = Lab::start().await;
    lab.commit(&[("shop/a.yaml", Some(&config("a", "1", "")))]).await;
    held(&lab, json!({})).await;
    let api = lab.cluster.api(APPLICATION, "argocd").await;
    api.merge_patch("test", "shop-dev", None, &json!({"operation": {"sync": {}}})).await.unwrap();
    lab.until("shop-dev", |app| app["status"]["operationState"]["phase"] == "Running").await;
    let end = json!({"status": {"operationState": {"phase": "Terminating"}}});
    api.merge_patch("test", "shop-dev", None, &end).await.unwrap();
    let app = lab.until("shop-dev", |app| app["status"]["operationState"]["phase"] == "Failed").await;
    assert_eq!(app["status"]["operationState"]["message"], "operation terminated");
    assert!(lab.config("a").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_window_that_opens_in_the_middle_stops_a_sync_between_its_waves() {
    let lab = Lab::start().await;
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: wait, annotations: {argocd.argoproj.io/hook: PreSync}}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}\n";
    lab.commit(&[("shop/a.yaml", Some(&config("a", "1", ""))), ("shop/job.yaml", Some(job))]).await;
    let mut open = project(&lab, json!({}));
    open["spec"]["syncWindows"] = json!([]);
    lab.cluster.apply(&open).await;
    let mut app = lab.app("shop-dev", "shop");
    app["spec"]["project"] = json!("shop");
    lab.cluster.apply(&app).await;
    let message = |app: &Value| app["status"]["operationState"]["message"].as_str().unwrap_or_default().to_owned();
    lab.until("shop-dev", |app| message(app).starts_with("waiting for completion of hook")).await;

    lab.cluster.apply(&project(&lab, json!({}))).await;
    let app = lab.until("shop-dev", |app| message(app).starts_with("Sync operation blocked")).await;
    assert_eq!(app["status"]["operationState"]["phase"], "Running");
    lab.cluster.apply(&project(&lab, json!({"syncOverrun": true}))).await;
    lab.until("shop-dev", |app| message(app).starts_with("waiting for completion of hook")).await;
}
