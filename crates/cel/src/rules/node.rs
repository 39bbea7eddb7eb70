//! The rules of a schema in the shape of the schema; what has no rules below is left out.
//! It must not evaluate them.

use std::sync::Arc;

use mainstay_apimachinery::Schema;

use super::compiled::CompiledRule;
use crate::check::{CelType, type_of, with_object_meta};

/// The compiled rules of a schema. Cheap to evaluate many times and from many threads.
#[derive(Debug)]
pub struct Rules {
    pub(super) root: Option<Node>,
}

/// The rules of one node of a schema and of all below it.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) schema: Arc<Schema>,
    pub(super) rules: Vec<CompiledRule>,
    pub(super) properties: Vec<(String, Node)>,
    pub(super) values: Option<Box<Node>>,
    pub(super) items: Option<Box<Node>>,
}

impl Rules {
    /// Compiles the rules of the schema of a kind. What does not compile says so when it would be evaluated, as
    /// upstream; [`super::definition::check`] refuses it before.
    #[must_use]
    pub fn compile(schema: &Schema) -> Self {
        let root = if has_rules(schema) { node(&Arc::new(with_object_meta(schema))) } else { None };
        Self { root }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }
}

/// Whether there are rules here or below.
pub(super) fn has_rules(schema: &Schema) -> bool {
    let mut children = schema.properties.values().chain(&schema.additional_properties).chain(&schema.items);
    !schema.rules.is_empty() || children.any(|child| has_rules(child))
}

/// The type of `self` in the rules of a schema.
pub(super) fn self_type(schema: &Arc<Schema>) -> Option<CelType> {
    type_of(schema, "selfType")
}

fn node(schema: &Arc<Schema>) -> Option<Node> {
    if !has_rules(schema) {
        return None;
    }
    let schema = if schema.embedded_resource { Arc::new(with_object_meta(schema)) } else { schema.clone() };
    let rules = match self_type(&schema) {
        Some(type_) => schema.rules.iter().map(|rule| CompiledRule::new(rule, &type_)).collect(),
        None => Vec::new(),
    };
    let properties = schema.properties.iter();
    Some(Node {
        rules,
        properties: properties.filter_map(|(name, child)| Some((name.clone(), node(child)?))).collect(),
        values: schema.additional_properties.as_ref().and_then(node).map(Box::new),
        items: schema.items.as_ref().and_then(node).map(Box::new),
        schema,
    })
}
