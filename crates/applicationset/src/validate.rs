//! Reads an ApplicationSet and refuses what cannot be meant or is not supported. Pure.
//! It must not know what generators find.

use mainstay_api::argoproj::ApplicationSetSpec;
use serde::Deserialize;
use serde_json::Value;

/// What may be done to Applications that are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// They are brought up to date.
    pub update: bool,
    /// They are deleted when nothing generates them any more.
    pub delete: bool,
}

/// A set that can be worked on.
#[derive(Clone, Debug)]
pub struct Validated {
    /// Its spec.
    pub spec: ApplicationSetSpec,
    /// What may be done.
    pub policy: Policy,
}

/// The set cannot be used, with the reason in one word and in many.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    /// The condition's reason.
    pub reason: &'static str,
    /// What is wrong, and what to do.
    pub message: String,
}

fn invalid(message: impl Into<String>) -> Invalid {
    Invalid { reason: "ApplicationValidationError", message: message.into() }
}

/// Reads a set.
///
/// # Errors
/// When the spec cannot be read, or asks for what is not supported.
pub fn set(object: &Value) -> Result<Validated, Invalid> {
    let spec = object.get("spec").cloned().unwrap_or_default();
    let spec =
        ApplicationSetSpec::deserialize(spec).map_err(|error| invalid(format!("failed to read spec: {error}")))?;
    if spec.generators.is_empty() {
        return Err(invalid("spec.generators is empty; give at least one generator"));
    }
    if spec.go_template || !spec.go_template_options.is_empty() {
        return Err(invalid("spec.goTemplate is not supported yet; use placeholders such as {{name}} without it"));
    }
    if spec.template_patch.is_some() {
        return Err(invalid("spec.templatePatch is not supported yet; say it in spec.template"));
    }
    let rolling = spec.strategy.as_ref().and_then(|strategy| strategy.get("type")).and_then(Value::as_str);
    if rolling.is_some_and(|kind| !kind.is_empty() && kind != "AllAtOnce") {
        // To go on without the steps would sync everything at once, which is what they are there to prevent.
        return Err(invalid("spec.strategy.type RollingSync is not supported yet; nothing is changed"));
    }
    if spec.ignore_application_differences.iter().any(|rule| !rule.jq_path_expressions.is_empty()) {
        return Err(invalid(
            "spec.ignoreApplicationDifferences: jqPathExpressions are not supported yet; use jsonPointers",
        ));
    }
    let sync = spec.sync_policy.as_ref().map_or("", |policy| policy.applications_sync.as_str());
    let policy = match sync {
        "" | "sync" => Policy { update: true, delete: true },
        "create-only" => Policy { update: false, delete: false },
        "create-update" => Policy { update: true, delete: false },
        "create-delete" => Policy { update: false, delete: true },
        other => return Err(invalid(format!("spec.syncPolicy.applicationsSync: {other} is no policy"))),
    };
    Ok(Validated { spec, policy })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_supported_is_refused() {
        let read = |spec: Value| set(&json!({"spec": spec})).map(|valid| valid.policy).map_err(|error| error.message);
        let list = json!([{"list": {"elements": []}}]);
        assert_eq!(read(json!({"generators": list})), Ok(Policy { update: true, delete: true }));
        let policy = json!({"generators": list, "syncPolicy": {"applicationsSync": "create-update"}});
        assert_eq!(read(policy), Ok(Policy { update: true, delete: false }));
        assert!(read(json!({"generators": list, "goTemplate": true})).unwrap_err().contains("goTemplate"));
        let rolling = json!({"generators": list, "strategy": {"type": "RollingSync"}});
        assert!(read(rolling).unwrap_err().contains("nothing is changed"));
        assert!(read(json!({"generators": []})).unwrap_err().contains("at least one"));
    }
}
