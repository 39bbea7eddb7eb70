//! Order, and waiting for health between waves.

use crate::lab::{Lab, config};
use serde_json::{Value, json};

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, annotations: {argocd.argoproj.io/sync-wave: '-1'}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: 'registry.example/web:1'}]}
";

#[tokio::test(start_paused = true)]
async fn a_wave_waits_for_the_one_before_to_be_healthy() {
    let lab = Lab::start().await;
    let second = config("second", "1", "argocd.argoproj.io/sync-wave: '1'");
    let sha = lab.commit(&[("shop/web.yaml", Some(DEPLOYMENT)), ("shop/second.yaml", Some(&second))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    let waits = |app: &Value| {
        let state = &app["status"]["operationState"];
        let message = state["message"].as_str().unwrap_or_default();
        state["phase"] == "Running" && message.starts_with("waiting for healthy state of Deployment.apps/shop/web")
    };
    lab.until("shop-dev", waits).await;
    lab.cluster.settle().await;
    assert!(lab.config("second").await.is_none());

    let status = json!({"status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}});
    let deployments = lab.member(("apps/v1", "Deployment"), "shop").await;
    deployments.merge_patch("kubelet", "web", Some("status"), &status).await.unwrap();
    let app = lab.synced("shop-dev", &sha).await;
    assert!(lab.config("second").await.is_some());
    assert_eq!(app["status"]["operationState"]["syncResult"]["resources"].as_array().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_newer_commit_does_not_wait_for_a_stuck_sync() {
    let lab = Lab::start().await;
    let second = config("second", "1", "argocd.argoproj.io/sync-wave: '1'");
    lab.commit(&[("shop/web.yaml", Some(DEPLOYMENT)), ("shop/second.yaml", Some(&second))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    lab.until("shop-dev", |app| app["status"]["operationState"]["phase"] == "Running").await;
    let next = lab.commit(&[("shop/web.yaml", None)]).await;
    lab.synced("shop-dev", &next).await;
    assert!(lab.config("second").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn definitions_go_before_their_objects() {
    let lab = Lab::start().await;
    let files = "apiVersion: x.io/v1
kind: Foo
metadata: {name: f}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: foos.x.io}
spec:
  group: x.io
  scope: Namespaced
  names: {kind: Foo, plural: foos, singular: foo, listKind: FooList}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
";
    let sha = lab.commit(&[("shop/all.yaml", Some(files))]).await;
    lab.cluster.apply(&lab.app("shop-dev", "shop")).await;
    lab.synced("shop-dev", &sha).await;
    assert!(lab.member(("x.io/v1", "Foo"), "shop").await.get("f").await.unwrap().is_some());
}
