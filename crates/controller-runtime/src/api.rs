//! An untyped client for one resource: `kube::Client` with `serde_json::Value` in and out.

use kube::Client;
use kube::core::params::{
    DeleteParams, GetParams, ListParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy,
};
use kube::core::{ApiResource, DynamicObject, Request, Resource};
use mainstay_apimachinery::object;
use serde_json::Value;

use crate::class::{Class, Classify};

/// How the message of a 500 begins that is about an applied object with a value of the wrong type. The prefix is the
/// whole contract: upstream answers these with 500 and no reason.
const UNTYPED: &str = "failed to create typed patch object";

/// Calls on one resource, in one namespace or across the cluster.
#[derive(Clone)]
pub struct Api {
    client: Client,
    resource: ApiResource,
    namespace: Option<String>,
}

/// A call to the API server failed.
#[derive(Debug, thiserror::Error)]
#[error("failed to {verb} {target}")]
pub struct Error {
    verb: &'static str,
    target: String,
    #[source]
    source: Answer,
}

/// What came back instead of an answer. Prints a refusal's message alone: kube prints it with all its fields.
#[derive(Debug)]
struct Answer(Box<kube::Error>);

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_ref() {
            kube::Error::Api(status) if !status.message.is_empty() => f.write_str(&status.message),
            other => other.fmt(f),
        }
    }
}

impl std::error::Error for Answer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.0.as_ref() {
            kube::Error::Api(_) => None,
            other => other.source(),
        }
    }
}

/// How to server-side-apply.
#[derive(Clone, Debug, Default)]
pub struct ApplyOptions {
    /// Field manager.
    pub manager: String,
    /// Take fields over from other managers.
    pub force: bool,
    /// Answer what would be, change nothing.
    pub dry_run: bool,
    /// Subresource such as `status`.
    pub subresource: Option<&'static str>,
}

/// How to delete.
#[derive(Clone, Debug, Default)]
pub struct DeleteOptions {
    /// Delete only the object with this uid.
    pub uid: Option<String>,
    /// What becomes of dependents; the server's default is `Background`.
    pub propagation: Option<PropagationPolicy>,
    /// How long a pod may take to end; 0 takes it off the API at once, as only its kubelet does.
    pub grace_period_seconds: Option<u32>,
}

impl ApplyOptions {
    /// A forced apply by a manager: what controllers do.
    #[must_use]
    pub fn forced(manager: &str) -> Self {
        Self { manager: manager.to_owned(), force: true, ..Self::default() }
    }

    /// The same on the status subresource.
    #[must_use]
    pub fn status(mut self) -> Self {
        self.subresource = Some("status");
        self
    }

    /// The same as a dry run.
    #[must_use]
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }
}

type Call = Result<http::Request<Vec<u8>>, kube::core::request::Error>;

impl Api {
    /// The API of a resource. An empty namespace is none.
    #[must_use]
    pub fn new(client: Client, resource: ApiResource, namespace: Option<&str>) -> Self {
        Self { client, resource, namespace: namespace.filter(|ns| !ns.is_empty()).map(str::to_owned) }
    }

    /// The resource.
    #[must_use]
    pub fn resource(&self) -> &ApiResource {
        &self.resource
    }

    fn request(&self) -> Request {
        Request::new(DynamicObject::url_path(&self.resource, self.namespace.as_deref()))
    }

    /// The object, or `None` where there is none.
    ///
    /// # Errors
    /// When the call fails for any other reason than 404.
    pub async fn get(&self, name: &str) -> Result<Option<Value>, Error> {
        match self.send("get", name, self.request().get(name, &GetParams::default())).await {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All objects that a label selector matches (empty: all), with `apiVersion` and `kind` set on each.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn list(&self, label_selector: &str) -> Result<Vec<Value>, Error> {
        let params = ListParams {
            label_selector: Some(label_selector.to_owned()).filter(|s| !s.is_empty()),
            ..ListParams::default()
        };
        let mut list = self.send("list", "", self.request().list(&params)).await?;
        let items = match list.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        };
        Ok(items.into_iter().map(|item| crate::watched::with_type(item, &self.resource)).collect())
    }

    /// Creates an object.
    ///
    /// # Errors
    /// When the call fails, also because it is already there.
    pub async fn create(&self, manager: &str, object: &Value) -> Result<Value, Error> {
        let params = PostParams { dry_run: false, field_manager: Some(manager.to_owned()) };
        self.send("create", object::name(object), self.request().create(&params, body(object))).await
    }

    /// Replaces an object. With a `resourceVersion` in it, only if it has not changed since.
    ///
    /// # Errors
    /// When the call fails, also on a conflict.
    pub async fn replace(&self, manager: &str, object: &Value) -> Result<Value, Error> {
        let params = PostParams { dry_run: false, field_manager: Some(manager.to_owned()) };
        let name = object::name(object);
        self.send("replace", name, self.request().replace(name, &params, body(object))).await
    }

    /// Replaces the status of an object.
    ///
    /// # Errors
    /// When the call fails, also on a conflict.
    pub async fn replace_status(&self, manager: &str, object: &Value) -> Result<Value, Error> {
        let params = PostParams { dry_run: false, field_manager: Some(manager.to_owned()) };
        let name = object::name(object);
        self.send("replace status of", name, self.request().replace_subresource("status", name, &params, body(object)))
            .await
    }

    /// Server-side-applies an object, which carries its own name.
    ///
    /// # Errors
    /// When the call fails, also on a conflict with another manager.
    pub async fn apply(&self, object: &Value, options: &ApplyOptions) -> Result<Value, Error> {
        let params = PatchParams {
            dry_run: options.dry_run,
            force: options.force,
            field_manager: Some(options.manager.clone()),
            ..PatchParams::default()
        };
        let verb = if options.dry_run { "dry-run-apply" } else { "apply" };
        self.patch(verb, (object::name(object), options.subresource), &params, &Patch::Apply(object)).await
    }

    /// JSON-merge-patches an object, or a subresource of it.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn merge_patch(
        &self,
        manager: &str,
        name: &str,
        subresource: Option<&'static str>,
        patch: &Value,
    ) -> Result<Value, Error> {
        let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
        self.patch("patch", (name, subresource), &params, &Patch::Merge(patch)).await
    }

    async fn patch(
        &self,
        verb: &'static str,
        (name, subresource): (&str, Option<&'static str>),
        params: &PatchParams,
        patch: &Patch<&Value>,
    ) -> Result<Value, Error> {
        let call = match subresource {
            Some(subresource) => self.request().patch_subresource(subresource, name, params, patch),
            None => self.request().patch(name, params, patch),
        };
        self.send(verb, name, call).await
    }

    /// Creates a subresource, such as `binding` or `eviction`, of an object.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn create_subresource(&self, name: &str, subresource: &str, object: &Value) -> Result<Value, Error> {
        let call = self.request().create_subresource(subresource, name, &PostParams::default(), body(object));
        self.send("create subresource of", name, call).await
    }

    /// Deletes an object; `false` where there was none (or another one with the same name, if a uid was asked for).
    ///
    /// # Errors
    /// When the call fails for any other reason than 404, or 409 with a uid precondition.
    pub async fn delete(&self, name: &str, options: &DeleteOptions) -> Result<bool, Error> {
        let preconditions = options.uid.clone().map(|uid| Preconditions { uid: Some(uid), resource_version: None });
        let params = DeleteParams {
            preconditions,
            propagation_policy: options.propagation.clone(),
            grace_period_seconds: options.grace_period_seconds,
            ..DeleteParams::default()
        };
        match self.send("delete", name, self.request().delete(name, &params)).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() || (options.uid.is_some() && error.is_conflict()) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn send(&self, verb: &'static str, name: &str, call: Call) -> Result<Value, Error> {
        let result = match call {
            Ok(request) => self.client.request::<Value>(request).await,
            Err(error) => Err(kube::Error::BuildRequest(error)),
        };
        result.map_err(|source| Error { verb, target: self.target(name), source: Answer(Box::new(source)) })
    }

    fn target(&self, name: &str) -> String {
        let kind = &self.resource.kind;
        match &self.namespace {
            Some(namespace) => format!("{kind}/{namespace}/{name}"),
            None if name.is_empty() => self.resource.plural.clone(),
            None => format!("{kind}/{name}"),
        }
    }
}

fn body(object: &Value) -> Vec<u8> {
    serde_json::to_vec(object).expect("a JSON value has only string keys")
}

impl Error {
    /// The HTTP status the server answered with; 0 where it did not answer.
    #[must_use]
    pub fn status_code(&self) -> u16 {
        match self.source.0.as_ref() {
            kube::Error::Api(status) => status.code,
            _ => 0,
        }
    }

    /// What the server said, without what was being done.
    #[must_use]
    pub fn message(&self) -> String {
        self.source.to_string()
    }

    /// There is no such object or resource.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.status_code() == 404
    }

    /// The object is there already, has changed meanwhile, or another manager owns a field.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.status_code() == 409
    }

    /// The server understood and refused: the object itself is at fault.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self.status_code() {
            // Upstream has no class for an applied object that does not fit its schema.
            500 => self.message().starts_with(UNTYPED),
            code => matches!(code, 400 | 403 | 405 | 406 | 413 | 415 | 422),
        }
    }
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self.status_code() {
            404 => Class::Wait,
            _ if self.is_refusal() => Class::Terminal,
            _ => Class::Retry,
        }
    }
}
