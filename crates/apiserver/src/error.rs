//! What a refused request is told: `metav1.Status`, with the texts of `k8s.io/apimachinery/pkg/api/errors`.
//! It must not know storage or HTTP headers.

use mainstay_apimachinery::FieldError;
use mainstay_controller_runtime::{Class, Classify};
use serde_json::{Map, Value, json};

use crate::authz::Attributes;
use crate::registry::Resource;

/// A refusal, as the client sees it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// HTTP status.
    pub code: u16,
    /// Machine-readable reason, such as `NotFound`; empty where upstream gives none.
    pub reason: &'static str,
    /// What is wrong.
    pub message: String,
    /// `details` of the status; `None` leaves it out.
    pub details: Option<Box<Value>>,
    /// A list's way on after its continue token became too old.
    pub continue_token: Option<String>,
}

/// What an [`Error`] is about.
struct Subject<'a> {
    name: &'a str,
    group: &'a str,
    kind: &'a str,
}

impl Subject<'_> {
    fn details(&self) -> Map<String, Value> {
        let fields = [("name", self.name), ("group", self.group), ("kind", self.kind)];
        let given = fields.into_iter().filter(|(_, value)| !value.is_empty());
        given.map(|(field, value)| (field.to_owned(), Value::from(value))).collect()
    }
}

fn of<'a>(resource: &'a Resource, name: &'a str) -> Subject<'a> {
    Subject { name, group: &resource.group, kind: &resource.plural }
}

impl Error {
    fn plain(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None, continue_token: None }
    }

    fn about(code: u16, reason: &'static str, message: String, details: Map<String, Value>) -> Self {
        Self { details: Some(Box::new(Value::Object(details))), ..Self::plain(code, reason, message) }
    }

    /// 404: there is no such object.
    #[must_use]
    pub fn not_found(resource: &Resource, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", resource.qualified());
        Self::about(404, "NotFound", message, of(resource, name).details())
    }

    /// 404: there is no such path.
    #[must_use]
    pub fn no_such_path() -> Self {
        let message = "the server could not find the requested resource".to_owned();
        Self::about(404, "NotFound", message, Map::new())
    }

    /// 404: the role that a binding names does not exist; upstream's lister names the kind here.
    #[must_use]
    pub fn no_role(group: &str, kind: &str, name: &str) -> Self {
        let subject = Subject { name, group, kind };
        Self::about(404, "NotFound", format!("{kind}.{group} \"{name}\" not found"), subject.details())
    }

    /// 404 in plain text: nobody is responsible for the path.
    #[must_use]
    pub fn page_not_found() -> Self {
        Self::plain(404, "", "404 page not found")
    }

    /// Whether this is the 404 in plain text.
    #[must_use]
    pub fn is_page_not_found(&self) -> bool {
        self.code == 404 && self.reason.is_empty()
    }

    /// 404: the namespace to create in does not exist.
    #[must_use]
    pub fn no_namespace(namespace: &str) -> Self {
        let subject = Subject { name: namespace, group: "", kind: "namespaces" };
        Self::about(404, "NotFound", format!("namespaces \"{namespace}\" not found"), subject.details())
    }

    /// 409: the object exists.
    #[must_use]
    pub fn already_exists(resource: &Resource, name: &str, deleting: bool) -> Self {
        let prefix = if deleting { "object is being deleted: " } else { "" };
        let message = format!("{prefix}{} \"{name}\" already exists", resource.qualified());
        Self::about(409, "AlreadyExists", message, of(resource, name).details())
    }

    /// 409: the object is not as the writer thinks.
    #[must_use]
    pub fn conflict(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", resource.qualified());
        Self::about(409, "Conflict", message, of(resource, name).details())
    }

    /// 409 about a subresource such as `pods/binding`.
    #[must_use]
    pub fn conflict_on(resource: &str, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {resource} \"{name}\": {why}");
        Self::about(409, "Conflict", message, Subject { name, group: "", kind: resource }.details())
    }

    /// 409: the object has changed since it was read.
    #[must_use]
    pub fn modified(resource: &Resource, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, name, why)
    }

    /// 409: a precondition of a deletion does not hold. Upstream names the kind here, not the resource.
    #[must_use]
    pub fn precondition(resource: &Resource, name: &str, why: &str) -> Self {
        let kind = qualified_kind(resource);
        let message = format!("Operation cannot be fulfilled on {kind} \"{name}\": {why}");
        let subject = Subject { name, group: &resource.group, kind: &resource.kind };
        Self::about(409, "Conflict", message, subject.details())
    }

    /// 409: server-side apply would take fields from other managers; `causes` are (message, field).
    #[must_use]
    pub fn apply_conflict(message: String, causes: Vec<(String, String)>) -> Self {
        let cause = |(message, field)| json!({"reason": "FieldManagerConflict", "message": message, "field": field});
        let causes: Vec<Value> = causes.into_iter().map(cause).collect();
        Self { details: Some(Box::new(json!({"causes": causes}))), ..Self::plain(409, "Conflict", message) }
    }

    /// 403: not allowed, and why.
    #[must_use]
    pub fn forbidden(resource: &Resource, name: &str, why: &str) -> Self {
        let message = if name.is_empty() {
            format!("{} is forbidden: {why}", resource.qualified())
        } else {
            format!("{} \"{name}\" is forbidden: {why}", resource.qualified())
        };
        Self::about(403, "Forbidden", message, of(resource, name).details())
    }

    /// 403: the authorizer says no, and perhaps why.
    #[must_use]
    pub fn not_allowed(user: &str, attributes: &Attributes<'_>, reason: &str) -> Self {
        let Attributes { verb, group, resource, subresource, namespace, name, path, .. } = *attributes;
        let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        if !attributes.on_resource {
            let message = format!("forbidden: User \"{user}\" cannot {verb} path \"{path}\"{reason}");
            return Self::about(403, "Forbidden", message, Map::new());
        }
        let slash = if subresource.is_empty() { "" } else { "/" };
        let place = if namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace \"{namespace}\"")
        };
        let why = format!(
            "User \"{user}\" cannot {verb} resource \"{resource}{slash}{subresource}\" in API group \"{group}\" {place}{reason}"
        );
        let dot = if group.is_empty() { "" } else { "." };
        let quoted = if name.is_empty() { String::new() } else { format!(" \"{name}\"") };
        let message = format!("{resource}{dot}{group}{quoted} is forbidden: {why}");
        Self::about(403, "Forbidden", message, Subject { name, group, kind: resource }.details())
    }

    /// 403: nothing can be created in a namespace that is being deleted.
    #[must_use]
    pub fn namespace_terminating(resource: &Resource, name: &str, namespace: &str) -> Self {
        let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
        let mut error = Self::forbidden(resource, name, &why);
        if let Some(details) = error.details.as_mut() {
            details["causes"] = json!([{
                "reason": "NamespaceTerminating",
                "message": format!("namespace {namespace} is being terminated"),
                "field": "metadata.namespace",
            }]);
        }
        error
    }

    /// 422: the object is invalid.
    #[must_use]
    pub fn invalid(resource: &Resource, name: &str, errors: &[FieldError]) -> Self {
        let subject = Subject { name, group: &resource.group, kind: &resource.kind };
        Self::invalid_kind(&subject, errors)
    }

    /// 422: a replacement must say which state it replaces. Upstream names the resource here, not the kind.
    #[must_use]
    pub fn unconditional(resource: &Resource, name: &str, errors: &[FieldError]) -> Self {
        Self::invalid_kind(&of(resource, name), errors)
    }

    /// 422: the object is of another kind than the resource.
    #[must_use]
    pub fn invalid_as(resource: &Resource, (kind, name): (&str, &str), errors: &[FieldError]) -> Self {
        Self::invalid_kind(&Subject { name, group: &resource.group, kind }, errors)
    }

    /// 422: query parameters are invalid; `kind` is such as `CreateOptions`.
    #[must_use]
    pub fn invalid_options(kind: &str, errors: &[FieldError]) -> Self {
        Self::invalid_kind(&Subject { name: "", group: "meta.k8s.io", kind }, errors)
    }

    /// 422: a review is invalid; upstream names no kind here.
    #[must_use]
    pub fn invalid_review(group: &str, errors: &[FieldError]) -> Self {
        Self::invalid_kind(&Subject { name: "", group, kind: "" }, errors)
    }

    /// 422: options of a kind in the core group are invalid.
    #[must_use]
    pub fn invalid_named(kind: &str, name: &str, errors: &[FieldError]) -> Self {
        Self::invalid_kind(&Subject { name, group: "", kind }, errors)
    }

    /// 429: an eviction would disrupt more than a budget allows; `seconds` after which to ask again.
    #[must_use]
    pub fn too_many_disruptions(why: &str, seconds: Option<u64>) -> Self {
        let mut details = json!({"causes": [{"reason": "DisruptionBudget", "message": why}]});
        if let Some(seconds) = seconds {
            details["retryAfterSeconds"] = Value::from(seconds);
        }
        let message = "Cannot evict pod as it would violate the pod's disruption budget.";
        Self { details: Some(Box::new(details)), ..Self::plain(429, "TooManyRequests", message) }
    }

    /// 422: a scale is invalid.
    #[must_use]
    pub fn invalid_scale(name: &str, errors: &[FieldError]) -> Self {
        Self::invalid_kind(&Subject { name, group: "autoscaling", kind: "Scale" }, errors)
    }

    fn invalid_kind(subject: &Subject<'_>, errors: &[FieldError]) -> Self {
        let dot = if subject.group.is_empty() { "" } else { "." };
        let list = joined(errors.iter().map(ToString::to_string));
        let message = format!("{}{dot}{} \"{}\" is invalid: {list}", subject.kind, subject.group, subject.name);
        let mut details = subject.details();
        let cause = |error: &FieldError| json!({"reason": error.kind.reason(), "message": error.body(), "field": error.path.to_string()});
        details.insert("causes".to_owned(), errors.iter().map(cause).collect());
        Self::about(422, "Invalid", message, details)
    }

    /// 422: what a patch makes of the object is no object of its kind.
    #[must_use]
    pub fn invalid_patch(error: &FieldError) -> Self {
        let mut invalid = Self::invalid_kind(&Subject { name: "", group: "", kind: "" }, std::slice::from_ref(error));
        invalid.message = format!(" \"\" is invalid: {error}");
        invalid
    }

    /// 422: a patch cannot be applied to this object.
    #[must_use]
    pub fn patch_failed() -> Self {
        let message = "the server rejected our request due to an error in our request".to_owned();
        Self::about(422, "Invalid", message, Map::new())
    }

    /// 400.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::plain(400, "BadRequest", message)
    }

    /// 401.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::plain(401, "Unauthorized", "Unauthorized")
    }

    /// 405.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource".to_owned();
        Self::about(405, "MethodNotAllowed", message, Map::new())
    }

    /// 405 of a custom resource.
    #[must_use]
    pub fn verb_not_supported(resource: &Resource, verb: &str) -> Self {
        let message = format!("{verb} is not supported on resources of kind \"{}\"", resource.qualified());
        Self::about(405, "MethodNotAllowed", message, of(resource, "").details())
    }

    /// 406.
    #[must_use]
    pub fn not_acceptable() -> Self {
        let message = "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, application/vnd.kubernetes.protobuf";
        Self::about(406, "NotAcceptable", message.to_owned(), Map::new())
    }

    /// 406 of a discovery document.
    #[must_use]
    pub fn no_such_form() -> Self {
        let message = "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf";
        Self::plain(406, "NotAcceptable", message)
    }

    /// 406: a list's form was asked for, of one object; `type_` is the type that Go has for it.
    #[must_use]
    pub fn not_a_list(type_: &str) -> Self {
        let message = "you requested PartialObjectMetadataList, but the requested object is not a list";
        Self::plain(406, "NotAcceptable", format!("{message} (*{type_})"))
    }

    /// 408: the body did not come in time.
    #[must_use]
    pub fn too_slow() -> Self {
        Self::plain(408, "Timeout", "failed to read the request body in time; send it again")
    }

    /// 504: the request took longer than it may.
    #[must_use]
    pub fn timed_out() -> Self {
        let message = "Timeout: request did not complete within the allotted timeout".to_owned();
        Self::about(504, "Timeout", message, Map::new())
    }

    /// 413: the body is larger than `limit` bytes.
    #[must_use]
    pub fn too_large(limit: usize) -> Self {
        let message = format!("Request entity too large: limit is {limit}");
        Self::plain(413, "RequestEntityTooLarge", message)
    }

    /// 413: a JSON patch has more operations than the limit.
    #[must_use]
    pub fn too_many_operations(limit: usize, count: usize) -> Self {
        let why = format!("The allowed maximum operations in a JSON patch is {limit}, got {count}");
        Self::plain(413, "RequestEntityTooLarge", format!("Request entity too large: {why}"))
    }

    /// 415 of a body.
    #[must_use]
    pub fn unsupported_body() -> Self {
        let message = "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf";
        Self::plain(415, "UnsupportedMediaType", message)
    }

    /// 415 of a patch.
    #[must_use]
    pub fn unsupported_patch() -> Self {
        Self::about(415, "UnsupportedMediaType", "415: Unsupported Media Type".to_owned(), Map::new())
    }

    /// 415 of a patch of a custom resource, which has no strategic merge.
    #[must_use]
    pub fn unsupported_custom_patch() -> Self {
        let message = "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";
        Self::plain(415, "UnsupportedMediaType", message)
    }

    /// 410: what was asked for is no longer kept.
    #[must_use]
    pub fn expired(message: impl Into<String>) -> Self {
        Self::plain(410, "Expired", message)
    }

    /// 504: the revision asked for does not exist yet.
    #[must_use]
    pub fn too_large_version(requested: u64, current: u64) -> Self {
        let cause = json!({"reason": "ResourceVersionTooLarge", "message": "Too large resource version"});
        let message = format!("Timeout: Too large resource version: {requested}, current: {current}");
        let details = json!({"causes": [cause], "retryAfterSeconds": 1});
        Self { details: Some(Box::new(details)), ..Self::plain(504, "Timeout", message) }
    }

    /// 500 without a reason, where upstream answers so.
    #[must_use]
    pub fn unclassified(message: impl Into<String>) -> Self {
        Self::plain(500, "", message)
    }

    /// 500: the server is at fault.
    #[must_use]
    pub fn internal(why: impl std::fmt::Display) -> Self {
        let why = why.to_string();
        let details = json!({"causes": [{"message": why}]});
        let error = Self::plain(500, "InternalError", format!("Internal error occurred: {why}"));
        Self { details: Some(Box::new(details)), ..error }
    }

    /// The `metav1.Status`.
    #[must_use]
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = Value::from(self.reason);
        }
        if let Some(details) = &self.details {
            status["details"] = Value::clone(details);
        }
        if let Some(token) = &self.continue_token {
            status["metadata"] = json!({"continue": token});
        }
        status
    }
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self.code {
            404 => Class::Wait,
            400..=499 if !matches!(self.code, 409 | 410 | 429) => Class::Terminal,
            _ => Class::Retry,
        }
    }
}

impl From<mainstay_store::Error> for Error {
    fn from(error: mainstay_store::Error) -> Self {
        match error {
            mainstay_store::Error::Full(_) => Self::plain(507, "InsufficientStorage", error.to_string()),
            other => Self::internal(other),
        }
    }
}

/// `Deployment.apps`, or `Pod` in the core group.
fn qualified_kind(resource: &Resource) -> String {
    let dot = if resource.group.is_empty() { "" } else { "." };
    format!("{}{dot}{}", resource.kind, resource.group)
}

/// As `utilerrors.Aggregate`: each message once, in brackets if there are several.
fn joined(messages: impl Iterator<Item = String>) -> String {
    let mut unique: Vec<String> = Vec::new();
    for message in messages {
        if !unique.contains(&message) {
            unique.push(message);
        }
    }
    if unique.len() == 1 { unique.remove(0) } else { format!("[{}]", unique.join(", ")) }
}
