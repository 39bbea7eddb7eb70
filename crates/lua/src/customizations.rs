//! Finds the script for an object and runs it: a user's by its kind, a user's by a pattern, or else what is built in.
//! It must not know clusters or Applications.

use std::collections::BTreeMap;

use jiff::Timestamp;
use mainstay_apimachinery::glob::{self, Glob};
use mainstay_apimachinery::gvk::split_api_version;
use mainstay_apimachinery::health::Health;
use mainstay_apimachinery::object;
use serde_json::Value;

use crate::action::{self, Action, Impacted};
use crate::config::{
    self, CompareOptions, Config, ConfigError, Filter, IgnoreRule, KnownTypeField, Override, Tracking,
};
use crate::vm::{Limits, Script, World};
use crate::{Error, builtin, health};

/// What `argocd-cm` says of resources, ready to be used.
#[derive(Clone, Debug, Default)]
pub struct Customizations {
    config: Config,
    /// Keys that are patterns of kinds with a health script.
    judged: Vec<(Glob, String)>,
    limits: Limits,
}

impl Customizations {
    /// Reads the data of the ConfigMap `argocd-cm`. What cannot be read is left out and reported, one by one.
    #[must_use]
    pub fn from_config(data: &BTreeMap<String, String>) -> (Self, Vec<ConfigError>) {
        let (config, errors) = config::read(data);
        let judging = config.overrides.iter().filter(|(key, own)| own.health.is_some() && !glob::is_plain(key));
        let judged = judging.map(|(key, _)| (Glob::new(key), key.clone())).collect();
        (Self { config, judged, limits: Limits::default() }, errors)
    }

    /// The same, with other limits for scripts.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The health of an object by a user's script; `None` if there is none for its kind, and no health if the script returns
    /// nil. A kind's own script comes before one of a pattern; of two patterns the one that sorts first decides.
    ///
    /// # Errors
    /// When the script fails; upstream then shows the health as unknown.
    pub fn health(&self, object: &Value, now: Timestamp) -> Option<Result<Option<Health>, Error>> {
        let kind = kind_of(object);
        let (key, own) = self.health_of(&kind)?;
        let script =
            Script { name: &format!("health.lua of {key}"), text: own.health.as_deref()?, open_libs: own.open_libs };
        Some(health::judge(&script, &self.world(&[("obj", object)], now)))
    }

    /// Whether a user's script judges the health of a kind.
    #[must_use]
    pub fn judges(&self, group: &str, kind: &str) -> bool {
        self.health_of(&key(group, kind)).is_some()
    }

    fn health_of(&self, kind: &str) -> Option<(&str, &Override)> {
        let exact = self.config.overrides.get_key_value(kind).filter(|(_, own)| own.health.is_some());
        let pattern = || {
            let (_, key) = self.judged.iter().find(|(pattern, _)| pattern.matches(kind))?;
            self.config.overrides.get_key_value(key)
        };
        exact.or_else(pattern).map(|(key, own)| (key.as_str(), own))
    }

    /// The actions for an object, by name. A user's take the place of the built-in ones, or come before them with
    /// `mergeBuiltinActions`. As upstream, patterns do not count for actions.
    ///
    /// # Errors
    /// When the discovery script fails, or returns what is no table of actions.
    pub fn actions(&self, object: &Value, now: Timestamp) -> Result<Vec<Action>, Error> {
        let kind = kind_of(object);
        let mut found = BTreeMap::new();
        let own = self.config.overrides.get(&kind).and_then(|own| Some((own, own.actions.as_ref()?)));
        if own.is_none_or(|(_, actions)| actions.with_builtin) {
            found.extend(builtin::actions(&kind, object).into_iter().map(|action| (action.name.clone(), action)));
        }
        if let Some((own, actions)) = own {
            let script = Script {
                name: &format!("discovery.lua of {kind}"),
                text: &actions.discovery,
                open_libs: own.open_libs,
            };
            found.extend(action::discover(&script, &self.world(&[("obj", object)], now))?);
        }
        Ok(found.into_values().collect())
    }

    /// Runs an action: a user's of that name, or else the built-in one. Gives what is to be written; nothing is written here.
    /// Whether the action is disabled for the object is for the caller to ask, as upstream.
    ///
    /// # Errors
    /// When there is no such action, its script fails, or it cannot be done with these parameters.
    pub fn run_action(
        &self,
        object: &Value,
        name: &str,
        params: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<Vec<Impacted>, Error> {
        let kind = kind_of(object);
        let own = self.config.overrides.get(&kind);
        let definitions = own.and_then(|own| own.actions.as_ref()).map_or(&[][..], |actions| &actions.definitions);
        let Some(definition) = definitions.iter().find(|definition| definition.name == name) else {
            return builtin::run(&builtin::Request { kind: &kind, name, object, params, now });
        };
        let script = Script {
            name: &format!("action.lua of {kind}, {name}"),
            text: &definition.script,
            open_libs: own.is_some_and(|own| own.open_libs),
        };
        let params = action::parameters(params);
        action::run(&script, &self.world(&[("obj", object), ("actionParams", &params)], now), object)
    }

    fn world<'a>(&self, globals: &'a [(&'static str, &'a Value)], now: Timestamp) -> World<'a> {
        World { globals, now, limits: self.limits }
    }

    /// Which kinds are managed.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.config.filter
    }

    /// What is ignored in comparisons of every application.
    #[must_use]
    pub fn ignore_differences(&self) -> Vec<IgnoreRule> {
        self.rules(|own| &own.ignore_differences)
    }

    /// What is ignored when asking whether a live object changed.
    #[must_use]
    pub fn ignore_resource_updates(&self) -> Vec<IgnoreRule> {
        self.rules(|own| &own.ignore_updates)
    }

    fn rules(&self, part: impl Fn(&Override) -> &config::IgnoreDifferences) -> Vec<IgnoreRule> {
        let said = self.config.overrides.iter().filter(|(_, own)| *part(own) != config::IgnoreDifferences::default());
        let rule = |(key, own): (&String, &Override)| {
            let (group, kind) = key.split_once('/').unwrap_or(("", key));
            IgnoreRule { group: group.to_owned(), kind: kind.to_owned(), ignore: part(own).clone() }
        };
        said.map(rule).collect()
    }

    /// The fields of a kind that have the form of built-in types.
    #[must_use]
    pub fn known_type_fields(&self, group: &str, kind: &str) -> &[KnownTypeField] {
        self.config.overrides.get(&key(group, kind)).map_or(&[], |own| &own.known_types)
    }

    /// Whether any kind has such fields.
    #[must_use]
    pub fn has_known_type_fields(&self) -> bool {
        self.config.overrides.values().any(|own| !own.known_types.is_empty())
    }

    /// `resource.compareoptions`.
    #[must_use]
    pub fn compare_options(&self) -> &CompareOptions {
        &self.config.compare
    }

    /// `application.instanceLabelKey`, if it is set.
    #[must_use]
    pub fn instance_label(&self) -> Option<&str> {
        self.config.instance_label.as_deref()
    }

    /// `application.resourceTrackingMethod`.
    #[must_use]
    pub fn tracking(&self) -> Tracking {
        self.config.tracking
    }
}

/// The key of a kind.
fn key(group: &str, kind: &str) -> String {
    if group.is_empty() { kind.to_owned() } else { format!("{group}/{kind}") }
}

fn kind_of(object: &Value) -> String {
    key(split_api_version(object::api_version(object)).0, object::kind(object))
}
