//! Runs one script once, in a state of its own: globals in, the last returned value out.
//!
//! A script is anybody's text. What it may call is in `vm/sandbox.rs`, how long it may run in `vm/budget.rs`. It must not know
//! what scripts are for.

mod budget;
mod clock;
mod convert;
mod pattern;
mod sandbox;
mod strings;
mod tables;

use std::rc::Rc;

use jiff::Timestamp;
use mlua::chunk::ChunkMode;
use mlua::state::{GcIncParams, GcMode};
use mlua::{Lua, MultiValue};
use serde_json::Value;

use crate::Error;
use budget::{Budget, Spent};

/// How soon the collector starts again, in percent of what was alive: early, since garbage counts against the limit.
const COLLECT_AT_PERCENT: i32 = 120;

/// What one run may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Instructions. One that may touch much memory, because the script has gathered much, counts several times.
    pub instructions: u64,
    /// Bytes that the script may gather besides the object it is given.
    pub memory_bytes: usize,
}

impl Default for Limits {
    /// Far above what upstream's own scripts need (thousands of instructions, kilobytes), and used up within about the second
    /// that upstream allows.
    fn default() -> Self {
        Self { instructions: 3_000_000, memory_bytes: 8 * 1024 * 1024 }
    }
}

/// A script, and what it may call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script<'a> {
    /// What it is for, in words.
    pub(crate) name: &'a str,
    /// Its text.
    pub(crate) text: &'a str,
    /// Whether it may use the string and math libraries: `useOpenLibs`.
    pub(crate) open_libs: bool,
}

/// What a run is given besides the script.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World<'a> {
    /// Global variables.
    pub(crate) globals: &'a [(&'static str, &'a Value)],
    /// The time that `os.time` and `os.date` tell.
    pub(crate) now: Timestamp,
    /// What the run may use.
    pub(crate) limits: Limits,
}

/// What a script returned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Returned {
    /// Nothing, or nil.
    Nil,
    /// A table. An empty one is an empty list, as upstream's encoder has it.
    Table(Value),
}

impl Script<'_> {
    /// Runs it.
    ///
    /// # Errors
    /// When it cannot be compiled, fails, takes too long or too much, or returns something that is neither a table nor nil.
    pub(crate) fn run(&self, world: &World<'_>) -> Result<Returned, Error> {
        let budget = Rc::new(Budget::new(world.limits));
        let lua = sandbox::open(self.open_libs, world.now, &budget).map_err(|error| self.failed(&error, world))?;
        let outcome = self.evaluate(&lua, world, &budget);
        match outcome {
            // The script may have caught it; it counts all the same.
            _ if budget.spent() == Some(Spent::Instructions) => Err(self.too_long(world)),
            _ if budget.spent() == Some(Spent::Memory) => Err(self.too_much(world)),
            Ok(values) => self.read(values, world),
            Err(error) => Err(self.failed(&error, world)),
        }
    }

    fn evaluate(&self, lua: &Lua, world: &World<'_>, budget: &Rc<Budget>) -> mlua::Result<MultiValue> {
        for (name, value) in world.globals {
            lua.globals().raw_set(*name, convert::to_lua(lua, value)?)?;
        }
        lua.gc_set_mode(GcMode::Incremental(GcIncParams::default().pause(COLLECT_AT_PERCENT)));
        // Lines are told as `health.lua:3`: of what it is the error says already.
        let file = self.name.split(' ').next().unwrap_or(self.name);
        let chunk = lua.load(self.text).set_name(format!("={file}")).set_mode(ChunkMode::Text);
        let function = chunk.into_function()?;
        let longest = world.globals.iter().map(|(_, value)| convert::longest_text(value)).max();
        budget.start(lua, longest.unwrap_or(0))?;
        function.call(())
    }

    /// The last value counts, as upstream takes what lies on top of the stack.
    fn read(&self, mut values: MultiValue, world: &World<'_>) -> Result<Returned, Error> {
        match values.pop_back() {
            None | Some(mlua::Value::Nil) => Ok(Returned::Nil),
            Some(mlua::Value::Table(table)) => {
                let read = convert::from_table(&table, world.limits.memory_bytes);
                read.map(Returned::Table).map_err(|reason| self.bad(reason.to_string()))
            }
            Some(other) => Err(Error::NoTable { script: self.name.to_owned(), found: other.type_name() }),
        }
    }

    /// What it returned is not what it has to.
    pub(crate) fn bad(&self, reason: impl Into<String>) -> Error {
        Error::BadResult { script: self.name.to_owned(), reason: reason.into() }
    }

    fn too_long(&self, world: &World<'_>) -> Error {
        Error::TooLong { script: self.name.to_owned(), limit: world.limits.instructions }
    }

    fn too_much(&self, world: &World<'_>) -> Error {
        Error::TooMuchMemory { script: self.name.to_owned(), limit: world.limits.memory_bytes }
    }

    fn failed(&self, error: &mlua::Error, world: &World<'_>) -> Error {
        let script = self.name.to_owned();
        match root(error) {
            mlua::Error::SyntaxError { message, .. } => Error::Syntax { script, reason: first_line(message) },
            mlua::Error::MemoryError(_) => self.too_much(world),
            mlua::Error::RuntimeError(message) => Error::Failed { script, reason: first_line(message) },
            other => Error::Failed { script, reason: first_line(&other.to_string()) },
        }
    }
}

/// What an error came from.
pub(super) fn root(error: &mlua::Error) -> &mlua::Error {
    match error {
        mlua::Error::CallbackError { cause, .. } | mlua::Error::WithContext { cause, .. } => root(cause),
        other => other,
    }
}

/// A message without the stack that follows it.
fn first_line(message: &str) -> String {
    let end = message.find("\nstack traceback:").unwrap_or(message.len());
    message.get(..end).unwrap_or(message).trim().to_owned()
}

#[cfg(test)]
mod tests;
