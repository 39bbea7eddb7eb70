//! The kinds that applications consist of, beyond those that an Application lists itself.
//! It must not name kinds that only controllers look at, such as Leases.

use mainstay_apimachinery::GroupVersionKind;

/// Group, version and kind of namespaced objects that are children of what an Application lists.
const CHILDREN: [(&str, &str, &str); 22] = [
    ("apps", "v1", "Deployment"),
    ("apps", "v1", "StatefulSet"),
    ("apps", "v1", "DaemonSet"),
    ("apps", "v1", "ReplicaSet"),
    ("", "v1", "Pod"),
    ("batch", "v1", "Job"),
    ("batch", "v1", "CronJob"),
    ("", "v1", "Service"),
    ("discovery.k8s.io", "v1", "EndpointSlice"),
    ("networking.k8s.io", "v1", "Ingress"),
    ("networking.k8s.io", "v1", "NetworkPolicy"),
    ("autoscaling", "v2", "HorizontalPodAutoscaler"),
    ("policy", "v1", "PodDisruptionBudget"),
    ("", "v1", "ConfigMap"),
    ("", "v1", "Secret"),
    ("", "v1", "ServiceAccount"),
    ("", "v1", "PersistentVolumeClaim"),
    ("", "v1", "ResourceQuota"),
    ("", "v1", "LimitRange"),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding"),
    ("monitoring.coreos.com", "v1", "ServiceMonitor"),
    ("cert-manager.io", "v1", "Certificate"),
];

/// These kinds.
pub(crate) fn children() -> impl Iterator<Item = GroupVersionKind> {
    CHILDREN.into_iter().map(|(group, version, kind)| GroupVersionKind::new(group, version, kind))
}

/// The argoproj.io Application.
pub(crate) fn application() -> kube::core::ApiResource {
    mainstay_controller_runtime::context::resource("argoproj.io", "v1alpha1", "Application", "applications")
}

/// Events (core/v1).
pub(crate) fn events() -> kube::core::ApiResource {
    mainstay_controller_runtime::context::resource("", "v1", "Event", "events")
}
