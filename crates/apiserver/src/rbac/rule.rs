//! One `PolicyRule`: what it matches, and how it is shown. Matching is that of upstream's
//! `pkg/apis/rbac/v1/evaluation_helpers.go`. It must not know roles or bindings.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::authz::Attributes;

const ALL: &str = "*";

/// A rule of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Rule {
    #[serde(deserialize_with = "list")]
    pub(crate) verbs: Vec<String>,
    #[serde(deserialize_with = "list")]
    pub(crate) api_groups: Vec<String>,
    #[serde(deserialize_with = "list")]
    pub(crate) resources: Vec<String>,
    #[serde(deserialize_with = "list")]
    pub(crate) resource_names: Vec<String>,
    #[serde(rename = "nonResourceURLs", deserialize_with = "list")]
    pub(crate) non_resource_urls: Vec<String>,
}

/// A list that may be `null`.
pub(super) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(value)?.unwrap_or_default())
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|item| item == wanted)
}

impl Rule {
    /// Whether a request is what this rule lets through.
    pub(crate) fn allows(&self, attributes: &Attributes<'_>) -> bool {
        if !self.matches_verb(attributes.verb) {
            return false;
        }
        if !attributes.on_resource {
            return self.non_resource_urls.iter().any(|url| covers_url(url, attributes.path));
        }
        let named = self.resource_names.is_empty() || has(&self.resource_names, attributes.name);
        let group = self.api_groups.iter().any(|group| group == ALL || group == attributes.group);
        named && group && self.resources.iter().any(|rule| matches_resource(rule, attributes))
    }

    fn matches_verb(&self, verb: &str) -> bool {
        self.verbs.iter().any(|own| own == ALL || own == verb)
    }

    /// Whether a rule for one verb of one thing lets nothing through that this one does not.
    pub(super) fn covers(&self, one: &Self) -> bool {
        let names = if one.resource_names.is_empty() {
            self.resource_names.is_empty()
        } else {
            self.resource_names.is_empty() || one.resource_names.iter().all(|name| has(&self.resource_names, name))
        };
        names
            && covers_list(&self.verbs, &one.verbs)
            && covers_list(&self.api_groups, &one.api_groups)
            && one.resources.iter().all(|resource| self.covers_resource(resource))
            && one.non_resource_urls.iter().all(|url| self.non_resource_urls.iter().any(|own| covers_url(own, url)))
    }

    fn covers_resource(&self, resource: &str) -> bool {
        has(&self.resources, ALL)
            || has(&self.resources, resource)
            || resource
                .split_once('/')
                .is_some_and(|(_, sub)| self.resources.iter().any(|own| own.strip_prefix("*/") == Some(sub)))
    }

    /// The same as rules for one verb of one thing each: upstream's `BreakdownRule`.
    pub(super) fn broken_down(&self) -> Vec<Self> {
        let names: Vec<Vec<String>> = match self.resource_names.len() {
            0 => vec![Vec::new()],
            _ => self.resource_names.iter().map(|name| vec![name.clone()]).collect(),
        };
        let mut rules = Vec::new();
        for (group, resource) in self.api_groups.iter().flat_map(|g| self.resources.iter().map(move |r| (g, r))) {
            for (verb, names) in self.verbs.iter().flat_map(|verb| names.iter().map(move |names| (verb, names))) {
                rules.push(Self {
                    verbs: vec![verb.clone()],
                    api_groups: vec![group.clone()],
                    resources: vec![resource.clone()],
                    resource_names: names.clone(),
                    ..Self::default()
                });
            }
        }
        for (url, verb) in self.non_resource_urls.iter().flat_map(|u| self.verbs.iter().map(move |v| (u, v))) {
            let (verbs, non_resource_urls) = (vec![verb.clone()], vec![url.clone()]);
            rules.push(Self { verbs, non_resource_urls, ..Self::default() });
        }
        rules
    }

    /// As upstream's `CompactString`.
    pub(super) fn compact(&self) -> String {
        let fields = [
            ("APIGroups", &self.api_groups),
            ("Resources", &self.resources),
            ("NonResourceURLs", &self.non_resource_urls),
            ("ResourceNames", &self.resource_names),
            ("Verbs", &self.verbs),
        ];
        let shown = fields.iter().filter(|(_, list)| !list.is_empty());
        let shown: Vec<String> = shown.map(|(name, list)| format!("{name}:{}", quoted(list))).collect();
        format!("{{{}}}", shown.join(", "))
    }

    /// As JSON; what is empty is left out, as Go does.
    pub(crate) fn to_json(&self) -> Value {
        let fields = [
            ("verbs", &self.verbs),
            ("apiGroups", &self.api_groups),
            ("resources", &self.resources),
            ("resourceNames", &self.resource_names),
            ("nonResourceURLs", &self.non_resource_urls),
        ];
        let given = fields.into_iter().filter(|(name, list)| *name == "verbs" || !list.is_empty());
        Value::Object(given.map(|(name, list)| (name.to_owned(), json!(list))).collect::<Map<_, _>>())
    }
}

/// As Go's `%q` of a list.
pub(super) fn quoted(list: &[String]) -> String {
    let quoted: Vec<String> = list.iter().map(|text| format!("{text:?}")).collect();
    format!("[{}]", quoted.join(" "))
}

fn covers_list(own: &[String], wanted: &[String]) -> bool {
    has(own, ALL) || wanted.iter().all(|item| has(own, item))
}

fn covers_url(own: &str, path: &str) -> bool {
    own == ALL || own == path || own.strip_suffix('*').is_some_and(|prefix| path.starts_with(prefix))
}

/// `*`, `pods`, `pods/log` or `*/scale`.
fn matches_resource(rule: &str, attributes: &Attributes<'_>) -> bool {
    if rule == ALL {
        return true;
    }
    match rule.split_once('/') {
        None => attributes.subresource.is_empty() && rule == attributes.resource,
        Some((resource, subresource)) => {
            !attributes.subresource.is_empty()
                && subresource == attributes.subresource
                && (resource == ALL || resource == attributes.resource)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(value: Value) -> Rule {
        serde_json::from_value(value).unwrap()
    }

    fn on(verb: &'static str, resource: &'static str, name: &'static str) -> Attributes<'static> {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        Attributes { verb, on_resource: true, resource, subresource, name, ..Attributes::default() }
    }

    #[test]
    fn a_rule_lets_through_what_it_names() {
        let pods = rule(json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods", "*/scale"]}));
        assert!(pods.allows(&on("get", "pods", "a")) && pods.allows(&on("get", "deployments/scale", "a")));
        for (verb, resource) in [("list", "pods"), ("get", "pods/log"), ("get", "scale"), ("get", "secrets")] {
            assert!(!pods.allows(&on(verb, resource, "")), "{verb} {resource}");
        }
        let named = rule(json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "resourceNames": ["a"]}));
        assert!(named.allows(&on("get", "pods/log", "a")) && !named.allows(&on("get", "pods", "b")));
        assert!(!rule(json!({"verbs": null, "resources": null})).allows(&on("get", "pods", "")));
    }

    #[test]
    fn paths_match_by_prefix() {
        let paths = rule(json!({"verbs": ["get"], "nonResourceURLs": ["/api", "/apis/*"]}));
        let on = |path| paths.allows(&Attributes { verb: "get", path, ..Attributes::default() });
        assert!(on("/api") && on("/apis/apps/v1"));
        assert!(!on("/apis") && !on("/api/v1"));
    }

    #[test]
    fn a_rule_covers_its_parts() {
        let wide = rule(json!({"verbs": ["get", "list"], "apiGroups": ["a", "b"], "resources": ["x"]}));
        assert_eq!(wide.broken_down().len(), 4);
        assert!(wide.broken_down().iter().all(|part| wide.covers(part)));
        let named = rule(json!({"verbs": ["get"], "apiGroups": ["a"], "resources": ["x"], "resourceNames": ["n"]}));
        assert!(wide.covers(&named) && !named.covers(&wide.broken_down()[0]));
    }

    #[test]
    fn a_rule_is_shown_on_one_line() {
        let named = rule(json!({"verbs": ["get"], "apiGroups": [""], "resources": ["x"], "resourceNames": ["n"]}));
        let shown = "{APIGroups:[\"\"], Resources:[\"x\"], ResourceNames:[\"n\"], Verbs:[\"get\"]}";
        assert_eq!(named.compact(), shown);
    }
}
