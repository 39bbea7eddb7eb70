//! Actions of users, and beside the built-in ones.

use std::collections::BTreeMap;

use mainstay_lua::{Customizations, Error, Impacted, Operation};
use serde_json::{Value, json};

use crate::{customizations, data, now};

const DEPLOYMENT: &str = r#"
mergeBuiltinActions: true
discovery.lua: |
  local actions = {}
  actions["drain"] = {disabled = obj.spec.replicas == 0, displayName = "Drain", iconClass = "fa fa-fw fa-tint",
    params = {{name = "grace", type = "number", default = tostring(30)}}}
  actions["restart"] = {disabled = true}
  actions["bare"] = {}
  actions["odd"] = {true}
  return actions
definitions:
- name: drain
  action.lua: |
    obj.spec.replicas = 0
    obj.metadata.annotations["drained"] = os.date("!%Y-%m-%dT%XZ")
    obj.metadata.annotations["grace"] = actionParams["grace"]
    return obj
- name: backup
  action.lua: |
    local job = {apiVersion = "batch/v1", kind = "Job"}
    job.metadata = {name = obj.metadata.name .. "-backup", namespace = obj.metadata.namespace}
    job.spec = {template = {spec = {containers = {{name = "a", image = obj.spec.template.spec.containers[1].image}}}}}
    obj.spec.paused = true
    return {{operation = "create", resource = job}, {operation = "patch", resource = obj}}
- name: nothing
  action.lua: local x = 1
- name: wrong
  action.lua: |
    return {{operation = "destroy", resource = obj}}
- name: nameless
  action.lua: |
    return {spec = {}}
"#;

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "annotations": {"a": "b"}, "labels": {}},
        "spec": {"replicas": 2, "selector": {}, "template": {"spec": {
            "containers": [{"name": "a", "image": "nginx:1", "resources": {}, "args": []}], "volumes": [{"emptyDir": {}}]}}},
    })
}

fn with_own() -> Customizations {
    customizations(&[("resource.customizations.actions.apps_Deployment", DEPLOYMENT)])
}

fn run(name: &str, params: &[(&str, &str)]) -> Result<Vec<Impacted>, Error> {
    with_own().run_action(&deployment(), name, &data(params), now())
}

#[test]
fn own_actions_are_offered_before_those_built_in() {
    let found = with_own().actions(&deployment(), now()).unwrap();
    let names: Vec<_> = found.iter().map(|action| (action.name.as_str(), action.disabled)).collect();
    assert_eq!(
        names,
        [
            ("bare", false),
            ("drain", false),
            ("odd", false),
            ("pause", false),
            ("restart", true),
            ("resume", true),
            ("scale", false)
        ]
    );
    let drain = serde_json::to_value(&found[1]).unwrap();
    assert_eq!(
        drain,
        json!({"name": "drain", "disabled": false, "displayName": "Drain", "iconClass": "fa fa-fw fa-tint",
            "params": [{"name": "grace", "type": "number", "default": "30"}]})
    );
    let alone = customizations(&[("resource.customizations.actions.apps_Deployment", "discovery.lua: return {}")]);
    assert_eq!(alone.actions(&deployment(), now()).unwrap(), []);
    for none in [Customizations::default(), customizations(&[("resource.customizations.actions.apps_Deployment", "")])]
    {
        assert_eq!(none.actions(&deployment(), now()).unwrap().len(), 4);
    }
}

#[test]
fn a_changed_object_keeps_its_shape() {
    let impacted = run("drain", &[("grace", "5")]).unwrap();
    let mut expected = deployment();
    expected["spec"]["replicas"] = json!(0);
    expected["metadata"]["annotations"] = json!({"a": "b", "drained": "2026-03-01T08:05:09Z", "grace": "5"});
    assert_eq!(impacted, [Impacted { operation: Operation::Patch, resource: expected }]);
}

#[test]
fn an_action_may_create_as_well() {
    let impacted = run("backup", &[]).unwrap();
    let operations: Vec<_> = impacted.iter().map(|one| one.operation).collect();
    assert_eq!(operations, [Operation::Create, Operation::Patch]);
    assert_eq!(
        impacted[0].resource,
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "web-backup", "namespace": "shop"},
            "spec": {"template": {"spec": {"containers": [{"name": "a", "image": "nginx:1"}]}}}})
    );
    assert_eq!(impacted[1].resource["spec"]["paused"], true);
    assert_eq!(impacted[1].resource["spec"]["template"], deployment()["spec"]["template"]);
}

#[test]
fn what_an_action_returns_is_checked() {
    let error = |name: &str| run(name, &[]).unwrap_err().to_string();
    assert!(
        error("nothing")
            .contains("action.lua of apps/Deployment, nothing: expect table output from Lua script, not nil")
    );
    assert!(error("wrong").contains("unknown variant `destroy`, expected `create` or `patch`"));
    assert!(error("nameless").contains("a resource has no apiVersion"));
    assert!(error("none").contains("action \"none\" is not defined for apps/Deployment"));
    assert!(run("restart", &[]).is_ok(), "a built-in action may be run under its name");
}

#[test]
fn discovery_is_checked() {
    let error = |script: &str| {
        let actions = format!("discovery.lua: |\n  {script}");
        let own = customizations(&[("resource.customizations.actions.apps_Deployment", &actions)]);
        own.actions(&deployment(), now()).unwrap_err().to_string()
    };
    assert!(error("local x = 1").contains("not nil"));
    assert!(error("return {'restart'}").contains("actions have to be named"));
    assert!(error("return {a = 5}").contains("action a is not a table"));
    assert!(error("return {a = {disabled = 'yes'}}").contains("action a: invalid type"));
    assert!(error("return obj.status.x").contains("attempt to index field 'status'"));
}

#[test]
fn built_in_actions_need_no_configuration() {
    let params = BTreeMap::from([("replicas".to_owned(), "4".to_owned())]);
    let scaled = Customizations::default().run_action(&deployment(), "scale", &params, now()).unwrap();
    assert_eq!(scaled[0].resource["spec"]["replicas"], 4);
}
