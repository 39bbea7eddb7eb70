//! Whether what is in a store is what this server would have written: objects under their names, at their revisions, and
//! Services that hold the addresses they say they have.
//! It must not know files or checksums.

use std::sync::Arc;

use mainstay_apimachinery::object;
use mainstay_store::{KindKey, Record, Snapshot};
use serde_json::Value;

use crate::addresses;

/// What is wrong with a record among all; empty for a sound one.
#[must_use]
pub fn check(snapshot: &Snapshot, record: &Record) -> Vec<String> {
    if addresses::is_claim(&record.key.kind) {
        return check_claim(snapshot, record);
    }
    match serde_json::from_slice::<Value>(&record.bytes) {
        Ok(object) if object.is_object() => check_object(snapshot, record, &object),
        Ok(_) => vec!["it is JSON, but no object".to_owned()],
        Err(error) => vec![format!("it is no JSON: {error}")],
    }
}

fn check_object(snapshot: &Snapshot, record: &Record, object: &Value) -> Vec<String> {
    let key = &record.key;
    let field = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let group = field("/apiVersion").rsplit_once('/').map_or("", |(group, _)| group);
    let revision = record.revision.to_string();
    let expected = [
        ("metadata.name", field("/metadata/name"), &*key.name),
        ("metadata.namespace", field("/metadata/namespace"), &*key.namespace),
        ("metadata.resourceVersion", field("/metadata/resourceVersion"), revision.as_str()),
        ("the group of apiVersion", group, &*key.kind.group),
    ];
    let differing = expected.iter().filter(|(_, found, wanted)| found != wanted);
    let mut wrong: Vec<String> =
        differing.map(|(what, found, wanted)| format!("{what} is {found:?} and should be {wanted:?}")).collect();
    let present = [("kind", "/kind"), ("apiVersion", "/apiVersion"), ("metadata.uid", "/metadata/uid")];
    let missing = present.iter().filter(|(_, pointer)| field(pointer).is_empty());
    wrong.extend(missing.map(|(what, _)| format!("{what} is missing")));
    if (&*key.kind.group, &*key.kind.resource) == ("", "services") {
        wrong.extend(check_service(snapshot, &key.kind.cluster, object));
    }
    wrong
}

/// A Service holds each of its addresses and node ports.
fn check_service(snapshot: &Snapshot, cluster: &Arc<str>, service: &Value) -> Vec<String> {
    let owner = addresses::owner(service);
    let held = addresses::held(cluster, service).into_iter();
    let lost = held.filter(|key| snapshot.get(key).is_none_or(|claim| claim.bytes != owner));
    lost.map(|key| format!("it does not hold {} of {}", key.name, key.kind.resource)).collect()
}

/// An address is held by a Service that has it.
fn check_claim(snapshot: &Snapshot, claim: &Record) -> Vec<String> {
    let owner = String::from_utf8_lossy(&claim.bytes).into_owned();
    let cluster = &claim.key.kind.cluster;
    let (namespace, name) = owner.split_once('/').unwrap_or_default();
    let service = snapshot.get(&KindKey::new(cluster.clone(), "", "services").object(namespace, name));
    let holds =
        service.and_then(|service| serde_json::from_slice::<Value>(&service.bytes).ok()).is_some_and(|service| {
            object::name(&service) == name && addresses::held(cluster, &service).contains(&claim.key)
        });
    if holds { Vec::new() } else { vec![format!("it is held by Service {owner:?}, which does not have it")] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_store::{Error, ObjectKey, Options, Store};
    use serde_json::json;

    async fn put(store: &Store, key: ObjectKey, bytes: impl Into<bytes::Bytes>) {
        let written = store.transact::<_, Error, _>(|tx| {
            tx.put(key, bytes.into());
            Ok(())
        });
        written.await.unwrap();
    }

    fn findings(store: &Store) -> Vec<String> {
        let snapshot = store.snapshot();
        snapshot.records().flat_map(|record| check(&snapshot, record)).collect()
    }

    #[tokio::test]
    async fn an_object_is_held_against_its_key_and_revision() {
        let store = Store::ephemeral(Options::default());
        let key = KindKey::new("dev", "apps", "deployments").object("shop", "web");
        let metadata = json!({"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "2"});
        let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata});
        put(&store, key.clone(), object.to_string()).await;
        assert_eq!(findings(&store), Vec::<String>::new());
        put(&store, key.clone(), object.to_string()).await;
        assert_eq!(findings(&store), [r#"metadata.resourceVersion is "2" and should be "3""#]);
        put(&store, key, "{").await;
        assert!(findings(&store)[0].starts_with("it is no JSON"), "{:?}", findings(&store));
    }

    #[tokio::test]
    async fn addresses_and_services_refer_to_each_other() {
        let store = Store::ephemeral(Options::default());
        let service = |version: &str| {
            let metadata = json!({"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": version});
            json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"clusterIP": "10.96.0.9"}})
        };
        put(&store, KindKey::new("dev", "", "services").object("shop", "web"), service("2").to_string()).await;
        assert_eq!(findings(&store), ["it does not hold 10.96.0.9 of clusterips"]);
        let claims = KindKey::new("dev", "internal.mainstay.dev", "clusterips");
        put(&store, claims.object("", "10.96.0.9"), "shop/web").await;
        assert_eq!(findings(&store), Vec::<String>::new());
        put(&store, claims.object("", "10.96.0.10"), "shop/web").await;
        assert_eq!(findings(&store), [r#"it is held by Service "shop/web", which does not have it"#]);
    }
}
