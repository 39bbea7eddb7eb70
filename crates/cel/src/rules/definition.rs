//! Whether the rules of a CustomResourceDefinition may be written: they compile, and are not too expensive. As
//! `ValidateCustomResourceDefinitionOpenAPISchema` of `apiextensions-apiserver`.
//! It must not know objects.

use std::sync::Arc;

use mainstay_apimachinery::schema::{ListType, Rule};
use mainstay_apimachinery::{FieldError, FieldErrorKind, FieldPath, Schema};
use serde_json::{Value, json};

use super::compiled::{CompiledRule, Expression};
use super::cost::{largest, smallest};
use super::node::{has_rules, self_type};
use super::{REQUEST_SIZE, RULE_ESTIMATE_LIMIT, SCHEMA_ESTIMATE_LIMIT, field_path};
use crate::check::with_object_meta;

/// How many expressions are named when all together cost too much.
const NAMED: usize = 4;
const REASONS: [&str; 4] = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];
const RULES: &str = "x-kubernetes-validations";

/// Everything wrong with the rules of a schema; `path` is the schema's.
#[must_use]
pub fn check(schema: &Schema, path: &FieldPath) -> Vec<FieldError> {
    if !has_rules(schema) {
        return Vec::new();
    }
    let mut walk = Walk { errors: Vec::new(), total: 0, expensive: Vec::new() };
    walk.node(&Arc::new(with_object_meta(schema)), &Place { path: path.clone(), times: Some(1), uncorrelated: None });
    walk.total(path);
    walk.errors
}

struct Walk {
    errors: Vec<FieldError>,
    total: u64,
    /// What contributes most to the total.
    expensive: Vec<(u64, FieldPath)>,
}

/// Where in a schema the walk is.
#[derive(Clone)]
struct Place {
    path: FieldPath,
    /// How often a value can stand here; `None` where nobody set a bound.
    times: Option<u64>,
    /// The list or map around whose old items cannot be found again.
    uncorrelated: Option<FieldPath>,
}

impl Place {
    fn child(&self, path: FieldPath) -> Self {
        Self { path, ..self.clone() }
    }

    fn many(&self, path: FieldPath, most: Option<u64>, uncorrelated: bool) -> Self {
        let times = self.times.zip(most).map(|(times, most)| times.saturating_mul(most));
        let own = || uncorrelated.then(|| self.path.clone());
        Self { path, times, uncorrelated: self.uncorrelated.clone().or_else(own) }
    }
}

impl Walk {
    fn node(&mut self, schema: &Arc<Schema>, place: &Place) {
        let schema = &if schema.embedded_resource { Arc::new(with_object_meta(schema)) } else { schema.clone() };
        for (index, rule) in schema.rules.iter().enumerate() {
            let own = place.child(place.path.child(RULES).index(index));
            if self.well_formed(rule, schema, &own.path) {
                self.rule(rule, schema, &own);
            }
        }
        for (name, child) in &schema.properties {
            let mut below = place.child(place.path.child("properties").key(name));
            if schema.map_atomic && below.uncorrelated.is_none() {
                below.uncorrelated = Some(place.path.clone());
            }
            self.below(child, &below);
        }
        if let Some(values) = &schema.additional_properties {
            let path = place.path.child("additionalProperties");
            self.below(values, &place.many(path, schema.max_properties, schema.map_atomic));
        }
        if let Some(items) = &schema.items {
            let keyed = matches!(schema.list_type, ListType::Map(_));
            self.below(items, &place.many(place.path.child("items"), schema.max_items, !keyed));
        }
    }

    fn below(&mut self, schema: &Arc<Schema>, place: &Place) {
        if has_rules(schema) {
            self.node(schema, place);
        }
    }

    fn push(&mut self, kind: FieldErrorKind, path: FieldPath, value: &str, detail: impl Into<String>) {
        self.errors.push(FieldError::new(kind, path, Value::from(value), detail));
    }

    /// What a rule must be before it is compiled.
    fn well_formed(&mut self, rule: &Rule, schema: &Schema, path: &FieldPath) -> bool {
        let before = self.errors.len();
        let breaks = |text: &str| text.contains(['\n', '\r']);
        let (text, message) = (rule.rule.trim(), rule.message.as_deref().unwrap_or_default());
        if text.is_empty() {
            self.push(FieldErrorKind::Required, path.child("rule"), "", "rule is not specified");
        }
        if !message.is_empty() && message.trim().is_empty() {
            let detail = "message must be non-empty if specified";
            self.push(FieldErrorKind::Invalid, path.child("message"), message, detail);
        } else if breaks(message.trim()) {
            self.push(FieldErrorKind::Invalid, path.child("message"), message, "message must not contain line breaks");
        } else if breaks(text) && message.is_empty() {
            let detail = "message must be specified if rule contains line breaks";
            self.push(FieldErrorKind::Required, path.child("message"), "", detail);
        }
        if rule.message_expression.as_deref().is_some_and(|text| !text.is_empty() && text.trim().is_empty()) {
            let detail = "messageExpression must be non-empty if specified";
            self.push(FieldErrorKind::Required, path.child("messageExpression"), "", detail);
        }
        if let Some(reason) = rule.reason.as_deref().filter(|reason| !REASONS.contains(reason)) {
            let detail = format!("supported values: {}", REASONS.map(|reason| format!("\"{reason}\"")).join(", "));
            self.push(FieldErrorKind::NotSupported, path.child("reason"), reason, detail);
        }
        self.field_path(rule, schema, path);
        self.errors.len() == before
    }

    fn field_path(&mut self, rule: &Rule, schema: &Schema, path: &FieldPath) {
        let Some(text) = rule.field_path.as_deref().filter(|text| !text.is_empty()) else { return };
        let path = path.child("fieldPath");
        if text.trim().is_empty() {
            self.push(FieldErrorKind::Invalid, path, text, "fieldPath must be non-empty if specified");
        } else if text.contains(['\n', '\r']) {
            self.push(FieldErrorKind::Invalid, path, text, "fieldPath must not contain line breaks");
        } else if let Err(why) = field_path::parse(text).and_then(|steps| field_path::check(&steps, schema)) {
            self.push(FieldErrorKind::Invalid, path, text, format!("fieldPath must be a valid path: {why}"));
        }
    }

    fn rule(&mut self, rule: &Rule, schema: &Arc<Schema>, place: &Place) {
        let Some(type_) = self_type(schema) else { return };
        let compiled = CompiledRule::new(rule, &type_);
        let times = times(schema, place);
        let invalid = |field: &str, detail: &String| {
            let error = FieldError::new(FieldErrorKind::Invalid, place.path.child(field), Value::Null, detail.clone());
            error.shown_as(&printed(rule))
        };
        match &compiled.program {
            Ok(program) => self.price(program, times, ("rule", "estimated rule cost"), place),
            Err(error) => self.errors.push(invalid("rule", error)),
        }
        match &compiled.message {
            Some(Ok(message)) => {
                self.price(message, 1, ("messageExpression", "estimated messageExpression cost"), place);
            }
            Some(Err(error)) => self.errors.push(invalid("messageExpression", error)),
            None => {}
        }
        if let (true, Some(around)) = (compiled.uses_old_self, &place.uncorrelated) {
            let detail = format!("oldSelf cannot be used on the uncorrelatable portion of the schema within {around}");
            self.push(FieldErrorKind::Invalid, place.path.child("rule"), &rule.rule, detail);
        }
    }

    fn price(&mut self, program: &Expression, times: u64, (field, what): (&str, &str), place: &Place) {
        let cost = program.estimate.saturating_mul(times);
        let path = place.path.child(field);
        if cost > RULE_ESTIMATE_LIMIT {
            self.push(FieldErrorKind::Forbidden, path.clone(), "", too_expensive(what, cost, RULE_ESTIMATE_LIMIT));
        }
        self.total = self.total.saturating_add(cost);
        // What is less than a hundredth of the limit is not worth naming.
        if cost >= SCHEMA_ESTIMATE_LIMIT / 100 {
            self.expensive.push((cost, path));
            self.expensive.sort_by_key(|(cost, _)| std::cmp::Reverse(*cost));
            self.expensive.truncate(NAMED);
        }
    }

    fn total(&mut self, path: &FieldPath) {
        if self.total <= SCHEMA_ESTIMATE_LIMIT {
            return;
        }
        for (_, path) in std::mem::take(&mut self.expensive) {
            let detail = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema";
            self.push(FieldErrorKind::Forbidden, path, "", detail);
        }
        let what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema";
        let detail = too_expensive(what, self.total, SCHEMA_ESTIMATE_LIMIT);
        self.push(FieldErrorKind::Forbidden, path.clone(), "", detail);
    }
}

/// How often a rule is evaluated at most: as often as the bounds allow, else as often as its values fit in a request.
fn times(schema: &Schema, place: &Place) -> u64 {
    place.times.unwrap_or_else(|| (REQUEST_SIZE / (smallest(schema) + 1)).min(largest_count()))
}

fn largest_count() -> u64 {
    largest(&Schema { type_: Some(mainstay_apimachinery::schema::Type::Array), ..Schema::default() })
}

fn too_expensive(what: &str, cost: u64, limit: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "it is a rough factor")]
    let factor = cost as f64 / limit as f64;
    let factor = if factor > 100.0 {
        "more than 100x".to_owned()
    } else if factor < 1.5 {
        format!("{factor:.6}x")
    } else {
        format!("{factor:.1}x")
    };
    format!(
        "{what} exceeds budget by factor of {factor} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"
    )
}

/// The rule as Go prints its struct in JSON: the fields in their order, absent pointers as null.
fn printed(rule: &Rule) -> String {
    let text = |text: &Option<String>| json!(text.as_deref().unwrap_or_default()).to_string();
    format!(
        r#"{{"Rule":{},"Message":{},"MessageExpression":{},"Reason":{},"FieldPath":{},"OptionalOldSelf":{}}}"#,
        json!(rule.rule),
        text(&rule.message),
        text(&rule.message_expression),
        json!(rule.reason),
        text(&rule.field_path),
        if rule.optional_old_self { "true" } else { "null" },
    )
}
