//! Charges a write to a quota, as `CheckRequest` of `apiserver/pkg/admission/plugin/resourcequota`.
//! It must not know where quotas are: what is used stands in their status, which controllers keep true.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{counted_resource, in_scope, is_finished, items, quantity, text, usage};
use crate::object;
use crate::quantity::Quantity;

/// Entries for which every container of a pod must say what it needs: `validationSet` of the pod evaluator.
const EXPLICIT: [&str; 6] = ["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"];

/// What `status.used` of a quota becomes when an object of a resource (with its group, as in
/// [`super::counted_resource`]) is made, or changed from `old`; `None` where it stays as it is.
///
/// # Errors
/// Why the write is over the quota, in upstream's words.
pub fn charge(quota: &Value, resource: &str, new: &Value, old: Option<&Value>) -> Result<Option<Value>, String> {
    let Some(hard) = quota.pointer("/status/hard").and_then(Value::as_object) else { return Ok(None) };
    let entries: Vec<(&String, &Value)> =
        hard.iter().filter(|(entry, _)| counted_resource(entry) == Some(resource)).collect();
    if entries.is_empty() || !in_scope(quota, resource, new) {
        return Ok(None);
    }
    let name = object::name(quota);
    let used = quota.pointer("/status/used").and_then(Value::as_object);
    if resource == "pods" && !is_finished(new) {
        let explicit = entries.iter().map(|(entry, _)| entry.as_str()).filter(|entry| EXPLICIT.contains(entry));
        constraints(explicit, new).map_err(|why| format!("failed quota: {name}: {why}"))?;
    }
    if !entries.iter().all(|(entry, _)| used.is_some_and(|used| used.contains_key(*entry))) {
        let names: Vec<&str> = entries.iter().map(|(entry, _)| entry.as_str()).collect();
        return Err(format!("status unknown for quota: {name}, resources: {}", names.join(",")));
    }
    let empty = Map::new();
    book(name, &entries, used.unwrap_or(&empty), &|entry| {
        let before = old.map(|old| usage(entry, old)).unwrap_or_default();
        usage(entry, new) - before
    })
}

fn book(
    name: &str,
    entries: &[(&String, &Value)],
    used: &Map<String, Value>,
    more: &dyn Fn(&str) -> Quantity,
) -> Result<Option<Value>, String> {
    let [mut requested, mut before, mut limited] = [const { Vec::new() }; 3];
    let mut booked = used.clone();
    for (entry, limit) in entries {
        let (more, limit, known) = (more(entry), quantity(Some(limit)), quantity(used.get(*entry)));
        if more.is_zero() {
            continue;
        }
        if known + more > limit {
            requested.push(format!("{entry}={more}"));
            before.push(format!("{entry}={known}"));
            limited.push(format!("{entry}={limit}"));
        }
        booked.insert((*entry).clone(), Value::from((known + more).to_string()));
    }
    if requested.is_empty() {
        return Ok((booked != *used).then_some(Value::Object(booked)));
    }
    let [requested, before, limited] = [requested, before, limited].map(|parts| parts.join(","));
    Err(format!("exceeded quota: {name}, requested: {requested}, used: {before}, limited: {limited}"))
}

/// Every container must say what it needs of what is limited.
fn constraints<'a>(entries: impl Iterator<Item = &'a str>, pod: &Value) -> Result<(), String> {
    let mut missing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for entry in entries {
        let (kind, name) = entry.split_once('.').unwrap_or(("requests", entry));
        let containers = items(pod, "/spec/containers").chain(items(pod, "/spec/initContainers"));
        let silent = containers.filter(|container| container.pointer(&format!("/resources/{kind}/{name}")).is_none());
        for container in silent {
            missing.entry(entry).or_default().insert(text(container, "/name").unwrap_or_default());
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let listed = missing.iter().map(|(entry, names)| {
        let names: Vec<&str> = names.iter().copied().collect();
        format!("{entry} for: {}", names.join(","))
    });
    Err(format!("must specify {}", listed.collect::<Vec<_>>().join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(cpu: &str) -> Value {
        json!({"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]}})
    }

    fn quota(hard: &Value, used: &Value) -> Value {
        json!({"metadata": {"name": "q"}, "status": {"hard": hard, "used": used}})
    }

    #[test]
    fn what_fits_is_booked() {
        let quota = quota(&json!({"pods": "1", "requests.cpu": "1"}), &json!({"pods": "0", "requests.cpu": "0"}));
        let booked = charge(&quota, "pods", &pod("500m"), None).unwrap();
        assert_eq!(booked, Some(json!({"pods": "1", "requests.cpu": "500m"})));
        assert_eq!(charge(&quota, "secrets", &json!({}), None), Ok(None));
    }

    #[test]
    fn a_refusal_names_only_what_is_over() {
        let quota = quota(&json!({"pods": "1", "requests.cpu": "1"}), &json!({"pods": "1", "requests.cpu": "0"}));
        let why = "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1";
        assert_eq!(charge(&quota, "pods", &pod("1"), None), Err(why.to_owned()));
        let silent = json!({"spec": {"containers": [{"name": "a"}, {"name": "b"}]}});
        let why = "failed quota: q: must specify requests.cpu for: a,b";
        assert_eq!(charge(&quota, "pods", &silent, None), Err(why.to_owned()));
    }

    #[test]
    fn a_quota_nobody_has_looked_at_limits_nothing_and_half_a_status_everything() {
        let new = json!({"metadata": {"name": "q"}, "spec": {"hard": {"pods": "0"}}});
        assert_eq!(charge(&new, "pods", &pod("1"), None), Ok(None));
        let half = quota(&json!({"pods": "5"}), &json!({}));
        let why = "status unknown for quota: q, resources: pods";
        assert_eq!(charge(&half, "pods", &pod("1"), None), Err(why.to_owned()));
    }

    #[test]
    fn an_update_is_charged_by_what_it_adds() {
        let claim =
            |size: &str| json!({"spec": {"storageClassName": "fast", "resources": {"requests": {"storage": size}}}});
        let entry = "fast.storageclass.storage.k8s.io/requests.storage";
        let quota = quota(&json!({entry: "3Gi"}), &json!({entry: "1Gi"}));
        let grown = |to: &str| charge(&quota, "persistentvolumeclaims", &claim(to), Some(&claim("1Gi")));
        assert_eq!(grown("3Gi"), Ok(Some(json!({entry: "3Gi"}))));
        assert!(grown("4Gi").unwrap_err().contains("requested: fast.storageclass.storage.k8s.io/requests.storage=3Gi"));
    }
}
