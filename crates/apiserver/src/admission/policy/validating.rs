//! ValidatingAdmissionPolicies: what they refuse and warn of.
//! It must not change objects. Upstream: `plugin/policy/validating`.

use mainstay_cel::policy::{Answer, BUDGET, EvaluationError, Expression, Wanted, evaluate};
use serde_json::{Value, json};

use super::super::configuration::Configuration;
use super::super::matching::Matcher;
use super::super::review::{Review, items, text};
use super::binding::Binding;
use super::{Policy, Seen, said};
use crate::Error;

/// The longest message an expression may make, in bytes.
const LONGEST_MESSAGE: usize = 5 * 1024;

/// A policy, compiled.
pub(in crate::admission) struct Validating {
    policy: Policy,
    /// Why it cannot be evaluated, if it cannot.
    broken: Option<String>,
    validations: Vec<Validation>,
    annotations: Vec<Expression>,
}

struct Validation {
    expression: Expression,
    message: String,
    message_expression: Option<Expression>,
    reason: &'static str,
}

/// Something a policy has against a write.
struct Decision {
    message: String,
    reason: &'static str,
    /// Whether it is so whatever the binding asks for, since nothing could be decided.
    always_denies: bool,
}

impl Decision {
    fn deny(message: String) -> Self {
        Self { message, reason: "Invalid", always_denies: true }
    }
}

impl Validating {
    /// Parses a policy with its bindings; `None` if nothing binds it.
    pub(in crate::admission) fn parse(policy: &Value, bindings: &[Value]) -> Option<Self> {
        match Self::compile(policy, bindings) {
            Ok(parsed) => parsed,
            // Such a policy was written before its expressions were looked at as closely as today.
            Err(why) => {
                let mut bare = policy.clone();
                for field in ["variables", "matchConditions"] {
                    bare["spec"].as_object_mut()?.remove(field);
                }
                let (policy, _) = Policy::parse(&bare, bindings).ok()??;
                Some(Self { policy, broken: Some(why), validations: Vec::new(), annotations: Vec::new() })
            }
        }
    }

    fn compile(policy: &Value, bindings: &[Value]) -> Result<Option<Self>, String> {
        let Some((parsed, environment)) = Policy::parse(policy, bindings)? else { return Ok(None) };
        let validation = |validation: &Value| -> Result<Validation, String> {
            let message = text(validation, "/messageExpression");
            let compile_message = || environment.compile(message, Wanted::Text);
            Ok(Validation {
                expression: environment.compile(text(validation, "/expression"), Wanted::Bool)?,
                message: text(validation, "/message").trim().to_owned(),
                message_expression: (!message.is_empty()).then(compile_message).transpose()?,
                reason: match text(validation, "/reason") {
                    "Forbidden" => "Forbidden",
                    "RequestEntityTooLarge" => "RequestEntityTooLarge",
                    _ => "Invalid",
                },
            })
        };
        let annotation = |given: &Value| environment.compile(text(given, "/valueExpression"), Wanted::TextOrNull);
        Ok(Some(Self {
            policy: parsed,
            broken: None,
            validations: items(policy, "/spec/validations").map(validation).collect::<Result<_, _>>()?,
            annotations: items(policy, "/spec/auditAnnotations").map(annotation).collect::<Result<_, _>>()?,
        }))
    }

    pub(in crate::admission) fn matcher(&self) -> &Matcher {
        &self.policy.matcher
    }

    /// What it has against a write, with parameters or without.
    fn decide(&self, review: &Review<'_>, seen: &Seen, params: Option<&Value>) -> Vec<Decision> {
        let inputs = seen.inputs(review, params);
        match self.policy.applies(&inputs) {
            Ok(true) => {}
            Ok(false) => return Vec::new(),
            Err(message) => return vec![Decision { always_denies: false, ..Decision::deny(message) }],
        }
        let mut budget = BUDGET;
        let expressions: Vec<&Expression> = self.validations.iter().map(|validation| &validation.expression).collect();
        let answers = evaluate(&expressions, &self.policy.variables, &inputs, &mut budget);
        let messages: Vec<&Expression> =
            self.validations.iter().filter_map(|validation| validation.message_expression.as_ref()).collect();
        let mut messages = evaluate(&messages, &self.policy.variables, &inputs, &mut budget).into_iter();
        let mut decisions = Vec::new();
        for (validation, answer) in self.validations.iter().zip(answers) {
            let message = validation.message_expression.as_ref().and_then(|_| messages.next());
            decisions.extend(self.decision(validation, answer, message));
        }
        let annotations: Vec<&Expression> = self.annotations.iter().collect();
        let values = evaluate(&annotations, &self.policy.variables, &inputs, &mut budget);
        let errors = values.into_iter().filter_map(Result::err).filter(|_| self.policy.fails_closed);
        decisions.extend(errors.map(|error| Decision::deny(said(&error))));
        decisions
    }

    fn decision(
        &self,
        validation: &Validation,
        answer: Result<Answer, EvaluationError>,
        message: Option<Result<Answer, EvaluationError>>,
    ) -> Option<Decision> {
        let failed = |message: String| {
            self.policy.fails_closed.then_some(Decision { message, reason: "Invalid", always_denies: false })
        };
        match answer {
            Err(error) => failed(said(&error)),
            Ok(Answer::Bool(true)) => match message {
                Some(Err(error @ EvaluationError::OutOfBudget)) => failed(format!("failed messageExpression: {error}")),
                _ => None,
            },
            Ok(_) => {
                let shown = match message {
                    Some(Err(error @ EvaluationError::OutOfBudget)) => {
                        return failed(format!("failed messageExpression: {error}"));
                    }
                    Some(Ok(Answer::Text(text))) => Some(text.trim().to_owned()),
                    _ => None,
                };
                let shown = shown.filter(|text| text.len() <= LONGEST_MESSAGE && !text.contains('\n'));
                let own = Some(validation.message.clone());
                let chosen = [shown, own].into_iter().flatten().find(|text| !text.is_empty());
                let fallback = || format!("failed expression: {}", validation.expression.source().trim());
                let message = chosen.unwrap_or_else(fallback);
                Some(Decision { message, reason: validation.reason, always_denies: false })
            }
        }
    }
}

/// What was decided of a write so far.
#[derive(Default)]
struct Verdict {
    denied: Option<Error>,
    warnings: Vec<String>,
}

/// Holds a write against all policies that are about it; the first refusal is what the client hears, all warnings are.
///
/// # Errors
/// When a policy refuses the write.
pub(in crate::admission) fn validate(
    review: &Review<'_>,
    configuration: &Configuration,
    object: Option<&Value>,
    warnings: &mut Vec<String>,
) -> Result<(), Error> {
    let mut verdict = Verdict::default();
    for policy in configuration.validating.candidates(review) {
        let Some(found) = policy.matcher().matches(review, object) else { continue };
        let mut bindings =
            policy.policy.bindings.iter().filter(|binding| binding.matcher.allows(review, object)).peekable();
        if bindings.peek().is_none() {
            continue;
        }
        let seen = Seen::of(review, object, &found)?;
        bindings.for_each(|binding| verdict.hear(review, policy, binding, &seen));
    }
    warnings.append(&mut verdict.warnings);
    verdict.denied.map_or(Ok(()), Err)
}

impl Verdict {
    fn hear(&mut self, review: &Review<'_>, policy: &Validating, binding: &Binding, seen: &Seen) {
        let configured = match &policy.broken {
            Some(why) => Err(format!("failed to configure policy: {why}")),
            None => {
                let params = binding.params(review, policy.policy.param_kind.as_ref());
                params.map_err(|why| format!("failed to configure binding: {why}"))
            }
        };
        match configured {
            Err(why) if policy.policy.fails_closed => self.deny(review, policy, binding, &Decision::deny(why)),
            Err(_) => {}
            Ok(all) => {
                for params in all {
                    for decision in policy.decide(review, seen, params.as_ref()) {
                        self.take(review, policy, binding, &decision);
                    }
                }
            }
        }
    }

    fn take(&mut self, review: &Review<'_>, policy: &Validating, binding: &Binding, decision: &Decision) {
        let asks = |action: &str| binding.actions.iter().any(|asked| asked == action);
        if decision.always_denies || asks("Deny") {
            self.deny(review, policy, binding, decision);
        } else if asks("Warn") {
            self.warnings.push(format!(
                "Validation failed for ValidatingAdmissionPolicy '{}' with binding '{}': {}",
                policy.policy.name, binding.name, decision.message
            ));
        }
    }

    fn deny(&mut self, review: &Review<'_>, policy: &Validating, binding: &Binding, decision: &Decision) {
        if self.denied.is_some() {
            return;
        }
        let (policy, binding) = (&policy.policy.name, &binding.name);
        let message = format!(
            "ValidatingAdmissionPolicy '{policy}' with binding '{binding}' denied request: {}",
            decision.message
        );
        let mut error = review.forbidden(&message);
        error.reason = decision.reason;
        error.code = match decision.reason {
            "Forbidden" => 403,
            "RequestEntityTooLarge" => 413,
            _ => 422,
        };
        if let Some(details) = error.details.as_mut() {
            details["causes"] = json!([{"message": message}]);
        }
        self.denied = Some(error);
    }
}
