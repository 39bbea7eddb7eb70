//! `resource.customizations`, in one key or split by kind. As upstream's `GetResourceOverrides`.
//! It must not run what it reads.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{ConfigError, parse};

const ALL_IN_ONE: &str = "resource.customizations";
const SPLIT: &str = "resource.customizations.";

/// What is to be ignored of objects of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IgnoreDifferences {
    /// JSON pointers.
    #[serde(default)]
    pub json_pointers: Vec<String>,
    /// jq path expressions.
    #[serde(default)]
    pub jq_path_expressions: Vec<String>,
    /// Managers whose fields do not count.
    #[serde(default)]
    pub managed_fields_managers: Vec<String>,
}

/// [`IgnoreDifferences`] with the kinds they hold for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoreRule {
    /// Pattern of groups.
    pub group: String,
    /// Pattern of kinds.
    pub kind: String,
    /// What to ignore.
    pub ignore: IgnoreDifferences,
}

/// A field that has the form of a built-in type, so that `1000m` and `1` are the same in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct KnownTypeField {
    /// Path, with dots.
    pub field: String,
    /// Name of the type, such as `core/v1/PodSpec`.
    #[serde(rename = "type")]
    pub type_name: String,
}

/// One action of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Definition {
    pub(crate) name: String,
    #[serde(rename = "action.lua")]
    pub(crate) script: String,
}

/// The actions of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Actions {
    #[serde(rename = "discovery.lua", default)]
    pub(crate) discovery: String,
    /// Whether built-in actions are offered beside them.
    #[serde(rename = "mergeBuiltinActions", default)]
    pub(crate) with_builtin: bool,
    #[serde(default)]
    pub(crate) definitions: Vec<Definition>,
}

/// What is special about a kind, or about those that a pattern matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Override {
    pub(crate) health: Option<String>,
    pub(crate) open_libs: bool,
    pub(crate) actions: Option<Actions>,
    pub(crate) ignore_differences: IgnoreDifferences,
    pub(crate) ignore_updates: IgnoreDifferences,
    pub(crate) known_types: Vec<KnownTypeField>,
}

/// By `group/Kind`, or `Kind` for the core group; either may be a pattern.
pub(crate) type Overrides = BTreeMap<String, Override>;

/// Reads all customizations. Of two that say something else of the same, the split one holds.
pub(super) fn read(data: &BTreeMap<String, String>, errors: &mut Vec<ConfigError>) -> Overrides {
    let mut overrides = Overrides::new();
    if let Some(text) = data.get(ALL_IN_ONE) {
        all_in_one(text, &mut overrides, errors);
    }
    for (key, text) in data {
        let Some(rest) = key.strip_prefix(SPLIT) else { continue };
        if let Err(reason) = split(rest, text, &mut overrides) {
            errors.push(ConfigError::new(key, reason));
        }
    }
    overrides
}

fn all_in_one(text: &str, overrides: &mut Overrides, errors: &mut Vec<ConfigError>) {
    let kinds: Option<BTreeMap<String, BTreeMap<String, Value>>> = match parse(text) {
        Ok(kinds) => kinds,
        Err(reason) => return errors.push(ConfigError::new(ALL_IN_ONE, reason)),
    };
    for (key, fields) in kinds.into_iter().flatten() {
        let entry = overrides.entry(key.clone()).or_default();
        for (field, value) in fields {
            if let Err(reason) = entry.set(field.as_str(), Form::Value(value)) {
                errors.push(ConfigError::new(format!("{ALL_IN_ONE}, {key}, {field}"), reason));
            }
        }
    }
}

/// `<what>.<group>_<Kind>`. Unlike upstream, a key that has no kind is reported and not passed over.
fn split(rest: &str, text: &str, overrides: &mut Overrides) -> Result<(), String> {
    let (what, kind) = rest.split_once('.').ok_or("it has to be resource.customizations.<what>.<group>_<Kind>")?;
    let key = match kind.split('_').collect::<Vec<_>>().as_slice() {
        ["all"] => "*/*".to_owned(),
        [kind] if !kind.is_empty() => (*kind).to_owned(),
        [group, kind] => format!("{group}/{kind}"),
        _ => return Err(format!("{kind:?} has to be <group>_<Kind>, or <Kind> of the core group")),
    };
    let field = match what {
        "health" => "health.lua",
        "useOpenLibs" => "health.lua.useOpenLibs",
        "actions" | "ignoreDifferences" | "ignoreResourceUpdates" | "knownTypeFields" => what,
        other => {
            return Err(format!(
                "{other} is not known; use health, useOpenLibs, actions, ignoreDifferences, ignoreResourceUpdates or knownTypeFields"
            ));
        }
    };
    overrides.entry(key).or_default().set(field, Form::Text(text.to_owned()))
}

/// How a field is written: as the text of a split key, or within YAML, where most are texts that hold YAML again.
enum Form {
    Text(String),
    Value(Value),
}

impl Form {
    fn text(self) -> Result<String, String> {
        match self {
            Self::Text(text) | Self::Value(Value::String(text)) => Ok(text),
            Self::Value(_) => Err("it has to be a string".to_owned()),
        }
    }

    fn read<T: serde::de::DeserializeOwned + Default>(self) -> Result<T, String> {
        match self {
            Self::Text(text) | Self::Value(Value::String(text)) => {
                parse::<Option<T>>(&text).map(Option::unwrap_or_default)
            }
            Self::Value(value) => T::deserialize(value).map_err(|error| error.to_string()),
        }
    }

    fn flag(self) -> Result<bool, String> {
        match self {
            Self::Value(Value::Bool(flag)) => Ok(flag),
            // The words that Go takes.
            other => match other.text()?.trim() {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
                word => Err(format!("{word:?} is not a boolean; use true or false")),
            },
        }
    }
}

impl Override {
    fn set(&mut self, field: &str, form: Form) -> Result<(), String> {
        match field {
            "health.lua" => self.health = Some(form.text()?).filter(|script| !script.is_empty()),
            "health.lua.useOpenLibs" | "useOpenLibs" => self.open_libs = form.flag()?,
            "actions" => self.actions = form.read()?,
            "ignoreDifferences" => self.ignore_differences = form.read()?,
            "ignoreResourceUpdates" => self.ignore_updates = form.read()?,
            "knownTypeFields" => self.known_types = form.read()?,
            other => return Err(format!("{other} is not known")),
        }
        Ok(())
    }
}
