//! Applications made by an application.

use crate::lab::{APPLICATION, Lab, config};
use serde_json::{Value, json};

pub(crate) fn parent(lab: &Lab) -> Value {
    let mut parent = lab.app("apps", ".");
    parent["spec"]["destination"] = json!({"name": "in-cluster", "namespace": "argocd"});
    parent["spec"]["source"]["directory"] = json!({"recurse": true, "include": "*argocd.yaml"});
    parent
}

pub(crate) fn child(lab: &Lab, name: &str) -> String {
    let mut child = lab.app(&format!("{name}-dev"), &format!("{name}/dev"));
    child["metadata"]["finalizers"] = json!(["resources-finalizer.argocd.argoproj.io"]);
    child.to_string()
}

#[tokio::test(start_paused = true)]
async fn children_are_made_and_pruned_with_their_resources() {
    let lab = Lab::start().await;
    let (shop, cart) = (child(&lab, "shop"), child(&lab, "cart"));
    let sha = lab
        .commit(&[
            ("shop/argocd.yaml", Some(&shop)),
            (
                "shop/catalog-info.yaml",
                Some("apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: shop}\n"),
            ),
            ("shop/dev/a.yaml", Some(&config("shop", "1", ""))),
            ("cart/argocd.yaml", Some(&cart)),
            ("cart/dev/a.yaml", Some(&config("cart", "1", ""))),
        ])
        .await;
    lab.cluster.apply(&parent(&lab)).await;
    lab.synced("shop-dev", &sha).await;
    lab.synced("cart-dev", &sha).await;
    let healthy =
        |app: &Value| app["status"]["health"]["status"] == "Healthy" && app["status"]["summary"]["isAppOfApps"] == true;
    lab.until("apps", healthy).await;
    lab.cluster.settle().await;
    let parent = lab.status("apps").await;
    assert_eq!(parent["sync"]["status"], "Synced", "a child's status is no drift");
    assert_eq!(parent["operationState"]["operation"]["sync"]["autoHealAttemptsCount"], Value::Null);

    lab.commit(&[("cart", None)]).await;
    lab.cluster.settle().await;
    assert!(lab.cluster.get(APPLICATION, "argocd", "cart-dev").await.is_none());
    assert!(lab.config("cart").await.is_none(), "the finalizer deleted the child's resources");
    assert!(lab.config("shop").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn hundreds_of_children_come_up_from_one_commit() {
    let lab = Lab::start().await;
    let names: Vec<String> = (0..300).map(|n| format!("app{n:03}")).collect();
    let files: Vec<(String, String)> = names
        .iter()
        .flat_map(|name| {
            [(format!("{name}/argocd.yaml"), child(&lab, name)), (format!("{name}/dev/a.yaml"), config(name, "1", ""))]
        })
        .collect();
    let borrowed: Vec<(&str, Option<&str>)> =
        files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    let sha = lab.commit(&borrowed).await;
    lab.cluster.apply(&parent(&lab)).await;
    lab.cluster.settle().await;
    for name in &names {
        let status = lab.status(&format!("{name}-dev")).await;
        assert_eq!(status["sync"]["revision"], sha.as_str());
        assert_eq!(status["sync"]["status"], "Synced", "{name}");
    }
    assert_eq!(lab.status("apps").await["health"]["status"], "Healthy");

    let before = lab.cluster.server().snapshot().revision();
    let changed = lab.commit(&[("app007/dev/a.yaml", Some(&config("app007", "2", "")))]).await;
    lab.synced("app007-dev", &changed).await;
    lab.cluster.settle().await;
    let writes = lab.cluster.server().snapshot().revision() - before;
    assert!(writes < 10, "one application changed, yet there were {writes} writes");
}
