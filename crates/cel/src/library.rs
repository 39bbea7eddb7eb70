//! Functions beyond the CEL standard library: what Kubernetes and kro add.
//! It must not know about variables or objects.

use cel::common::types::{CelInt, CelList, CelOptional, CelString, DYN_TYPE, INT_TYPE, MAP_TYPE, STRING_TYPE};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};
use serde_json::{Map, Value};

use crate::analysis::ORDERED;
use crate::value::{owned_from_json, to_json};

pub(crate) mod equality;
mod hash;
pub(crate) mod kubernetes;
mod lists;
pub(crate) mod quantity;

/// The keys of a map in order, or the indices of a list.
pub(crate) const INDICES: &str = "@indices";
/// A map with one more entry.
pub(crate) const PUT: &str = "@put";
/// A map with the entries of another.
pub(crate) const PUT_ALL: &str = "@putAll";

pub(crate) type Evaluated<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

/// Adds the functions.
///
/// # Errors
/// When one of them is already there.
pub(crate) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_overload(ORDERED, "ordered", vec![DYN_TYPE], ordered)?;
    env.add_overload(INDICES, "indices", vec![DYN_TYPE], indices)?;
    env.add_overload(PUT, "put", vec![MAP_TYPE, DYN_TYPE, DYN_TYPE], put)?;
    env.add_overload(PUT_ALL, "put_all", vec![MAP_TYPE, MAP_TYPE], merge)?;
    env.add_member_overload("merge", "map_merge", MAP_TYPE, vec![MAP_TYPE], merge)?;
    env.add_member_overload("deepMerge", "map_deep_merge", MAP_TYPE, vec![MAP_TYPE], deep_merge)?;
    env.add_overload("json.marshal", "json_marshal", vec![DYN_TYPE], marshal)?;
    env.add_overload("json.unmarshal", "json_unmarshal", vec![STRING_TYPE], unmarshal)?;
    env.add_overload("omit", "omit", vec![], |_| Ok(CowVal::owned(CelOptional::none())))?;
    env.add_member_overload("find", "string_find", STRING_TYPE, vec![STRING_TYPE], find)?;
    env.add_member_overload("findAll", "string_find_all", STRING_TYPE, vec![STRING_TYPE], find_all)?;
    env.add_member_overload("findAll", "string_find_n", STRING_TYPE, vec![STRING_TYPE, INT_TYPE], find_all)?;
    equality::extension(env)?;
    kubernetes::extension(env)?;
    lists::extension(env)?;
    quantity::extension(env)?;
    hash::extension(env)
}

/// A function's failure, for the reader of the expression.
pub(crate) fn failed(function: &str, why: impl ToString) -> ExecutionError {
    ExecutionError::function_error(function, why.to_string())
}

/// The n-th argument as JSON.
pub(crate) fn json(function: &str, args: &[CowVal<'_, '_>], index: usize) -> Result<Value, ExecutionError> {
    let arg = args.get(index).ok_or_else(|| failed(function, "an argument is missing"))?;
    to_json(arg.as_ref()).map_err(|why| failed(function, why))
}

/// The n-th argument as text.
pub(crate) fn text(function: &str, args: &[CowVal<'_, '_>], index: usize) -> Result<String, ExecutionError> {
    let arg = args.get(index).and_then(|arg| arg.downcast_ref::<CelString>());
    arg.map(|text| text.inner().to_owned()).ok_or_else(|| failed(function, "a string is wanted"))
}

/// The n-th argument as a whole number.
pub(crate) fn int(function: &str, args: &[CowVal<'_, '_>], index: usize) -> Result<i64, ExecutionError> {
    let arg = args.get(index).and_then(|arg| arg.downcast_ref::<CelInt>());
    arg.map(|int| *int.inner()).ok_or_else(|| failed(function, "an int is wanted"))
}

/// JSON handed back as a value.
pub(crate) fn returned<'b, 'v>(value: &Value) -> Evaluated<'b, 'v> {
    Ok(CowVal::Owned(owned_from_json(value)))
}

/// The keys of a map, sorted; `None` for what is no map.
fn sorted_keys<'v>(value: &(dyn Val + 'v)) -> Option<Vec<Box<dyn Val + 'v>>> {
    value.as_indexer()?;
    if value.get_type().kind() != cel::common::types::Kind::Map {
        return None;
    }
    let mut iter = value.as_iterable()?.iter();
    let mut keys = Vec::new();
    while let Some(key) = iter.next() {
        keys.push(key.clone_as_boxed());
    }
    keys.sort_by(|a, b| compare(a.as_ref(), b.as_ref()));
    Some(keys)
}

fn compare(a: &dyn Val, b: &dyn Val) -> std::cmp::Ordering {
    let natural = a.as_comparer().and_then(|comparer| comparer.compare(b).ok());
    natural.unwrap_or_else(|| a.get_type().name().cmp(b.get_type().name()))
}

fn ordered<'b, 'v>(mut args: Vec<CowVal<'b, 'v>>) -> Evaluated<'b, 'v> {
    let range = args.pop().ok_or_else(ExecutionError::missing_argument_or_target)?;
    let keys = sorted_keys(range.as_ref());
    Ok(keys.map_or(range, |keys| CowVal::owned(CelList::from(keys))))
}

fn indices<'b, 'v>(mut args: Vec<CowVal<'b, 'v>>) -> Evaluated<'b, 'v> {
    let range = args.pop().ok_or_else(ExecutionError::missing_argument_or_target)?;
    if let Some(keys) = sorted_keys(range.as_ref()) {
        return Ok(CowVal::owned(CelList::from(keys)));
    }
    let size = range.as_sizer().ok_or_else(|| failed("comprehension", "a list or a map is wanted"))?.size();
    let indices = (0..*size.inner()).map(|index| Box::new(CelInt::from(index)) as Box<dyn Val + 'v>);
    Ok(CowVal::owned(CelList::from(indices.collect::<Vec<_>>())))
}

fn object(function: &str, args: &[CowVal<'_, '_>], index: usize) -> Result<Map<String, Value>, ExecutionError> {
    match json(function, args, index)? {
        Value::Object(map) => Ok(map),
        _ => Err(failed(function, "a map is wanted")),
    }
}

fn put<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Evaluated<'b, 'v> {
    let mut map = object("transformMap", &args, 0)?;
    let key = match json("transformMap", &args, 1)? {
        Value::String(key) => key,
        other => other.to_string(),
    };
    map.insert(key, json("transformMap", &args, 2)?);
    returned(&Value::Object(map))
}

fn merge<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Evaluated<'b, 'v> {
    let mut map = object("merge", &args, 0)?;
    map.extend(object("merge", &args, 1)?);
    returned(&Value::Object(map))
}

fn deep_merge<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Evaluated<'b, 'v> {
    let mut map = Value::Object(object("deepMerge", &args, 0)?);
    merge_into(&mut map, Value::Object(object("deepMerge", &args, 1)?));
    returned(&map)
}

fn merge_into(target: &mut Value, source: Value) {
    match (target, source) {
        (Value::Object(target), Value::Object(source)) => {
            for (key, value) in source {
                merge_into(target.entry(key).or_insert(Value::Null), value);
            }
        }
        (target, source) => *target = source,
    }
}

fn marshal<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Evaluated<'b, 'v> {
    Ok(CowVal::owned(CelString::from(json("json.marshal", &args, 0)?.to_string())))
}

fn unmarshal<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Evaluated<'b, 'v> {
    let text = text("json.unmarshal", &args, 0)?;
    returned(&serde_json::from_str(&text).map_err(|why| failed("json.unmarshal", why))?)
}

fn pattern(function: &str, args: &[CowVal<'_, '_>]) -> Result<regex::Regex, ExecutionError> {
    regex::Regex::new(&text(function, args, 1)?).map_err(|why| failed(function, why))
}

fn find<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Evaluated<'b, 'v> {
    let text = text("find", &args, 0)?;
    let found = pattern("find", &args)?.find(&text).map_or("", |found| found.as_str()).to_owned();
    Ok(CowVal::owned(CelString::from(found)))
}

fn find_all<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Evaluated<'b, 'v> {
    let text = text("findAll", &args, 0)?;
    let limit = if args.len() > 2 { int("findAll", &args, 2)? } else { -1 };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let found = pattern("findAll", &args)?;
    returned(&found.find_iter(&text).take(limit).map(|found| found.as_str()).collect())
}
