//! The seam for those who may change or refuse a write: policy, quotas.
//! It must not know any of them.

use std::sync::Arc;

use serde_json::Value;

use crate::Error;
use crate::identity::Identity;
use crate::registry::Resource;

/// What a write does to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It is made.
    Create,
    /// It is changed.
    Update,
    /// It is deleted.
    Delete,
}

/// A write on its way, as `admission.Attributes`.
#[derive(Debug)]
pub struct AdmissionRequest<'a> {
    /// Logical cluster.
    pub cluster: &'a str,
    /// Who writes.
    pub identity: &'a Identity,
    /// What is done.
    pub operation: Operation,
    /// The resource written to.
    pub resource: &'a Resource,
    /// Subresource, or empty.
    pub subresource: &'a str,
    /// Namespace, or empty.
    pub namespace: &'a str,
    /// Name.
    pub name: &'a str,
    /// The object before the write.
    pub old: Option<&'a Value>,
    /// Nothing is stored.
    pub dry_run: bool,
}

/// One admission function. It runs in the process, between decoding and storing, and must not wait.
pub trait Admission: Send + Sync {
    /// Changes an object that is created or updated.
    ///
    /// # Errors
    /// When the write is refused.
    fn mutate(&self, _request: &AdmissionRequest<'_>, _object: &mut Value) -> Result<(), Error> {
        Ok(())
    }

    /// Judges a write; for a deletion `object` is `None`. What it returns is shown to the client as warnings.
    ///
    /// # Errors
    /// When the write is refused.
    fn validate(&self, request: &AdmissionRequest<'_>, object: Option<&Value>) -> Result<Vec<String>, Error>;
}

/// Admission functions in the order they run.
pub type Chain = Vec<Arc<dyn Admission>>;

/// Lets all functions change the object.
pub(crate) fn mutate(chain: &Chain, request: &AdmissionRequest<'_>, object: &mut Value) -> Result<(), Error> {
    chain.iter().try_for_each(|function| function.mutate(request, object))
}

/// Lets all functions judge; collects their warnings.
pub(crate) fn validate(
    chain: &Chain,
    request: &AdmissionRequest<'_>,
    object: Option<&Value>,
) -> Result<Vec<String>, Error> {
    let mut warnings = Vec::new();
    for function in chain {
        warnings.extend(function.validate(request, object)?);
    }
    Ok(warnings)
}
