//! The functions of `table` and `unpack`, with a charge for how many items they go through. Those that upstream's Lua lacks are
//! not there.
//!
//! It must not know what a script is for.

use std::rc::Rc;

use mlua::{Function, Lua, MultiValue, Table, Value};

use super::budget::Budget;

/// Functions of 5.1 that were old already when it came out, and that upstream does not have.
const OLD: &[&str] = &["foreach", "foreachi", "setn"];

/// Puts charging functions in place of those that come with Lua.
pub(super) fn guard(lua: &Lua, budget: &Rc<Budget>) -> mlua::Result<()> {
    let library: Table = lua.globals().raw_get("table")?;
    for name in OLD {
        library.raw_set(*name, Value::Nil)?;
    }
    library.raw_set("insert", insert(lua, library.raw_get("insert")?, budget)?)?;
    library.raw_set("maxn", maxn(lua, budget)?)?;
    for (name, cost) in [("remove", once as Cost), ("concat", once), ("sort", sorting)] {
        library.raw_set(name, by_length(lua, library.raw_get(name)?, (cost, budget))?)?;
    }
    lua.globals().raw_set("unpack", unpack(lua, lua.globals().raw_get("unpack")?, budget)?)
}

/// What it costs to go through a list of some length.
type Cost = fn(usize) -> usize;

fn once(length: usize) -> usize {
    length
}

/// Comparisons of a sort; it may go wrong and compare all with all, but not often.
fn sorting(length: usize) -> usize {
    let doublings = usize::BITS - length.leading_zeros();
    length.saturating_mul(usize::try_from(doublings).unwrap_or(1)).saturating_mul(8)
}

fn by_length(lua: &Lua, original: Function, (cost, budget): (Cost, &Rc<Budget>)) -> mlua::Result<Function> {
    let budget = Rc::clone(budget);
    lua.create_function(move |_, arguments: MultiValue| {
        let length = arguments.front().and_then(Value::as_table).map_or(0, Table::raw_len);
        budget.charge_values(cost(length))?;
        let values: MultiValue = original.call(arguments)?;
        let made = values.front().and_then(Value::as_string).map_or(0, |text| text.as_bytes().len());
        budget.charge_bytes(made)?;
        Ok(values)
    })
}

fn insert(lua: &Lua, original: Function, budget: &Rc<Budget>) -> mlua::Result<Function> {
    let budget = Rc::clone(budget);
    lua.create_function(move |lua, arguments: MultiValue| {
        let length = arguments.front().and_then(Value::as_table).map_or(0, Table::raw_len);
        if let Some(position) = arguments.get(1).filter(|_| arguments.len() > 2) {
            let position = lua.coerce_number(position.clone())?.unwrap_or(f64::NAN);
            #[expect(clippy::cast_precision_loss, reason = "a table has far fewer items")]
            let end = length as f64 + 1.0;
            // Lua would move nothing from place to place, two thousand million times.
            if !(1.0..=end).contains(&position) {
                return Err(mlua::Error::runtime("bad argument #2 to 'insert' (position out of bounds)"));
            }
            budget.charge_values(length)?;
        } else {
            budget.charge_values(0)?;
        }
        original.call::<MultiValue>(arguments)
    })
}

/// The largest number that is a key.
fn maxn(lua: &Lua, budget: &Rc<Budget>) -> mlua::Result<Function> {
    let budget = Rc::clone(budget);
    #[expect(clippy::cast_precision_loss, reason = "as Lua itself, whose numbers are doubles")]
    lua.create_function(move |_, table: Table| {
        let mut largest = 0.0_f64;
        for pair in table.pairs::<Value, Value>() {
            budget.charge(4)?;
            largest = match pair?.0 {
                Value::Integer(key) => largest.max(key as f64),
                Value::Number(key) => largest.max(key),
                _ => largest,
            };
        }
        Ok(largest)
    })
}

fn unpack(lua: &Lua, original: Function, budget: &Rc<Budget>) -> mlua::Result<Function> {
    let budget = Rc::clone(budget);
    lua.create_function(move |_, arguments: MultiValue| {
        let values: MultiValue = original.call(arguments)?;
        budget.charge_values(values.len())?;
        Ok(values)
    })
}
