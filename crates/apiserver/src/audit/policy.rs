//! How much is recorded of which requests: `audit.k8s.io/v1` `Policy`, matched as upstream's
//! `apiserver/pkg/audit/policy`. It must not know how anything is written.

use mainstay_apimachinery::yaml;
use serde::Deserialize;

use crate::authz::Attributes;
use crate::identity::Identity;

/// How much is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Level {
    /// Nothing.
    #[default]
    None,
    /// Who did what to what, and how it ended; no bodies.
    Metadata,
    /// The same with what was sent.
    Request,
    /// The same with what was sent and answered.
    RequestResponse,
}

impl Level {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Metadata => "Metadata",
            Self::Request => "Request",
            Self::RequestResponse => "RequestResponse",
        }
    }
}

/// When in the life of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Stage {
    /// Before it is let go on.
    RequestReceived,
    /// A watch has begun.
    ResponseStarted,
    /// It is answered.
    ResponseComplete,
    /// Never here: no request panics.
    Panic,
}

impl Stage {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RequestReceived => "RequestReceived",
            Self::ResponseStarted => "ResponseStarted",
            Self::ResponseComplete => "ResponseComplete",
            Self::Panic => "Panic",
        }
    }
}

/// A policy that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to read the audit policy: {0}")]
pub struct PolicyError(String);

/// Rules in order; the first that matches a request counts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    api_version: String,
    kind: String,
    #[serde(default)]
    #[allow(dead_code, reason = "a policy is an object, and may be named")]
    metadata: serde_json::Value,
    rules: Vec<Rule>,
    #[serde(default)]
    omit_stages: Vec<Stage>,
    #[serde(default)]
    omit_managed_fields: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Rule {
    level: Level,
    users: Vec<String>,
    user_groups: Vec<String>,
    verbs: Vec<String>,
    resources: Vec<Resources>,
    namespaces: Vec<String>,
    #[serde(rename = "nonResourceURLs")]
    non_resource_urls: Vec<String>,
    omit_stages: Vec<Stage>,
    omit_managed_fields: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Resources {
    group: String,
    resources: Vec<String>,
    resource_names: Vec<String>,
}

/// What is recorded of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) level: Level,
    pub(super) omit_stages: Vec<Stage>,
    pub(super) omit_managed_fields: bool,
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// When it is no policy, with a field that is wrong.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let document = yaml::parse_one(text).map_err(|error| PolicyError(error.to_string()))?;
        let policy: Self = serde_json::from_value(document.value).map_err(|error| PolicyError(error.to_string()))?;
        if policy.api_version != "audit.k8s.io/v1" || policy.kind != "Policy" {
            return Err(PolicyError(format!("{} {} is no audit.k8s.io/v1 Policy", policy.api_version, policy.kind)));
        }
        if policy.rules.is_empty() {
            return Err(PolicyError("rules: at least one is required".to_owned()));
        }
        Ok(policy)
    }

    /// Who did what to what, of every request; not of its beginning.
    #[must_use]
    pub fn metadata() -> Self {
        let rule = Rule { level: Level::Metadata, ..Rule::default() };
        Self { rules: vec![rule], omit_stages: vec![Stage::RequestReceived], ..Self::default() }
    }

    pub(super) fn choose(&self, identity: &Identity, attributes: &Attributes<'_>) -> Chosen {
        let Some(rule) = self.rules.iter().find(|rule| rule.matches(identity, attributes)) else {
            return Chosen::default();
        };
        Chosen {
            level: rule.level,
            omit_stages: [&self.omit_stages[..], &rule.omit_stages].concat(),
            omit_managed_fields: rule.omit_managed_fields.unwrap_or(self.omit_managed_fields),
        }
    }
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|item| item == wanted)
}

impl Rule {
    fn matches(&self, identity: &Identity, attributes: &Attributes<'_>) -> bool {
        let user = self.users.is_empty() || has(&self.users, &identity.user);
        let group = self.user_groups.is_empty() || self.user_groups.iter().any(|group| identity.in_group(group));
        let verb = self.verbs.is_empty() || has(&self.verbs, attributes.verb);
        user && group && verb && self.matches_place(attributes)
    }

    fn matches_place(&self, attributes: &Attributes<'_>) -> bool {
        if !self.namespaces.is_empty() || !self.resources.is_empty() {
            let namespace = self.namespaces.is_empty() || has(&self.namespaces, attributes.namespace);
            let resource = self.resources.is_empty() || self.resources.iter().any(|rule| rule.matches(attributes));
            return attributes.on_resource && namespace && resource;
        }
        let path = |url: &String| {
            url == "*"
                || url == attributes.path
                || url.strip_suffix('*').is_some_and(|p| attributes.path.starts_with(p))
        };
        self.non_resource_urls.is_empty() || (!attributes.on_resource && self.non_resource_urls.iter().any(path))
    }
}

impl Resources {
    fn matches(&self, attributes: &Attributes<'_>) -> bool {
        let Attributes { group, resource, subresource, name, .. } = *attributes;
        let named = self.resource_names.is_empty() || has(&self.resource_names, name);
        let matches = |rule: &String| match rule.split_once('/') {
            _ if rule == "*" => true,
            None => rule == resource && subresource.is_empty(),
            Some(("*", wanted)) => wanted == subresource,
            // Upstream takes the resource itself for one of its subresources here.
            Some((wanted, "*")) => wanted == resource,
            Some((wanted, sub)) => wanted == resource && sub == subresource,
        };
        self.group == group && (self.resources.is_empty() || (named && self.resources.iter().any(matches)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, userGroups: [\"system:serviceaccounts\"], verbs: [get, list, watch]}
- {level: None, nonResourceURLs: [\"/api*\", /version]}
- {level: Metadata, resources: [{group: \"\", resources: [secrets, configmaps]}]}
- {level: Request, namespaces: [shop], resources: [{group: apps}, {group: \"\", resources: [\"pods/*\", \"*/status\"]}]}
- {level: RequestResponse, resources: [{group: batch, resources: [jobs], resourceNames: [one]}], omitManagedFields: true}
";

    fn on(verb: &'static str, group: &'static str, resource: &'static str) -> Attributes<'static> {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        Attributes { verb, on_resource: true, group, resource, subresource, namespace: "shop", ..Attributes::default() }
    }

    #[test]
    fn the_first_rule_that_matches_counts() {
        let policy = Policy::parse(POLICY).unwrap();
        let ann = Identity::new("ann", &[]);
        let level = |attributes: Attributes<'_>| policy.choose(&ann, &attributes).level;
        assert_eq!(level(on("get", "", "secrets")), Level::Metadata);
        assert_eq!(level(on("update", "apps", "deployments/scale")), Level::Request);
        assert_eq!(level(on("create", "", "pods/exec")), Level::Request);
        assert_eq!(level(on("create", "", "pods")), Level::Request);
        assert_eq!(level(on("create", "", "services")), Level::None);
        assert_eq!(level(on("patch", "", "services/status")), Level::Request);
        assert_eq!(level(Attributes { name: "one", ..on("get", "batch", "jobs") }), Level::RequestResponse);
        assert_eq!(level(Attributes { name: "two", ..on("get", "batch", "jobs") }), Level::None);
        assert_eq!(level(Attributes { path: "/apis", ..Attributes::default() }), Level::None);
        let robot = Identity::service_account("shop", "robot");
        assert_eq!(policy.choose(&robot, &on("get", "", "secrets")).level, Level::None);
        assert_eq!(policy.choose(&robot, &on("update", "", "secrets")).omit_stages, [Stage::RequestReceived]);
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        for (text, why) in [
            ("apiVersion: v1\nkind: Policy\nrules: []", "is no audit.k8s.io/v1 Policy"),
            ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: []", "at least one"),
            ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Loud}]", "Loud"),
            ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{user: ann}]", "unknown field `user`"),
        ] {
            let error = Policy::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
