//! Nobody gives what they do not have: the checks on writes of roles and bindings of upstream's
//! `pkg/registry/rbac/*/policybased`. It must not know how objects are stored.

use mainstay_apimachinery::object;
use serde_json::Value;

use super::covers::missing;
use super::objects::{Binding, GROUP, RoleRef};
use super::rule::{Rule, quoted};
use crate::authz::Attributes;
use crate::call::Call;
use crate::{Error, convert};

/// Refuses a write that gives rights its writer does not have.
pub(crate) fn check(call: &Call, old: Option<&Value>, new: &Value) -> Result<(), Error> {
    if *call.resource.group != *GROUP || call.identity.is_master() || old.is_some_and(|old| only_collected(old, new)) {
        return Ok(());
    }
    let why = match &*call.resource.plural {
        "roles" => role(call, new),
        "clusterroles" => role(call, new).or_else(|| aggregating(call, old, new)),
        "rolebindings" | "clusterrolebindings" => binding(call, new)?,
        _ => None,
    };
    why.map_or(Ok(()), |why| Err(Error::forbidden(&call.resource, object::name(new), &why)))
}

/// Whether nothing changes but what garbage collection needs: `IsOnlyMutatingGCFields`.
fn only_collected(old: &Value, new: &Value) -> bool {
    let core = |object: &Value| {
        let mut object = object.clone();
        let metadata = object::metadata_mut(&mut object);
        for field in ["ownerReferences", "finalizers", "managedFields", "resourceVersion"] {
            metadata.remove(field);
        }
        object
    };
    core(old) == core(new)
}

fn role(call: &Call, new: &Value) -> Option<String> {
    let name = call.name.as_deref().unwrap_or_default();
    if authorized(call, "escalate", &call.resource.plural, (call.namespace_str(), name)) {
        return None;
    }
    beyond(call, &rules(new))
}

fn aggregating(call: &Call, old: Option<&Value>, new: &Value) -> Option<String> {
    let name = call.name.as_deref().unwrap_or_default();
    let aggregates = |object: &Value| object.get("aggregationRule").is_some_and(|rule| !rule.is_null());
    if !aggregates(new) && !old.is_some_and(aggregates) || authorized(call, "escalate", "clusterroles", ("", name)) {
        return None;
    }
    let everything = serde_json::json!({"rules": [
        {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}, {"verbs": ["*"], "nonResourceURLs": ["*"]},
    ]});
    beyond(call, &rules(&everything))
        .map(|_| "must have cluster-admin privileges to use the aggregationRule".to_owned())
}

fn binding(call: &Call, new: &Value) -> Result<Option<String>, Error> {
    // What cannot be read is refused by validation.
    let Ok(Binding { role_ref, .. }) = Binding::deserialize_from(new) else { return Ok(None) };
    let RoleRef { kind, name } = &role_ref;
    let (plural, place) = if kind == "ClusterRole" { ("clusterroles", "") } else { ("roles", call.namespace_str()) };
    if authorized(call, "bind", plural, (call.namespace_str(), name)) {
        return Ok(None);
    }
    let key = mainstay_store::KindKey::new(call.cluster.clone(), GROUP, plural).object(place, name.as_str());
    let snapshot = call.server.snapshot();
    let record = snapshot.get(&key).ok_or_else(|| Error::no_role(GROUP, &kind.to_lowercase(), name))?;
    Ok(beyond(call, &rules(&convert::parse(&record.bytes))))
}

impl Binding {
    fn deserialize_from(value: &Value) -> Result<Self, serde_json::Error> {
        serde::Deserialize::deserialize(value)
    }
}

/// The rules of a role; those that cannot be read are refused by validation.
fn rules(role: &Value) -> Vec<Rule> {
    let rules = role.get("rules").and_then(Value::as_array).into_iter().flatten();
    rules.filter_map(|rule| serde::Deserialize::deserialize(rule).ok()).collect()
}

fn authorized(call: &Call, verb: &str, resource: &str, (namespace, name): (&str, &str)) -> bool {
    let cluster = &call.cluster;
    let attributes = Attributes {
        cluster,
        verb,
        on_resource: true,
        group: GROUP,
        resource,
        namespace,
        name,
        ..Attributes::default()
    };
    call.server.allows(&call.identity, &attributes)
}

/// What of some rules the writer does not have: `ConfirmNoEscalation`.
fn beyond(call: &Call, wanted: &[Rule]) -> Option<String> {
    let (identity, snapshot) = (&call.identity, call.server.snapshot());
    let policy = call.server.rbac().policy(&snapshot, &call.cluster);
    let missing = missing(&policy.rules_of(identity, call.namespace_str()), wanted);
    if missing.is_empty() {
        return None;
    }
    let (user, groups, missing) = (&identity.user, quoted(&identity.groups), missing.join("\n"));
    let errors = policy.missing(identity, call.namespace_str());
    let errors = errors.map(|errors| format!("; resolution errors: [{errors}]")).unwrap_or_default();
    Some(format!(
        "user {user:?} (groups={groups}) is attempting to grant RBAC permissions not currently held:\n{missing}{errors}"
    ))
}
