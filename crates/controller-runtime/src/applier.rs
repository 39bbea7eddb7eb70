//! Brings a set of objects into being by server-side apply, and prunes what no longer belongs to it.
//!
//! An object that is as desired is not written, so a steady state costs no calls and keeps its causal thread.

use mainstay_apimachinery::{GroupVersionKind, builtin, diff, object};
use mainstay_telemetry::{Thread, thread};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::api::{ApplyOptions, DeleteOptions};
use crate::class::{Class, Classify};
use crate::context::Context;
use crate::{api, mapper};

/// Annotation with the hash of the desired object as it was last applied.
pub const APPLIED_HASH: &str = "mainstay.dev/applied-hash";

/// Applies objects in one cluster under one field manager. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Applier {
    context: Context,
    manager: String,
}

/// What an apply did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// There was no such object.
    Created,
    /// The object was changed.
    Configured,
    /// The object was already as desired; nothing was written.
    Unchanged,
}

/// One object applied.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The live object afterwards.
    pub object: Value,
    /// What was done.
    pub change: Change,
}

/// Applying one object failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object says no kind.
    #[error("failed to apply {0}: it has no apiVersion or no kind; give it both")]
    NoKind(String),
    /// The server does not serve the kind.
    #[error(
        "failed to apply {object}: the cluster serves no {gvk}; install the CustomResourceDefinition or fix apiVersion and kind"
    )]
    UnknownKind {
        /// `kind/namespace/name`.
        object: String,
        /// The kind asked for.
        gvk: GroupVersionKind,
    },
    /// Discovery failed.
    #[error("failed to find the resource of {0}")]
    Discover(String, #[source] mapper::Error),
    /// The server refused or failed.
    #[error(transparent)]
    Call(api::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::NoKind(_) => Class::Terminal,
            Self::UnknownKind { .. } => Class::Wait,
            Self::Discover(_, error) => error.class(),
            Self::Call(error) => error.class(),
        }
    }
}

/// Results of applying a set, in the order given.
#[derive(Debug)]
pub struct Outcome {
    /// One result per object.
    pub results: Vec<Result<Applied, Error>>,
}

/// Proof that every object of a set was applied. Only with it can anything be pruned, so a source that was read
/// in part, or a set that failed in part, never deletes.
#[derive(Debug)]
pub struct Complete(());

impl Outcome {
    /// The proof, if all went well.
    #[must_use]
    pub fn complete(&self) -> Option<Complete> {
        self.results.iter().all(Result::is_ok).then_some(Complete(()))
    }
}

impl Applier {
    /// An applier for a field manager, such as `mainstay-orchestrator`.
    #[must_use]
    pub fn new(context: &Context, manager: &str) -> Self {
        Self { context: context.clone(), manager: manager.to_owned() }
    }

    /// The field manager.
    #[must_use]
    pub fn manager(&self) -> &str {
        &self.manager
    }

    /// Applies one object, taking conflicting fields over. `live` is what a cache holds, if it holds anything.
    ///
    /// The thread is written only along with another change.
    ///
    /// # Errors
    /// When the kind is not served or the server refuses.
    pub async fn apply(&self, desired: &Value, live: Option<&Value>, cause: Option<&Thread>) -> Result<Applied, Error> {
        let hash = hash(desired);
        if let Some(live) = live
            && object::annotation(live, APPLIED_HASH) == Some(&hash)
            && covers(live, desired)
        {
            return Ok(Applied { object: live.clone(), change: Change::Unchanged });
        }
        let mut stamped = desired.clone();
        object::set_annotation(&mut stamped, APPLIED_HASH, &hash);
        let cause = cause.map(ToString::to_string);
        if let Some(cause) =
            cause.as_deref().or_else(|| live.and_then(|live| object::annotation(live, thread::ANNOTATION)))
        {
            object::set_annotation(&mut stamped, thread::ANNOTATION, cause);
        }
        let api = self.api_of(desired).await?;
        let applied = match api.apply(&stamped, &ApplyOptions::forced(&self.manager)).await {
            Ok(applied) => applied,
            Err(error) => return Err(self.refused(desired, error)),
        };
        let unchanged = live.is_some_and(|live| object::resource_version(live) == object::resource_version(&applied));
        let change = match live {
            _ if unchanged => Change::Unchanged,
            Some(_) => Change::Configured,
            None if object::generation(&applied) <= 1 => Change::Created,
            None => Change::Configured,
        };
        Ok(Applied { object: applied, change })
    }

    /// Applies a set of objects, one after the other, going on after a failure.
    pub async fn apply_all<'a>(
        &self,
        desired: impl IntoIterator<Item = (&'a Value, Option<&'a Value>)>,
        cause: Option<&Thread>,
    ) -> Outcome {
        let mut results = Vec::new();
        for (desired, live) in desired {
            results.push(self.apply(desired, live, cause).await);
        }
        Outcome { results }
    }

    /// Deletes objects that no longer belong to a set, each only if it is still the one with the uid seen.
    /// Returns how many deletions were asked for.
    ///
    /// # Errors
    /// On the first deletion that fails; the rest are tried the next time.
    pub async fn prune(&self, gone: &[Value], _complete: Complete) -> Result<usize, Error> {
        let mut deleted = 0;
        for object in gone {
            deleted += usize::from(self.delete(object).await?);
        }
        Ok(deleted)
    }

    /// Deletes one object if it is still the one with the uid seen; false if it is gone already.
    ///
    /// # Errors
    /// When the kind is not served or the server refuses.
    pub async fn delete(&self, object: &Value) -> Result<bool, Error> {
        let uid = Some(object::uid(object).to_owned()).filter(|uid| !uid.is_empty());
        let options = DeleteOptions { uid, ..DeleteOptions::default() };
        self.api_of(object).await?.delete(object::name(object), &options).await.map_err(Error::Call)
    }

    /// The API an object is called through, by discovery.
    ///
    /// # Errors
    /// When the object has no kind or the kind is not served.
    pub async fn api_of(&self, object: &Value) -> Result<crate::Api, Error> {
        let gvk = GroupVersionKind::of(object).ok_or_else(|| Error::NoKind(object::describe(object)))?;
        let mapping =
            self.context.mapper.resolve(&gvk).await.map_err(|error| Error::Discover(gvk.to_string(), error))?;
        let mapping = mapping.ok_or_else(|| Error::UnknownKind { object: object::describe(object), gvk })?;
        let namespace = if mapping.namespaced { object::namespace(object).or(Some("default")) } else { None };
        Ok(self.context.api(&mapping.resource, namespace))
    }

    /// A 404 for an apply can mean that the kind is gone since it was discovered: ask again the next time.
    fn refused(&self, desired: &Value, error: api::Error) -> Error {
        if error.is_not_found()
            && let Some(gvk) = GroupVersionKind::of(desired)
        {
            self.context.mapper.forget(&gvk);
        }
        Error::Call(error)
    }
}

/// Whether a live object still has all that is desired, by the schema of its kind where that is built in.
fn covers(live: &Value, desired: &Value) -> bool {
    let schema = GroupVersionKind::of(desired).and_then(|gvk| builtin::schema(&gvk));
    diff::covers(live, desired, schema.as_deref())
}

/// A short hash of an object without its thread: equal for equal objects, whatever the order of their fields.
#[must_use]
pub fn hash(object: &Value) -> String {
    let mut hash = Sha256::new();
    match object::annotation(object, thread::ANNOTATION) {
        None => hash.update(object.to_string().as_bytes()),
        Some(_) => {
            let mut without = object.clone();
            if let Some(annotations) = without.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
                annotations.remove(thread::ANNOTATION);
            }
            hash.update(without.to_string().as_bytes());
        }
    }
    hash.finalize().iter().take(10).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_hash_ignores_the_thread() {
        let plain = json!({"metadata": {"name": "a", "annotations": {"x": "1"}}});
        let mut threaded = plain.clone();
        object::set_annotation(&mut threaded, thread::ANNOTATION, "apps@1");
        assert_eq!(hash(&plain), hash(&threaded));
        assert_ne!(hash(&plain), hash(&json!({"metadata": {"name": "b"}})));
    }

    #[test]
    fn only_a_complete_outcome_can_prune() {
        let applied = || Applied { object: json!({}), change: Change::Unchanged };
        assert!(Outcome { results: vec![Ok(applied())] }.complete().is_some());
        assert!(Outcome { results: vec![Ok(applied()), Err(Error::NoKind("x".into()))] }.complete().is_none());
    }
}
