//! `x-kubernetes-validations`: the CEL rules of a schema, compiled once and held against each write, as
//! `apiextensions-apiserver/pkg/apiserver/schema/cel`.
//! It must not know storage, nor what a schema asks for beyond its rules.
//!
//! Start at [`Rules`]; [`definition::check`] is what a CustomResourceDefinition has to pass.

mod compiled;
mod cost;
pub mod definition;
mod field_path;
pub(crate) mod meter;
mod node;
mod validate;

pub(crate) use compiled::{Failure, failure};
pub(crate) use meter::extension;
pub use node::Rules;
pub use validate::{Outcome, same};

/// What one evaluation may cost: `celconfig.PerCallLimit`.
pub(crate) const CALL_LIMIT: u64 = 1_000_000;
/// What all rules together may cost for one object: `celconfig.RuntimeCELCostBudget`.
const OBJECT_LIMIT: u64 = 10_000_000;
/// What one rule may be estimated to cost: `celconfig.StaticEstimatedCostLimit`.
const RULE_ESTIMATE_LIMIT: u64 = 10_000_000;
/// What all rules of one schema may be estimated to cost: `celconfig.StaticEstimatedCRDCostLimit`.
const SCHEMA_ESTIMATE_LIMIT: u64 = 100_000_000;
/// The largest request there can be, in bytes: `celconfig.MaxRequestSizeBytes`.
const REQUEST_SIZE: u64 = 3 * 1024 * 1024;

#[cfg(test)]
mod tests;
