//! Whether an object may be stored.
//! It must not know storage.

use mainstay_apimachinery::{FieldError, FieldErrorKind, FieldPath, builtin, object};
use serde_json::{Value, json};

use crate::Error;
use crate::call::Call;

mod custom;
mod definition;

/// Everything wrong with a new state; `old` is the state before.
pub(crate) fn check(call: &Call, new: &Value, old: Option<&Value>) -> Result<(), Error> {
    let mut errors = old.map(|old| finalizers_of_deleted(old, new)).unwrap_or_default();
    errors.extend(match old.filter(|_| call.subresource.is_some() && call.resource.custom.is_none()) {
        Some(old) => builtin::validate_subresource(&call.resource.gvk(), call.subresource_str(), new, old),
        None => builtin::validate(&call.resource.gvk(), new, old),
    });
    if let Some(custom) = &call.resource.custom {
        errors.extend(custom::check(custom, new, old, call.subresource_str()));
    }
    if &*call.resource.group == "admissionregistration.k8s.io" {
        errors.extend(crate::admission::check_policy(&call.resource.kind, new, old));
    }
    if crate::crd::is_definition(&call.resource) {
        errors.extend(definition::check(new, old));
    }
    if errors.is_empty() { Ok(()) } else { Err(Error::invalid(&call.resource, object::name(new), &errors)) }
}

/// What is being deleted gets no new finalizers.
fn finalizers_of_deleted(old: &Value, new: &Value) -> Vec<FieldError> {
    if !object::is_deleting(old) {
        return Vec::new();
    }
    let known: Vec<&str> = object::finalizers(old).collect();
    let added: Vec<&str> = object::finalizers(new).filter(|finalizer| !known.contains(finalizer)).collect();
    if added.is_empty() {
        return Vec::new();
    }
    let listed: Vec<String> = added.iter().map(|finalizer| json!(finalizer).to_string()).collect();
    let detail = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
        listed.join(", ")
    );
    let path = FieldPath::root().child("metadata").child("finalizers");
    // Upstream checks the metadata of an update twice: for all kinds together, and with each kind's own rules.
    vec![FieldError::new(FieldErrorKind::Forbidden, path, Value::Null, detail); 2]
}
