//! The end of a namespace: everything in it is deleted, then its own finalizer is taken away.
//! It must not know what is in it.

use std::collections::BTreeMap;

use mainstay_apimachinery::object;
use mainstay_store::{ObjectKey, Record};
use serde_json::{Value, json};

use super::Lifecycle;
use super::metadata::Metadata;
use super::write::Failure;

/// The finalizer in a namespace's spec.
const FINALIZER: &str = "kubernetes";

impl Lifecycle {
    /// Deletes the content of a namespace that is being deleted; lets it go when there is none.
    pub(super) async fn empty_namespace(&self, key: &ObjectKey) -> Result<(), Failure> {
        let Some(namespace) = self.read(key)?.filter(object::is_deleting) else { return Ok(()) };
        self.delete_all(self.content(key)).await?;
        let left = self.content(key);
        if left.is_empty() {
            return self.finalize(key, namespace).await;
        }
        self.report(key, &namespace, &left).await
    }

    /// Everything in a namespace, by kind and name.
    fn content(&self, namespace: &ObjectKey) -> Vec<Record> {
        let snapshot = self.server.snapshot();
        let kinds = snapshot.kinds().filter(|kind| kind.cluster == namespace.kind.cluster);
        kinds.flat_map(|kind| snapshot.list(kind, Some(&namespace.name))).cloned().collect()
    }

    async fn finalize(&self, key: &ObjectKey, mut namespace: Value) -> Result<(), Failure> {
        let finalizers = namespace.pointer("/spec/finalizers").and_then(Value::as_array).cloned().unwrap_or_default();
        if !finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
            return Ok(());
        }
        let rest: Vec<Value> = finalizers.into_iter().filter(|finalizer| finalizer != FINALIZER).collect();
        namespace["spec"]["finalizers"] = Value::Array(rest);
        namespace["apiVersion"] = json!("v1");
        namespace["kind"] = json!("Namespace");
        let request = http::Request::put(format!("/api/v1/namespaces/{}/finalize", key.name))
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(namespace.to_string().into_bytes())
            .expect("the name of a stored namespace is a valid path segment");
        match self.client(&key.kind.cluster).request::<Value>(request).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(Failure::Request(key.clone(), Box::new(error))),
        }
    }

    /// Says in the status what keeps the namespace.
    async fn report(&self, key: &ObjectKey, namespace: &Value, left: &[Record]) -> Result<(), Failure> {
        let now = self.server.clock().now_rfc3339();
        let known = namespace.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut conditions = conditions(left);
        for condition in &mut conditions {
            let before = known.iter().find(|other| other["type"] == condition["type"]);
            let since = before.filter(|other| other["status"] == condition["status"]);
            condition["lastTransitionTime"] = since.map_or_else(|| json!(now), |c| c["lastTransitionTime"].clone());
        }
        if conditions == known {
            return Ok(());
        }
        self.patch(key, Some("status"), &json!({"status": {"conditions": conditions}})).await
    }
}

/// The conditions of upstream's namespace controller.
fn conditions(left: &[Record]) -> Vec<Value> {
    let mut resources: BTreeMap<String, usize> = BTreeMap::new();
    let mut finalizers: BTreeMap<String, usize> = BTreeMap::new();
    for record in left {
        let kind = &record.key.kind;
        *resources.entry(format!("{}.{}", kind.resource, kind.group)).or_default() += 1;
        for finalizer in Metadata::of(&record.bytes).finalizers() {
            *finalizers.entry(finalizer.clone()).or_default() += 1;
        }
    }
    let counted = |counts: &BTreeMap<String, usize>, verb: &str| {
        let texts: Vec<String> =
            counts.iter().map(|(name, count)| format!("{name} {verb} {count} resource instances")).collect();
        texts.join(", ")
    };
    let remaining = format!("Some resources are remaining: {}", counted(&resources, "has"));
    let holding = format!("Some content in the namespace has finalizers remaining: {}", counted(&finalizers, "in"));
    let no_finalizers = "All content-preserving finalizers finished".to_owned();
    let rows = [
        (
            "DeletionDiscoveryFailure",
            "False",
            "ResourcesDiscovered",
            "All resources successfully discovered".to_owned(),
        ),
        (
            "DeletionGroupVersionParsingFailure",
            "False",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed".to_owned(),
        ),
        (
            "DeletionContentFailure",
            "False",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization".to_owned(),
        ),
        ("ContentRemaining", "True", "SomeResourcesRemain", remaining),
        match finalizers.is_empty() {
            true => ("FinalizersRemaining", "False", "ContentHasNoFinalizers", no_finalizers),
            false => ("FinalizersRemaining", "True", "SomeFinalizersRemain", holding),
        },
    ];
    let row = |(type_, status, reason, message)| json!({"type": format!("Namespace{type_}"), "status": status, "reason": reason, "message": message});
    rows.into_iter().map(row).collect()
}
