//! YAML answers. It must not know objects.

use serde_json::Value;

/// A value as YAML.
pub(crate) fn encode(value: &Value) -> String {
    mainstay_apimachinery::yaml::to_string(value)
}
