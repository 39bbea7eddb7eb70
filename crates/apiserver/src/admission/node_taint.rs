//! `TaintNodesByCondition`: a new node takes no pods until a controller has seen that it is ready.
//! It must not know conditions. Upstream: `plugin/pkg/admission/nodetaint`.

use serde_json::{Value, json};

use super::Operation;
use super::plugin::Plugin;
use super::review::Review;
use crate::Error;

/// The plugin.
pub(super) struct TaintNodesByCondition;

impl Plugin for TaintNodesByCondition {
    fn handles(&self, review: &Review<'_>) -> bool {
        review.is(Operation::Create, "", "nodes")
    }

    fn admit(&self, _: &Review<'_>, node: &mut Value) -> Result<(), Error> {
        let taint = json!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"});
        if !node["spec"].is_object() {
            node["spec"] = json!({});
        }
        let Some(spec) = node["spec"].as_object_mut() else { return Ok(()) };
        let taints = spec.entry("taints").or_insert_with(|| json!([]));
        let same = |known: &Value| known["key"] == taint["key"] && known["effect"] == taint["effect"];
        if let Some(list) = taints.as_array_mut().filter(|list| !list.iter().any(same)) {
            list.push(taint);
        }
        Ok(())
    }
}
