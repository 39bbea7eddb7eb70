//! The `paths` of a document: as much as clients read to learn what the server accepts.
//! It must not know schemas.
//!
//! kubectl takes server-side validation and strategic merge patches for granted only if the patch operation of the
//! kind says so (kubernetes#117954).

use serde_json::{Map, Value, json};

use super::{gvk, reference};
use crate::registry::Resource;

/// `/api/v1` or `/apis/<group>/<version>`.
pub(super) fn base(group: &str, version: &str) -> String {
    if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") }
}

/// Adds the paths of one resource.
pub(super) fn add(paths: &mut Map<String, Value>, resource: &Resource, schema: Option<&str>) {
    let operation = Operation { resource, schema };
    let base = base(&resource.group, &resource.version);
    let plural = &resource.plural;
    let collection = match resource.namespaced {
        true => format!("{base}/namespaces/{{namespace}}/{plural}"),
        false => format!("{base}/{plural}"),
    };
    if resource.namespaced && resource.allows("list") {
        paths.insert(format!("{base}/{plural}"), json!({"get": operation.of("list", &[])}));
    }
    let item = format!("{collection}/{{name}}");
    operation.insert(paths, &collection, &[("get", "list"), ("post", "create"), ("delete", "deletecollection")]);
    operation.insert(paths, &item, &[("get", "get"), ("put", "update"), ("patch", "patch"), ("delete", "delete")]);
    if resource.has_status() {
        operation.insert(paths, &format!("{item}/status"), &[("get", "get"), ("put", "update"), ("patch", "patch")]);
    }
}

struct Operation<'a> {
    resource: &'a Resource,
    schema: Option<&'a str>,
}

impl Operation<'_> {
    fn insert(&self, paths: &mut Map<String, Value>, path: &str, methods: &[(&str, &str)]) {
        let served = methods.iter().filter(|(_, verb)| self.resource.allows(verb));
        let operations: Map<String, Value> =
            served.map(|(method, verb)| ((*method).to_owned(), self.of(verb, parameters(verb)))).collect();
        if !operations.is_empty() {
            let mut operations = operations;
            if let Value::Array(list) = path_parameters(path) {
                operations.insert("parameters".to_owned(), Value::Array(list));
            }
            paths.insert(path.to_owned(), Value::Object(operations));
        }
    }

    fn of(&self, verb: &str, parameters: &[&str]) -> Value {
        let action = match verb {
            "create" => "post",
            "update" => "put",
            other => other,
        };
        let mut operation = json!({
            "responses": {"200": {"description": "OK"}},
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": gvk(self.resource, &self.resource.kind),
        });
        if !parameters.is_empty() {
            operation["parameters"] = parameters.iter().map(|name| query_parameter(name)).collect();
        }
        if let (Some(name), "get" | "create" | "update" | "patch") = (self.schema, verb) {
            let content = json!({"application/json": {"schema": reference(name)}});
            operation["responses"]["200"]["content"] = content;
        }
        if let Some(content) = self.request(verb) {
            operation["requestBody"] = json!({"required": true, "content": content});
        }
        operation
    }

    fn request(&self, verb: &str) -> Option<Value> {
        match verb {
            "create" | "update" => Some(json!({"*/*": {"schema": reference(self.schema?)}})),
            "patch" => {
                let mut content = json!({
                    "application/apply-patch+yaml": {}, "application/json-patch+json": {},
                    "application/merge-patch+json": {},
                });
                if self.resource.custom.is_none() {
                    content["application/strategic-merge-patch+json"] = json!({});
                }
                Some(content)
            }
            _ => None,
        }
    }
}

fn parameters(verb: &str) -> &'static [&'static str] {
    match verb {
        "create" | "update" => &["dryRun", "fieldManager", "fieldValidation"],
        "patch" => &["dryRun", "fieldManager", "fieldValidation", "force"],
        "delete" | "deletecollection" => &["dryRun", "gracePeriodSeconds", "propagationPolicy"],
        "list" => &["allowWatchBookmarks", "continue", "fieldSelector", "labelSelector", "limit", "watch"],
        _ => &[],
    }
}

fn query_parameter(name: &str) -> Value {
    let type_ = match name {
        "force" | "watch" | "allowWatchBookmarks" => "boolean",
        "limit" | "gracePeriodSeconds" => "integer",
        _ => "string",
    };
    json!({"name": name, "in": "query", "schema": {"type": type_, "uniqueItems": true}})
}

fn path_parameters(path: &str) -> Value {
    let names = ["namespace", "name"].into_iter().filter(|name| path.contains(&format!("{{{name}}}")));
    let list: Vec<Value> =
        names.map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})).collect();
    if list.is_empty() { Value::Null } else { Value::Array(list) }
}
