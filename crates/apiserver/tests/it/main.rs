//! The server as a real `kube::Client` sees it, in process and on a paused clock.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap fails the test")]

mod access;
mod admission;
mod audit;
mod cel_rules;
mod clients;
mod crud;
mod definitions;
mod exchanges;
mod full_disk;
mod https;
mod kubectl;
mod lifecycle;
mod limits;
mod patch;
mod served;

mod watch;
mod webhooks;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, PostParams};
use mainstay_apiserver::{ApiServer, Identity, Options};
use mainstay_controller_runtime::{Clock, Ids};
use mainstay_store::Store;
use serde_json::{Value, json};

/// A server with a cluster `dev`, at the start of 2030.
async fn server() -> ApiServer {
    server_with(|_| {}).await
}

/// The same, with other options.
async fn server_with(change: impl FnOnce(&mut Options)) -> ApiServer {
    let clock = Clock::starting_at("2030-01-01T00:00:00Z".parse().unwrap());
    let store = Store::ephemeral(mainstay_store::Options::default());
    let mut options = Options::new(clock, Ids::seeded(7));
    change(&mut options);
    let server = ApiServer::new(store, options).unwrap();
    server.create_cluster("dev").await.unwrap();
    server
}

async fn client() -> kube::Client {
    server().await.client("dev", Identity::admin())
}

fn typed<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn config_map(name: &str, data: &str) -> ConfigMap {
    typed(json!({"metadata": {"name": name}, "data": {"k": data}}))
}

async fn create_config_map(client: &kube::Client, name: &str) -> ConfigMap {
    let api: Api<ConfigMap> = Api::default_namespaced(client.clone());
    api.create(&PostParams::default(), &config_map(name, "v")).await.unwrap()
}

/// Sends a raw request; answers with the status code and the body.
async fn raw(client: &kube::Client, method: &str, path: &str, body: Value) -> (u16, Value) {
    send(client, (method, path, "application/json"), body).await
}

async fn send(client: &kube::Client, (method, path, content_type): (&str, &str, &str), body: Value) -> (u16, Value) {
    let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = http::Request::builder().method(method).uri(path).header("content-type", content_type);
    let reply = client.send(request.body(kube::client::Body::from(bytes)).unwrap()).await.unwrap();
    let code = reply.status().as_u16();
    let bytes = http_body_util::BodyExt::collect(reply.into_body()).await.unwrap().to_bytes();
    (code, serde_json::from_slice(&bytes).unwrap_or_default())
}
