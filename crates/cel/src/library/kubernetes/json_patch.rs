//! `jsonpatch.escapeKey`: keys as they stand in the path of a JSON patch.
//! It must not know patches.

use cel::common::types::{CelString, STRING_TYPE};
use cel::common::value::CowVal;
use cel::{DeclarationError, Env};
use mainstay_apimachinery::json::pointer_token;

use super::super::{Evaluated, text};

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_overload("jsonpatch.escapeKey", "jsonpatch_escape_key_string", vec![STRING_TYPE], escape_key)
}

/// As RFC 6901 asks for in the keys of a path.
fn escape_key<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Evaluated<'b, 'v> {
    let key = text("jsonpatch.escapeKey", &args, 0)?;
    Ok(CowVal::owned(CelString::from(pointer_token(&key))))
}
