//! Serves ResourceGraphDefinitions (`kro.run/v1alpha1`): one object of a platform's own kind becomes many.
//!
//! Pure so far: [`validate`] turns a definition into a [`graph::Graph`], [`plan`] an instance into objects.

pub mod catalog;
mod crd;
pub mod expression;
pub mod golden_paths;
pub mod graph;
pub mod plan;
pub mod plural;
pub mod problem;
pub mod simpleschema;
pub mod validate;
