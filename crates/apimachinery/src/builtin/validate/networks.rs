//! The rules of `Service`, `Ingress` and `NetworkPolicy`. It must not know which addresses and ports are taken.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Errors, field, is_empty, list, metadata, text};
use crate::{FieldPath, names};

pub(super) fn service(errors: &mut Errors, new: &Value, old: Option<&Value>) {
    let path = field("spec");
    let spec = new.get("spec").unwrap_or(&Value::Null);
    let type_ = text(spec, "type");
    let is_headless = text(spec, "clusterIP") == "None";
    if is_empty(spec.get("ports")) && !is_headless && type_ != "ExternalName" {
        errors.required(path.child("ports"), "");
    }
    ports(errors, spec, &path.child("ports"));
    if let Some(selector) = spec.get("selector").and_then(Value::as_object) {
        metadata::labels(errors, selector, &path.child("selector"));
    }
    if type_ == "ExternalName" {
        let name = text(spec, "externalName").trim_end_matches('.');
        if name.is_empty() {
            errors.required(path.child("externalName"), "");
        } else {
            errors.grammar(&path.child("externalName"), name, names::check_dns1123_subdomain(name));
        }
    }
    if type_ == "LoadBalancer" && is_headless {
        let detail = "may not be set to 'None' for LoadBalancer services";
        errors.invalid(path.child("clusterIPs").index(0), "None", detail);
    }
    if let Some(old) = old.and_then(|old| old.get("spec")) {
        address_stays(errors, spec, old, &path);
    }
}

/// A service keeps its address unless it turns into, or from, an external name.
fn address_stays(errors: &mut Errors, new: &Value, old: &Value, path: &FieldPath) {
    if [new, old].iter().any(|spec| text(spec, "type") == "ExternalName") {
        return;
    }
    let (address, before) = (text(new, "clusterIP"), text(old, "clusterIP"));
    if !address.is_empty() && !before.is_empty() && address != before {
        let detail = "may not change once set";
        errors.invalid(path.child("clusterIPs").index(0), json!([address]), detail);
    }
}

fn ports(errors: &mut Errors, spec: &Value, path: &FieldPath) {
    let several = spec.get("ports").and_then(Value::as_array).is_some_and(|ports| ports.len() > 1);
    let (mut by_name, mut by_number) = (BTreeSet::new(), BTreeSet::new());
    for (index, port) in list(spec, "ports") {
        let at = path.index(index);
        let name = text(port, "name");
        if name.is_empty() && several {
            errors.required(at.child("name"), "");
        } else if !name.is_empty() {
            errors.grammar(&at.child("name"), name, names::check_dns1123_label(name));
            if !by_name.insert(name) {
                errors.duplicate(at.child("name"), name);
            }
        }
        let number = port.get("port").cloned().unwrap_or(json!(0));
        errors.port(at.child("port"), &number);
        if let Some(target) = port.get("targetPort") {
            errors.port_or_name(at.child("targetPort"), target);
        }
        let protocol = text(port, "protocol");
        if !by_number.insert((number.to_string(), protocol)) {
            errors.duplicate(at, json!({"port": number, "protocol": protocol}));
        }
    }
}

pub(super) fn ingress(errors: &mut Errors, new: &Value) {
    let path = field("spec");
    let spec = new.get("spec").unwrap_or(&Value::Null);
    if is_empty(spec.get("rules")) && is_empty(spec.get("defaultBackend")) {
        errors.invalid(path.child("rules"), json!([]), "either `defaultBackend` or `rules` must be specified");
    }
    if let Some(found) = spec.get("defaultBackend") {
        backend(errors, found, &path.child("defaultBackend"));
    }
    for (index, rule) in list(spec, "rules") {
        let at = path.child("rules").index(index);
        host(errors, text(rule, "host"), &at.child("host"));
        let Some(http) = rule.get("http") else { continue };
        for (index, found) in list(http, "paths") {
            http_path(errors, found, &at.child("http").child("paths").index(index));
        }
    }
    for (index, tls) in list(spec, "tls") {
        for (item, name) in list(tls, "hosts") {
            let at = path.child("tls").index(index).child("hosts").index(item);
            host(errors, name.as_str().unwrap_or_default(), &at);
        }
    }
}

fn host(errors: &mut Errors, name: &str, path: &FieldPath) {
    // One leading wildcard label is allowed.
    let plain = name.strip_prefix("*.").unwrap_or(name);
    if !name.is_empty() {
        errors.grammar(path, name, names::check_dns1123_subdomain(plain));
    }
}

fn http_path(errors: &mut Errors, found: &Value, path: &FieldPath) {
    let type_ = text(found, "pathType");
    let place = text(found, "path");
    if type_.is_empty() {
        errors.required(path.child("pathType"), "pathType must be specified");
    } else if !matches!(type_, "Exact" | "Prefix" | "ImplementationSpecific") {
        errors.not_supported(path.child("pathType"), type_, &["Exact", "ImplementationSpecific", "Prefix"]);
    }
    let may_be_empty = type_ == "ImplementationSpecific" && place.is_empty();
    if !place.starts_with('/') && !may_be_empty {
        errors.invalid(path.child("path"), place, "must be an absolute path");
    }
    if let Some(found) = found.get("backend") {
        backend(errors, found, &path.child("backend"));
    }
}

fn backend(errors: &mut Errors, backend: &Value, path: &FieldPath) {
    let service = backend.get("service");
    match (service, backend.get("resource")) {
        (Some(_), Some(_)) => errors.invalid(path.clone(), "", "cannot set both resource and service backends"),
        (None, None) => errors.required(path.clone(), "either service or resource is required"),
        _ => {}
    }
    let Some(service) = service else { return };
    let at = path.child("service");
    match text(service, "name") {
        "" => errors.required(at.child("name"), ""),
        name => errors.grammar(&at.child("name"), name, names::check_dns1123_label(name)),
    }
    let port = service.get("port").unwrap_or(&Value::Null);
    match (port.get("number"), text(port, "name")) {
        (None, "") => errors.required(at.child("port"), "port name or number is required"),
        (Some(_), name) if !name.is_empty() => {
            errors.invalid(at.child("port"), "", "cannot set both port name & port number");
        }
        (Some(number), _) => errors.port(at.child("port").child("number"), number),
        (None, name) => errors.grammar(&at.child("port").child("name"), name, names::check_port_name(name)),
    }
}

pub(super) fn network_policy(errors: &mut Errors, new: &Value) {
    let spec = new.get("spec").unwrap_or(&Value::Null);
    let path = field("spec");
    for direction in ["ingress", "egress"] {
        for (index, rule) in list(spec, direction) {
            let at = path.child(direction).index(index);
            for (index, port) in list(rule, "ports") {
                if let Some(number) = port.get("port") {
                    errors.port_or_name(at.child("ports").index(index).child("port"), number);
                }
            }
            let peers = if direction == "ingress" { "from" } else { "to" };
            for (index, _) in list(rule, peers).filter(|(_, peer)| is_empty(Some(peer))) {
                errors.required(at.child(peers).index(index), "must specify a peer");
            }
        }
    }
}
