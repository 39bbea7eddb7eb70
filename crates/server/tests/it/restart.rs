//! A server that starts again on its data directory goes on where it was.

use mainstay_controller_runtime::context::resource;
use mainstay_git::Change;
use serde_json::json;
use tempfile::TempDir;

use crate::platform::{CONTROL, Platform, applications, instances};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_there_after_a_restart() {
    let data_dir = TempDir::new().unwrap();
    let platform = Platform::on(data_dir.path()).await;
    let synced = |application: &serde_json::Value| application["status"]["health"]["status"] == "Healthy";
    platform.eventually(CONTROL, &applications(), ("argocd", "sample-production"), synced).await;
    let before = platform.get("production", &instances(), "sample", "sample").await.unwrap();
    let token = std::fs::read_to_string(data_dir.path().join("admin.token")).unwrap();
    let robot = token_of_robot(&platform).await;
    assert_eq!((is_good(&platform, "dev", &robot).await, is_good(&platform, "staging", &robot).await), (true, false));
    platform.server.stop().await;

    let platform = Platform::on(data_dir.path()).await;
    let after = platform.get("production", &instances(), "sample", "sample").await.unwrap();
    assert_eq!(before["metadata"]["uid"], after["metadata"]["uid"]);
    assert_eq!(before["spec"], after["spec"]);
    assert_eq!(token, std::fs::read_to_string(data_dir.path().join("admin.token")).unwrap());
    assert_eq!((is_good(&platform, "dev", &robot).await, is_good(&platform, "staging", &robot).await), (true, false));
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: later}\n";
    let sha = platform.push("apps", vec![Change::write("sample/production/later.yaml", text)], "Later\n").await;
    platform.live("sample-production", &sha).await;
    platform.server.stop().await;
}

/// A token of a new service account of cluster `dev`.
async fn token_of_robot(platform: &Platform) -> String {
    let accounts = resource("", "v1", "ServiceAccount", "serviceaccounts");
    let api = platform.cluster("dev").api(&accounts, Some("default"));
    api.create("test", &json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}}))
        .await
        .unwrap();
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let answer = api.create_subresource("robot", "token", &request).await.unwrap();
    answer["status"]["token"].as_str().unwrap().to_owned()
}

/// Whether a cluster knows a token.
async fn is_good(platform: &Platform, cluster: &str, token: &str) -> bool {
    let reviews = resource("authentication.k8s.io", "v1", "TokenReview", "tokenreviews");
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}});
    let answer = platform.cluster(cluster).api(&reviews, None).create("test", &review).await.unwrap();
    answer["status"]["authenticated"] == true
}
