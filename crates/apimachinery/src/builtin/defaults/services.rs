//! Defaults of services, secrets and namespaces that depend on other fields.
//! It must not know how addresses are allocated.

use base64::Engine;
use serde_json::{Value, json};

use super::{Object, items, made, set, text};

/// `SetDefaults_Service`, and the address families of a cluster with IPv4 alone.
pub(super) fn service(service: &mut Object) {
    let Some(spec) = made(service, "spec") else { return };
    set(spec, "type", "ClusterIP");
    set(spec, "sessionAffinity", "None");
    let type_ = text(spec, "type").to_owned();
    let is_external_name = type_ == "ExternalName";
    let is_reachable = matches!(type_.as_str(), "NodePort" | "LoadBalancer") || spec.contains_key("externalIPs");
    for port in items(spec, "ports") {
        if let Some(number) = port.get("port").cloned() {
            set(port, "targetPort", number);
        }
    }
    if text(spec, "sessionAffinity") == "ClientIP" {
        // Three hours.
        set(spec, "sessionAffinityConfig", json!({"clientIP": {"timeoutSeconds": 10800}}));
    }
    if is_external_name {
        return;
    }
    set(spec, "internalTrafficPolicy", "Cluster");
    if is_reachable {
        set(spec, "externalTrafficPolicy", "Cluster");
    }
    if type_ == "LoadBalancer" {
        set(spec, "allocateLoadBalancerNodePorts", true);
    }
    if let Some(address) = Some(text(spec, "clusterIP").to_owned()).filter(|address| !address.is_empty()) {
        // A headless service's list is filled in with its families.
        if address != "None" {
            set(spec, "clusterIPs", json!([address]));
        }
    }
}

/// The address families of a service in a cluster with IPv4 alone, which the server decides on and no writer owns.
pub fn service_families(service: &mut Value) {
    let Some(spec) = service.get_mut("spec").and_then(Value::as_object_mut) else { return };
    if text(spec, "type") != "ExternalName" {
        families(spec);
    }
}

fn families(spec: &mut Object) {
    let address = text(spec, "clusterIP").to_owned();
    if !address.is_empty() {
        set(spec, "clusterIPs", json!([address]));
    }
    let has_selector = spec.get("selector").and_then(Value::as_object).is_some_and(|found| !found.is_empty());
    // Without a selector the endpoints may be of either family.
    let is_open = address == "None" && !has_selector;
    if is_open && !spec.contains_key("ipFamilyPolicy") && !spec.contains_key("ipFamilies") {
        set(spec, "ipFamilies", json!(["IPv4", "IPv6"]));
        set(spec, "ipFamilyPolicy", "RequireDualStack");
    }
    set(spec, "ipFamilies", json!([if address.contains(':') { "IPv6" } else { "IPv4" }]));
    set(spec, "ipFamilyPolicy", "SingleStack");
}

/// `stringData` is for writing only: it becomes part of `data`.
pub(super) fn secret(secret: &mut Object) {
    let Some(Value::Object(strings)) = secret.remove("stringData") else { return };
    let Some(data) = made(secret, "data") else { return };
    for (key, value) in strings {
        let encoded = base64::engine::general_purpose::STANDARD.encode(value.as_str().unwrap_or_default());
        data.insert(key, encoded.into());
    }
}

/// Every namespace carries its name as a label.
pub(super) fn namespace(namespace: &mut Object) {
    let Some(metadata) = made(namespace, "metadata") else { return };
    let name = text(metadata, "name").to_owned();
    // With generateName the name is not known yet.
    if !name.is_empty()
        && let Some(labels) = made(metadata, "labels")
    {
        set(labels, "kubernetes.io/metadata.name", name);
    }
}
