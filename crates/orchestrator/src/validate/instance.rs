//! `spec.schema`: the kind of the instances, the schema of their `spec`, and rules over it.
//! It must not know about resources.

use std::sync::LazyLock;

use mainstay_api::kro::{self, DefinitionSchema, SpecRule};
use mainstay_api::platform::SPEC_RULES;
use mainstay_apimachinery::{FieldPath, GroupVersionKind, object, yaml};
use mainstay_cel::Program;
use regex::Regex;
use serde_json::{Value, json};

use crate::graph::{InstanceKind, Rule};
use crate::plural::plural;
use crate::problem::{Problem, join, suggestion};
use crate::simpleschema;

static KIND: LazyLock<Regex> = LazyLock::new(|| Regex::new("^[A-Z][a-zA-Z0-9]{0,62}$").expect("it is a constant"));
static VERSION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^v[0-9]+(alpha[0-9]+|beta[0-9]+)?$").expect("it is a constant"));

fn path() -> FieldPath {
    FieldPath::root().child("spec").child("schema")
}

/// The kind of the instances.
pub(super) fn kind(schema: &DefinitionSchema, problems: &mut Vec<Problem>) -> InstanceKind {
    if !KIND.is_match(&schema.kind) {
        let message = format!("`{}` is no kind; write it in PascalCase, at most 63 letters and digits", schema.kind);
        problems.push(Problem::general(path().child("kind"), message));
    }
    if !VERSION.is_match(&schema.api_version) {
        problems.push(Problem::general(path().child("apiVersion"), wrong_version(&schema.api_version)));
    }
    let namespaced = match schema.scope.as_str() {
        "" | "Namespaced" => true,
        "Cluster" => false,
        other => {
            let message = format!("`{other}` is no scope; write Namespaced or Cluster");
            problems.push(Problem::general(path().child("scope"), message));
            true
        }
    };
    let group = if schema.group.is_empty() { kro::GROUP } else { &schema.group };
    let gvk = GroupVersionKind::new(group, schema.api_version.as_str(), schema.kind.as_str());
    InstanceKind { plural: plural(&schema.kind), gvk, namespaced }
}

fn wrong_version(version: &str) -> String {
    match version.split_once('/') {
        Some((group, version)) => {
            format!("write only the version here, `apiVersion: {version}`, and the group beside it, `group: {group}`")
        }
        None => format!("`{version}` is no version; write one such as v1alpha1"),
    }
}

/// The OpenAPI schema of `spec`, with the rules of the annotation.
pub(super) fn spec_schema(schema: &DefinitionSchema, definition: &Value, problems: &mut Vec<Problem>) -> Value {
    match simpleschema::to_openapi(&schema.spec, &schema.types) {
        Ok(mut openapi) => {
            let rules: Vec<Value> = read_rules(definition)
                .unwrap_or_default()
                .into_iter()
                .map(|rule| json!({"rule": rule.rule, "message": rule.message}))
                .collect();
            if !rules.is_empty() {
                openapi["x-kubernetes-validations"] = Value::Array(rules);
            }
            openapi
        }
        Err(wrong) => {
            let located =
                |problem: simpleschema::Problem| Problem::general(join(&path(), &problem.path), problem.message);
            problems.extend(wrong.into_iter().map(located));
            json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
        }
    }
}

fn annotation_path() -> FieldPath {
    FieldPath::root().child("metadata").child("annotations").key(SPEC_RULES)
}

/// The rules over `self`, an instance's `spec`.
pub(super) fn rules(definition: &Value, problems: &mut Vec<Problem>) -> Vec<Rule> {
    let mut compiled = Vec::new();
    let rules = read_rules(definition).unwrap_or_else(|message| {
        problems.push(Problem::general(annotation_path(), message));
        Vec::new()
    });
    for (index, rule) in rules.into_iter().enumerate() {
        match compile_rule(rule) {
            Ok(rule) => compiled.push(rule),
            Err(message) => problems.push(Problem::general(annotation_path().index(index), message)),
        }
    }
    compiled
}

fn compile_rule(rule: SpecRule) -> Result<Rule, String> {
    let program = Program::compile(&rule.rule).map_err(|error| error.to_string())?;
    match program.references().iter().find(|name| *name != "self") {
        None => Ok(Rule { program, message: rule.message }),
        Some(other) => Err(format!("a rule sees only `self`, not `{other}`{}", suggestion(other, ["self"]))),
    }
}

fn read_rules(definition: &Value) -> Result<Vec<SpecRule>, String> {
    let Some(text) = object::annotation(definition, SPEC_RULES) else { return Ok(Vec::new()) };
    let documents = yaml::parse_documents(text).map_err(|error| error.to_string())?;
    let list = documents.into_iter().next().map(|document| document.value).unwrap_or_default();
    serde_json::from_value(list).map_err(|error| format!("a list of {{rule, message}} is wanted: {error}"))
}
