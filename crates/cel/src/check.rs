//! Static checking: the type of every part of an expression, before it is ever evaluated.
//! It must not evaluate anything, nor know what the variables mean.
//!
//! The rules, and the words of the errors, are those of cel-go's `checker`; types come from OpenAPI schemas.

mod comprehension;
mod declarations;
mod infer;
mod literal;
mod schema;
mod types;
mod walk;

use std::collections::{BTreeMap, HashMap};

use cel::IdedExpr;
use cel::common::ast::SourceInfo;

pub(crate) use literal::MUTATIONS;
pub use schema::type_of;
pub(crate) use schema::{text_type, type_name, with_object_meta};
pub use types::{CelType, ObjectType};

use crate::analysis;
use crate::environment;

/// The variables an expression may use, with their types.
#[derive(Clone, Debug, Default)]
pub struct Variables(BTreeMap<String, CelType>);

impl Variables {
    /// No variables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// These and one more.
    #[must_use]
    pub fn with(mut self, name: &str, type_: CelType) -> Self {
        self.0.insert(name.to_owned(), type_);
        self
    }

    fn get(&self, name: &str) -> Option<&CelType> {
        self.0.get(name)
    }
}

/// Something is wrong with an expression; prints as cel-go prints it, with the line and a caret below.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct CheckError(pub Vec<String>);

/// A checked expression.
#[derive(Debug)]
pub struct Checked {
    pub(crate) expression: IdedExpr,
    /// What the expression evaluates to.
    pub type_: CelType,
    /// The types of the parts, by the number of the node.
    pub(crate) types: HashMap<u64, CelType>,
    /// The variables it uses.
    pub references: std::collections::BTreeSet<String>,
}

/// Parses and checks an expression.
///
/// # Errors
/// Every syntax error, or else every type error.
pub fn check(source: &str, variables: &Variables) -> Result<Checked, CheckError> {
    let parser = environment::shared().parser().enable_ident_escape_syntax(true);
    let (mut expression, positions) =
        parser.parse_with_source_info(source).map_err(|errors| syntax_errors(source, &errors))?;
    let references = analysis::chains(&expression).into_iter().map(|chain| chain.root).collect();
    let mut walk = walk::Walk::new(variables);
    let type_ = walk.expr(&mut expression);
    if !walk.errors.is_empty() {
        let mut errors: Vec<_> =
            walk.errors.into_iter().map(|(id, message)| (position(source, &positions, id), message)).collect();
        errors.sort();
        return Err(CheckError(errors.into_iter().map(|(at, message)| located(source, at, &message)).collect()));
    }
    let types = walk.types.into_iter().map(|(id, type_)| (id, walk.infer.finished(&type_))).collect();
    let type_ = walk.infer.finished(&type_);
    Ok(Checked { expression, type_, types, references })
}

fn syntax_errors(source: &str, errors: &cel::ParseErrors) -> CheckError {
    let positive = |n: isize| usize::try_from(n).unwrap_or(1).max(1);
    let one = |error: &cel::ParseError| {
        let message = if error.msg.starts_with("Syntax error") || error.expr_id != 0 {
            error.msg.clone()
        } else {
            format!("Syntax error: {}", error.msg)
        };
        located(source, (positive(error.pos.0), positive(error.pos.1)), &message)
    };
    CheckError(errors.errors.iter().map(one).collect())
}

/// Line and column of a node, both from 1.
fn position(source: &str, positions: &SourceInfo, id: u64) -> (usize, usize) {
    let offset = positions.offset_for(id).map_or(0, |(start, _)| start as usize);
    let before: String = source.chars().take(offset).collect();
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count());
    (line + 1, column + 1)
}

/// As `common.Error.ToDisplayString`: the message, the line, and a caret below the column.
fn located(source: &str, (line, column): (usize, usize), message: &str) -> String {
    let snippet = source.lines().nth(line - 1).unwrap_or_default();
    let dots = ".".repeat(column - 1);
    format!("ERROR: <input>:{line}:{column}: {message}\n | {snippet}\n | {dots}^")
}

#[cfg(test)]
mod tests;
