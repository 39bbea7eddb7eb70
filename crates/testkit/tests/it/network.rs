//! Services get their endpoints, Ingresses their address and a real certificate.

use base64::Engine;
use mainstay_testkit::build;
use serde_json::json;

use crate::{number, shop, text};

#[tokio::test(start_paused = true)]
async fn ready_pods_become_endpoints() {
    let cluster = shop().await;
    cluster.apply(&build::service("shop", "web")).await;
    cluster.apply(&build::deployment("shop", "web", 2, "registry.example/web:1")).await;
    cluster.settle().await;
    let slice = cluster.list(("discovery.k8s.io/v1", "EndpointSlice"), "shop").await.remove(0);
    assert_eq!(slice["endpoints"].as_array().unwrap().len(), 2);
    assert_eq!(slice["endpoints"][0]["conditions"]["ready"], true);
    assert_eq!(number(&slice, "/ports/0/port"), 8080);
    assert_eq!(text(&slice, "/metadata/labels/kubernetes.io~1service-name"), "web");
}

#[tokio::test(start_paused = true)]
async fn an_ingress_gets_an_address_and_a_certificate() {
    let cluster = shop().await;
    cluster.apply(&build::ingress("shop", "web", "web.example.test")).await;
    cluster.settle().await;
    let ingress = cluster.get(("networking.k8s.io/v1", "Ingress"), "shop", "web").await.unwrap();
    assert_eq!(text(&ingress, "/status/loadBalancer/ingress/0/ip"), "203.0.113.10");
    let secret = cluster.get(("v1", "Secret"), "shop", "web-tls").await.unwrap();
    assert_eq!(text(&secret, "/type"), "kubernetes.io/tls");
    let pem = |key: &str| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(text(&secret, &format!("/data/{key}"))).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    assert!(pem("tls.key").contains("PRIVATE KEY"));
    assert_ne!(pem("tls.crt"), pem("ca.crt"));
    crate::certificate::verify(&pem("tls.crt"), &pem("ca.crt"), "web.example.test");
    cluster.delete(("v1", "Secret"), "shop", "web-tls").await;
    cluster.settle().await;
    assert!(cluster.get(("v1", "Secret"), "shop", "web-tls").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_load_balancer_gets_an_address() {
    let cluster = shop().await;
    let mut service = build::service("shop", "web");
    service["spec"]["type"] = json!("LoadBalancer");
    cluster.apply(&service).await;
    cluster.settle().await;
    let service = cluster.get(("v1", "Service"), "shop", "web").await.unwrap();
    assert!(text(&service, "/status/loadBalancer/ingress/0/ip").starts_with("198.51.100."));
}
