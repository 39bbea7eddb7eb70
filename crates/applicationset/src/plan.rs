//! The engine: from generators to parameters, from a template to Applications, from those to what to write and delete.
//! Pure: what is needed from outside is asked for by name. It must not know how that is got.

pub mod children;
pub mod generate;
pub mod git;
pub mod names;
pub mod template;
