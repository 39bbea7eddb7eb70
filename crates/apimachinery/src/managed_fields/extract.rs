//! The set of fields a configuration speaks of, as `ToFieldSet` of structured-merge-diff, and what is wrong with it.
//! It must not know managers or live objects.

use std::fmt;

use serde_json::Value;

use super::element::PathElement;
use super::set::{FieldSet, Node};
use super::typed::{Shape, Typed};

/// Something in an applied configuration that does not fit the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeError {
    /// Where, as `.spec.ports[name="http"]`.
    pub path: String,
    /// What, in upstream's words.
    pub message: String,
}

/// Prints as `.data.k: expected string, got 3`.
impl fmt::Display for TypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// The fields a configuration speaks of.
///
/// # Errors
/// Everything that does not fit the schema: unknown fields, wrong types, list items without or with equal keys.
pub(super) fn field_set(typed: Typed<'_>, config: &Value) -> Result<FieldSet, Vec<TypeError>> {
    let mut errors = Vec::new();
    let (_, set) = extract(typed, config, &Path { parent: None, step: Step::Root }, &mut errors);
    if errors.is_empty() { Ok(set) } else { Err(errors) }
}

/// The way from the root, built on the stack and printed only when something is wrong.
struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

enum Step<'a> {
    Root,
    Field(&'a str),
    Item(&'a PathElement),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}")?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Field(name) => write!(f, ".{name}"),
            Step::Item(element) => write!(f, "{element}"),
        }
    }
}

impl Path<'_> {
    fn error(&self, message: impl Into<String>) -> TypeError {
        TypeError { path: self.to_string(), message: message.into() }
    }
}

/// Whether the value itself is a member, and the members below it.
fn extract(typed: Typed<'_>, value: &Value, path: &Path<'_>, errors: &mut Vec<TypeError>) -> (bool, FieldSet) {
    if let Some(message) = typed.type_error(value) {
        errors.push(path.error(message));
        return (true, FieldSet::new());
    }
    match typed.shape(value) {
        Shape::Leaf => (true, FieldSet::new()),
        Shape::Map(map) => {
            let mut nodes = Vec::with_capacity(map.len());
            for (name, value) in map {
                nodes.extend(extract_field(typed, (name, value), path, errors));
            }
            (false, FieldSet::from_nodes(nodes))
        }
        Shape::List(items) => (false, extract_items(typed, items, path, errors)),
    }
}

fn extract_field(
    typed: Typed<'_>,
    (name, value): (&str, &Value),
    path: &Path<'_>,
    errors: &mut Vec<TypeError>,
) -> Option<Node> {
    let field = typed.field(name);
    let path = Path { parent: Some(path), step: Step::Field(name) };
    if !field.declared {
        errors.push(path.error("field not declared in schema"));
    }
    let (leaf, children) = extract(field.typed, value, &path, errors);
    let empty = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
    let member = leaf || empty || !field.named;
    (member || !children.is_empty()).then(|| Node { element: PathElement::field(name), member, children })
}

fn extract_items(typed: Typed<'_>, items: &[Value], path: &Path<'_>, errors: &mut Vec<TypeError>) -> FieldSet {
    let mut nodes: Vec<Node> = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match typed.element(item) {
            Err(message) => errors.push(path.error(format!("element {index}: {message}"))),
            Ok(element) if nodes.iter().any(|node| node.element == element) => {
                errors.push(path.error(format!("duplicate entries for key {element}")));
            }
            Ok(element) => {
                let (_, children) = {
                    let path = Path { parent: Some(path), step: Step::Item(&element) };
                    extract(typed.items(), item, &path, errors)
                };
                nodes.push(Node { element, member: true, children });
            }
        }
    }
    FieldSet::from_nodes(nodes)
}
