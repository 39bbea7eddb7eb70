//! Serves ResourceGraphDefinitions (`kro.run/v1alpha1`): a definition brings a kind, and each object of that kind
//! becomes many.
//!
//! Watches definitions, CustomResourceDefinitions, instances and their children; applies CustomResourceDefinitions
//! and children. Invariants: a child is findable before it is there (its kind stands on the instance first); nothing
//! is pruned unless all that is wanted is known and applied; a definition that turns bad keeps serving as it was; a
//! reconcile of what is as it should be makes no call.
//!
//! It must not know GitOps, nor whether the cluster is embedded. Start at [`run`]; without a cluster, [`render`].

mod access;
pub mod apply;
pub mod catalog;
pub mod changes;
pub mod children;
pub mod compatibility;
pub mod conditions;
pub mod controller;
mod crd;
pub mod expression;
pub mod fetch;
pub mod golden_paths;
pub mod graph;
pub mod plan;
pub mod plural;
pub mod problem;
pub mod registry;
pub mod report;
pub mod simpleschema;
pub mod validate;

use mainstay_apimachinery::Schema;
use serde_json::Value;

pub use access::rules;
pub use catalog::Catalog;
pub use controller::run;
pub use plan::Rendered;
pub use problem::Problem;

/// Field manager, and the name Events are reported under.
pub const MANAGER: &str = "mainstay-orchestrator";

/// Renders an instance of a definition without a cluster, as `mainstay render` does.
///
/// # Errors
/// Everything that is wrong with the definition; what is wrong with the instance is in the result.
pub fn render(definition: &Value, instance: &Value, catalog: &Catalog) -> Result<Rendered, Vec<Problem>> {
    let graph = validate::validate(definition, catalog)?;
    Ok(plan::render(&graph, instance, &plan::Observed::default()))
}

/// The schema of a definition's instances, for forms and editors.
#[must_use]
pub fn instance_schema(graph: &graph::Graph) -> Option<Schema> {
    let openapi = graph.crd.pointer("/spec/versions/0/schema/openAPIV3Schema")?;
    Schema::from_openapi(openapi).ok()
}
