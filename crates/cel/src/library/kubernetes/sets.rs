//! Lists as sets: `sets.contains`, `sets.equivalent`, `sets.intersects`.
//! It must not know schemas.

use cel::common::types::LIST_TYPE;
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};

use super::super::equality::{equal, items};
use super::super::{Evaluated, failed};
use super::boolean;

type Items<'v> = Vec<Box<dyn Val + 'v>>;

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    let two = || vec![LIST_TYPE, LIST_TYPE];
    env.add_overload("sets.contains", "list_sets_contains_list", two(), contains)?;
    env.add_overload("sets.equivalent", "list_sets_equivalent_list", two(), equivalent)?;
    env.add_overload("sets.intersects", "list_sets_intersects_list", two(), intersects)
}

fn both<'v>(args: &[CowVal<'_, 'v>]) -> Result<(Items<'v>, Items<'v>), ExecutionError> {
    match args {
        [a, b] => Ok((items(a.as_ref()), items(b.as_ref()))),
        _ => Err(failed("sets", "two lists are wanted")),
    }
}

fn covers(whole: &Items<'_>, part: &Items<'_>) -> bool {
    part.iter().all(|item| whole.iter().any(|other| equal(other.as_ref(), item.as_ref())))
}

fn contains<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Evaluated<'b, 'v> {
    let (a, b) = both(&args)?;
    boolean(covers(&a, &b))
}

fn equivalent<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Evaluated<'b, 'v> {
    let (a, b) = both(&args)?;
    boolean(covers(&a, &b) && covers(&b, &a))
}

fn intersects<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Evaluated<'b, 'v> {
    let (a, b) = both(&args)?;
    boolean(a.iter().any(|item| b.iter().any(|other| equal(item.as_ref(), other.as_ref()))))
}
