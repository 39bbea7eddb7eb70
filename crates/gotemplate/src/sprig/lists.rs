//! Lists: their ends, and lists with something more or less. None is changed; the result is another list.

use super::SIZE_LIMIT;
use crate::arguments::Arguments;
use crate::error::Fault;
use crate::exec::Machine;
use crate::functions::Function;
use crate::value::Value;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("list", Function::variadic(0, list)),
    ("tuple", Function::variadic(0, list)),
    ("first", Function::fixed(1, first)),
    ("mustFirst", Function::fixed(1, first)),
    ("last", Function::fixed(1, last)),
    ("mustLast", Function::fixed(1, last)),
    ("rest", Function::fixed(1, rest)),
    ("mustRest", Function::fixed(1, rest)),
    ("initial", Function::fixed(1, initial)),
    ("mustInitial", Function::fixed(1, initial)),
    ("append", Function::fixed(2, append)),
    ("mustAppend", Function::fixed(2, append)),
    ("push", Function::fixed(2, append)),
    ("mustPush", Function::fixed(2, append)),
    ("prepend", Function::fixed(2, prepend)),
    ("mustPrepend", Function::fixed(2, prepend)),
    ("concat", Function::variadic(0, concat)),
    ("reverse", Function::fixed(1, reverse)),
    ("mustReverse", Function::fixed(1, reverse)),
];

fn list(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    machine.spend(all.len() as u64)?;
    Ok(all.to_vec().into())
}

/// The items of a list that is about to be copied.
pub(super) fn items(machine: &mut Machine<'_>, all: &[Value], at: usize, does: &str) -> Result<Vec<Value>, Fault> {
    if matches!(all[at], Value::Nil) {
        return Err(Fault::new("runtime error: invalid memory address or nil pointer dereference"));
    }
    let items = Arguments(all).list(at, &format!("Cannot {does} on type"))?;
    machine.spend(items.len() as u64)?;
    if items.len() > SIZE_LIMIT {
        return Err(Fault::new(format!("list has more than the {SIZE_LIMIT} items that are allowed")));
    }
    Ok(items)
}

fn first(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    Ok(items(machine, all, 0, "find first")?.first().cloned().unwrap_or_default())
}

fn last(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    Ok(items(machine, all, 0, "find last")?.pop().unwrap_or_default())
}

fn rest(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let items = items(machine, all, 0, "find rest")?;
    Ok(items.into_iter().skip(1).collect::<Vec<_>>().into())
}

fn initial(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let mut items = items(machine, all, 0, "find initial")?;
    items.pop();
    Ok(items.into())
}

fn append(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let mut items = items(machine, all, 0, "push")?;
    items.push(all[1].clone());
    Ok(items.into())
}

fn prepend(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let mut items = items(machine, all, 0, "prepend")?;
    items.insert(0, all[1].clone());
    Ok(items.into())
}

fn concat(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let mut joined = Vec::new();
    for at in 0..all.len() {
        joined.extend(items(machine, all, at, "concat type")?);
    }
    Ok(joined.into())
}

fn reverse(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let mut items = items(machine, all, 0, "find reverse")?;
    items.reverse();
    Ok(items.into())
}
