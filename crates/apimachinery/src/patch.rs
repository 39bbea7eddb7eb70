//! The patches a client may send: JSON patch, JSON merge patch, strategic merge patch.
//! It must not know HTTP; server-side apply is in [`crate::managed_fields`].

use serde::Deserialize;
use serde_json::Value;

use crate::managed_fields::print;

mod order;
mod strategic;

pub use strategic::strategic_merge_patch;

/// Why a patch could not be applied. All of them are the client's to mend.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// The document is not of the shape its patch type asks for. Upstream answers 400.
    #[error("error decoding patch: {0}")]
    Decode(String),
    /// An operation of a JSON patch is unknown, its path is missing, or a `test` failed. Upstream answers 422.
    #[error("the server rejected our request due to an error in our request: {0}")]
    Rejected(String),
    /// An item of a list lacks the key its list is merged by. Upstream answers 500.
    #[error("map: {} does not contain declared merge key: {key}", print::plain(item))]
    MissingMergeKey {
        /// The item.
        item: Value,
        /// The key it lacks.
        key: String,
    },
    /// A directive of a strategic merge patch is malformed. Upstream answers 500.
    #[error("{0}")]
    Directive(String),
}

/// A value as Go prints it: `map[spec:map[replicas:x]]`.
#[must_use]
pub fn in_go(value: &Value) -> String {
    print::plain(value)
}

/// Applies a JSON patch (RFC 6902).
///
/// # Errors
/// [`PatchError::Decode`] when the patch is not a list, else [`PatchError::Rejected`] with the operation that failed.
pub fn json_patch(original: &Value, patch: &Value) -> Result<Value, PatchError> {
    if !patch.is_array() {
        return Err(PatchError::Decode("a JSON patch must be a list of operations".to_owned()));
    }
    let operations = json_patch::Patch::deserialize(patch).map_err(|e| PatchError::Rejected(e.to_string()))?;
    let mut patched = original.clone();
    json_patch::patch_unsafe(&mut patched, &operations).map_err(|e| PatchError::Rejected(e.to_string()))?;
    Ok(patched)
}

/// Applies a JSON merge patch (RFC 7386): `null` deletes, maps merge, anything else replaces.
#[must_use]
pub fn merge_patch(original: &Value, patch: &Value) -> Value {
    let mut patched = original.clone();
    json_patch::merge(&mut patched, patch);
    patched
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_patch_applies_and_refuses() {
        let object = json!({"data": {"a": "1"}, "list": [1]});
        let patch = json!([
            {"op": "test", "path": "/data/a", "value": "1"},
            {"op": "move", "from": "/data/a", "path": "/data/b"},
            {"op": "add", "path": "/list/-", "value": 2},
        ]);
        assert_eq!(json_patch(&object, &patch).unwrap(), json!({"data": {"b": "1"}, "list": [1, 2]}));
        for rejected in [
            json!([{"op": "test", "path": "/data/a", "value": "2"}]),
            json!([{"op": "remove", "path": "/data/none"}]),
            json!([{"op": "bogus", "path": "/data/a"}]),
        ] {
            assert!(matches!(json_patch(&object, &rejected), Err(PatchError::Rejected(_))), "{rejected}");
        }
        assert!(matches!(json_patch(&object, &json!({"op": "add"})), Err(PatchError::Decode(_))));
    }

    #[test]
    fn merge_patch_deletes_merges_and_replaces() {
        let object = json!({"data": {"a": "1", "b": "2"}, "list": [1, 2]});
        let patch = json!({"data": {"a": null, "c": {"d": null, "e": 1}}, "list": [3]});
        assert_eq!(merge_patch(&object, &patch), json!({"data": {"b": "2", "c": {"e": 1}}, "list": [3]}));
    }
}
