//! MutatingAdmissionPolicies: what they make of an object.
//! It must not refuse what is merely undesired. Upstream: `plugin/policy/mutating`.

use mainstay_cel::policy::{Answer, BUDGET, Expression, Wanted, evaluate};
use serde_json::{Value, json};

use super::super::configuration::Configuration;
use super::super::matching::Matcher;
use super::super::review::{Review, items, text};
use super::{Policy, Seen, patch, said};
use crate::{Error, strategy};

/// A policy, compiled.
pub(in crate::admission) struct Mutating {
    policy: Policy,
    mutations: Vec<(Kind, Expression)>,
    reinvoked: bool,
}

/// What a mutation evaluates to.
#[derive(Clone, Copy)]
enum Kind {
    Apply,
    JsonPatch,
}

impl Mutating {
    /// Parses a policy with its bindings; `None` if nothing binds it, or it cannot be evaluated: it was refused, then.
    pub(in crate::admission) fn parse(policy: &Value, bindings: &[Value]) -> Option<Self> {
        let (parsed, environment) = Policy::parse(policy, bindings).ok()??;
        let environment = environment.with_mutations();
        let mutation = |mutation: &Value| -> Result<(Kind, Expression), String> {
            Ok(match text(mutation, "/patchType") {
                "JSONPatch" => {
                    let expression = text(mutation, "/jsonPatch/expression");
                    (Kind::JsonPatch, environment.compile(expression, Wanted::JsonPatch)?)
                }
                _ => {
                    let expression = text(mutation, "/applyConfiguration/expression");
                    (Kind::Apply, environment.compile(expression, Wanted::Object)?)
                }
            })
        };
        let mutations = items(policy, "/spec/mutations").map(mutation).collect::<Result<_, _>>().ok()?;
        let reinvoked = text(policy, "/spec/reinvocationPolicy") == "IfNeeded";
        Some(Self { policy: parsed, mutations, reinvoked })
    }

    pub(in crate::admission) fn matcher(&self) -> &Matcher {
        &self.policy.matcher
    }

    /// Lets the policy change the object; whether it did. What it fails to do is among the failures.
    fn run(&self, review: &Review<'_>, object: &mut Value, failures: &mut Failures) -> Result<bool, Error> {
        let Some(found) = self.matcher().matches(review, Some(object)) else { return Ok(false) };
        let before = object.clone();
        for binding in self.policy.bindings.iter().filter(|binding| binding.matcher.allows(review, Some(&before))) {
            let mut failed = |why: &str, reason| {
                if self.policy.fails_closed {
                    let (policy, binding) = (&self.policy.name, &binding.name);
                    failures
                        .push((format!("policy '{policy}' with binding '{binding}' denied request: {why}"), reason));
                }
            };
            let params = match binding.params(review, self.policy.param_kind.as_ref()) {
                Ok(params) => params,
                Err(why) => {
                    failed(&why, "Forbidden");
                    continue;
                }
            };
            for params in params {
                let seen = Seen::of(review, Some(object), &found)?;
                if let Some(changed) = self.changed(review, seen, params.as_ref(), &mut failed) {
                    keep_version(object, changed);
                }
            }
        }
        Ok(*object != before)
    }

    /// The object after all mutations that succeed; `None` where the conditions do not hold.
    fn changed(
        &self,
        review: &Review<'_>,
        mut seen: Seen,
        params: Option<&Value>,
        failed: &mut dyn FnMut(&str, &'static str),
    ) -> Option<Value> {
        match self.policy.applies(&seen.inputs(review, params)) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(why) => {
                failed(&why, "Invalid");
                return None;
            }
        }
        for mutation in &self.mutations {
            match self.mutated(review, &seen, params, mutation) {
                Ok(object) => seen.object = Some(object),
                Err(why) => failed(&why, "Invalid"),
            }
        }
        seen.object
    }

    /// The object after one mutation.
    fn mutated(
        &self,
        review: &Review<'_>,
        seen: &Seen,
        params: Option<&Value>,
        (kind, expression): &(Kind, Expression),
    ) -> Result<Value, String> {
        let (inputs, mut budget) = (seen.inputs(review, params), BUDGET);
        let answers = evaluate(&[expression], &self.policy.variables, &inputs, &mut budget);
        let answer = answers.into_iter().next().ok_or("the mutation was not evaluated")?;
        let Answer::Json(value) = answer.map_err(|error| said(&error))? else {
            return Err(format!("expression '{}' evaluated to no object", expression.source()));
        };
        let object = inputs.object.unwrap_or(&Value::Null);
        let resource = review.request.resource;
        let mut changed = match kind {
            Kind::Apply => patch::apply(resource.schema().as_deref(), object, &value)?,
            Kind::JsonPatch => patch::json(object, &value)?,
        };
        strategy::set_defaults(resource, &mut changed);
        Ok(changed)
    }
}

/// What went wrong, with the reason that the client is given.
type Failures = Vec<(String, &'static str)>;

/// What was shown in another version goes back to the one it is written in.
fn keep_version(object: &mut Value, mut changed: Value) {
    changed["apiVersion"] = object["apiVersion"].take();
    *object = changed;
}

/// Lets all policies change an object, and those that ask for it once more if one after them did.
///
/// # Errors
/// When a policy that fails closed cannot be evaluated.
pub(in crate::admission) fn mutate(
    review: &Review<'_>,
    configuration: &Configuration,
    object: &mut Value,
) -> Result<(), Error> {
    // What a scale becomes is worked out from the object, which is what is stored.
    if review.request.subresource == "scale" {
        return Ok(());
    }
    let mut failures = Failures::new();
    let mut changed = false;
    for policy in configuration.mutating.candidates(review) {
        changed |= policy.run(review, object, &mut failures)?;
    }
    refuse(review, &failures)?;
    if changed { reinvoke(review, configuration, object) } else { Ok(()) }
}

/// As upstream's `Dispatch`: the first failure is the message, all are causes.
fn refuse(review: &Review<'_>, failures: &Failures) -> Result<(), Error> {
    let Some((message, reason)) = failures.first() else { return Ok(()) };
    let mut error = review.forbidden("");
    error.message.clone_from(message);
    error.reason = reason;
    if let Some(details) = error.details.as_mut() {
        details["causes"] = failures.iter().map(|(message, _)| json!({"message": message})).collect();
    }
    Err(error)
}

/// Lets the policies that ask for it change the object once more, after a webhook did.
///
/// # Errors
/// As [`mutate`].
pub(in crate::admission) fn reinvoke(
    review: &Review<'_>,
    configuration: &Configuration,
    object: &mut Value,
) -> Result<(), Error> {
    let mut failures = Failures::new();
    for policy in configuration.mutating.candidates(review).filter(|policy| policy.reinvoked) {
        policy.run(review, object, &mut failures)?;
    }
    refuse(review, &failures)
}
