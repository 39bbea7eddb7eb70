//! What the server does to an object before it is written, kind by kind: as `PrepareForCreate` and
//! `PrepareForUpdate` of `pkg/registry/*/strategy.go`.
//! It must not know requests or storage.

use mainstay_apimachinery::{builtin, object};
use serde_json::{Map, Value, json};

use crate::registry::Resource;

/// Kinds without a `metadata.generation`; upstream's strategies set it for all others.
const WITHOUT_GENERATION: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "configmaps",
            "endpoints",
            "events",
            "limitranges",
            "namespaces",
            "nodes",
            "persistentvolumeclaims",
            "persistentvolumes",
            "podtemplates",
            "resourcequotas",
            "secrets",
            "serviceaccounts",
            "services",
        ],
    ),
    ("autoscaling", &["horizontalpodautoscalers"]),
    ("coordination.k8s.io", &["leases"]),
    ("events.k8s.io", &["events"]),
    ("rbac.authorization.k8s.io", &["clusterrolebindings", "clusterroles", "rolebindings", "roles"]),
    ("storage.k8s.io", &["csidrivers", "csinodes", "storageclasses", "volumeattachments"]),
    ("certificates.k8s.io", &["certificatesigningrequests"]),
    ("node.k8s.io", &["runtimeclasses"]),
];

/// Whether objects of a resource count their changes in `metadata.generation`.
pub(crate) fn has_generation(resource: &Resource) -> bool {
    let without = WITHOUT_GENERATION.iter().find(|(group, _)| *group == &*resource.group);
    resource.custom.is_some() || without.is_none_or(|(_, plurals)| !plurals.contains(&&*resource.plural))
}

/// Prepares a new object. Its name is set; uid and time are the server's.
pub(crate) fn prepare_create(resource: &Resource, object: &mut Value, uid: String, now: &str) {
    let metadata = object::metadata_mut(object);
    for field in ["selfLink", "resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        metadata.remove(field);
    }
    metadata.insert("uid".to_owned(), Value::from(uid));
    metadata.insert("creationTimestamp".to_owned(), Value::from(now));
    if has_generation(resource) {
        metadata.insert("generation".to_owned(), Value::from(1));
    }
    tidy_metadata(metadata);
    initial_status(resource, object, now);
    if is(resource, "", "services") {
        builtin::service_families(object);
    }
}

fn is(resource: &Resource, group: &str, plural: &str) -> bool {
    &*resource.group == group && &*resource.plural == plural
}

/// Gives a new object the defaults of its kind.
pub(crate) fn set_defaults(resource: &Resource, object: &mut Value) {
    match &resource.custom {
        Some(custom) => custom.schema.apply_defaults(object),
        None if crate::crd::is_definition(resource) => {
            crate::crd::drop_empty(object);
            crate::crd::apply_defaults(object);
        }
        None => builtin::defaults(&resource.gvk(), object),
    }
}

/// The status a new object has; clients cannot choose it, but for nodes, which kubelets register with theirs.
fn initial_status(resource: &Resource, object: &mut Value, now: &str) {
    let Some(fields) = object.as_object_mut() else { return };
    if resource.custom.is_some() {
        if resource.has_status() {
            fields.remove("status");
        }
        return;
    }
    match (&*resource.group, &*resource.plural) {
        ("", "nodes") => {}
        ("", "namespaces") => namespace(object),
        ("", "pods") => pod(object),
        ("apiextensions.k8s.io", "customresourcedefinitions") => crate::crd::begin(object),
        ("", "persistentvolumeclaims") => {
            fields.insert("status".to_owned(), json!({"phase": "Pending"}));
        }
        ("", "persistentvolumes") => {
            fields.insert("status".to_owned(), json!({"phase": "Pending", "lastPhaseTransitionTime": now}));
        }
        ("", "services") | ("networking.k8s.io", "ingresses") => {
            fields.insert("status".to_owned(), json!({"loadBalancer": {}}));
        }
        ("autoscaling", _) if &*resource.version == "v1" => {
            fields.insert("status".to_owned(), json!({"currentReplicas": 0, "desiredReplicas": 0}));
        }
        (group, plural) if resource.has_status() => {
            fields.insert("status".to_owned(), zero_status(group, plural));
            if (group, plural) == ("batch", "jobs") {
                job(object);
            }
        }
        _ => {}
    }
}

/// The numbers that Go prints even where they are zero, and that typed clients insist on.
fn zero_status(group: &str, plural: &str) -> Value {
    match (group, plural) {
        ("apps", "replicasets") | ("", "replicationcontrollers") => json!({"replicas": 0}),
        ("apps", "statefulsets") => json!({"replicas": 0, "availableReplicas": 0}),
        ("apps", "daemonsets") => json!({
            "currentNumberScheduled": 0, "desiredNumberScheduled": 0, "numberMisscheduled": 0, "numberReady": 0,
        }),
        ("policy", "poddisruptionbudgets") => json!({
            "currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0,
        }),
        ("autoscaling", "horizontalpodautoscalers") => json!({"desiredReplicas": 0, "currentMetrics": null}),
        _ => json!({}),
    }
}

/// As `job.generateSelector`: a job finds its pods by its own uid.
fn job(object: &mut Value) {
    if object.pointer("/spec/manualSelector") == Some(&Value::Bool(true)) {
        return;
    }
    let (name, uid) = (object::name(object).to_owned(), object::uid(object).to_owned());
    let labels = [
        ("batch.kubernetes.io/controller-uid", uid.as_str()),
        ("batch.kubernetes.io/job-name", name.as_str()),
        ("controller-uid", uid.as_str()),
        ("job-name", name.as_str()),
    ];
    for (key, value) in labels {
        object::set_label(object, key, value);
        object::set_label(&mut object["spec"]["template"], key, value);
    }
    object["spec"]["selector"]["matchLabels"]["batch.kubernetes.io/controller-uid"] = Value::from(uid);
}

fn namespace(object: &mut Value) {
    let name = object::name(object).to_owned();
    object::set_label(object, "kubernetes.io/metadata.name", &name);
    object["status"] = json!({"phase": "Active"});
    let finalizers = object.pointer("/spec/finalizers").and_then(Value::as_array).cloned().unwrap_or_default();
    if !finalizers.iter().any(|finalizer| finalizer == "kubernetes") {
        let all: Vec<Value> = finalizers.into_iter().chain([Value::from("kubernetes")]).collect();
        object["spec"] = json!({"finalizers": all});
    }
}

fn pod(object: &mut Value) {
    let class = qos_class(&object["spec"]);
    object["status"] = json!({"phase": "Pending", "qosClass": class});
}

/// As `qos.ComputePodQOS`.
fn qos_class(spec: &Value) -> &'static str {
    let containers: Vec<&Value> =
        ["containers", "initContainers"].iter().filter_map(|field| spec.get(*field)?.as_array()).flatten().collect();
    let amount = |container: &Value, of: &str, resource: &str| -> Option<String> {
        let value = container.get("resources")?.get(of)?.get(resource)?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned)).filter(|text| text != "0")
    };
    let guaranteed = |container: &&Value| {
        ["cpu", "memory"].iter().all(|resource| {
            let limit = amount(container, "limits", resource);
            let request = amount(container, "requests", resource);
            limit.is_some() && (request.is_none() || request == limit)
        })
    };
    let asks = |container: &&Value| {
        ["requests", "limits"]
            .iter()
            .any(|of| ["cpu", "memory"].iter().any(|resource| amount(container, of, resource).is_some()))
    };
    match () {
        () if !containers.is_empty() && containers.iter().all(guaranteed) => "Guaranteed",
        () if containers.iter().any(asks) => "Burstable",
        () => "BestEffort",
    }
}

/// Prepares a changed object: what the server owns stays as it was, and a change of what the user wants counts.
/// `subresource` is the one written through, or empty.
pub(crate) fn prepare_update(resource: &Resource, old: &Value, new: &mut Value, subresource: &str) {
    match subresource {
        "status" => keep_all_but_status(old, new),
        "finalize" => keep_all_but_finalizers(old, new),
        "ephemeralcontainers" => keep_all_but_ephemeral_containers(old, new),
        "resize" => keep_all_but_resources(old, new),
        // What these write is made by the server itself.
        "binding" => {}
        _ if resource.has_status() => set_or_remove(new, "status", old.get("status").cloned()),
        _ => {}
    }
    if subresource.is_empty() && crate::crd::is_definition(resource) {
        crate::crd::keep_stored_versions(new);
    }
    keep_metadata(resource, old, new);
    match (&*resource.group, &*resource.plural) {
        ("", "services") => builtin::service_families(new),
        ("apps", "daemonsets") => template_generation(old, new),
        _ => {}
    }
    if has_generation(resource) && subresource != "binding" && wants_changed(resource, old, new) {
        object::metadata_mut(new).insert("generation".to_owned(), Value::from(object::generation(old) + 1));
    }
}

fn keep_all_but_status(old: &Value, new: &mut Value) {
    let status = new.get("status").cloned();
    keep_all_but_managers(old, new);
    set_or_remove(new, "status", status);
}

fn keep_all_but_ephemeral_containers(old: &Value, new: &mut Value) {
    let containers = new.pointer("/spec/ephemeralContainers").cloned();
    keep_all_but_managers(old, new);
    set_or_remove(&mut new["spec"], "ephemeralContainers", containers);
}

/// As `dropNonResizeUpdates`: of each container its resources and how they may be resized.
fn keep_all_but_resources(old: &Value, new: &mut Value) {
    let wanted = new["spec"].take();
    keep_all_but_managers(old, new);
    for list in ["containers", "initContainers"] {
        let Some(containers) = new["spec"].get_mut(list).and_then(Value::as_array_mut) else { continue };
        let wanted = wanted.get(list).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for container in containers {
            let Some(wanted) = wanted.iter().find(|wanted| wanted["name"] == container["name"]) else { continue };
            for field in ["resources", "resizePolicy"] {
                set_or_remove(container, field, wanted.get(field).cloned());
            }
        }
    }
}

fn keep_all_but_managers(old: &Value, new: &mut Value) {
    let managers = new["metadata"]["managedFields"].take();
    *new = old.clone();
    set_or_remove(&mut new["metadata"], "managedFields", Some(managers).filter(|managers| !managers.is_null()));
}

/// Which template of a daemon set this is; upstream keeps it in an annotation.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

fn template_generation(old: &Value, new: &mut Value) {
    let known = object::annotations(old).get(TEMPLATE_GENERATION).and_then(Value::as_str);
    let known = known.and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    let changed = old.pointer("/spec/template") != new.pointer("/spec/template");
    new["metadata"]["annotations"][TEMPLATE_GENERATION] = Value::from((known + i64::from(changed)).to_string());
}

fn keep_all_but_finalizers(old: &Value, new: &mut Value) {
    let finalizers = new.pointer("/spec/finalizers").filter(|list| **list != json!([])).cloned();
    *new = old.clone();
    set_or_remove(&mut new["spec"], "finalizers", finalizers);
}

fn set_or_remove(object: &mut Value, field: &str, value: Option<Value>) {
    let Some(fields) = object.as_object_mut() else { return };
    match value {
        Some(value) => drop(fields.insert(field.to_owned(), value)),
        None => drop(fields.remove(field)),
    }
}

/// Metadata that only the server changes.
const SERVER_METADATA: [&str; 7] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "resourceVersion",
    "selfLink",
    "uid",
];

fn keep_metadata(resource: &Resource, old: &Value, new: &mut Value) {
    let known = old.get("metadata").cloned().unwrap_or_default();
    let metadata = object::metadata_mut(new);
    for field in SERVER_METADATA {
        match known.get(field) {
            Some(value) => drop(metadata.insert(field.to_owned(), value.clone())),
            None => drop(metadata.remove(field)),
        }
    }
    tidy_metadata(metadata);
    if is(resource, "", "namespaces") {
        let name = object::name(old).to_owned();
        object::set_label(new, "kubernetes.io/metadata.name", &name);
    }
}

/// Whether anything but metadata and status differs; a Deployment's annotations count too, as upstream.
fn wants_changed(resource: &Resource, old: &Value, new: &Value) -> bool {
    let counts = |name: &str| match name {
        "metadata" | "apiVersion" | "kind" => false,
        "status" => !resource.has_status(),
        _ => true,
    };
    let before = old.as_object().into_iter().flatten().filter(|(name, _)| counts(name));
    let after = new.as_object().into_iter().flatten().filter(|(name, _)| counts(name));
    let annotated = &*resource.group == "apps" && &*resource.plural == "deployments";
    before.ne(after) || (annotated && object::annotations(old) != object::annotations(new))
}

/// Go leaves empty maps, lists and nulls of the metadata out.
pub(crate) fn tidy_metadata(metadata: &mut Map<String, Value>) {
    metadata.retain(|_, value| match value {
        Value::Null => false,
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => true,
    });
}
