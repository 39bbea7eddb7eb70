//! What a set's policy allows.

use crate::lab::{APPLICATION, Lab, SET, is_up_to_date, list, template};
use serde_json::{Value, json};

fn spec(policy: &str, names: &[&str], path: &str) -> Value {
    json!({
        "generators": list(names), "template": template("{{name}}", path, json!({})),
        "syncPolicy": {"applicationsSync": policy},
    })
}

#[tokio::test(start_paused = true)]
async fn each_policy_allows_what_it_says() {
    for (policy, path, names) in [
        ("create-only", "p1", vec!["a", "b", "c"]),
        ("create-update", "p2", vec!["a", "b", "c"]),
        ("create-delete", "p1", vec!["a", "c"]),
        ("sync", "p2", vec!["a", "c"]),
    ] {
        let lab = Lab::start().await;
        lab.set("s", spec(policy, &["a", "b"], "p1")).await;
        lab.until("s", is_up_to_date).await;
        lab.let_go("b").await;
        lab.set("s", spec(policy, &["a", "c"], "p2")).await;
        lab.cluster.settle().await;
        let gone = lab
            .cluster
            .get(APPLICATION, "argocd", "b")
            .await
            .is_none_or(|b| !b["metadata"]["deletionTimestamp"].is_null());
        assert_eq!(gone, !names.contains(&"b"), "{policy}");
        assert_eq!(lab.application("a").await["spec"]["source"]["path"], path, "{policy}");
        assert_eq!(lab.application("c").await["spec"]["source"]["path"], "p2", "{policy}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_held_set_whose_policy_forbids_deletion_lets_its_applications_go() {
    let lab = Lab::start().await;
    lab.set("s", spec("create-update", &["a"], "p1")).await;
    lab.until("s", is_up_to_date).await;
    lab.patch(SET, "s", json!({"metadata": {"finalizers": ["resources-finalizer.argocd.argoproj.io"]}})).await;
    lab.cluster.delete(SET, "argocd", "s").await;
    lab.cluster.settle().await;
    assert!(lab.cluster.get(SET, "argocd", "s").await.is_none());
    let application = lab.application("a").await;
    assert!(application["metadata"]["ownerReferences"].as_array().is_none_or(Vec::is_empty));
    assert!(application["metadata"]["deletionTimestamp"].is_null());
}
