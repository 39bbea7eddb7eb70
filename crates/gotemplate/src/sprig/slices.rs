//! Parts of lists: by position, by value, in chunks.

use super::lists::items;
use crate::arguments::Arguments;
use crate::error::Fault;
use crate::exec::Machine;
use crate::functions::Function;
use crate::value::Value;

pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("slice", Function::variadic(1, slice)),
    ("mustSlice", Function::variadic(1, slice)),
    ("chunk", Function::fixed(2, chunk)),
    ("mustChunk", Function::fixed(2, chunk)),
    ("uniq", Function::fixed(1, uniq)),
    ("mustUniq", Function::fixed(1, uniq)),
    ("compact", Function::fixed(1, compact)),
    ("mustCompact", Function::fixed(1, compact)),
    ("without", Function::variadic(1, without)),
    ("mustWithout", Function::variadic(1, without)),
    ("has", Function::fixed(2, has)),
    ("mustHas", Function::fixed(2, has)),
];

fn slice(_: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let Value::List(items) = &all[0] else {
        return Err(Fault::new(format!("list should be type of slice or array but {}", all[0].kind())));
    };
    let bound = |at: usize, default: usize| {
        let given = all.get(at).map(super::math::int);
        given.map_or(Ok(default), |bound| usize::try_from(bound).map_err(|_| out_of_range(bound)))
    };
    if items.is_empty() {
        return Ok(Value::Nil);
    }
    let (from, to) = (bound(1, 0)?, bound(2, items.len())?);
    let part = items.get(from..to).ok_or_else(|| out_of_range(i64::try_from(to).unwrap_or(i64::MAX)))?;
    Ok(part.to_vec().into())
}

fn out_of_range(bound: i64) -> Fault {
    Fault::new(format!("reflect.Value.Slice: slice index {bound} out of bounds"))
}

fn chunk(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let size = Arguments(all).count(0, usize::MAX)?.max(1);
    let items = items(machine, all, 1, "chunk type")?;
    Ok(items.chunks(size).map(|chunk| chunk.to_vec().into()).collect::<Vec<Value>>().into())
}

/// Compares each with all that are kept; that is counted, for it may be much.
fn uniq(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let mut kept: Vec<Value> = Vec::new();
    for item in items(machine, all, 0, "find uniq")? {
        machine.spend(kept.len() as u64 / 4)?;
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    Ok(kept.into())
}

fn compact(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let items = items(machine, all, 0, "compact on type")?;
    Ok(items.into_iter().filter(Value::is_true).collect::<Vec<_>>().into())
}

fn without(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    let items = items(machine, all, 0, "find without")?;
    machine.spend((items.len() * (all.len() - 1)) as u64 / 4)?;
    Ok(items.into_iter().filter(|item| !all[1..].contains(item)).collect::<Vec<_>>().into())
}

fn has(machine: &mut Machine<'_>, all: &[Value]) -> Result<Value, Fault> {
    if matches!(all[1], Value::Nil) {
        return Ok(false.into());
    }
    Ok(items(machine, all, 1, "find has")?.contains(&all[0]).into())
}
