//! Serves the portal on a simulated fleet, to look at pages while working on them:
//! `cargo run -p mainstay-portal --example preview`, then open http://127.0.0.1:7444.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a preview may panic")]

#[path = "../tests/it/fixture.rs"]
mod fixture;

use mainstay_testkit::build;

#[tokio::main]
async fn main() {
    let fleet = fixture::fleet().await;
    let image = "ghcr.io/stefanprodan/podinfo:6.7.1";
    fixture::deploy(&fleet, "sample", "dev", build::deployment("sample", "sample", 3, image)).await;
    fixture::deploy(&fleet, "orders", "staging", build::failing_deployment("orders", "orders", "image-pull")).await;
    fixture::say(&fleet, "orders-staging", "Degraded", "Synced").await;
    fixture::deploy(&fleet, "billing", "dev", build::deployment("billing", "billing", 12, image)).await;
    fixture::say(&fleet, "billing-dev", "Progressing", "OutOfSync").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:7444").await.unwrap();
    println!("http://127.0.0.1:7444");
    axum::serve(listener, mainstay_portal::router(fixture::portal(&fleet))).await.unwrap();
}
