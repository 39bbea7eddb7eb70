//! What the ConfigMap `argocd-cm` says of resources, in the form that comparing and judging need. As the parts of Argo CD's
//! settings that its application controller reads.
//! It must not know how the ConfigMap is got.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use mainstay_api::argoproj::{Destination, IgnoreDifferences};
use mainstay_apimachinery::gvk::split_api_version;
use mainstay_apimachinery::health::{self, Health};
use mainstay_apimachinery::object;
use mainstay_lua::{Customizations, IgnoreRule};
use serde_json::Value;

use super::tracking::{Method, Tracking};
use super::{glob, project, vain};

/// Name of the ConfigMap.
pub const NAME: &str = "argocd-cm";

/// Name of the ConfigMap with what upstream gives its processes as parameters.
pub const PARAMETERS: &str = "argocd-cmd-params-cm";

/// What a user's script says of an object: its health, or that it has none, or why the script failed.
pub type Verdict = Result<Option<Health>, String>;

/// Verdicts that are kept: an object asks for its health several times a look, and runs of scripts are not cheap.
const KEPT: usize = 16_384;
/// How long a verdict holds while its object stays the same: a script may ask for the time.
const HOLDS_SECONDS: i64 = 60;

/// An object at a time, as far as a verdict depends on it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Moment {
    uid: String,
    version: String,
    at: i64,
}

/// Settings about resources.
#[derive(Debug, Default)]
pub struct Settings {
    customizations: Customizations,
    /// What is ignored in comparisons of every application.
    rules: Vec<IgnoreDifferences>,
    tracking: Tracking,
    /// Namespaces where applications may be besides that of GitOps; globs.
    namespaces: Vec<String>,
    /// What cannot be read or has no effect, in words.
    remarks: Vec<String>,
    verdicts: Mutex<HashMap<Moment, Verdict>>,
}

impl Settings {
    /// Reads the data of the ConfigMap, and that of [`PARAMETERS`].
    #[must_use]
    pub fn new(data: &BTreeMap<String, String>, parameters: &BTreeMap<String, String>) -> Self {
        let (customizations, errors) = Customizations::from_config(data);
        let mut rules: Vec<IgnoreDifferences> = customizations.ignore_differences().into_iter().map(rule).collect();
        if customizations.compare_options().ignore_aggregated_roles {
            rules.extend(["Role", "ClusterRole"].map(aggregated));
        }
        let mut remarks: Vec<String> = errors.iter().map(ToString::to_string).collect();
        remarks.extend(vain::settings(&customizations, &rules));
        let tracking = tracking(&customizations, data);
        let namespaces = parameters.get("application.namespaces").map(String::as_str).unwrap_or_default().split(',');
        let namespaces = namespaces.map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect();
        Self { customizations, rules, tracking, namespaces, remarks, verdicts: Mutex::default() }
    }

    /// The health of an object by a user's script, which comes before everything built in; `None` if there is none for its kind.
    /// What is being deleted is judged by nobody's script, as upstream.
    #[must_use]
    pub fn health(&self, live: &Value, now: Timestamp) -> Option<Verdict> {
        let (group, _) = split_api_version(object::api_version(live));
        if !self.customizations.judges(group, object::kind(live)) || health::is_pending_deletion(live) {
            return None;
        }
        let moment = Moment {
            uid: object::uid(live).to_owned(),
            version: object::resource_version(live).unwrap_or_default().to_owned(),
            at: now.as_second().div_euclid(HOLDS_SECONDS),
        };
        let is_known = !moment.uid.is_empty() && !moment.version.is_empty();
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verdict) = verdicts.get(&moment).filter(|_| is_known) {
            return Some(verdict.clone());
        }
        drop(verdicts);
        let verdict = self.customizations.health(live, now)?.map_err(|error| error.to_string());
        if is_known {
            verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
            if verdicts.len() >= KEPT {
                verdicts.clear();
            }
            verdicts.insert(moment, verdict.clone());
        }
        Some(verdict)
    }

    /// Whether resources of a kind are left alone at a destination: neither compared nor tracked, written nor deleted.
    #[must_use]
    pub fn excludes(&self, group: &str, kind: &str, destination: &Destination) -> bool {
        let names = project::canonical(destination).into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>();
        self.customizations.filter().excludes(group, kind, &names)
    }

    /// Whether applications of a namespace are looked at; `home` is that of GitOps.
    #[must_use]
    pub fn allows(&self, namespace: &str, home: &str) -> bool {
        namespace == home || self.namespaces.iter().any(|pattern| glob::matches(pattern, namespace))
    }

    /// How resources are tracked.
    #[must_use]
    pub fn tracking(&self) -> &Tracking {
        &self.tracking
    }

    /// What is left alone, as a value that differs where something else is.
    #[must_use]
    pub fn filter(&self) -> String {
        format!("{:?}", self.customizations.filter())
    }

    /// What is ignored for an application: its own rules and those of the system.
    #[must_use]
    pub fn rules_with(&self, own: &[IgnoreDifferences]) -> Vec<IgnoreDifferences> {
        own.iter().chain(&self.rules).cloned().collect()
    }

    /// What cannot be read or has no effect, in words.
    #[must_use]
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }
}

fn tracking(customizations: &Customizations, data: &BTreeMap<String, String>) -> Tracking {
    let method = match customizations.tracking() {
        mainstay_lua::Tracking::Annotation => Method::Annotation,
        mainstay_lua::Tracking::Label => Method::Label,
        mainstay_lua::Tracking::AnnotationAndLabel => Method::Both,
    };
    let label = customizations.instance_label().map(str::to_owned).unwrap_or(Tracking::default().label);
    let installation = data.get("installationID").cloned().unwrap_or_default();
    Tracking { method, label, installation }
}

fn rule(rule: IgnoreRule) -> IgnoreDifferences {
    let IgnoreRule { group, kind, ignore } = rule;
    IgnoreDifferences {
        group,
        kind,
        json_pointers: ignore.json_pointers,
        jq_path_expressions: ignore.jq_path_expressions,
        managed_fields_managers: ignore.managed_fields_managers,
        ..IgnoreDifferences::default()
    }
}

/// Rules of roles that gather the rules of others, which a controller writes.
fn aggregated(kind: &str) -> IgnoreDifferences {
    IgnoreDifferences {
        group: "rbac.authorization.k8s.io".to_owned(),
        kind: kind.to_owned(),
        jq_path_expressions: vec!["select(.aggregationRule != null) | .rules".to_owned()],
        ..IgnoreDifferences::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::compare::Ignored;
    use super::super::key::Key;
    use super::*;
    use serde_json::json;

    fn settings(entries: &[(&str, &str)]) -> Settings {
        Settings::new(
            &entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            &BTreeMap::new(),
        )
    }

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    #[test]
    fn a_verdict_holds_while_the_object_is_the_same_for_a_minute() {
        let script = "return {status = 'Healthy', message = obj.data.a .. ' ' .. os.date('!%M')}";
        let settings = settings(&[("resource.customizations.health.ConfigMap", script)]);
        let map = |version: &str, a: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"uid": "u", "resourceVersion": version}, "data": {"a": a}});
        let said = |object: &Value, time: &str| settings.health(object, at(time)).unwrap().unwrap().unwrap().message;
        assert_eq!(said(&map("1", "x"), "2026-03-01T08:05:09Z"), "x 05");
        assert_eq!(said(&map("1", "not looked at"), "2026-03-01T08:05:10Z"), "x 05");
        assert_eq!(said(&map("2", "y"), "2026-03-01T08:05:10Z"), "y 05");
        assert_eq!(said(&map("2", "y"), "2026-03-01T08:06:10Z"), "y 06");
        assert_eq!(settings.health(&json!({"apiVersion": "v1", "kind": "Secret"}), at("2026-03-01T08:05:09Z")), None);
        let mut gone = map("3", "z");
        gone["metadata"]["deletionTimestamp"] = "2026-03-01T08:05:09Z".into();
        assert_eq!(settings.health(&gone, at("2026-03-01T08:05:09Z")), None);
    }

    #[test]
    fn clusters_are_known_by_name_and_server() {
        let settings =
            settings(&[("resource.exclusions", "- kinds: [Secret]\n  clusters: ['https://kubernetes.*', dev]\n")]);
        let excluded = |name: &str, server: &str| {
            settings.excludes(
                "",
                "Secret",
                &Destination { name: name.into(), server: server.into(), ..Destination::default() },
            )
        };
        assert!(excluded("in-cluster", "") && excluded("dev", "") && !excluded("prod", ""));
    }

    #[test]
    fn rules_of_the_system_stand_beside_own_ones() {
        let settings = settings(&[
            ("resource.customizations.ignoreDifferences.apps_Deployment", "jsonPointers: [/spec/replicas]"),
            ("resource.compareoptions", "ignoreAggregatedRoles: true"),
        ]);
        let own = IgnoreDifferences { kind: "Secret".into(), ..IgnoreDifferences::default() };
        let rules = settings.rules_with(&[own]);
        assert_eq!(
            rules.iter().map(|rule| rule.kind.as_str()).collect::<Vec<_>>(),
            ["Secret", "Deployment", "Role", "ClusterRole"]
        );
        let key = Key { group: "rbac.authorization.k8s.io".into(), kind: "ClusterRole".into(), ..Key::default() };
        let differs = |rule: Value| {
            let role = |rules: Value| json!({"metadata": {}, "aggregationRule": rule, "rules": rules});
            super::super::compare::differs(&role(json!([])), &role(json!([{}])), &Ignored::of(&rules, &key))
        };
        assert!(!differs(json!({"clusterRoleSelectors": []})) && differs(Value::Null));
    }

    #[test]
    fn what_has_no_effect_is_said() {
        let settings = settings(&[
            ("resource.compareoptions", "ignoreResourceStatusField: none"),
            ("resource.customizations.ignoreDifferences.all", "jqPathExpressions: ['.a[', .b]"),
            ("resource.customizations.knownTypeFields.x.io_Thing", "- {field: spec, type: core/v1/PodSpec}"),
            ("resource.exclusions", "5"),
        ]);
        let said = settings.remarks().join("\n");
        for expected in [
            "failed to read resource.exclusions of ConfigMap argocd-cm",
            "resource.compareoptions: ignoreResourceStatusField has no effect",
            "ignoreDifferences: jqPathExpressions: .a[ has no effect; it is no jq expression",
            "knownTypeFields has no effect",
        ] {
            assert!(said.contains(expected), "{expected}: {said}");
        }
        assert_eq!(settings.remarks().len(), 4);
    }
}
