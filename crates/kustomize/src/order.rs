//! The order of the outcome: kustomize's legacy order unless a kustomization asks for that of its files.
//! It must not know why objects are there.

use std::cmp::Ordering;

use crate::error::Error;
use crate::id::Id;
use crate::kustomization::SortOptions;
use crate::resource::Resource;

/// Kinds that come first, as kustomize's legacy order.
const FIRST: [&str; 22] = [
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];
/// Kinds that come last.
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// Sorts as a kustomization asks for.
pub(crate) fn sort(resources: &mut [Resource], options: Option<&SortOptions>) -> Result<(), Error> {
    let own = |kinds: &[&str]| kinds.iter().map(|kind| (*kind).to_owned()).collect::<Vec<_>>();
    let (first, last) = match options {
        Some(options) if options.order == "fifo" => return Ok(()),
        Some(options) if !["", "legacy"].contains(&options.order.as_str()) => {
            let message = format!("sortOptions: {} is no order; use legacy or fifo", options.order);
            return Err(Error::Malformed { path: "kustomization".to_owned(), message });
        }
        Some(SortOptions { legacy_sort_options: Some(kinds), .. }) => {
            (kinds.order_first.clone(), kinds.order_last.clone())
        }
        _ => (own(&FIRST), own(&LAST)),
    };
    let place = |kind: &str| {
        let before = first.iter().position(|other| other == kind).map(|at| (0, at));
        before.or_else(|| last.iter().position(|other| other == kind).map(|at| (2, at))).unwrap_or((1, 0))
    };
    resources.sort_by_cached_key(|resource| {
        let id = resource.id();
        (place(&id.kind), Key(id))
    });
    Ok(())
}

/// Ids in the order of kustomize's texts of them.
#[derive(PartialEq, Eq)]
struct Key(Id);

impl Key {
    fn text(&self) -> (String, String, String) {
        let or = |text: &str, without: &str| if text.is_empty() { without.to_owned() } else { text.to_owned() };
        let Id { group, version, kind, namespace, name } = &self.0;
        let gvk = format!("{}_{}_{}", or(group, "~G"), or(version, "~V"), or(kind, "~K"));
        (gvk, or(namespace, "~X"), or(name, "~N"))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text().cmp(&other.text())
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
