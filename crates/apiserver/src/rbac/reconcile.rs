//! What becomes of a default role or binding that is there already, as upstream's `reconciliation` package: what is
//! missing is added, what was added by others stays, and who says `autoupdate: "false"` is left alone.
//! It must not know storage.

use mainstay_apimachinery::object;
use serde_json::{Value, json};

use super::covers::missing;
use super::rule::Rule;

/// Annotation of what is kept up to date.
pub(super) const AUTOUPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";

/// The object as it should be; `None` if it is that already, or is not to be touched.
pub(super) fn reconciled(live: &Value, wanted: &Value) -> Option<Value> {
    if object::annotation(live, AUTOUPDATE) == Some("false") {
        return None;
    }
    let mut new = live.clone();
    for field in ["labels", "annotations"] {
        let Some(wanted) = wanted["metadata"].get(field).and_then(Value::as_object) else { continue };
        for (key, value) in wanted {
            if live["metadata"][field].get(key).is_none() {
                new["metadata"][field][key] = value.clone();
            }
        }
    }
    add_rules(&mut new, wanted);
    add_missing(&mut new, wanted, "/subjects", same_subject);
    add_missing(&mut new, wanted, "/aggregationRule/clusterRoleSelectors", |a, b| a == b);
    (new != *live).then_some(new)
}

/// Whether a binding must be made anew, since its role cannot change.
pub(super) fn has_other_role(live: &Value, wanted: &Value) -> bool {
    wanted.get("roleRef").is_some() && live.get("roleRef") != wanted.get("roleRef")
}

fn rules(role: &Value) -> Vec<Rule> {
    let rules = role.get("rules").and_then(Value::as_array).into_iter().flatten();
    rules.filter_map(|rule| serde::Deserialize::deserialize(rule).ok()).collect()
}

fn add_rules(new: &mut Value, wanted: &Value) {
    let own = rules(new);
    let wanted = rules(wanted).into_iter().filter(|rule| !missing(&own, std::slice::from_ref(rule)).is_empty());
    let wanted: Vec<Value> = wanted.map(|rule| rule.to_json()).collect();
    if !wanted.is_empty() {
        let list = new["rules"].as_array().cloned().unwrap_or_default();
        new["rules"] = list.into_iter().chain(wanted).collect();
    }
}

fn same_subject(a: &Value, b: &Value) -> bool {
    ["kind", "name", "namespace"].iter().all(|field| a.get(field) == b.get(field))
}

fn add_missing(new: &mut Value, wanted: &Value, pointer: &str, same: impl Fn(&Value, &Value) -> bool) {
    let list = |value: &Value| value.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let own = list(new);
    let added: Vec<Value> =
        list(wanted).into_iter().filter(|item| !own.iter().any(|known| same(known, item))).collect();
    if added.is_empty() {
        return;
    }
    let all = Value::from([own, added].concat());
    match pointer {
        "/subjects" => new["subjects"] = all,
        _ => new["aggregationRule"] = json!({"clusterRoleSelectors": all}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(autoupdate: &str) -> Value {
        json!({
            "metadata": {"name": "a", "annotations": {AUTOUPDATE: autoupdate}},
            "rules": [{"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]}],
        })
    }

    #[test]
    fn what_is_missing_is_added() {
        let wanted = json!({
            "metadata": {"name": "a", "labels": {"x": "y"}, "annotations": {AUTOUPDATE: "true"}},
            "rules": [
                {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]},
                {"verbs": ["get"], "apiGroups": [""], "resources": ["nodes"]},
            ],
        });
        let new = reconciled(&live("true"), &wanted).unwrap();
        assert_eq!(new["metadata"]["labels"], json!({"x": "y"}));
        assert_eq!(new["rules"], json!([live("")["rules"][0], wanted["rules"][1]]));
        assert_eq!(reconciled(&new, &wanted), None);
        assert_eq!(reconciled(&live("false"), &wanted), None);
    }

    #[test]
    fn subjects_of_others_stay() {
        let subject = |name: &str| json!({"kind": "User", "name": name});
        let binding = |names: &[&str]| json!({"metadata": {}, "roleRef": {"name": "r"}, "subjects": names.iter().map(|n| subject(n)).collect::<Vec<_>>()});
        let new = reconciled(&binding(&["a"]), &binding(&["b"])).unwrap();
        assert_eq!(new, binding(&["a", "b"]));
        assert!(!has_other_role(&new, &binding(&[])));
        assert!(has_other_role(&new, &json!({"roleRef": {"name": "other"}})));
    }
}
