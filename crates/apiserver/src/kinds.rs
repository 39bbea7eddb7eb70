//! Defaults and rules of built-in kinds. It must not know requests.

use mainstay_apimachinery::{FieldError, GroupVersionKind};
use serde_json::Value;

pub(crate) fn validate(_gvk: &GroupVersionKind, _new: &Value, _old: Option<&Value>) -> Vec<FieldError> {
    Vec::new()
}
