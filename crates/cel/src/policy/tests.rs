//! Tests of policy expressions.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;

struct OnlyGet;

impl Authorize for OnlyGet {
    fn decide(&self, access: &Access) -> Decision {
        let reason = format!("{} {}/{} {}", access.verb, access.resource, access.subresource, access.path);
        Decision { allowed: access.verb == "get", reason, error: String::new() }
    }
}

fn inputs<'v>(object: &'v Value, request: &'v Value) -> Inputs<'v> {
    let access = Access { resource: "pods".to_owned(), ..Access::default() };
    Inputs {
        object: Some(object),
        old_object: None,
        request,
        params: Some(&Value::Null),
        namespace_object: None,
        authorizer: Some((Arc::new(OnlyGet), access)),
    }
}

fn answers(sources: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
    let mut environment = Environment::new(true, true).with_variables().with_mutations();
    let variables: Vec<_> = variables.iter().map(|(name, source)| environment.define(name, source).unwrap()).collect();
    let compile = |source: &&str| environment.compile(source, Wanted::Any).unwrap();
    let compiled: Vec<Expression> = sources.iter().map(compile).collect();
    let object = json!({"spec": {"replicas": 3, "tags": ["a", "b"]}, "metadata": {"name": "x"}});
    let request = json!({"namespace": "here", "userInfo": {"username": "eve", "groups": ["g"]}, "dryRun": false});
    let mut budget = BUDGET;
    let all: Vec<&Expression> = compiled.iter().collect();
    let found = evaluate(&all, &variables, &inputs(&object, &request), &mut budget);
    found
        .into_iter()
        .map(|answer| answer.map_or_else(|error| error.to_string(), |answer| format!("{answer:?}")))
        .collect()
}

#[test]
fn what_a_write_brings_along_can_be_read() {
    let sources = [
        "object.spec.replicas > 2 && oldObject == null && params == null && namespaceObject == null",
        "request.userInfo.groups.exists(g, g == 'g') && request.namespace == 'here' && !request.dryRun",
        "object.spec.missing == 1",
        "'name ' + object.metadata.name",
    ];
    let expected = [
        "Bool(true)",
        "Bool(true)",
        "expression 'object.spec.missing == 1' resulted in error: no such key: missing",
        "Text(\"name x\")",
    ];
    assert_eq!(answers(&sources, &[]), expected);
}

#[test]
fn variables_are_evaluated_once_and_fail_where_they_are_used() {
    let variables =
        [("n", "object.spec.replicas"), ("twice", "variables.n * 2"), ("broken", "object.nothing"), ("unused", "1/0")];
    let sources = ["variables.twice == 6", "variables.broken == 1", "false && variables.broken == 1"];
    let expected = [
        "Bool(true)",
        "expression 'variables.broken == 1' resulted in error: composited variable \"broken\" fails to evaluate: expression 'object.nothing' resulted in error: no such key: nothing",
        "Bool(false)",
    ];
    assert_eq!(answers(&sources, &variables), expected);
}

#[test]
fn the_authorizer_answers_about_paths_resources_and_service_accounts() {
    let sources = [
        "authorizer.group('apps').resource('deployments').subresource('scale').check('get').allowed()",
        "authorizer.path('/healthz').check('post').reason()",
        "authorizer.requestResource.check('get').reason()",
        "authorizer.serviceAccount('a', 'b').group('').resource('pods').check('list').allowed()",
    ];
    let expected = ["Bool(true)", "Text(\"post / /healthz\")", "Text(\"get pods/ \")", "Bool(false)"];
    assert_eq!(answers(&sources, &[]), expected);
}

#[test]
fn objects_and_patches_are_built() {
    let sources = [
        "Object{spec: Object.spec{replicas: object.spec.replicas + 1, ?none: optional.none()}}",
        "[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('a/b'), value: 'c'}]",
    ];
    let expected =
        [json!({"spec": {"replicas": 4}}), json!([{"op": "add", "path": "/metadata/labels/a~1b", "value": "c"}])];
    assert_eq!(answers(&sources, &[]), expected.map(|value| format!("{:?}", Answer::Json(value))));
}

#[test]
fn what_does_not_compile_says_why() {
    let environment = Environment::new(false, false).with_variables();
    let why = |source: &str, wanted| environment.compile(source, wanted).unwrap_err();
    assert_eq!(why("'str'", Wanted::Bool), "must evaluate to bool but got string");
    assert_eq!(why("1", Wanted::TextOrNull), "must evaluate to one of [string null_type]");
    let undeclared =
        "compilation failed: ERROR: <input>:1:1: undeclared reference to 'params' (in container '')\n | params\n | ^";
    assert_eq!(why("params", Wanted::Any), undeclared);
    assert!(why("variables.x", Wanted::Any).contains("undefined field 'x'"));
    assert!(why("request.nothing", Wanted::Any).contains("undefined field 'nothing'"));
    assert!(why("Object{}", Wanted::Any).contains("undeclared reference to 'Object'"));
    assert!(environment.compile("null", Wanted::TextOrNull).is_ok());
}

#[test]
fn a_budget_ends_the_evaluation() {
    let environment = Environment::new(false, false);
    let costly = environment.compile("object.spec.tags.all(a, object.spec.tags.all(b, a != b || true))", Wanted::Bool);
    let costly = costly.unwrap();
    let (object, request) = (json!({"spec": {"tags": vec!["x"; 50]}}), json!({}));
    let mut budget = 3000;
    let found = evaluate(&[&costly, &costly], &[], &inputs(&object, &request), &mut budget);
    assert_eq!(found.last(), Some(&Err(EvaluationError::OutOfBudget)));
}
