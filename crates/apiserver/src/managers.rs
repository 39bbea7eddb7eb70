//! Who owns which field: `metadata.managedFields` of writes and server-side apply.
//! It must not know storage.

use serde_json::Value;

use crate::Error;
use crate::call::Call;
use crate::options::WriteOptions;

/// The new state with the writer as owner of what it changed.
pub(crate) fn update(_call: &Call, _options: &WriteOptions, _old: Option<&Value>, new: Value) -> Value {
    new
}

/// What a live object becomes when `applied` is applied to it.
pub(crate) fn apply(_call: &Call, _options: &WriteOptions, live: &Value, applied: &Value) -> Result<Value, Error> {
    Ok(mainstay_apimachinery::patch::merge_patch(live, applied))
}

/// Whether two states differ in nothing but the times of their managed fields.
pub(crate) fn same_but_times(old: &Value, new: &Value) -> bool {
    fn without_times(object: &Value) -> Value {
        let mut object = object.clone();
        let entries = object.pointer_mut("/metadata/managedFields").and_then(Value::as_array_mut);
        for entry in entries.into_iter().flatten().filter_map(Value::as_object_mut) {
            entry.remove("time");
        }
        object
    }
    old.get("metadata") != new.get("metadata") && without_times(old) == without_times(new)
}
