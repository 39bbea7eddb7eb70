//! Whether a policy or a webhook is about a write: rules, selectors, and other versions of the same resource.
//! It must not know what follows from it. Upstream: `plugin/policy/matching` and `plugin/webhook/predicates`.

use std::collections::HashMap;

use mainstay_apimachinery::object;
use mainstay_apimachinery::selector::LabelSelector;
use serde_json::{Map, Value};

use super::review::{Review, items, text};

/// One rule of `rules`, `resourceRules` or `excludeResourceRules`.
#[derive(Debug)]
struct Rule {
    operations: Vec<String>,
    groups: Vec<String>,
    versions: Vec<String>,
    /// Resource and subresource.
    resources: Vec<(String, String)>,
    names: Vec<String>,
    scope: Scope,
}

#[derive(Debug)]
enum Scope {
    All,
    Cluster,
    Namespaced,
}

/// What a policy, a binding or a webhook is about.
#[derive(Debug)]
pub(super) struct Matcher {
    rules: Vec<Rule>,
    excluded: Vec<Rule>,
    namespaces: LabelSelector,
    objects: LabelSelector,
    equivalent: bool,
}

/// A match: in which version of the resource, where that is not the one written in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) version: Option<String>,
}

fn texts(value: &Value, pointer: &str) -> Vec<String> {
    items(value, pointer).filter_map(Value::as_str).map(str::to_owned).collect()
}

impl Rule {
    fn parse(rule: &Value) -> Self {
        let split = |text: String| match text.split_once('/') {
            Some((resource, subresource)) => (resource.to_owned(), subresource.to_owned()),
            None => (text, String::new()),
        };
        Self {
            operations: texts(rule, "/operations"),
            groups: texts(rule, "/apiGroups"),
            versions: texts(rule, "/apiVersions"),
            resources: texts(rule, "/resources").into_iter().map(split).collect(),
            names: texts(rule, "/resourceNames"),
            scope: match text(rule, "/scope") {
                "Cluster" => Scope::Cluster,
                "Namespaced" => Scope::Namespaced,
                _ => Scope::All,
            },
        }
    }

    /// Every group with every resource.
    fn pairs(&self) -> Vec<(&str, &str)> {
        let of_group = |group| self.resources.iter().map(move |(name, _)| (group, name.as_str()));
        self.groups.iter().map(String::as_str).flat_map(of_group).collect()
    }

    /// Whether it is about this write, whatever the version.
    fn covers(&self, review: &Review<'_>) -> bool {
        let request = &review.request;
        let fits = |wanted: &str, given: &str| wanted == "*" || wanted == given;
        let any = |wanted: &[String], given: &str| wanted.iter().any(|wanted| fits(wanted, given));
        let named = self.names.is_empty() || self.names.iter().any(|name| name == request.name);
        let of_resource = self.resources.iter().any(|(resource, subresource)| {
            fits(resource, &request.resource.plural) && fits(subresource, request.subresource)
        });
        let in_scope = match self.scope {
            Scope::All => true,
            Scope::Cluster => request.namespace.is_empty(),
            Scope::Namespaced => !request.namespace.is_empty(),
        };
        let of_group = any(&self.groups, &request.resource.group);
        of_group && of_resource && any(&self.operations, request.operation.name()) && named && in_scope
    }

    /// The version the object is to be shown in; `None` if there is none that fits.
    fn version(&self, review: &Review<'_>, equivalent: bool) -> Option<Match> {
        let resource = review.request.resource;
        if self.versions.iter().any(|version| version == "*" || **version == *resource.version) {
            return Some(Match::default());
        }
        let registry = review.call.server.registry();
        let served = |version: &&String| {
            registry.resolve(review.request.cluster, &resource.group, version, &resource.plural).is_some()
        };
        let other = self.versions.iter().find(served).filter(|_| equivalent)?;
        Some(Match { version: Some(other.clone()) })
    }
}

impl Matcher {
    /// Of the constraints of a policy, the resources of a binding, or a webhook; `rules` is the name of the field with
    /// the rules.
    pub(super) fn parse(constraints: &Value, rules: &str) -> Self {
        let parsed = |field: &str| items(constraints, &format!("/{field}")).map(Rule::parse).collect();
        let selector = |field: &str| match constraints.get(field) {
            Some(selector) => LabelSelector::from_object(selector).unwrap_or_else(|_| LabelSelector::nothing()),
            None => LabelSelector::everything(),
        };
        Self {
            rules: parsed(rules),
            excluded: parsed("excludeResourceRules"),
            namespaces: selector("namespaceSelector"),
            objects: selector("objectSelector"),
            equivalent: text(constraints, "/matchPolicy") != "Exact",
        }
    }

    /// Whether it is about a write of this object.
    pub(super) fn matches(&self, review: &Review<'_>, object: Option<&Value>) -> Option<Match> {
        let found = self.first(&self.rules, review)?;
        let chosen = self.first(&self.excluded, review).is_none() && self.selects(review, object);
        chosen.then_some(found)
    }

    fn first(&self, rules: &[Rule], review: &Review<'_>) -> Option<Match> {
        rules.iter().filter(|rule| rule.covers(review)).find_map(|rule| rule.version(review, self.equivalent))
    }

    /// As [`Self::matches`]; without rules it is about everything.
    pub(super) fn allows(&self, review: &Review<'_>, object: Option<&Value>) -> bool {
        match self.rules.is_empty() {
            true => self.first(&self.excluded, review).is_none() && self.selects(review, object),
            false => self.matches(review, object).is_some(),
        }
    }

    fn selects(&self, review: &Review<'_>, object: Option<&Value>) -> bool {
        let chosen = |object: &Value| self.objects.matches(object::labels(object));
        let by_object =
            self.objects.is_everything() || object.is_some_and(chosen) || review.request.old.is_some_and(chosen);
        by_object && (self.namespaces.is_everything() || self.selects_namespace(review, object))
    }

    fn selects_namespace(&self, review: &Review<'_>, object: Option<&Value>) -> bool {
        let empty = Map::new();
        if review.is_of("", "namespaces") {
            let namespace = object.or(review.request.old);
            return self.namespaces.matches(namespace.map_or(&empty, object::labels));
        }
        if review.request.namespace.is_empty() {
            return true;
        }
        self.namespaces.matches(review.namespace().map_or(&empty, object::labels))
    }

    /// The resources its rules name, by group and plural; `None` where one stands for all.
    fn resources(&self) -> Option<Vec<(&str, &str)>> {
        let wild = |rule: &Rule| {
            rule.groups.iter().any(|group| group == "*") || rule.resources.iter().any(|(name, _)| name == "*")
        };
        if self.rules.iter().any(wild) {
            return None;
        }
        Some(self.rules.iter().flat_map(Rule::pairs).collect())
    }
}

/// Which of a list of matchers may be about a resource, found without looking at all of them.
#[derive(Debug, Default)]
pub(super) struct Index {
    named: HashMap<(String, String), Vec<usize>>,
    any: Vec<usize>,
}

impl Index {
    pub(super) fn of<'m>(matchers: impl Iterator<Item = &'m Matcher>) -> Self {
        let mut index = Self::default();
        for (number, matcher) in matchers.enumerate() {
            let Some(resources) = matcher.resources() else {
                index.any.push(number);
                continue;
            };
            for (group, plural) in resources {
                let list = index.named.entry((group.to_owned(), plural.to_owned())).or_default();
                if list.last() != Some(&number) {
                    list.push(number);
                }
            }
        }
        index
    }

    /// The numbers of those that may be about it, in order.
    pub(super) fn candidates(&self, review: &Review<'_>) -> Vec<usize> {
        let resource = review.request.resource;
        if self.named.is_empty() && self.any.is_empty() {
            return Vec::new();
        }
        let key = (resource.group.to_string(), resource.plural.to_string());
        let named = self.named.get(&key).map_or(&[] as &[usize], Vec::as_slice);
        let mut found: Vec<usize> = named.iter().chain(&self.any).copied().collect();
        found.sort_unstable();
        found
    }
}
