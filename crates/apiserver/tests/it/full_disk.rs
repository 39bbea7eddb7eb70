//! A server whose disk takes no writes, and what an administrator saves of one that runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ListParams};
use mainstay_apiserver::{ApiServer, DEFAULT_CLUSTER, Identity, Options};
use mainstay_controller_runtime::{Clock, Ids};
use mainstay_store::{Backend, BackendError, Batch, Loaded, Snapshot, Store};
use serde_json::{Value, json};

use crate::{create_config_map, raw, server};

#[derive(Clone, Default)]
struct Disk(Arc<AtomicBool>);

impl Backend for Disk {
    fn load(&mut self) -> Result<Loaded, BackendError> {
        Ok(Loaded::default())
    }

    fn commit(&mut self, _: &Batch) -> Result<(), BackendError> {
        let full = self.0.load(Ordering::SeqCst);
        if full { Err(BackendError::Full("no space left on device".to_owned())) } else { Ok(()) }
    }
}

async fn ready(client: &kube::Client) -> (u16, String) {
    let request = http::Request::get("/readyz").body(kube::client::Body::from(Vec::new())).unwrap();
    let reply = client.send(request).await.unwrap();
    let code = reply.status().as_u16();
    let bytes = http_body_util::BodyExt::collect(reply.into_body()).await.unwrap().to_bytes();
    (code, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn writes_are_refused_with_what_to_do_and_reads_go_on() {
    let disk = Disk::default();
    let store = Store::with_backend(Box::new(disk.clone()), mainstay_store::Options::default()).unwrap();
    let server = ApiServer::new(store, Options::new(Clock::system(), Ids::seeded(7))).unwrap();
    server.create_cluster("dev").await.unwrap();
    let client = server.client("dev", Identity::admin());
    create_config_map(&client, "before").await;
    assert_eq!(ready(&client).await, (200, "ok".to_owned()));

    disk.0.store(true, Ordering::SeqCst);
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "refused"}});
    let (code, status) = raw(&client, "POST", "/api/v1/namespaces/default/configmaps", body.clone()).await;
    assert_eq!((code, &status["reason"]), (507, &json!("InsufficientStorage")), "{status}");
    assert!(status["message"].as_str().unwrap().contains("free space"), "{status}");
    let (code, said) = ready(&client).await;
    assert!(code == 500 && said.contains("[-]etcd failed") && said.contains("no space left"), "{code} {said}");
    let api: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let names: Vec<_> =
        api.list(&ListParams::default()).await.unwrap().into_iter().map(|map| map.metadata.name).collect();
    assert_eq!(names, [Some("before".to_owned())]);

    disk.0.store(false, Ordering::SeqCst);
    assert_eq!(raw(&client, "POST", "/api/v1/namespaces/default/configmaps", body).await.0, 201);
    assert_eq!(ready(&client).await.0, 200);
}

#[tokio::test]
async fn administrators_and_nobody_else_save_everything() {
    let server = server().await;
    server.create_cluster(DEFAULT_CLUSTER).await.unwrap();
    create_config_map(&server.client("dev", Identity::admin()), "saved").await;
    let path = "/mainstay/v1/snapshot";
    let other = server.client(DEFAULT_CLUSTER, Identity::new("eve", &["system:authenticated"]));
    assert_eq!(raw(&other, "GET", path, Value::Null).await.0, 403);
    assert_eq!(raw(&server.client("dev", Identity::admin()), "GET", path, Value::Null).await.0, 404);
    assert_eq!(raw(&server.client(DEFAULT_CLUSTER, Identity::admin()), "POST", path, Value::Null).await.0, 404);

    let request = http::Request::get(path).body(kube::client::Body::from(Vec::new())).unwrap();
    let reply = server.client(DEFAULT_CLUSTER, Identity::admin()).send(request).await.unwrap();
    let bytes = http_body_util::BodyExt::collect(reply.into_body()).await.unwrap().to_bytes();
    let saved = Snapshot::read_from(&mut &bytes[..]).unwrap();
    assert!(saved.records().eq(server.snapshot().records()));
    let strange = saved.records().flat_map(|record| mainstay_apiserver::verify::check(&saved, record));
    assert_eq!(strange.collect::<Vec<_>>(), Vec::<String>::new());
}
