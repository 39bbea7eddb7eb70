//! The deletion budget.

use crate::lab::{APPLICATION, Lab, SET, condition, is_up_to_date, list, template};
use serde_json::{Value, json};

fn spec(names: &[&str]) -> Value {
    json!({
        "generators": list(names), "template": template("{{name}}", "p", json!({})),
        "syncPolicy": {"preserveResourcesOnDeletion": true},
    })
}

#[tokio::test(start_paused = true)]
async fn a_mass_deletion_waits_for_an_approval_that_is_newer_than_the_plan() {
    let lab = Lab::start().await;
    lab.set("s", spec(&["a", "b", "c", "d"])).await;
    lab.until("s", is_up_to_date).await;
    let approve = |at: String| json!({"metadata": {"annotations": {"argocd.argoproj.io/deletion-approved": at}}});
    lab.patch(SET, "s", approve(lab.cluster.seams().clock.now_rfc3339())).await;
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;

    lab.set("s", spec(&["a"])).await;
    let set = lab.until("s", |set| condition(set, "DeletionPending").is_some()).await;
    assert_eq!(condition(&set, "DeletionPending"), Some(("True", "DeletionBudgetExceeded")));
    assert_eq!(condition(&set, "ResourcesUpToDate"), Some(("False", "DeletionAwaitsApproval")));
    assert_eq!(lab.names().await, ["a", "b", "c", "d"], "the old approval does not count");
    let events = lab.cluster.list(("v1", "Event"), "argocd").await;
    assert!(events.iter().any(|event| event["reason"] == "DeletionAwaitsApproval" && event["type"] == "Warning"));

    lab.patch(SET, "s", approve(lab.cluster.seams().clock.now_rfc3339())).await;
    assert_eq!(lab.names().await, ["a"]);
    lab.until("s", |set| is_up_to_date(set) && condition(set, "DeletionPending").is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn a_budget_of_none_holds_back_every_deletion() {
    let lab = Lab::start().await;
    lab.set("s", spec(&["a", "b"])).await;
    lab.until("s", is_up_to_date).await;
    lab.patch(SET, "s", json!({"metadata": {"annotations": {"mainstay.dev/deletion-budget": "0"}}})).await;
    lab.set("s", spec(&["a"])).await;
    lab.until("s", |set| condition(set, "DeletionPending").is_some()).await;
    assert!(lab.cluster.get(APPLICATION, "argocd", "b").await.is_some());
    lab.patch(SET, "s", json!({"metadata": {"annotations": {"mainstay.dev/deletion-budget": "50%"}}})).await;
    assert_eq!(lab.names().await, ["a"]);
}
