//! A simulated cluster over the real API server, on a virtual clock.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod certificate;
mod cronjobs;
mod deployment;
mod describe;
mod endpoints;
mod failures;
mod fork;
mod jobs;
mod network;
mod nodes;
mod resilience;
mod sets;
mod workloads;
mod writes;

use mainstay_testkit::{TestCluster, build};
use serde_json::Value;

const PODS: (&str, &str) = ("v1", "Pod");
const DEPLOYMENTS: (&str, &str) = ("apps/v1", "Deployment");

/// A simulated cluster with a namespace `shop`.
async fn shop() -> TestCluster {
    let cluster = TestCluster::simulated().await;
    cluster.apply(&build::namespace("shop")).await;
    cluster
}

fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Reason of a condition of this type and status, or of none.
fn reason<'a>(object: &'a Value, kind: &str, status: &str) -> Option<&'a str> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    let found = conditions.iter().find(|condition| text(condition, "/type") == kind)?;
    (text(found, "/status") == status).then(|| text(found, "/reason"))
}
