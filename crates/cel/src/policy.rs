//! Expressions of admission policies and match conditions: compiled once, evaluated for each write, as
//! `k8s.io/apiserver/pkg/admission/plugin/cel`.
//! It must not know which policies there are, nor what a failure leads to.
//!
//! Start at [`Environment`], which says what expressions may use, and [`evaluate`].

mod scope;
mod types;

use std::collections::BTreeMap;

use cel::common::types::{CelBool, CelNull, CelString};
use cel::common::value::Val;
use cel::{Context, IdedExpr};
use serde_json::Value;

pub use crate::library::kubernetes::authorizer::{Access, Authorize, Decision};
pub use scope::Inputs;
use scope::Scope;

use crate::analysis;
use crate::check::{CelType, Variables, check};
use crate::environment;
use crate::rules::{CALL_LIMIT, Failure, failure, meter};
use crate::value::to_json;

/// What all expressions of one policy, or all match conditions, may cost together: `RuntimeCELCostBudget`.
pub const BUDGET: u64 = 10_000_000;
/// What match conditions of one webhook may cost together: `RuntimeCELCostBudgetMatchConditions`.
pub const MATCH_BUDGET: u64 = 2_500_000;

/// What an expression must evaluate to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// `bool`.
    Bool,
    /// `string`.
    Text,
    /// `string` or `null`.
    TextOrNull,
    /// `Object`, the content of an apply.
    Object,
    /// `list(JSONPatch)`.
    JsonPatch,
    /// Whatever it is: a variable.
    Any,
}

/// What the expressions of one policy may use.
#[derive(Clone, Debug)]
pub struct Environment {
    variables: Variables,
    composed: Option<BTreeMap<String, CelType>>,
}

/// A compiled expression.
#[derive(Debug)]
pub struct Expression {
    source: String,
    node: IdedExpr,
    /// What it costs without its loops.
    base: u64,
    /// The composed variables it reads.
    reads: Vec<String>,
    type_: CelType,
}

/// A named expression that others may use as `variables.name`.
#[derive(Debug)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What it stands for.
    pub expression: Expression,
}

/// What an expression evaluated to.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A truth value.
    Bool(bool),
    /// A text.
    Text(String),
    /// Null.
    Null,
    /// Anything else, as JSON.
    Json(Value),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// The expressions before used up what may be spent; none after it was evaluated.
    #[error("validation failed due to running out of cost budget, no further validation rules will be run")]
    OutOfBudget,
    /// This expression failed.
    #[error("expression '{expression}' resulted in error: {why}")]
    Failed {
        /// The expression.
        expression: String,
        /// Why, in the words of cel-go.
        why: String,
    },
}

impl Environment {
    /// `object`, `oldObject`, `request`, `namespaceObject`, and those that are asked for: `params` and `authorizer`.
    #[must_use]
    pub fn new(params: bool, authorizer: bool) -> Self {
        let mut variables = Variables::new()
            .with("object", CelType::Dyn)
            .with("oldObject", CelType::Dyn)
            .with("request", types::request())
            .with("namespaceObject", types::namespace());
        if params {
            variables = variables.with("params", CelType::Dyn);
        }
        if authorizer {
            variables = variables
                .with("authorizer", CelType::Named("kubernetes.authorization.Authorizer"))
                .with(scope::REQUEST_RESOURCE, CelType::Named("kubernetes.authorization.ResourceCheck"));
        }
        Self { variables, composed: None }
    }

    /// This one, where expressions may use `variables`.
    #[must_use]
    pub fn with_variables(mut self) -> Self {
        self.composed = Some(BTreeMap::new());
        self.declare();
        self
    }

    /// This one, where expressions may build `Object{}` and `JSONPatch{}`.
    #[must_use]
    pub fn with_mutations(mut self) -> Self {
        self.variables = self.variables.with(crate::check::MUTATIONS, CelType::BOOL);
        self
    }

    /// This one, where an object that expressions see, such as `object` or `params`, has a known type.
    #[must_use]
    pub fn with_type(mut self, variable: &str, type_: CelType) -> Self {
        self.variables = self.variables.with(variable, type_);
        self
    }

    /// Compiles a variable, and lets expressions after it use it.
    ///
    /// # Errors
    /// Why it does not compile.
    pub fn define(&mut self, name: &str, source: &str) -> Result<Variable, String> {
        let compiled = self.compile(source, Wanted::Any);
        let type_ = compiled.as_ref().map_or(CelType::Dyn, |expression| expression.type_.clone());
        self.composed.get_or_insert_default().insert(name.to_owned(), type_);
        self.declare();
        Ok(Variable { name: name.to_owned(), expression: compiled? })
    }

    fn declare(&mut self) {
        if let Some(composed) = &self.composed {
            let fields = CelType::Fields(std::sync::Arc::new(composed.clone()));
            self.variables = std::mem::take(&mut self.variables).with("variables", fields);
        }
    }

    /// Compiles an expression.
    ///
    /// # Errors
    /// Why it does not compile, or is of another type.
    pub fn compile(&self, source: &str, wanted: Wanted) -> Result<Expression, String> {
        let checked = check(source, &self.variables).map_err(|error| format!("compilation failed: {error}"))?;
        wanted.check(&checked.type_)?;
        let mut node = checked.expression;
        let reads = analysis::chains(&node).into_iter().filter(|chain| chain.root == "variables");
        let reads = reads.filter_map(|chain| chain.fields.into_iter().next()).collect();
        analysis::make_deterministic(&mut node);
        let base = meter::install(&mut node);
        Ok(Expression { source: source.to_owned(), node, base, reads, type_: checked.type_ })
    }
}

impl Wanted {
    /// The types that fit; dynamic values are looked at when there are some.
    fn check(self, found: &CelType) -> Result<(), String> {
        let fitting: &[&str] = match self {
            Self::Bool => &["bool"],
            Self::Text => &["string"],
            Self::TextOrNull => &["string", "null_type"],
            Self::Object => &["Object"],
            Self::JsonPatch => &["list(JSONPatch)"],
            Self::Any => return Ok(()),
        };
        let name = match found.to_string() {
            null if null == "null" => "null_type".to_owned(),
            other => other,
        };
        // An empty list is one of anything.
        let empty = self == Self::JsonPatch && name == "list(dyn)";
        if empty || fitting.contains(&name.as_str()) || (name == "dyn" && self != Self::Object) {
            return Ok(());
        }
        match fitting {
            [one] => Err(format!("must evaluate to {one} but got {name}")),
            several => Err(format!("must evaluate to one of [{}]", several.join(" "))),
        }
    }
}

impl Expression {
    /// The text this was compiled from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    fn failed(&self, why: impl Into<String>) -> EvaluationError {
        EvaluationError::Failed { expression: self.source.clone(), why: why.into() }
    }

    /// Evaluates, taking what it costs off the budget.
    fn value<'s>(&'s self, scope: &'s Scope<'s>, budget: &mut u64) -> Result<Box<dyn Val + 's>, EvaluationError> {
        let mut context = Context::with_env(environment::shared_arc());
        context.set_variable_resolver(scope);
        meter::start(self.base);
        let result = cel::Value::resolve_val(&self.node, &context).map(cel::common::value::CowVal::into_owned);
        let spent = meter::spent();
        if spent > *budget {
            return Err(EvaluationError::OutOfBudget);
        }
        *budget -= spent;
        if spent > CALL_LIMIT {
            return Err(self.failed(meter::EXCEEDED));
        }
        result.map_err(|error| match failure(&error) {
            Failure::Cost => self.failed(meter::EXCEEDED),
            Failure::Overload(why) | Failure::Other(why) => self.failed(why),
        })
    }

    fn answer(&self, scope: &Scope<'_>, budget: &mut u64) -> Result<Answer, EvaluationError> {
        let value = self.value(scope, budget)?;
        if let Some(bool) = value.downcast_ref::<CelBool>() {
            return Ok(Answer::Bool(*bool.inner()));
        }
        if let Some(text) = value.downcast_ref::<CelString>() {
            return Ok(Answer::Text(text.inner().to_owned()));
        }
        if value.downcast_ref::<CelNull>().is_some() {
            return Ok(Answer::Null);
        }
        to_json(value.as_ref()).map(Answer::Json).map_err(|why| self.failed(why))
    }
}

/// Evaluates expressions in order. The variables they read are evaluated once, before them. When the budget is used
/// up, the answers end with [`EvaluationError::OutOfBudget`].
pub fn evaluate(
    expressions: &[&Expression],
    variables: &[Variable],
    inputs: &Inputs<'_>,
    budget: &mut u64,
) -> Vec<Result<Answer, EvaluationError>> {
    let needed = needed(expressions, variables);
    let mut answers = Vec::new();
    compose(&needed, &Scope::of(inputs), budget, &mut |scope, budget| {
        for expression in expressions {
            let answer = expression.answer(scope, budget);
            let stop = answer == Err(EvaluationError::OutOfBudget);
            answers.push(answer);
            if stop {
                return;
            }
        }
    });
    answers
}

/// The variables that are read, directly or by others, in the order they are defined in.
fn needed<'p>(expressions: &[&Expression], variables: &'p [Variable]) -> Vec<&'p Variable> {
    let mut names: Vec<&str> =
        expressions.iter().flat_map(|expression| &expression.reads).map(String::as_str).collect();
    let mut chosen: Vec<&Variable> = Vec::new();
    for variable in variables.iter().rev() {
        if names.contains(&variable.name.as_str()) {
            names.extend(variable.expression.reads.iter().map(String::as_str));
            chosen.push(variable);
        }
    }
    chosen.reverse();
    chosen
}

/// What is evaluated once all variables are known.
type Run<'r> = &'r mut dyn FnMut(&Scope<'_>, &mut u64);

/// Evaluates the variables one inside the scope of the other, then runs what reads them.
fn compose(variables: &[&Variable], scope: &Scope<'_>, budget: &mut u64, run: Run<'_>) {
    let Some((first, rest)) = variables.split_first() else { return run(scope, budget) };
    let value = first.expression.value(scope, budget);
    compose(rest, &scope.with(&first.name, &value), budget, run);
}

#[cfg(test)]
mod tests;
