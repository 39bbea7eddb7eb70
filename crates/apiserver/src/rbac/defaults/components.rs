//! Roles of the components of a cluster, for those who run them against this server.
//! It must not know people.

use super::{ALL, DefaultRole, READ, READ_UPDATE, READ_WRITE, Rule, core, events, named, on, paths, role};

const AUTHENTICATION: &[&str] = &["authentication.k8s.io"];
const AUTHORIZATION: &[&str] = &["authorization.k8s.io"];
const CERTIFICATES: &[&str] = &["certificates.k8s.io"];
const COORDINATION: &[&str] = &["coordination.k8s.io"];
const STORAGE: &[&str] = &["storage.k8s.io"];
const RESOURCE: &[&str] = &["resource.k8s.io"];
const CREATE: &[&str] = &["create"];

pub(super) fn roles() -> Vec<DefaultRole> {
    let mut roles = vec![
        role("system:node", node()),
        role("system:kube-scheduler", scheduler()),
        role("system:kube-controller-manager", controller_manager()),
        role("system:volume-scheduler", volume_scheduler()),
        role("system:persistent-volume-provisioner", provisioner()),
        role("system:node-proxier", proxier()),
        role("system:kubelet-api-admin", kubelet_admin()),
    ];
    roles.extend(small());
    roles.extend(certificates());
    roles
}

fn reviews() -> [Rule; 2] {
    [on(CREATE, AUTHENTICATION, &["tokenreviews"]), on(CREATE, AUTHORIZATION, &["subjectaccessreviews"])]
}

fn small() -> Vec<DefaultRole> {
    let health = ["/healthz", "/healthz/*", "/livez", "/livez/*", "/readyz", "/readyz/*"];
    let metrics = ["/metrics", "/metrics/slis", "/flagz", "/statusz"];
    let monitoring = vec![paths(&["get"], &[&health[..], &metrics].concat()), core(&["get"], &["nodes/metrics"])];
    let problems = vec![core(&["get"], &["nodes"]), core(&["patch"], &["nodes/status"]), events()];
    let requests = on(&["create", "get", "list", "watch"], CERTIFICATES, &["certificatesigningrequests"]);
    let heapster =
        vec![core(READ, &["events", "namespaces", "nodes", "pods"]), on(READ, &["extensions"], &["deployments"])];
    vec![
        role("system:monitoring", monitoring),
        role("system:heapster", heapster),
        role("system:node-problem-detector", problems),
        role("system:node-bootstrapper", vec![requests]),
        role("system:auth-delegator", reviews().to_vec()),
        role("system:kube-aggregator", vec![core(READ, &["endpoints", "services"])]),
        role("system:kube-dns", vec![core(&["list", "watch"], &["endpoints", "services"])]),
    ]
}

fn certificates() -> Vec<DefaultRole> {
    let client = |name: &str| {
        let resource = format!("certificatesigningrequests/{name}");
        let rule = on(CREATE, CERTIFICATES, &[&resource]);
        role(&format!("system:certificates.k8s.io:certificatesigningrequests:{name}"), vec![rule])
    };
    let approver = |name: &str, signer: &str| {
        let rule = named(on(&["approve"], CERTIFICATES, &["signers"]), &[&format!("kubernetes.io/{signer}")]);
        role(&format!("system:certificates.k8s.io:{name}-approver"), vec![rule])
    };
    vec![
        client("nodeclient"),
        client("selfnodeclient"),
        approver("legacy-unknown", "legacy-unknown"),
        approver("kubelet-serving", "kubelet-serving"),
        approver("kube-apiserver-client", "kube-apiserver-client"),
        approver("kube-apiserver-client-kubelet", "kube-apiserver-client-kubelet"),
    ]
}

fn node() -> Vec<Rule> {
    let own = &["get", "create", "update", "patch", "delete"];
    vec![
        on(CREATE, AUTHENTICATION, &["tokenreviews"]),
        on(CREATE, AUTHORIZATION, &["localsubjectaccessreviews", "subjectaccessreviews"]),
        core(READ, &["services"]),
        core(&["create", "get", "list", "watch"], &["nodes"]),
        core(&["patch", "update"], &["nodes/status"]),
        core(&["patch", "update"], &["nodes"]),
        core(&["create", "patch", "update"], &["events"]),
        core(READ, &["pods"]),
        core(&["create", "delete"], &["pods"]),
        core(&["patch", "update"], &["pods/status"]),
        core(CREATE, &["pods/eviction"]),
        core(READ, &["configmaps", "secrets"]),
        core(&["get"], &["persistentvolumeclaims", "persistentvolumes"]),
        core(&["get"], &["endpoints"]),
        on(&["create", "get", "list", "watch"], CERTIFICATES, &["certificatesigningrequests"]),
        on(own, COORDINATION, &["leases"]),
        on(&["get"], STORAGE, &["volumeattachments"]),
        core(CREATE, &["serviceaccounts/token"]),
        core(&["get", "patch", "update"], &["persistentvolumeclaims/status"]),
        on(READ, STORAGE, &["csidrivers"]),
        on(own, STORAGE, &["csinodes"]),
        on(READ, &["node.k8s.io"], &["runtimeclasses"]),
        on(&["get"], RESOURCE, &["resourceclaims"]),
        on(&["deletecollection"], RESOURCE, &["resourceslices"]),
        core(&["get"], &["serviceaccounts"]),
    ]
}

fn scheduler() -> Vec<Rule> {
    let mut rules = vec![
        events(),
        on(CREATE, COORDINATION, &["leases"]),
        named(on(&["get", "list", "update", "watch"], COORDINATION, &["leases"]), &["kube-scheduler"]),
        on(READ_WRITE, COORDINATION, &["leasecandidates"]),
        core(READ, &["nodes"]),
        core(&["delete", "get", "list", "watch"], &["pods"]),
        core(CREATE, &["bindings", "pods/binding"]),
        core(&["patch", "update"], &["pods/status"]),
        core(READ, &["replicationcontrollers", "services"]),
        on(READ, &["apps", "extensions"], &["replicasets"]),
        on(READ, &["apps"], &["statefulsets"]),
        on(READ, &["policy"], &["poddisruptionbudgets"]),
        core(READ, &["persistentvolumeclaims", "persistentvolumes"]),
    ];
    rules.extend(reviews());
    rules.extend([
        on(READ, STORAGE, &["csinodes"]),
        on(READ, STORAGE, &["volumeattachments"]),
        core(READ, &["namespaces"]),
        on(READ, STORAGE, &["csidrivers"]),
        on(READ, STORAGE, &["csistoragecapacities"]),
        on(READ, RESOURCE, &["deviceclasses"]),
        on(READ_UPDATE, RESOURCE, &["resourceclaims"]),
        on(READ_UPDATE, RESOURCE, &["resourceclaims/status"]),
        core(READ_UPDATE, &["pods/finalizers"]),
        on(READ, RESOURCE, &["resourceslices"]),
    ]);
    rules
}

fn controller_manager() -> Vec<Rule> {
    let mut rules = vec![
        events(),
        on(CREATE, COORDINATION, &["leases"]),
        named(on(&["get", "update"], COORDINATION, &["leases"]), &["kube-controller-manager"]),
        core(CREATE, &["secrets", "serviceaccounts"]),
        core(&["delete"], &["secrets"]),
        core(&["get"], &["configmaps", "namespaces", "secrets", "serviceaccounts"]),
        core(&["update"], &["secrets", "serviceaccounts"]),
    ];
    rules.extend(reviews());
    rules.push(on(&["list", "watch"], ALL, ALL));
    rules.push(core(CREATE, &["serviceaccounts/token"]));
    rules
}

fn volume_scheduler() -> Vec<Rule> {
    vec![
        core(READ_UPDATE, &["persistentvolumes"]),
        on(READ, STORAGE, &["storageclasses"]),
        core(READ_UPDATE, &["persistentvolumeclaims"]),
    ]
}

fn provisioner() -> Vec<Rule> {
    vec![
        core(&["create", "delete", "get", "list", "watch"], &["persistentvolumes"]),
        core(&["get", "list", "update", "watch"], &["persistentvolumeclaims"]),
        on(READ, STORAGE, &["storageclasses"]),
        core(&["watch"], &["events"]),
        events(),
    ]
}

fn proxier() -> Vec<Rule> {
    vec![
        core(&["list", "watch"], &["endpoints", "services"]),
        core(READ, &["nodes"]),
        events(),
        on(&["list", "watch"], &["networking.k8s.io"], &["servicecidrs"]),
        on(&["list", "watch"], &["discovery.k8s.io"], &["endpointslices"]),
    ]
}

fn kubelet_admin() -> Vec<Rule> {
    let kubelet = ["nodes/log", "nodes/metrics", "nodes/proxy", "nodes/stats"];
    vec![
        core(READ, &["nodes"]),
        core(&["proxy"], &["nodes"]),
        core(ALL, &kubelet),
        core(ALL, &["nodes/configz", "nodes/healthz", "nodes/pods"]),
    ]
}
