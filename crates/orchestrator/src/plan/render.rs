//! Renders an instance without a cluster: every resource as it would be applied.
//! It must not know what a cluster would answer: fields that only a cluster writes stay open.

use mainstay_apimachinery::{FieldPath, Schema};
use serde_json::Value;

use super::{Observed, Pass, Plan, State};
use crate::graph::Graph;

/// What an instance would become.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rendered {
    /// The objects, in the order they would be applied.
    pub objects: Vec<Value>,
    /// What is not among them, by node, and why.
    pub left_out: Vec<(String, String)>,
    /// What is wrong with the instance.
    pub problems: Vec<String>,
}

/// Renders an instance, with the defaults of its kind. What is desired counts as there and ready.
#[must_use]
pub fn render(graph: &Graph, instance: &Value, external: &Observed) -> Rendered {
    let (instance, problems) = with_defaults(graph, instance);
    let mut observed = external.clone();
    loop {
        let plan = Pass::new(graph, &instance, &observed, true).run();
        let before = observed.count();
        for (id, object) in plan.objects() {
            observed.put(id, object.clone());
        }
        if observed.count() == before {
            return rendered(plan, problems);
        }
    }
}

/// An instance as the API server would store it, and what the server would refuse about it.
#[must_use]
pub fn with_defaults(graph: &Graph, instance: &Value) -> (Value, Vec<String>) {
    let mut instance = instance.clone();
    let openapi = graph.crd.pointer("/spec/versions/0/schema/openAPIV3Schema");
    let Some(Ok(schema)) = openapi.map(Schema::from_openapi) else { return (instance, Vec::new()) };
    schema.apply_defaults(&mut instance);
    let mut unknown = instance.clone();
    let dropped = schema.prune(&mut unknown).into_iter().map(|path| format!("{path}: the kind has no such field"));
    let invalid = schema.validate(&instance, &FieldPath::root()).into_iter().map(|error| error.to_string());
    let problems = dropped.chain(invalid).collect();
    (instance, problems)
}

fn rendered(plan: Plan, mut problems: Vec<String>) -> Rendered {
    problems.extend(plan.refusals);
    let mut rendered = Rendered { problems, ..Rendered::default() };
    for node in plan.nodes {
        match node.state {
            State::Desired { objects, .. } => rendered.objects.extend(objects),
            State::External { .. } => {}
            State::Failed { why } => rendered.problems.push(format!("resource `{}`: {why}", node.id)),
            State::Skipped { why } | State::Waiting { why } => rendered.left_out.push((node.id, why)),
        }
    }
    rendered
}
