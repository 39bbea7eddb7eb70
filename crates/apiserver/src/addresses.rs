//! Cluster IPs and node ports of Services: given out once per cluster, and taken back.
//! It must not know requests. What is given out is kept in the store, in the Service's own transaction.

use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;
use mainstay_apimachinery::{FieldError, FieldErrorKind, FieldPath, object};
use mainstay_store::{KindKey, ObjectKey, Transaction};
use serde_json::{Value, json};

/// First address of `10.96.0.0/12`, the range kubeadm gives Services. The first ten are left for system use.
const FIRST_ADDRESS: u32 = 0x0A60_0000 + 10;
/// Upstream's own service `default/kubernetes` has it.
const OWN_ADDRESS: &str = "10.96.0.1";
const ADDRESSES: u32 = (1 << 20) - 12;
/// Upstream's default range of node ports: 30000–32767.
const FIRST_PORT: u32 = 30_000;
const PORTS: u32 = 2768;

/// Group of what is in the store and is no object.
const CLAIMS: &str = "internal.mainstay.dev";

fn claims(cluster: &Arc<str>, what: &str) -> KindKey {
    KindKey::new(cluster.clone(), CLAIMS, what)
}

/// Whether records of a kind are addresses, and no objects.
pub(crate) fn is_claim(kind: &KindKey) -> bool {
    &*kind.group == CLAIMS
}

/// Gives a Service the addresses it lacks, or leaves it without where it wants none. `None` when there is none left,
/// or one asked for is taken by another Service; then the message says which.
pub(crate) fn allocate(tx: &mut Transaction, cluster: &Arc<str>, service: &mut Value) -> Result<(), FieldError> {
    let owner = owner(service);
    let kind = service.pointer("/spec/type").and_then(Value::as_str).unwrap_or("ClusterIP").to_owned();
    if kind == "ExternalName" {
        return Ok(());
    }
    allocate_address(tx, cluster, service, &owner)?;
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        allocate_ports(tx, cluster, service, &owner)?;
    }
    Ok(())
}

/// Takes back what a Service no longer has: `new` is `None` when it is deleted.
pub(crate) fn release(tx: &mut Transaction, cluster: &Arc<str>, old: &Value, new: Option<&Value>) {
    let kept: Vec<ObjectKey> = new.map(|service| held(cluster, service)).unwrap_or_default();
    for key in held(cluster, old) {
        let mine = tx.get(&key).is_some_and(|record| record.bytes == owner(old));
        if mine && !kept.contains(&key) {
            tx.delete(key, Bytes::new());
        }
    }
}

/// How the holder of an address is named.
pub(crate) fn owner(service: &Value) -> String {
    format!("{}/{}", object::namespace(service).unwrap_or_default(), object::name(service))
}

/// The addresses and node ports of a Service, as the store keeps them.
pub(crate) fn held(cluster: &Arc<str>, service: &Value) -> Vec<ObjectKey> {
    let address = service.pointer("/spec/clusterIP").and_then(Value::as_str).filter(|ip| !matches!(*ip, "" | "None"));
    let address = address.map(|ip| claims(cluster, "clusterips").object("", ip));
    let ports = service.pointer("/spec/ports").and_then(Value::as_array).into_iter().flatten();
    let ports = ports.filter_map(|port| port.get("nodePort")?.as_u64());
    let ports = ports.map(|port| claims(cluster, "nodeports").object("", port.to_string()));
    address.into_iter().chain(ports).collect()
}

/// What cannot be given out, below `spec`.
fn refused(path: FieldPath, value: impl Into<Value>, why: impl Into<String>) -> FieldError {
    FieldError::new(FieldErrorKind::Invalid, path, value.into(), why)
}

fn spec(field: &str) -> FieldPath {
    FieldPath::root().child("spec").child(field)
}

/// Whether an address is one of the range's.
fn is_in_range(address: &str) -> bool {
    let address: Option<Ipv4Addr> = address.parse().ok();
    address.is_some_and(|address| u32::from(address) >> 20 == FIRST_ADDRESS >> 20)
}

fn allocate_address(
    tx: &mut Transaction,
    cluster: &Arc<str>,
    service: &mut Value,
    owner: &str,
) -> Result<(), FieldError> {
    let kind = claims(cluster, "clusterips");
    let wanted =
        service.pointer("/spec/clusterIP").and_then(Value::as_str).filter(|ip| !ip.is_empty()).map(str::to_owned);
    let address = match wanted.as_deref() {
        Some("None") => {
            service["spec"]["clusterIPs"] = json!(["None"]);
            return Ok(());
        }
        Some(wanted) if !is_in_range(wanted) => {
            let why = "is not in the valid range. The range of valid IPs is 10.96.0.0/12";
            let why = format!("failed to allocate IP {wanted}: the provided IP ({wanted}) {why}");
            return Err(refused(spec("clusterIPs"), json!([wanted]), why));
        }
        Some(wanted) if wanted != OWN_ADDRESS && claim(tx, &kind, wanted, owner) => wanted.to_owned(),
        Some(wanted) => {
            let why = format!("failed to allocate IP {wanted}: provided IP is already allocated");
            return Err(refused(spec("clusterIPs"), json!([wanted]), why));
        }
        None => {
            let name = |index: u32| Ipv4Addr::from(FIRST_ADDRESS + index).to_string();
            let full = || refused(spec("clusterIPs"), Value::Null, "failed to allocate a serviceIP: range is full");
            first_free(tx, &kind, (owner, ADDRESSES), name).ok_or_else(full)?
        }
    };
    service["spec"]["clusterIPs"] = json!([address]);
    service["spec"]["clusterIP"] = Value::from(address);
    Ok(())
}

fn allocate_ports(
    tx: &mut Transaction,
    cluster: &Arc<str>,
    service: &mut Value,
    owner: &str,
) -> Result<(), FieldError> {
    let kind = claims(cluster, "nodeports");
    let Some(ports) = service.pointer_mut("/spec/ports").and_then(Value::as_array_mut) else { return Ok(()) };
    for (index, port) in ports.iter_mut().enumerate() {
        match port.get("nodePort").and_then(Value::as_u64).filter(|port| *port > 0) {
            Some(wanted) if !(u64::from(FIRST_PORT)..u64::from(FIRST_PORT + PORTS)).contains(&wanted) => {
                let why = "provided port is not in the valid range. The range of valid ports is 30000-32767";
                return Err(refused(spec("ports").index(index).child("nodePort"), wanted, why));
            }
            Some(wanted) if claim(tx, &kind, &wanted.to_string(), owner) => {}
            Some(wanted) => {
                let why = "provided port is already allocated";
                return Err(refused(spec("ports").index(index).child("nodePort"), wanted, why));
            }
            None => {
                let seed = format!("{owner}#{index}");
                let name = |index: u32| (FIRST_PORT + index).to_string();
                let at = || spec("ports").index(index).child("nodePort");
                let full = || refused(at(), Value::Null, "failed to allocate a nodePort: range is full");
                let found = first_free(tx, &kind, (&seed, PORTS), name).ok_or_else(full)?;
                tx.put(kind.object("", found.as_str()), Bytes::from(owner.to_owned()));
                port["nodePort"] = found.parse::<u32>().map_or(Value::Null, Value::from);
            }
        }
    }
    Ok(())
}

fn claim(tx: &mut Transaction, kind: &KindKey, name: &str, owner: &str) -> bool {
    let key = kind.object("", name);
    match tx.get(&key) {
        Some(record) => record.bytes == owner,
        None => {
            tx.put(key, Bytes::from(owner.to_owned()));
            true
        }
    }
}

/// Claims the first free name from a place that only depends on the owner, so that the same objects get the same
/// addresses whatever the order they are made in.
fn first_free(
    tx: &mut Transaction,
    kind: &KindKey,
    (owner, count): (&str, u32),
    name: impl Fn(u32) -> String,
) -> Option<String> {
    let start = fnv(owner) % count;
    let free = (0..count)
        .map(|offset| name((start + offset) % count))
        .find(|name| tx.get(&kind.object("", name.as_str())).is_none())?;
    tx.put(kind.object("", free.as_str()), Bytes::from(owner.to_owned()));
    Some(free)
}

/// FNV-1a: small, and the same everywhere.
fn fnv(text: &str) -> u32 {
    text.bytes().fold(0x811C_9DC5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
