//! Ownership between objects: owner references, and the causal thread that goes from owner to child.
//! It must not know any kind's spec.

use mainstay_apimachinery::object;
use mainstay_controller_runtime::ObjectKey;
use serde_json::{Value, json};

use crate::read;

/// The controller owner reference to `owner`, as `metav1.NewControllerRef`.
pub(crate) fn reference(owner: &Value) -> Value {
    json!({
        "apiVersion": object::api_version(owner),
        "kind": object::kind(owner),
        "name": object::name(owner),
        "uid": object::uid(owner),
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

/// Whether `owner` is the controller of `child`.
pub(crate) fn controls(owner: &Value, child: &Value) -> bool {
    object::controller_of(child).and_then(|reference| read::text(reference, "/uid")) == Some(object::uid(owner))
}

/// The uid of the child's controller: the key of the "controller" index of every informer here.
pub(crate) fn controller_uid(child: &Value) -> Option<&str> {
    read::text(object::controller_of(child)?, "/uid")
}

/// The key of the child's controller if it is of this kind.
pub(crate) fn controller_key(child: &Value, kind: &str) -> Option<ObjectKey> {
    let reference = object::controller_of(child)?;
    if read::text(reference, "/kind") != Some(kind) {
        return None;
    }
    Some(ObjectKey::new(object::namespace(child)?, read::text(reference, "/name")?))
}

/// Copies the causal thread of `owner` to a child about to be created.
pub(crate) fn copy_thread(owner: &Value, child: &mut Value) {
    if let Some(thread) = object::annotation(owner, crate::THREAD) {
        object::set_annotation(child, crate::THREAD, thread);
    }
}
