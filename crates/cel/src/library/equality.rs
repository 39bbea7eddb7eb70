//! Equality of lists and maps, whoever made them: from JSON, or by a literal. Lists that are sets or maps in their
//! schema are equal in any order, as in `k8s.io/apiserver/pkg/cel/common`.
//! It must not know schemas.

use cel::common::ast::{CallExpr, Expr, ListExpr, LiteralValue, operators};
use cel::common::types::{CelBool, CelList, CelString, DYN_TYPE, Kind, LIST_TYPE};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, IdedExpr};
use mainstay_apimachinery::schema::ListType;

use super::Evaluated;
use crate::check::CelType;

const EQUAL: &str = "@equals";
const DIFFERENT: &str = "@differs";

/// Adds the functions.
///
/// # Errors
/// When one of them is already there.
pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_overload(EQUAL, "equals_deep", vec![DYN_TYPE, DYN_TYPE], |args| answer(&args, true))?;
    env.add_overload(DIFFERENT, "differs_deep", vec![DYN_TYPE, DYN_TYPE], |args| answer(&args, false))?;
    let keyed = || vec![DYN_TYPE, DYN_TYPE, LIST_TYPE];
    env.add_overload(EQUAL, "equals_keyed", keyed(), |args| answer(&args, true))?;
    env.add_overload(DIFFERENT, "differs_keyed", keyed(), |args| answer(&args, false))
}

/// Turns `a == b` into a call of ours where the operands may be more than scalars. A third argument lists the keys
/// that tell items apart; it is empty for a set.
pub(crate) fn rewrite(call: &mut CallExpr, a: &CelType, b: &CelType) {
    let name = match call.func_name.as_str() {
        operators::EQUALS => EQUAL,
        operators::NOT_EQUALS => DIFFERENT,
        _ => return,
    };
    if a.is_plain() && b.is_plain() {
        return;
    }
    name.clone_into(&mut call.func_name);
    if let Some(keys) = unordered(a).or_else(|| unordered(b)) {
        let texts = keys.into_iter().map(|key| literal(LiteralValue::String(key.into()))).collect();
        call.args.push(IdedExpr { id: 0, expr: Expr::List(ListExpr::new(texts)) });
    }
}

fn literal(value: LiteralValue) -> IdedExpr {
    IdedExpr { id: 0, expr: Expr::Literal(value) }
}

fn unordered(type_: &CelType) -> Option<Vec<String>> {
    match &type_.schema()?.list_type {
        ListType::Atomic => None,
        ListType::Set => Some(Vec::new()),
        ListType::Map(keys) => Some(keys.clone()),
    }
}

fn answer<'b, 'v>(args: &[CowVal<'b, 'v>], wanted: bool) -> Evaluated<'b, 'v> {
    let (Some(a), Some(b)) = (args.first(), args.get(1)) else {
        return Err(cel::ExecutionError::missing_argument_or_target());
    };
    let same = match args.get(2).and_then(|keys| keys.downcast_ref::<CelList>()) {
        Some(keys) => {
            let keys: Vec<&str> =
                keys.inner().iter().filter_map(|key| key.downcast_ref::<CelString>()).map(CelString::inner).collect();
            equal_in_any_order(&keys, a.as_ref(), b.as_ref())
        }
        None => equal(a.as_ref(), b.as_ref()),
    };
    Ok(CowVal::owned(CelBool::from(same == wanted)))
}

/// Whether two values are equal: to themselves, who may know that order does not count, or item by item.
pub(crate) fn equal(a: &dyn Val, b: &dyn Val) -> bool {
    a.equals(b)
        || match (a.get_type().kind(), b.get_type().kind()) {
            (Kind::List, Kind::List) => {
                let (a, b) = (items(a), items(b));
                a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| equal(a.as_ref(), b.as_ref()))
            }
            (Kind::Map, Kind::Map) => maps_equal(a, b),
            _ => false,
        }
}

fn maps_equal(a: &dyn Val, b: &dyn Val) -> bool {
    let (Some(left), Some(right)) = (a.as_indexer(), b.as_indexer()) else { return false };
    let keys = items(a);
    size(b) == Some(keys.len())
        && keys.iter().all(|key| match (left.get(key.as_ref()), right.get(key.as_ref())) {
            (Ok(a), Ok(b)) => equal(a.as_ref(), b.as_ref()),
            _ => false,
        })
}

fn size(value: &dyn Val) -> Option<usize> {
    usize::try_from(*value.as_sizer()?.size().inner()).ok()
}

/// The items of a list, or the keys of a map.
pub(crate) fn items<'v>(value: &(dyn Val + 'v)) -> Vec<Box<dyn Val + 'v>> {
    let mut found = Vec::new();
    let Some(iterable) = value.as_iterable() else { return found };
    let mut iter = iterable.iter();
    while let Some(item) = iter.next() {
        found.push(item.clone_as_boxed());
    }
    found
}

/// Whether two lists hold the same items in any order; with keys, items are told apart by them.
pub(crate) fn equal_in_any_order(keys: &[&str], a: &dyn Val, b: &dyn Val) -> bool {
    let (a, b) = (items(a), items(b));
    a.len() == b.len()
        && a.iter().all(|item| {
            let twin = b.iter().find(|other| same_identity(keys, item.as_ref(), other.as_ref()));
            twin.is_some_and(|twin| equal(item.as_ref(), twin.as_ref()))
        })
}

/// Whether two items are the same entry of a set, or of a map with these keys.
pub(crate) fn same_identity(keys: &[&str], a: &dyn Val, b: &dyn Val) -> bool {
    if keys.is_empty() {
        return equal(a, b);
    }
    let (Some(a), Some(b)) = (a.as_indexer(), b.as_indexer()) else { return false };
    keys.iter().all(|key| {
        let key = CelString::from(*key);
        match (a.get(&key), b.get(&key)) {
            (Ok(a), Ok(b)) => equal(a.as_ref(), b.as_ref()),
            (Err(_), Err(_)) => true,
            _ => false,
        }
    })
}
