//! Runs a template: goes through its nodes, and writes what they give.
//! It must not know what functions do.

mod eval;
mod range;

use std::fmt::Display;
use std::rc::Rc;

use crate::ast::{Branch, Node, Pipe, Tree};
use crate::entropy::Stream;
use crate::error::{Error, Fault};
use crate::format::{NO_VALUE, display, quote};
use crate::functions::Functions;
use crate::lex::place;
use crate::parse;
use crate::templates::{Environment, MissingKey, Set};
use crate::value::{Dict, Value};

/// How a list of nodes ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

/// A running template.
pub struct Machine<'a> {
    functions: &'a Functions,
    set: Rc<Set>,
    pub(crate) environment: &'a Environment,
    pub(crate) random: Stream,
    output: String,
    variables: Vec<(String, Value)>,
    /// The template that runs.
    frame: Frame,
    depth: usize,
    steps: u64,
    /// Maps that were changed in place: they may hold each other.
    changed: Vec<Dict>,
}

#[derive(Clone)]
struct Frame {
    name: Rc<str>,
    tree: Rc<Tree>,
    /// Whether the template was given nothing.
    without_data: bool,
}

impl Drop for Machine<'_> {
    fn drop(&mut self) {
        self.changed.iter().for_each(Dict::clear);
    }
}

impl<'a> Machine<'a> {
    pub(crate) fn new(functions: &'a Functions, set: Rc<Set>, environment: &'a Environment) -> Self {
        let tree = Rc::new(Tree { source: "".into(), text: "".into(), body: Vec::new() });
        Self {
            functions,
            set,
            environment,
            random: environment.entropy.stream(),
            output: String::new(),
            variables: Vec::new(),
            frame: Frame { name: "".into(), tree, without_data: false },
            depth: 0,
            steps: environment.limits.steps,
            changed: Vec::new(),
        }
    }

    pub(crate) fn start(&mut self, name: &str, data: Value) -> Result<String, Error> {
        let tree = self.set.get(name).ok_or_else(|| Error::Unknown(name.to_owned()))?;
        self.capture(|machine| machine.run(name, tree, data))
    }

    /// The text that another template of the set gives; Helm's `include`.
    ///
    /// # Errors
    /// When there is none of that name, or it fails.
    pub fn include(&mut self, name: &str, data: Value) -> Result<String, Fault> {
        Ok(self.start(name, data)?)
    }

    /// The text that a template gives which is written here; Helm's `tpl`. What it defines holds within it.
    ///
    /// # Errors
    /// When the text is not a template, or it fails.
    pub fn template(&mut self, text: &str, data: Value) -> Result<String, Fault> {
        let name = Rc::clone(&self.frame.name);
        let parsed = parse::parse(&name, text, &|function| self.functions.has(function))?;
        self.spend(text.len() as u64)?;
        let outer = Rc::clone(&self.set);
        if !parsed.definitions.is_empty() {
            let set = Rc::make_mut(&mut self.set);
            parsed.definitions.into_iter().for_each(|(name, tree)| set.define(&name, tree));
        }
        let text = self.capture(|machine| machine.run(&name, Rc::new(parsed.main), data));
        self.set = outer;
        Ok(text?)
    }

    /// Notes that a map was changed in place, so that it is freed in the end even if it holds itself.
    pub(crate) fn changes(&mut self, dict: &Dict) {
        self.changed.push(dict.clone());
    }

    /// Counts work of a size, such as the items of a list that is made.
    ///
    /// # Errors
    /// When the template has done too much.
    pub fn spend(&mut self, steps: u64) -> Result<(), Fault> {
        self.steps = self.steps.checked_sub(steps).ok_or_else(|| {
            let limit = self.environment.limits.steps;
            Fault::new(format!("template does more than {limit} steps; look for a loop without end"))
        })?;
        Ok(())
    }

    /// What is written meanwhile.
    fn capture(&mut self, inner: impl FnOnce(&mut Self) -> Result<(), Error>) -> Result<String, Error> {
        let outer = std::mem::take(&mut self.output);
        let result = inner(self);
        let text = std::mem::replace(&mut self.output, outer);
        result.map(|()| text)
    }

    fn run(&mut self, name: &str, tree: Rc<Tree>, data: Value) -> Result<(), Error> {
        let without_data = matches!(data, Value::Nil);
        let frame = Frame { name: name.into(), tree: Rc::clone(&tree), without_data };
        self.go_deeper(0, &name)?;
        let outer = std::mem::replace(&mut self.frame, frame);
        let variables = std::mem::replace(&mut self.variables, vec![("$".to_owned(), data.clone())]);
        let result = self.walk_all(&data, &tree.body);
        self.depth -= 1;
        self.variables = variables;
        self.frame = outer;
        result.map(drop)
    }

    /// Counts a level; whoever calls counts it down again.
    fn go_deeper(&mut self, at: usize, shown: &dyn Display) -> Result<(), Error> {
        let limit = self.environment.limits.depth;
        if self.depth >= limit {
            return Err(self.error(at, shown, format!("nested more than {limit} levels deep")));
        }
        self.depth += 1;
        Ok(())
    }

    fn walk_all(&mut self, dot: &Value, nodes: &[Node]) -> Result<Flow, Error> {
        for node in nodes {
            let flow = self.walk(dot, node)?;
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn walk(&mut self, dot: &Value, node: &Node) -> Result<Flow, Error> {
        match node {
            Node::Text(text) => self.write(text)?,
            Node::Action(pipe) => {
                let value = self.pipe(dot, pipe)?;
                if pipe.variables.is_empty() {
                    self.print(&value)?;
                }
            }
            Node::If(branch) => return self.branch(dot, branch, false),
            Node::With(branch) => return self.branch(dot, branch, true),
            Node::Range(branch) => return self.range(dot, branch),
            Node::Template { at, name, pipe } => self.invoke(dot, *at, name, pipe.as_ref())?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn branch(&mut self, dot: &Value, branch: &Branch, moves: bool) -> Result<Flow, Error> {
        let known = self.variables.len();
        let value = self.pipe(dot, &branch.pipe)?;
        self.go_deeper(branch.pipe.at, &branch.pipe)?;
        let flow = match (value.is_true(), moves) {
            (true, true) => self.walk_all(&value, &branch.then),
            (true, false) => self.walk_all(dot, &branch.then),
            (false, _) => self.walk_all(dot, &branch.otherwise),
        };
        self.depth -= 1;
        self.variables.truncate(known);
        flow
    }

    fn invoke(&mut self, dot: &Value, at: usize, name: &str, pipe: Option<&Pipe>) -> Result<(), Error> {
        let Some(tree) = self.set.get(name) else {
            let given = pipe.map(|pipe| format!(" {pipe}")).unwrap_or_default();
            let shown = format!("{{{{template {}{given}}}}}", quote(name));
            return Err(self.error(at, &shown, format!("template {name:?} not defined")));
        };
        let data = pipe.map_or(Ok(Value::Nil), |pipe| self.pipe(dot, pipe))?;
        self.run(name, tree, data)
    }

    fn print(&mut self, value: &Value) -> Result<(), Error> {
        match value {
            Value::Nil => self.write(NO_VALUE),
            Value::Str(text) => self.write(text),
            other => self.write(&display(other)),
        }
    }

    fn write(&mut self, text: &str) -> Result<(), Error> {
        let limit = self.environment.limits.output;
        if self.output.len() + text.len() > limit {
            return Err(self.error(0, &"output", format!("template writes more than {limit} bytes")));
        }
        self.spend(1 + text.len() as u64 / 64).map_err(|fault| self.located(0, &"output", fault))?;
        self.output.push_str(text);
        Ok(())
    }

    fn error(&self, at: usize, shown: &dyn Display, message: impl Into<String>) -> Error {
        self.located(at, shown, Fault::Message(message.into()))
    }

    /// A fault with the place where it happened.
    fn located(&self, at: usize, shown: &dyn Display, fault: Fault) -> Error {
        let (line, column) = place(&self.frame.tree.text, at);
        let template = self.frame.tree.source.to_string();
        match fault {
            Fault::Nested(error) if matches!(*error, Error::Failed { .. }) => *error,
            Fault::Failed(message) => Error::Failed { template, line, column, message },
            fault => {
                let (executing, at) = (self.frame.name.to_string(), shown.to_string());
                Error::Exec { template, line, column, executing, at, message: fault.to_string() }
            }
        }
    }

    fn missing_key(&self) -> MissingKey {
        self.environment.missing_key
    }
}
