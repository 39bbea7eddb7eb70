//! `mainstay up --only-api`, and `mainstay bench api` against it.

use std::path::Path;

use mainstay_controller_runtime::context::{Seams, resource};
use serde_json::Value;
use tempfile::TempDir;

use crate::platform::{CONTROL, Running, cluster, mainstay, output, printed};

#[tokio::test]
async fn the_api_is_served_alone_and_measured() {
    let directory = TempDir::with_prefix("mainstay-cli-").unwrap();
    let data_dir = directory.path().to_str().unwrap();
    let serve = ["up", "--only-api", "-o", "json", "--listen", "127.0.0.1:0", "--data-dir", data_dir];
    let mut server = Running::start(&mut mainstay(&serve));
    let ready: Value = serde_json::from_str(&server.line().await).unwrap();
    assert_eq!((ready.get("git"), ready.get("portal")), (None, None));
    let kubeconfig = ready["kubeconfig"].as_str().unwrap();

    let small = ["--clients", "4", "--seconds", "1", "--small", "20", "--objects", "300"];
    let mut bench = mainstay(&["bench", "api", "-o", "json", "--kubeconfig", kubeconfig]);
    let line = printed(&output(bench.args(small)).await);
    assert_eq!(line.lines().count(), 1, "{line}");
    let figures: Value = serde_json::from_str(&line).unwrap();
    let of_calls = ["create_per_s", "get_per_s", "ssa_patch_per_s", "update_per_s"];
    let of_time = ["list_10k_ms", "list_50k_ms", "watch_p50_ms", "watch_p99_ms"];
    for name in of_calls.iter().chain(&of_time) {
        assert!(figures[name].as_f64().is_some_and(|figure| figure > 0.0), "{name} of {figures}");
    }
    assert_eq!(figures.get("idle_rss_mib"), None, "the memory of a server that runs elsewhere is not known");

    let informers = cluster(Path::new(kubeconfig), CONTROL, &Seams::system()).await.informers;
    let namespaces = informers.informer(&resource("", "v1", "Namespace", "namespaces"));
    namespaces.synced().await;
    assert!(namespaces.get("", "default").is_some());
    let left = namespaces.list().into_iter().filter(|namespace| {
        let name = namespace["metadata"]["name"].as_str().unwrap_or_default();
        name.starts_with("bench-") && namespace["metadata"].get("deletionTimestamp").is_none()
    });
    assert_eq!(left.count(), 0, "what was measured in is deleted");
    assert!(server.terminate().await.success());
}
