//! How long a script may run, and how much it may gather. It must not know what it runs.
//!
//! Lua counts instructions, but one instruction may copy a string of megabytes, read it as a number, or walk a table of a million
//! empty slots. So an instruction counts the more, the more memory there is that it could touch, and a call of a library the
//! more, the more it is given. Then the limit bounds the time as well, without a clock.

use std::cell::Cell;
use std::rc::Rc;

use mlua::{Function, HookTriggers, IntoLuaMulti, Lua, MultiValue, Value, VmState};

use super::{Limits, root};

/// Instructions between two looks: so few that even the dearest are done in between in no time.
const TICK: u32 = 100;
/// Memory that an instruction touches at no extra charge, in bytes: reading so many digits takes some microseconds.
const TOUCHED: usize = 2 * 1024;
/// What an instruction may touch is a text, in full, or a table, a slot of which takes longer than its bytes. So one part in so
/// many counts of what could be a text: the longest that the script was given, and the most that it gathered between two looks;
/// of all that it gathered; and of all that it was given.
const TEXT_PART: usize = 4;
const GATHERED_PART: usize = 32;
const GIVEN_PART: usize = 256;
/// What a call of one of our own functions costs, in instructions, and so many bytes that it reads or writes.
const CALL: u64 = 8;
const BYTES: usize = 16;

/// What Lua says when it gets no more memory.
const NO_MEMORY: &str = "not enough memory";

/// Why a run is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spent {
    Instructions,
    Memory,
}

/// What is left of what a run may use.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    left: Cell<u64>,
    spent: Cell<Option<Spent>>,
    /// Memory in use before the script ran.
    given: Cell<usize>,
    /// Memory in use at the last look.
    seen: Cell<usize>,
    /// How long a text may be.
    longest: Cell<usize>,
}

/// Nothing is left; the run is over whatever the script does.
#[derive(Debug, thiserror::Error)]
#[error("the script has used up what it may use")]
struct Over;

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            left: Cell::new(limits.instructions),
            spent: Cell::default(),
            given: Cell::default(),
            seen: Cell::default(),
            longest: Cell::default(),
        }
    }

    /// Why the run is over, be it that the script caught the error.
    pub(super) fn spent(&self) -> Option<Spent> {
        self.spent.get()
    }

    /// From here on what runs in a state counts. `longest` is the length of the longest text that the script was given.
    pub(super) fn start(self: &Rc<Self>, lua: &Lua, longest: usize) -> mlua::Result<()> {
        let given = lua.used_memory();
        self.given.set(given);
        self.seen.set(given);
        self.longest.set(longest);
        lua.set_memory_limit(given.saturating_add(self.limits.memory_bytes))?;
        let budget = Rc::clone(self);
        lua.set_hook(HookTriggers::new().every_nth_instruction(TICK), move |lua, _| {
            budget.charge(u64::from(TICK).saturating_mul(budget.weight(lua.used_memory())))?;
            Ok(VmState::Continue)
        })
    }

    /// How often an instruction counts since the last look.
    fn weight(&self, used: usize) -> u64 {
        let gathered_since = used.saturating_sub(self.seen.replace(used));
        let longest = self.longest.get().max(gathered_since);
        self.longest.set(longest);
        let gathered = used.saturating_sub(self.given.get());
        let touchable = longest / TEXT_PART + gathered / GATHERED_PART + self.given.get() / GIVEN_PART;
        as_u64(touchable / TOUCHED).saturating_add(1)
    }

    /// Takes some instructions off.
    pub(super) fn charge(&self, instructions: u64) -> mlua::Result<()> {
        match self.left.get().checked_sub(instructions).filter(|_| self.spent.get().is_none()) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(self.end(Spent::Instructions)),
        }
    }

    /// Takes off what a call costs that reads or writes some bytes.
    pub(super) fn charge_bytes(&self, bytes: usize) -> mlua::Result<()> {
        self.charge(CALL.saturating_add(as_u64(bytes / BYTES)))
    }

    /// Takes off what a call costs that handles some values.
    pub(super) fn charge_values(&self, values: usize) -> mlua::Result<()> {
        self.charge(CALL.saturating_add(as_u64(values)))
    }

    /// Refuses a text that is too long to be made.
    pub(super) fn check_size(&self, bytes: usize) -> mlua::Result<()> {
        if bytes > self.limits.memory_bytes { Err(self.end(Spent::Memory)) } else { Ok(()) }
    }

    /// Bytes that the script may gather.
    pub(super) fn memory_bytes(&self) -> usize {
        self.limits.memory_bytes
    }

    /// Ends the run.
    fn end(&self, why: Spent) -> mlua::Error {
        if self.spent.get().is_none() {
            self.spent.set(Some(why));
        }
        mlua::Error::external(Over)
    }

    /// Looks at an error that a script is about to catch: what ends the run cannot be caught.
    pub(super) fn catchable(&self, value: &Value) -> mlua::Result<()> {
        let out_of_memory = match value {
            Value::Error(error) => matches!(root(error), mlua::Error::MemoryError(_)),
            Value::String(text) => text.as_bytes().starts_with(NO_MEMORY.as_bytes()),
            _ => false,
        };
        if out_of_memory {
            return Err(self.end(Spent::Memory));
        }
        if self.spent.get().is_some() { Err(mlua::Error::external(Over)) } else { Ok(()) }
    }

    /// A function of a library, with a charge for what it is given.
    pub(super) fn charged(self: &Rc<Self>, lua: &Lua, original: Function) -> mlua::Result<Function> {
        let budget = Rc::clone(self);
        lua.create_function(move |lua, arguments: MultiValue| {
            let bytes = arguments.iter().map(|value| value.as_string().map_or(0, |text| text.as_bytes().len()));
            budget.charge_bytes(bytes.sum())?;
            let values: MultiValue = original.call(arguments)?;
            budget.charge_values(values.len())?;
            values.into_lua_multi(lua)
        })
    }
}

pub(super) fn as_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
