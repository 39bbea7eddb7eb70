//! Whether the expressions of policies and webhooks that are being written compile; the rest of such an object is
//! checked by apimachinery.
//! It must not evaluate them. Upstream: `pkg/apis/admissionregistration/validation`.

use mainstay_apimachinery::{FieldError, FieldErrorKind, FieldPath};
use mainstay_cel::policy::{Environment, Wanted};
use serde_json::Value;

use super::super::review::{items, text};

/// Everything that does not compile. What stays as it was need not be compiled again.
pub(crate) fn problems(kind: &str, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
    if old.is_some_and(|old| old.get("spec") == new.get("spec") && old.get("webhooks") == new.get("webhooks")) {
        return Vec::new();
    }
    let mut check = Check { errors: Vec::new() };
    match kind {
        "ValidatingAdmissionPolicy" => check.validating(new),
        "MutatingAdmissionPolicy" => check.mutating(new),
        "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration" => check.webhooks(new),
        _ => {}
    }
    check.errors
}

struct Check {
    errors: Vec<FieldError>,
}

impl Check {
    fn compile(&mut self, environment: &Environment, (source, wanted): (&str, Wanted), path: FieldPath) {
        // A missing expression has been reported as such.
        if source.trim().is_empty() {
            return;
        }
        if let Err(why) = environment.compile(source, wanted) {
            self.errors.push(FieldError::new(FieldErrorKind::Invalid, path, Value::from(source), why));
        }
    }

    fn conditions(&mut self, holder: &Value, environment: &Environment, path: &FieldPath) {
        for (index, condition) in items(holder, "/matchConditions").enumerate() {
            let path = path.child("matchConditions").index(index).child("expression");
            self.compile(environment, (text(condition, "/expression"), Wanted::Bool), path);
        }
    }

    /// Conditions and variables; gives the environment of what comes after them.
    fn common(&mut self, policy: &Value) -> Environment {
        let spec = FieldPath::root().child("spec");
        let plain = Environment::new(policy.pointer("/spec/paramKind").is_some(), true);
        self.conditions(policy.get("spec").unwrap_or(&Value::Null), &plain, &spec);
        let mut environment = plain.with_variables();
        for (index, variable) in items(policy, "/spec/variables").enumerate() {
            let source = text(variable, "/expression");
            if source.trim().is_empty() {
                continue;
            }
            if let Err(why) = environment.define(text(variable, "/name"), source) {
                let path = spec.child("variables").index(index).child("expression");
                self.errors.push(FieldError::new(FieldErrorKind::Invalid, path, Value::from(source), why));
            }
        }
        environment
    }

    fn validating(&mut self, policy: &Value) {
        let environment = self.common(policy);
        let spec = FieldPath::root().child("spec");
        for (index, validation) in items(policy, "/spec/validations").enumerate() {
            let path = spec.child("validations").index(index);
            let expression = (text(validation, "/expression"), Wanted::Bool);
            self.compile(&environment, expression, path.child("expression"));
            let message = (text(validation, "/messageExpression"), Wanted::Text);
            self.compile(&environment, message, path.child("messageExpression"));
        }
        for (index, annotation) in items(policy, "/spec/auditAnnotations").enumerate() {
            let path = spec.child("auditAnnotations").index(index).child("valueExpression");
            self.compile(&environment, (text(annotation, "/valueExpression"), Wanted::TextOrNull), path);
        }
    }

    fn mutating(&mut self, policy: &Value) {
        let environment = self.common(policy).with_mutations();
        for (index, mutation) in items(policy, "/spec/mutations").enumerate() {
            let path = FieldPath::root().child("spec").child("mutations").index(index);
            for (field, wanted) in [("applyConfiguration", Wanted::Object), ("jsonPatch", Wanted::JsonPatch)] {
                let source = text(mutation, &format!("/{field}/expression"));
                self.compile(&environment, (source, wanted), path.child(field).child("expression"));
            }
        }
    }

    fn webhooks(&mut self, configuration: &Value) {
        let environment = Environment::new(false, true);
        for (index, webhook) in items(configuration, "/webhooks").enumerate() {
            self.conditions(webhook, &environment, &FieldPath::root().child("webhooks").index(index));
        }
    }
}
