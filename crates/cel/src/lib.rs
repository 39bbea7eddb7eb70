//! The Common Expression Language as Kubernetes and kro speak it: compile once, find what an
//! expression refers to, evaluate it over JSON.
//!
//! Pure: no clock, no network. It must not know what the objects it reads mean, nor who asks.
//!
//! Start at [`Program`]. Numbers are ints or doubles as JSON wrote them, maps are walked in the order
//! of their keys, so the same input always gives the same bytes.

mod analysis;
pub mod check;
mod environment;
mod library;
mod macros;
pub mod policy;
mod program;
pub mod rules;
mod typed;

mod value;

pub use analysis::FieldChain;
pub use program::{Bindings, CompileError, Error, ErrorKind, Program};
