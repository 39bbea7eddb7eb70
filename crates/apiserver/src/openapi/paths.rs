//! The `paths` of a document: what clients read to learn what the server accepts.
//! It must not know schemas.
//!
//! kubectl takes server-side validation and strategic merge patches for granted only if the patch operation of the
//! kind says so (kubernetes#117954), so writes carry their parameters in place; all others refer to shared ones. The
//! deprecated `/watch/` paths are left out: with them, `kubectl apply` took a third longer.

use mainstay_apimachinery::{GroupVersionKind, builtin};
use serde_json::{Map, Value, json};

use super::{gvk, reference};
use crate::registry::{Resource, Subresource};

/// `/api/v1` or `/apis/<group>/<version>`.
pub(super) fn base(group: &str, version: &str) -> String {
    if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") }
}

/// Names of the schemas of a resource.
#[derive(Clone, Copy, Default)]
pub(super) struct Schemas<'a> {
    pub(super) item: Option<&'a str>,
    pub(super) list: Option<&'a str>,
}

/// Adds the paths of one resource.
pub(super) fn add(paths: &mut Map<String, Value>, resource: &Resource, schemas: Schemas<'_>) {
    let operation = Operation { resource, schemas, kind: gvk(resource, &resource.kind) };
    let base = base(&resource.group, &resource.version);
    let plural = &resource.plural;
    let place = if resource.namespaced { "/namespaces/{namespace}" } else { "" };
    let (collection, item) = (format!("{place}/{plural}"), format!("{place}/{plural}/{{name}}"));
    operation.insert(
        paths,
        &format!("{base}{collection}"),
        &[("get", "list"), ("post", "create"), ("delete", "deletecollection")],
    );
    operation.insert(
        paths,
        &format!("{base}{item}"),
        &[("get", "get"), ("put", "update"), ("patch", "patch"), ("delete", "delete")],
    );
    if resource.namespaced && resource.allows("list") {
        operation.insert(paths, &format!("{base}/{plural}"), &[("get", "list")]);
    }
    for subresource in &resource.subresources {
        add_subresource(paths, &operation, (&format!("{base}{item}/{}", subresource.name), subresource));
    }
}

fn add_subresource(paths: &mut Map<String, Value>, whole: &Operation<'_>, (path, sub): (&str, &Subresource)) {
    const METHODS: [(&str, &str); 5] =
        [("get", "get"), ("put", "update"), ("post", "create"), ("patch", "patch"), ("delete", "delete")];
    let GroupVersionKind { group, version, kind } = &sub.kind;
    let own = version.is_empty();
    let item = if own { whole.schemas.item } else { builtin::definition_name(&sub.kind) };
    let operation = Operation {
        resource: whole.resource,
        schemas: Schemas { item, list: None },
        kind: if own { whole.kind.clone() } else { json!({"group": group, "version": version, "kind": kind}) },
    };
    let served: Vec<(&str, &str)> =
        METHODS.into_iter().filter(|(_, verb)| sub.verbs.iter().any(|served| served == verb)).collect();
    operation.insert_all(paths, path, &served);
}

/// What the operations of one path are about.
struct Operation<'a> {
    resource: &'a Resource,
    schemas: Schemas<'a>,
    kind: Value,
}

impl Operation<'_> {
    fn insert(&self, paths: &mut Map<String, Value>, path: &str, methods: &[(&str, &str)]) {
        let served: Vec<(&str, &str)> =
            methods.iter().copied().filter(|(_, verb)| self.resource.allows(verb)).collect();
        self.insert_all(paths, path, &served);
    }

    fn insert_all(&self, paths: &mut Map<String, Value>, path: &str, methods: &[(&str, &str)]) {
        if methods.is_empty() {
            return;
        }
        let mut operations: Map<String, Value> =
            methods.iter().map(|(method, verb)| ((*method).to_owned(), self.of(verb))).collect();
        let placed = ["namespace", "name"].into_iter().filter(|name| path.contains(&format!("{{{name}}}")));
        let placed: Vec<Value> = placed.map(shared).collect();
        if !placed.is_empty() {
            operations.insert("parameters".to_owned(), Value::Array(placed));
        }
        paths.insert(path.to_owned(), Value::Object(operations));
    }

    fn of(&self, verb: &str) -> Value {
        let action = match verb {
            "create" => "post",
            "update" => "put",
            other => other,
        };
        let mut operation = json!({
            "responses": {"200": {"description": "OK"}},
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": self.kind,
        });
        let (in_place, names) = parameters(verb);
        if !names.is_empty() {
            let parameter = |name: &&str| if in_place { query_parameter(name) } else { shared(name) };
            operation["parameters"] = names.iter().map(parameter).collect();
        }
        let answered = match verb {
            "get" | "create" | "update" | "patch" => self.schemas.item,
            "list" => self.schemas.list,
            _ => None,
        };
        if let Some(name) = answered {
            operation["responses"]["200"]["content"] = json!({"application/json": {"schema": reference(name)}});
        }
        if let Some(content) = self.request(verb) {
            operation["requestBody"] = json!({"required": true, "content": content});
        }
        operation
    }

    fn request(&self, verb: &str) -> Option<Value> {
        match verb {
            "create" | "update" => Some(json!({"*/*": {"schema": reference(self.schemas.item?)}})),
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

const LIST: &[&str] = &[
    "allowWatchBookmarks",
    "continue",
    "fieldSelector",
    "labelSelector",
    "limit",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
    "watch",
];
const DELETE: &[&str] = &["dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy"];
const DELETE_ALL: &[&str] = &[
    "continue",
    "dryRun",
    "fieldSelector",
    "gracePeriodSeconds",
    "labelSelector",
    "limit",
    "orphanDependents",
    "propagationPolicy",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
];

/// The query parameters of a verb, and whether they stand in place.
fn parameters(verb: &str) -> (bool, &'static [&'static str]) {
    match verb {
        "create" | "update" => (true, &["dryRun", "fieldManager", "fieldValidation"]),
        "patch" => (true, &["dryRun", "fieldManager", "fieldValidation", "force"]),
        "delete" => (false, DELETE),
        "deletecollection" => (false, DELETE_ALL),
        "list" => (false, LIST),
        _ => (false, &[]),
    }
}

fn shared(name: &str) -> Value {
    json!({"$ref": format!("#/components/parameters/{name}")})
}

fn query_parameter(name: &str) -> Value {
    let type_ = match name {
        "allowWatchBookmarks" | "force" | "orphanDependents" | "sendInitialEvents" | "watch" => "boolean",
        "gracePeriodSeconds" | "limit" | "timeoutSeconds" => "integer",
        _ => "string",
    };
    json!({"name": name, "in": "query", "schema": {"type": type_, "uniqueItems": true}})
}

/// The parameters that operations refer to.
pub(super) fn shared_parameters() -> Value {
    let query = LIST.iter().chain(DELETE).map(|name| (*name, query_parameter(name)));
    let placed = ["namespace", "name"].map(|name| {
        let schema = json!({"type": "string", "uniqueItems": true});
        (name, json!({"name": name, "in": "path", "required": true, "schema": schema}))
    });
    query.chain(placed).map(|(name, parameter)| (name.to_owned(), parameter)).collect()
}
