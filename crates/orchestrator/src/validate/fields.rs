//! Templates against the schema of their kind: fields that the kind does not have, and literals of the wrong type.
//! It must not judge what expressions give.

use mainstay_apimachinery::schema::Type;
use mainstay_apimachinery::{FieldPath, Schema};
use serde_json::Value;

use super::path_of;
use super::scope::is_closed;
use crate::catalog::Catalog;
use crate::expression::Template;
use crate::graph::{Body, Node};
use crate::problem::{Problem, suggestion};

/// Checks every template whose kind has a schema.
pub(super) fn check(nodes: &[Node], catalog: &Catalog, problems: &mut Vec<Problem>) {
    for node in nodes {
        let Body::Template(template) = &node.body else { continue };
        let Some(schema) = catalog.find(&node.gvk).and_then(|known| known.schema) else { continue };
        let mut check = Check { node, problems };
        check.template(template, &schema, &path_of(node.index).child("template"));
    }
}

struct Check<'a> {
    node: &'a Node,
    problems: &'a mut Vec<Problem>,
}

impl Check<'_> {
    fn template(&mut self, template: &Template, schema: &Schema, path: &FieldPath) {
        match template {
            Template::Literal(value) => self.literal(value, schema, path),
            Template::Object(fields) => {
                for (name, field) in fields {
                    self.field(name, schema, path, |check, schema, path| check.template(field, schema, path));
                }
            }
            Template::List(items) => {
                let Some(item_schema) = &schema.items else { return };
                for (index, item) in items.iter().enumerate() {
                    self.template(item, item_schema, &path.index(index));
                }
            }
            Template::Expression(_) | Template::Text(_) => {}
        }
    }

    fn literal(&mut self, value: &Value, schema: &Schema, path: &FieldPath) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    self.field(name, schema, path, |check, schema, path| check.literal(field, schema, path));
                }
            }
            Value::Array(items) => {
                let Some(item_schema) = &schema.items else { return };
                for (index, item) in items.iter().enumerate() {
                    self.literal(item, item_schema, &path.index(index));
                }
            }
            scalar => self.scalar(scalar, schema, path),
        }
    }

    fn field(
        &mut self,
        name: &str,
        schema: &Schema,
        path: &FieldPath,
        go_on: impl FnOnce(&mut Self, &Schema, &FieldPath),
    ) {
        let path = path.child(name);
        match schema.field(name) {
            Some(schema) => go_on(self, schema, &path),
            None if is_closed(schema) => {
                let hint = suggestion(name, schema.properties.keys().map(String::as_str));
                self.problem(path, format!("{} has no such field{hint}", self.node.gvk.kind));
            }
            None => {}
        }
    }

    /// Only what no server would take: quantities and the like may be written as numbers.
    fn scalar(&mut self, value: &Value, schema: &Schema, path: &FieldPath) {
        let wrong = match schema.type_ {
            _ if value.is_null() || schema.int_or_string => false,
            Some(Type::Integer | Type::Number) => !value.is_number(),
            Some(Type::Boolean) => !value.is_boolean(),
            Some(Type::Object | Type::Array) => true,
            Some(Type::String) => value.is_boolean(),
            None => false,
        };
        if wrong && let Some(wanted) = schema.type_ {
            self.problem(path.clone(), format!("{value} is not of type {}", wanted.name()));
        }
    }

    fn problem(&mut self, path: FieldPath, message: String) {
        self.problems.push(Problem::of_resource(&self.node.id, path, message));
    }
}
