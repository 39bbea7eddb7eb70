//! The CEL rules of CustomResourceDefinitions, on every way of writing.

use serde_json::{Value, json};

use crate::{client, raw, send};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const FOOS: &str = "/apis/ex.io/v1/namespaces/default/foos";

fn definition(schema: Value) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "foos.ex.io"},
        "spec": {
            "group": "ex.io", "scope": "Namespaced", "names": {"plural": "foos", "kind": "Foo"},
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": schema},
            }],
        },
    })
}

fn schema() -> Value {
    json!({
        "type": "object",
        "x-kubernetes-validations": [{"rule": "self.metadata.name.startsWith('f')", "message": "name must start with f"}],
        "properties": {
            "spec": {
                "type": "object",
                "x-kubernetes-validations": [
                    {"rule": "!has(self.min) || !has(self.max) || self.min <= self.max", "message": "min exceeds max"},
                    {"rule": "!has(self.max) || self.max < 100", "message": "too big", "fieldPath": ".max"},
                ],
                "properties": {
                    "min": {"type": "integer"}, "max": {"type": "integer"}, "other": {"type": "string"},
                    "fixed": {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "is fixed"}]},
                },
            },
            "status": {"type": "object", "properties": {
                "phase": {"type": "string", "x-kubernetes-validations": [{"rule": "self in ['A', 'B']"}]},
            }},
        },
    })
}

fn foo(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "ex.io/v1", "kind": "Foo", "metadata": {"name": name}, "spec": spec})
}

async fn with_definition() -> kube::Client {
    let client = client().await;
    let (code, answer) = raw(&client, "POST", DEFINITIONS, definition(schema())).await;
    assert_eq!(code, 201, "{answer:#}");
    client
}

async fn merge(client: &kube::Client, path: &str, patch: Value) -> (u16, Value) {
    send(client, ("PATCH", path, "application/merge-patch+json"), patch).await
}

#[tokio::test(start_paused = true)]
async fn a_write_must_keep_the_rules() {
    let client = with_definition().await;
    let (code, refused) = raw(&client, "POST", FOOS, foo("x", json!({"min": 2, "max": 1}))).await;
    assert_eq!(code, 422);
    assert_eq!(
        refused["message"],
        "Foo.ex.io \"x\" is invalid: [<nil>: Invalid value: name must start with f, spec: Invalid value: min exceeds max]"
    );
    let (code, refused) = raw(&client, "POST", FOOS, foo("f", json!({"max": 200}))).await;
    assert_eq!((code, &refused["details"]["causes"][0]["field"]), (422, &json!("spec.max")));
    assert_eq!(raw(&client, "POST", FOOS, foo("f", json!({"min": 1, "max": 2}))).await.0, 201);
    let path = format!("{FOOS}/f?fieldManager=a&force=true");
    let apply = |spec| send(&client, ("PATCH", &path, "application/apply-patch+yaml"), foo("f", spec));
    let (code, refused) = apply(json!({"min": 5})).await;
    assert_eq!((code, &refused["details"]["causes"][0]["message"]), (422, &json!("Invalid value: min exceeds max")));
    assert_eq!(apply(json!({"min": 2})).await.0, 200);
    let (code, _) = raw(&client, "POST", &format!("{FOOS}?dryRun=All"), foo("f2", json!({"max": 200}))).await;
    assert_eq!(code, 422, "a dry run is checked too");
}

#[tokio::test(start_paused = true)]
async fn rules_wait_for_the_schema() {
    let client = with_definition().await;
    let (_, refused) = raw(&client, "POST", FOOS, foo("x", json!({"min": "a"}))).await;
    let fields: Vec<_> =
        refused["details"]["causes"].as_array().unwrap().iter().map(|cause| cause["field"].clone()).collect();
    assert_eq!(fields, ["spec.min", "<nil>"]);
    assert!(refused["message"].as_str().unwrap().contains("some validation rules were not checked"));
}

#[tokio::test(start_paused = true)]
async fn transition_rules_compare_with_what_is_stored() {
    let client = with_definition().await;
    raw(&client, "POST", FOOS, foo("f", json!({"fixed": "a"}))).await;
    let path = format!("{FOOS}/f");
    let (code, refused) = merge(&client, &path, json!({"spec": {"fixed": "b"}})).await;
    assert_eq!((code, &refused["details"]["causes"][0]["message"]), (422, &json!("Invalid value: \"b\": is fixed")));
    assert_eq!(merge(&client, &path, json!({"spec": {"fixed": null}})).await.0, 200);
    assert_eq!(merge(&client, &path, json!({"spec": {"fixed": "b"}})).await.0, 200);
    let status = format!("{FOOS}/f/status");
    assert_eq!(merge(&client, &status, json!({"status": {"phase": "C"}})).await.0, 422);
    assert_eq!(merge(&client, &status, json!({"status": {"phase": "A"}})).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn what_was_wrong_before_may_stay() {
    let client = client().await;
    let mut loose = schema();
    let spec = loose["properties"]["spec"].as_object_mut().unwrap();
    spec.remove("x-kubernetes-validations");
    raw(&client, "POST", DEFINITIONS, definition(loose)).await;
    raw(&client, "POST", FOOS, foo("f", json!({"max": 200, "other": "lower"}))).await;
    let mut strict = schema();
    strict["properties"]["spec"]["properties"]["max"]["x-kubernetes-validations"] = json!([{"rule": "self < 100"}]);
    strict["properties"]["spec"]["properties"]["other"]["pattern"] = json!("^[A-Z]+$");
    strict["properties"]["spec"].as_object_mut().unwrap().remove("x-kubernetes-validations");
    let path = format!("{DEFINITIONS}/foos.ex.io");
    let schemas = json!({"spec": {"versions": definition(strict)["spec"]["versions"]}});
    assert_eq!(merge(&client, &path, schemas).await.0, 200);
    let path = format!("{FOOS}/f");
    assert_eq!(merge(&client, &path, json!({"spec": {"min": 1}})).await.0, 200, "max and other did not change");
    let (code, refused) = merge(&client, &path, json!({"spec": {"max": 201, "other": "low"}})).await;
    assert_eq!((code, refused["details"]["causes"].as_array().unwrap().len()), (422, 2), "{refused:#}");
    assert_eq!(merge(&client, &path, json!({"spec": {"max": 9, "other": "UP"}})).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn rules_that_do_not_compile_are_refused() {
    let client = client().await;
    let mut bad = schema();
    bad["properties"]["spec"]["x-kubernetes-validations"] = json!([{"rule": "self.nope == 1"}]);
    let (code, refused) = raw(&client, "POST", DEFINITIONS, definition(bad)).await;
    let cause = &refused["details"]["causes"][0];
    let field = "spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-validations[0].rule";
    assert_eq!((code, &cause["field"]), (422, &json!(field)));
    let message = cause["message"].as_str().unwrap();
    assert!(
        message
            .ends_with("compilation failed: ERROR: <input>:1:5: undefined field 'nope'\n | self.nope == 1\n | ....^"),
        "{message}"
    );
    assert_eq!(raw(&client, "GET", &format!("{DEFINITIONS}/foos.ex.io"), Value::Null).await.0, 404);
}
