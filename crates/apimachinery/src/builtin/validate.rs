//! The rules of built-in kinds, with the messages of upstream's `pkg/apis/*/validation`.
//! It must not know what a server holds: names taken, addresses allocated, quotas.
//!
//! Objects are validated after [`super::defaults`]. Each file holds one area; what no area checks, the schema does:
//! required fields and enumerations.

mod admission;
mod classes;
mod configs;
mod containers;
mod definitions;
mod endpoints;
mod errors;
mod events;
mod generic;
mod limits;
mod metadata;
mod networks;
mod pod_updates;
mod pods;
mod policies;
mod scheduling;
mod status;
mod volumes;
mod workloads;

use serde_json::{Map, Value};

use crate::{FieldError, FieldPath, GroupVersionKind};
use errors::Errors;

type Object = Map<String, Value>;

/// Everything wrong with an object of a built-in kind: `old` is the stored object on an update. Objects of other kinds
/// have only their metadata checked, names being DNS-1123 subdomains.
#[must_use]
pub fn validate(gvk: &GroupVersionKind, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut errors = Errors::default();
    metadata::check(&mut errors, gvk, new, old);
    if let Some(schema) = super::schema(gvk) {
        by_kind(&mut errors, gvk, new, old);
        generic::check(&mut errors, &schema, new);
    }
    errors.into_vec()
}

/// Everything wrong with an object of a built-in kind that is written through a subresource.
#[must_use]
pub fn validate_subresource(gvk: &GroupVersionKind, subresource: &str, new: &Value, old: &Value) -> Vec<FieldError> {
    let mut errors = Errors::default();
    match (gvk.kind.as_str(), subresource) {
        // A definition's status says which versions objects are stored in, by which the rules of its spec go.
        ("CustomResourceDefinition", _) => return validate(gvk, new, Some(old)),
        (_, "status") => {
            metadata::check(&mut errors, gvk, new, Some(old));
            status::check(&mut errors, gvk, new);
        }
        ("Pod", "ephemeralcontainers" | "resize") => {
            metadata::check(&mut errors, gvk, new, Some(old));
            pods::pod_subresource(&mut errors, subresource, new, old);
        }
        // A binding changes what nobody else may change.
        (_, "binding") => {}
        _ => return validate(gvk, new, Some(old)),
    }
    errors.into_vec()
}

fn by_kind(errors: &mut Errors, gvk: &GroupVersionKind, new: &Value, old: Option<&Value>) {
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("", "Pod") => pods::pod(errors, new, old),
        ("", "ConfigMap") => configs::config_map(errors, new, old),
        ("", "Secret") => configs::secret(errors, new, old),
        ("", "Service") => networks::service(errors, new, old),
        ("", "PersistentVolumeClaim") => volumes::claim(errors, new, old),
        ("", "PersistentVolume") => volumes::persistent_volume(errors, new, old),
        ("", "ResourceQuota") => limits::quota(errors, new, old),
        ("", "LimitRange") => limits::limit_range(errors, new),
        ("", "Node") => classes::node(errors, new, old),
        ("", "Endpoints") => endpoints::endpoints(errors, new),
        ("", "PodTemplate") => workloads::template(errors, new.get("template"), &field("template")),
        ("" | "events.k8s.io", "Event") => events::event(errors, gvk, new, old),
        ("discovery.k8s.io", "EndpointSlice") => endpoints::endpoint_slice(errors, new, old),
        ("storage.k8s.io", "StorageClass") => volumes::storage_class(errors, new, old),
        ("scheduling.k8s.io", "PriorityClass") => classes::priority(errors, new, old),
        ("node.k8s.io", "RuntimeClass") => classes::runtime(errors, new, old),
        ("networking.k8s.io", "IngressClass") => classes::ingress(errors, new, old),
        ("coordination.k8s.io", "Lease") => classes::lease(errors, new),
        ("certificates.k8s.io", "CertificateSigningRequest") => classes::signing_request(errors, new, old),
        ("apps", "ControllerRevision") => classes::revision(errors, new, old),
        ("networking.k8s.io", "Ingress") => networks::ingress(errors, new),
        ("networking.k8s.io", "NetworkPolicy") => networks::network_policy(errors, new),
        ("apps", _) | ("", "ReplicationController") => workloads::workload(errors, gvk, new, old),
        ("batch", "Job") => workloads::job(errors, new, old),
        ("batch", "CronJob") => workloads::cron_job(errors, new),
        ("autoscaling", "HorizontalPodAutoscaler") => policies::autoscaler(errors, new),
        ("policy", "PodDisruptionBudget") => policies::disruption_budget(errors, new),
        ("rbac.authorization.k8s.io", _) => policies::rbac(errors, gvk, new, old),
        ("admissionregistration.k8s.io", _) => admission::check(errors, gvk, new),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definitions::check(errors, new, old),
        _ => {}
    }
}

/// Name, labels, annotations, owner references and finalizers of any object, with the name held against `name_rule`.
#[must_use]
pub fn validate_metadata(new: &Value, old: Option<&Value>, name_rule: fn(&str) -> Vec<String>) -> Vec<FieldError> {
    let mut errors = Errors::default();
    metadata::check_with(&mut errors, new, old, name_rule);
    errors.into_vec()
}

fn field(name: &str) -> FieldPath {
    FieldPath::root().child(name)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = (usize, &'a Value)> {
    value.get(name).and_then(Value::as_array).into_iter().flatten().enumerate()
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        Some(Value::Object(map)) => map.is_empty(),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests;
