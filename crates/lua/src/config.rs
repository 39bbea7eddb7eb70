//! Reads the data of the ConfigMap `argocd-cm`, as far as it is about resources. Each mistake is reported by its key and leaves
//! the rest as it is.
//!
//! It must not know what is done with what it reads.

mod filter;
mod overrides;

use std::collections::BTreeMap;

use mainstay_apimachinery::yaml;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use filter::{Filter, Filtered};
pub use overrides::{IgnoreDifferences, IgnoreRule, KnownTypeField};
pub(crate) use overrides::{Override, Overrides};

/// A key of the ConfigMap cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to read {key} of ConfigMap argocd-cm: {reason}")]
pub struct ConfigError {
    /// The key, and what of it.
    pub key: String,
    /// Why, and what to do.
    pub reason: String,
}

impl ConfigError {
    fn new(key: impl Into<String>, reason: impl ToString) -> Self {
        Self { key: key.into(), reason: reason.to_string() }
    }
}

/// Which statuses do not count in a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StatusField {
    /// None counts.
    #[default]
    All,
    /// Only those of CustomResourceDefinitions do not.
    Crd,
    /// All count. `off` and `false` are other words for it.
    #[serde(alias = "off", alias = "false")]
    None,
}

/// `resource.compareoptions`, with upstream's defaults.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CompareOptions {
    /// Whether rules of roles that others aggregate into do not count.
    pub ignore_aggregated_roles: bool,
    /// Which statuses do not count.
    pub ignore_resource_status_field: StatusField,
    /// Whether a change only of what is ignored asks for no comparison.
    pub ignore_differences_on_resource_updates: bool,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self {
            ignore_aggregated_roles: false,
            ignore_resource_status_field: StatusField::default(),
            ignore_differences_on_resource_updates: true,
        }
    }
}

/// How objects are marked as an Application's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tracking {
    /// By an annotation.
    #[default]
    Annotation,
    /// By a label.
    Label,
    /// By both; the annotation counts.
    AnnotationAndLabel,
}

/// What the ConfigMap says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config {
    pub(crate) overrides: Overrides,
    pub(crate) filter: Filter,
    pub(crate) compare: CompareOptions,
    pub(crate) instance_label: Option<String>,
    pub(crate) tracking: Tracking,
}

/// Reads the data of the ConfigMap.
pub(crate) fn read(data: &BTreeMap<String, String>) -> (Config, Vec<ConfigError>) {
    let mut errors = Vec::new();
    let overrides = overrides::read(data, &mut errors);
    let filter =
        Filter::new(items(data, "resource.exclusions", &mut errors), items(data, "resource.inclusions", &mut errors));
    let compare = compare_options(data, &mut errors);
    let tracking = tracking(data, &mut errors);
    let instance_label = data.get("application.instanceLabelKey").filter(|key| !key.is_empty()).cloned();
    (Config { overrides, filter, compare, instance_label, tracking }, errors)
}

/// A value from YAML.
fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let value =
        if text.trim().is_empty() { Value::Null } else { yaml::parse_one(text).map_err(|e| e.to_string())?.value };
    T::deserialize(value).map_err(|error| error.to_string())
}

/// The items of a list, good ones only.
fn items<T: DeserializeOwned>(data: &BTreeMap<String, String>, key: &str, errors: &mut Vec<ConfigError>) -> Vec<T> {
    let Some(text) = data.get(key) else { return Vec::new() };
    let list = match parse::<Option<Vec<Value>>>(text) {
        Ok(list) => list.unwrap_or_default(),
        Err(reason) => {
            errors.push(ConfigError::new(key, reason));
            return Vec::new();
        }
    };
    let mut good = Vec::new();
    for (index, item) in list.into_iter().enumerate() {
        match T::deserialize(item) {
            Ok(item) => good.push(item),
            Err(reason) => errors.push(ConfigError::new(format!("{key}[{index}]"), reason)),
        }
    }
    good
}

fn compare_options(data: &BTreeMap<String, String>, errors: &mut Vec<ConfigError>) -> CompareOptions {
    let key = "resource.compareoptions";
    let read = data.get(key).map_or(Ok(None), |text| {
        let mut options: Option<Value> = parse(text)?;
        // Without quotes `off` and `false` are no strings.
        if let Some(field) = options.as_mut().and_then(|options| options.get_mut("ignoreResourceStatusField"))
            && field.as_bool() == Some(false)
        {
            *field = "off".into();
        }
        options.map(CompareOptions::deserialize).transpose().map_err(|error| error.to_string())
    });
    read.unwrap_or_else(|reason| {
        errors.push(ConfigError::new(key, reason));
        None
    })
    .unwrap_or_default()
}

fn tracking(data: &BTreeMap<String, String>, errors: &mut Vec<ConfigError>) -> Tracking {
    let key = "application.resourceTrackingMethod";
    match data.get(key).map_or("", |word| word.trim()) {
        "" | "annotation" => Tracking::Annotation,
        "label" => Tracking::Label,
        "annotation+label" => Tracking::AnnotationAndLabel,
        other => {
            let reason = format!("{other:?} is not known; use annotation, label or annotation+label");
            errors.push(ConfigError::new(key, reason));
            Tracking::default()
        }
    }
}
