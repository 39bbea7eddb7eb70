//! One node of a pass: is it part of the instance, can it be resolved, what should there be.
//! It must not know how a node got to be observed.

use std::collections::BTreeSet;

use mainstay_apimachinery::{GroupVersionKind, object};
use mainstay_cel::{Bindings, ErrorKind, Program};
use serde_json::Value;

use super::readiness::Readiness;
use super::{NodePlan, Pass, State};
use crate::expression::{Template, Unresolved};
use crate::graph::{Body, Node};

impl Pass<'_> {
    /// Decides about a node; `before` are the nodes it may depend on.
    pub(super) fn node(&self, node: &Node, before: &[NodePlan]) -> State {
        if let Some(state) = self.left_out(node, before) {
            return state;
        }
        match &node.body {
            Body::Template(template) => self.desired(node, template),
            Body::External(_) | Body::ExternalSelector(_) => {
                let live = self.observed.objects.get(&node.id).map(Vec::as_slice).unwrap_or_default();
                State::External { readiness: self.external_readiness(node, live) }
            }
        }
    }

    /// Whether the node is skipped or must wait, before its own template is looked at.
    fn left_out(&self, node: &Node, before: &[NodePlan]) -> Option<State> {
        let depended = || before.iter().filter(|other| node.dependencies.contains(&other.id));
        if let Some(skipped) = depended().find(|other| matches!(other.state, State::Skipped { .. })) {
            return Some(State::Skipped { why: format!("it depends on `{}`, which is skipped", skipped.id) });
        }
        if node.skip_if_kind_missing && self.observed.missing_kinds.contains(&node.gvk) {
            return Some(State::Skipped { why: format!("the cluster serves no {}", node.gvk) });
        }
        let waits_for = depended().find_map(|other| self.hindrance(other));
        for program in &node.include_when {
            // A condition over the instance alone is decided at once; over resources, when they are ready.
            let needs_resources = program.references().iter().any(|name| node.dependencies.contains(name));
            match (&waits_for, needs_resources) {
                (Some(why), true) => return Some(State::Waiting { why: why.clone() }),
                _ => match include(program, &self.bindings()) {
                    Ok(true) => {}
                    Ok(false) => {
                        return Some(State::Skipped { why: format!("includeWhen `{}` is false", program.source()) });
                    }
                    Err(state) => return Some(state),
                },
            }
        }
        waits_for.map(|why| State::Waiting { why })
    }

    /// Why what depends on a node must wait for it.
    fn hindrance(&self, other: &NodePlan) -> Option<String> {
        match &other.state {
            State::Skipped { .. } => None,
            State::Waiting { why } => Some(format!("`{}` waits: {why}", other.id)),
            State::Failed { .. } => Some(format!("`{}` failed", other.id)),
            State::Desired { readiness, .. } | State::External { readiness } => match readiness {
                Readiness::Ready => None,
                Readiness::Missing { .. } => Some(format!("`{}` is not there yet", other.id)),
                Readiness::NotReady { .. } if self.assume_ready => None,
                Readiness::NotReady { why } => Some(format!("`{}` is not ready: {why}", other.id)),
            },
        }
    }

    fn desired(&self, node: &Node, template: &Template) -> State {
        let objects = match self.objects(node, template) {
            Ok(objects) => objects,
            Err(state) => return state,
        };
        if let Some(why) = twice(&objects) {
            return State::Failed { why };
        }
        let readiness = self.readiness(node, &objects);
        State::Desired { objects, readiness }
    }

    fn objects(&self, node: &Node, template: &Template) -> Result<Vec<Value>, State> {
        let bindings = self.bindings();
        if node.for_each.is_empty() {
            return Ok(vec![self.child(node, template, &bindings, None)?]);
        }
        let tuples = self.tuples(node, &bindings)?;
        let size = tuples.len();
        let child = |(index, tuple): (usize, &Vec<Value>)| {
            let mut bindings = bindings.clone();
            for ((name, _), value) in node.for_each.iter().zip(tuple) {
                bindings.set(name, value);
            }
            self.child(node, template, &bindings, Some((index, size)))
        };
        tuples.iter().enumerate().map(child).collect()
    }

    fn child(
        &self,
        node: &Node,
        template: &Template,
        bindings: &Bindings<'_>,
        place: Option<(usize, usize)>,
    ) -> Result<Value, State> {
        let mut child = template.resolve(bindings).map_err(|error| unresolved(&error))?;
        if object::name(&child).is_empty() {
            return Err(State::Failed { why: "template.metadata.name: the expression gives no name".to_owned() });
        }
        if GroupVersionKind::of(&child).as_ref() != Some(&node.gvk) {
            return Err(State::Failed { why: "template: the object has no kind".to_owned() });
        }
        self.mark(node, &mut child, place);
        Ok(child)
    }
}

/// An expression of a template that cannot be evaluated, as a state.
pub(super) fn unresolved(error: &Unresolved) -> State {
    let why = format!("template.{error}");
    if error.is_pending() { State::Waiting { why } } else { State::Failed { why } }
}

fn include(program: &Program, bindings: &Bindings<'_>) -> Result<bool, State> {
    match program.evaluate(bindings) {
        Ok(Value::Bool(include)) => Ok(include),
        // `optional.none()`, as upstream.
        Ok(Value::Null) => Ok(false),
        Ok(other) => Err(State::Failed {
            why: format!("includeWhen `{}` must give true or false, not {other}", program.source()),
        }),
        Err(error) if error.kind == ErrorKind::Pending => Err(State::Waiting { why: format!("includeWhen: {error}") }),
        Err(error) => Err(State::Failed { why: format!("includeWhen: {error}") }),
    }
}

fn twice(objects: &[Value]) -> Option<String> {
    let mut seen = BTreeSet::new();
    let twice = objects.iter().find(|object| !seen.insert((object::namespace(object), object::name(object))))?;
    Some(format!("two objects of the collection are both {}; their names must differ", object::describe(twice)))
}
