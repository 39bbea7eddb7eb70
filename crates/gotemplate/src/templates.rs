//! A set of templates that can use each other's definitions.

use std::collections::HashMap;
use std::rc::Rc;

use jiff::Timestamp;

use crate::ast::Tree;
use crate::entropy::Entropy;
use crate::error::Error;
use crate::exec::Machine;
use crate::functions::Functions;
use crate::parse;
use crate::value::Value;

/// What a key that a map does not have means; Go's option `missingkey`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingKey {
    /// No value, also when a field of it is asked for; Go's `default` and `invalid`.
    #[default]
    Default,
    /// `nil`, of which no field can be asked for; as Helm has it.
    Zero,
    /// An error.
    Error,
}

/// How much a template may do.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Nodes evaluated and values made.
    pub steps: u64,
    /// Bytes of text, also of texts that are only looked at.
    pub output: usize,
    /// Blocks, parentheses and templates within each other.
    pub depth: usize,
}

impl Limits {
    /// What a thread's usual stack of 2 MiB bears.
    #[must_use]
    pub fn shallow() -> Self {
        Self { steps: 2_000_000, output: 4 * 1024 * 1024, depth: 150 }
    }
}

impl Default for Limits {
    /// Far above what the largest charts need; for [`crate::on_deep_stack`].
    fn default() -> Self {
        Self { steps: 20_000_000, output: 64 * 1024 * 1024, depth: 3000 }
    }
}

/// What templates see of the world.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// The time that `now` gives.
    pub now: Timestamp,
    /// Where random values come from.
    pub entropy: Entropy,
    /// What a missing key means.
    pub missing_key: MissingKey,
    /// How much may be done.
    pub limits: Limits,
}

/// Trees by name.
#[derive(Clone, Default)]
pub(crate) struct Set(HashMap<Rc<str>, Rc<Tree>>);

impl Set {
    pub(crate) fn get(&self, name: &str) -> Option<Rc<Tree>> {
        self.0.get(name).cloned()
    }

    /// A later tree takes the place of an earlier one, unless it is empty.
    pub(crate) fn define(&mut self, name: &str, tree: Tree) {
        if !self.0.contains_key(name) || !tree.is_empty() {
            self.0.insert(name.into(), Rc::new(tree));
        }
    }
}

/// A set of templates.
pub struct Templates {
    functions: Functions,
    set: Rc<Set>,
}

impl Templates {
    /// None yet.
    #[must_use]
    pub fn new(functions: Functions) -> Self {
        Self { functions, set: Rc::default() }
    }

    /// Adds a template and what it defines.
    ///
    /// # Errors
    /// When the text is not a template.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), Error> {
        let parsed = parse::parse(name, text, &|function| self.functions.has(function))?;
        let set = Rc::make_mut(&mut self.set);
        for (name, tree) in parsed.definitions {
            set.define(&name, tree);
        }
        set.define(name, parsed.main);
        Ok(())
    }

    /// The text that a template gives for some data.
    ///
    /// # Errors
    /// When there is no such template, or what it does fails or goes beyond the limits.
    pub fn render(&self, name: &str, data: Value, environment: &Environment) -> Result<String, Error> {
        Machine::new(&self.functions, Rc::clone(&self.set), environment).start(name, data)
    }
}
