//! Which objects a list or a watch is about: label and field selectors.
//! It must not know storage beyond a key and bytes.

use bytes::Bytes;
use mainstay_apimachinery::selector::{FieldSelector, LabelSelector};
use mainstay_store::ObjectKey;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Error;
use crate::call::Call;
use crate::convert::{parse, to_served};
use crate::registry::Resource;

/// A label and a field selector.
pub(crate) struct Filter {
    labels: LabelSelector,
    fields: FieldSelector,
    /// Whether a field selector looks at more than name and namespace, which the key tells.
    reads_object: bool,
    name: Option<String>,
}

/// What a label selector needs of an object; the rest is skipped unparsed.
#[derive(Deserialize)]
struct Labelled {
    #[serde(default)]
    metadata: LabelledMeta,
}

#[derive(Default, Deserialize)]
struct LabelledMeta {
    #[serde(default)]
    labels: Option<Map<String, Value>>,
}

impl Filter {
    pub(crate) fn of(call: &Call) -> Result<Self, Error> {
        let refused = |error: mainstay_apimachinery::selector::SelectorError| Error::bad_request(error.to_string());
        let labels = LabelSelector::parse(call.query.get("labelSelector").unwrap_or_default()).map_err(refused)?;
        let fields = FieldSelector::parse(call.query.get("fieldSelector").unwrap_or_default()).map_err(refused)?;
        for requirement in fields.requirements() {
            check_supported(&call.resource, &requirement.path)?;
        }
        let reads_object = fields.requirements().iter().any(|requirement| !is_key_field(&requirement.path));
        Ok(Self { labels, fields, reads_object, name: None })
    }

    /// The same, of one object only if a name is given.
    pub(crate) fn and_name(mut self, name: Option<String>) -> Self {
        self.name = name;
        self
    }

    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_everything() && self.fields.is_everything()
    }

    pub(crate) fn matches(&self, resource: &Resource, key: &ObjectKey, bytes: &Bytes) -> bool {
        let named = self.name.as_deref().is_none_or(|name| name == &*key.name);
        named && self.matches_labels(bytes) && self.matches_fields(resource, key, bytes)
    }

    fn matches_labels(&self, bytes: &Bytes) -> bool {
        if self.labels.is_everything() {
            return true;
        }
        let labels = serde_json::from_slice::<Labelled>(bytes).ok().and_then(|object| object.metadata.labels);
        self.labels.matches(&labels.unwrap_or_default())
    }

    fn matches_fields(&self, resource: &Resource, key: &ObjectKey, bytes: &Bytes) -> bool {
        if self.fields.is_everything() {
            return true;
        }
        let object = if self.reads_object { to_served(resource, parse(bytes)) } else { Value::Null };
        self.fields.matches(|path| match path {
            "metadata.name" => Some(key.name.to_string()),
            "metadata.namespace" => Some(key.namespace.to_string()),
            _ => Some(field(&object, path)),
        })
    }
}

fn is_key_field(path: &str) -> bool {
    matches!(path, "metadata.name" | "metadata.namespace")
}

/// Field labels by resource, from the `AddFieldLabelConversionFunc`s in `pkg/apis/*/v1/conversion.go`.
const FIELDS: &[(&str, &str, &[&str])] = &[
    (
        "",
        "pods",
        &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ],
    ),
    ("", "nodes", &["spec.unschedulable"]),
    ("", "namespaces", &["status.phase"]),
    ("", "secrets", &["type"]),
    ("", "services", &["spec.clusterIP", "spec.type"]),
    ("", "replicationcontrollers", &["status.replicas"]),
    (
        "",
        "events",
        &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
    ),
    (
        "events.k8s.io",
        "events",
        &[
            "reason",
            "type",
            "reportingController",
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
        ],
    ),
    ("apps", "replicasets", &["status.replicas"]),
    ("batch", "jobs", &["status.successful"]),
    ("certificates.k8s.io", "certificatesigningrequests", &["spec.signerName"]),
];

/// Kinds whose own conversion answers an unknown label with another text than the general one.
fn check_supported(resource: &Resource, path: &str) -> Result<(), Error> {
    let of_kind = FIELDS.iter().find(|(group, plural, _)| *group == &*resource.group && *plural == &*resource.plural);
    let selectable = resource.custom.iter().flat_map(|custom| &custom.selectable_fields);
    let custom = selectable.into_iter().any(|field| field.trim_start_matches('.') == path);
    if is_key_field(path) || custom || of_kind.is_some_and(|(_, _, fields)| fields.contains(&path)) {
        return Ok(());
    }
    Err(Error::bad_request(if of_kind.is_some() || resource.custom.is_some() {
        format!("field label not supported: {path}")
    } else {
        format!("\"{path}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
    }))
}

/// A field's value as text; missing fields are empty, as Go's zero values are.
fn field(object: &Value, path: &str) -> String {
    let path = if path == "source" { "source.component" } else { path };
    let found = path.split('.').try_fold(object, |value, part| value.get(part));
    match found {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None if path == "spec.unschedulable" || path == "spec.hostNetwork" => "false".to_owned(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}
