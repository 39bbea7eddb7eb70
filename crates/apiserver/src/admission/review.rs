//! One write as admission sees it, with what there is to look up about it.
//! It must not know plugins.

use std::sync::Arc;

use mainstay_apimachinery::object;
use mainstay_store::{KindKey, Snapshot};
use serde_json::{Value, json};

use super::configuration::Configuration;
use super::{AdmissionRequest, Operation};
use crate::Error;
use crate::call::Call;
use crate::convert::parse;

/// A write under review.
pub(super) struct Review<'a> {
    pub(super) call: &'a Call,
    pub(super) request: AdmissionRequest<'a>,
    snapshot: std::sync::OnceLock<Snapshot>,
    namespace: std::sync::OnceLock<Option<Value>>,
}

impl<'a> Review<'a> {
    pub(super) fn new(call: &'a Call, request: AdmissionRequest<'a>) -> Self {
        Self { call, request, snapshot: std::sync::OnceLock::new(), namespace: std::sync::OnceLock::new() }
    }

    /// Whether it is this operation on the object itself, of a resource by group and plural.
    pub(super) fn is(&self, operation: Operation, group: &str, plural: &str) -> bool {
        self.request.operation == operation && self.request.subresource.is_empty() && self.is_of(group, plural)
    }

    /// Whether it is of this resource.
    pub(super) fn is_of(&self, group: &str, plural: &str) -> bool {
        let resource = self.request.resource;
        &*resource.plural == plural && &*resource.group == group
    }

    /// What there was when the review began to look.
    pub(super) fn snapshot(&self) -> &Snapshot {
        self.snapshot.get_or_init(|| self.call.server.snapshot())
    }

    /// Policies and webhooks of the cluster; `None` where there are none, or they do not apply to what is written.
    pub(super) fn configuration(&self) -> Option<Arc<Configuration>> {
        // Nobody can lock themselves out of changing the policies.
        if &*self.request.resource.group == "admissionregistration.k8s.io" {
            return None;
        }
        self.call.server.configurations().of(&self.call.server, &self.call.cluster)
    }

    /// The objects of a kind in the cluster, in one namespace or all.
    pub(super) fn list(&self, group: &str, plural: &str, namespace: Option<&str>) -> Vec<Value> {
        let kind = KindKey::new(self.call.cluster.clone(), group, plural);
        self.snapshot().list(&kind, namespace).map(|record| parse(&record.bytes)).collect()
    }

    /// One object of the cluster.
    pub(super) fn get(&self, group: &str, plural: &str, (namespace, name): (&str, &str)) -> Option<Value> {
        let key = KindKey::new(self.call.cluster.clone(), group, plural).object(namespace, name);
        self.snapshot().get(&key).map(|record| parse(&record.bytes))
    }

    /// The namespace of what is written; for a namespace there is none but itself, which has no place here.
    pub(super) fn namespace(&self) -> Option<&Value> {
        let read = || {
            let name = self.request.namespace;
            if name.is_empty() { None } else { self.get("", "namespaces", ("", name)) }
        };
        self.namespace.get_or_init(read).as_ref()
    }

    /// 403 with this text.
    pub(super) fn forbidden(&self, why: &str) -> Error {
        Error::forbidden(self.request.resource, self.request.name, why)
    }

    /// The `AdmissionRequest` without uid and objects, as reviews and expressions see it. `version` is the one the
    /// rule asked for, where that is another than the one written in.
    pub(super) fn attributes(&self, version: Option<&str>) -> Value {
        let request = &self.request;
        let resource = request.resource;
        let kind = resource.subresource(request.subresource).map(|sub| &sub.kind);
        let kind = match kind.filter(|kind| !kind.kind.is_empty() && !kind.group.is_empty()) {
            Some(kind) => json!({"group": kind.group, "version": kind.version, "kind": kind.kind}),
            None => json!({"group": &*resource.group, "version": &*resource.version, "kind": &*resource.kind}),
        };
        let plural = json!({"group": &*resource.group, "version": &*resource.version, "resource": &*resource.plural});
        let in_version = |mut named: Value| {
            if let Some(version) = version.filter(|_| request.subresource != "scale") {
                named["version"] = Value::from(version);
            }
            named
        };
        let mut attributes = json!({
            "kind": in_version(kind.clone()), "resource": in_version(plural.clone()),
            "requestKind": kind, "requestResource": plural,
            "name": request.name, "operation": request.operation.name(),
            "userInfo": request.identity.user_info(),
            "dryRun": request.dry_run,
            "options": self.options(),
        });
        if !request.namespace.is_empty() {
            attributes["namespace"] = Value::from(request.namespace);
        } else if self.is_of("", "namespaces") {
            attributes["namespace"] = Value::from(request.name);
        }
        if !request.subresource.is_empty() {
            attributes["subResource"] = Value::from(request.subresource);
            attributes["requestSubResource"] = Value::from(request.subresource);
        }
        attributes
    }

    fn options(&self) -> Value {
        let (kind, query) = (self.request.operation, &self.call.query);
        let kind = match kind {
            Operation::Create => "CreateOptions",
            Operation::Update => "UpdateOptions",
            Operation::Delete => "DeleteOptions",
        };
        let mut options = json!({"kind": kind, "apiVersion": "meta.k8s.io/v1"});
        for name in ["fieldManager", "fieldValidation"] {
            if let Some(value) = query.get(name) {
                options[name] = Value::from(value);
            }
        }
        if self.request.dry_run {
            options["dryRun"] = json!(["All"]);
        }
        options
    }

    /// The object as policies and webhooks see it: of a scale, the scale; in the version a rule asked for.
    pub(super) fn shown(&self, object: &Value, version: Option<&str>) -> Result<Value, Error> {
        if self.request.subresource == "scale" {
            return crate::scale::of(self.request.resource, object);
        }
        let mut shown = object.clone();
        if let Some(version) = version {
            let group = &self.request.resource.group;
            shown["apiVersion"] = Value::from(mainstay_apimachinery::gvk::join_api_version(group, version));
        }
        Ok(shown)
    }
}

/// The text at a pointer.
pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The items at a pointer.
pub(super) fn items<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// As `sort.Strings` of names by age: the newest first, and by name where two are of one time.
pub(super) fn newest_first(objects: &mut [Value]) {
    objects.sort_by(|a, b| {
        let time = |object: &Value| text(object, "/metadata/creationTimestamp").to_owned();
        time(b).cmp(&time(a)).then_with(|| object::name(a).cmp(object::name(b)))
    });
}
