//! The resources that a cluster's own controllers read and write.
//! It must not know what they do with them.

use mainstay_controller_runtime::ApiResource;
use mainstay_controller_runtime::context::resource;

macro_rules! kinds {
    ($($name:ident: $group:literal, $version:literal, $kind:literal, $plural:literal;)*) => {
        $(
            #[doc = concat!("`", $plural, "`.")]
            pub(crate) fn $name() -> ApiResource {
                resource($group, $version, $kind, $plural)
            }
        )*
    };
}

kinds! {
    nodes: "", "v1", "Node", "nodes";
    namespaces: "", "v1", "Namespace", "namespaces";
    pods: "", "v1", "Pod", "pods";
    services: "", "v1", "Service", "services";
    secrets: "", "v1", "Secret", "secrets";
    config_maps: "", "v1", "ConfigMap", "configmaps";
    service_accounts: "", "v1", "ServiceAccount", "serviceaccounts";
    resource_quotas: "", "v1", "ResourceQuota", "resourcequotas";
    claims: "", "v1", "PersistentVolumeClaim", "persistentvolumeclaims";
    volumes: "", "v1", "PersistentVolume", "persistentvolumes";
    deployments: "apps", "v1", "Deployment", "deployments";
    replica_sets: "apps", "v1", "ReplicaSet", "replicasets";
    stateful_sets: "apps", "v1", "StatefulSet", "statefulsets";
    daemon_sets: "apps", "v1", "DaemonSet", "daemonsets";
    jobs: "batch", "v1", "Job", "jobs";
    cron_jobs: "batch", "v1", "CronJob", "cronjobs";
    controller_revisions: "apps", "v1", "ControllerRevision", "controllerrevisions";
    endpoints: "", "v1", "Endpoints", "endpoints";
    priority_classes: "scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses";
    endpoint_slices: "discovery.k8s.io", "v1", "EndpointSlice", "endpointslices";
    ingresses: "networking.k8s.io", "v1", "Ingress", "ingresses";
    autoscalers: "autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers";
    disruption_budgets: "policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets";
    leases: "coordination.k8s.io", "v1", "Lease", "leases";
    certificates: "cert-manager.io", "v1", "Certificate", "certificates";
    validating_policies: "admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies";
    definitions: "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions";
}
