//! What the fuzz targets share: schemas, objects and patches made out of arbitrary bytes.
//! It must not know what a target asserts of them.

mod schemas;
mod values;

pub use schemas::{NAMES, kind, merging_otherwise, schema};
pub use values::{any_value, misfit, patch_value, value};
