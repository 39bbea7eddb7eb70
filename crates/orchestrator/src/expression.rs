//! `${…}` in the values of a template: found, compiled, and filled in.
//! It must not know about nodes, instances or Kubernetes.

mod scan;

use std::collections::BTreeSet;

use mainstay_apimachinery::FieldPath;
use mainstay_cel::{Bindings, ErrorKind, FieldChain, Program};
use serde_json::{Map, Value};

use scan::Part;
pub use scan::ScanError;

/// A JSON value in which some strings are expressions.
#[derive(Debug)]
pub enum Template {
    /// Nothing to fill in.
    Literal(Value),
    /// The whole value is one expression and takes its type.
    Expression(Program),
    /// Text around expressions, each of which must give a string.
    Text(Vec<Piece>),
    /// An object with something to fill in.
    Object(Vec<(String, Template)>),
    /// A list with something to fill in.
    List(Vec<Template>),
}

/// A part of a text.
#[derive(Debug)]
pub enum Piece {
    /// As written.
    Literal(String),
    /// To be filled in.
    Expression(Program),
}

/// A string in a template that is not valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, below the template.
    pub path: FieldPath,
    /// What, and what would be right.
    pub message: String,
}

/// A template could not be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {source}")]
pub struct Unresolved {
    /// Where, below the template.
    pub path: FieldPath,
    /// Why.
    #[source]
    pub source: mainstay_cel::Error,
}

impl Unresolved {
    /// Whether waiting may help.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.source.kind == ErrorKind::Pending
    }
}

impl Template {
    /// Compiles every expression in a value.
    ///
    /// # Errors
    /// Every string that is wrong.
    pub fn compile(value: &Value) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let template = compile(value, &FieldPath::root(), &mut problems);
        if problems.is_empty() { Ok(template) } else { Err(problems) }
    }

    /// Visits every expression with its path.
    pub fn each<'t>(&'t self, path: &FieldPath, visit: &mut impl FnMut(&FieldPath, &'t Program)) {
        match self {
            Self::Literal(_) => {}
            Self::Expression(program) => visit(path, program),
            Self::Text(pieces) => {
                for piece in pieces {
                    if let Piece::Expression(program) = piece {
                        visit(path, program);
                    }
                }
            }
            Self::Object(fields) => fields.iter().for_each(|(name, field)| field.each(&path.child(name), visit)),
            Self::List(items) => {
                items.iter().enumerate().for_each(|(index, item)| item.each(&path.index(index), visit));
            }
        }
    }

    /// The field of an object.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Template> {
        match self {
            Self::Object(fields) => fields.iter().find(|(field, _)| field == name).map(|(_, field)| field),
            _ => None,
        }
    }

    /// The variables the expressions read.
    #[must_use]
    pub fn references(&self) -> BTreeSet<String> {
        let mut references = BTreeSet::new();
        self.each(&FieldPath::root(), &mut |_, program| references.extend(program.references().iter().cloned()));
        references
    }

    /// Fills everything in. A field or item whose expression gives null or `optional.none()` is left out.
    ///
    /// # Errors
    /// The first expression that cannot be evaluated.
    pub fn resolve(&self, bindings: &Bindings<'_>) -> Result<Value, Unresolved> {
        self.resolve_at(bindings, &FieldPath::root())
    }

    fn resolve_at(&self, bindings: &Bindings<'_>, path: &FieldPath) -> Result<Value, Unresolved> {
        let failed = |source| Unresolved { path: path.clone(), source };
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Expression(program) => program.evaluate(bindings).map_err(failed),
            Self::Text(pieces) => text(pieces, bindings).map(Value::from).map_err(failed),
            Self::Object(fields) => {
                let mut map = Map::new();
                for (name, field) in fields {
                    let value = field.resolve_at(bindings, &path.child(name))?;
                    if !(value.is_null() && matches!(field, Self::Expression(_))) {
                        map.insert(name.clone(), value);
                    }
                }
                Ok(Value::Object(map))
            }
            Self::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let value = item.resolve_at(bindings, &path.index(index))?;
                    if !(value.is_null() && matches!(item, Self::Expression(_))) {
                        list.push(value);
                    }
                }
                Ok(Value::Array(list))
            }
        }
    }

    /// Fills in what can be, leaving fields out whose expressions cannot be evaluated yet.
    /// `None` where nothing could be.
    #[must_use]
    pub fn resolve_softly(&self, bindings: &Bindings<'_>) -> Option<Value> {
        match self {
            Self::Object(fields) => {
                let resolved = fields.iter().filter_map(|(name, field)| {
                    field.resolve_softly(bindings).filter(|value| !value.is_null()).map(|value| (name.clone(), value))
                });
                Some(resolved.collect::<Map<_, _>>()).filter(|map| !map.is_empty()).map(Value::Object)
            }
            other => other.resolve(bindings).ok(),
        }
    }

    /// The chain, where this is one expression that is nothing but a field chain.
    #[must_use]
    pub fn as_chain(&self) -> Option<&FieldChain> {
        match self {
            Self::Expression(program) => program.as_chain(),
            _ => None,
        }
    }
}

/// Compiles a value that must be one expression and nothing else, as in `readyWhen`.
///
/// # Errors
/// With a text when it is anything else.
pub fn standalone(text: &str) -> Result<Program, String> {
    match scan::scan(text).map_err(|error| error.to_string())?.as_slice() {
        [Part::Expression(source)] => Program::compile(source).map_err(|error| error.to_string()),
        _ => Err(format!("`{text}` must be one expression `${{…}}` with nothing around it")),
    }
}

fn compile(value: &Value, path: &FieldPath, problems: &mut Vec<Problem>) -> Template {
    match value {
        Value::String(text) => compile_text(text).unwrap_or_else(|message| {
            problems.push(Problem { path: path.clone(), message });
            Template::Literal(Value::Null)
        }),
        Value::Array(items) => {
            let items: Vec<_> =
                items.iter().enumerate().map(|(index, item)| compile(item, &path.index(index), problems)).collect();
            if items.iter().all(is_literal) { Template::Literal(value.clone()) } else { Template::List(items) }
        }
        Value::Object(map) => {
            let fields: Vec<_> =
                map.iter().map(|(name, field)| (name.clone(), compile(field, &path.child(name), problems))).collect();
            let literal = fields.iter().all(|(_, field)| is_literal(field));
            if literal { Template::Literal(value.clone()) } else { Template::Object(fields) }
        }
        other => Template::Literal(other.clone()),
    }
}

fn is_literal(template: &Template) -> bool {
    matches!(template, Template::Literal(_))
}

fn compile_text(text: &str) -> Result<Template, String> {
    let parts = scan::scan(text).map_err(|error| error.to_string())?;
    let program = |source: &str| Program::compile(source).map_err(|error| error.to_string());
    match parts.as_slice() {
        [] => Ok(Template::Literal(Value::from(text))),
        [Part::Literal(_)] => Ok(Template::Literal(Value::from(text))),
        [Part::Expression(source)] => Ok(Template::Expression(program(source)?)),
        parts => parts
            .iter()
            .map(|part| match part {
                Part::Literal(literal) => Ok(Piece::Literal((*literal).to_owned())),
                Part::Expression(source) => program(source).map(Piece::Expression),
            })
            .collect::<Result<_, String>>()
            .map(Template::Text),
    }
}

fn text(pieces: &[Piece], bindings: &Bindings<'_>) -> Result<String, mainstay_cel::Error> {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => text.push_str(literal),
            Piece::Expression(program) => text.push_str(&string(program, bindings)?),
        }
    }
    Ok(text)
}

fn string(program: &Program, bindings: &Bindings<'_>) -> Result<String, mainstay_cel::Error> {
    match program.evaluate(bindings)? {
        Value::String(text) => Ok(text),
        other => Err(mainstay_cel::Error {
            expression: program.source().to_owned(),
            message: format!("an expression inside a text must give a string, not {other}; wrap it in string(…)"),
            kind: ErrorKind::Invalid,
        }),
    }
}

#[cfg(test)]
mod tests;
