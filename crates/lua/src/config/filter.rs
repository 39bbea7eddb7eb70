//! Which kinds are managed at all: `resource.exclusions` and `resource.inclusions`.
//! It must not know what leaving a kind out means.

use mainstay_apimachinery::glob;
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

impl Filtered {
    fn chooses(&self, group: &str, kind: &str, cluster: &[&str]) -> bool {
        let kinds = self.kinds.is_empty() || self.kinds.iter().any(|own| own == "*" || own == kind);
        kinds && any(&self.api_groups, &[group]) && self.is_at(cluster)
    }

    fn is_at(&self, cluster: &[&str]) -> bool {
        any(&self.clusters, cluster)
    }
}

fn any(patterns: &[String], texts: &[&str]) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| texts.iter().any(|text| glob::matches(pattern, text)))
}

/// Decides which kinds are managed, as upstream's `ResourcesFilter`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    exclusions: Vec<Filtered>,
    inclusions: Vec<Filtered>,
}

impl Filter {
    pub(super) fn new(exclusions: Vec<Filtered>, inclusions: Vec<Filtered>) -> Self {
        Self { exclusions, inclusions }
    }

    /// Whether a kind is left out at a cluster, which may go by several names. What upstream never manages is left out whatever
    /// the lists say. Inclusions for a cluster leave out everything else there.
    #[must_use]
    pub fn excludes(&self, group: &str, kind: &str, cluster: &[&str]) -> bool {
        let chosen = |list: &[Filtered]| list.iter().any(|item| item.chooses(group, kind, cluster));
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
