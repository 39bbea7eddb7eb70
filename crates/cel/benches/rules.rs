//! What the rules of a definition cost: once to compile, then on every write.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench may fail")]

use criterion::{Criterion, criterion_group, criterion_main};
use mainstay_apimachinery::{FieldPath, Schema};
use mainstay_cel::rules::{Rules, definition};
use serde_json::{Value, json};

fn schema() -> Schema {
    let pair = |a: &str, b: &str| format!("!has(self.{a}) || !has(self.{b}) || self.{a} <= self.{b}");
    Schema::from_openapi(&json!({"type": "object", "properties": {"spec": {
        "type": "object",
        "x-kubernetes-validations": [
            {"rule": pair("min", "max")}, {"rule": pair("max", "limit")}, {"rule": "self.name.startsWith('a')"},
            {"rule": "self.ports.exists(p, p.name == 'http')"}, {"rule": "self.ports.all(p, p.port > 0 && p.port < 65536)"},
        ],
        "properties": {
            "min": {"type": "integer"}, "max": {"type": "integer"}, "limit": {"type": "integer"},
            "name": {"type": "string", "maxLength": 63,
                "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "is immutable"}]},
            "ports": {"type": "array", "maxItems": 16, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "required": ["name"], "properties": {
                    "name": {"type": "string", "maxLength": 15}, "port": {"type": "integer"}}}},
        },
    }}}))
    .unwrap()
}

fn object() -> Value {
    let ports: Vec<Value> = ["admin", "grpc", "metrics", "http"]
        .iter()
        .enumerate()
        .map(|(index, name)| json!({"name": name, "port": 8000 + index}))
        .collect();
    json!({"metadata": {"name": "a"}, "spec": {"min": 1, "max": 3, "limit": 9, "name": "app", "ports": ports}})
}

fn rules(criterion: &mut Criterion) {
    let (schema, new, root) = (schema(), object(), FieldPath::root());
    let mut old = new.clone();
    old["spec"]["max"] = json!(2);
    let compiled = Rules::compile(&schema);
    assert!(compiled.validate(&new, Some(&old), &root).errors.is_empty());
    criterion.bench_function("compile 6 rules", |bench| bench.iter(|| Rules::compile(&schema)));
    criterion.bench_function("check a definition", |bench| bench.iter(|| definition::check(&schema, &root)));
    criterion.bench_function("5 rules on create", |bench| bench.iter(|| compiled.validate(&new, None, &root)));
    criterion.bench_function("6 rules on update", |bench| bench.iter(|| compiled.validate(&new, Some(&old), &root)));
}

criterion_group!(benches, rules);
criterion_main!(benches);
