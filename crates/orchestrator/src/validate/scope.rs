//! What expressions may refer to: unknown names and unknown fields are refused before anything runs.
//! It must not evaluate anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use mainstay_apimachinery::schema::Type;
use mainstay_apimachinery::{FieldPath, Schema};
use mainstay_cel::{FieldChain, Program};
use serde_json::{Value, json};

use super::path_of;
use crate::catalog::Catalog;
use crate::expression::Template;
use crate::graph::{Body, Node};
use crate::problem::{Problem, join, suggestion};

/// The variable that stands for the instance.
pub(super) const SCHEMA: &str = "schema";
/// The variable that stands for one object of a collection in `readyWhen`.
const EACH: &str = "each";

/// The names expressions see, with what is known about their fields.
pub(super) struct View {
    schemas: BTreeMap<String, Option<Arc<Schema>>>,
}

/// Where an expression stands.
struct Place<'a> {
    node: Option<&'a Node>,
    path: FieldPath,
    /// Names seen here besides the resources and `schema`.
    extra: Vec<&'a str>,
    /// Whether resources are seen, and which one is not.
    resources: bool,
    schema: bool,
}

impl View {
    /// The instance without its status, and every resource.
    pub(super) fn new(spec_schema: &Value, nodes: &[Node], catalog: &Catalog) -> Self {
        let free = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let instance = json!({"type": "object", "properties": {
            "apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": free, "spec": spec_schema,
        }});
        let mut schemas = BTreeMap::new();
        for node in nodes {
            let schema = catalog.find(&node.gvk).and_then(|known| known.schema).filter(|_| !node.is_collection());
            schemas.insert(node.id.clone(), schema);
        }
        schemas.insert(SCHEMA.to_owned(), Schema::from_openapi(&instance).ok().map(Arc::new));
        Self { schemas }
    }

    /// The schema at the end of a chain, where it is known.
    pub(super) fn schema_of(&self, chain: &FieldChain) -> Option<Arc<Schema>> {
        let mut schema = Arc::clone(self.schemas.get(&chain.root)?.as_ref()?);
        for field in &chain.fields {
            schema = Arc::clone(schema.field(field)?);
        }
        Some(schema)
    }

    /// Checks every expression of every resource.
    pub(super) fn check_nodes(&self, nodes: &[Node], problems: &mut Vec<Problem>) {
        for node in nodes {
            self.check_node(node, problems);
        }
    }

    fn check_node(&self, node: &Node, problems: &mut Vec<Problem>) {
        let iterators: Vec<&str> = node.for_each.iter().map(|(name, _)| name.as_str()).collect();
        let place = |path, extra: &[&'static str], resources| Place {
            node: Some(node),
            path,
            extra: extra.to_vec(),
            resources,
            schema: resources,
        };
        let base = path_of(node.index);
        let (template, path) = match &node.body {
            Body::Template(template) => (template, base.child("template")),
            Body::External(template) | Body::ExternalSelector(template) => {
                (template, base.child("externalRef").child("metadata"))
            }
        };
        template.each(&FieldPath::root(), &mut |at, program| {
            let place = Place {
                node: Some(node),
                path: join(&path, at),
                extra: iterators.clone(),
                resources: true,
                schema: true,
            };
            self.check(program, &place, problems);
        });
        for (index, program) in node.include_when.iter().enumerate() {
            self.check(program, &place(base.child("includeWhen").index(index), &[], true), problems);
        }
        for (index, (_, program)) in node.for_each.iter().enumerate() {
            self.check(program, &place(base.child("forEach").index(index), &[], true), problems);
        }
        for (index, program) in node.ready_when.iter().enumerate() {
            let path = base.child("readyWhen").index(index);
            let own = if node.is_collection() { EACH } else { node.id.as_str() };
            let place = Place { node: Some(node), path, extra: vec![own], resources: false, schema: false };
            self.check(program, &place, problems);
        }
    }

    /// Checks every expression of the status.
    pub(super) fn check_status(&self, status: &Template, problems: &mut Vec<Problem>) {
        let path = FieldPath::root().child("spec").child("schema").child("status");
        status.each(&path, &mut |at, program| {
            let place = Place { node: None, path: at.clone(), extra: Vec::new(), resources: true, schema: true };
            self.check(program, &place, problems);
        });
    }

    fn check(&self, program: &Program, place: &Place<'_>, problems: &mut Vec<Problem>) {
        for chain in program.chains() {
            if let Err(message) = self.check_chain(chain, place) {
                let message = format!("{message} (in `{}`)", program.source());
                problems.push(Problem {
                    resource: place.node.map(|node| node.id.clone()),
                    path: place.path.clone(),
                    message,
                });
            }
        }
    }

    fn check_chain(&self, chain: &FieldChain, place: &Place<'_>) -> Result<(), String> {
        let root = chain.root.as_str();
        if place.extra.contains(&root) {
            // An iterator shadows nothing: names are unique, so a schema found is the resource's own.
            return self.schemas.get(root).and_then(Option::as_ref).map_or(Ok(()), |schema| fields(chain, schema));
        }
        if root == SCHEMA && place.schema {
            return self.schemas.get(root).and_then(Option::as_ref).map_or(Ok(()), |schema| fields(chain, schema));
        }
        let own = place.node.map(|node| node.id.as_str());
        if own == Some(root) {
            return Err(format!("`{root}` refers to itself; only readyWhen may"));
        }
        match self.schemas.get(root) {
            Some(schema) if place.resources => schema.as_ref().map_or(Ok(()), |schema| fields(chain, schema)),
            Some(_) => Err(format!("readyWhen sees only its own resource, not `{root}`")),
            None => Err(unknown(root, self.schemas.keys().map(String::as_str))),
        }
    }
}

fn unknown<'a>(root: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let names: Vec<&str> = known.clone().collect();
    match suggestion(root, known) {
        hint if hint.is_empty() => format!("there is no `{root}`; the names are {}", names.join(", ")),
        hint => format!("there is no `{root}`{hint}"),
    }
}

/// Refuses the first field a schema does not have.
fn fields(chain: &FieldChain, schema: &Arc<Schema>) -> Result<(), String> {
    let mut at = Arc::clone(schema);
    let mut path = chain.root.clone();
    for field in &chain.fields {
        if !is_closed(&at) {
            return Ok(());
        }
        let Some(next) = at.field(field) else {
            let hint = suggestion(field, at.properties.keys().map(String::as_str));
            return Err(format!("`{path}` has no field `{field}`{hint}"));
        };
        path = format!("{path}.{field}");
        at = Arc::clone(next);
    }
    Ok(())
}

/// Whether a schema says all the fields there can be.
pub(super) fn is_closed(schema: &Schema) -> bool {
    schema.type_ == Some(Type::Object)
        && !schema.preserve_unknown_fields
        && !schema.embedded_resource
        && (!schema.properties.is_empty() || schema.additional_properties.is_some())
}
