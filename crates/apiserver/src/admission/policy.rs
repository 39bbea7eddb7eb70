//! Validating and mutating admission policies: CEL expressions in objects, bound to what they are about.
//! It must not know webhooks. Upstream: `k8s.io/apiserver/pkg/admission/plugin/policy`.

mod authorize;
mod binding;
mod check;
mod mutating;
mod patch;
mod validating;

pub(crate) use check::problems;
pub(super) use mutating::{Mutating, mutate, reinvoke};
pub(super) use validating::{Validating, validate};

use mainstay_apimachinery::object;
use mainstay_cel::policy::{
    Access, Answer, Environment, EvaluationError, Expression, Inputs, MATCH_BUDGET, Variable, evaluate,
};
use serde_json::Value;

use super::matching::{Match, Matcher};
use super::review::{Review, items, text};
use crate::Error;
use binding::Binding;

use authorize::Asker;

/// What policies of both kinds have.
pub(super) struct Policy {
    pub(super) name: String,
    pub(super) matcher: Matcher,
    pub(super) bindings: Vec<Binding>,
    pub(super) param_kind: Option<Value>,
    conditions: Vec<Expression>,
    pub(super) variables: Vec<Variable>,
    /// Whether a failure to evaluate refuses the write.
    pub(super) fails_closed: bool,
}

impl Policy {
    /// The policy with its bindings and the environment of its expressions; `None` if nothing binds it.
    fn parse(policy: &Value, bindings: &[Value]) -> Result<Option<(Self, Environment)>, String> {
        let name = object::name(policy);
        let bound = bindings.iter().filter(|binding| text(binding, "/spec/policyName") == name);
        let bindings: Vec<Binding> = bound.map(Binding::parse).collect();
        if bindings.is_empty() {
            return Ok(None);
        }
        let param_kind = policy.pointer("/spec/paramKind").cloned();
        let plain = Environment::new(param_kind.is_some(), true);
        let mut environment = plain.clone().with_variables();
        let define = |variable: &Value| environment.define(text(variable, "/name"), text(variable, "/expression"));
        let variables = items(policy, "/spec/variables").map(define).collect::<Result<_, _>>()?;
        let parsed = Self {
            name: name.to_owned(),
            matcher: Matcher::parse(policy.pointer("/spec/matchConstraints").unwrap_or(&Value::Null), "resourceRules"),
            bindings,
            param_kind,
            conditions: conditions(policy.get("spec").unwrap_or(&Value::Null), &plain)?,
            variables,
            fails_closed: text(policy, "/spec/failurePolicy") != "Ignore",
        };
        Ok(Some((parsed, environment)))
    }

    /// Whether the conditions hold for a write.
    ///
    /// # Errors
    /// When that cannot be said, and the policy fails closed.
    fn applies(&self, inputs: &Inputs<'_>) -> Result<bool, String> {
        hold(&self.conditions, inputs, self.fails_closed)
    }
}

/// The compiled `matchConditions` of a policy or a webhook.
pub(super) fn conditions(holder: &Value, environment: &Environment) -> Result<Vec<Expression>, String> {
    let compile =
        |condition: &Value| environment.compile(text(condition, "/expression"), mainstay_cel::policy::Wanted::Bool);
    items(holder, "/matchConditions").map(compile).collect()
}

/// Whether all conditions hold. One that is false decides; an error counts only where none is false.
///
/// # Errors
/// When a condition cannot be evaluated, and failures are to refuse.
pub(super) fn hold(conditions: &[Expression], inputs: &Inputs<'_>, fails_closed: bool) -> Result<bool, String> {
    if conditions.is_empty() {
        return Ok(true);
    }
    let all: Vec<&Expression> = conditions.iter().collect();
    let mut budget = MATCH_BUDGET;
    let answers = evaluate(&all, &[], inputs, &mut budget);
    if answers.contains(&Ok(Answer::Bool(false))) {
        return Ok(false);
    }
    let errors: Vec<String> =
        answers.iter().filter_map(|answer| answer.as_ref().err()).map(ToString::to_string).collect();
    match errors.is_empty() {
        true => Ok(true),
        false if fails_closed => Err(super::limit_ranger::aggregate(&errors)),
        false => Ok(false),
    }
}

/// What the expressions of one policy see of one write.
pub(super) struct Seen {
    object: Option<Value>,
    old: Option<Value>,
    request: Value,
    asker: std::sync::Arc<Asker>,
    access: Access,
}

impl Seen {
    pub(super) fn of(review: &Review<'_>, object: Option<&Value>, found: &Match) -> Result<Self, Error> {
        let version = found.version.as_deref();
        let show = |object: Option<&Value>| object.map(|object| review.shown(object, version)).transpose();
        Ok(Self {
            object: show(object)?,
            old: show(review.request.old)?,
            request: review.attributes(version),
            asker: std::sync::Arc::new(Asker::of(review)),
            access: authorize::of_request(review),
        })
    }

    pub(super) fn inputs<'s>(&'s self, review: &'s Review<'_>, params: Option<&'s Value>) -> Inputs<'s> {
        Inputs {
            object: self.object.as_ref(),
            old_object: self.old.as_ref(),
            request: &self.request,
            params,
            namespace_object: review.namespace(),
            authorizer: Some((self.asker.clone(), self.access.clone())),
        }
    }
}

/// The text of an error of an expression.
fn said(error: &EvaluationError) -> String {
    error.to_string()
}
