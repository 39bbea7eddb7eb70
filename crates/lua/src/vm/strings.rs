//! The functions of `string` that could run or grow without end, each with a count of what it does.
//! It must not know what a script is for.

use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;

use memchr::memmem;
use mlua::{Function, IntoLua, Lua, MultiValue, Table, Value};

use super::budget::{Budget, as_u64};
use super::pattern::{Capture, Error, Match, Pattern};

/// Functions that take time only with the length of what they are given.
const CHARGED: &[&str] = &["byte", "char", "format", "lower", "reverse", "sub", "upper"];

/// Puts counting functions in place of those that come with Lua.
pub(super) fn guard(lua: &Lua, string: &Table, budget: &Rc<Budget>) -> mlua::Result<()> {
    string.raw_set("dump", Value::Nil)?;
    string.raw_set("rep", rep(lua, budget)?)?;
    string.raw_set("find", find(lua, budget)?)?;
    string.raw_set("match", match_once(lua, budget)?)?;
    string.raw_set("gsub", gsub(lua, budget)?)?;
    let gmatch = gmatch(lua, budget)?;
    string.raw_set("gmatch", gmatch.clone())?;
    string.raw_set("gfind", gmatch)?;
    for name in CHARGED {
        string.raw_set(*name, budget.charged(lua, string.raw_get(*name)?)?)?;
    }
    Ok(())
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
        budget.check_size(length)?;
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
        budget.charge_values(pattern.len())?;
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
            values.push_back(value(lua, &budget, (&text, *capture))?);
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
        budget.charge_values(pattern.as_bytes().len())?;
        let pattern = Pattern::new(&pattern.as_bytes(), true).map_err(failed)?;
        match pattern.find(&text, offset(init, text.len()), &step(&budget)).map_err(failed)? {
            Some(found) => captured(lua, &budget, (&text, &found)),
            None => Ok(MultiValue::from_iter([Value::Nil])),
        }
    })
}

fn gmatch(lua: &Lua, budget: &Rc<Budget>) -> mlua::Result<Function> {
    let budget = Rc::clone(budget);
    lua.create_function(move |lua, (text, pattern): (mlua::LuaString, mlua::LuaString)| {
        budget.charge_values(pattern.as_bytes().len())?;
        let pattern = Pattern::new(&pattern.as_bytes(), false).map_err(failed)?;
        let (at, budget) = (Cell::new(0), Rc::clone(&budget));
        lua.create_function(move |lua, _: MultiValue| {
            let text = text.as_bytes();
            let Some(found) = pattern.find(&text, at.get(), &step(&budget)).map_err(failed)? else {
                at.set(text.len() + 1);
                return Ok(MultiValue::from_iter([Value::Nil]));
            };
            at.set(after(&found));
            captured(lua, &budget, (&text, &found))
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
        budget.charge_values(pattern.as_bytes().len())?;
        let pattern = Pattern::new(&pattern.as_bytes(), true).map_err(failed)?;
        budget.charge_bytes(text.len())?;
        let mut out = Output { budget: &budget, bytes: Vec::new() };
        let (mut at, mut count) = (0, 0_u32);
        while most.is_none_or(|most| f64::from(count) < most) {
            let Some(found) = pattern.find(&text, at, &step(&budget)).map_err(failed)? else { break };
            count += 1;
            out.push(text.get(at..found.start).unwrap_or_default())?;
            out.replace(lua, (&text, &found), &replacement)?;
            if found.end == found.start {
                out.push(text.get(found.end..=found.end).unwrap_or_default())?;
            }
            at = after(&found);
            if pattern.is_anchored() {
                break;
            }
        }
        out.push(text.get(at..).unwrap_or_default())?;
        Ok((lua.create_string(out.bytes)?, count))
    })
}

/// What `gsub` makes.
struct Output<'a> {
    budget: &'a Budget,
    bytes: Vec<u8>,
}

impl Output<'_> {
    /// Adds some bytes, unless it would be too much.
    fn push(&mut self, bytes: &[u8]) -> mlua::Result<()> {
        self.budget.check_size(self.bytes.len().saturating_add(bytes.len()))?;
        self.budget.charge(as_u64(bytes.len() / 64).saturating_add(1))?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Adds what stands in place of a match.
    fn replace(&mut self, lua: &Lua, (text, found): (&[u8], &Match), replacement: &Value) -> mlua::Result<()> {
        let captured = || captured(lua, self.budget, (text, found));
        let new = match replacement {
            Value::String(template) => return self.expand((text, found), &template.as_bytes()),
            Value::Integer(_) | Value::Number(_) => {
                return self.expand((text, found), replacement.to_string()?.as_bytes());
            }
            Value::Table(table) => table.get(captured()?.pop_front().unwrap_or(Value::Nil))?,
            Value::Function(function) => function.call(captured()?)?,
            other => {
                let message = format!("string, function or table expected as replacement, got {}", other.type_name());
                return Err(mlua::Error::runtime(message));
            }
        };
        match new {
            Value::Nil | Value::Boolean(false) => self.push(text.get(found.start..found.end).unwrap_or_default()),
            Value::String(text) => self.push(&text.as_bytes()),
            Value::Integer(_) | Value::Number(_) => self.push(new.to_string()?.as_bytes()),
            other => Err(mlua::Error::runtime(format!("invalid replacement value (a {})", other.type_name()))),
        }
    }

    /// Adds a replacement text with `%0` to `%9` filled in.
    fn expand(&mut self, (text, found): (&[u8], &Match), template: &[u8]) -> mlua::Result<()> {
        let mut bytes = template.iter();
        while let Some(byte) = bytes.next() {
            match (byte, bytes.as_slice().first()) {
                (b'%', Some(digit @ b'0'..=b'9')) => self.push(&numbered((text, found), *digit)?)?,
                (b'%', Some(other)) => self.push(&[*other])?,
                (other, _) => {
                    self.push(&[*other])?;
                    continue;
                }
            }
            bytes.next();
        }
        Ok(())
    }
}

/// What a digit after `%` stands for: all of a match, or a capture.
fn numbered<'t>((text, found): (&'t [u8], &Match), digit: u8) -> mlua::Result<Cow<'t, [u8]>> {
    let whole = Capture::Span(found.start, found.end);
    let capture = match usize::from(digit - b'0').checked_sub(1) {
        None => Some(&whole),
        Some(0) if found.captures.is_empty() => Some(&whole),
        Some(index) => found.captures.get(index),
    };
    match capture {
        Some(Capture::Span(start, end)) => Ok(Cow::Borrowed(text.get(*start..*end).unwrap_or_default())),
        Some(Capture::Position(at) | Capture::Open(at)) => Ok(Cow::Owned((at + 1).to_string().into_bytes())),
        None => Err(mlua::Error::runtime("invalid capture index in replacement")),
    }
}

/// The captures of a match, or all of it if there are none.
fn captured(lua: &Lua, budget: &Budget, (text, found): (&[u8], &Match)) -> mlua::Result<MultiValue> {
    let whole = [Capture::Span(found.start, found.end)];
    let captures = if found.captures.is_empty() { &whole[..] } else { &found.captures };
    captures.iter().map(|capture| value(lua, budget, (text, *capture))).collect()
}

fn value(lua: &Lua, budget: &Budget, (text, capture): (&[u8], Capture)) -> mlua::Result<Value> {
    match capture {
        Capture::Span(start, end) => {
            budget.charge_bytes(end - start)?;
            lua.create_string(text.get(start..end).unwrap_or_default()).map(Value::String)
        }
        Capture::Position(at) | Capture::Open(at) => (at + 1).into_lua(lua),
    }
}
