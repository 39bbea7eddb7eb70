//! CustomResourceDefinitions: what they say, whether they may be written, and their status.
//! It must not know storage or HTTP.

use serde_json::{Value, json};

use crate::registry::Resource;

mod definition;
mod status;
mod version;

pub use definition::Definition;
pub use status::{CLEANUP_FINALIZER, begin_deletion, complete, is_established, set_terminating};
pub use version::compare as compare_versions;

/// Whether a resource is the definitions themselves.
#[must_use]
pub fn is_definition(resource: &Resource) -> bool {
    &*resource.group == "apiextensions.k8s.io" && &*resource.plural == "customresourcedefinitions"
}

/// The defaults of `apiextensions/v1.SetDefaults_CustomResourceDefinitionSpec`.
pub fn apply_defaults(crd: &mut Value) {
    let Some(spec) = crd.get_mut("spec").and_then(Value::as_object_mut) else { return };
    spec.entry("conversion").or_insert_with(|| json!({"strategy": "None"}));
    let Some(names) = spec.get_mut("names").and_then(Value::as_object_mut) else { return };
    let kind = names.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    if !kind.is_empty() {
        let missing = |value: Option<&Value>| value.and_then(Value::as_str).is_none_or(str::is_empty);
        if missing(names.get("singular")) {
            names.insert("singular".to_owned(), kind.to_lowercase().into());
        }
        if missing(names.get("listKind")) {
            names.insert("listKind".to_owned(), format!("{kind}List").into());
        }
    }
}
