//! Quantities beyond their own file: `quantity('2').isInteger()`.
//! It must not parse: apimachinery does.

use cel::common::value::Val;
use cel::{DeclarationError, Env};

use super::super::failed;
use super::super::quantity::CelQuantity;
use super::boolean;

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_member_overload("isInteger", "quantity_is_integer", CelQuantity::cel_type().to_owned(), vec![], |args| {
        let found = args.first().and_then(|arg| arg.downcast_ref::<CelQuantity>());
        let quantity = found.ok_or_else(|| failed("isInteger", "a quantity is wanted"))?.0;
        boolean(quantity.milli_value() == quantity.value() * 1000)
    })
}
