//! The gitops-bridge contract: Secrets of clusters whose labels switch addons on and whose annotations say where from.

use crate::lab::{Lab, is_up_to_date};
use serde_json::{Value, json};

fn secret(name: &str, labels: &Value) -> Value {
    let mut all = json!({"argocd.argoproj.io/secret-type": "cluster"});
    all.as_object_mut().unwrap().extend(labels.as_object().unwrap().clone());
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {
            "name": name, "namespace": "argocd", "labels": all,
            "annotations": {"addons_repo_url": "https://git.example/addons", "addons_repo_revision": "v1"},
        },
        "stringData": {"name": name, "server": format!("https://{name}.example"), "config": "{}"},
    })
}

fn addon() -> Value {
    json!({
        "syncPolicy": {"preserveResourcesOnDeletion": true},
        "generators": [{"clusters": {
            "values": {"chart": "cert-manager-{{name}}"},
            "selector": {"matchExpressions": [{"key": "enable_cert_manager", "operator": "In", "values": ["true"]}]},
        }}],
        "template": {
            "metadata": {"name": "cert-manager-{{nameNormalized}}"},
            "spec": {
                "project": "default",
                "source": {
                    "repoURL": "{{metadata.annotations.addons_repo_url}}",
                    "targetRevision": "{{metadata.annotations.addons_repo_revision}}",
                    "chart": "x", "helm": {"releaseName": "{{values.chart}}", "valuesObject": {"cluster": "{{name}}"}},
                },
                "destination": {"name": "{{name}}", "namespace": "cert-manager"},
            },
        },
    })
}

#[tokio::test(start_paused = true)]
async fn a_label_of_a_cluster_switches_an_addon_on_and_off() {
    let lab = Lab::start().await;
    let mut prod = secret("prod-1", &json!({"enable_cert_manager": "true"}));
    prod["stringData"]["name"] = json!("Prod_1");
    lab.cluster.apply(&prod).await;
    lab.cluster.apply(&secret("dev-1", &json!({"enable_cert_manager": "false"}))).await;
    lab.set("cert-manager", addon()).await;
    lab.until("cert-manager", is_up_to_date).await;
    assert_eq!(lab.names().await, ["cert-manager-prod-1"]);
    let application = lab.application("cert-manager-prod-1").await;
    let source = &application["spec"]["source"];
    assert_eq!(source["repoURL"], "https://git.example/addons");
    assert_eq!(source["helm"], json!({"releaseName": "cert-manager-Prod_1", "valuesObject": {"cluster": "Prod_1"}}));
    assert!(application["metadata"]["finalizers"].is_null(), "resources are preserved");

    lab.cluster.apply(&secret("dev-1", &json!({"enable_cert_manager": "true"}))).await;
    assert_eq!(lab.names().await, ["cert-manager-dev-1", "cert-manager-prod-1"]);
    lab.cluster.apply(&secret("dev-1", &json!({"enable_cert_manager": "false"}))).await;
    assert_eq!(lab.names().await, ["cert-manager-prod-1"]);
}
