//! What files come to.

use mainstay_jsonnet::Options;
use serde_json::json;

use crate::{run, variable};

#[test]
fn objects_functions_and_the_standard_library() {
    let text = "local add(a, b=1) = a + b;\n{ a: add(1), b:: 5, c: $.b * 1.5, d: std.manifestYamlDoc({x: [1]}), 'ü\\n': null,\n  e: [x * x for x in std.range(1, 3)], f: -0, g: 1e3 }";
    let outcome = run(text, &[], &Options::default()).unwrap();
    let expected = json!({"a": 2, "c": 7.5, "d": "\"x\":\n- 1", "e": [1, 4, 9], "f": 0, "g": 1000, "ü\n": null});
    assert_eq!(outcome.value, expected);
    assert_eq!(outcome.value["a"].to_string(), "2", "whole numbers stay whole");
}

#[test]
fn imports_come_from_beside_and_from_libraries() {
    let others = [
        ("app/own.libsonnet", "{ name: 'own', up: import '../shared.libsonnet' }"),
        ("shared.libsonnet", "{ shared: true }"),
        ("vendor/k.libsonnet", "{ kind(k): { kind: k } }"),
        ("app/text.txt", "hé"),
    ];
    let text = "local k = import 'k.libsonnet'; [(import 'own.libsonnet'), k.kind('A'), importstr 'text.txt', std.length(importbin 'text.txt')]";
    let options = Options { libraries: vec!["lib".to_owned(), "vendor".to_owned()], ..Options::default() };
    let outcome = run(text, &others, &options).unwrap();
    let expected = json!([{"name": "own", "up": {"shared": true}}, {"kind": "A"}, "hé", 3]);
    assert_eq!(outcome.value, expected);
    let reads: Vec<&str> = outcome.reads.iter().map(String::as_str).collect();
    let all = [
        "app/k.libsonnet",
        "app/main.jsonnet",
        "app/own.libsonnet",
        "app/text.txt",
        "lib/k.libsonnet",
        "shared.libsonnet",
        "vendor/k.libsonnet",
    ];
    assert_eq!(reads, all, "what was looked for in vain is told too");
}

#[test]
fn variables_and_arguments_are_texts_or_code() {
    let options = Options {
        ext_vars: vec![variable("env", "dev", false), variable("replicas", "1 + 2", true)],
        arguments: vec![variable("name", "shop", false), variable("more", "{a: 1}", true)],
        ..Options::default()
    };
    let text = "function(name, more, rest='none') { name: name, env: std.extVar('env'), n: std.extVar('replicas'), rest: rest } + more";
    let outcome = run(text, &[], &options).unwrap();
    assert_eq!(outcome.value, json!({"a": 1, "env": "dev", "n": 3, "name": "shop", "rest": "none"}));
    assert_eq!(run("{a: 1}", &[], &options).unwrap().value, json!({"a": 1}), "arguments are for functions only");
}

#[test]
fn manifests_are_an_object_or_those_of_a_list() {
    let manifests = |text: &str| run(text, &[], &Options::default()).unwrap().manifests();
    assert_eq!(manifests("{kind: 'A'}"), Ok(vec![json!({"kind": "A"})]));
    assert_eq!(manifests("[{kind: 'A'}, null, {kind: 'B'}]"), Ok(vec![json!({"kind": "A"}), json!({"kind": "B"})]));
    assert_eq!(manifests("[[]]"), Err("it comes to a list, not to an object or a list of objects".to_owned()));
    assert_eq!(manifests("5"), Err("it comes to a number, not to an object or a list of objects".to_owned()));
}
