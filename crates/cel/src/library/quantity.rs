//! Kubernetes' quantities: `quantity('200m').isLessThan(quantity('1'))`.
//! It must not parse: apimachinery does.

use std::any::Any;
use std::cmp::Ordering;

use cel::common::types::{CelBool, CelDouble, CelInt, CelString, INT_TYPE, STRING_TYPE, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{DeclarationError, Env, ExecutionError};
use mainstay_apimachinery::quantity::Quantity;

use super::{Evaluated, failed, text};

static QUANTITY: Type = Type::new_unspecified_type("kubernetes.Quantity");

/// A quantity as a CEL value. It becomes JSON in canonical form.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CelQuantity(pub(crate) Quantity);

impl Val for CelQuantity {
    fn get_type(&self) -> &Type {
        &QUANTITY
    }

    fn cel_type() -> &'static Type {
        &QUANTITY
    }

    fn equals(&self, other: &dyn Val) -> bool {
        other.downcast_ref::<CelQuantity>() == Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for CelQuantity {}

/// Adds the functions.
///
/// # Errors
/// When one of them is already there.
pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    let own = || QUANTITY.to_owned();
    env.add_type(own())?;
    env.add_overload("quantity", "string_to_quantity", vec![STRING_TYPE], |args| {
        let text = text("quantity", &args, 0)?;
        let parsed = text.parse().map_err(|why| failed("quantity", format!("`{text}`: {why}")))?;
        Ok(CowVal::owned(CelQuantity(parsed)))
    })?;
    env.add_overload("isQuantity", "is_quantity", vec![STRING_TYPE], |args| {
        Ok(CowVal::owned(CelBool::from(text("isQuantity", &args, 0)?.parse::<Quantity>().is_ok())))
    })?;
    env.add_overload("string", "quantity_to_string", vec![own()], |args| {
        Ok(CowVal::owned(CelString::from(quantity(&args, 0)?.to_string())))
    })?;
    env.add_member_overload("isLessThan", "quantity_less", own(), vec![own()], |args| compare(args, Ordering::Less))?;
    env.add_member_overload("isGreaterThan", "quantity_greater", own(), vec![own()], |args| {
        compare(args, Ordering::Greater)
    })?;
    env.add_member_overload("compareTo", "quantity_compare", own(), vec![own()], |args| {
        Ok(CowVal::owned(CelInt::from(quantity(&args, 0)?.cmp(&quantity(&args, 1)?) as i64)))
    })?;
    env.add_member_overload("add", "quantity_add", own(), vec![own()], |args| arithmetic(args, |a, b| a + b))?;
    env.add_member_overload("add", "quantity_add_int", own(), vec![INT_TYPE], |args| arithmetic(args, |a, b| a + b))?;
    env.add_member_overload("sub", "quantity_sub", own(), vec![own()], |args| arithmetic(args, |a, b| a - b))?;
    env.add_member_overload("sub", "quantity_sub_int", own(), vec![INT_TYPE], |args| arithmetic(args, |a, b| a - b))?;
    env.add_member_overload("asInteger", "quantity_integer", own(), vec![], |args| {
        Ok(CowVal::owned(CelInt::from(quantity(&args, 0)?.value())))
    })?;
    env.add_member_overload("asApproximateFloat", "quantity_float", own(), vec![], |args| {
        #[expect(clippy::cast_precision_loss, reason = "the function promises no more")]
        let float = quantity(&args, 0)?.milli_value() as f64 / 1000.0;
        Ok(CowVal::owned(CelDouble::from(float)))
    })?;
    env.add_member_overload("sign", "quantity_sign", own(), vec![], |args| {
        Ok(CowVal::owned(CelInt::from(quantity(&args, 0)?.cmp(&Quantity::from_units(0)) as i64)))
    })
}

/// The n-th argument as a quantity; an int counts units.
fn quantity(args: &[CowVal<'_, '_>], index: usize) -> Result<Quantity, ExecutionError> {
    let arg = args.get(index).ok_or_else(|| failed("quantity", "an argument is missing"))?;
    if let Some(quantity) = arg.downcast_ref::<CelQuantity>() {
        return Ok(quantity.0);
    }
    let units = arg.downcast_ref::<CelInt>().map(|int| Quantity::from_units(*int.inner()));
    units.ok_or_else(|| failed("quantity", "a quantity is wanted"))
}

fn compare<'b, 'v>(args: Vec<CowVal<'b, 'v>>, wanted: Ordering) -> Evaluated<'b, 'v> {
    Ok(CowVal::owned(CelBool::from(quantity(&args, 0)?.cmp(&quantity(&args, 1)?) == wanted)))
}

fn arithmetic<'b, 'v>(args: Vec<CowVal<'b, 'v>>, apply: fn(Quantity, Quantity) -> Quantity) -> Evaluated<'b, 'v> {
    Ok(CowVal::owned(CelQuantity(apply(quantity(&args, 0)?, quantity(&args, 1)?))))
}
