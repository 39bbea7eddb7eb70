//! One of `spec.resources`: its id, its template or reference, its conditions.
//! It must not know the other resources but by their ids.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use mainstay_api::kro::{DefinitionResource, RESERVED_PREFIXES};
use mainstay_api::platform::WHEN_KIND_MISSING;
use mainstay_apimachinery::{FieldPath, GroupVersionKind, object};
use mainstay_cel::Program;
use regex::Regex;
use serde_json::Value;

use super::{nothing, path_of};
use crate::catalog::Catalog;
use crate::expression::{self, Template};
use crate::graph::{Body, Node};
use crate::problem::{Problem, join};

static ID: LazyLock<Regex> = LazyLock::new(|| Regex::new("^[a-z][a-zA-Z0-9]*$").expect("it is a constant"));

/// Names that expressions or kro itself give a meaning.
const RESERVED: &[&str] = &[
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "var",
    "void",
    "while",
    "apiVersion",
    "context",
    "dependency",
    "dependencies",
    "each",
    "externalRef",
    "externalRefs",
    "externalReference",
    "externalReferences",
    "graph",
    "instance",
    "item",
    "items",
    "kind",
    "kro",
    "metadata",
    "object",
    "resource",
    "resources",
    "resourcegraphdefinition",
    "resourceGraphDefinition",
    "root",
    "runtime",
    "schema",
    "self",
    "serviceAccountName",
    "spec",
    "status",
    "this",
    "variables",
    "vars",
    "version",
];

/// Most iterators of one resource, as upstream.
const MAX_DIMENSIONS: usize = 10;

struct Compiler<'a> {
    resource: &'a DefinitionResource,
    path: FieldPath,
    problems: &'a mut Vec<Problem>,
}

/// Compiles a resource; `None` if it is too broken to go on with.
pub(super) fn compile(
    index: usize,
    resource: &DefinitionResource,
    instance_namespaced: bool,
    catalog: &Catalog,
    problems: &mut Vec<Problem>,
) -> Option<Node> {
    let mut compiler = Compiler { resource, path: path_of(index), problems };
    compiler.check_name("id", "id", &resource.id);
    let (source, body_path) = compiler.source()?;
    let gvk = compiler.kind_of(source, &body_path)?;
    let namespaced = catalog.find(&gvk).map(|known| known.namespaced);
    let (body, skip) = if resource.template.is_some() {
        compiler.check_template(source, &body_path, instance_namespaced, namespaced);
        (Body::Template(compiler.template(source, &body_path)), annotated_skip(source))
    } else {
        (compiler.external(source, &body_path), false)
    };
    Some(Node {
        id: resource.id.clone(),
        index,
        gvk,
        namespaced,
        body,
        include_when: compiler.conditions("includeWhen", &resource.include_when),
        ready_when: compiler.conditions("readyWhen", &resource.ready_when),
        for_each: compiler.iterators(),
        dependencies: BTreeSet::new(),
        wave: 0,
        skip_if_kind_missing: skip,
    })
}

/// Fills in the ids a node's expressions read.
pub(super) fn find_dependencies(node: &mut Node, ids: &[String]) {
    let mut references = match &node.body {
        Body::Template(template) | Body::External(template) | Body::ExternalSelector(template) => template.references(),
    };
    for program in node.include_when.iter().chain(node.for_each.iter().map(|(_, list)| list)) {
        references.extend(program.references().iter().cloned());
    }
    let iterators: Vec<&str> = node.for_each.iter().map(|(name, _)| name.as_str()).collect();
    references.retain(|name| ids.contains(name) && *name != node.id && !iterators.contains(&name.as_str()));
    node.dependencies = references;
}

fn annotated_skip(template: &Value) -> bool {
    object::annotation(template, WHEN_KIND_MISSING) == Some("skip")
}

fn is_static(value: &Value) -> bool {
    !value.as_str().is_some_and(|text| text.contains("${"))
}

impl<'a> Compiler<'a> {
    fn problem(&mut self, path: FieldPath, message: impl Into<String>) {
        self.problems.push(Problem::of_resource(&self.resource.id, path, message));
    }

    fn check_name(&mut self, field: &str, what: &str, name: &str) {
        let path = self.path.child(field);
        if !ID.is_match(name) {
            let message = format!("`{name}` is no valid {what}; write it in lowerCamelCase, letters and digits only");
            self.problem(path, message);
        } else if RESERVED.contains(&name) {
            self.problem(path, format!("`{name}` is a reserved word; choose another {what}"));
        }
    }

    fn source(&mut self) -> Option<(&'a Value, FieldPath)> {
        let resource = self.resource;
        match (&resource.template, &resource.external_ref) {
            (Some(template), None) => Some((template, self.path.child("template"))),
            (None, Some(reference)) => {
                if !resource.for_each.is_empty() {
                    let message = "forEach does not go with externalRef; use metadata.selector for several objects";
                    self.problem(self.path.child("forEach"), message);
                }
                Some((reference, self.path.child("externalRef")))
            }
            (both, _) => {
                let found = if both.is_some() { "both" } else { "neither" };
                self.problem(
                    self.path.clone(),
                    format!("exactly one of template and externalRef is wanted, not {found}"),
                );
                None
            }
        }
    }

    fn kind_of(&mut self, source: &Value, path: &FieldPath) -> Option<GroupVersionKind> {
        for field in ["apiVersion", "kind"] {
            match source.get(field) {
                Some(value) if value.is_string() && is_static(value) => {}
                Some(value) if value.is_string() => {
                    self.problem(path.child(field), "an expression cannot stand here; the kind must be known");
                }
                _ => self.problem(path.child(field), "the field is missing; every resource has a kind"),
            }
        }
        GroupVersionKind::of(source).filter(|_| ["apiVersion", "kind"].iter().all(|field| is_static(&source[*field])))
    }

    fn template(&mut self, source: &Value, path: &FieldPath) -> Template {
        Template::compile(source).unwrap_or_else(|wrong| {
            for problem in wrong {
                self.problem(join(path, &problem.path), problem.message);
            }
            nothing()
        })
    }

    fn check_template(
        &mut self,
        source: &Value,
        path: &FieldPath,
        instance_namespaced: bool,
        namespaced: Option<bool>,
    ) {
        let metadata = path.child("metadata");
        if object::name(source).is_empty() {
            self.problem(metadata.child("name"), "the field is missing; every resource has a name");
        }
        let namespace = source.pointer("/metadata/namespace");
        if namespaced == Some(false) && namespace.is_some() {
            self.problem(metadata.child("namespace"), "the kind is cluster-scoped and cannot have a namespace");
        }
        if namespaced == Some(true) && !instance_namespaced && object::namespace(source).is_none() {
            let message = "the field is missing; the instance is cluster-scoped and has no namespace to give";
            self.problem(metadata.child("namespace"), message);
        }
        for (field, keys) in [("labels", object::labels(source)), ("annotations", object::annotations(source))] {
            for key in keys.keys().filter(|key| RESERVED_PREFIXES.iter().any(|prefix| key.starts_with(prefix))) {
                self.problem(metadata.child(field).key(key), "the prefix is reserved for kro's own labels");
            }
        }
    }

    fn external(&mut self, source: &Value, path: &FieldPath) -> Body {
        let metadata = source.get("metadata").cloned().unwrap_or_default();
        let path = path.child("metadata");
        let (name, selector) = (metadata.get("name").is_some(), metadata.get("selector").is_some());
        if name == selector {
            self.problem(path.clone(), "exactly one of name and selector is wanted");
        }
        let template = self.template(&metadata, &path);
        if selector { Body::ExternalSelector(template) } else { Body::External(template) }
    }

    fn conditions(&mut self, field: &str, texts: &[String]) -> Vec<Program> {
        let mut programs = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            match expression::standalone(text) {
                Ok(program) => programs.push(program),
                Err(message) => self.problem(self.path.child(field).index(index), message),
            }
        }
        programs
    }

    fn iterators(&mut self) -> Vec<(String, Program)> {
        let mut iterators: Vec<(String, Program)> = Vec::new();
        let entries = self.resource.for_each.iter().map(BTreeMap::iter).enumerate();
        for (index, (name, text)) in entries.flat_map(|(index, entry)| entry.map(move |entry| (index, entry))) {
            let path = self.path.child("forEach").index(index);
            self.check_name(&format!("forEach[{index}]"), "iterator", name);
            if iterators.iter().any(|(known, _)| known == name) {
                self.problem(path.clone(), format!("the iterator `{name}` stands twice"));
            }
            match expression::standalone(text) {
                Ok(program) => iterators.push((name.clone(), program)),
                Err(message) => self.problem(path.child(name), message),
            }
        }
        if iterators.len() > MAX_DIMENSIONS {
            self.problem(self.path.child("forEach"), format!("at most {MAX_DIMENSIONS} iterators are allowed"));
        }
        iterators
    }
}
