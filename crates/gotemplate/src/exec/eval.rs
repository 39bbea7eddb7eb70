//! Evaluates pipelines, commands and words.

use std::rc::Rc;

use super::Machine;
use crate::ast::{Command, Pipe, Word, WordKind};
use crate::error::{Error, Fault};
use crate::templates::MissingKey;
use crate::value::Value;

impl Machine<'_> {
    /// The value of a pipeline, which its variables get too.
    pub(super) fn pipe(&mut self, dot: &Value, pipe: &Pipe) -> Result<Value, Error> {
        let value = self.pipe_value(dot, pipe)?;
        for variable in &pipe.variables {
            if pipe.declares {
                self.variables.push((variable.clone(), value.clone()));
            } else {
                self.assign(variable, value.clone());
            }
        }
        Ok(value)
    }

    pub(super) fn pipe_value(&mut self, dot: &Value, pipe: &Pipe) -> Result<Value, Error> {
        self.spend(1).map_err(|fault| self.located(pipe.at, pipe, fault))?;
        let mut value = None;
        for command in &pipe.commands {
            value = Some(self.command(dot, command, value)?);
        }
        Ok(value.unwrap_or_default())
    }

    pub(super) fn assign(&mut self, name: &str, value: Value) {
        // The parser has seen to it that there is one.
        if let Some((_, held)) = self.variables.iter_mut().rev().find(|(known, _)| known == name) {
            *held = value;
        }
    }

    /// A command; `last` is the value that is piped into it.
    fn command(&mut self, dot: &Value, command: &Command, last: Option<Value>) -> Result<Value, Error> {
        let (first, rest) = (&command.words[0], &command.words[1..]);
        match &first.kind {
            WordKind::Function(name) => self.function(dot, name, command, last),
            WordKind::Field(fields) => self.fields(dot, (first, dot.clone(), fields), rest, last),
            WordKind::Variable(name, fields) => {
                let value = self.variable(name);
                if fields.is_empty() {
                    self.no_arguments(first, rest, last.as_ref())?;
                    return Ok(value);
                }
                self.fields(dot, (first, value, fields), rest, last)
            }
            WordKind::Chain(inner, fields) => {
                let value = self.word(dot, inner)?;
                self.fields(dot, (first, value, fields), rest, last)
            }
            WordKind::Nil => Err(self.error(first.at, command, "nil is not a command")),
            _ => {
                self.no_arguments(first, rest, last.as_ref())?;
                self.word(dot, first)
            }
        }
    }

    fn no_arguments(&self, word: &Word, rest: &[Word], last: Option<&Value>) -> Result<(), Error> {
        if rest.is_empty() && last.is_none() {
            return Ok(());
        }
        Err(self.error(word.at, word, format!("can't give argument to non-function {word}")))
    }

    fn variable(&self, name: &str) -> Value {
        let found = self.variables.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// A word as a value.
    fn word(&mut self, dot: &Value, word: &Word) -> Result<Value, Error> {
        Ok(match &word.kind {
            WordKind::Dot => dot.clone(),
            WordKind::Nil => Value::Nil,
            WordKind::Bool(value) => Value::Bool(*value),
            WordKind::Int(number, _) => Value::Int(*number),
            WordKind::Float(number, _) => Value::Float(*number),
            WordKind::Str(text) => Value::from(text.as_str()),
            WordKind::Pipe(pipe) => {
                self.go_deeper(pipe.at, pipe)?;
                let value = self.pipe(dot, pipe);
                self.depth -= 1;
                value?
            }
            WordKind::Variable(name, fields) if fields.is_empty() => self.variable(name),
            WordKind::Variable(name, fields) => self.fields(dot, (word, self.variable(name), fields), &[], None)?,
            WordKind::Field(fields) => self.fields(dot, (word, dot.clone(), fields), &[], None)?,
            WordKind::Chain(inner, fields) => {
                let value = self.word(dot, inner)?;
                self.fields(dot, (word, value, fields), &[], None)?
            }
            WordKind::Function(name) => self.call(name, (word.at, word), &[])?,
        })
    }

    /// Follows fields from a value; the last may be a method that takes the arguments.
    fn fields(
        &mut self,
        dot: &Value,
        (word, start, fields): (&Word, Value, &[String]),
        rest: &[Word],
        last: Option<Value>,
    ) -> Result<Value, Error> {
        let mut arguments = rest.iter().map(|word| self.word(dot, word)).collect::<Result<Vec<_>, _>>()?;
        arguments.extend(last);
        let mut value = start;
        let count = fields.len();
        for (index, field) in fields.iter().enumerate() {
            let arguments = if index + 1 == count { arguments.as_slice() } else { &[] };
            match self.field(&value, field, arguments) {
                Ok(Some(next)) => value = next,
                Ok(None) => return Ok(Value::Nil),
                Err(fault) => return Err(self.located(word.at, word, fault)),
            }
        }
        Ok(value)
    }

    /// One field of a value; `None` is no value, of which every field is no value either.
    fn field(&self, value: &Value, name: &str, arguments: &[Value]) -> Result<Option<Value>, Fault> {
        match value {
            Value::Object(object) => object.get(name, arguments).map_or_else(
                || Err(Fault::new(format!("can't evaluate field {name} in type {}", object.type_name()))),
                |value| value.map(Some),
            ),
            Value::Map(_) if !arguments.is_empty() => {
                Err(Fault::new(format!("{name} is not a method but has arguments")))
            }
            Value::Map(dict) => match (dict.get(name), self.missing_key()) {
                (Some(value), _) => Ok(Some(value)),
                (None, MissingKey::Default) => Ok(None),
                (None, MissingKey::Zero) => Ok(Some(Value::Nil)),
                (None, MissingKey::Error) => Err(Fault::new(format!("map has no entry for key {name:?}"))),
            },
            Value::Nil if self.frame.without_data && self.missing_key() != MissingKey::Error => Ok(None),
            Value::Nil => Err(Fault::new(format!("nil pointer evaluating interface {{}}.{name}"))),
            _ => Err(Fault::new(format!("can't evaluate field {name} in type interface {{}}"))),
        }
    }

    fn function(&mut self, dot: &Value, name: &str, command: &Command, last: Option<Value>) -> Result<Value, Error> {
        let words = &command.words[1..];
        if matches!(name, "and" | "or") {
            return self.either(dot, name, command, last);
        }
        let mut arguments = Vec::with_capacity(words.len() + 1);
        for word in words {
            arguments.push(self.word(dot, word)?);
        }
        arguments.extend(last);
        self.call(name, (command.at, command), &arguments)
    }

    /// `and` and `or` look no further than they need to.
    fn either(&mut self, dot: &Value, name: &str, command: &Command, last: Option<Value>) -> Result<Value, Error> {
        let words = &command.words[1..];
        if words.is_empty() && last.is_none() {
            let message = format!("wrong number of args for {name}: want at least 1 got 0");
            return Err(self.error(command.at, &name, message));
        }
        let mut value = Value::Nil;
        for word in words {
            value = self.word(dot, word)?;
            if value.is_true() == (name == "or") {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }

    fn call(
        &mut self,
        name: &str,
        (at, shown): (usize, &dyn std::fmt::Display),
        arguments: &[Value],
    ) -> Result<Value, Error> {
        let Some(function) = self.functions.get(name) else {
            return Err(self.error(at, shown, format!("{name:?} is not a defined function")));
        };
        let count = arguments.len();
        if count < function.least || function.most.is_some_and(|most| count > most) {
            let want = if function.most == Some(function.least) { "" } else { "at least " };
            let message = format!("wrong number of args for {name}: want {want}{} got {count}", function.least);
            return Err(self.error(at, &name, message));
        }
        self.spend(1).map_err(|fault| self.located(at, shown, fault))?;
        (function.run)(self, arguments).map_err(|fault| {
            let fault = match fault {
                Fault::Message(message) => Fault::Message(format!("error calling {name}: {message}")),
                Fault::Nested(error) if !matches!(*error, Error::Failed { .. }) => {
                    Fault::Message(format!("error calling {name}: {error}"))
                }
                other => other,
            };
            self.located(at, shown, fault)
        })
    }

    /// The name of the template that runs.
    #[must_use]
    pub fn running(&self) -> Rc<str> {
        Rc::clone(&self.frame.name)
    }
}
