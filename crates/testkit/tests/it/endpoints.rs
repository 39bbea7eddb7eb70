//! Services with many pods, for clients of both kinds of endpoints.

use mainstay_testkit::build;
use serde_json::Value;

use crate::{shop, text};

const ENDPOINTS: (&str, &str) = ("v1", "Endpoints");
const SLICES: (&str, &str) = ("discovery.k8s.io/v1", "EndpointSlice");

fn size(object: &Value, pointer: &str) -> usize {
    object.pointer(pointer).and_then(Value::as_array).map_or(0, Vec::len)
}

#[tokio::test(start_paused = true)]
async fn a_service_has_endpoints_that_follow_its_pods() {
    let cluster = shop().await;
    cluster.apply(&build::service("shop", "web")).await;
    cluster.settle().await;
    let empty = cluster.get(ENDPOINTS, "shop", "web").await.unwrap();
    assert!(empty.get("subsets").is_none());
    cluster.apply(&build::deployment("shop", "web", 2, "registry.example/web:1")).await;
    cluster.settle().await;
    let endpoints = cluster.get(ENDPOINTS, "shop", "web").await.unwrap();
    assert_eq!((size(&endpoints, "/subsets/0/addresses"), size(&endpoints, "/subsets/0/notReadyAddresses")), (2, 0));
    assert_eq!(endpoints["subsets"][0]["ports"][0]["port"], 8080);
    assert_eq!(text(&endpoints, "/metadata/labels/endpoints.kubernetes.io~1managed-by"), "endpoint-controller");
    cluster.apply(&build::deployment("shop", "web", 0, "registry.example/web:1")).await;
    cluster.settle().await;
    assert!(cluster.get(ENDPOINTS, "shop", "web").await.unwrap().get("subsets").is_none());
    cluster.delete(("v1", "Service"), "shop", "web").await;
    cluster.settle().await;
    assert!(cluster.get(ENDPOINTS, "shop", "web").await.is_none());
    assert!(cluster.list(SLICES, "shop").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn many_pods_are_in_slices_of_a_hundred() {
    let cluster = shop().await;
    cluster.apply(&build::service("shop", "web")).await;
    cluster.apply(&build::deployment("shop", "web", 230, "registry.example/web:1")).await;
    cluster.settle().await;
    let slices = cluster.list(SLICES, "shop").await;
    let sizes: Vec<usize> = slices.iter().map(|slice| size(slice, "/endpoints")).collect();
    assert!(sizes.iter().all(|size| *size <= 100), "{sizes:?}");
    assert_eq!(sizes.iter().sum::<usize>(), 230);
    assert_eq!(size(&cluster.get(ENDPOINTS, "shop", "web").await.unwrap(), "/subsets/0/addresses"), 230);
}
