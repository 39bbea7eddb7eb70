//! ClusterRoles that gather the rules of others by labels. Upstream's controller follows changes some time later;
//! here they are gathered in the transaction of the change, so that nobody sees one without the other.
//! It must not know requests.

use std::collections::BTreeMap;

use mainstay_apimachinery::object;
use mainstay_apimachinery::selector::LabelSelector;
use mainstay_store::{KindKey, Transaction};
use serde_json::{Map, Value, json};

use super::objects::GROUP;
use crate::Error;
use crate::convert::parse;
use crate::respond::encode_to_keep;

/// Upstream's field manager.
const MANAGER: &str = "clusterrole-aggregation-controller";
/// What every ClusterRole that gathers has in its bytes.
const MARKER: &[u8] = b"\"aggregationRule\"";

/// Gathers anew what the change of one ClusterRole touches: in `new` itself, and in others in the transaction.
pub(crate) fn gather(
    tx: &mut Transaction,
    (cluster, now): (&str, &str),
    old: Option<&Value>,
    mut new: Option<&mut Value>,
) -> Result<(), Error> {
    let kind = KindKey::new(cluster, GROUP, "clusterroles");
    let changed = new.as_deref().or(old).map(|role| object::name(role).to_owned()).unwrap_or_default();
    if !concerns_any(tx, &kind, [old, new.as_deref()]) {
        return Ok(());
    }
    let mut roles: BTreeMap<String, Value> =
        tx.list(&kind, None).map(|record| (record.key.name.to_string(), parse(&record.bytes))).collect();
    match &new {
        Some(role) => drop(roles.insert(changed.clone(), Value::clone(role))),
        None => drop(roles.remove(&changed)),
    }
    for name in gathered(&mut roles) {
        let Some(role) = roles.get_mut(&name) else { continue };
        own_rules(role, now);
        if name == changed {
            new.iter_mut().for_each(|new| **new = role.clone());
        } else {
            let revision = Value::from(tx.revision().to_string());
            object::metadata_mut(role).insert("resourceVersion".to_owned(), revision);
            tx.put(kind.object("", name.as_str()), encode_to_keep(role));
        }
    }
    Ok(())
}

/// Whether a changed ClusterRole gathers, or is gathered by another.
fn concerns_any(tx: &Transaction, kind: &KindKey, states: [Option<&Value>; 2]) -> bool {
    let states = || states.iter().flatten();
    if states().any(|role| !selectors(role).is_empty()) {
        return true;
    }
    let gathering = tx.list(kind, None).filter(|record| record.bytes.windows(MARKER.len()).any(|part| part == MARKER));
    let selectors: Vec<LabelSelector> = gathering.flat_map(|record| selectors(&parse(&record.bytes))).collect();
    states().any(|role| selectors.iter().any(|selector| selector.matches(&labels(role))))
}

fn labels(role: &Value) -> Map<String, Value> {
    role.pointer("/metadata/labels").and_then(Value::as_object).cloned().unwrap_or_default()
}

fn selectors(role: &Value) -> Vec<LabelSelector> {
    let selectors = role.pointer("/aggregationRule/clusterRoleSelectors").and_then(Value::as_array);
    selectors.into_iter().flatten().filter_map(|selector| LabelSelector::from_object(selector).ok()).collect()
}

/// Gathers all rules; answers the names of the roles whose rules changed. Roles gather from roles that gather, so it
/// goes on until nothing changes; each round settles one more role at least.
fn gathered(roles: &mut BTreeMap<String, Value>) -> Vec<String> {
    let gathering: Vec<(String, Vec<LabelSelector>)> = roles
        .iter()
        .map(|(name, role)| (name.clone(), selectors(role)))
        .filter(|(_, selectors)| !selectors.is_empty())
        .collect();
    let mut changed = Vec::new();
    for _ in 0..=gathering.len() {
        let mut settled = true;
        for (name, selectors) in &gathering {
            let rules = rules_for(roles, name, selectors);
            if roles[name].get("rules").and_then(Value::as_array) != Some(&rules) {
                roles.get_mut(name).into_iter().for_each(|role| role["rules"] = Value::Array(rules.clone()));
                changed.push(name.clone());
                settled = false;
            }
        }
        if settled {
            break;
        }
    }
    changed.sort();
    changed.dedup();
    changed
}

fn rules_for(roles: &BTreeMap<String, Value>, name: &str, selectors: &[LabelSelector]) -> Vec<Value> {
    let mut rules: Vec<Value> = Vec::new();
    for selector in selectors {
        let chosen = roles.iter().filter(|(other, role)| *other != name && selector.matches(&labels(role)));
        for rule in chosen.flat_map(|(_, role)| role.get("rules").and_then(Value::as_array).into_iter().flatten()) {
            if !rules.contains(rule) {
                rules.push(rule.clone());
            }
        }
    }
    rules
}

/// The rules belong to the field manager of the controller that upstream has for this.
fn own_rules(role: &mut Value, now: &str) {
    let entry = json!({
        "manager": MANAGER, "operation": "Apply", "apiVersion": format!("{GROUP}/v1"), "time": now,
        "fieldsType": "FieldsV1", "fieldsV1": {"f:rules": {}},
    });
    let managers = object::metadata_mut(role).entry("managedFields").or_insert_with(|| json!([]));
    let Some(managers) = managers.as_array_mut() else { return };
    managers.retain(|known| known["manager"] != MANAGER);
    managers.insert(0, entry);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(labels: &Value, gathers: Option<&str>, rules: &Value) -> Value {
        let mut role = json!({"metadata": {"labels": labels}, "rules": rules});
        if let Some(label) = gathers {
            role["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {label: "true"}}]});
        }
        role
    }

    #[test]
    fn roles_gather_from_roles_that_gather() {
        let mut roles = BTreeMap::from([
            ("admin".to_owned(), role(&json!({}), Some("to-admin"), &json!([]))),
            ("edit".to_owned(), role(&json!({"to-admin": "true"}), Some("to-edit"), &json!(["stale"]))),
            ("view".to_owned(), role(&json!({"to-edit": "true"}), Some("to-view"), &json!([]))),
            ("pods".to_owned(), role(&json!({"to-view": "true"}), None, &json!(["a", "b"]))),
            ("jobs".to_owned(), role(&json!({"to-view": "true", "to-admin": "true"}), None, &json!(["b", "c"]))),
        ]);
        assert_eq!(gathered(&mut roles), ["admin", "edit", "view"]);
        assert_eq!(roles["view"]["rules"], json!(["b", "c", "a"]));
        assert_eq!(roles["edit"]["rules"], roles["view"]["rules"]);
        assert_eq!(roles["admin"]["rules"], json!(["b", "c", "a"]));
        assert_eq!(gathered(&mut roles), Vec::<String>::new());
    }
}
