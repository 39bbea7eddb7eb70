//! The table of built-in resources of Kubernetes 1.36: names, scope, verbs and subresources, in discovery order.
//! It must not know schemas, defaults or rules.

use std::sync::LazyLock;

/// One built-in resource, as `metav1.APIResource`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceInfo {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// API version.
    pub version: &'static str,
    /// Kind of one object.
    pub kind: &'static str,
    /// Kind of a list.
    pub list_kind: &'static str,
    /// Plural resource name.
    pub resource: &'static str,
    /// Singular resource name.
    pub singular: &'static str,
    /// Whether objects live in a namespace.
    pub namespaced: bool,
    /// Short names, such as `deploy`.
    pub short_names: &'static [&'static str],
    /// Categories, such as `all`.
    pub categories: &'static [&'static str],
    /// Verbs, sorted.
    pub verbs: &'static [&'static str],
    /// Subresources, sorted by name.
    pub subresources: &'static [SubresourceInfo],
}

/// One subresource of a built-in resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubresourceInfo {
    /// Name, such as `status`.
    pub name: &'static str,
    /// Group of its kind where it is not the resource's own; else empty.
    pub group: &'static str,
    /// Version of its kind where the group is not the resource's own; else empty.
    pub version: &'static str,
    /// Its kind; empty where it is the resource's own.
    pub kind: &'static str,
    /// Verbs, sorted.
    pub verbs: &'static [&'static str],
}

impl ResourceInfo {
    /// Whether there is a subresource of this name.
    #[must_use]
    pub fn has_subresource(&self, name: &str) -> bool {
        self.subresources.iter().any(|subresource| subresource.name == name)
    }

    /// The `apiVersion` of the resource's objects.
    #[must_use]
    pub fn api_version(&self) -> String {
        crate::gvk::join_api_version(self.group, self.version)
    }

    /// The kind with group and version.
    #[must_use]
    pub fn gvk(&self) -> crate::GroupVersionKind {
        crate::GroupVersionKind::new(self.group, self.version, self.kind)
    }

    /// The resource with group and version.
    #[must_use]
    pub fn gvr(&self) -> crate::GroupVersionResource {
        crate::GroupVersionResource::new(self.group, self.version, self.resource)
    }

    const fn short(mut self, names: &'static [&'static str]) -> Self {
        self.short_names = names;
        self
    }

    const fn categories(mut self, names: &'static [&'static str]) -> Self {
        self.categories = names;
        self
    }

    const fn with(mut self, subresources: &'static [SubresourceInfo]) -> Self {
        self.subresources = subresources;
        self
    }
}

/// All built-in resources, in the order discovery lists groups, versions and resources.
pub(super) static ALL_RESOURCES: LazyLock<Vec<ResourceInfo>> = LazyLock::new(|| {
    let place = |group, version, rows: &'static [ResourceInfo]| {
        rows.iter().map(move |row| ResourceInfo { group, version, ..*row })
    };
    GROUPS.iter().flat_map(|(group, version, rows)| place(group, version, rows)).collect()
});

macro_rules! resource {
    (namespaced $($rest:tt)*) => { resource!(true, $($rest)*) };
    (cluster $($rest:tt)*) => { resource!(false, $($rest)*) };
    ($namespaced:literal, $resource:literal, $kind:literal, $singular:literal, $verbs:expr) => {
        ResourceInfo {
            group: "",
            version: "",
            kind: $kind,
            list_kind: concat!($kind, "List"),
            resource: $resource,
            singular: $singular,
            namespaced: $namespaced,
            short_names: &[],
            categories: &[],
            verbs: $verbs,
            subresources: &[],
        }
    };
}

const ALL: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const NO_COLLECTION: &[&str] = &["create", "delete", "get", "list", "patch", "update", "watch"];
const READ: &[&str] = &["get", "list"];
const RW: &[&str] = &["get", "patch", "update"];
const PROXY: &[&str] = &["create", "delete", "get", "patch", "update"];
const CONNECT: &[&str] = &["create", "get"];
const CREATE: &[&str] = &["create"];
const UPDATE: &[&str] = &["update"];
const GET: &[&str] = &["get"];

const STATUS: SubresourceInfo = sub("status", "", RW);
const SCALE: SubresourceInfo = foreign("scale", "autoscaling", "v1", "Scale", RW);

const fn sub(name: &'static str, kind: &'static str, verbs: &'static [&'static str]) -> SubresourceInfo {
    SubresourceInfo { name, group: "", version: "", kind, verbs }
}

const fn foreign(
    name: &'static str,
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    verbs: &'static [&'static str],
) -> SubresourceInfo {
    SubresourceInfo { name, group, version, kind, verbs }
}

type Rows = (&'static str, &'static str, &'static [ResourceInfo]);

/// Groups and versions in the order of preference that upstream's aggregator gives them.
const GROUPS: &[Rows] = &[
    ("", "v1", CORE),
    ("apiregistration.k8s.io", "v1", APIREGISTRATION),
    ("apps", "v1", APPS),
    ("events.k8s.io", "v1", EVENTS),
    ("authentication.k8s.io", "v1", AUTHENTICATION),
    ("authorization.k8s.io", "v1", AUTHORIZATION),
    ("autoscaling", "v2", AUTOSCALING_V2),
    ("autoscaling", "v1", AUTOSCALING_V1),
    ("batch", "v1", BATCH),
    ("certificates.k8s.io", "v1", CERTIFICATES),
    ("networking.k8s.io", "v1", NETWORKING),
    ("policy", "v1", POLICY),
    ("rbac.authorization.k8s.io", "v1", RBAC),
    ("storage.k8s.io", "v1", STORAGE),
    ("admissionregistration.k8s.io", "v1", ADMISSIONREGISTRATION),
    ("apiextensions.k8s.io", "v1", APIEXTENSIONS),
    ("scheduling.k8s.io", "v1", SCHEDULING),
    ("coordination.k8s.io", "v1", COORDINATION),
    ("node.k8s.io", "v1", NODE),
    ("discovery.k8s.io", "v1", DISCOVERY),
    ("resource.k8s.io", "v1", RESOURCE),
    ("flowcontrol.apiserver.k8s.io", "v1", FLOWCONTROL),
];

const CORE: &[ResourceInfo] =
    &[
        resource!(namespaced "bindings", "Binding", "binding", CREATE),
        resource!(cluster "componentstatuses", "ComponentStatus", "componentstatus", READ).short(&["cs"]),
        resource!(namespaced "configmaps", "ConfigMap", "configmap", ALL).short(&["cm"]),
        resource!(namespaced "endpoints", "Endpoints", "endpoints", ALL).short(&["ep"]),
        resource!(namespaced "events", "Event", "event", ALL).short(&["ev"]),
        resource!(namespaced "limitranges", "LimitRange", "limitrange", ALL).short(&["limits"]),
        resource!(cluster "namespaces", "Namespace", "namespace", NO_COLLECTION)
            .short(&["ns"])
            .with(&[sub("finalize", "", UPDATE), STATUS]),
        resource!(cluster "nodes", "Node", "node", ALL)
            .short(&["no"])
            .with(&[sub("proxy", "NodeProxyOptions", PROXY), STATUS]),
        resource!(namespaced "persistentvolumeclaims", "PersistentVolumeClaim", "persistentvolumeclaim", ALL)
            .short(&["pvc"])
            .with(&[STATUS]),
        resource!(cluster "persistentvolumes", "PersistentVolume", "persistentvolume", ALL)
            .short(&["pv"])
            .with(&[STATUS]),
        resource!(namespaced "pods", "Pod", "pod", ALL).short(&["po"]).categories(&["all"]).with(&[
            sub("attach", "PodAttachOptions", CONNECT),
            sub("binding", "Binding", CREATE),
            sub("ephemeralcontainers", "", RW),
            foreign("eviction", "policy", "v1", "Eviction", CREATE),
            sub("exec", "PodExecOptions", CONNECT),
            sub("log", "", GET),
            sub("portforward", "PodPortForwardOptions", CONNECT),
            sub("proxy", "PodProxyOptions", PROXY),
            sub("resize", "", RW),
            STATUS,
        ]),
        resource!(namespaced "podtemplates", "PodTemplate", "podtemplate", ALL),
        resource!(namespaced "replicationcontrollers", "ReplicationController", "replicationcontroller", ALL)
            .short(&["rc"])
            .categories(&["all"])
            .with(&[SCALE, STATUS]),
        resource!(namespaced "resourcequotas", "ResourceQuota", "resourcequota", ALL).short(&["quota"]).with(&[STATUS]),
        resource!(namespaced "secrets", "Secret", "secret", ALL),
        resource!(namespaced "serviceaccounts", "ServiceAccount", "serviceaccount", ALL)
            .short(&["sa"])
            .with(&[foreign("token", "authentication.k8s.io", "v1", "TokenRequest", CREATE)]),
        resource!(namespaced "services", "Service", "service", ALL)
            .short(&["svc"])
            .categories(&["all"])
            .with(&[sub("proxy", "ServiceProxyOptions", PROXY), STATUS]),
    ];

const APIREGISTRATION: &[ResourceInfo] = &[resource!(cluster "apiservices", "APIService", "apiservice", ALL)
    .categories(&["api-extensions"])
    .with(&[STATUS])];

const APPS: &[ResourceInfo] = &[
    resource!(namespaced "controllerrevisions", "ControllerRevision", "controllerrevision", ALL),
    resource!(namespaced "daemonsets", "DaemonSet", "daemonset", ALL)
        .short(&["ds"])
        .categories(&["all"])
        .with(&[STATUS]),
    resource!(namespaced "deployments", "Deployment", "deployment", ALL)
        .short(&["deploy"])
        .categories(&["all"])
        .with(&[SCALE, STATUS]),
    resource!(namespaced "replicasets", "ReplicaSet", "replicaset", ALL)
        .short(&["rs"])
        .categories(&["all"])
        .with(&[SCALE, STATUS]),
    resource!(namespaced "statefulsets", "StatefulSet", "statefulset", ALL)
        .short(&["sts"])
        .categories(&["all"])
        .with(&[SCALE, STATUS]),
];

const EVENTS: &[ResourceInfo] = &[resource!(namespaced "events", "Event", "event", ALL).short(&["ev"])];

const AUTHENTICATION: &[ResourceInfo] = &[
    resource!(cluster "selfsubjectreviews", "SelfSubjectReview", "selfsubjectreview", CREATE),
    resource!(cluster "tokenreviews", "TokenReview", "tokenreview", CREATE),
];

const AUTHORIZATION: &[ResourceInfo] = &[
    resource!(namespaced "localsubjectaccessreviews", "LocalSubjectAccessReview", "localsubjectaccessreview", CREATE),
    resource!(cluster "selfsubjectaccessreviews", "SelfSubjectAccessReview", "selfsubjectaccessreview", CREATE),
    resource!(cluster "selfsubjectrulesreviews", "SelfSubjectRulesReview", "selfsubjectrulesreview", CREATE),
    resource!(cluster "subjectaccessreviews", "SubjectAccessReview", "subjectaccessreview", CREATE),
];

const AUTOSCALING_V2: &[ResourceInfo] =
    &[resource!(namespaced "horizontalpodautoscalers", "HorizontalPodAutoscaler", "horizontalpodautoscaler", ALL)
        .short(&["hpa"])
        .categories(&["all"])
        .with(&[STATUS])];

const AUTOSCALING_V1: &[ResourceInfo] =
    &[resource!(namespaced "horizontalpodautoscalers", "HorizontalPodAutoscaler", "horizontalpodautoscaler", ALL)
        .short(&["hpa"])
        .categories(&["all"])
        .with(&[STATUS])];

const BATCH: &[ResourceInfo] = &[
    resource!(namespaced "cronjobs", "CronJob", "cronjob", ALL).short(&["cj"]).categories(&["all"]).with(&[STATUS]),
    resource!(namespaced "jobs", "Job", "job", ALL).categories(&["all"]).with(&[STATUS]),
];

const CERTIFICATES: &[ResourceInfo] =
    &[resource!(cluster "certificatesigningrequests", "CertificateSigningRequest", "certificatesigningrequest", ALL)
        .short(&["csr"])
        .with(&[sub("approval", "", RW), STATUS])];

const NETWORKING: &[ResourceInfo] = &[
    resource!(cluster "ingressclasses", "IngressClass", "ingressclass", ALL),
    resource!(namespaced "ingresses", "Ingress", "ingress", ALL).short(&["ing"]).with(&[STATUS]),
    resource!(cluster "ipaddresses", "IPAddress", "ipaddress", ALL).short(&["ip"]),
    resource!(namespaced "networkpolicies", "NetworkPolicy", "networkpolicy", ALL).short(&["netpol"]),
    resource!(cluster "servicecidrs", "ServiceCIDR", "servicecidr", ALL).with(&[STATUS]),
];

const POLICY: &[ResourceInfo] =
    &[resource!(namespaced "poddisruptionbudgets", "PodDisruptionBudget", "poddisruptionbudget", ALL)
        .short(&["pdb"])
        .with(&[STATUS])];

const RBAC: &[ResourceInfo] = &[
    resource!(cluster "clusterrolebindings", "ClusterRoleBinding", "clusterrolebinding", ALL),
    resource!(cluster "clusterroles", "ClusterRole", "clusterrole", ALL),
    resource!(namespaced "rolebindings", "RoleBinding", "rolebinding", ALL),
    resource!(namespaced "roles", "Role", "role", ALL),
];

const STORAGE: &[ResourceInfo] = &[
    resource!(cluster "csidrivers", "CSIDriver", "csidriver", ALL),
    resource!(cluster "csinodes", "CSINode", "csinode", ALL),
    resource!(namespaced "csistoragecapacities", "CSIStorageCapacity", "csistoragecapacity", ALL),
    resource!(cluster "storageclasses", "StorageClass", "storageclass", ALL).short(&["sc"]),
    resource!(cluster "volumeattachments", "VolumeAttachment", "volumeattachment", ALL).with(&[STATUS]),
    resource!(cluster "volumeattributesclasses", "VolumeAttributesClass", "volumeattributesclass", ALL).short(&["vac"]),
];

const ADMISSIONREGISTRATION: &[ResourceInfo] = &[
    resource!(cluster "mutatingadmissionpolicies", "MutatingAdmissionPolicy", "mutatingadmissionpolicy", ALL).categories(&["api-extensions"]),
    resource!(cluster "mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybinding", ALL).categories(&["api-extensions"]),
    resource!(cluster "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", "mutatingwebhookconfiguration", ALL).categories(&["api-extensions"]),
    resource!(cluster "validatingadmissionpolicies", "ValidatingAdmissionPolicy", "validatingadmissionpolicy", ALL).categories(&["api-extensions"]).with(&[STATUS]),
    resource!(cluster "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybinding", ALL).categories(&["api-extensions"]),
    resource!(cluster "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", "validatingwebhookconfiguration", ALL).categories(&["api-extensions"]),
];

const APIEXTENSIONS: &[ResourceInfo] =
    &[resource!(cluster "customresourcedefinitions", "CustomResourceDefinition", "customresourcedefinition", ALL)
        .short(&["crd", "crds"])
        .categories(&["api-extensions"])
        .with(&[STATUS])];

const SCHEDULING: &[ResourceInfo] =
    &[resource!(cluster "priorityclasses", "PriorityClass", "priorityclass", ALL).short(&["pc"])];

const COORDINATION: &[ResourceInfo] = &[resource!(namespaced "leases", "Lease", "lease", ALL)];

const NODE: &[ResourceInfo] = &[resource!(cluster "runtimeclasses", "RuntimeClass", "runtimeclass", ALL)];

const DISCOVERY: &[ResourceInfo] = &[resource!(namespaced "endpointslices", "EndpointSlice", "endpointslice", ALL)];

const RESOURCE: &[ResourceInfo] = &[
    resource!(cluster "deviceclasses", "DeviceClass", "deviceclass", ALL),
    resource!(namespaced "resourceclaims", "ResourceClaim", "resourceclaim", ALL).with(&[STATUS]),
    resource!(namespaced "resourceclaimtemplates", "ResourceClaimTemplate", "resourceclaimtemplate", ALL),
    resource!(cluster "resourceslices", "ResourceSlice", "resourceslice", ALL),
];

const FLOWCONTROL: &[ResourceInfo] = &[
    resource!(cluster "flowschemas", "FlowSchema", "flowschema", ALL).with(&[STATUS]),
    resource!(cluster "prioritylevelconfigurations", "PriorityLevelConfiguration", "prioritylevelconfiguration", ALL)
        .with(&[STATUS]),
];
