//! The move from `kubectl apply` to `kubectl apply --server-side`: fields that the annotation of the former vouches for
//! may be taken over without force. As upstream's `lastAppliedManager`. It must not know other managers.

use serde_json::Value;

use super::compare::compare;
use super::extract::field_set;
use super::set::FieldSet;
use super::typed::Typed;
use crate::object;

/// Only this manager takes over what the annotation says.
pub(super) const MANAGER: &str = "kubectl";
const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The fields that were applied client-side and still have the value applied then.
pub(super) fn vouched_for(typed: Typed<'_>, live: &Value) -> FieldSet {
    let last = object::annotation(live, ANNOTATION).and_then(|text| serde_json::from_str::<Value>(text).ok());
    let Some(last) = last else { return FieldSet::new() };
    let Ok(set) = field_set(typed, &last) else { return FieldSet::new() };
    let compared = compare(typed, &last, live);
    set.difference(&compared.modified).difference(&compared.added).difference(&compared.removed)
}

/// Keeps the annotation true, for clients that still read it. Does nothing where there is none.
pub(super) fn refresh(manager: &str, merged: &mut Value, config: &Value) {
    if manager != MANAGER || object::annotation(merged, ANNOTATION).is_none() {
        return;
    }
    let mut config = config.clone();
    if let Some(annotations) = config.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove(ANNOTATION);
    }
    object::set_annotation(merged, ANNOTATION, &format!("{config}\n"));
}
