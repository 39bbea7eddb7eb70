//! The rules of admission policies, their bindings and webhook configurations, as
//! `pkg/apis/admissionregistration/validation`. It must not know CEL: expressions are compiled by whoever evaluates
//! them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Errors, field, is_empty, list, text, workloads};
use crate::{FieldPath, GroupVersionKind, names};

/// The reasons a validation may give.
const REASONS: [&str; 3] = ["Forbidden", "Invalid", "RequestEntityTooLarge"];
/// Most match conditions.
const MOST_CONDITIONS: usize = 64;

pub(super) fn check(errors: &mut Errors, gvk: &GroupVersionKind, new: &Value) {
    let spec = new.get("spec").unwrap_or(&Value::Null);
    let path = field("spec");
    match gvk.kind.as_str() {
        "ValidatingAdmissionPolicy" => validating(errors, spec, &path),
        "MutatingAdmissionPolicy" => mutating(errors, spec, &path),
        "ValidatingAdmissionPolicyBinding" => binding(errors, spec, &path, true),
        "MutatingAdmissionPolicyBinding" => binding(errors, spec, &path, false),
        "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration" => webhooks(errors, new),
        _ => {}
    }
}

fn validating(errors: &mut Errors, spec: &Value, path: &FieldPath) {
    common(errors, spec, path);
    if is_empty(spec.get("validations")) && is_empty(spec.get("auditAnnotations")) {
        let detail = "validations or auditAnnotations must contain at least one item";
        errors.required(path.child("validations"), detail);
        errors.required(path.child("auditAnnotations"), detail);
    }
    for (index, validation) in list(spec, "validations") {
        let path = path.child("validations").index(index);
        self::validation(errors, validation, &path);
    }
    let mut keys = BTreeSet::new();
    for (index, annotation) in list(spec, "auditAnnotations") {
        let (path, key) = (path.child("auditAnnotations").index(index), text(annotation, "key"));
        errors.grammar(&path.child("key"), key, names::check_qualified_name(key));
        if !keys.insert(key) {
            errors.duplicate(path.child("key"), key);
        }
        if text(annotation, "valueExpression").trim().is_empty() {
            errors.required(path.child("valueExpression"), "valueExpression is not specified");
        }
    }
}

fn validation(errors: &mut Errors, validation: &Value, path: &FieldPath) {
    let (expression, message) = (text(validation, "expression").trim(), text(validation, "message"));
    let breaks = |text: &str| text.contains(['\n', '\r']);
    if expression.is_empty() {
        errors.required(path.child("expression"), "expression is not specified");
    }
    if !is_empty(validation.get("messageExpression")) && text(validation, "messageExpression").trim().is_empty() {
        let detail = "must be non-empty if specified";
        errors.invalid(path.child("messageExpression"), text(validation, "messageExpression"), detail);
    }
    if !message.is_empty() && message.trim().is_empty() {
        errors.invalid(path.child("message"), message, "message must be non-empty if specified");
    } else if breaks(message.trim()) {
        errors.invalid(path.child("message"), message, "message must not contain line breaks");
    } else if breaks(expression) && message.is_empty() {
        errors.required(path.child("message"), "message must be specified if expression contains line breaks");
    }
    let reason = text(validation, "reason");
    if !reason.is_empty() && !REASONS.contains(&reason) {
        errors.not_supported(path.child("reason"), reason, &REASONS);
    }
}

fn mutating(errors: &mut Errors, spec: &Value, path: &FieldPath) {
    common(errors, spec, path);
    if is_empty(spec.get("mutations")) {
        errors.required(path.child("mutations"), "mutations must contain at least one item");
    }
    for (index, mutation) in list(spec, "mutations") {
        let path = path.child("mutations").index(index);
        let (member, other) = match text(mutation, "patchType") {
            "ApplyConfiguration" => ("applyConfiguration", "jsonPatch"),
            "JSONPatch" => ("jsonPatch", "applyConfiguration"),
            "" => {
                errors.required(path.child("patchType"), "");
                continue;
            }
            wrong => {
                errors.not_supported(path.child("patchType"), wrong, &["ApplyConfiguration", "JSONPatch"]);
                continue;
            }
        };
        let kind = text(mutation, "patchType");
        if is_empty(mutation.get(member)) {
            errors.required(path.child(member), &format!("must be specified when patchType is {kind}"));
        } else if text(&mutation[member], "expression").trim().is_empty() {
            errors.required(path.child(member).child("expression"), "expression is not specified");
        }
        if mutation.get(other).is_some() {
            let detail = format!("may not be specified when patchType is {kind}");
            errors.invalid(path.child(other), "{}", detail);
        }
    }
    if is_empty(spec.get("reinvocationPolicy")) {
        errors.required(path.child("reinvocationPolicy"), "");
    }
}

/// What policies of both kinds have.
fn common(errors: &mut Errors, spec: &Value, path: &FieldPath) {
    if let Some(kind) = spec.get("paramKind") {
        let path = path.child("paramKind");
        for name in ["apiVersion", "kind"].iter().filter(|name| text(kind, name).is_empty()) {
            errors.required(path.child(name), "");
        }
    }
    match spec.get("matchConstraints") {
        None => errors.required(path.child("matchConstraints"), ""),
        Some(constraints) => {
            let path = path.child("matchConstraints");
            resources(errors, constraints, &path);
            if is_empty(constraints.get("resourceRules")) {
                errors.required(path.child("resourceRules"), "");
            }
        }
    }
    conditions(errors, spec, path);
    let mut names = BTreeSet::new();
    for (index, variable) in list(spec, "variables") {
        let (path, name) = (path.child("variables").index(index), text(variable, "name"));
        if name.is_empty() {
            errors.required(path.child("name"), "name is not specified");
        } else if !is_identifier(name) {
            errors.invalid(path.child("name"), name, "name is not a valid CEL identifier");
        }
        if !names.insert(name) {
            errors.duplicate(path.child("name"), name);
        }
        if text(variable, "expression").trim().is_empty() {
            errors.required(path.child("expression"), "expression is not specified");
        }
    }
}

fn is_identifier(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn conditions(errors: &mut Errors, holder: &Value, path: &FieldPath) {
    let mut names = BTreeSet::new();
    let path = path.child("matchConditions");
    errors.too_many(path.clone(), list(holder, "matchConditions").count(), MOST_CONDITIONS);
    for (index, condition) in list(holder, "matchConditions") {
        let (path, name) = (path.index(index), text(condition, "name"));
        if text(condition, "expression").trim().is_empty() {
            errors.required(path.child("expression"), "");
        }
        if name.is_empty() {
            errors.required(path.child("name"), "");
        } else {
            errors.grammar(&path.child("name"), name, names::check_qualified_name(name));
            if !names.insert(name) {
                errors.duplicate(path.child("name"), name);
            }
        }
    }
}

fn resources(errors: &mut Errors, constraints: &Value, path: &FieldPath) {
    for name in ["namespaceSelector", "objectSelector"] {
        if let Some(selector) = constraints.get(name) {
            workloads::label_selector(errors, selector, &path.child(name));
        }
    }
    for name in ["resourceRules", "excludeResourceRules"] {
        for (index, rule) in list(constraints, name) {
            self::rule(errors, rule, &path.child(name).index(index));
        }
    }
}

fn rule(errors: &mut Errors, rule: &Value, path: &FieldPath) {
    for name in ["operations", "apiGroups", "apiVersions", "resources"] {
        let path = path.child(name);
        let values: Vec<&str> = list(rule, name).filter_map(|(_, value)| value.as_str()).collect();
        if values.is_empty() {
            errors.required(path, "");
        } else if values.contains(&"*") && values.len() > 1 && name != "resources" {
            let detail = match name {
                "operations" => "if '*' is present, must not specify other operations",
                "apiGroups" => "if '*' is present, must not specify other API groups",
                _ => "if '*' is present, must not specify other API versions",
            };
            errors.invalid(path, rule[name].clone(), detail);
        } else if let (true, Some(index)) =
            (matches!(name, "apiVersions" | "resources"), values.iter().position(|value| value.is_empty()))
        {
            errors.required(path.index(index), "");
        }
    }
    let operations = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
    for (index, operation) in list(rule, "operations") {
        let operation = operation.as_str().unwrap_or_default();
        if !operations.contains(&operation) {
            errors.not_supported(path.child("operations").index(index), operation, &operations);
        }
    }
}

fn binding(errors: &mut Errors, spec: &Value, path: &FieldPath, validating: bool) {
    let policy = text(spec, "policyName");
    if policy.is_empty() {
        errors.required(path.child("policyName"), "");
    } else {
        errors.grammar(&path.child("policyName"), policy, names::check_dns1123_subdomain(policy));
    }
    param_ref(errors, spec.get("paramRef"), &path.child("paramRef"));
    if let Some(resources) = spec.get("matchResources") {
        self::resources(errors, resources, &path.child("matchResources"));
    }
    if validating {
        actions(errors, spec, &path.child("validationActions"));
    }
}

fn param_ref(errors: &mut Errors, reference: Option<&Value>, path: &FieldPath) {
    let Some(reference) = reference else { return };
    let (named, selecting) = (!text(reference, "name").is_empty(), reference.get("selector").is_some());
    if named {
        let name = text(reference, "name");
        errors.grammar(&path.child("name"), name, names::check_path_segment(name));
        if selecting {
            errors.forbidden(path.child("name"), "name and selector are mutually exclusive");
        }
    } else if !selecting {
        errors.required(path.clone(), "one of name or selector must be specified");
    }
    match text(reference, "parameterNotFoundAction") {
        "" => errors.required(path.child("parameterNotFoundAction"), ""),
        "Allow" | "Deny" => {}
        other => errors.not_supported(path.child("parameterNotFoundAction"), other, &["Deny", "Allow"]),
    }
}

fn actions(errors: &mut Errors, spec: &Value, path: &FieldPath) {
    const KNOWN: [&str; 3] = ["Audit", "Deny", "Warn"];
    if is_empty(spec.get("validationActions")) {
        return errors.required(path.clone(), "at least one validation action is required");
    }
    let mut seen = BTreeSet::new();
    for (index, action) in list(spec, "validationActions") {
        let action = action.as_str().unwrap_or_default();
        if !KNOWN.contains(&action) {
            errors.not_supported(path.index(index), action, &KNOWN);
        }
        if !seen.insert(action) {
            errors.duplicate(path.index(index), action);
        }
    }
    if seen.contains("Deny") && seen.contains("Warn") {
        let detail = "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)";
        errors.invalid(path.clone(), serde_json::json!(["Deny", "Warn"]), detail);
    }
}

fn webhooks(errors: &mut Errors, new: &Value) {
    let mut seen = BTreeSet::new();
    for (index, webhook) in list(new, "webhooks") {
        let (path, name) = (field("webhooks").index(index), text(webhook, "name"));
        if !seen.insert(name) {
            errors.duplicate(path.child("name"), name);
        }
        self::webhook(errors, webhook, &path);
    }
}

fn webhook(errors: &mut Errors, webhook: &Value, path: &FieldPath) {
    let name = text(webhook, "name");
    let mut wrong = names::check_dns1123_subdomain(name);
    if wrong.is_empty() && name.split('.').count() < 3 {
        wrong.push("should be a domain with at least three segments separated by dots".to_owned());
    }
    errors.grammar(&path.child("name"), name, wrong);
    for (index, rule) in list(webhook, "rules") {
        self::rule(errors, rule, &path.child("rules").index(index));
    }
    let effects = ["None", "NoneOnDryRun"];
    match text(webhook, "sideEffects") {
        "" => errors.required(path.child("sideEffects"), "must specify one of None, NoneOnDryRun"),
        effect if !effects.contains(&effect) => errors.not_supported(path.child("sideEffects"), effect, &effects),
        _ => {}
    }
    if let Some(seconds) = webhook.get("timeoutSeconds").and_then(Value::as_i64).filter(|s| !(1..=30).contains(s)) {
        let detail = "the timeout value must be between 1 and 30 seconds";
        errors.invalid(path.child("timeoutSeconds"), seconds, detail);
    }
    for selector in ["namespaceSelector", "objectSelector"] {
        if let Some(value) = webhook.get(selector) {
            workloads::label_selector(errors, value, &path.child(selector));
        }
    }
    client(errors, webhook.get("clientConfig").unwrap_or(&Value::Null), &path.child("clientConfig"));
    if !list(webhook, "admissionReviewVersions").any(|(_, version)| version == "v1" || version == "v1beta1") {
        let path = path.child("admissionReviewVersions");
        match is_empty(webhook.get("admissionReviewVersions")) {
            true => errors.required(path, "must specify one of v1, v1beta1"),
            false => {
                let given = webhook["admissionReviewVersions"].clone();
                errors.invalid(path, given, "must include at least one of v1, v1beta1");
            }
        }
    }
    conditions(errors, webhook, path);
}

fn client(errors: &mut Errors, client: &Value, path: &FieldPath) {
    match (client.get("url").and_then(Value::as_str), client.get("service")) {
        (None, None) | (Some(_), Some(_)) => {
            errors.required(path.clone(), "exactly one of url or service is required");
        }
        (Some(url), None) if !url.starts_with("https://") => {
            let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
            let detail = "'https' is the only allowed URL scheme; desired format: https://host[/path]";
            errors.invalid(path.child("url"), scheme, detail);
        }
        (None, Some(service)) => {
            for name in ["name", "namespace"].iter().filter(|name| text(service, name).is_empty()) {
                errors.required(path.child("service").child(name), &format!("service {name} is required"));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::validate;
    use super::*;
    use serde_json::json;

    fn problems(kind: &str, mut object: Value) -> Vec<String> {
        object["metadata"] = json!({"name": "a"});
        let gvk = GroupVersionKind::new("admissionregistration.k8s.io", "v1", kind);
        validate(&gvk, &object, None).iter().map(ToString::to_string).collect()
    }

    fn constraints() -> Value {
        let rule = json!({"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]});
        json!({"resourceRules": [rule]})
    }

    #[test]
    fn validating_policies() {
        let spec = json!({"matchConstraints": constraints(), "validations": [{"expression": "a\nb", "reason": "Odd"}],
            "variables": [{"name": "1a", "expression": "1"}], "matchConditions": [{"name": "a", "expression": ""}]});
        let found = problems("ValidatingAdmissionPolicy", json!({"spec": spec}));
        let expected = [
            "spec.matchConditions[0].expression: Required value",
            "spec.variables[0].name: Invalid value: \"1a\": name is not a valid CEL identifier",
            "spec.validations[0].message: Required value: message must be specified if expression contains line breaks",
            "spec.validations[0].reason: Unsupported value: \"Odd\": supported values: \"Forbidden\", \"Invalid\", \"RequestEntityTooLarge\"",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn bindings() {
        let spec = json!({"policyName": "p", "validationActions": ["Deny", "Deny"],
            "paramRef": {"name": "a", "selector": {}, "parameterNotFoundAction": "Allow"}});
        let found = problems("ValidatingAdmissionPolicyBinding", json!({"spec": spec}));
        let expected = [
            "spec.paramRef.name: Forbidden: name and selector are mutually exclusive",
            "spec.validationActions[1]: Duplicate value: \"Deny\"",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn webhook_configurations() {
        let webhook = json!({"name": "short", "sideEffects": "Some", "admissionReviewVersions": ["v2"],
            "timeoutSeconds": 31, "clientConfig": {}});
        let found = problems("ValidatingWebhookConfiguration", json!({"webhooks": [webhook]}));
        let expected = [
            "webhooks[0].name: Invalid value: \"short\": should be a domain with at least three segments separated by dots",
            "webhooks[0].sideEffects: Unsupported value: \"Some\": supported values: \"None\", \"NoneOnDryRun\"",
            "webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds",
            "webhooks[0].clientConfig: Required value: exactly one of url or service is required",
            "webhooks[0].admissionReviewVersions: Invalid value: [\"v2\"]: must include at least one of v1, v1beta1",
        ];
        assert_eq!(found, expected);
    }
}
