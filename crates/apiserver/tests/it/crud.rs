//! Reading and writing objects.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{Api, DeleteParams, ListParams, ObjectMeta, PostParams};
use serde_json::{Value, json};

use crate::{client, config_map, create_config_map, raw, server};

#[tokio::test(start_paused = true)]
async fn an_object_lives_and_dies() {
    let client = client().await;
    let api: Api<ConfigMap> = Api::default_namespaced(client);
    let made = api.create(&PostParams::default(), &config_map("a", "1")).await.unwrap();
    let time = made.metadata.creation_timestamp.clone().unwrap().0.to_string();
    assert_eq!(time, "2030-01-01T00:00:00Z");
    let mut changed = made.clone();
    changed.data.as_mut().unwrap().insert("k".into(), "2".into());
    let replaced = api.replace("a", &PostParams::default(), &changed).await.unwrap();
    assert_ne!(replaced.metadata.resource_version, made.metadata.resource_version);
    assert_eq!(replaced.metadata.uid, made.metadata.uid);
    let stale = api.replace("a", &PostParams::default(), &changed).await.unwrap_err();
    assert!(matches!(stale, kube::Error::Api(status) if status.code == 409 && status.reason == "Conflict"));
    assert_eq!(api.list(&ListParams::default()).await.unwrap().items, [replaced]);
    api.delete("a", &DeleteParams::default()).await.unwrap();
    let gone = api.get("a").await.unwrap_err();
    assert!(matches!(gone, kube::Error::Api(status) if status.message == "configmaps \"a\" not found"));
}

#[tokio::test(start_paused = true)]
async fn an_update_without_a_change_writes_nothing() {
    let client = client().await;
    let made = create_config_map(&client, "a").await;
    let api: Api<ConfigMap> = Api::default_namespaced(client);
    let again = api.replace("a", &PostParams::default(), &made).await.unwrap();
    assert_eq!(again.metadata.resource_version, made.metadata.resource_version);
}

#[tokio::test(start_paused = true)]
async fn names_are_generated_and_namespaces_must_exist() {
    let client = client().await;
    let (code, made) =
        raw(&client, "POST", "/api/v1/namespaces/default/configmaps", json!({"metadata": {"generateName": "g-"}}))
            .await;
    assert_eq!((code, made["metadata"]["name"].as_str().unwrap().len()), (201, 7));
    let (code, refused) =
        raw(&client, "POST", "/api/v1/namespaces/none/configmaps", json!({"metadata": {"name": "a"}})).await;
    assert_eq!((code, &refused["message"]), (404, &json!("namespaces \"none\" not found")));
}

#[tokio::test(start_paused = true)]
async fn a_finalizer_holds_what_is_deleted() {
    let client = client().await;
    let path = "/api/v1/namespaces/default/configmaps";
    raw(&client, "POST", path, json!({"metadata": {"name": "a", "finalizers": ["ex.io/a"]}})).await;
    let path = "/api/v1/namespaces/default/configmaps/a";
    let (_, marked) = raw(&client, "DELETE", path, Value::Null).await;
    assert_eq!(marked["metadata"]["deletionTimestamp"], "2030-01-01T00:00:00Z");
    let mut free = marked.clone();
    free["metadata"]["finalizers"] = json!([]);
    assert_eq!(raw(&client, "PUT", path, free).await.0, 200);
    assert_eq!(raw(&client, "GET", path, Value::Null).await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_is_active_and_labelled() {
    let client = client().await;
    let api: Api<Namespace> = Api::all(client);
    let wanted =
        Namespace { metadata: ObjectMeta { name: Some("shop".into()), ..Default::default() }, ..Default::default() };
    let made = api.create(&PostParams::default(), &wanted).await.unwrap();
    assert_eq!(made.status.unwrap().phase.as_deref(), Some("Active"));
    assert_eq!(made.metadata.labels.unwrap()["kubernetes.io/metadata.name"], "shop");
    assert_eq!(made.spec.unwrap().finalizers.unwrap(), ["kubernetes"]);
}

#[tokio::test(start_paused = true)]
async fn a_fork_goes_its_own_way() {
    let server = server().await;
    let identity = mainstay_apiserver::Identity::admin();
    create_config_map(&server.client("dev", identity.clone()), "a").await;
    let fork = server.fork();
    let (parent, forked) = (server.client("dev", identity.clone()), fork.client("dev", identity));
    create_config_map(&forked, "b").await;
    let names = async |client: &kube::Client| {
        let api: Api<ConfigMap> = Api::default_namespaced(client.clone());
        let list = api.list(&ListParams::default()).await.unwrap();
        list.items.into_iter().map(|object| object.metadata.name.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(
        (names(&parent).await, names(&forked).await),
        (vec!["a".to_owned()], vec!["a".to_owned(), "b".to_owned()])
    );
}
