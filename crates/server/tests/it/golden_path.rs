//! The nine steps from a filled-in template to a visible, observed application, as one test. Step 8, policy, joins
//! with the policy engine.

use mainstay_controller_runtime::ApiResource;
use mainstay_controller_runtime::context::resource;
use mainstay_git::Change;
use serde_json::Value;

use crate::platform::{CONTROL, Platform, applications, instances};

const INSTANCE: &str = "apiVersion: platform.mainstay.dev/v1alpha1
kind: Application
metadata:
  name: shop
spec:
  image: ghcr.io/acme/shop:1.0.0
  port: 8080
  autoscaling:
    enabled: true
    minReplicas: 2
    maxReplicas: 4
  ingress:
    enabled: true
    hostname: shop.dev.example.com
";

const ARGOCD: &str = "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: shop-dev
  namespace: argocd
spec:
  project: applications
  source:
    repoURL: http://git.mainstay-system.svc/apps.git
    targetRevision: main
    path: shop/dev
  destination:
    name: dev
    namespace: shop
  syncPolicy:
    automated: {prune: true, selfHeal: true}
    syncOptions: [CreateNamespace=true]
";

const CATALOG: &str = "apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: shop
spec: {type: service, lifecycle: production, owner: team-shop}
";

/// The kinds that the golden path makes.
fn seven_kinds() -> [ApiResource; 7] {
    [
        resource("apps", "v1", "Deployment", "deployments"),
        resource("", "v1", "Service", "services"),
        resource("networking.k8s.io", "v1", "Ingress", "ingresses"),
        resource("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
        resource("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
        resource("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
        resource("monitoring.coreos.com", "v1", "ServiceMonitor", "servicemonitors"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_becomes_ready_pods() {
    let platform = Platform::start().await;

    // 1 and 2: the template's files, in one commit.
    let sha = platform
        .push(
            "apps",
            vec![
                Change::write("shop/catalog-info.yaml", CATALOG),
                Change::write("shop/argocd.yaml", ARGOCD),
                Change::write("shop/dev/application.yaml", INSTANCE),
            ],
            "Add shop\n",
        )
        .await;

    // 3 and 4: detected and synced.
    let application = platform.live("shop-dev", &sha).await;
    assert_eq!(application["status"]["history"][0]["revision"], sha.as_str());

    expands_and_runs(&platform, &sha).await;
    is_observed_and_visible(&platform, &sha).await;

    // A changed image goes the same way.
    let changed = INSTANCE.replace("shop:1.0.0", "shop:1.1.0");
    let sha = platform.push("apps", vec![Change::write("shop/dev/application.yaml", changed)], "shop 1.1.0\n").await;
    platform.live("shop-dev", &sha).await;
    let [deployments, ..] = seven_kinds();
    let deployment = platform.get("dev", &deployments, "shop", "shop").await.unwrap();
    assert_eq!(deployment["spec"]["template"]["spec"]["containers"][0]["image"], "ghcr.io/acme/shop:1.1.0");
    assert_eq!(deployment["metadata"]["annotations"]["mainstay.dev/thread"], format!("apps@{sha}"));

    // What is gone from git goes from the cluster, and nothing else.
    platform
        .push(
            "apps",
            vec![Change::delete("shop/dev/application.yaml"), Change::delete("shop/argocd.yaml")],
            "Remove shop\n",
        )
        .await;
    platform.gone(CONTROL, &applications(), ("argocd", "shop-dev")).await;
    assert!(platform.get(CONTROL, &applications(), "argocd", "sample-dev").await.is_some());
    platform.server.stop().await;
}

/// 5: one instance becomes seven objects; 6: they run.
async fn expands_and_runs(platform: &Platform, sha: &str) {
    let ready = |instance: &Value| {
        let conditions = instance["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    };
    let instance = platform.eventually("dev", &instances(), ("shop", "shop"), ready).await;
    assert_eq!(instance["metadata"]["annotations"]["mainstay.dev/thread"], format!("apps@{sha}"));
    for kind in seven_kinds() {
        let object = platform.get("dev", &kind, "shop", "shop").await;
        let object = object.unwrap_or_else(|| panic!("the golden path makes a {}", kind.kind));
        assert_eq!(object["metadata"]["annotations"]["mainstay.dev/thread"], format!("apps@{sha}"), "{}", kind.kind);
    }
    let [deployments, ..] = seven_kinds();
    let deployment = platform.get("dev", &deployments, "shop", "shop").await.unwrap();
    assert_eq!(deployment["status"]["readyReplicas"], 2);
    let pods =
        platform.cluster("dev").api(&resource("", "v1", "Pod", "pods"), Some("shop")).list("app=shop").await.unwrap();
    assert_eq!(pods.len(), 2);
    for pod in pods {
        assert_eq!(pod["status"]["phase"], "Running");
        assert_eq!(pod["metadata"]["annotations"]["mainstay.dev/simulated"], "true");
        assert_eq!(pod["metadata"]["annotations"]["mainstay.dev/thread"], format!("apps@{sha}"));
    }
    let secret = platform.get("dev", &resource("", "v1", "Secret", "secrets"), "shop", "shop-tls").await.unwrap();
    assert_eq!(secret["type"], "kubernetes.io/tls");
}

/// 7: the ServiceMonitor selects the Service; 9: the portal shows the application and its thread.
async fn is_observed_and_visible(platform: &Platform, sha: &str) {
    let [_, services, .., monitors] = seven_kinds();
    let service = platform.get("dev", &services, "shop", "shop").await.unwrap();
    let monitor = platform.get("dev", &monitors, "shop", "shop").await.unwrap();
    for (label, value) in monitor["spec"]["selector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(&service["metadata"]["labels"][label], value);
    }
    assert_eq!(monitor["spec"]["endpoints"][0]["port"], service["spec"]["ports"][0]["name"]);

    let page = fetch(&format!("{}applications/argocd/shop-dev", platform.server.portal_url())).await;
    for expected in ["shop-dev", "Healthy", "Synced", &sha[..7], "SyncSucceeded", "Deployment", "simulated"] {
        assert!(page.contains(expected), "the page says {expected}");
    }
    assert!(fetch(&platform.server.portal_url()).await.contains("sample-production"));
}

async fn fetch(url: &str) -> String {
    let response = reqwest::get(url).await.unwrap();
    assert!(response.status().is_success(), "{url}: {}", response.status());
    assert!(response.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    response.text().await.unwrap()
}
