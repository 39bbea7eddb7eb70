//! Lists: Kubernetes' `sum`, `min`, `max`, `indexOf`, `lastIndexOf`, `isSorted`, cel-go's `first` and
//! `last`, kro's `lists.setAtIndex` and its kin.
//! It must not know what the lists hold.

use std::cmp::Ordering;

use cel::common::types::{CelBool, CelInt, CelOptional, DYN_TYPE, INT_TYPE, LIST_TYPE};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};
use serde_json::Value;

use super::{Evaluated, failed, int, json, returned};

/// Adds the functions.
///
/// # Errors
/// When one of them is already there.
pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_member_overload("sum", "list_sum", LIST_TYPE, vec![], sum)?;
    env.add_member_overload("min", "list_min", LIST_TYPE, vec![], |args| extreme(args, "min", Ordering::Less))?;
    env.add_member_overload("max", "list_max", LIST_TYPE, vec![], |args| extreme(args, "max", Ordering::Greater))?;
    env.add_member_overload("indexOf", "list_index_of", LIST_TYPE, vec![DYN_TYPE], |args| position(args, false))?;
    env.add_member_overload("lastIndexOf", "list_last_index_of", LIST_TYPE, vec![DYN_TYPE], |args| {
        position(args, true)
    })?;
    env.add_member_overload("isSorted", "list_is_sorted", LIST_TYPE, vec![], is_sorted)?;
    env.add_member_overload("first", "list_first", LIST_TYPE, vec![], |args| end(args, false))?;
    env.add_member_overload("last", "list_last", LIST_TYPE, vec![], |args| end(args, true))?;
    let at = || vec![LIST_TYPE, INT_TYPE, DYN_TYPE];
    env.add_overload("lists.setAtIndex", "lists_set_at", at(), |args| edit(args, "lists.setAtIndex"))?;
    env.add_overload("lists.insertAtIndex", "lists_insert_at", at(), |args| edit(args, "lists.insertAtIndex"))?;
    env.add_overload("lists.removeAtIndex", "lists_remove_at", vec![LIST_TYPE, INT_TYPE], |args| {
        edit(args, "lists.removeAtIndex")
    })
}

fn items<'v>(function: &str, list: &(dyn Val + 'v)) -> Result<Vec<Box<dyn Val + 'v>>, ExecutionError> {
    let mut iter = list.as_iterable().ok_or_else(|| failed(function, "a list is wanted"))?.iter();
    let mut items = Vec::new();
    while let Some(item) = iter.next() {
        items.push(item.clone_as_boxed());
    }
    Ok(items)
}

fn target<'b, 'v>(function: &str, args: &[CowVal<'b, 'v>]) -> Result<Vec<Box<dyn Val + 'v>>, ExecutionError> {
    let list = args.first().ok_or_else(|| failed(function, "a list is wanted"))?;
    items(function, list.as_ref())
}

fn sum<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Evaluated<'b, 'v> {
    let mut total: Option<Box<dyn Val + 'v>> = None;
    for item in target("sum", &args)? {
        total = Some(match total {
            None => item,
            Some(total) => {
                let adder = total.as_adder().ok_or_else(|| failed("sum", "the items cannot be added"))?;
                adder.add(item.as_ref())?.into_owned()
            }
        });
    }
    Ok(total.map_or_else(|| CowVal::owned(CelInt::from(0)), CowVal::Owned))
}

fn order(function: &str, a: &dyn Val, b: &dyn Val) -> Result<Ordering, ExecutionError> {
    a.as_comparer().ok_or_else(|| failed(function, "the items cannot be ordered"))?.compare(b)
}

fn extreme<'b, 'v>(args: Vec<CowVal<'b, 'v>>, function: &str, wanted: Ordering) -> Evaluated<'b, 'v> {
    let mut items = target(function, &args)?.into_iter();
    let mut best = items.next().ok_or_else(|| failed(function, "the list is empty"))?;
    for item in items {
        if order(function, item.as_ref(), best.as_ref())? == wanted {
            best = item;
        }
    }
    Ok(CowVal::Owned(best))
}

fn position<'b, 'v>(args: Vec<CowVal<'b, 'v>>, from_end: bool) -> Evaluated<'b, 'v> {
    let items = target("indexOf", &args)?;
    let wanted = args.get(1).ok_or_else(|| failed("indexOf", "an argument is missing"))?;
    let mut hits = items.iter().enumerate().filter(|(_, item)| item.equals(wanted.as_ref())).map(|(index, _)| index);
    let found = if from_end { hits.next_back() } else { hits.next() };
    Ok(CowVal::owned(CelInt::from(found.and_then(|index| i64::try_from(index).ok()).unwrap_or(-1))))
}

fn is_sorted<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Evaluated<'b, 'v> {
    for pair in target("isSorted", &args)?.windows(2) {
        if order("isSorted", pair[0].as_ref(), pair[1].as_ref())? == Ordering::Greater {
            return Ok(CowVal::owned(CelBool::from(false)));
        }
    }
    Ok(CowVal::owned(CelBool::from(true)))
}

fn end<'b, 'v>(args: Vec<CowVal<'b, 'v>>, last: bool) -> Evaluated<'b, 'v> {
    let mut items = target("first", &args)?.into_iter();
    let item = if last { items.next_back() } else { items.next() };
    Ok(CowVal::owned(item.map_or_else(CelOptional::none, CelOptional::of)))
}

fn edit<'b, 'v>(args: Vec<CowVal<'b, 'v>>, function: &str) -> Evaluated<'b, 'v> {
    let Value::Array(mut list) = json(function, &args, 0)? else { return Err(failed(function, "a list is wanted")) };
    let index = usize::try_from(int(function, &args, 1)?).unwrap_or(usize::MAX);
    let end = list.len() + usize::from(function == "lists.insertAtIndex");
    if index >= end {
        return Err(failed(function, format!("index {index} is out of bounds for a list of {}", list.len())));
    }
    match function {
        "lists.setAtIndex" => list[index] = json(function, &args, 2)?,
        "lists.insertAtIndex" => list.insert(index, json(function, &args, 2)?),
        _ => drop(list.remove(index)),
    }
    returned(&Value::Array(list))
}
