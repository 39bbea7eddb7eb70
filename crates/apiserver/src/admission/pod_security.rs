//! `PodSecurity`: pods must keep to the level that the labels of their namespace ask for.
//! It must not know the checks of a level. Upstream: `k8s.io/pod-security-admission/admission`.

mod baseline;
mod check;
mod level;
mod restricted;

use std::collections::BTreeMap;

use mainstay_apimachinery::object;
use serde_json::Value;

use super::Operation;
use super::plugin::Plugin;
use super::review::{Review, items, text};
use crate::Error;
use check::{Pod, Violation};
use level::{Level, LevelVersion, Policy};

/// Most pods that are looked at when the labels of a namespace change: `defaultNamespaceMaxPodsToCheck`.
const MOST_PODS: usize = 3000;

/// Who is not looked at: `PodSecurityExemptions`.
#[derive(Clone, Debug, Default)]
pub struct Exemptions {
    /// Names of users.
    pub usernames: Vec<String>,
    /// Names of namespaces.
    pub namespaces: Vec<String>,
    /// Names of runtime classes.
    pub runtime_classes: Vec<String>,
}

/// Where the template of a workload's pods is.
const TEMPLATES: [(&str, &str, &str); 8] = [
    ("", "replicationcontrollers", "/spec/template"),
    ("", "podtemplates", "/template"),
    ("apps", "replicasets", "/spec/template"),
    ("apps", "deployments", "/spec/template"),
    ("apps", "statefulsets", "/spec/template"),
    ("apps", "daemonsets", "/spec/template"),
    ("batch", "jobs", "/spec/template"),
    ("batch", "cronjobs", "/spec/jobTemplate/spec/template"),
];

/// Subresources of pods that leave the spec alone.
const IGNORED: [&str; 8] = ["exec", "attach", "binding", "eviction", "log", "portforward", "proxy", "status"];

/// The plugin.
pub(super) struct PodSecurity;

impl Plugin for PodSecurity {
    fn handles(&self, review: &Review<'_>) -> bool {
        match review.request.subresource {
            "" => review.is_of("", "pods") || review.is_of("", "namespaces") || template(review).is_some(),
            other => review.is_of("", "pods") && !IGNORED.contains(&other),
        }
    }

    fn validate(&self, review: &Review<'_>, object: &Value) -> Result<Vec<String>, Error> {
        if review.is_of("", "namespaces") {
            return namespace(review, object);
        }
        let exemptions = &review.call.server.options().pod_security_exemptions;
        let (namespace, user) = (review.request.namespace, &review.request.identity.user);
        if exemptions.namespaces.iter().any(|name| name == namespace) || exemptions.usernames.contains(user) {
            return Ok(Vec::new());
        }
        let Some(policy) = review.namespace().map(|namespace| Policy::of(object::labels(namespace)).0) else {
            return Ok(Vec::new());
        };
        match template(review) {
            Some(pointer) => match object.pointer(pointer) {
                Some(template) => evaluate(review, &policy, template, false),
                None => Ok(Vec::new()),
            },
            None if review.request.old.is_some_and(|old| !is_significant(object, old)) => Ok(Vec::new()),
            None => evaluate(review, &policy, object, true),
        }
    }
}

fn template(review: &Review<'_>) -> Option<&'static str> {
    let found = TEMPLATES.iter().find(|(group, plural, _)| review.is_of(group, plural));
    found.map(|(_, _, pointer)| *pointer)
}

fn is_exempt_class(review: &Review<'_>, pod: &Value) -> bool {
    let exempt = &review.call.server.options().pod_security_exemptions.runtime_classes;
    let class = text(pod, "/spec/runtimeClassName");
    !class.is_empty() && exempt.iter().any(|name| name == class)
}

fn evaluate(review: &Review<'_>, policy: &Policy, pod: &Value, enforce: bool) -> Result<Vec<String>, Error> {
    if is_exempt_class(review, pod) {
        return Ok(Vec::new());
    }
    let pod = Pod::of(pod);
    if enforce {
        let violations = check::run(policy.enforce, &pod);
        if !violations.is_empty() {
            let details = details(&violations);
            return Err(review.forbidden(&format!("violates PodSecurity \"{}\": {details}", policy.enforce)));
        }
    }
    let violations = check::run(policy.warn, &pod);
    if violations.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![format!("would violate PodSecurity \"{}\": {}", policy.warn, details(&violations))])
}

fn details(violations: &[Violation]) -> String {
    let one = |violation: &Violation| match violation.detail.as_str() {
        "" => violation.reason.clone(),
        detail => format!("{} ({detail})", violation.reason),
    };
    violations.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The labels of a namespace must be valid, and whoever asks for more is told what is not up to it.
fn namespace(review: &Review<'_>, object: &Value) -> Result<Vec<String>, Error> {
    let (new, errors) = Policy::of(object::labels(object));
    let old = review.request.old.map(|old| Policy::of(object::labels(old)));
    if !errors.is_empty() && old.as_ref().is_none_or(|(_, known)| *known != errors) {
        return Err(Error::invalid(review.request.resource, review.request.name, &errors));
    }
    let Some((old, _)) = old.filter(|_| review.request.operation == Operation::Update) else { return Ok(Vec::new()) };
    let relaxed = new.enforce.version == old.enforce.version && new.enforce.level <= old.enforce.level;
    if new.enforce.level == Level::Privileged || relaxed {
        return Ok(Vec::new());
    }
    let exempt = &review.call.server.options().pod_security_exemptions.namespaces;
    if exempt.iter().any(|name| name == review.request.name) {
        Ok(Vec::new())
    } else {
        Ok(existing(review, new.enforce))
    }
}

/// What pods that are there do wrong at a new level.
fn existing(review: &Review<'_>, enforce: LevelVersion) -> Vec<String> {
    let pods = review.list("", "pods", Some(review.request.name));
    // By what is wrong: the first pod's name and how many there are.
    let mut found: BTreeMap<String, (String, usize)> = BTreeMap::new();
    for pod in pods.iter().take(MOST_PODS).filter(|pod| !is_exempt_class(review, pod)) {
        let violations = check::run(enforce, &Pod::of(pod));
        let reasons: Vec<&str> = violations.iter().map(|violation| violation.reason.as_str()).collect();
        if !reasons.is_empty() {
            let entry = found.entry(reasons.join(", ")).or_insert_with(|| (object::name(pod).to_owned(), 0));
            entry.1 += 1;
        }
    }
    let mut warnings = Vec::new();
    if pods.len() > MOST_PODS {
        let all = pods.len();
        warnings.push(format!(
            "new PodSecurity enforce level only checked against the first {MOST_PODS} of {all} existing pods"
        ));
    }
    if !found.is_empty() {
        let name = review.request.name;
        warnings.push(format!(
            "existing pods in namespace \"{name}\" violate the new PodSecurity enforce level \"{enforce}\""
        ));
    }
    let mut of_pods: Vec<String> = found.into_iter().map(decorated).collect();
    of_pods.sort();
    warnings.extend(of_pods);
    warnings
}

fn decorated((reasons, (pod, count)): (String, (String, usize))) -> String {
    match count {
        1 => format!("{pod}: {reasons}"),
        2 => format!("{pod} (and 1 other pod): {reasons}"),
        more => format!("{pod} (and {} other pods): {reasons}", more - 1),
    }
}

/// Whether an update changes anything the checks look at; most of a pod cannot be changed.
fn is_significant(new: &Value, old: &Value) -> bool {
    let seccomp = |pod: &Value| -> Vec<(String, Value)> {
        let all = object::annotations(pod).iter();
        let known = all.filter(|(key, _)| key.contains("seccomp.security.alpha.kubernetes.io/"));
        known.map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let images = |pod: &Value| -> Vec<String> {
        let fields = ["/spec/initContainers", "/spec/containers", "/spec/ephemeralContainers"];
        let containers = fields.iter().flat_map(|field| items(pod, field).collect::<Vec<_>>());
        containers.map(|container| text(container, "/image").to_owned()).collect()
    };
    seccomp(new) != seccomp(old) || images(new) != images(old)
}

#[cfg(test)]
mod tests;
