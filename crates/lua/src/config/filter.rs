//! Which kinds are managed at all: `resource.exclusions` and `resource.inclusions`.
//! It must not know what leaving a kind out means.

use mainstay_apimachinery::glob::Glob;
use serde::Deserialize;

/// A choice of kinds at clusters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Filtered {
    /// Patterns of groups; none is all.
    #[serde(default)]
    pub api_groups: Vec<String>,
    /// Kinds, or `*`; none is all. As upstream, these are no patterns.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// Patterns of API URLs of clusters; none is all.
    #[serde(default)]
    pub clusters: Vec<String>,
}

/// The same, ready to be matched.
#[derive(Clone, Debug)]
struct Choice {
    groups: Vec<Glob>,
    kinds: Vec<String>,
    clusters: Vec<Glob>,
}

impl Choice {
    fn new(filtered: Filtered) -> Self {
        let globs = |patterns: Vec<String>| patterns.iter().map(|pattern| Glob::new(pattern)).collect();
        Self { groups: globs(filtered.api_groups), kinds: filtered.kinds, clusters: globs(filtered.clusters) }
    }

    fn chooses(&self, group: &str, kind: &str, cluster: &[&str]) -> bool {
        let kinds = self.kinds.is_empty() || self.kinds.iter().any(|own| own == "*" || own == kind);
        kinds && any(&self.groups, &[group]) && self.is_at(cluster)
    }

    fn is_at(&self, cluster: &[&str]) -> bool {
        any(&self.clusters, cluster)
    }
}

fn any(patterns: &[Glob], texts: &[&str]) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| texts.iter().any(|text| pattern.matches(text)))
}

/// Decides which kinds are managed, as upstream's `ResourcesFilter`.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    exclusions: Vec<Choice>,
    inclusions: Vec<Choice>,
}

impl Filter {
    pub(super) fn new(exclusions: Vec<Filtered>, inclusions: Vec<Filtered>) -> Self {
        let choices = |list: Vec<Filtered>| list.into_iter().map(Choice::new).collect();
        Self { exclusions: choices(exclusions), inclusions: choices(inclusions) }
    }

    /// Whether a kind is left out at a cluster, which may go by several names. What upstream never manages is left out whatever
    /// the lists say. Inclusions for a cluster leave out everything else there.
    #[must_use]
    pub fn excludes(&self, group: &str, kind: &str, cluster: &[&str]) -> bool {
        let chosen = |list: &[Choice]| list.iter().any(|item| item.chooses(group, kind, cluster));
        if is_never_managed(group, kind) || chosen(&self.exclusions) {
            return true;
        }
        !chosen(&self.inclusions) && self.inclusions.iter().any(|item| item.is_at(cluster))
    }
}

/// What changes all the time and belongs to nobody, upstream's core exclusions.
fn is_never_managed(group: &str, kind: &str) -> bool {
    matches!((group, kind), ("events.k8s.io" | "metrics.k8s.io", _) | ("", "Event") | ("coordination.k8s.io", "Lease"))
}
