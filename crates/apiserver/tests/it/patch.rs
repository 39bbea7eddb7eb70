//! Patches, server-side apply, status, scale, dry runs and field validation.

use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};

use crate::{client, create_config_map, raw, send};

const MAP: &str = "/api/v1/namespaces/default/configmaps/a";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/default/deployments/web";

fn deployment(image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": image}]}}},
    })
}

async fn apply(client: &kube::Client, manager: &str, force: bool, object: &Value) -> Result<Deployment, kube::Error> {
    let api: Api<Deployment> = Api::default_namespaced(client.clone());
    let params = PatchParams { force, ..PatchParams::apply(manager) };
    api.patch("web", &params, &Patch::Apply(object)).await
}

#[tokio::test(start_paused = true)]
async fn two_managers_apply_a_conflict_and_force() {
    let client = client().await;
    let made = apply(&client, "one", false, &deployment("i:1")).await.unwrap();
    assert_eq!((made.metadata.generation, made.spec.replicas), (Some(1), Some(1)));
    let again = apply(&client, "one", false, &deployment("i:1")).await.unwrap();
    assert_eq!(again.metadata.resource_version, made.metadata.resource_version);
    let refused = apply(&client, "two", false, &deployment("i:2")).await.unwrap_err();
    let kube::Error::Api(status) = refused else { panic!("{refused}") };
    assert_eq!((status.code, &*status.reason), (409, "Conflict"));
    assert!(status.message.contains("conflict with \"one\""), "{}", status.message);
    let forced = apply(&client, "two", true, &deployment("i:2")).await.unwrap();
    assert_eq!(forced.metadata.generation, Some(2));
    assert_eq!(forced.metadata.managed_fields.unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_status_is_written_apart() {
    let client = client().await;
    apply(&client, "one", false, &deployment("i:1")).await.unwrap();
    let patch = json!({"spec": {"replicas": 9}, "status": {"replicas": 3, "observedGeneration": 1}});
    let path = format!("{DEPLOYMENT}/status");
    let (code, found) = send(&client, ("PATCH", &path, "application/merge-patch+json"), patch.clone()).await;
    assert_eq!((code, &found["spec"]["replicas"], &found["status"]["replicas"]), (200, &json!(1), &json!(3)));
    let (_, found) = send(
        &client,
        ("PATCH", DEPLOYMENT, "application/merge-patch+json"),
        json!({"spec": {"replicas": 9}, "status": null}),
    )
    .await;
    assert_eq!((&found["spec"]["replicas"], &found["status"]["replicas"]), (&json!(9), &json!(3)));
    assert_eq!(found["metadata"]["generation"], 2);
    let (_, scale) = raw(&client, "GET", &format!("{DEPLOYMENT}/scale"), Value::Null).await;
    assert_eq!((&scale["spec"]["replicas"], &scale["status"]["selector"]), (&json!(9), &json!("app=web")));
}

#[tokio::test(start_paused = true)]
async fn every_patch_type_does_its_work() {
    let client = client().await;
    create_config_map(&client, "a").await;
    let operations =
        json!([{"op": "test", "path": "/data/k", "value": "v"}, {"op": "add", "path": "/data/n", "value": "1"}]);
    let (_, found) = send(&client, ("PATCH", MAP, "application/json-patch+json"), operations.clone()).await;
    assert_eq!(found["data"], json!({"k": "v", "n": "1"}));
    let (_, found) = send(&client, ("PATCH", MAP, "application/merge-patch+json"), json!({"data": {"k": null}})).await;
    assert_eq!(found["data"], json!({"n": "1"}));
    assert_eq!(send(&client, ("PATCH", MAP, "application/json-patch+json"), operations).await.0, 422);
    assert_eq!(send(&client, ("PATCH", MAP, "text/plain"), json!({})).await.0, 415);
    apply(&client, "one", false, &deployment("i:1")).await.unwrap();
    let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "s"}]}}}});
    let (_, found) = send(&client, ("PATCH", DEPLOYMENT, "application/strategic-merge-patch+json"), patch).await;
    assert_eq!(found["spec"]["template"]["spec"]["containers"].as_array().map(Vec::len), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_answers_and_changes_nothing() {
    let client = client().await;
    let made = create_config_map(&client, "a").await;
    let path = format!("{MAP}?dryRun=All");
    let (_, found) = send(&client, ("PATCH", &path, "application/merge-patch+json"), json!({"data": {"k": "w"}})).await;
    assert_eq!(found["data"]["k"], "w");
    assert_eq!(raw(&client, "DELETE", &path, Value::Null).await.0, 200);
    let (_, found) = raw(&client, "GET", MAP, Value::Null).await;
    assert_eq!(
        (&found["data"]["k"], found["metadata"]["resourceVersion"].as_str()),
        (&json!("v"), made.metadata.resource_version.as_deref())
    );
}

#[tokio::test(start_paused = true)]
async fn unknown_fields_are_refused_or_warned_of() {
    let client = client().await;
    let body = json!({"metadata": {"name": "a"}, "bogus": 1});
    let path = "/api/v1/namespaces/default/configmaps";
    let (code, refused) = raw(&client, "POST", &format!("{path}?fieldValidation=Strict"), body.clone()).await;
    assert_eq!(code, 400);
    assert!(
        refused["message"].as_str().unwrap().ends_with("strict decoding error: unknown field \"bogus\""),
        "{refused}"
    );
    let request = http::Request::post(path).body(kube::client::Body::from(body.to_string().into_bytes())).unwrap();
    let reply = client.send(request).await.unwrap();
    assert_eq!(
        (reply.status().as_u16(), reply.headers()["warning"].to_str().unwrap()),
        (201, "299 - \"unknown field \\\"bogus\\\"\"")
    );
}

#[tokio::test(start_paused = true)]
async fn services_get_addresses_and_give_them_back() {
    let client = client().await;
    let path = "/api/v1/namespaces/default/services";
    let service = |name: &str, address: Value| json!({"metadata": {"name": name}, "spec": {"clusterIP": address, "ports": [{"port": 80}]}});
    let (code, made) = raw(&client, "POST", path, service("a", Value::Null)).await;
    assert_eq!(code, 201, "{made}");
    let address = made["spec"]["clusterIP"].clone();
    assert!(address.as_str().unwrap().starts_with("10."), "{made}");
    assert_eq!(raw(&client, "POST", path, service("b", address.clone())).await.0, 422);
    assert_eq!(raw(&client, "DELETE", &format!("{path}/a"), Value::Null).await.0, 200);
    assert_eq!(raw(&client, "POST", path, service("b", address)).await.0, 201);
}

#[tokio::test(start_paused = true)]
async fn a_pod_is_bound_once() {
    let client = client().await;
    let path = "/api/v1/namespaces/default/pods";
    let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    assert_eq!(raw(&client, "POST", path, pod).await.0, 201);
    let binding = json!({"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}});
    assert_eq!(raw(&client, "POST", &format!("{path}/p/binding"), binding.clone()).await.0, 201);
    let (_, found) = raw(&client, "GET", &format!("{path}/p"), Value::Null).await;
    assert_eq!((&found["spec"]["nodeName"], &found["metadata"]["generation"]), (&json!("n"), &json!(1)));
    assert_eq!(found["status"]["conditions"][0]["type"], "PodScheduled");
    assert_eq!(raw(&client, "POST", &format!("{path}/p/binding"), binding).await.0, 409);
}

#[tokio::test(start_paused = true)]
async fn null_is_absent() {
    let client = client().await;
    let mut object = deployment("i:1");
    object["metadata"]["creationTimestamp"] = Value::Null;
    object["spec"]["template"]["metadata"]["creationTimestamp"] = Value::Null;
    object["spec"]["strategy"] = Value::Null;
    let path = "/apis/apps/v1/namespaces/default/deployments?fieldValidation=Strict";
    let (code, made) = raw(&client, "POST", path, object).await;
    assert_eq!((code, &made["spec"]["strategy"]["type"]), (201, &json!("RollingUpdate")), "{made}");
}

#[tokio::test(start_paused = true)]
async fn writers_that_meet_all_succeed_if_they_may() {
    let client = client().await;
    create_config_map(&client, "a").await;
    let patches = (0..40).map(|index| {
        let client = client.clone();
        async move {
            let patch = json!({"data": {format!("k{index}"): "v"}});
            send(&client, ("PATCH", MAP, "application/merge-patch+json"), patch).await.0
        }
    });
    assert!(futures::future::join_all(patches).await.into_iter().all(|code| code == 200));
    let (_, found) = raw(&client, "GET", MAP, Value::Null).await;
    assert_eq!(found["data"].as_object().map(serde_json::Map::len), Some(41));
}
