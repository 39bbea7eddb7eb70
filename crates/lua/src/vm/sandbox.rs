//! What a script may call. Upstream opens base, table and a safe `os` of two functions, and every library of Lua under
//! `useOpenLibs`; here nothing ever reaches files, processes, the environment, other scripts or the collector.
//!
//! It must not know what scripts are for.

use std::cell::Cell;
use std::rc::Rc;

use jiff::Timestamp;
use mlua::{Function, Lua, LuaOptions, MultiValue, StdLib, Table, Value, Variadic};

use super::budget::Budget;
use super::{clock, convert, root, strings, tables};

/// What base has that could load code, reach the host, or disturb the limits.
const CLOSED: &[&str] = &[
    "collectgarbage",
    "coroutine",
    "dofile",
    "gcinfo",
    "load",
    "loadfile",
    "loadstring",
    "module",
    "newproxy",
    "package",
    "require",
];

/// Bytes that are read of a value for the price of an instruction, and what a byte costs that is made a value of.
const ENCODED_BYTES: usize = 4;
const DECODED_COST: usize = 4;

/// A fresh state.
pub(super) fn open(open_libs: bool, now: Timestamp, budget: &Rc<Budget>) -> mlua::Result<Lua> {
    let libraries = if open_libs { StdLib::TABLE | StdLib::STRING | StdLib::MATH } else { StdLib::TABLE };
    let lua = Lua::new_with(libraries, LuaOptions::new())?;
    let globals = lua.globals();
    for name in CLOSED {
        globals.raw_set(*name, Value::Nil)?;
    }
    globals.raw_set("print", lua.create_function(|_, _: MultiValue| Ok(()))?)?;
    globals.raw_set("pcall", guarded(&lua, "pcall", budget)?)?;
    globals.raw_set("xpcall", guarded(&lua, "xpcall", budget)?)?;
    globals.raw_set("os", clock::library(&lua, now, budget)?)?;
    globals.raw_set("tonumber", budget.charged(&lua, globals.raw_get("tonumber")?)?)?;
    tables::guard(&lua, budget)?;
    let random = random(&lua, now)?;
    if open_libs {
        strings::guard(&lua, &globals.raw_get::<Table>("string")?, budget)?;
        let math: Table = globals.raw_get("math")?;
        math.raw_set("random", random.clone())?;
        math.raw_set("randomseed", lua.create_function(|_, _: MultiValue| Ok(()))?)?;
    }
    globals.raw_set("require", require(&lua, &random, budget)?)?;
    Ok(lua)
}

/// A protected call that protects from everything but the end of the budget, with errors as text.
fn guarded(lua: &Lua, name: &str, budget: &Rc<Budget>) -> mlua::Result<Function> {
    let original: Function = lua.globals().raw_get(name)?;
    let budget = Rc::clone(budget);
    lua.create_function(move |lua, arguments: MultiValue| {
        budget.charge_values(0)?;
        let mut values: MultiValue = original.call(arguments)?;
        for value in values.iter_mut() {
            budget.catchable(value)?;
            if let Value::Error(error) = value {
                *value = Value::String(lua.create_string(root(error).to_string())?);
            }
        }
        Ok(values)
    })
}

/// The libraries that scripts ask for by name: those that are open, and what upstream preloads.
fn require(lua: &Lua, random: &Function, budget: &Rc<Budget>) -> mlua::Result<Function> {
    let modules = lua.create_table()?;
    for name in ["os", "string", "table", "math"] {
        modules.raw_set(name, lua.globals().raw_get::<Value>(name)?)?;
    }
    if modules.raw_get::<Value>("math")?.is_nil() {
        modules.raw_set("math", lua.create_table_from([("random", random.clone())])?)?;
    }
    modules.raw_set("json", json(lua, budget)?)?;
    let budget = Rc::clone(budget);
    lua.create_function(move |_, name: String| {
        budget.charge_bytes(name.len())?;
        match modules.raw_get::<Value>(name.as_str())? {
            Value::Nil => Err(mlua::Error::runtime(format!(
                "module '{name}' is not available; there are os, table, math and json, and string with useOpenLibs"
            ))),
            module => Ok(module),
        }
    })
}

/// `json.encode` and `json.decode`; on failure nil and why.
fn json(lua: &Lua, budget: &Rc<Budget>) -> mlua::Result<Table> {
    let (of_encode, of_decode) = (Rc::clone(budget), Rc::clone(budget));
    let encode = lua.create_function(move |_, value: Value| {
        let (value, bytes) = convert::from_lua(&value, of_encode.memory_bytes());
        of_encode.charge_values(bytes / ENCODED_BYTES)?;
        Ok(value.map_or_else(|error| (None, Some(error.to_string())), |value| (Some(value.to_string()), None)))
    })?;
    let decode = lua.create_function(move |lua, text: mlua::LuaString| {
        of_decode.charge_values(text.as_bytes().len().saturating_mul(DECODED_COST))?;
        match serde_json::from_slice(&text.as_bytes()) {
            Ok(value) => Ok((convert::to_lua(lua, &value)?, None)),
            Err(error) => Ok((Value::Nil, Some(error.to_string()))),
        }
    })?;
    lua.create_table_from([("encode", encode), ("decode", decode)])
}

/// `math.random` as Lua has it, but the same at the same time: a run can be repeated.
fn random(lua: &Lua, now: Timestamp) -> mlua::Result<Function> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "any bits will do as a seed")]
    let state = Cell::new(now.as_nanosecond() as u64 | 1);
    lua.create_function(move |_, bounds: Variadic<f64>| {
        let part = next(&state);
        let within = |low: f64, high: f64| {
            if low > high {
                return Err(mlua::Error::runtime("bad argument to 'random' (interval is empty)"));
            }
            Ok((part * (high - low + 1.0)).floor() + low)
        };
        match bounds.as_slice() {
            [] => Ok(part),
            [high] => within(1.0, high.floor()),
            [low, high, ..] => within(low.floor(), high.floor()),
        }
    })
}

/// The next number of a xorshift sequence, from 0 to below 1.
fn next(state: &Cell<u64>) -> f64 {
    let mut bits = state.get();
    bits ^= bits << 13;
    bits ^= bits >> 7;
    bits ^= bits << 17;
    state.set(bits);
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
    let part = (bits >> 11) as f64 / (1_u64 << 53) as f64;
    part
}
