//! The rules of `Endpoints` and `EndpointSlice`. It must not know services.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Value, json};

use super::{Errors, field, is_empty, list, text};
use crate::names;

pub(super) fn endpoint_slice(errors: &mut Errors, new: &Value, old: Option<&Value>) {
    const TYPES: [&str; 3] = ["FQDN", "IPv4", "IPv6"];
    let type_ = text(new, "addressType");
    match type_ {
        "" => errors.required(field("addressType"), ""),
        type_ if !TYPES.contains(&type_) => errors.not_supported(field("addressType"), type_, &TYPES),
        _ => {}
    }
    for (index, endpoint) in list(new, "endpoints") {
        let at = field("endpoints").index(index).child("addresses");
        if is_empty(endpoint.get("addresses")) {
            errors.required(at.clone(), "must contain at least 1 address");
        }
        for (item, address) in list(endpoint, "addresses") {
            let address = address.as_str().unwrap_or_default();
            let fits = match type_ {
                "IPv4" => address.parse::<Ipv4Addr>().is_ok(),
                "IPv6" => address.parse::<Ipv6Addr>().is_ok(),
                _ => true,
            };
            if !fits {
                errors.invalid(at.index(item), address, format!("must be an {type_} address"));
            }
        }
    }
    for (index, port) in list(new, "ports") {
        let (at, name) = (field("ports").index(index), text(port, "name"));
        if !name.is_empty() {
            errors.grammar(&at.child("name"), name, names::check_dns1123_label(name));
        }
        if list(new, "ports").take(index).any(|(_, other)| text(other, "name") == name) {
            errors.duplicate(at.child("name"), name);
        }
        if let Some(number) = port.get("port") {
            errors.port(at.child("port"), number);
        }
    }
    if let Some(old) = old {
        errors.immutable(field("addressType"), new.get("addressType"), old.get("addressType"));
    }
}

pub(super) fn endpoints(errors: &mut Errors, new: &Value) {
    for (index, subset) in list(new, "subsets") {
        let at = field("subsets").index(index);
        if is_empty(subset.get("addresses")) && is_empty(subset.get("notReadyAddresses")) {
            errors.required(at.clone(), "must specify `addresses` or `notReadyAddresses`");
        }
        for side in ["addresses", "notReadyAddresses"] {
            for (item, address) in list(subset, side) {
                let ip = text(address, "ip");
                if ip.parse::<IpAddr>().is_err() {
                    let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
                    errors.invalid(at.child(side).index(item).child("ip"), ip, detail);
                }
            }
        }
        let several = list(subset, "ports").count() > 1;
        for (item, port) in list(subset, "ports") {
            let (at, name) = (at.child("ports").index(item), text(port, "name"));
            if name.is_empty() && several {
                errors.required(at.child("name"), "");
            } else if !name.is_empty() {
                errors.grammar(&at.child("name"), name, names::check_dns1123_label(name));
            }
            errors.port(at.child("port"), port.get("port").unwrap_or(&json!(0)));
        }
    }
}
