//! Wire types and CustomResourceDefinitions, one module per API group.
//!
//! Pure data. It must not know who reads or writes the objects.

pub mod argoproj;
pub mod kro;
pub mod platform;
