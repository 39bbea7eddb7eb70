//! A server that starts again on its data directory goes on where it was.

use mainstay_git::Change;
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
    platform.server.stop().await;

    let platform = Platform::on(data_dir.path()).await;
    let after = platform.get("production", &instances(), "sample", "sample").await.unwrap();
    assert_eq!(before["metadata"]["uid"], after["metadata"]["uid"]);
    assert_eq!(before["spec"], after["spec"]);
    assert_eq!(token, std::fs::read_to_string(data_dir.path().join("admin.token")).unwrap());
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: later}\n";
    let sha = platform.push("apps", vec![Change::write("sample/production/later.yaml", text)], "Later\n").await;
    platform.live("sample-production", &sha).await;
    platform.server.stop().await;
}
