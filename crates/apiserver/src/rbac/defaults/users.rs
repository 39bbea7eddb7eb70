//! Roles of people and of everyone. It must not know components.

use super::{ALL, DefaultRole, READ, READ_WRITE, Rule, WRITE, core, on, paths, role};

const WORKLOADS: &[&str] = &[
    "daemonsets",
    "daemonsets/status",
    "deployments",
    "deployments/scale",
    "deployments/status",
    "replicasets",
    "replicasets/scale",
    "replicasets/status",
];
const APPS_WRITTEN: &[&str] = &[
    "daemonsets",
    "deployments",
    "deployments/rollback",
    "deployments/scale",
    "replicasets",
    "replicasets/scale",
    "statefulsets",
    "statefulsets/scale",
];
/// What the group `extensions` had; clients of old manifests still ask for it.
const EXTENSIONS_WRITTEN: &[&str] = &[
    "daemonsets",
    "deployments",
    "deployments/rollback",
    "deployments/scale",
    "ingresses",
    "networkpolicies",
    "replicasets",
    "replicasets/scale",
    "replicationcontrollers/scale",
];
const POD_DOORS: &[&str] = &["pods/attach", "pods/exec", "pods/portforward", "pods/proxy"];

pub(super) fn roles() -> Vec<DefaultRole> {
    let mut roles = vec![
        role("cluster-admin", vec![on(ALL, ALL, ALL), paths(ALL, ALL)]),
        gathering("admin", None),
        gathering("edit", Some("admin")),
        gathering("view", Some("edit")),
        gathered("admin", admin()),
        gathered("edit", edit()),
        gathered("view", view()),
    ];
    roles.extend(everyone());
    roles
}

fn gathering(name: &'static str, gathered_by: Option<&'static str>) -> DefaultRole {
    DefaultRole { gathers: Some(name), gathered_by, ..role(name, Vec::new()) }
}

fn gathered(by: &'static str, rules: Vec<Rule>) -> DefaultRole {
    DefaultRole { gathered_by: Some(by), ..role(&format!("system:aggregate-to-{by}"), rules) }
}

fn admin() -> Vec<Rule> {
    vec![
        on(&["create"], &["authorization.k8s.io"], &["localsubjectaccessreviews"]),
        on(READ_WRITE, &["rbac.authorization.k8s.io"], &["rolebindings", "roles"]),
    ]
}

fn edit() -> Vec<Rule> {
    let pods = [POD_DOORS, &["pods"]].concat();
    let secret = [POD_DOORS, &["secrets", "services/proxy"]].concat();
    let core_written = [
        "configmaps",
        "events",
        "persistentvolumeclaims",
        "replicationcontrollers",
        "replicationcontrollers/scale",
        "secrets",
        "serviceaccounts",
        "services",
        "services/proxy",
    ];
    vec![
        core(READ, &secret),
        core(&["impersonate"], &["serviceaccounts"]),
        core(WRITE, &pods),
        core(&["create"], &["pods/eviction"]),
        core(WRITE, &core_written),
        core(&["create"], &["serviceaccounts/token"]),
        on(WRITE, &["apps"], APPS_WRITTEN),
        on(WRITE, &["autoscaling"], &["horizontalpodautoscalers"]),
        on(WRITE, &["batch"], &["cronjobs", "jobs"]),
        on(WRITE, &["extensions"], EXTENSIONS_WRITTEN),
        on(WRITE, &["policy"], &["poddisruptionbudgets"]),
        on(WRITE, &["networking.k8s.io"], &["ingresses", "networkpolicies"]),
        on(READ_WRITE, &["coordination.k8s.io"], &["leases"]),
        on(WRITE, &["resource.k8s.io"], &["resourceclaims", "resourceclaimtemplates"]),
    ]
}

fn view() -> Vec<Rule> {
    let core_read = [
        "configmaps",
        "endpoints",
        "persistentvolumeclaims",
        "persistentvolumeclaims/status",
        "pods",
        "replicationcontrollers",
        "replicationcontrollers/scale",
        "serviceaccounts",
        "services",
        "services/status",
    ];
    let namespace_read = [
        "bindings",
        "events",
        "limitranges",
        "namespaces/status",
        "pods/log",
        "pods/status",
        "replicationcontrollers/status",
        "resourcequotas",
        "resourcequotas/status",
    ];
    let sets = ["controllerrevisions", "statefulsets", "statefulsets/scale", "statefulsets/status"];
    let old = ["ingresses", "ingresses/status", "networkpolicies", "replicationcontrollers/scale"];
    vec![
        core(READ, &core_read),
        core(READ, &namespace_read),
        core(READ, &["namespaces"]),
        on(READ, &["discovery.k8s.io"], &["endpointslices"]),
        on(READ, &["apps"], &[WORKLOADS, &sets].concat()),
        on(READ, &["autoscaling"], &["horizontalpodautoscalers", "horizontalpodautoscalers/status"]),
        on(READ, &["batch"], &["cronjobs", "cronjobs/status", "jobs", "jobs/status"]),
        on(READ, &["extensions"], &[WORKLOADS, &old].concat()),
        on(READ, &["policy"], &["poddisruptionbudgets", "poddisruptionbudgets/status"]),
        on(READ, &["networking.k8s.io"], &["ingresses", "ingresses/status", "networkpolicies"]),
        on(READ, &["resource.k8s.io"], &["resourceclaims", "resourceclaims/status", "resourceclaimtemplates"]),
    ]
}

fn everyone() -> Vec<DefaultRole> {
    let health = ["/healthz", "/livez", "/readyz", "/version", "/version/"];
    let apis = ["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"];
    let own = ["selfsubjectaccessreviews", "selfsubjectrulesreviews"];
    let issuer = [
        "/.well-known/openid-configuration",
        "/.well-known/openid-configuration/",
        "/openid/v1/jwks",
        "/openid/v1/jwks/",
    ];
    vec![
        role("system:discovery", vec![paths(&["get"], &[&health[..], &apis].concat())]),
        role("system:public-info-viewer", vec![paths(&["get"], &health)]),
        role("system:service-account-issuer-discovery", vec![paths(&["get"], &issuer)]),
        role(
            "system:basic-user",
            vec![
                on(&["create"], &["authorization.k8s.io"], &own),
                on(&["create"], &["authentication.k8s.io"], &["selfsubjectreviews"]),
            ],
        ),
    ]
}
