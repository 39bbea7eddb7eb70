//! The rules of `Service`, `Ingress` and `NetworkPolicy`. It must not know which addresses and ports are taken.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::{Errors, field, is_empty, list, metadata, text, workloads};
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
    addresses(errors, spec, &path);
    if let Some(old) = old.and_then(|old| old.get("spec")) {
        address_stays(errors, spec, old, &path);
    }
}

const ADDRESS: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";

/// Addresses and ports that users choose.
fn addresses(errors: &mut Errors, spec: &Value, path: &FieldPath) {
    let (type_, address) = (text(spec, "type"), text(spec, "clusterIP"));
    let is_given = !address.is_empty() && address != "None";
    if is_given && address.parse::<IpAddr>().is_err() {
        errors.invalid(path.child("clusterIPs").index(0), address, ADDRESS);
    }
    if type_ == "ExternalName" && !address.is_empty() {
        errors.forbidden(path.child("clusterIPs").index(0), "may not be set for ExternalName services");
    }
    for (index, port) in list(spec, "ports") {
        let number = port.get("nodePort").and_then(Value::as_i64).unwrap_or(0);
        if number != 0 && matches!(type_, "ClusterIP" | "ExternalName") {
            let detail = "may not be used when `type` is 'ClusterIP'";
            errors.forbidden(path.child("ports").index(index).child("nodePort"), detail);
        }
    }
    for (index, found) in list(spec, "externalIPs") {
        let found = found.as_str().unwrap_or_default();
        if found.parse::<IpAddr>().is_err() {
            errors.invalid(path.child("externalIPs").index(index), found, ADDRESS);
        }
    }
    for (index, range) in list(spec, "loadBalancerSourceRanges") {
        let range = range.as_str().unwrap_or_default();
        if cidr(range.trim()).is_none() {
            errors.invalid(path.child("loadBalancerSourceRanges").index(index), range, CIDR);
        }
    }
    let seconds = spec.pointer("/sessionAffinityConfig/clientIP/timeoutSeconds").and_then(Value::as_i64);
    if let Some(seconds) = seconds.filter(|seconds| !(1..=86_400).contains(seconds)) {
        let at = path.child("sessionAffinityConfig").child("clientIP").child("timeoutSeconds");
        errors.invalid(at, seconds, "must be greater than 0 && less than or equal to 86400");
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
    if let Some(selector) = spec.get("podSelector") {
        workloads::label_selector(errors, selector, &path.child("podSelector"));
    }
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for (index, rule) in list(spec, direction) {
            let at = path.child(direction).index(index);
            for (index, port) in list(rule, "ports") {
                policy_port(errors, port, &at.child("ports").index(index));
            }
            for (index, peer) in list(rule, peers) {
                self::peer(errors, peer, &at.child(peers).index(index));
            }
        }
    }
    let types = spec.get("policyTypes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if types.len() > 2 {
        let detail = "may not specify more than two policyTypes";
        errors.invalid(path.child("policyTypes"), types.to_vec(), detail);
        return;
    }
    for (index, type_) in types.iter().enumerate().filter(|(_, type_)| *type_ != "Ingress" && *type_ != "Egress") {
        errors.not_supported(path.child("policyTypes").index(index), type_.clone(), &["Egress", "Ingress"]);
    }
}

fn policy_port(errors: &mut Errors, port: &Value, path: &FieldPath) {
    const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
    let protocol = text(port, "protocol");
    if !protocol.is_empty() && !PROTOCOLS.contains(&protocol) {
        errors.not_supported(path.child("protocol"), protocol, &PROTOCOLS);
    }
    if let Some(number) = port.get("port") {
        errors.port_or_name(path.child("port"), number);
    }
    let Some(end) = port.get("endPort").and_then(Value::as_i64) else { return };
    match port.get("port") {
        Some(Value::Number(start)) if start.as_i64().is_some_and(|start| end < start) => {
            errors.invalid(path.child("endPort"), end, "must be greater than or equal to `port`");
        }
        Some(Value::String(_)) => {
            errors.invalid(path.child("endPort"), end, "may not be specified when `port` is non-numeric");
        }
        None => errors.invalid(path.child("endPort"), end, "must not be specified when `port` is not specified"),
        _ => {}
    }
}

fn peer(errors: &mut Errors, peer: &Value, path: &FieldPath) {
    let mut count = 0;
    for name in ["podSelector", "namespaceSelector"] {
        if let Some(selector) = peer.get(name) {
            count += 1;
            workloads::label_selector(errors, selector, &path.child(name));
        }
    }
    match peer.get("ipBlock") {
        Some(block) => {
            ip_block(errors, block, &path.child("ipBlock"));
            if count > 0 {
                errors.forbidden(path.clone(), "may not specify both ipBlock and another peer");
            }
        }
        None if count == 0 => errors.required(path.clone(), "must specify a peer"),
        None => {}
    }
}

const CIDR: &str = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

fn ip_block(errors: &mut Errors, block: &Value, path: &FieldPath) {
    let text_of = text(block, "cidr");
    if text_of.is_empty() {
        errors.required(path.child("cidr"), "");
        return;
    }
    let outer = cidr(text_of);
    if outer.is_none() {
        errors.invalid(path.child("cidr"), text_of, CIDR);
    }
    for (index, except) in list(block, "except") {
        let (at, except) = (path.child("except").index(index), except.as_str().unwrap_or_default());
        match (cidr(except), outer) {
            (None, _) => errors.invalid(at, except, CIDR),
            (Some(inner), Some(outer)) if !is_within(inner, outer) => {
                errors.invalid(at, except, "must be a strict subset of `cidr`");
            }
            _ => {}
        }
    }
}

/// An address and how many of its bits count.
fn cidr(text: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = text.split_once('/')?;
    let (address, bits): (IpAddr, u32) = (address.parse().ok()?, bits.parse().ok()?);
    (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, bits))
}

fn is_within((inner, inner_bits): (IpAddr, u32), (outer, outer_bits): (IpAddr, u32)) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
        IpAddr::V6(address) => u128::from(address),
    };
    let mask = u128::MAX.checked_shl(128 - outer_bits).unwrap_or(0);
    inner.is_ipv4() == outer.is_ipv4() && inner_bits > outer_bits && bits(inner) & mask == bits(outer) & mask
}
