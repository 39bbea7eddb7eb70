//! Which checks belong to a level and version, as `policy.Evaluator`.
//! It must not know what a check looks at.

use serde_json::{Map, Value};

use super::level::{Level, LevelVersion, Version};
use super::{baseline, restricted};
use mainstay_apimachinery::object;

/// A pod, or a template of one.
pub(super) struct Pod<'a> {
    pub(super) annotations: &'a Map<String, Value>,
    pub(super) spec: &'a Value,
}

/// What a check forbids.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) reason: String,
    pub(super) detail: String,
}

/// Looks at a pod.
type Look = fn(&Pod<'_>) -> Option<Violation>;

/// One check in its versions, the oldest first, by minor release.
pub(super) struct Check {
    pub(super) id: &'static str,
    pub(super) versions: &'static [(u32, Look)],
    /// The check of the baseline that this one makes superfluous.
    pub(super) overrides: &'static str,
}

impl Check {
    fn at(&self, version: Version) -> Option<Look> {
        let reached = |minor: u32| Version::Minor(minor) <= version;
        self.versions.iter().rev().find(|(minor, _)| reached(*minor)).map(|(_, look)| *look)
    }
}

impl<'a> Pod<'a> {
    pub(super) fn of(pod: &'a Value) -> Self {
        Self { annotations: object::annotations(pod), spec: pod.get("spec").unwrap_or(&Value::Null) }
    }

    /// The security context of the pod.
    pub(super) fn context(&self) -> &'a Value {
        self.spec.get("securityContext").unwrap_or(&Value::Null)
    }

    /// All containers: those that initialise first, then those that run, then those that are there for a while.
    pub(super) fn containers(&self) -> impl Iterator<Item = Container<'a>> + use<'a> {
        let spec = self.spec;
        let fields = ["initContainers", "containers", "ephemeralContainers"];
        let all = fields.into_iter().filter_map(|field| spec.get(field)?.as_array()).flatten();
        all.map(|value| Container {
            name: value.get("name").and_then(Value::as_str).unwrap_or_default(),
            context: value.get("securityContext").unwrap_or(&Value::Null),
            value,
        })
    }

    /// The names of the containers for which something holds.
    pub(super) fn names_of(&self, bad: impl Fn(&Container<'a>) -> bool) -> Vec<&'a str> {
        self.containers().filter(|container| bad(container)).map(|container| container.name).collect()
    }

    /// Windows knows neither capabilities nor seccomp.
    pub(super) fn is_windows(&self) -> bool {
        self.spec.pointer("/os/name").is_some_and(|name| name == "windows")
    }

    /// Root within a user namespace of its own is nobody outside.
    pub(super) fn has_user_namespace(&self) -> bool {
        self.spec.get("hostUsers") == Some(&Value::Bool(false))
    }
}

/// A container of any sort.
pub(super) struct Container<'a> {
    pub(super) name: &'a str,
    pub(super) context: &'a Value,
    pub(super) value: &'a Value,
}

/// Runs the checks of a level in the order of their names, those of the baseline first.
pub(super) fn run(asked: LevelVersion, pod: &Pod<'_>) -> Vec<Violation> {
    if asked.level == Level::Privileged {
        return Vec::new();
    }
    let strict: Vec<&Check> = match asked.level {
        Level::Restricted => restricted::CHECKS.iter().filter(|check| check.at(asked.version).is_some()).collect(),
        _ => Vec::new(),
    };
    let overridden = |check: &Check| strict.iter().any(|other| other.overrides == check.id);
    let base = baseline::CHECKS.iter().filter(|check| !overridden(check));
    let looks = base.chain(strict.iter().copied()).filter_map(|check| check.at(asked.version));
    looks.filter_map(|look| look(pod)).collect()
}

/// A violation with these texts.
pub(super) fn violation(reason: &str, detail: String) -> Option<Violation> {
    Some(Violation { reason: reason.to_owned(), detail })
}

/// `"a", "b"`.
pub(super) fn quoted<T: AsRef<str>>(names: &[T]) -> String {
    names.iter().map(|name| format!("\"{}\"", name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// The first word for one, the second for several.
pub(super) fn plural<'t>(one: &'t str, several: &'t str, count: usize) -> &'t str {
    if count == 1 { one } else { several }
}

/// `container "a"` or `containers "a", "b"`.
pub(super) fn containers(names: &[&str]) -> String {
    format!("{} {}", plural("container", "containers", names.len()), quoted(names))
}

/// `pod and container "a"`: who sets something; `None` if nobody does.
pub(super) fn setters(pod: bool, names: &[&str]) -> Option<String> {
    let containers = (!names.is_empty()).then(|| containers(names));
    let all: Vec<String> = pod.then(|| "pod".to_owned()).into_iter().chain(containers).collect();
    (!all.is_empty()).then(|| all.join(" and "))
}

/// Texts in order, each once.
pub(super) fn distinct<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<&'t str> {
    texts.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}
