//! Rows of Nodes, Namespaces, quotas, leases, role bindings, classes and webhooks.
//! It must not know what any of them causes.

use mainstay_apimachinery::object;
use serde_json::Value;

use super::access::{condition, count, int, list, or, text};
use super::cell::{NONE, age, join, name, plain};
use super::printer::{AGE, NAME, Printer, col, number, wide};

pub(super) fn printers() -> Vec<(&'static str, &'static str, Printer)> {
    const ADMISSION: &str = "admissionregistration.k8s.io";
    const RBAC: &str = "rbac.authorization.k8s.io";
    vec![
        ("", "nodes", NODES),
        ("", "namespaces", NAMESPACES),
        ("", "resourcequotas", RESOURCE_QUOTAS),
        ("coordination.k8s.io", "leases", LEASES),
        (RBAC, "rolebindings", ROLE_BINDINGS),
        (RBAC, "clusterrolebindings", ROLE_BINDINGS),
        ("scheduling.k8s.io", "priorityclasses", PRIORITY_CLASSES),
        ("node.k8s.io", "runtimeclasses", RUNTIME_CLASSES),
        (ADMISSION, "validatingwebhookconfigurations", WEBHOOKS),
        (ADMISSION, "mutatingwebhookconfigurations", WEBHOOKS),
        (ADMISSION, "validatingadmissionpolicies", ADMISSION_POLICIES),
        (ADMISSION, "validatingadmissionpolicybindings", ADMISSION_BINDINGS),
        ("apiregistration.k8s.io", "apiservices", API_SERVICES),
    ]
}

const NODES: Printer = Printer {
    columns: &[
        NAME,
        col("Status"),
        col("Roles"),
        AGE,
        col("Version"),
        wide("Internal-IP"),
        wide("External-IP"),
        wide("OS-Image"),
        wide("Kernel-Version"),
        wide("Container-Runtime"),
    ],
    cells: |node, now| {
        let info = |field: &str| or(text(node, &format!("/status/nodeInfo/{field}")), "<unknown>").to_owned();
        vec![
            name(node),
            node_status(node).into(),
            node_roles(node).into(),
            age(node, now),
            text(node, "/status/nodeInfo/kubeletVersion").into(),
            node_address(node, "InternalIP").into(),
            node_address(node, "ExternalIP").into(),
            info("osImage").into(),
            info("kernelVersion").into(),
            info("containerRuntimeVersion").into(),
        ]
    },
};

fn node_status(node: &Value) -> String {
    let ready = match condition(node, "Ready") {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    };
    let cordoned = node.pointer("/spec/unschedulable") == Some(&Value::Bool(true));
    format!("{ready}{}", if cordoned { ",SchedulingDisabled" } else { "" })
}

fn node_roles(node: &Value) -> String {
    let prefixed = object::labels(node).iter().filter_map(|(key, value)| match key.as_str() {
        "kubernetes.io/role" => value.as_str(),
        key => key.strip_prefix("node-role.kubernetes.io/"),
    });
    let mut roles: Vec<&str> = prefixed.filter(|role| !role.is_empty()).collect();
    roles.sort_unstable();
    or(&roles.join(","), NONE).to_owned()
}

fn node_address(node: &Value, type_: &str) -> String {
    let found = list(node, "/status/addresses").iter().find(|address| address["type"] == type_);
    found.map_or(NONE, |address| text(address, "/address")).to_owned()
}

const NAMESPACES: Printer = Printer {
    columns: &[NAME, col("Status"), AGE],
    cells: |object, now| vec![name(object), text(object, "/status/phase").into(), age(object, now)],
};

const RESOURCE_QUOTAS: Printer = Printer {
    columns: &[NAME, col("Request"), col("Limit"), AGE],
    cells: |quota, now| {
        let hard = quota.pointer("/status/hard").or_else(|| quota.pointer("/spec/hard")).and_then(Value::as_object);
        let mut shown = [Vec::new(), Vec::new()];
        for (resource, limit) in hard.into_iter().flatten() {
            let used = quota.pointer("/status/used").and_then(|used| used.get(resource));
            let used = used.map_or_else(|| "0".to_owned(), plain);
            let text = format!("{resource}: {used}/{}", plain(limit));
            shown[usize::from(resource.starts_with("limits."))].push(text);
        }
        let [requests, limits] = shown.map(|texts| texts.join(", "));
        vec![name(quota), requests.into(), limits.into(), age(quota, now)]
    },
};

const LEASES: Printer = Printer {
    columns: &[NAME, col("Holder"), AGE],
    cells: |object, now| vec![name(object), text(object, "/spec/holderIdentity").into(), age(object, now)],
};

const ROLE_BINDINGS: Printer = Printer {
    columns: &[NAME, col("Role"), AGE, wide("Users"), wide("Groups"), wide("ServiceAccounts")],
    cells: |binding, now| {
        let role = format!("{}/{}", text(binding, "/roleRef/kind"), text(binding, "/roleRef/name"));
        let subjects = |kind: &str| {
            let of_kind = list(binding, "/subjects").iter().filter(|subject| subject["kind"] == kind);
            let names = of_kind.map(|subject| match text(subject, "/namespace") {
                "" => text(subject, "/name").to_owned(),
                namespace => format!("{namespace}/{}", text(subject, "/name")),
            });
            names.collect::<Vec<_>>().join(", ")
        };
        vec![
            name(binding),
            role.into(),
            age(binding, now),
            subjects("User").into(),
            subjects("Group").into(),
            subjects("ServiceAccount").into(),
        ]
    },
};

const PRIORITY_CLASSES: Printer = Printer {
    columns: &[NAME, number("Value"), col("Global-Default").of_type("boolean"), AGE, col("PreemptionPolicy")],
    cells: |class, now| {
        vec![
            name(class),
            int(class, "/value").into(),
            (class["globalDefault"] == true).into(),
            age(class, now),
            or(text(class, "/preemptionPolicy"), "PreemptLowerPriority").into(),
        ]
    },
};

const RUNTIME_CLASSES: Printer = Printer {
    columns: &[NAME, col("Handler"), AGE],
    cells: |class, now| vec![name(class), text(class, "/handler").into(), age(class, now)],
};

const WEBHOOKS: Printer = Printer {
    columns: &[NAME, number("Webhooks"), AGE],
    cells: |object, now| vec![name(object), count(object, "/webhooks").into(), age(object, now)],
};

const ADMISSION_POLICIES: Printer = Printer {
    columns: &[NAME, number("Validations"), col("ParamKind"), AGE],
    cells: |policy, now| {
        let kind = policy.pointer("/spec/paramKind");
        let kind = kind.map(|kind| format!("{}/{}", text(kind, "/apiVersion"), text(kind, "/kind")));
        vec![
            name(policy),
            count(policy, "/spec/validations").into(),
            kind.unwrap_or_else(|| "<unset>".to_owned()).into(),
            age(policy, now),
        ]
    },
};

const ADMISSION_BINDINGS: Printer = Printer {
    columns: &[NAME, col("PolicyName"), col("ParamRef"), AGE],
    cells: |binding, now| {
        let parameter = binding.pointer("/spec/paramRef").map(|parameter| match text(parameter, "/namespace") {
            "" => format!("*/{}", text(parameter, "/name")),
            namespace => format!("{namespace}/{}", text(parameter, "/name")),
        });
        vec![
            name(binding),
            text(binding, "/spec/policyName").into(),
            parameter.unwrap_or_else(|| "<unset>".to_owned()).into(),
            age(binding, now),
        ]
    },
};

const API_SERVICES: Printer = Printer {
    columns: &[NAME, col("Service"), col("Available"), AGE],
    cells: |object, now| {
        let service = object.pointer("/spec/service");
        let service = service.map(|s| join([text(s, "/namespace"), text(s, "/name")].into_iter(), "/"));
        vec![
            name(object),
            service.unwrap_or_else(|| "Local".to_owned()).into(),
            condition(object, "Available").unwrap_or("Unknown").into(),
            age(object, now),
        ]
    },
};
