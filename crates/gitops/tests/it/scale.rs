//! What an app of apps costs while hundreds of children come up: looks at the parent are few, whatever the children do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::app_of_apps::{child, parent};
use crate::instances::{SHOP, definition, status};
use crate::lab::Lab;
use mainstay_controller_runtime::context;
use serde_json::Value;

const CHILDREN: usize = 300;

/// Writes of the parent, and their bytes.
#[derive(Default)]
struct Writes {
    count: AtomicUsize,
    bytes: AtomicUsize,
}

impl Writes {
    fn of_parent(lab: &Lab) -> Arc<Self> {
        let writes = Arc::new(Self::default());
        let noted = Arc::clone(&writes);
        let applications = context::resource("argoproj.io", "v1alpha1", "Application", "applications");
        let informers = lab.cluster.admin("baseline-cluster1").informers;
        informers.informer(&applications).add_handler(move |event| {
            if event.object()["metadata"]["name"] == "apps" {
                noted.count.fetch_add(1, Ordering::Relaxed);
                noted.bytes.fetch_add(event.object().to_string().len(), Ordering::Relaxed);
            }
        });
        writes
    }

    /// Writes and bytes since the last time.
    fn take(&self) -> (usize, usize) {
        (self.count.swap(0, Ordering::Relaxed), self.bytes.swap(0, Ordering::Relaxed))
    }
}

async fn commit_children(lab: &Lab) -> String {
    let mut files: Vec<(String, String)> = Vec::new();
    for n in 0..CHILDREN {
        let name = format!("app{n:03}");
        files.push((format!("{name}/argocd.yaml"), child(lab, &name)));
        let shop = format!("apiVersion: x.io/v1\nkind: Shop\nmetadata: {{name: {name}}}\n");
        files.push((format!("{name}/dev/shop.yaml"), shop));
    }
    let borrowed: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    lab.commit(&borrowed).await
}

#[tokio::test(start_paused = true)]
async fn children_that_come_up_one_by_one_cost_their_parent_few_looks() {
    let lab = Lab::start().await;
    let crds = lab.member(("apiextensions.k8s.io/v1", "CustomResourceDefinition"), "").await;
    crds.create("test", &definition()).await.unwrap();
    commit_children(&lab).await;
    let writes = Writes::of_parent(&lab);
    let calls = lab.cluster.server().calls();
    lab.cluster.apply(&parent(&lab)).await;
    lab.until("apps", |app| health(app) == "Progressing").await;
    lab.cluster.settle().await;
    let (calls_up, up) = (lab.cluster.server().calls() - calls, writes.take());

    let calls = lab.cluster.server().calls();
    let shops = lab.member(SHOP, "shop").await;
    for n in 0..CHILDREN {
        let name = format!("app{n:03}");
        shops.merge_patch("kro", &name, Some("status"), &status("ACTIVE", "True", 1)).await.unwrap();
        lab.cluster.seams().clock.sleep(Duration::from_millis(10)).await;
    }
    lab.until("apps", |app| health(app) == "Healthy").await;
    lab.cluster.settle().await;
    let (calls, healthy) = (lab.cluster.server().calls() - calls, writes.take());
    let resources = lab.status("apps").await["resources"].as_array().unwrap().clone();
    assert!(resources.iter().all(|resource| resource["health"]["status"] == "Healthy"), "all are told in the end");

    // Of each child: its own write, its instance, an Event or three, the begin and the end of its sync.
    assert!(up.0 <= 5 && calls_up < 8 * CHILDREN as u64, "up: {up:?}, {calls_up} calls");
    // Of each child: what the test writes, and the child's own status.
    assert!(healthy.0 <= 6, "healthy: {healthy:?}");
    assert!(calls < 2 * CHILDREN as u64 + 20, "healthy: {calls} calls");
}

fn health(app: &Value) -> &str {
    app["status"]["health"]["status"].as_str().unwrap_or_default()
}
