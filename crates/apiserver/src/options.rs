//! The query parameters of writes: `CreateOptions`, `UpdateOptions`, `PatchOptions`, `DeleteOptions`.
//! It must not know objects.

use mainstay_apimachinery::{FieldError, FieldErrorKind, FieldPath};
use serde_json::{Value, json};

use crate::Error;
use crate::call::Call;

/// What becomes of unknown and duplicate fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validation {
    Ignore,
    Warn,
    Strict,
}

/// How a create, an update or a patch is done.
#[derive(Clone, Debug)]
pub(crate) struct WriteOptions {
    pub(crate) dry_run: bool,
    pub(crate) manager: String,
    pub(crate) validation: Validation,
    pub(crate) force: bool,
}

/// Longest name of a field manager.
const MAX_MANAGER_BYTES: usize = 128;

impl WriteOptions {
    /// Of a write that the server itself makes of what was asked for, such as a binding.
    pub(crate) fn by_server(call: &Call) -> Self {
        let dry_run = call.query.get("dryRun").is_some();
        Self { dry_run, manager: call.manager(), validation: Validation::Ignore, force: false }
    }

    /// Reads them; `kind` is such as `CreateOptions`, `apply` tells a server-side apply.
    pub(crate) fn parse(call: &Call, kind: &str, apply: bool) -> Result<Self, Error> {
        let mut errors = check_dry_run(call);
        errors.extend(check_manager(call.query.get("fieldManager")));
        let validation = match call.query.get("fieldValidation") {
            None | Some("Warn") => Validation::Warn,
            Some("Ignore") => Validation::Ignore,
            Some("Strict") => Validation::Strict,
            Some(other) => {
                let supported = "supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"";
                errors.push(error(FieldErrorKind::NotSupported, "fieldValidation", other.into(), supported));
                Validation::Ignore
            }
        };
        if apply && call.query.get("fieldManager").is_none() {
            errors.push(error(FieldErrorKind::Required, "fieldManager", Value::Null, "is required for apply patch"));
        }
        if !apply && call.query.flag("force").is_some() && kind == "PatchOptions" {
            let why = "may not be specified for non-apply patch";
            errors.push(error(FieldErrorKind::Forbidden, "force", Value::Null, why));
        }
        if !errors.is_empty() {
            return Err(Error::invalid_options(kind, &errors));
        }
        let dry_run = call.query.get("dryRun").is_some();
        Ok(Self { dry_run, manager: call.manager(), validation, force: call.query.is_on("force") })
    }
}

fn error(kind: FieldErrorKind, field: &str, value: Value, detail: &str) -> FieldError {
    FieldError::new(kind, FieldPath::root().child(field), value, detail)
}

fn check_dry_run(call: &Call) -> Vec<FieldError> {
    let given: Vec<&str> = call.query.all("dryRun").filter(|value| !value.is_empty()).collect();
    if given.iter().all(|value| *value == "All") {
        return Vec::new();
    }
    vec![error(FieldErrorKind::NotSupported, "dryRun", json!(given), "supported values: \"All\"")]
}

fn check_manager(manager: Option<&str>) -> Option<FieldError> {
    let manager = manager?;
    if manager.len() > MAX_MANAGER_BYTES {
        let why = format!("may not be more than {MAX_MANAGER_BYTES} bytes");
        return Some(error(FieldErrorKind::TooLong, "fieldManager", Value::Null, &why));
    }
    let (position, character) = manager.chars().enumerate().find(|(_, character)| character.is_control())?;
    let why = format!("invalid character U+{:04X} (at position {position})", character as u32);
    Some(error(FieldErrorKind::Invalid, "fieldManager", manager.into(), &why))
}

/// How an object is deleted: `metav1.DeleteOptions`, from the body and the query.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeleteOptions {
    pub(crate) dry_run: bool,
    pub(crate) grace_seconds: Option<i64>,
    pub(crate) propagation: Option<Propagation>,
    pub(crate) uid: Option<String>,
    pub(crate) resource_version: Option<String>,
}

/// What becomes of dependents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Propagation {
    Background,
    Foreground,
    Orphan,
}

impl DeleteOptions {
    /// Reads them; what the body says wins over the query.
    pub(crate) fn parse(call: &Call, body: &Value) -> Result<Self, Error> {
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let policy = text("/propagationPolicy").or_else(|| call.query.get("propagationPolicy").map(str::to_owned));
        let orphan =
            body.get("orphanDependents").and_then(Value::as_bool).or_else(|| call.query.flag("orphanDependents"));
        let grace_seconds = match body.get("gracePeriodSeconds").and_then(Value::as_i64) {
            Some(seconds) => Some(seconds),
            None => call.query.integer("gracePeriodSeconds")?,
        };
        let dry_run_body = body.get("dryRun").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
        let mut errors = check_dry_run(call);
        let propagation = propagation(policy.as_deref(), orphan, &mut errors);
        if !errors.is_empty() {
            return Err(Error::invalid_options("DeleteOptions", &errors));
        }
        Ok(Self {
            dry_run: dry_run_body || call.query.get("dryRun").is_some(),
            grace_seconds,
            propagation,
            uid: text("/preconditions/uid"),
            resource_version: text("/preconditions/resourceVersion"),
        })
    }
}

fn propagation(policy: Option<&str>, orphan: Option<bool>, errors: &mut Vec<FieldError>) -> Option<Propagation> {
    if let (Some(policy), Some(_)) = (policy, orphan) {
        let why = "orphanDependents and deletionPropagation cannot be both set";
        errors.push(error(FieldErrorKind::Invalid, "propagationPolicy", policy.into(), why));
        return None;
    }
    match (policy, orphan) {
        (Some("Background"), _) | (None, Some(false)) => Some(Propagation::Background),
        (Some("Foreground"), _) => Some(Propagation::Foreground),
        (Some("Orphan"), _) | (None, Some(true)) => Some(Propagation::Orphan),
        (Some(other), _) => {
            let supported = "supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"";
            errors.push(error(FieldErrorKind::NotSupported, "propagationPolicy", other.into(), supported));
            None
        }
        (None, None) => None,
    }
}
