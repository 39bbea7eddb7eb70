//! The Applications of a set: what they look like, which are written, and which go.
//! It must not know generators, nor how anything is written.

use std::collections::BTreeSet;

use jiff::Timestamp;
use mainstay_api::argoproj::{self, IgnoredField};
use mainstay_apimachinery::object;
use serde_json::{Value, json};

use super::generate::Generated;
use super::template;
use crate::validate::Validated;

/// So few deletions are always let through.
const ALWAYS: usize = 2;

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Applications to be applied, each with the one that is there.
    pub apply: Vec<(Value, Option<Value>)>,
    /// Applications to be deleted.
    pub delete: Vec<Value>,
    /// Why those that are not generated any more stay.
    pub withheld: Option<String>,
}

/// The Applications that a set asks for.
///
/// # Errors
/// When one has no name, or two have the same.
pub fn desired(set: &Value, valid: &Validated, generated: &[Generated]) -> Result<Vec<Value>, String> {
    let mut names = BTreeSet::new();
    let mut applications = Vec::new();
    for one in generated {
        let application = application(set, valid, one);
        let name = object::name(&application).to_owned();
        if name.is_empty() {
            return Err("spec.template.metadata.name is empty for some parameters".to_owned());
        }
        if name.contains("{{") {
            return Err(format!("the name {name} has a placeholder that no generator fills"));
        }
        if !names.insert(name.clone()) {
            let set = object::name(set);
            return Err(format!("ApplicationSet {set} contains applications with duplicate name: {name}"));
        }
        applications.push(application);
    }
    Ok(applications)
}

fn application(set: &Value, valid: &Validated, one: &Generated) -> Value {
    let rendered = template::value(&one.template, &one.params);
    let part = |pointer: &str| rendered.pointer(pointer).cloned().filter(|value| !value.is_null());
    let owner = json!({
        "apiVersion": argoproj::API_VERSION, "kind": "ApplicationSet", "name": object::name(set), "uid": object::uid(set),
        "controller": true, "blockOwnerDeletion": true,
    });
    let mut metadata = json!({
        "name": part("/metadata/name").unwrap_or_default(),
        "namespace": object::namespace(set),
        "ownerReferences": [owner],
    });
    for field in ["labels", "annotations"] {
        part(&format!("/metadata/{field}")).into_iter().for_each(|value| metadata[field] = value);
    }
    let preserve = valid.spec.sync_policy.as_ref().is_some_and(|policy| policy.preserve_resources_on_deletion);
    let finalizers = part("/metadata/finalizers").filter(|list| list.as_array().is_some_and(|list| !list.is_empty()));
    let default = || (!preserve).then(|| json!([argoproj::RESOURCES_FINALIZER]));
    finalizers.or_else(default).into_iter().for_each(|list| metadata["finalizers"] = list);
    json!({
        "apiVersion": argoproj::API_VERSION, "kind": "Application", "metadata": metadata,
        "spec": part("/spec").unwrap_or_default(),
    })
}

/// Compares with what is there. `owned` are the set's own Applications, `others` those with names that it asks for.
///
/// # Errors
/// When another controller owns an Application that is asked for.
pub fn plan(
    set: &Value,
    valid: &Validated,
    desired: Vec<Value>,
    (owned, others): (&[Value], &[Value]),
) -> Result<Plan, String> {
    let wanted: BTreeSet<&str> = desired.iter().map(object::name).collect();
    let gone: Vec<Value> = owned.iter().filter(|app| !wanted.contains(object::name(app))).cloned().collect();
    let mut plan = Plan::default();
    if valid.policy.delete {
        match over_budget(set, gone.len(), owned.len()) {
            Some(why) => plan.withheld = Some(why),
            None => plan.delete = gone,
        }
    }
    for mut application in desired {
        let named = |other: &&Value| object::name(other) == object::name(&application);
        let live = owned.iter().find(named).or_else(|| others.iter().find(named));
        if let Some(owner) = live.and_then(controller).filter(|owner| owner["uid"] != object::uid(set)) {
            let (name, kind, other) = (object::name(&application), &owner["kind"], &owner["name"]);
            return Err(format!("application {name} is owned by {kind} {other}; choose another name"));
        }
        if live.is_some() && !valid.policy.update {
            continue;
        }
        if let Some(live) = live {
            keep_ignored(&mut application, live, &valid.spec.ignore_application_differences);
        }
        let live = live.cloned();
        plan.apply.push((application, live));
    }
    Ok(plan)
}

/// The controller of an object.
#[must_use]
pub fn controller(object: &Value) -> Option<&Value> {
    let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
    owners.iter().find(|owner| owner["controller"] == true)
}

fn keep_ignored(application: &mut Value, live: &Value, rules: &[IgnoredField]) {
    let of = |rule: &&IgnoredField| rule.name.is_empty() || rule.name == object::name(live);
    let pointers: Vec<&String> = rules.iter().filter(of).flat_map(|rule| &rule.json_pointers).collect();
    for pointer in pointers {
        if let (Some(field), Some(live)) = (application.pointer_mut(pointer), live.pointer(pointer)) {
            field.clone_from(live);
        }
    }
}

/// Why so many Applications are not deleted without approval. More than half of them, and more than two, is what a
/// mistake in a generator looks like.
fn over_budget(set: &Value, gone: usize, all: usize) -> Option<String> {
    let text = object::annotation(set, argoproj::DELETION_BUDGET);
    let budget = text.and_then(|text| allowed(text, all)).unwrap_or_else(|| ALWAYS.max(all / 2));
    if gone <= budget || is_approved(set) {
        return None;
    }
    Some(format!(
        "{gone} of {all} applications are not generated any more, and at most {budget} are deleted without approval; \
         annotate the set with {}=<time>, or raise {}",
        argoproj::DELETION_APPROVED,
        argoproj::DELETION_BUDGET,
    ))
}

fn allowed(text: &str, all: usize) -> Option<usize> {
    match text.trim().strip_suffix('%') {
        Some(percent) => percent.parse::<usize>().ok().map(|percent| all.saturating_mul(percent.min(100)) / 100),
        None => text.trim().parse().ok(),
    }
}

/// Whether somebody has approved, after the deletion was withheld.
fn is_approved(set: &Value) -> bool {
    let time = |text: &str| text.parse::<Timestamp>().ok();
    let approved = object::annotation(set, argoproj::DELETION_APPROVED).and_then(time);
    let conditions = set.pointer("/status/conditions").and_then(Value::as_array);
    let withheld = conditions.into_iter().flatten().find(|one| one["type"] == WITHHELD && one["status"] == "True");
    let since = withheld.and_then(|one| one["lastTransitionTime"].as_str()).and_then(time);
    matches!((approved, since), (Some(approved), Some(since)) if approved >= since)
}

/// The condition that says that deletions wait for approval.
pub const WITHHELD: &str = "DeletionWithheld";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate;

    fn set(spec: Value) -> Value {
        let mut spec = spec;
        spec["generators"] = json!([{"list": {}}]);
        json!({"metadata": {"name": "s", "namespace": "argocd", "uid": "u"}, "spec": spec})
    }

    fn generated(names: &[&str]) -> Vec<Generated> {
        let template =
            json!({"metadata": {"name": "{{name}}-app", "labels": {"n": "{{name}}"}}, "spec": {"project": "{{name}}"}});
        let of = |name: &&str| Generated {
            params: [("name".to_owned(), (*name).to_owned())].into(),
            template: template.clone(),
        };
        names.iter().map(of).collect()
    }

    fn apps(set: &Value, names: &[&str]) -> Vec<Value> {
        desired(set, &validate::set(set).unwrap(), &generated(names)).unwrap()
    }

    #[test]
    fn an_application_is_made_of_the_template() {
        let app = &apps(&set(json!({})), &["a"])[0];
        assert_eq!(
            (object::name(app), &app["spec"]["project"], &app["metadata"]["labels"]["n"]),
            ("a-app", &json!("a"), &json!("a"))
        );
        assert_eq!(app["metadata"]["finalizers"], json!(["resources-finalizer.argocd.argoproj.io"]));
        let kept = set(json!({"syncPolicy": {"preserveResourcesOnDeletion": true}}));
        assert!(apps(&kept, &["a"])[0]["metadata"]["finalizers"].is_null());
        let twice = desired(&set(json!({})), &validate::set(&set(json!({}))).unwrap(), &generated(&["a", "a"]));
        assert_eq!(twice.unwrap_err(), "ApplicationSet s contains applications with duplicate name: a-app");
    }

    fn planned(set: &Value, owned: &[&str], wanted: &[&str]) -> Plan {
        let owned = apps(set, owned);
        plan(set, &validate::set(set).unwrap(), apps(set, wanted), (&owned, &[])).unwrap()
    }

    #[test]
    fn policies_say_what_may_be_done() {
        let count = |policy: &str| {
            let set = set(json!({"syncPolicy": {"applicationsSync": policy}}));
            let plan = planned(&set, &["a", "b"], &["b", "c"]);
            (plan.apply.len(), plan.delete.len())
        };
        assert_eq!(count("sync"), (2, 1));
        assert_eq!(count("create-only"), (1, 0));
        assert_eq!(count("create-update"), (2, 0));
        assert_eq!(count("create-delete"), (1, 1));
    }

    #[test]
    fn most_of_a_set_is_not_deleted_without_approval() {
        let mut set = set(json!({}));
        let all = ["a", "b", "c", "d", "e"];
        assert_eq!(planned(&set, &all, &["a", "b", "c"]).delete.len(), 2);
        let plan = planned(&set, &all, &["a"]);
        assert!(plan.delete.is_empty() && plan.withheld.unwrap().starts_with("4 of 5 applications"));
        object::set_annotation(&mut set, argoproj::DELETION_BUDGET, "80%");
        assert_eq!(planned(&set, &all, &["a"]).delete.len(), 4);
        object::set_annotation(&mut set, argoproj::DELETION_BUDGET, "1");
        object::set_annotation(&mut set, argoproj::DELETION_APPROVED, "2030-01-01T00:00:00Z");
        let withheld = |since: &str| json!([{"type": WITHHELD, "status": "True", "lastTransitionTime": since}]);
        set["status"]["conditions"] = withheld("2030-01-01T00:00:01Z");
        assert!(planned(&set, &all, &["a"]).delete.is_empty(), "that was approved before");
        set["status"]["conditions"] = withheld("2029-01-01T00:00:00Z");
        assert_eq!(planned(&set, &all, &["a"]).delete.len(), 4);
    }

    #[test]
    fn what_another_set_owns_is_left_alone() {
        let set = set(json!({}));
        let mut other = apps(&set, &["a"]);
        other[0]["metadata"]["ownerReferences"][0]["uid"] = "other".into();
        let refused = plan(&set, &validate::set(&set).unwrap(), apps(&set, &["a"]), (&[], &other));
        assert!(refused.unwrap_err().starts_with("application a-app is owned by"));
    }
}
