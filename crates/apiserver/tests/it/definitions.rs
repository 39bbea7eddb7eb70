//! CustomResourceDefinitions that change while they are in use, or were left half way.

use std::time::Duration;

use futures::StreamExt;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::core::GroupVersionKind;
use kube::runtime::watcher;
use mainstay_apiserver::{ApiServer, Duties, Identity, Options};
use mainstay_controller_runtime::{CancellationToken, Clock, IdleProbe, Ids};
use mainstay_store::KindKey;
use serde_json::{Value, json};

use crate::{raw, send, server};

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const FOOS: &str = "/apis/ex.io/v1/namespaces/default/foos";

fn definition(properties: &Value) -> Value {
    json!({
        "metadata": {"name": "foos.ex.io"},
        "spec": {"group": "ex.io", "scope": "Namespaced", "names": {"plural": "foos", "kind": "Foo"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema":
                {"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}}}}]},
    })
}

type Events = futures::stream::BoxStream<'static, Result<watcher::Event<DynamicObject>, watcher::Error>>;

/// The next object that was made or changed, by name and spec.
async fn next(events: &mut Events) -> (String, Value) {
    loop {
        let event = tokio::time::timeout(Duration::from_secs(5), events.next()).await.unwrap().unwrap().unwrap();
        if let watcher::Event::Apply(object) | watcher::Event::InitApply(object) = event {
            return (object.metadata.name.unwrap(), object.data["spec"].clone());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_watcher_goes_on_through_a_change_of_the_schema() {
    let server = server().await;
    let client = server.client("dev", Identity::admin());
    raw(&client, "POST", CRDS, definition(&json!({"a": {"type": "string"}, "b": {"type": "string"}}))).await;
    raw(&client, "POST", FOOS, json!({"metadata": {"name": "old"}, "spec": {"a": "1", "b": "2"}})).await;
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("ex.io", "v1", "Foo"));
    let api: Api<DynamicObject> = Api::default_namespaced_with(client.clone(), &resource);
    let mut events = watcher(api, watcher::Config::default()).boxed();
    assert_eq!(next(&mut events).await, ("old".to_owned(), json!({"a": "1", "b": "2"})));
    let changed = definition(&json!({"a": {"type": "string"}, "c": {"type": "integer", "default": 3}}));
    let patch = json!({"spec": changed["spec"]});
    let merge =
        ("PATCH", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/foos.ex.io", "application/merge-patch+json");
    assert_eq!(send(&client, merge, patch).await.0, 200);
    raw(&client, "POST", FOOS, json!({"metadata": {"name": "new"}, "spec": {"b": "gone"}})).await;
    assert_eq!(next(&mut events).await, ("new".to_owned(), json!({"c": 3})));
    let old = "/apis/ex.io/v1/namespaces/default/foos/old";
    assert_eq!(raw(&client, "GET", old, Value::Null).await.1["spec"], json!({"a": "1", "c": 3}));
    send(&client, ("PATCH", old, "application/merge-patch+json"), json!({"metadata": {"labels": {"x": "y"}}})).await;
    assert_eq!(next(&mut events).await, ("old".to_owned(), json!({"a": "1", "c": 3})));
}

#[tokio::test(start_paused = true)]
async fn a_definition_left_half_way_is_established_at_the_start() {
    let before = server().await;
    let client = before.client("dev", Identity::admin());
    raw(&client, "POST", CRDS, definition(&json!({}))).await;
    let (_, mut crd) = raw(&client, "GET", &format!("{CRDS}/foos.ex.io"), Value::Null).await;
    crd["status"] = json!({"conditions": null, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": ["v1"]});
    let store = before.store().fork();
    let key = KindKey::new("dev", "apiextensions.k8s.io", "customresourcedefinitions").object("", "foos.ex.io");
    let put = store.transact::<_, mainstay_store::Error, _>(|tx| {
        crd["metadata"]["resourceVersion"] = tx.revision().to_string().into();
        tx.put(key, crd.to_string().into());
        Ok(())
    });
    put.await.unwrap();
    let clock = Clock::starting_at("2030-01-01T00:00:00Z".parse().unwrap());
    let server = ApiServer::new(store, Options::new(clock, Ids::seeded(7))).unwrap();
    let client = server.client("dev", Identity::admin());
    assert_eq!(raw(&client, "GET", FOOS, Value::Null).await.0, 404);
    let (probe, shutdown) = (IdleProbe::new(), CancellationToken::new());
    server.start_duties(Duties::Definitions, probe.clone(), shutdown.clone());
    probe.idle().await;
    assert_eq!(raw(&client, "GET", FOOS, Value::Null).await.0, 200);
    shutdown.cancel();
}
