//! `spec.schema.status`: its expressions and the schema they give, as far as it shows without a type checker.
//! It must not evaluate anything.

use mainstay_apimachinery::FieldPath;
use serde_json::{Map, Value, json};

use super::nothing;
use super::scope::View;
use crate::expression::Template;
use crate::problem::{Problem, join};

/// Compiles the status fields.
pub(super) fn compile(status: &Value, problems: &mut Vec<Problem>) -> Template {
    let path = FieldPath::root().child("spec").child("schema").child("status");
    if status.is_null() {
        return nothing();
    }
    if !status.is_object() {
        problems.push(Problem::general(path, "a map of fields with expressions is wanted"));
        return nothing();
    }
    match Template::compile(status) {
        Ok(template) => {
            refuse_literals(&template, &path, problems);
            template
        }
        Err(wrong) => {
            problems
                .extend(wrong.into_iter().map(|problem| Problem::general(join(&path, &problem.path), problem.message)));
            nothing()
        }
    }
}

/// A status field without an expression would never change: upstream refuses it.
fn refuse_literals(template: &Template, path: &FieldPath, problems: &mut Vec<Problem>) {
    match template {
        Template::Literal(Value::Object(fields)) if fields.is_empty() => {}
        Template::Literal(_) => {
            problems.push(Problem::general(path.clone(), "a status field must have an expression `${…}`"));
        }
        Template::Object(fields) => {
            fields.iter().for_each(|(name, field)| refuse_literals(field, &path.child(name), problems));
        }
        _ => {}
    }
}

/// The OpenAPI schemas of the status fields: from the schema an expression's field chain ends at; text is a
/// string; anything else may be anything.
pub(super) fn schema(status: &Template, view: &View) -> Map<String, Value> {
    match status {
        Template::Object(fields) => fields.iter().map(|(name, field)| (name.clone(), infer(field, view))).collect(),
        _ => Map::new(),
    }
}

fn infer(template: &Template, view: &View) -> Value {
    match template {
        Template::Text(_) => json!({"type": "string"}),
        Template::Object(_) => json!({"type": "object", "properties": schema(template, view)}),
        Template::List(items) => {
            let mut kinds: Vec<Value> = items.iter().map(|item| infer(item, view)).collect();
            kinds.dedup();
            let item = if kinds.len() == 1 { kinds.remove(0) } else { anything() };
            json!({"type": "array", "items": item})
        }
        Template::Expression(_) => template
            .as_chain()
            .filter(|chain| !chain.fields.is_empty())
            .and_then(|chain| view.schema_of(chain))
            .map_or_else(anything, |schema| bare(schema.to_openapi())),
        Template::Literal(_) => anything(),
    }
}

fn anything() -> Value {
    json!({"x-kubernetes-preserve-unknown-fields": true})
}

/// Without what only makes sense where the field comes from: defaults, rules and requirements.
fn bare(mut openapi: Value) -> Value {
    match &mut openapi {
        Value::Object(map) => {
            map.retain(|key, _| !matches!(key.as_str(), "default" | "required" | "x-kubernetes-validations"));
            for (key, value) in map.iter_mut() {
                match (key.as_str(), value) {
                    ("properties", Value::Object(fields)) => {
                        fields.values_mut().for_each(|field| *field = bare(field.take()));
                    }
                    ("items" | "additionalProperties", value) => *value = bare(value.take()),
                    _ => {}
                }
            }
        }
        other => return other.take(),
    }
    openapi
}
