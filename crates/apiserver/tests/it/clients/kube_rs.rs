//! kube-rs over HTTPS: its watcher with streaming lists through a restart, dynamic objects, and a lease two want.

use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt, reflector, watcher};
use serde_json::json;

use crate::served::Served;
use crate::{config_map, typed};

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_reflector_with_streaming_lists_works_through_a_restart() {
    let mut served = Served::start().await;
    let api: Api<ConfigMap> = Api::default_namespaced(served.client().await);
    api.create(&PostParams::default(), &config_map("before", "1")).await.unwrap();
    let (reader, writer) = reflector::store();
    let stream = watcher(api.clone(), watcher::Config::default().streaming_lists()).default_backoff();
    let reflecting = tokio::spawn(reflector(writer, stream).for_each(|_| std::future::ready(())));
    until(|| names(&reader) == ["before"]).await;
    api.create(&PostParams::default(), &config_map("live", "1")).await.unwrap();
    until(|| names(&reader) == ["before", "live"]).await;
    served.restart().await;
    api.delete("before", &DeleteParams::default()).await.unwrap();
    api.create(&PostParams::default(), &config_map("after", "1")).await.unwrap();
    until(|| names(&reader) == ["after", "live"]).await;
    reflecting.abort();
}

fn names(reader: &reflector::Store<ConfigMap>) -> Vec<String> {
    let mut names: Vec<String> = reader.state().iter().map(|object| object.name_any()).collect();
    names.sort();
    names
}

/// Real time: the watcher lives on sockets.
async fn until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it comes");
}

#[tokio::test]
async fn discovery_leads_to_dynamic_objects() {
    let served = Served::start().await;
    let client = served.client().await;
    let group = kube::discovery::group(&client, "apps").await.unwrap();
    let (resource, _) = group.recommended_kind("Deployment").unwrap();
    let api: Api<DynamicObject> = Api::default_namespaced_with(client, &resource);
    let labels = json!({"app": "web"});
    let desired = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "c", "image": "example/c:1"}]},
            },
        },
    });
    let applied = api.patch("web", &PatchParams::apply("test"), &Patch::Apply(&desired)).await.unwrap();
    assert_eq!(applied.data["spec"]["replicas"], 1);
    let again = api.patch("web", &PatchParams::apply("test"), &Patch::Apply(&desired)).await.unwrap();
    assert_eq!(again.resource_version(), applied.resource_version());
}

#[tokio::test]
async fn of_two_who_want_a_lease_one_gets_it() {
    let served = Served::start().await;
    let api: Api<Lease> = Api::default_namespaced(served.client().await);
    let free: Lease = typed(json!({"metadata": {"name": "leader"}, "spec": {"leaseDurationSeconds": 15}}));
    let free = api.create(&PostParams::default(), &free).await.unwrap();
    let bids = (0..8).map(|candidate| {
        let (api, mut bid) = (api.clone(), free.clone());
        bid.spec.as_mut().unwrap().holder_identity = Some(format!("candidate-{candidate}"));
        async move { api.replace("leader", &PostParams::default(), &bid).await }
    });
    let answers = futures::future::join_all(bids).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    assert!(lost.iter().all(|answer| matches!(answer, Err(kube::Error::Api(status)) if status.code == 409)));
    let holder = api.get("leader").await.unwrap().spec.unwrap().holder_identity;
    assert_eq!(holder, won[0].as_ref().unwrap().spec.as_ref().unwrap().holder_identity);
}
