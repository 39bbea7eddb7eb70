//! The built-in plugins in their order.
//! It must not know what any of them does.

use serde_json::Value;

use super::Operation;
use super::class::{DefaultIngressClass, DefaultStorageClass};
use super::limit_ranger::LimitRanger;
use super::node_taint::TaintNodesByCondition;
use super::pod_security::PodSecurity;
use super::priority::Priority;
use super::review::Review;
use super::runtime_class::RuntimeClass;
use super::service_account::ServiceAccount;
use super::storage_in_use::StorageObjectInUseProtection;
use super::tolerations::DefaultTolerationSeconds;
use crate::Error;

/// One built-in plugin, as `admission.MutationInterface` and `admission.ValidationInterface`.
pub(super) trait Plugin: Sync {
    /// Whether it has anything to say on such a write.
    fn handles(&self, review: &Review<'_>) -> bool;

    /// Changes an object that is created or updated.
    fn admit(&self, _: &Review<'_>, _: &mut Value) -> Result<(), Error> {
        Ok(())
    }

    /// Judges an object that is created or updated; gives warnings.
    fn validate(&self, _: &Review<'_>, _: &Value) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }
}

/// As `AllOrderedPlugins`, those that are on by default. `NamespaceLifecycle` is part of the write itself, since it
/// looks at what is there when the object is stored, and so is `ResourceQuota`.
static ALL: [&dyn Plugin; 10] = [
    &LimitRanger,
    &ServiceAccount,
    &TaintNodesByCondition,
    &PodSecurity,
    &Priority,
    &DefaultTolerationSeconds,
    &DefaultStorageClass,
    &StorageObjectInUseProtection,
    &RuntimeClass,
    &DefaultIngressClass,
];

/// Lets the plugins change the object.
pub(super) fn admit(review: &Review<'_>, object: &mut Value) -> Result<(), Error> {
    ALL.iter().filter(|plugin| plugin.handles(review)).try_for_each(|plugin| plugin.admit(review, object))
}

/// Lets the plugins judge the object; they have nothing to say on deletions.
pub(super) fn validate(review: &Review<'_>, object: Option<&Value>) -> Result<Vec<String>, Error> {
    let mut warnings = Vec::new();
    let Some(object) = object.filter(|_| review.request.operation != Operation::Delete) else { return Ok(warnings) };
    for plugin in ALL.iter().filter(|plugin| plugin.handles(review)) {
        warnings.extend(plugin.validate(review, object)?);
    }
    Ok(warnings)
}
