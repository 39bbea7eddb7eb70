//! Holds an object against its rules.
//! It must not know how rules are compiled.

use mainstay_apimachinery::schema::ListType;
use mainstay_apimachinery::{FieldError, FieldErrorKind, FieldPath, Schema};
use serde_json::{Map, Value};

use super::compiled::{Activation, CompiledRule, Failure, optional};
use super::node::{Node, Rules};
use super::{CALL_LIMIT, OBJECT_LIMIT, meter};
use crate::check::type_name;
use crate::typed::typed;

/// What is wrong with an object.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What refuses it.
    pub errors: Vec<FieldError>,
    /// What would, had it not been so before: values that did not change need not keep the rules.
    pub warnings: Vec<FieldError>,
}

/// The walk over one object.
struct Walk {
    outcome: Outcome,
    /// What may still be spent.
    budget: u64,
    /// Whether a rule was so expensive that no other is looked at.
    stopped: bool,
}

/// One value and the one it replaces.
#[derive(Clone, Copy)]
struct Pair<'v> {
    new: &'v Value,
    old: Option<&'v Value>,
    /// The innermost value around that replaces a known one, with its schema: where it did not change, neither did
    /// this one.
    around: Option<(&'v Schema, &'v Value, &'v Value)>,
}

impl Pair<'_> {
    fn is_unchanged(&self) -> bool {
        self.around.is_some_and(|(schema, new, old)| same(schema, new, old))
    }
}

impl Rules {
    /// Evaluates the rules over `new`. Transition rules, those with `oldSelf`, are evaluated where there is an `old`
    /// value to compare with.
    #[must_use]
    pub fn validate(&self, new: &Value, old: Option<&Value>, path: &FieldPath) -> Outcome {
        let mut walk = Walk { outcome: Outcome::default(), budget: OBJECT_LIMIT, stopped: false };
        if let Some(root) = &self.root {
            walk.node(root, Pair { new, old, around: None }, path);
        }
        walk.outcome
    }
}

impl Walk {
    fn node<'v>(&mut self, node: &'v Node, pair: Pair<'v>, path: &FieldPath) {
        if pair.new.is_null() {
            return;
        }
        let old = pair.old.filter(|old| !old.is_null());
        let around = old.map(|old| (&*node.schema, pair.new, old)).or(pair.around);
        let pair = Pair { old, around, ..pair };
        for rule in &node.rules {
            if self.stopped {
                return;
            }
            self.rule(rule, node, pair, path);
        }
        match pair.new {
            Value::Object(map) => self.map(node, map, pair, path),
            Value::Array(list) => self.list(node, list, pair, path),
            _ => {}
        }
    }

    fn map<'v>(&mut self, node: &'v Node, map: &'v Map<String, Value>, pair: Pair<'v>, path: &FieldPath) {
        let old = pair.old.filter(|_| !node.schema.map_atomic);
        let child = |name: &str, new: &'v Value| Pair { new, old: old.and_then(|old| old.get(name)), ..pair };
        if let Some(values) = &node.values {
            for (name, new) in map {
                self.node(values, child(name, new), &path.key(name));
            }
        }
        for (name, property) in &node.properties {
            if let Some(new) = map.get(name) {
                self.node(property, child(name, new), &path.child(name));
            }
        }
    }

    fn list<'v>(&mut self, node: &'v Node, list: &'v [Value], pair: Pair<'v>, path: &FieldPath) {
        let Some(items) = &node.items else { return };
        for (index, new) in list.iter().enumerate() {
            let old = pair.old.and_then(|old| twin(&node.schema, new, old));
            self.node(items, Pair { new, old, ..pair }, &path.index(index));
        }
    }

    fn rule(&mut self, rule: &CompiledRule, node: &Node, pair: Pair<'_>, path: &FieldPath) {
        let type_ = type_name(&node.schema);
        let program = match &rule.program {
            Ok(program) => program,
            Err(error) => {
                let detail = format!("rule compile error: {error}");
                return self.outcome.errors.push(invalid(path.clone(), type_.into(), detail));
            }
        };
        if rule.uses_old_self && pair.old.is_none() && !rule.rule.optional_old_self {
            return;
        }
        let activation = activation(rule, &node.schema, pair);
        let result = program.holds(&activation);
        self.spend(rule, path, type_);
        if self.stopped {
            return;
        }
        let error = match result {
            Ok(true) => return,
            Ok(false) => self.broken(rule, &activation, pair.new, path),
            Err(Failure::Overload(error)) => {
                let detail = format!(
                    "'{error}': call arguments did not match a supported operator, function or macro signature for rule: {}",
                    rule.label()
                );
                invalid(path.clone(), type_.into(), detail)
            }
            Err(Failure::Other(error)) => {
                invalid(path.clone(), type_.into(), format!("{error} evaluating rule: {}", rule.label()))
            }
            Err(Failure::Cost) => return,
        };
        if !rule.uses_old_self && pair.is_unchanged() {
            self.outcome.warnings.push(error);
        } else {
            self.outcome.errors.push(error);
        }
    }

    /// Takes the price of an evaluation off the budget; stops where it was too much.
    fn spend(&mut self, rule: &CompiledRule, path: &FieldPath, type_: &str) {
        let spent = meter::spent();
        let detail = if spent > CALL_LIMIT {
            format!(
                "'{}': no further validation rules will be run due to call cost exceeds limit for rule: {}",
                meter::EXCEEDED,
                rule.label()
            )
        } else if spent > self.budget {
            "validation failed due to running out of cost budget, no further validation rules will be run".to_owned()
        } else {
            self.budget -= spent;
            return;
        };
        self.stopped = true;
        self.outcome.errors.push(invalid(path.clone(), type_.into(), detail));
    }

    fn broken(
        &mut self,
        rule: &CompiledRule,
        activation: &Activation<'_>,
        value: &Value,
        path: &FieldPath,
    ) -> FieldError {
        let own = rule.message.as_ref().and_then(|message| message.as_ref().ok());
        let text = own.and_then(|message| {
            let text = message.text(activation);
            self.budget = self.budget.saturating_sub(meter::spent());
            text
        });
        let detail = text.unwrap_or_else(|| rule.default_message());
        let path = rule.place(path);
        match rule.rule.reason.as_deref() {
            Some("FieldValueForbidden") => FieldError::new(FieldErrorKind::Forbidden, path, Value::Null, detail),
            Some("FieldValueRequired") => FieldError::new(FieldErrorKind::Required, path, Value::Null, detail),
            Some("FieldValueDuplicate") => shown(FieldError::new(FieldErrorKind::Duplicate, path, value.clone(), "")),
            _ => shown(invalid(path, value.clone(), detail)),
        }
    }
}

fn activation<'v>(rule: &CompiledRule, schema: &'v Schema, pair: Pair<'v>) -> Activation<'v> {
    let old = pair.old.filter(|_| rule.uses_old_self).map(|old| typed(old, schema));
    let old = if rule.rule.optional_old_self { Some(optional(old)) } else { old };
    Activation { own: typed(pair.new, schema), old }
}

fn invalid(path: FieldPath, value: Value, detail: String) -> FieldError {
    FieldError::new(FieldErrorKind::Invalid, path, value, detail)
}

/// Objects and lists are not repeated in errors.
fn shown(error: FieldError) -> FieldError {
    if error.value.is_object() || error.value.is_array() { error.shown_as("") } else { error }
}

/// The item of an old list that an item replaces: the one with the same keys, in lists that are maps.
pub(super) fn twin<'v>(schema: &Schema, item: &Value, old: &'v Value) -> Option<&'v Value> {
    let ListType::Map(keys) = &schema.list_type else { return None };
    let default = |key: &str| schema.items.as_ref().and_then(|items| items.properties.get(key)?.default.as_ref());
    let of = |value: &'v Value, key: &str| value.get(key).cloned();
    old.as_array()?.iter().find(|other| {
        keys.iter().all(|key| {
            let own = item.get(key).or_else(|| default(key));
            own.cloned() == of(other, key).or_else(|| default(key).cloned())
        })
    })
}

/// Whether two values are the same to Kubernetes: lists that are sets or maps in any order.
#[must_use]
pub fn same(schema: &Schema, a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(name, a)| {
                    let Some(b) = b.get(name) else { return false };
                    schema.field(name).map_or_else(|| a == b, |schema| same(schema, a, b))
                })
        }
        (Value::Array(left), Value::Array(right)) => left.len() == right.len() && lists_same(schema, (left, b), right),
        _ => a == b,
    }
}

fn lists_same(schema: &Schema, (left, other): (&[Value], &Value), right: &[Value]) -> bool {
    let Some(items) = &schema.items else { return left == right };
    match &schema.list_type {
        ListType::Atomic => left.iter().zip(right).all(|(a, b)| same(items, a, b)),
        ListType::Set => left.iter().all(|a| right.iter().any(|b| same(items, a, b))),
        ListType::Map(_) => left.iter().all(|a| twin(schema, a, other).is_some_and(|b| same(items, a, b))),
    }
}
