//! How long a script may run. It must not know what it runs.
//!
//! Lua counts instructions, but one instruction may copy a string of megabytes, or walk a table of a million empty slots. So
//! an instruction counts the more, the more memory there is that it could touch; then the limit bounds the time as well.

use std::cell::Cell;
use std::rc::Rc;

use mlua::{HookTriggers, Lua, VmState};

use super::Limits;

/// Instructions between two looks.
const TICK: u32 = 1000;
/// Memory that one instruction is expected to touch at most, in bytes; each time as much makes it count once more.
const TOUCHED: usize = 8 * 1024;
/// How much of the memory of what the script was given counts like memory that it gathered itself: one part in so many.
const GIVEN_PART: usize = 16;

/// What is left of a run's instructions.
#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    left: Cell<u64>,
    spent: Cell<bool>,
    /// Memory in use before the script ran.
    given: Cell<usize>,
}

/// Nothing is left.
#[derive(Debug, thiserror::Error)]
#[error("script ran longer than {0} instructions")]
struct Spent(u64);

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, left: Cell::new(limits.instructions), spent: Cell::new(false), given: Cell::new(0) }
    }

    /// Whether the run has gone over its limit, be it that the script caught the error.
    pub(super) fn is_spent(&self) -> bool {
        self.spent.get()
    }

    /// From here on what runs in a state counts.
    pub(super) fn start(self: &Rc<Self>, lua: &Lua) -> mlua::Result<()> {
        self.given.set(lua.used_memory());
        lua.set_memory_limit(lua.used_memory().saturating_add(self.limits.memory_bytes))?;
        let budget = Rc::clone(self);
        lua.set_hook(HookTriggers::new().every_nth_instruction(TICK), move |lua, _| {
            budget.charge(u64::from(TICK).saturating_mul(budget.weight(lua.used_memory())))?;
            Ok(VmState::Continue)
        })
    }

    /// How often an instruction counts.
    fn weight(&self, used: usize) -> u64 {
        let given = self.given.get();
        let touchable = used.saturating_sub(given).saturating_add(given / GIVEN_PART);
        u64::try_from(touchable / TOUCHED).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// Takes some instructions off.
    pub(super) fn charge(&self, instructions: u64) -> mlua::Result<()> {
        match self.left.get().checked_sub(instructions).filter(|_| !self.spent.get()) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => {
                self.spent.set(true);
                self.check()
            }
        }
    }

    /// Takes off what it costs to touch some bytes.
    pub(super) fn charge_bytes(&self, bytes: usize) -> mlua::Result<()> {
        self.charge(u64::try_from(bytes / 64).unwrap_or(u64::MAX))
    }

    /// Bytes that the script may gather.
    pub(super) fn memory_bytes(&self) -> usize {
        self.limits.memory_bytes
    }

    /// Nothing more may run once the limit was reached.
    pub(super) fn check(&self) -> mlua::Result<()> {
        if self.spent.get() { Err(mlua::Error::external(Spent(self.limits.instructions))) } else { Ok(()) }
    }
}
