//! Clusters that another controller decides on, in the status of its objects.

use crate::lab::{Lab, is_up_to_date, template};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn the_clusters_of_a_decision_become_applications() {
    let rule = json!([{"verbs": ["get", "list"], "apiGroups": ["example.com"], "resources": ["decisions"]}]);
    let lab = Lab::with_rules(rule).await;
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    lab.cluster
        .apply(&json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "decisions.example.com"},
            "spec": {
                "group": "example.com", "scope": "Namespaced",
                "names": {"kind": "Decision", "plural": "decisions"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
            },
        }))
        .await;
    lab.cluster
        .apply(&json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kind", "namespace": "argocd"},
            "data": {"apiVersion": "example.com/v1", "kind": "decisions", "statusListKey": "decisions", "matchKey": "clusterName"},
        }))
        .await;
    lab.cluster
        .apply(&json!({
            "apiVersion": "example.com/v1", "kind": "Decision",
            "metadata": {"name": "d", "namespace": "argocd", "labels": {"placement": "p"}},
            "status": {"decisions": [{"clusterName": "in-cluster", "reason": "near"}, {"clusterName": "unknown"}]},
        }))
        .await;
    let generator = json!({"configMapRef": "kind", "labelSelector": {"matchLabels": {"placement": "p"}}});
    let template = template("x-{{name}}-{{reason}}", "p", json!({}));
    lab.set("s", json!({"generators": [{"clusterDecisionResource": generator}], "template": template})).await;
    lab.until("s", is_up_to_date).await;
    assert_eq!(lab.names().await, ["x-in-cluster-near"]);
}
