//! The functions of `string` that could run or grow without end, each with a count of what it does.
//! It must not know what a script is for.

use std::cell::Cell;
use std::rc::Rc;

use memchr::memmem;
use mlua::{Function, IntoLua, Lua, MultiValue, Table, Value};

use super::budget::Budget;
use super::pattern::{Capture, Error, Match, Pattern};

/// Puts counting functions in place of those that come with Lua.
pub(super) fn guard(lua: &Lua, string: &Table, budget: &Rc<Budget>) -> mlua::Result<()> {
    string.raw_set("dump", Value::Nil)?;
    string.raw_set("rep", rep(lua, budget)?)?;
    string.raw_set("find", find(lua, budget)?)?;
    string.raw_set("match", match_once(lua, budget)?)?;
    string.raw_set("gsub", gsub(lua, budget)?)?;
    let gmatch = gmatch(lua, budget)?;
    string.raw_set("gmatch", gmatch.clone())?;
    string.raw_set("gfind", gmatch)
}

fn rep(lua: &Lua, budget: &Rc<Budget>) -> mlua::Result<Function> {
    let budget = Rc::clone(budget);
    lua.create_function(move |lua, (text, times): (mlua::LuaString, f64)| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "negative is none, much is refused"
        )]
        let times = times as usize;
        let bytes = text.as_bytes();
        let length = bytes.len().saturating_mul(times);
        if length > budget.memory_bytes() {
            let limit = budget.memory_bytes();
            return Err(mlua::Error::MemoryError(format!("a string of {length} bytes is more than {limit}")));
        }
        budget.charge_bytes(length)?;
        lua.create_string(bytes.repeat(if bytes.is_empty() { 0 } else { times }))
    })
}

/// One step of a match.
fn step(budget: &Budget) -> impl Fn() -> mlua::Result<()> {
    move || budget.charge(1)
}

fn failed(error: Error) -> mlua::Error {
    match error {
        Error::Stopped(error) => error,
        malformed @ Error::Malformed(_) => mlua::Error::runtime(malformed),
    }
}

/// The offset that an `init` argument means.
fn offset(init: Option<f64>, length: usize) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts of floats saturate")]
    match init.unwrap_or(1.0) {
        from if from > 0.0 => (from as usize).saturating_sub(1).min(length),
        from if from < 0.0 => length.saturating_sub((-from) as usize),
        _ => 0,
    }
}

fn find(lua: &Lua, budget: &Rc<Budget>) -> mlua::Result<Function> {
    let budget = Rc::clone(budget);
    type Arguments = (mlua::LuaString, mlua::LuaString, Option<f64>, Option<Value>);
    lua.create_function(move |lua, (text, pattern, init, plain): Arguments| {
        let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
        let from = offset(init, text.len());
        if plain.is_some_and(|plain| plain.as_boolean() != Some(false) && !plain.is_nil()) {
            budget.charge_bytes(text.len())?;
            let rest = text.get(from..).unwrap_or_default();
            let Some(at) = memmem::find(rest, &pattern) else { return Ok(MultiValue::from_iter([Value::Nil])) };
            return (from + at + 1, from + at + pattern.len()).into_values(lua);
        }
        let pattern = Pattern::new(&pattern, true).map_err(failed)?;
        let Some(found) = pattern.find(&text, from, &step(&budget)).map_err(failed)? else {
            return Ok(MultiValue::from_iter([Value::Nil]));
        };
        let mut values = (found.start + 1, found.end).into_values(lua)?;
        for capture in &found.captures {
            values.push_back(value(lua, &text, *capture)?);
        }
        Ok(values)
    })
}

/// Numbers as Lua values.
trait IntoValues {
    fn into_values(self, lua: &Lua) -> mlua::Result<MultiValue>;
}

impl IntoValues for (usize, usize) {
    fn into_values(self, lua: &Lua) -> mlua::Result<MultiValue> {
        Ok(MultiValue::from_iter([self.0.into_lua(lua)?, self.1.into_lua(lua)?]))
    }
}

fn match_once(lua: &Lua, budget: &Rc<Budget>) -> mlua::Result<Function> {
    let budget = Rc::clone(budget);
    lua.create_function(move |lua, (text, pattern, init): (mlua::LuaString, mlua::LuaString, Option<f64>)| {
        let text = text.as_bytes();
        let pattern = Pattern::new(&pattern.as_bytes(), true).map_err(failed)?;
        match pattern.find(&text, offset(init, text.len()), &step(&budget)).map_err(failed)? {
            Some(found) => captured(lua, &text, &found),
            None => Ok(MultiValue::from_iter([Value::Nil])),
        }
    })
}

fn gmatch(lua: &Lua, budget: &Rc<Budget>) -> mlua::Result<Function> {
    let budget = Rc::clone(budget);
    lua.create_function(move |lua, (text, pattern): (mlua::LuaString, mlua::LuaString)| {
        let pattern = Pattern::new(&pattern.as_bytes(), false).map_err(failed)?;
        let (at, budget) = (Cell::new(0), Rc::clone(&budget));
        lua.create_function(move |lua, _: MultiValue| {
            let text = text.as_bytes();
            let Some(found) = pattern.find(&text, at.get(), &step(&budget)).map_err(failed)? else {
                at.set(text.len() + 1);
                return Ok(MultiValue::from_iter([Value::Nil]));
            };
            at.set(after(&found));
            captured(lua, &text, &found)
        })
    })
}

/// Where to look on: past an empty match.
fn after(found: &Match) -> usize {
    if found.end == found.start { found.end + 1 } else { found.end }
}

fn gsub(lua: &Lua, budget: &Rc<Budget>) -> mlua::Result<Function> {
    let budget = Rc::clone(budget);
    type Arguments = (mlua::LuaString, mlua::LuaString, Value, Option<f64>);
    lua.create_function(move |lua, (text, pattern, replacement, most): Arguments| {
        let text = text.as_bytes();
        let pattern = Pattern::new(&pattern.as_bytes(), true).map_err(failed)?;
        let (mut out, mut at, mut count) = (Vec::new(), 0, 0_u32);
        while most.is_none_or(|most| f64::from(count) < most) {
            let Some(found) = pattern.find(&text, at, &step(&budget)).map_err(failed)? else { break };
            count += 1;
            out.extend_from_slice(text.get(at..found.start).unwrap_or_default());
            replace(lua, &text, &found, &replacement, &mut out)?;
            if found.end == found.start {
                out.extend(text.get(found.end));
            }
            at = after(&found);
            if out.len() > budget.memory_bytes() {
                return Err(mlua::Error::MemoryError("the result of gsub is too long".to_owned()));
            }
            if pattern.is_anchored() {
                break;
            }
        }
        out.extend_from_slice(text.get(at..).unwrap_or_default());
        budget.charge_bytes(out.len())?;
        Ok((lua.create_string(out)?, count))
    })
}

/// Adds what stands in place of a match.
fn replace(lua: &Lua, text: &[u8], found: &Match, replacement: &Value, out: &mut Vec<u8>) -> mlua::Result<()> {
    let whole = text.get(found.start..found.end).unwrap_or_default();
    let first = |lua: &Lua| Ok::<_, mlua::Error>(captured(lua, text, found)?.pop_front().unwrap_or(Value::Nil));
    let new = match replacement {
        Value::String(template) => return expand(lua, (text, found), &template.as_bytes(), out),
        Value::Integer(_) | Value::Number(_) => {
            return expand(lua, (text, found), replacement.to_string()?.as_bytes(), out);
        }
        Value::Table(table) => table.get(first(lua)?)?,
        Value::Function(function) => function.call(captured(lua, text, found)?)?,
        other => {
            let message = format!("string, function or table expected as replacement, got {}", other.type_name());
            return Err(mlua::Error::runtime(message));
        }
    };
    match new {
        Value::Nil | Value::Boolean(false) => out.extend_from_slice(whole),
        Value::String(text) => out.extend_from_slice(&text.as_bytes()),
        Value::Integer(_) | Value::Number(_) => out.extend_from_slice(new.to_string()?.as_bytes()),
        other => return Err(mlua::Error::runtime(format!("invalid replacement value (a {})", other.type_name()))),
    }
    Ok(())
}

/// Adds a replacement text with `%0` to `%9` filled in.
fn expand(lua: &Lua, (text, found): (&[u8], &Match), template: &[u8], out: &mut Vec<u8>) -> mlua::Result<()> {
    let mut bytes = template.iter();
    while let Some(byte) = bytes.next() {
        match (byte, bytes.as_slice().first()) {
            (b'%', Some(b'0')) => out.extend_from_slice(text.get(found.start..found.end).unwrap_or_default()),
            (b'%', Some(digit @ b'1'..=b'9')) => {
                let index = usize::from(digit - b'1');
                let captures = captured(lua, text, found)?;
                let capture = captures.get(index);
                let capture = capture.ok_or_else(|| mlua::Error::runtime("invalid capture index in replacement"))?;
                out.extend_from_slice(capture.to_string()?.as_bytes());
            }
            (b'%', Some(other)) => out.push(*other),
            (other, _) => {
                out.push(*other);
                continue;
            }
        }
        bytes.next();
    }
    Ok(())
}

/// The captures of a match, or all of it if there are none.
fn captured(lua: &Lua, text: &[u8], found: &Match) -> mlua::Result<MultiValue> {
    if found.captures.is_empty() {
        let whole = value(lua, text, Capture::Span(found.start, found.end))?;
        return Ok(MultiValue::from_iter([whole]));
    }
    found.captures.iter().map(|capture| value(lua, text, *capture)).collect()
}

fn value(lua: &Lua, text: &[u8], capture: Capture) -> mlua::Result<Value> {
    match capture {
        Capture::Span(start, end) => lua.create_string(text.get(start..end).unwrap_or_default()).map(Value::String),
        Capture::Position(at) | Capture::Open(at) => (at + 1).into_lua(lua),
    }
}
