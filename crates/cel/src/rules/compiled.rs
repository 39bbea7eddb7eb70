//! One rule, compiled, and its evaluation.
//! It must not know where in an object it stands.

use cel::common::types::{CelBool, CelOptional, CelString};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, ExecutionError, IdedExpr};
use mainstay_apimachinery::FieldPath;
use mainstay_apimachinery::schema::Rule;

use super::{CALL_LIMIT, field_path, meter};
use crate::analysis;
use crate::check::{CelType, CheckError, Checked, Variables, check};
use crate::environment;

/// The longest message an expression may make, in bytes.
const LONGEST_MESSAGE: usize = 5 * 1024;
/// What upstream says of a text that is no quantity.
const QUANTITY: &str = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/// A rule that can be evaluated, or why it cannot.
#[derive(Debug)]
pub(super) struct CompiledRule {
    pub(super) rule: Rule,
    pub(super) program: Result<Expression, String>,
    pub(super) message: Option<Result<Expression, String>>,
    pub(super) uses_old_self: bool,
    pub(super) field_path: Option<field_path::Steps>,
}

/// A checked expression, ready to evaluate.
#[derive(Debug)]
pub(super) struct Expression {
    node: IdedExpr,
    /// What it costs without its loops.
    base: u64,
    /// What it is estimated to cost at most.
    pub(super) estimate: u64,
}

/// The values of `self` and `oldSelf`.
pub(super) struct Activation<'v> {
    pub(super) own: Box<dyn Val + 'v>,
    pub(super) old: Option<Box<dyn Val + 'v>>,
}

/// How an evaluation failed.
#[derive(Debug, PartialEq)]
pub(crate) enum Failure {
    /// It cost too much.
    Cost,
    /// The operands do not go together.
    Overload(String),
    /// Anything else.
    Other(String),
}

impl CompiledRule {
    /// Compiles a rule over values of a type.
    pub(super) fn new(rule: &Rule, self_type: &CelType) -> Self {
        let old = if rule.optional_old_self { CelType::optional(self_type.clone()) } else { self_type.clone() };
        let variables = Variables::new().with("self", self_type.clone()).with("oldSelf", old);
        let checked = check(&rule.rule, &variables);
        let uses_old_self = checked.as_ref().is_ok_and(|checked| checked.references.contains("oldSelf"));
        let message = rule.message_expression.as_ref().filter(|text| !text.trim().is_empty());
        let schema_of_self = self_type;
        let finish = |checked: Result<Checked, CheckError>, wanted: &str, other: &str, prefix: &str| match checked {
            Err(error) => Err(format!("{prefix}compilation failed: {error}")),
            Ok(checked) if !checked.type_.is(wanted) => Err(other.to_owned()),
            Ok(checked) => Ok(Expression::new(checked, schema_of_self)),
        };
        Self {
            program: finish(checked, "bool", "cel expression must evaluate to a bool", ""),
            message: message.map(|text| {
                let other = "messageExpression must evaluate to a string";
                finish(check(text, &variables), "string", other, "messageExpression ")
            }),
            uses_old_self,
            field_path: rule.field_path.as_deref().and_then(|path| field_path::parse(path).ok()),
            rule: rule.clone(),
        }
    }

    /// The rule's message, or the rule itself, for errors of evaluation.
    pub(super) fn label(&self) -> &str {
        let message = self.rule.message.as_deref().map(str::trim).filter(|message| !message.is_empty());
        message.unwrap_or_else(|| self.rule.rule.trim())
    }

    /// What is said when the rule does not hold.
    pub(super) fn default_message(&self) -> String {
        match self.rule.message.as_deref().map(str::trim) {
            None | Some("") => format!("failed rule: {}", self.rule.rule.trim()),
            Some(message) => message.to_owned(),
        }
    }

    /// Where the error is reported.
    pub(super) fn place(&self, path: &FieldPath) -> FieldPath {
        self.field_path.as_ref().map_or_else(|| path.clone(), |steps| field_path::below(path, steps))
    }
}

impl Expression {
    fn new(checked: Checked, self_type: &CelType) -> Self {
        let estimate = super::cost::estimate(&checked, self_type);
        let mut node = checked.expression;
        analysis::make_deterministic(&mut node);
        let base = meter::install(&mut node);
        Self { node, base, estimate }
    }

    /// Whether the rule holds.
    ///
    /// # Errors
    /// When it cannot be said.
    pub(super) fn holds(&self, activation: &Activation<'_>) -> Result<bool, Failure> {
        self.evaluate(activation, |value| value.downcast_ref::<CelBool>().is_some_and(|holds| *holds.inner()))
    }

    /// The message the expression makes; `None` where it makes none that could be shown.
    pub(super) fn text(&self, activation: &Activation<'_>) -> Option<String> {
        let text =
            self.evaluate(activation, |value| value.downcast_ref::<CelString>().map(|text| text.inner().to_owned()));
        let text = text.ok()??.trim().to_owned();
        let fine = !text.is_empty() && !text.contains('\n') && text.len() <= LONGEST_MESSAGE;
        fine.then_some(text)
    }

    fn evaluate<T>(&self, activation: &Activation<'_>, read: impl FnOnce(&dyn Val) -> T) -> Result<T, Failure> {
        let mut context = Context::with_env(environment::shared_arc());
        context.set_variable_resolver(activation);
        meter::start(self.base);
        let result = cel::Value::resolve_val(&self.node, &context);
        if meter::spent() > CALL_LIMIT {
            return Err(Failure::Cost);
        }
        match result {
            Ok(value) => Ok(read(value.as_ref())),
            Err(error) => Err(failure(&error)),
        }
    }
}

/// An error in the words of cel-go.
pub(crate) fn failure(error: &ExecutionError) -> Failure {
    Failure::Other(match error {
        ExecutionError::NoSuchOverload(_) | ExecutionError::UnsupportedBinaryOperator(..) => {
            return Failure::Overload("no such overload".to_owned());
        }
        ExecutionError::NoSuchKey(key) => format!("no such key: {key}"),
        ExecutionError::IndexOutOfBounds(index) => format!("index out of bounds: {}", printed(index)),
        ExecutionError::DivisionByZero(_) => "division by zero".to_owned(),
        ExecutionError::RemainderByZero(_) => "modulus by zero".to_owned(),
        ExecutionError::Overflow(..) => "integer overflow".to_owned(),
        ExecutionError::FunctionError { function, .. } if function == "quantity" => QUANTITY.to_owned(),
        ExecutionError::FunctionError { message, .. } => message.clone(),
        other => other.to_string(),
    })
}

fn printed(value: &cel::Value) -> String {
    match value {
        cel::Value::Int(int) => int.to_string(),
        other => format!("{other:?}"),
    }
}

impl VariableResolver for Activation<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        match variable {
            "self" => Some(CowVal::Borrowed(self.own.as_ref())),
            "oldSelf" => self.old.as_ref().map(|old| CowVal::Borrowed(old.as_ref())),
            _ => None,
        }
    }
}

/// `oldSelf` of a rule that asks for an optional one.
pub(super) fn optional<'v>(old: Option<Box<dyn Val + 'v>>) -> Box<dyn Val + 'v> {
    Box::new(old.map_or_else(CelOptional::none, CelOptional::of))
}
