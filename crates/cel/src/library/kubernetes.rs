//! What Kubernetes adds to CEL beyond quantities: URLs, addresses, versions, named formats and sets.
//! It must not know variables or objects.

use std::any::Any;
use std::fmt::Debug;

use cel::common::types::{CelBool, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{DeclarationError, Env, ExecutionError};

use super::{Evaluated, failed};

mod address;
pub(crate) mod authorizer;
mod format;
mod json_patch;
mod quantity;
mod sets;
mod url;
mod version;

/// Adds the functions.
///
/// # Errors
/// When one of them is already there.
pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    address::extension(env)?;
    authorizer::extension(env)?;
    format::extension(env)?;
    json_patch::extension(env)?;
    quantity::extension(env)?;
    sets::extension(env)?;
    url::extension(env)?;
    version::extension(env)
}

/// What an [`Opaque`] value can hold.
trait Content: Clone + Debug + PartialEq + Send + Sync + 'static {
    /// Its type in CEL.
    fn cel_type() -> &'static Type;
}

/// A value that only the functions of its library look into.
#[derive(Clone, Debug)]
struct Opaque<T>(T);

impl<T: Content> Val for Opaque<T> {
    fn get_type(&self) -> &Type {
        T::cel_type()
    }

    fn cel_type() -> &'static Type {
        T::cel_type()
    }

    fn equals(&self, other: &dyn Val) -> bool {
        other.downcast_ref::<Self>().is_some_and(|other| other.0 == self.0)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl<T: Content> StaticVal for Opaque<T> {}

/// The n-th argument's content.
fn content<'a, T: Content>(args: &'a [CowVal<'_, '_>], index: usize) -> Result<&'a T, ExecutionError> {
    let found = args.get(index).and_then(|arg| arg.downcast_ref::<Opaque<T>>());
    found.map(|opaque| &opaque.0).ok_or_else(|| failed(T::cel_type().name(), "an argument is of another type"))
}

fn opaque<'b, 'v, T: Content>(content: T) -> Evaluated<'b, 'v> {
    Ok(CowVal::owned(Opaque(content)))
}

fn boolean<'b, 'v>(value: bool) -> Evaluated<'b, 'v> {
    Ok(CowVal::owned(CelBool::from(value)))
}
