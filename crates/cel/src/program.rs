//! A compiled expression and its evaluation.
//! It must not know which variables exist: callers bind them.

use std::collections::{BTreeMap, BTreeSet};

use cel::common::value::CowVal;
use cel::context::VariableResolver;
use cel::{Context, ExecutionError, IdedExpr};
use serde_json::Value;

use crate::analysis::{self, FieldChain};
use crate::environment;
use crate::value::{from_json, to_json};

/// A compiled expression; cheap to evaluate many times and from many threads.
#[derive(Debug)]
pub struct Program {
    source: String,
    expression: IdedExpr,
    chains: BTreeSet<FieldChain>,
    references: BTreeSet<String>,
}

/// The text is not an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} at line {line}, column {column} of `{expression}`")]
pub struct CompileError {
    /// The text.
    pub expression: String,
    /// What the parser expected.
    pub message: String,
    /// Line in the text, from 1.
    pub line: usize,
    /// Column in that line, from 1.
    pub column: usize,
}

/// Whether a failed evaluation may succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A key, field or element is not there; it may still come, as with a status that is not written yet.
    Pending,
    /// The expression cannot be evaluated over values of these types.
    Invalid,
}

/// An expression could not be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to evaluate `{expression}`: {message}")]
pub struct Error {
    /// The expression.
    pub expression: String,
    /// Why.
    pub message: String,
    /// Whether waiting may help.
    pub kind: ErrorKind,
}

/// The variables an expression sees; they borrow the objects they stand for.
#[derive(Clone, Debug, Default)]
pub struct Bindings<'v>(BTreeMap<&'v str, &'v Value>);

impl<'v> Bindings<'v> {
    /// No variables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// These and one more; a later one of the same name wins.
    #[must_use]
    pub fn with(mut self, name: &'v str, value: &'v Value) -> Self {
        self.set(name, value);
        self
    }

    /// Binds a variable.
    pub fn set(&mut self, name: &'v str, value: &'v Value) {
        self.0.insert(name, value);
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'v Value> {
        self.0.get(name).copied()
    }
}

impl VariableResolver for Bindings<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        self.0.get(variable).map(|value| CowVal::Owned(from_json(value)))
    }
}

impl Program {
    /// Compiles an expression.
    ///
    /// # Errors
    /// When the text is not valid CEL; the error says where.
    pub fn compile(source: &str) -> Result<Self, CompileError> {
        let parser = environment::shared().parser().enable_ident_escape_syntax(true);
        let mut expression = parser.parse(source).map_err(|errors| compile_error(source, &errors))?;
        let chains = analysis::chains(&expression);
        analysis::make_deterministic(&mut expression);
        let references = chains.iter().map(|chain| chain.root.clone()).collect();
        Ok(Self { source: source.to_owned(), expression, chains, references })
    }

    /// The text this was compiled from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The variables the expression reads, those of its own comprehensions left out.
    #[must_use]
    pub fn references(&self) -> &BTreeSet<String> {
        &self.references
    }

    /// The field chains the expression reads, such as `schema.spec.name`.
    #[must_use]
    pub fn chains(&self) -> &BTreeSet<FieldChain> {
        &self.chains
    }

    /// The chain, where the whole expression is nothing but one.
    #[must_use]
    pub fn as_chain(&self) -> Option<&FieldChain> {
        let mut chains = self.chains.iter();
        let chain = chains.next().filter(|_| chains.next().is_none())?;
        let spelled = chain.fields.iter().fold(chain.root.clone(), |text, field| text + "." + field);
        (spelled == self.source.trim()).then_some(chain)
    }

    /// Evaluates to JSON; `optional.none()` is null.
    ///
    /// # Errors
    /// [`ErrorKind::Pending`] when a key, field or element is missing, else [`ErrorKind::Invalid`].
    pub fn evaluate(&self, bindings: &Bindings<'_>) -> Result<Value, Error> {
        let mut context = Context::with_env(environment::shared_arc());
        context.set_variable_resolver(bindings);
        let value = cel::Value::resolve_val(&self.expression, &context).map_err(|error| self.failed(&error))?;
        to_json(value.as_ref()).map_err(|message| self.error(message, ErrorKind::Invalid))
    }

    fn failed(&self, error: &ExecutionError) -> Error {
        match error {
            ExecutionError::NoSuchKey(key) => self.error(format!("no such key: {key}"), ErrorKind::Pending),
            ExecutionError::IndexOutOfBounds(_) => self.error("index out of bounds".to_owned(), ErrorKind::Pending),
            other => self.error(other.to_string(), ErrorKind::Invalid),
        }
    }

    fn error(&self, message: String, kind: ErrorKind) -> Error {
        Error { expression: self.source.clone(), message, kind }
    }
}

fn compile_error(source: &str, errors: &cel::ParseErrors) -> CompileError {
    let first = errors.errors.first();
    let (line, column) = first.map_or((1, 1), |error| error.pos);
    let positive = |n: isize| usize::try_from(n).unwrap_or(1).max(1);
    CompileError {
        expression: source.to_owned(),
        message: first.map_or_else(|| "not an expression".to_owned(), |error| error.msg.clone()),
        line: positive(line),
        column: positive(column),
    }
}

#[cfg(test)]
mod tests;
