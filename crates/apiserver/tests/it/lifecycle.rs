//! Garbage collection and the ends of namespaces and definitions.

use mainstay_apiserver::{ApiServer, Identity};
use mainstay_controller_runtime::{CancellationToken, IdleProbe};
use serde_json::{Value, json};

use crate::{raw, send, server};

/// A world with the background running; `settle` waits until nothing is left to do.
struct World {
    server: ApiServer,
    client: kube::Client,
    probe: IdleProbe,
    shutdown: CancellationToken,
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl World {
    async fn new() -> Self {
        Self::over(server().await)
    }

    fn over(server: ApiServer) -> Self {
        let (probe, shutdown) = (IdleProbe::new(), CancellationToken::new());
        server.start_background_with(probe.clone(), shutdown.clone());
        let client = server.client("dev", Identity::admin());
        Self { server, client, probe, shutdown }
    }

    async fn settle(&self) {
        self.probe.idle().await;
    }

    /// Lets time pass, and all be done that is due.
    async fn pass(&self, seconds: u64) {
        self.settle().await;
        tokio::time::advance(std::time::Duration::from_secs(seconds)).await;
        // What is due is queued by a task of its own, which must run before it counts as pending.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        self.settle().await;
    }

    async fn create(&self, path: &str, object: Value) -> Value {
        let (code, made) = raw(&self.client, "POST", path, object).await;
        assert_eq!(code, 201, "{made}");
        made
    }

    async fn config_map(&self, name: &str, owner: Option<&Value>, extra: Value) -> Value {
        let mut object = json!({"metadata": {"name": name}});
        if let Some(owner) = owner {
            object["metadata"]["ownerReferences"] = json!([reference(owner)]);
        }
        for (field, value) in extra.as_object().into_iter().flatten() {
            object["metadata"][field] = value.clone();
        }
        self.create(MAPS, object).await
    }

    async fn exists(&self, path: &str) -> bool {
        raw(&self.client, "GET", path, Value::Null).await.0 == 200
    }

    async fn get(&self, path: &str) -> Value {
        raw(&self.client, "GET", path, Value::Null).await.1
    }

    async fn delete(&self, path: &str, policy: &str) -> Value {
        let (code, reply) = raw(&self.client, "DELETE", path, json!({"propagationPolicy": policy})).await;
        assert_eq!(code, 200, "{reply}");
        reply
    }

    async fn merge(&self, path: &str, patch: Value) -> (u16, Value) {
        send(&self.client, ("PATCH", path, "application/merge-patch+json"), patch).await
    }
}

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn map(name: &str) -> String {
    format!("{MAPS}/{name}")
}

fn reference(owner: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
        "controller": true, "blockOwnerDeletion": true,
    })
}

#[tokio::test(start_paused = true)]
async fn dependents_follow_their_owner() {
    let world = World::new().await;
    let top = world.config_map("top", None, json!({})).await;
    let middle = world.config_map("middle", Some(&top), json!({})).await;
    world.config_map("bottom", Some(&middle), json!({})).await;
    world.settle().await;
    assert!(world.exists(&map("bottom")).await);
    world.delete(&map("top"), "Background").await;
    world.settle().await;
    assert!(!world.exists(&map("middle")).await && !world.exists(&map("bottom")).await);
}

#[tokio::test(start_paused = true)]
async fn in_the_foreground_the_owner_goes_last() {
    let world = World::new().await;
    let top = world.config_map("top", None, json!({})).await;
    let middle = world.config_map("middle", Some(&top), json!({})).await;
    world.config_map("bottom", Some(&middle), json!({"finalizers": ["ex.io/a"]})).await;
    world.settle().await;
    world.delete(&map("top"), "Foreground").await;
    world.settle().await;
    let top = world.get(&map("top")).await;
    assert_eq!(top["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    assert_eq!(world.get(&map("middle")).await["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    world.merge(&map("bottom"), json!({"metadata": {"finalizers": null}})).await;
    world.settle().await;
    for name in ["top", "middle", "bottom"] {
        assert!(!world.exists(&map(name)).await, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn orphans_stay_without_their_owner() {
    let world = World::new().await;
    let top = world.config_map("top", None, json!({})).await;
    world.config_map("bottom", Some(&top), json!({})).await;
    world.settle().await;
    world.delete(&map("top"), "Orphan").await;
    world.settle().await;
    assert!(!world.exists(&map("top")).await);
    let bottom = world.get(&map("bottom")).await;
    assert_eq!(bottom["metadata"]["ownerReferences"], Value::Null, "{bottom}");
}

#[tokio::test(start_paused = true)]
async fn one_of_two_owners_is_enough() {
    let world = World::new().await;
    let (a, b) = (world.config_map("a", None, json!({})).await, world.config_map("b", None, json!({})).await);
    let both = json!({"ownerReferences": [reference(&a), json!({
        "apiVersion": "v1", "kind": "ConfigMap", "name": "b", "uid": b["metadata"]["uid"]})]});
    world.config_map("child", None, both).await;
    world.delete(&map("a"), "Background").await;
    world.settle().await;
    let child = world.get(&map("child")).await;
    assert_eq!(child["metadata"]["ownerReferences"][0]["name"], "b");
    assert_eq!(child["metadata"]["ownerReferences"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_never_was_is_absent_and_an_unknown_kind_is_not() {
    let world = World::new().await;
    let absent = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "1"}]);
    let unknown = json!([{"apiVersion": "ex.io/v1", "kind": "Nothing", "name": "x", "uid": "1"}]);
    world.config_map("absent", None, json!({"ownerReferences": absent})).await;
    world.config_map("unknown", None, json!({"ownerReferences": unknown})).await;
    world.settle().await;
    assert!(!world.exists(&map("absent")).await);
    assert!(world.exists(&map("unknown")).await);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_takes_its_content_with_it() {
    let world = World::new().await;
    world.create("/api/v1/namespaces", json!({"metadata": {"name": "shop"}})).await;
    let maps = "/api/v1/namespaces/shop/configmaps";
    world.create(maps, json!({"metadata": {"name": "plain"}})).await;
    world.create(maps, json!({"metadata": {"name": "held", "finalizers": ["ex.io/a"]}})).await;
    raw(&world.client, "DELETE", "/api/v1/namespaces/shop", Value::Null).await;
    world.settle().await;
    let namespace = world.get("/api/v1/namespaces/shop").await;
    assert_eq!(namespace["status"]["phase"], "Terminating");
    let conditions = namespace["status"]["conditions"].as_array().unwrap();
    let message = |type_: &str| conditions.iter().find(|c| c["type"] == type_).unwrap()["message"].clone();
    assert_eq!(
        message("NamespaceContentRemaining"),
        "Some resources are remaining: configmaps. has 1 resource instances"
    );
    assert_eq!(
        message("NamespaceFinalizersRemaining"),
        "Some content in the namespace has finalizers remaining: ex.io/a in 1 resource instances"
    );
    world.merge(&format!("{maps}/held"), json!({"metadata": {"finalizers": null}})).await;
    world.settle().await;
    assert!(!world.exists("/api/v1/namespaces/shop").await);
}

fn crd(scope: &str) -> Value {
    json!({
        "metadata": {"name": "foos.ex.io"},
        "spec": {"group": "ex.io", "scope": scope, "names": {"plural": "foos", "kind": "Foo", "shortNames": ["fo"]},
            "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "additionalPrinterColumns": [{"name": "A", "type": "string", "jsonPath": ".spec.a"}],
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object",
                    "properties": {"a": {"type": "string"}, "n": {"type": "integer", "default": 3}}}}}}}]},
    })
}

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const FOO: &str = "/apis/ex.io/v1/foos/f";

#[tokio::test(start_paused = true)]
async fn a_definition_is_served_at_once_and_takes_its_objects_with_it() {
    let world = World::new().await;
    let made = world.create(CRDS, crd("Cluster")).await;
    assert_eq!(made["status"]["conditions"], Value::Null, "names are accepted after the write");
    assert_eq!(world.get(&format!("{CRDS}/foos.ex.io")).await["status"]["conditions"][1]["type"], "Established");
    let foo = json!({"metadata": {"name": "f", "finalizers": ["ex.io/a"]}, "spec": {"a": "x", "unknown": 1}});
    let foo = world.create("/apis/ex.io/v1/foos", foo).await;
    assert_eq!(foo["spec"], json!({"a": "x", "n": 3}));
    world.delete(&format!("{CRDS}/foos.ex.io"), "Background").await;
    world.settle().await;
    let conditions = world.get(&format!("{CRDS}/foos.ex.io")).await["status"]["conditions"].clone();
    assert_eq!(conditions[2]["reason"], "InstanceDeletionInProgress", "{conditions}");
    let (code, refused) = raw(&world.client, "POST", "/apis/ex.io/v1/foos", json!({"metadata": {"name": "y"}})).await;
    assert_eq!((code, refused["reason"].as_str()), (403, Some("Forbidden")), "{refused}");
    world.merge(FOO, json!({"metadata": {"finalizers": null}})).await;
    world.settle().await;
    assert!(!world.exists(&format!("{CRDS}/foos.ex.io")).await);
    assert_eq!(raw(&world.client, "GET", FOO, Value::Null).await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn dependents_of_custom_objects_go_even_if_the_definition_goes_too() {
    let world = World::new().await;
    world.create(CRDS, crd("Namespaced")).await;
    let foo = world.create("/apis/ex.io/v1/namespaces/default/foos", json!({"metadata": {"name": "f"}})).await;
    let owner = json!([{"apiVersion": "ex.io/v1", "kind": "Foo", "name": "f", "uid": foo["metadata"]["uid"]}]);
    world.config_map("child", None, json!({"ownerReferences": owner})).await;
    world.settle().await;
    world.delete(&format!("{CRDS}/foos.ex.io"), "Background").await;
    world.settle().await;
    assert!(!world.exists(&format!("{CRDS}/foos.ex.io")).await);
    assert!(!world.exists(&map("child")).await);
}

#[tokio::test(start_paused = true)]
async fn a_fork_collects_its_own_garbage_only() {
    let world = World::new().await;
    let top = world.config_map("top", None, json!({})).await;
    world.config_map("bottom", Some(&top), json!({})).await;
    world.settle().await;
    let fork = World::over(world.server.fork());
    fork.delete(&map("top"), "Background").await;
    fork.settle().await;
    world.settle().await;
    assert!(!fork.exists(&map("bottom")).await);
    assert!(world.exists(&map("bottom")).await);
}

#[tokio::test(start_paused = true)]
async fn what_was_left_undone_is_done_after_a_start() {
    let server = server().await;
    let client = server.client("dev", Identity::admin());
    let (_, top) = raw(&client, "POST", MAPS, json!({"metadata": {"name": "top"}})).await;
    let child = json!({"metadata": {"name": "bottom", "ownerReferences": [reference(&top)]}});
    raw(&client, "POST", MAPS, child).await;
    raw(&client, "DELETE", &map("top"), Value::Null).await;
    let world = World::over(server);
    world.settle().await;
    assert!(!world.exists(&map("bottom")).await);
}

#[tokio::test(start_paused = true)]
async fn events_go_an_hour_after_their_last_write() {
    const EVENTS: &str = "/api/v1/namespaces/default/events";
    let world = World::new().await;
    let path = format!("{EVENTS}/e");
    let event = json!({"metadata": {"name": "e"}, "involvedObject": {"namespace": "default"}, "count": 1});
    world.create(EVENTS, event).await;
    world.pass(3599).await;
    let (code, reply) = world.merge(&path, json!({"count": 2})).await;
    assert_eq!(code, 200, "{reply}");
    world.pass(3599).await;
    assert!(world.exists(&path).await, "it was written again");
    world.pass(2).await;
    assert!(!world.exists(&path).await);
}
