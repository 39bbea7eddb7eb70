//! Which scalars are pointers in Go: there a zero was said, elsewhere it only means that nothing was said, since Go's
//! encoder writes the zeros of plain fields too. It must not know the wire format.

/// Names that are pointers wherever they occur, but for [`PLAIN`].
const POINTERS: [&str; 76] = [
    "activeDeadlineSeconds",
    "allocateLoadBalancerNodePorts",
    "allowPrivilegeEscalation",
    "allowVolumeExpansion",
    "attachRequired",
    "automountServiceAccountToken",
    "averageUtilization",
    "backoffLimit",
    "backoffLimitPerIndex",
    "blockOwnerDeletion",
    "borrowingLimitPercent",
    "collisionCount",
    "completions",
    "controller",
    "defaultMode",
    "deletionGracePeriodSeconds",
    "enableServiceLinks",
    "endPort",
    "expirationSeconds",
    "failedJobsHistoryLimit",
    "fsGroup",
    "gracePeriodSeconds",
    "hostProcess",
    "hostUsers",
    "ignoreStoreReadErrorWithClusterBreakingPotential",
    "immutable",
    "ingressClassName",
    "leaseDurationSeconds",
    "leaseTransitions",
    "lendablePercent",
    "limitBytes",
    "loadBalancerClass",
    "manualSelector",
    "maxFailedIndexes",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minDomains",
    "minItems",
    "minLength",
    "minProperties",
    "minReplicas",
    "minimum",
    "mode",
    "multipleOf",
    "nominalConcurrencyShares",
    "optional",
    "optionalOldSelf",
    "orphanDependents",
    "parallelism",
    "partition",
    "podInfoOnMount",
    "privileged",
    "progressDeadlineSeconds",
    "readOnlyRootFilesystem",
    "ready",
    "replicas",
    "requiresRepublish",
    "revisionHistoryLimit",
    "runAsGroup",
    "runAsNonRoot",
    "runAsUser",
    "seLinuxMount",
    "serving",
    "setHostnameAsFQDN",
    "shareProcessNamespace",
    "stabilizationWindowSeconds",
    "started",
    "storageCapacity",
    "successfulJobsHistoryLimit",
    "suspend",
    "targetCPUUtilizationPercentage",
    "terminating",
    "terminationGracePeriodSeconds",
    "ttlSecondsAfterFinished",
];

/// Fields that are pointers in one message only: (message, field).
const IN_MESSAGE: [(&str, &str); 14] = [
    ("CSIVolumeSource", "readOnly"),
    ("CronJobSpec", "startingDeadlineSeconds"),
    ("Endpoint", "hostname"),
    ("Endpoint", "nodeName"),
    ("EndpointPort", "name"),
    ("EndpointPort", "port"),
    ("MutatingWebhook", "timeoutSeconds"),
    ("PersistentVolumeClaimSpec", "storageClassName"),
    ("PersistentVolumeClaimSpec", "volumeAttributesClassName"),
    ("PodLogOptions", "sinceSeconds"),
    ("PodLogOptions", "tailLines"),
    ("PodSpec", "priority"),
    ("Toleration", "tolerationSeconds"),
    ("ValidatingWebhook", "timeoutSeconds"),
];

/// Fields that are plain although others of their name are pointers: (message, field).
const PLAIN: [(&str, &str); 3] =
    [("DeploymentStatus", "replicas"), ("ScaleSpec", "replicas"), ("ScaleStatus", "replicas")];

/// Whether a field of a message is a pointer; the message goes by the last part of its name.
pub(super) fn is_pointer(message: &str, field: &str) -> bool {
    let message = message.rsplit('.').next().unwrap_or(message);
    let of = |list: &[(&str, &str)]| list.iter().any(|(owner, name)| *owner == message && *name == field);
    of(&IN_MESSAGE) || POINTERS.binary_search(&field).is_ok() && !of(&PLAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order() {
        assert!(POINTERS.is_sorted());
        assert!(is_pointer("io.k8s.api.apps.v1.DeploymentSpec", "replicas"));
        assert!(!is_pointer("io.k8s.api.apps.v1.DeploymentStatus", "replicas"));
        assert!(is_pointer("io.k8s.api.core.v1.PersistentVolumeClaimSpec", "storageClassName"));
        assert!(!is_pointer("io.k8s.api.core.v1.PersistentVolumeSpec", "storageClassName"));
    }
}
