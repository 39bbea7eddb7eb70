//! Which functions templates may call. It must not know what they do.

use std::collections::HashMap;

use crate::error::Fault;
use crate::exec::Machine;
use crate::value::Value;
use crate::{builtins, sprig};

/// What a function does.
pub type Run = fn(&mut Machine<'_>, &[Value]) -> Result<Value, Fault>;

/// A function with the number of arguments it takes.
#[derive(Clone, Copy)]
pub struct Function {
    pub(crate) run: Run,
    pub(crate) least: usize,
    pub(crate) most: Option<usize>,
}

impl Function {
    /// A function with exactly so many arguments.
    #[must_use]
    pub const fn fixed(count: usize, run: Run) -> Self {
        Self { run, least: count, most: Some(count) }
    }

    /// A function with so many arguments or more.
    #[must_use]
    pub const fn variadic(least: usize, run: Run) -> Self {
        Self { run, least, most: None }
    }
}

/// The functions that templates may call, by name.
#[derive(Clone, Default)]
pub struct Functions(HashMap<&'static str, Function>);

impl Functions {
    /// Those of Go's `text/template`.
    #[must_use]
    pub fn go() -> Self {
        Self::default().with(builtins::FUNCTIONS)
    }

    /// Those of Go and Sprig, but for the ones that look at the machine (`env`, `expandenv`, `getHostByName`).
    #[must_use]
    pub fn sprig() -> Self {
        sprig::TABLES.iter().fold(Self::go(), |functions, table| functions.with(table))
    }

    /// With more functions; those of the same name are replaced.
    #[must_use]
    pub fn with(mut self, functions: &[(&'static str, Function)]) -> Self {
        self.0.extend(functions.iter().copied());
        self
    }

    pub(crate) fn get(&self, name: &str) -> Option<Function> {
        self.0.get(name).copied()
    }

    /// Whether there is such a function.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}
