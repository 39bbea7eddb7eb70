//! Writes the planned changes of Applications. It makes no choices.
//! It must not know why anything is to change.

use mainstay_api::argoproj;
use mainstay_apimachinery::object;
use mainstay_controller_runtime::{Api, Class, Classify, Context, DeleteOptions, api, context};
use serde_json::{Value, json};

use crate::MANAGER;
use crate::plan::changes::Update;

/// Writing an Application failed.
#[derive(Debug, thiserror::Error)]
#[error("failed to {verb} application {name}")]
pub(crate) struct Error {
    verb: &'static str,
    name: String,
    #[source]
    source: api::Error,
}

impl Error {
    /// The reason that the set's condition gives, as upstream.
    pub(crate) fn reason(&self) -> &'static str {
        match self.verb {
            "create" => "CreateApplicationError",
            "delete" => "DeleteApplicationError",
            "sync" => "SyncApplicationError",
            _ => "UpdateApplicationError",
        }
    }
}

impl Error {
    /// Whether it only shows that a cache has not caught up.
    pub(crate) fn is_conflict(&self) -> bool {
        self.source.is_conflict()
    }
}

impl Classify for Error {
    fn class(&self) -> Class {
        if self.source.is_refusal() { Class::Terminal } else { Class::Retry }
    }
}

/// The Applications of a namespace.
pub(crate) struct Applications(Api);

impl Applications {
    pub(crate) fn new(control: &Context, namespace: &str) -> Self {
        let resource = context::resource(argoproj::GROUP, argoproj::VERSION, "Application", "applications");
        Self(control.api(&resource, Some(namespace)))
    }

    pub(crate) async fn create(&self, application: &Value) -> Result<(), Error> {
        let created = self.0.create(MANAGER, application).await;
        created.map(drop).map_err(|source| failed("create", object::name(application), source))
    }

    pub(crate) async fn update(&self, update: &Update) -> Result<(), Error> {
        let updated = self.0.merge_patch(MANAGER, &update.name, None, &update.patch).await;
        updated.map(drop).map_err(|source| failed("update", &update.name, source))
    }

    /// Deletes an Application if it is still the one that was seen.
    pub(crate) async fn delete(&self, application: &Value) -> Result<(), Error> {
        let options = DeleteOptions { uid: Some(object::uid(application).to_owned()), ..DeleteOptions::default() };
        let deleted = self.0.delete(object::name(application), &options).await;
        deleted.map(drop).map_err(|source| failed("delete", object::name(application), source))
    }

    /// Asks for a sync of an Application, if it has not changed since it was seen.
    pub(crate) async fn sync(&self, application: &Value, operation: &Value) -> Result<(), Error> {
        let name = object::name(application);
        let version = object::resource_version(application).unwrap_or_default();
        let patch = json!({"metadata": {"resourceVersion": version}, "operation": operation});
        let synced = self.0.merge_patch(MANAGER, name, None, &patch).await;
        synced.map(drop).map_err(|source| failed("sync", name, source))
    }

    /// Takes a set's ownership away from an Application.
    pub(crate) async fn disown(&self, application: &Value, set: &Value) -> Result<(), Error> {
        let uid = object::uid(set);
        let others: Vec<&Value> = object::owner_references(application)
            .filter(|owner| owner.get("uid").and_then(Value::as_str) != Some(uid))
            .collect();
        let name = object::name(application);
        let version = object::resource_version(application).unwrap_or_default();
        let patch = json!({"metadata": {"resourceVersion": version, "ownerReferences": others}});
        let patched = self.0.merge_patch(MANAGER, name, None, &patch).await;
        patched.map(drop).map_err(|source| failed("update", name, source))
    }
}

fn failed(verb: &'static str, name: &str, source: api::Error) -> Error {
    Error { verb, name: name.to_owned(), source }
}
