//! `DefaultTolerationSeconds`: a pod stays for a while on a node that is not ready or cannot be reached.
//! It must not know nodes. Upstream: `plugin/pkg/admission/defaulttolerationseconds`.

use serde_json::{Value, json};

use super::Operation;
use super::plugin::Plugin;
use super::review::Review;
use crate::Error;

/// The taints, and how long a pod that does not say stays, in seconds.
const KEYS: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
const SECONDS: i64 = 300;

/// The plugin.
pub(super) struct DefaultTolerationSeconds;

impl Plugin for DefaultTolerationSeconds {
    fn handles(&self, review: &Review<'_>) -> bool {
        review.is(Operation::Create, "", "pods")
    }

    fn admit(&self, _: &Review<'_>, pod: &mut Value) -> Result<(), Error> {
        let Some(spec) = pod["spec"].as_object_mut() else { return Ok(()) };
        let tolerations = spec.entry("tolerations").or_insert_with(|| json!([]));
        let Some(list) = tolerations.as_array_mut() else { return Ok(()) };
        for key in KEYS {
            let covers = |known: &Value| {
                let of_key = known.get("key").is_none_or(|given| given == key);
                of_key && known.get("effect").is_none_or(|effect| effect == "NoExecute")
            };
            if !list.iter().any(covers) {
                list.push(
                    json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS}),
                );
            }
        }
        Ok(())
    }
}
