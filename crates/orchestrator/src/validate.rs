//! Turns a ResourceGraphDefinition into a [`Graph`], or says everything that is wrong with it.
//! It must not ask a cluster: what it knows about kinds is in the [`Catalog`].

mod fields;
mod instance;
mod node;
mod scope;
mod status;

use std::collections::BTreeMap;

use mainstay_api::kro::{DefinitionResource, DefinitionSpec};
use mainstay_apimachinery::{FieldPath, object};
use serde_json::Value;

use crate::catalog::Catalog;
use crate::expression::Template;
use crate::graph::{Graph, Node, order};
use crate::problem::Problem;

/// Checks a definition and compiles its graph.
///
/// # Errors
/// Everything that is wrong with it, in the order of the document.
pub fn validate(definition: &Value, catalog: &Catalog) -> Result<Graph, Vec<Problem>> {
    let spec: DefinitionSpec = serde_json::from_value(definition.get("spec").cloned().unwrap_or_default())
        .map_err(|error| vec![Problem::general(FieldPath::root().child("spec"), error.to_string())])?;
    let mut problems = Vec::new();
    let kind = instance::kind(&spec.schema, &mut problems);
    let spec_schema = instance::spec_schema(&spec.schema, definition, &mut problems);
    let rules = instance::rules(definition, &mut problems);
    let nodes = compile_nodes(&spec.resources, kind.namespaced, catalog, &mut problems);
    let status = status::compile(&spec.schema.status, &mut problems);
    let view = scope::View::new(&spec_schema, &nodes, catalog);
    view.check_nodes(&nodes, &mut problems);
    view.check_status(&status, &mut problems);
    fields::check(&nodes, catalog, &mut problems);
    let status_schema = status::schema(&status, &view);
    let nodes = ordered(nodes, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let crd = crate::crd::synthesise(&kind, &spec.schema, spec_schema, status_schema);
    Ok(Graph {
        name: object::name(definition).to_owned(),
        uid: object::uid(definition).to_owned(),
        generation: object::generation(definition),
        instance: kind,
        crd,
        reads: Graph::reads_of(&nodes, &status),
        nodes,
        status,
        rules,
    })
}

fn compile_nodes(
    resources: &[DefinitionResource],
    namespaced: bool,
    catalog: &Catalog,
    problems: &mut Vec<Problem>,
) -> Vec<Node> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut nodes = Vec::new();
    for (index, resource) in resources.iter().enumerate() {
        if let Some(first) = seen.insert(&resource.id, index) {
            let message = format!("the id stands twice, also in spec.resources[{first}]; ids must differ");
            problems.push(Problem::of_resource(&resource.id, path_of(index).child("id"), message));
            continue;
        }
        nodes.extend(node::compile(index, resource, namespaced, catalog, problems));
    }
    let ids: Vec<String> = nodes.iter().map(|node| node.id.clone()).collect();
    for node in &mut nodes {
        node::find_dependencies(node, &ids);
    }
    nodes
}

/// The field of a resource in the definition.
fn path_of(index: usize) -> FieldPath {
    FieldPath::root().child("spec").child("resources").index(index)
}

fn ordered(nodes: Vec<Node>, problems: &mut Vec<Problem>) -> Vec<Node> {
    let edges: Vec<_> = nodes.iter().map(|node| (node.id.clone(), node.dependencies.clone())).collect();
    match order::topological(&edges) {
        Ok(order) => {
            let mut slots: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
            let place = |(index, wave): (usize, usize)| {
                let mut node = slots[index].take().expect("an order names each place once");
                node.wave = wave;
                node
            };
            order.into_iter().map(place).collect()
        }
        Err(cycle) => {
            let index = nodes.iter().find(|node| Some(&node.id) == cycle.first()).map_or(0, |node| node.index);
            let message = format!(
                "the resources depend on each other in a circle: {}; take one of the references out",
                cycle.join(" → ")
            );
            problems.push(Problem::of_resource(cycle.first().map_or("", String::as_str), path_of(index), message));
            Vec::new()
        }
    }
}

/// A template that stands for nothing, where the real one could not be compiled.
fn nothing() -> Template {
    Template::Literal(Value::Null)
}

#[cfg(test)]
mod tests;
