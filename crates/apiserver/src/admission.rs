//! Admission: who may change or refuse a write on its way into the store. The built-in plugins, the policies and
//! webhooks that are configured as objects, and functions handed in by whoever starts the server.
//! It must not know HTTP, nor how objects are stored.
//!
//! The order is that of upstream's `AllOrderedPlugins`. [`mutate`] runs before an object is validated, [`validate`]
//! after it; quotas are charged in the transaction that stores the object.

mod class;
mod configuration;
mod limit_ranger;
mod matching;
mod node_taint;
mod plugin;
mod pod_security;
mod policy;
mod priority;
pub(crate) mod resource_quota;
mod review;
mod runtime_class;
mod service_account;
mod storage_in_use;
mod tolerations;
mod webhook;

use std::sync::Arc;

use serde_json::Value;

pub(crate) use configuration::Configurations;
pub use pod_security::Exemptions;
pub(crate) use policy::problems as check_policy;
use review::Review;
pub use webhook::{Resolve, WebhookClient};

use crate::Error;
use crate::call::Call;
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

impl Operation {
    /// The name in rules and reviews.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
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

/// Lets everyone change the object; gives what the client is to be warned of.
pub(crate) async fn mutate(
    call: &Call,
    request: AdmissionRequest<'_>,
    object: &mut Value,
) -> Result<Vec<String>, Error> {
    let review = Review::new(call, request);
    plugin::admit(&review, object)?;
    let mut warnings = Vec::new();
    if let Some(configuration) = review.configuration() {
        policy::mutate(&review, &configuration, object)?;
        let hooks = configuration.mutating_webhooks(&review, object);
        if !hooks.is_empty() {
            let changed = Box::pin(webhook::mutate(&review, &hooks, object, &mut warnings)).await?;
            // A policy that asks for it is evaluated again when a webhook changed what it had seen.
            if changed {
                policy::reinvoke(&review, &configuration, object)?;
            }
        }
    }
    call.server.options().admission.iter().try_for_each(|function| function.mutate(&review.request, object))?;
    Ok(warnings)
}

/// Lets everyone judge the write; gives what the client is to be warned of.
pub(crate) async fn validate(
    call: &Call,
    request: AdmissionRequest<'_>,
    object: Option<&Value>,
) -> Result<Vec<String>, Error> {
    let review = Review::new(call, request);
    let mut warnings = plugin::validate(&review, object)?;
    if let Some(configuration) = review.configuration() {
        policy::validate(&review, &configuration, object, &mut warnings)?;
        let hooks = configuration.validating_webhooks(&review, object);
        if !hooks.is_empty() {
            Box::pin(webhook::validate(&review, &hooks, object, &mut warnings)).await?;
        }
    }
    for function in &call.server.options().admission {
        warnings.extend(function.validate(&review.request, object)?);
    }
    Ok(warnings)
}
