//! JSON to Lua and back, as upstream: null is nil and vanishes, an empty table is an empty list, whole numbers are integers.
//! What a result lost on the way its reader puts right: see `reshape.rs`.
//!
//! It must not know what is converted.

use mlua::{Lua, Table, Value as LuaValue};
use serde_json::{Map, Number, Value};

/// How deep values may nest, as serde_json reads them.
const MAX_DEPTH: usize = 128;
/// What a value costs besides its text, in bytes.
const NODE_BYTES: usize = 16;
/// Whole numbers up to here are the same as integer and as double.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
/// Whole numbers below are written as integers; from 10^21 on upstream's encoder writes an exponent, between the two no integer
/// of 64 bits would hold them.
const MAX_INTEGER: f64 = 9.2e18;

/// Why a Lua value has no JSON form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoJson {
    #[error("cannot encode a {0} to JSON")]
    Type(&'static str),
    #[error("cannot encode a table with both list items and named fields, or with keys that are neither")]
    Mixed,
    #[error("cannot encode a list with holes")]
    Sparse,
    #[error("cannot encode a number that is not finite")]
    Number,
    #[error("tables nest deeper than 128, or one contains itself")]
    Depth,
    #[error("it is larger than {0} bytes")]
    Size(usize),
}

/// A JSON value in a state.
pub(super) fn to_lua(lua: &Lua, value: &Value) -> mlua::Result<LuaValue> {
    nested(lua, value, 0)
}

fn nested(lua: &Lua, value: &Value, depth: usize) -> mlua::Result<LuaValue> {
    if depth > MAX_DEPTH {
        return Err(mlua::Error::runtime("the object nests deeper than 128"));
    }
    Ok(match value {
        Value::Null => LuaValue::Nil,
        Value::Bool(flag) => LuaValue::Boolean(*flag),
        Value::Number(number) => LuaValue::Number(number.as_f64().unwrap_or_default()),
        Value::String(text) => LuaValue::String(lua.create_string(text)?),
        Value::Array(items) => {
            let table = lua.create_table_with_capacity(items.len(), 0)?;
            for item in items.iter().filter(|item| !item.is_null()) {
                table.raw_push(nested(lua, item, depth + 1)?)?;
            }
            LuaValue::Table(table)
        }
        Value::Object(fields) => {
            let table = lua.create_table_with_capacity(0, fields.len())?;
            for (name, field) in fields.iter().filter(|(_, field)| !field.is_null()) {
                table.raw_set(name.as_str(), nested(lua, field, depth + 1)?)?;
            }
            LuaValue::Table(table)
        }
    })
}

/// A Lua value as JSON of at most some bytes, and how many were read.
pub(super) fn from_lua(value: &LuaValue, limit: usize) -> (Result<Value, NoJson>, usize) {
    let mut reader = Reader { left: limit, limit };
    let value = reader.value(value, 0);
    (value, limit - reader.left)
}

/// The length of the longest text in a value, in bytes.
pub(super) fn longest_text(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(longest_text).max().unwrap_or(0),
        Value::Object(fields) => {
            let texts = fields.iter().map(|(name, field)| name.len().max(longest_text(field)));
            texts.max().unwrap_or(0)
        }
        _ => 0,
    }
}

/// A table as JSON of at most some bytes.
pub(super) fn from_table(table: &Table, limit: usize) -> Result<Value, NoJson> {
    Reader { left: limit, limit }.table(table, 0)
}

/// Reads values until it has read too much: tables that share tables would grow without end.
struct Reader {
    left: usize,
    limit: usize,
}

impl Reader {
    fn take(&mut self, bytes: usize) -> Result<(), NoJson> {
        let left = self.left.checked_sub(bytes.saturating_add(NODE_BYTES));
        self.left = left.unwrap_or(0);
        left.map(drop).ok_or(NoJson::Size(self.limit))
    }

    fn value(&mut self, value: &LuaValue, depth: usize) -> Result<Value, NoJson> {
        match value {
            LuaValue::Nil => Ok(Value::Null),
            LuaValue::Boolean(flag) => self.take(0).map(|()| Value::Bool(*flag)),
            LuaValue::Integer(number) => self.take(0).map(|()| Value::from(*number)),
            LuaValue::Number(number) => self.take(0).and_then(|()| read_number(*number)),
            LuaValue::String(text) => self.text(text).map(Value::String),
            LuaValue::Table(table) => self.table(table, depth),
            other => Err(NoJson::Type(other.type_name())),
        }
    }

    fn text(&mut self, text: &mlua::LuaString) -> Result<String, NoJson> {
        let bytes = text.as_bytes();
        self.take(bytes.len())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn table(&mut self, table: &Table, depth: usize) -> Result<Value, NoJson> {
        if depth > MAX_DEPTH {
            return Err(NoJson::Depth);
        }
        self.take(0)?;
        let (mut fields, mut items) = (Map::new(), Vec::new());
        for pair in table.pairs::<LuaValue, LuaValue>() {
            let (key, value) = pair.map_err(|_| NoJson::Mixed)?;
            match &key {
                LuaValue::String(name) => {
                    let name = self.text(name)?;
                    fields.insert(name, self.value(&value, depth + 1)?);
                }
                LuaValue::Integer(_) | LuaValue::Number(_) => {
                    items.push((position(&key)?, self.value(&value, depth + 1)?))
                }
                _ => return Err(NoJson::Mixed),
            }
        }
        match (fields.is_empty(), items.is_empty()) {
            (_, true) if !fields.is_empty() => Ok(Value::Object(fields)),
            (true, _) => list(items),
            (false, _) => Err(NoJson::Mixed),
        }
    }
}

/// A list from its items, in whatever order they came.
fn list(mut items: Vec<(usize, Value)>) -> Result<Value, NoJson> {
    items.sort_by_key(|(position, _)| *position);
    let dense = items.iter().enumerate().all(|(index, (position, _))| *position == index + 1);
    if dense { Ok(items.into_iter().map(|(_, item)| item).collect()) } else { Err(NoJson::Sparse) }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be whole and small")]
fn position(key: &LuaValue) -> Result<usize, NoJson> {
    match key {
        LuaValue::Integer(index) => usize::try_from(*index).map_err(|_| NoJson::Sparse),
        LuaValue::Number(index) if index.fract() == 0.0 && (1.0..MAX_EXACT).contains(index) => Ok(*index as usize),
        _ => Err(NoJson::Mixed),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "checked to be whole and within 64 bits")]
fn read_number(number: f64) -> Result<Value, NoJson> {
    if number.fract() == 0.0 && number.abs() < MAX_INTEGER {
        return Ok(Value::from(number as i64));
    }
    Number::from_f64(number).map(Value::Number).ok_or(NoJson::Number)
}
