//! The rules of ownership by example.
//! It must not reach into the parts: everything goes through `apply` and `update`.

mod laws;

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::builtin;
use crate::schema::{ListType, Type};

fn object(fields: &[(&str, Schema)]) -> Schema {
    let properties = fields.iter().map(|(name, schema)| ((*name).to_owned(), Arc::new(schema.clone()))).collect();
    Schema { type_: Some(Type::Object), properties, ..Schema::default() }
}

fn scalar(type_: Type) -> Schema {
    Schema { type_: Some(type_), ..Schema::default() }
}

fn list(list_type: ListType, items: Schema) -> Schema {
    Schema { type_: Some(Type::Array), list_type, items: Some(Arc::new(items)), ..Schema::default() }
}

fn map(values: Schema) -> Schema {
    Schema { type_: Some(Type::Object), additional_properties: Some(Arc::new(values)), ..Schema::default() }
}

/// A custom resource with a list of every kind.
fn schema() -> Schema {
    let protocol = Schema { default: Some(json!("TCP")), ..scalar(Type::String) };
    let port = object(&[("port", scalar(Type::Integer)), ("protocol", protocol), ("name", scalar(Type::String))]);
    let spec = object(&[
        ("size", scalar(Type::Integer)),
        ("ports", list(ListType::Map(vec!["port".to_owned(), "protocol".to_owned()]), port)),
        ("tags", list(ListType::Set, scalar(Type::String))),
        ("args", list(ListType::Atomic, scalar(Type::String))),
        ("selector", Schema { map_atomic: true, ..map(scalar(Type::String)) }),
        ("values", map(scalar(Type::String))),
        ("nested", object(&[("a", scalar(Type::String)), ("b", scalar(Type::String))])),
        ("nothing", Schema { nullable: true, ..map(scalar(Type::String)) }),
        ("free", Schema { preserve_unknown_fields: true, ..scalar(Type::Object) }),
    ]);
    object(&[
        ("apiVersion", scalar(Type::String)),
        ("kind", scalar(Type::String)),
        ("metadata", object(&[])),
        ("spec", spec),
        ("status", map(scalar(Type::String))),
    ])
}

fn writer(manager: &str, second: u32) -> Writer<'_> {
    let now = format!("2026-01-01T00:00:{second:02}Z").parse().unwrap();
    Writer {
        manager,
        api_version: "example.com/v1",
        subresource: "",
        now,
        reset: reset_fields("", false),
        versions: Versions::default(),
    }
}

fn config(spec: Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": spec})
}

fn try_apply(live: &Value, manager: &str, applied: &Value) -> Result<Value, ApplyError> {
    let mut object =
        apply(&ApplyRequest { schema: &schema(), live, applied, writer: writer(manager, 1), force: false })?;
    metadata_of(&mut object).insert("uid".to_owned(), json!("1"));
    Ok(object)
}

fn metadata_of(object: &mut Value) -> &mut Map<String, Value> {
    object["metadata"].as_object_mut().unwrap()
}

fn applied(live: &Value, manager: &str, spec: Value) -> Value {
    try_apply(live, manager, &config(spec)).unwrap()
}

fn forced(live: &Value, manager: &str, spec: Value) -> Value {
    apply(&ApplyRequest { schema: &schema(), live, applied: &config(spec), writer: writer(manager, 2), force: true })
        .unwrap()
}

fn conflicts(live: &Value, manager: &str, spec: Value) -> Vec<String> {
    match try_apply(live, manager, &config(spec)) {
        Err(ApplyError::Conflicts(conflicts)) => {
            conflicts.into_iter().map(|c| format!("{}: {}", c.who(), c.path)).collect()
        }
        other => panic!("expected conflicts, got {other:?}"),
    }
}

fn fields(object: &Value, manager: &str, operation: Operation) -> Value {
    owned_by(object, manager, operation).to_fields_v1()
}

fn updated(live: &Value, manager: &str, second: u32, new: Value) -> Value {
    update(&UpdateRequest { schema: &schema(), live, writer: writer(manager, second) }, new)
}

#[test]
fn an_applier_owns_what_it_applies() {
    let object = applied(
        &Value::Null,
        "a",
        json!({"ports": [{"port": 80}], "tags": ["x"], "args": ["y"], "selector": {"k": "v"}, "values": {"k": "v"}, "nested": {}, "free": {"m": {"l": [1]}}}),
    );
    let expected = json!({"f:spec": {
        "f:args": {},
        "f:free": {"f:m": {".": {}, "f:l": {}}},
        "f:nested": {},
        "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}},
        "f:selector": {},
        "f:tags": {"v:\"x\"": {}},
        "f:values": {"f:k": {}},
    }});
    assert_eq!(fields(&object, "a", Operation::Apply), expected);
    assert_eq!(object["metadata"]["managedFields"][0]["time"], "2026-01-01T00:00:01Z");
}

#[test]
fn the_same_configuration_again_changes_nothing() {
    let object = applied(&Value::Null, "a", json!({"size": 1, "ports": [{"port": 80}], "values": {}}));
    let again = applied(&object, "a", json!({"size": 1, "ports": [{"port": 80}], "values": {}}));
    assert_eq!(serde_json::to_string(&again).unwrap(), serde_json::to_string(&object).unwrap());
    assert_eq!(applied(&object, "a", json!({"size": 1.0, "ports": [{"port": 80}], "values": {}})), object);
}

#[test]
fn appliers_share_lists_by_key_and_by_value() {
    let first = applied(&Value::Null, "a", json!({"ports": [{"port": 53, "name": "tcp"}], "tags": ["a"]}));
    let both =
        applied(&first, "b", json!({"ports": [{"port": 53, "protocol": "UDP", "name": "udp"}], "tags": ["b", "a"]}));
    assert_eq!(
        both["spec"]["ports"],
        json!([{"port": 53, "name": "tcp"}, {"port": 53, "protocol": "UDP", "name": "udp"}])
    );
    assert_eq!(both["spec"]["tags"], json!(["b", "a"]));
    let left = applied(&both, "a", json!({}));
    assert_eq!(left["spec"], json!({"ports": [{"port": 53, "protocol": "UDP", "name": "udp"}], "tags": ["b", "a"]}));
    assert_eq!(fields(&left, "a", Operation::Apply), json!({"f:spec": {}}));
}

#[test]
fn what_is_given_up_goes_unless_others_own_it() {
    let first = applied(&Value::Null, "a", json!({"size": 1, "nested": {"a": "1", "b": "2"}, "values": {"k": "v"}}));
    let both = applied(&first, "b", json!({"nested": {"b": "2"}}));
    let left = applied(&both, "a", json!({"size": 1}));
    assert_eq!(left["spec"], json!({"size": 1, "nested": {"b": "2"}}));
    assert_eq!(applied(&left, "b", json!({}))["spec"], json!({"size": 1}));
    let emptied = applied(&first, "a", json!({"values": {}}));
    assert_eq!(emptied["spec"], json!({"values": {}}));
}

#[test]
fn an_item_given_up_goes_with_its_defaults() {
    let mut object = applied(&Value::Null, "a", json!({"ports": [{"port": 80}, {"port": 81}]}));
    object["spec"]["ports"][0]["protocol"] = json!("TCP");
    object["spec"]["ports"][0]["name"] = json!("defaulted");
    assert_eq!(applied(&object, "a", json!({"ports": [{"port": 81}]}))["spec"]["ports"], json!([{"port": 81}]));
}

#[test]
fn another_value_is_a_conflict_an_equal_one_is_shared() {
    let first = applied(&Value::Null, "a", json!({"size": 1, "args": ["x"], "ports": [{"port": 80, "name": "http"}]}));
    assert_eq!(
        conflicts(&first, "b", json!({"size": 2, "args": ["y"], "ports": [{"port": 80, "name": "web"}]})),
        ["\"a\": .spec.args", "\"a\": .spec.size", "\"a\": .spec.ports[port=80,protocol=\"TCP\"].name"]
    );
    let shared = applied(&first, "b", json!({"size": 1}));
    assert_eq!(shared["metadata"]["managedFields"][0].get("time"), None, "nothing changed, so there is no time yet");
    let taken = forced(&shared, "b", json!({"size": 3}));
    assert_eq!(taken["spec"]["size"], 3);
    assert_eq!(fields(&taken, "b", Operation::Apply), json!({"f:spec": {"f:size": {}}}));
    assert_eq!(fields(&taken, "a", Operation::Apply)["f:spec"].get("f:size"), None);
}

#[test]
fn the_message_of_conflicts_is_that_of_upstream() {
    let first = applied(&Value::Null, "a", json!({"size": 1, "args": []}));
    let error = try_apply(&first, "b", &config(json!({"size": 2}))).unwrap_err();
    assert_eq!(error.to_string(), "Apply failed with 1 conflict: conflict with \"a\": .spec.size");
    let error = try_apply(&first, "b", &config(json!({"size": 2, "args": ["x"]}))).unwrap_err();
    assert_eq!(error.to_string(), "Apply failed with 2 conflicts: conflicts with \"a\":\n- .spec.args\n- .spec.size");
}

#[test]
fn other_writes_take_what_they_change() {
    let first = applied(&Value::Null, "a", json!({"size": 1, "values": {"k": "v", "l": "w"}}));
    let mut new = first.clone();
    new["spec"]["values"] = json!({"k": "x", "n": "y"});
    let new = updated(&first, "u", 3, new);
    assert_eq!(fields(&new, "a", Operation::Apply), json!({"f:spec": {"f:size": {}}}));
    assert_eq!(fields(&new, "u", Operation::Update), json!({"f:spec": {"f:values": {"f:k": {}, "f:n": {}}}}));
    assert_eq!(conflicts(&new, "a", json!({"values": {"k": "v"}})), ["\"u\" using example.com/v1: .spec.values.k"]);
    assert_eq!(updated(&new, "u", 4, new.clone()), new, "the same object again is no write");
    let mut removed = new.clone();
    removed["spec"]["values"] = json!({"n": "y"});
    let removed = updated(&new, "v", 4, removed);
    assert_eq!(fields(&removed, "u", Operation::Update), json!({"f:spec": {"f:values": {"f:n": {}}}}));
    assert_eq!(removed["metadata"]["managedFields"][1]["time"], "2026-01-01T00:00:03Z");
}

#[test]
fn creation_owns_every_level() {
    let new = updated(&Value::Null, "u", 1, config(json!({"values": {"k": "v"}, "ports": [{"port": 80}]})));
    let expected = json!({"f:spec": {".": {},
        "f:ports": {".": {}, "k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}},
        "f:values": {".": {}, "f:k": {}},
    }});
    assert_eq!(fields(&new, "u", Operation::Update), expected);
}

#[test]
fn the_status_is_another_entry() {
    let first = applied(&Value::Null, "a", json!({"size": 1}));
    let mut through = writer("s", 2);
    (through.subresource, through.reset) = ("status", reset_fields("status", true));
    let status = json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": {"size": 9}, "status": {"p": "q"}});
    let request = ApplyRequest { schema: &schema(), live: &first, applied: &status, writer: through, force: false };
    let object = apply(&request).unwrap();
    assert_eq!((&object["spec"]["size"], &object["status"]["p"]), (&json!(1), &json!("q")));
    assert_eq!(object["metadata"]["managedFields"][1]["subresource"], "status");
    assert_eq!(fields(&object, "s", Operation::Apply), json!({"f:status": {"f:p": {}}}));
    let main = Writer { reset: reset_fields("", true), ..writer("a", 3) };
    let mut both = config(json!({"size": 1}));
    both["status"] = json!({"p": "other"});
    let request = ApplyRequest { schema: &schema(), live: &object, applied: &both, writer: main, force: false };
    assert_eq!(apply(&request).unwrap(), object);
}

#[test]
fn clients_may_rewrite_or_clear_the_list() {
    let first = applied(&Value::Null, "a", json!({"size": 1}));
    for cleared in [json!([]), json!([{}])] {
        let mut new = first.clone();
        new["metadata"]["managedFields"] = cleared;
        let new = updated(&first, "u", 2, new);
        assert_eq!(new["metadata"].get("managedFields"), None);
        assert_eq!(
            conflicts(&new, "a", json!({"size": 2})),
            ["\"before-first-apply\" using example.com/v1: .spec.size"]
        );
    }
    let mut renamed = first.clone();
    renamed["metadata"]["managedFields"][0]["manager"] = json!("b");
    assert_eq!(updated(&first, "u", 2, renamed.clone()), renamed);
    for ignored in [json!([{"manager": "x", "operation": "Bogus"}]), json!("x"), Value::Null] {
        let mut new = first.clone();
        new["metadata"]["managedFields"] = ignored;
        assert_eq!(updated(&first, "u", 2, new), first);
    }
}

#[test]
fn kubectl_may_take_over_what_it_applied_client_side() {
    let last = config(json!({"size": 1, "args": ["x"]}));
    let mut live = last.clone();
    *metadata_of(&mut live) = json!({"name": "t", "uid": "1", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": last.to_string()}}).as_object().unwrap().clone();
    let live = updated(&Value::Null, "kubectl-client-side-apply", 1, live);
    assert_eq!(conflicts(&live, "other", json!({"size": 2})).len(), 1);
    let taken = applied(&live, "kubectl", json!({"size": 2}));
    assert_eq!(taken["spec"], json!({"size": 2, "args": ["x"]}));
    let annotation = object::annotation(&taken, "kubectl.kubernetes.io/last-applied-configuration").unwrap();
    assert_eq!(serde_json::from_str::<Value>(annotation).unwrap(), config(json!({"size": 2})));
}

#[test]
fn refuses_what_does_not_fit() {
    for (spec, expected) in [
        (
            json!({"ports": [{"port": 80}, {"port": 80, "protocol": "TCP"}]}),
            ".spec.ports: duplicate entries for key [port=80,protocol=\"TCP\"]",
        ),
        (json!({"tags": ["x", "x"]}), ".spec.tags: duplicate entries for key [=\"x\"]"),
        (json!({"ports": [null]}), ".spec.ports: element 0: associative list with keys may not have a null element"),
        (
            json!({"tags": [{}]}),
            ".spec.tags: element 0: associative list without keys has an element that's a map type",
        ),
        (json!({"bogus": 1}), ".spec.bogus: field not declared in schema"),
        (json!({"size": "x"}), ".spec.size: expected numeric (int or float), got string"),
        (json!({"nested": []}), ".spec.nested: expected map, got &{[]}"),
        (json!({"tags": {"a": [1, "b"]}}), ".spec.tags: expected list, got &{map[a:[1 b]]}"),
        (
            json!({"values": {"k": {"a": [1.5, null]}}}),
            ".spec.values.k: expected string, got &value.valueUnstructured{Value:map[string]interface {}{\"a\":[]interface {}{1.5, interface {}(nil)}}}",
        ),
    ] {
        assert_eq!(try_apply(&Value::Null, "a", &config(spec)).unwrap_err().to_string(), expected);
    }
}

#[test]
fn many_updaters_become_one() {
    let mut object = applied(&Value::Null, "a", json!({"values": {"k": "v"}}));
    let names: Vec<String> = (0..15).map(|n| format!("u{n:02}")).collect();
    for (second, name) in (0..15).zip(&names) {
        let mut new = object.clone();
        new["spec"]["values"][name] = json!("v");
        object = updated(&object, name, second + 1, new);
    }
    let entries = object["metadata"]["managedFields"].as_array().unwrap();
    assert_eq!(entries.iter().filter(|entry| entry["operation"] == "Update").count(), 10);
    assert_eq!(owned_by(&object, "ancient-changes", Operation::Update).len(), 6);
}

#[test]
fn null_says_there_is_no_value() {
    let first = applied(&Value::Null, "a", json!({"size": 1, "nested": {"a": "1"}}));
    let object = applied(&first, "a", json!({"size": null, "nested": {"a": "1"}}));
    assert_eq!(object["spec"], json!({"nested": {"a": "1"}}));
    assert_eq!(applied(&object, "a", json!({"size": null, "nested": {"a": "1"}})), object);
}

#[test]
fn null_is_a_value_where_the_schema_allows_it() {
    let object = applied(&Value::Null, "a", json!({"nothing": null}));
    assert_eq!(object["spec"], json!({"nothing": null}));
    assert_eq!(applied(&object, "a", json!({"nothing": null})), object);
    let empty = applied(&object, "a", json!({"nothing": {}}));
    assert_eq!(applied(&empty, "a", json!({"nothing": null}))["spec"], json!({"nothing": null}));
    let filled = applied(&object, "a", json!({"nothing": {"k": "v"}}));
    assert_eq!(applied(&filled, "a", json!({"nothing": null}))["spec"], json!({"nothing": null}));
    let others = applied(&filled, "b", json!({"nothing": {"l": "v"}}));
    assert_eq!(applied(&others, "a", json!({"nothing": null}))["spec"], json!({"nothing": {"l": "v"}}));
}

#[test]
fn built_in_kinds_merge_by_their_schema() {
    let schema = builtin::schema(&crate::GroupVersionKind::new("apps", "v1", "Deployment")).unwrap();
    let deployment = |image: &str| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "labels": {"app": "d"}}, "spec": {
            "selector": {"matchLabels": {"app": "d"}},
            "template": {"spec": {"containers": [{"name": "c", "image": image, "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": 1}}}]}},
        }})
    };
    let request = |live, applied, manager| ApplyRequest {
        schema: &schema,
        live,
        applied,
        writer: writer(manager, 1),
        force: false,
    };
    let config = deployment("i:1");
    let object = apply(&request(&Value::Null, &config, "a")).unwrap();
    let port = "k:{\"containerPort\":80,\"protocol\":\"TCP\"}";
    let container =
        &fields(&object, "a", Operation::Apply)["f:spec"]["f:template"]["f:spec"]["f:containers"]["k:{\"name\":\"c\"}"];
    assert_eq!(container["f:ports"][port], json!({".": {}, "f:containerPort": {}}));
    let error = apply(&request(&object, &deployment("i:2"), "b")).unwrap_err();
    assert!(
        error.to_string().ends_with("conflict with \"a\": .spec.template.spec.containers[name=\"c\"].image"),
        "{error}"
    );
}
