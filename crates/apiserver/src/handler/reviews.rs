//! Reviews of access: what somebody may do, as `pkg/registry/authorization`. Nothing is stored.
//! It must not know where rules come from.

use bytes::Bytes;
use mainstay_apimachinery::{FieldError, FieldErrorKind, FieldPath};
use serde_json::{Map, Value, json};

use crate::authz::Attributes;
use crate::call::Call;
use crate::handler::read;
use crate::identity::Identity;
use crate::options::WriteOptions;
use crate::respond::{Reply, warn};
use crate::{Error, body, managers};

/// Answers one of them.
pub(super) fn create(call: &Call, bytes: &Bytes) -> Result<Reply, Error> {
    let (review, warnings) = sent(call, bytes)?;
    let answer = match &*call.resource.plural {
        "selfsubjectaccessreviews" => of_access(call, review, &call.identity)?,
        "subjectaccessreviews" | "localsubjectaccessreviews" => {
            let subject = subject(&review);
            of_access(call, review, &subject)?
        }
        _ => of_rules(call, &review)?,
    };
    let mut reply = read::encode_reply(call, 201, &answer);
    warn(&mut reply, &warnings);
    Ok(reply)
}

/// What a body holds, with its sender as the owner of its fields.
fn sent(call: &Call, bytes: &Bytes) -> Result<(Value, Vec<String>), Error> {
    sent_with_defaults(call, bytes, |_| {})
}

/// The same, with defaults, which the sender owns as well.
pub(super) fn sent_with_defaults(
    call: &Call,
    bytes: &Bytes,
    set: impl FnOnce(&mut Value),
) -> Result<(Value, Vec<String>), Error> {
    let options = WriteOptions::parse(call, "CreateOptions", false)?;
    let mut warnings = Vec::new();
    let mut object = body::read_object(call, &options, bytes, &mut warnings)?;
    set(&mut object);
    Ok((managers::update(call, &options, None, object), warnings))
}

fn subject(review: &Value) -> Identity {
    let text = |pointer| review.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let groups = review.pointer("/spec/groups").and_then(Value::as_array).into_iter().flatten();
    let groups = groups.filter_map(Value::as_str).map(str::to_owned).collect();
    Identity { user: text("/spec/user"), uid: text("/spec/uid"), groups, ..Identity::default() }
}

fn of_access(call: &Call, mut review: Value, identity: &Identity) -> Result<Value, Error> {
    let errors = errors(call, &review);
    if !errors.is_empty() {
        return Err(Error::invalid_review(&call.resource.group, &errors));
    }
    let decision = call.server.decide(identity, &attributes(call, &review));
    let mut status = Map::from_iter([("allowed".to_owned(), Value::from(decision.allowed))]);
    if !decision.reason.is_empty() {
        status.insert("reason".to_owned(), Value::from(decision.reason));
    }
    review["status"] = Value::Object(status);
    Ok(review)
}

fn attributes<'a>(call: &'a Call, review: &'a Value) -> Attributes<'a> {
    let cluster = &call.cluster;
    let text = |of: &'a Value, field: &str| of.get(field).and_then(Value::as_str).unwrap_or_default();
    match review["spec"].get("resourceAttributes") {
        Some(on) => Attributes {
            cluster,
            verb: text(on, "verb"),
            on_resource: true,
            group: text(on, "group"),
            resource: text(on, "resource"),
            subresource: text(on, "subresource"),
            namespace: text(on, "namespace"),
            name: text(on, "name"),
            path: "",
        },
        None => {
            let on = &review["spec"]["nonResourceAttributes"];
            Attributes { cluster, verb: text(on, "verb"), path: text(on, "path"), ..Attributes::default() }
        }
    }
}

/// As `pkg/apis/authorization/validation`.
fn errors(call: &Call, review: &Value) -> Vec<FieldError> {
    let spec = &review["spec"];
    let error = |field: &[&str], value: &Value, why: &str| {
        let path = field.iter().fold(FieldPath::root().child("spec"), |path, field| path.child(field));
        FieldError::new(FieldErrorKind::Invalid, path, value.clone(), why)
    };
    let (on, off) = (spec.get("resourceAttributes"), spec.get("nonResourceAttributes"));
    // Upstream shows its internal type here, whose fields have Go's names.
    let off = off.map(|off| json!({"Path": off.get("path"), "Verb": off.get("verb")}));
    let off = off.as_ref();
    let mut errors = Vec::new();
    if let (Some(_), Some(path)) = (on, off) {
        errors.push(error(
            &["nonResourceAttributes"],
            path,
            "cannot be specified in combination with resourceAttributes",
        ));
    }
    if on.is_none() && off.is_none() {
        let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
        errors.push(error(&["resourceAttributes"], &Value::Null, why));
    }
    let named = |field: &str| spec.get(field).is_some_and(|value| *value != json!("") && *value != json!([]));
    if !call.resource.plural.starts_with("self") && !named("user") && !named("groups") {
        errors.push(error(&["user"], &json!(""), "at least one of user or group must be specified"));
    }
    if &*call.resource.plural == "localsubjectaccessreviews" {
        let namespace = on.and_then(|on| on.get("namespace")).cloned().unwrap_or_else(|| json!(""));
        if on.is_some() && namespace != json!(call.namespace_str()) {
            errors.push(error(&["resourceAttributes", "namespace"], &namespace, "must match metadata.namespace"));
        }
        errors.extend(off.map(|off| error(&["nonResourceAttributes"], off, "disallowed on this kind of request")));
    }
    errors
}

/// All rules of the one who asks, in a namespace.
fn of_rules(call: &Call, review: &Value) -> Result<Value, Error> {
    let namespace = review.pointer("/spec/namespace").and_then(Value::as_str).filter(|name| !name.is_empty());
    let namespace = namespace.ok_or_else(|| Error::bad_request("no namespace on request"))?;
    let policy = call.server.rbac().policy(&call.server.snapshot(), &call.cluster);
    let rules = policy.rules_of(&call.identity, namespace);
    let (mut resources, mut paths) = (Vec::new(), Vec::new());
    for rule in rules.iter().map(crate::rbac::Rule::to_json) {
        if rule.get("resources").is_some() {
            resources.push(rule);
        } else if rule.get("nonResourceURLs").is_some() {
            paths.push(rule);
        }
    }
    let mut status = json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false});
    if let Some(missing) = policy.missing(&call.identity, namespace) {
        status["evaluationError"] = Value::from(missing);
    }
    let (kind, api_version) = (&*call.resource.kind, call.resource.api_version());
    Ok(json!({"kind": kind, "apiVersion": api_version, "metadata": {}, "spec": {}, "status": status}))
}
