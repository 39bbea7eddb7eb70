//! `StorageObjectInUseProtection`: a new claim or volume has the finalizer that keeps it while it is in use.
//! It must not know who takes it off again. Upstream: `plugin/pkg/admission/storage/storageobjectinuseprotection`.

use mainstay_apimachinery::object;
use serde_json::Value;

use super::Operation;
use super::plugin::Plugin;
use super::review::Review;
use crate::Error;

/// The plugin.
pub(super) struct StorageObjectInUseProtection;

impl Plugin for StorageObjectInUseProtection {
    fn handles(&self, review: &Review<'_>) -> bool {
        finalizer(review).is_some()
    }

    fn admit(&self, review: &Review<'_>, object: &mut Value) -> Result<(), Error> {
        finalizer(review).into_iter().for_each(|finalizer| object::add_finalizer(object, finalizer));
        Ok(())
    }
}

/// The finalizer of what is made, where it has one.
fn finalizer(review: &Review<'_>) -> Option<&'static str> {
    let kinds = [
        ("persistentvolumeclaims", "kubernetes.io/pvc-protection"),
        ("persistentvolumes", "kubernetes.io/pv-protection"),
    ];
    kinds.into_iter().find(|(plural, _)| review.is(Operation::Create, "", plural)).map(|(_, finalizer)| finalizer)
}
