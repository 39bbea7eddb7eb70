//! Dictionaries. `set`, `unset`, `merge` and `mergeOverwrite` change the one they are given.

use crate::arguments::Arguments;
use crate::encode::text;
use crate::error::Fault;
use crate::exec::Machine;
use crate::functions::Function;
use crate::value::{Dict, Value};

/// How deep maps are merged.
const DEPTH_LIMIT: usize = 200;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("dict", Function::variadic(0, dict)),
    (
        "get",
        Function::fixed(2, |_, all| {
            Ok(Arguments(all).dict(0)?.get(&Arguments(all).text(1)?).unwrap_or_else(|| "".into()))
        }),
    ),
    ("set", Function::fixed(3, set)),
    ("unset", Function::fixed(2, unset)),
    ("hasKey", Function::fixed(2, |_, all| Ok(Arguments(all).dict(0)?.has(&Arguments(all).text(1)?).into()))),
    ("pluck", Function::variadic(1, pluck)),
    ("keys", Function::variadic(0, keys)),
    ("values", Function::fixed(1, values)),
    ("pick", Function::variadic(1, pick)),
    ("omit", Function::variadic(1, omit)),
    ("merge", Function::variadic(1, |machine, all| merged(machine, all, false))),
    ("mustMerge", Function::variadic(1, |machine, all| merged(machine, all, false))),
    ("mergeOverwrite", Function::variadic(1, |machine, all| merged(machine, all, true))),
    ("mustMergeOverwrite", Function::variadic(1, |machine, all| merged(machine, all, true))),
    ("dig", Function::variadic(3, dig)),
];

fn dict(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    machine.spend(all.len() as u64)?;
    let pairs = all.chunks(2).map(|pair| (text(&pair[0]), pair.get(1).cloned().unwrap_or_else(|| "".into())));
    Ok(Value::Map(pairs.collect()))
}

fn set(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let dict = Arguments(all).dict(0)?;
    dict.set(&Arguments(all).text(1)?, all[2].clone());
    if matches!(all[2], Value::Map(_) | Value::List(_)) {
        machine.changes(dict);
    }
    Ok(all[0].clone())
}

fn unset(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    Arguments(all).dict(0)?.unset(&Arguments(all).text(1)?);
    Ok(all[0].clone())
}

fn dicts(all: &[Value], from: usize) -> Result<Vec<&Dict>, Fault> {
    (from..all.len()).map(|at| Arguments(all).dict(at)).collect()
}

fn pluck(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let key = Arguments(all).text(0)?;
    let found: Vec<Value> = dicts(all, 1)?.into_iter().filter_map(|dict| dict.get(&key)).collect();
    Ok(found.into())
}

/// Sorted, where Go gives any order.
fn keys(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let keys: Vec<_> = dicts(all, 0)?.into_iter().flat_map(Dict::keys).collect();
    machine.spend(keys.len() as u64)?;
    Ok(keys.into_iter().map(Value::Str).collect::<Vec<_>>().into())
}

fn values(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let values: Vec<Value> = Arguments(all).dict(0)?.entries().into_iter().map(|(_, value)| value).collect();
    machine.spend(values.len() as u64)?;
    Ok(values.into())
}

/// The keys that are named, alone or in lists.
fn named(all: &[Value]) -> Result<Vec<String>, Fault> {
    (1..all.len()).map(|at| Ok(Arguments(all).text(at)?.into_owned())).collect()
}

fn pick(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let (dict, named) = (Arguments(all).dict(0)?, named(all)?);
    Ok(Value::Map(named.into_iter().filter_map(|key| dict.get(&key).map(|value| (key, value))).collect()))
}

fn omit(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let (dict, named) = (Arguments(all).dict(0)?, named(all)?);
    machine.spend(dict.len() as u64)?;
    let kept = dict.entries().into_iter().filter(|(key, _)| !named.iter().any(|name| **name == **key));
    Ok(Value::Map(kept.collect()))
}

fn merged(machine: &mut Machine<'_>, all: &[Value], overwrite: bool) -> Result<Value, Fault> {
    let target = Arguments(all).dict(0)?;
    for source in dicts(all, 1)? {
        merge(machine, target, source, overwrite, 0)?;
    }
    Ok(all[0].clone())
}

/// As mergo does it: maps are merged; else what is empty is filled in, or with `overwrite` all is replaced.
fn merge(machine: &mut Machine<'_>, target: &Dict, source: &Dict, overwrite: bool, depth: usize) -> Result<(), Fault> {
    if depth > DEPTH_LIMIT {
        return Err(Fault::new(format!("maps are nested more than {DEPTH_LIMIT} levels deep")));
    }
    if target.is_same(source) {
        return Ok(());
    }
    machine.changes(target);
    for (key, value) in source.entries() {
        machine.spend(1)?;
        match (target.get(&key), &value) {
            (Some(Value::Map(inner)), Value::Map(other)) => merge(machine, &inner, other, overwrite, depth + 1)?,
            (Some(held), _) if held.is_true() && !overwrite => {}
            _ => target.set(&key, value),
        }
    }
    Ok(())
}

/// Follows keys; the last two arguments are what holds if one is missing, and the map.
fn dig(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let (keys, rest) = all.split_at(all.len() - 2);
    let mut dict = Arguments(all).dict(all.len() - 1)?.clone();
    for (at, _) in keys.iter().enumerate() {
        let Some(value) = dict.get(&Arguments(keys).text(at)?) else { return Ok(rest[0].clone()) };
        if at + 1 == keys.len() {
            return Ok(value);
        }
        let Value::Map(next) = value else {
            let held = value.type_name();
            return Err(Fault::new(format!(
                "interface conversion: interface {{}} is {held}, not map[string]interface {{}}"
            )));
        };
        dict = next;
    }
    Ok(rest[0].clone())
}
