//! When nothing may be pruned, whatever a policy says. This is where "never delete because a source could not be read"
//! is decided.
//! It must not know how a resource is deleted.

use mainstay_api::argoproj;
use mainstay_apimachinery::object;
use serde_json::Value;

use super::key::Key;
use super::problem::Problem;
use super::tracking::Owner;

/// Why nothing may be pruned; `None` when pruning is safe. `listed` is how many manifests the source gave.
///
/// Argo CD stops the whole application at the first broken file. Here the rest is deployed, so what a broken file
/// may have meant to keep must stay: one gap in the source, and nothing at all is pruned. An unknown kind is such a
/// gap too: it may be a misspelt one of an object that is live.
#[must_use]
pub fn keep(problems: &[Problem], listed: usize, allow_empty: bool) -> Option<String> {
    let gaps: Vec<&Problem> = problems.iter().filter(|problem| problem.leaves_a_gap()).collect();
    if let Some(first) = gaps.first() {
        let more = if gaps.len() > 1 { format!(" and {} more", gaps.len() - 1) } else { String::new() };
        return Some(format!("nothing is pruned while the source is not readable in full ({}{more})", first.origin));
    }
    (listed == 0 && !allow_empty).then(|| {
        "nothing is pruned while the source has no manifests; delete the application, or set syncPolicy.automated.allowEmpty".to_owned()
    })
}

/// Kinds whose deletion takes along what no commit brings back. Of those an application with a budget loses none unasked.
const PROTECTED: [(&str, &str); 4] = [
    ("", "Namespace"),
    ("", "PersistentVolume"),
    ("", "PersistentVolumeClaim"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
];

/// Why automation may not prune, if an application has a deletion budget and what there is to prune is beyond it: more than a
/// number, more than a percentage of all its resources, or of a kind that is protected. `of` is how many resources there are.
#[must_use]
pub fn over_budget(app: &Value, prunes: &[&Key], of: usize) -> Option<String> {
    let budget = object::annotation(app, argoproj::DELETION_BUDGET).filter(|_| !prunes.is_empty())?.trim();
    let by_hand = "sync by hand with prune to let it";
    if let Some(key) = prunes.iter().find(|key| PROTECTED.contains(&(key.group.as_str(), key.kind.as_str()))) {
        return Some(format!("automation does not prune {key}, whose kind is protected; {by_hand}"));
    }
    let allowed = match budget.strip_suffix('%') {
        Some(percent) => percent.parse::<usize>().ok().map(|percent| of.saturating_mul(percent) / 100),
        None => budget.parse().ok(),
    };
    let Some(allowed) = allowed else {
        let place = argoproj::DELETION_BUDGET;
        return Some(format!(
            "annotation {place} is {budget:?}; write a number such as 5, or a percentage such as 20%"
        ));
    };
    let over = prunes.len() > allowed;
    over.then(|| {
        format!("automation does not prune {} of {of} resources, the budget is {budget}; {by_hand}", prunes.len())
    })
}

/// Whether an application's deletion leaves a live object alone: CRDs (their objects would go with them), the
/// application itself, and what asks to be kept.
#[must_use]
pub fn survives_deletion(key: &Key, live: &Value, app: &Owner) -> bool {
    let options = super::options::SyncOptions::of(live);
    app.is(key)
        || key.kind == "CustomResourceDefinition"
        || options.has("Delete", "false")
        || (options.has("Delete", "confirm") && object::annotation(live, argoproj::DELETION_APPROVED).is_none())
        || object::annotation(live, "helm.sh/resource-policy") == Some("keep")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_a_number_or_a_percentage_and_some_kinds_are_beyond_any() {
        let said = |budget: Option<&str>, kinds: &[&str]| {
            let annotations = budget.map(|budget| serde_json::json!({(argoproj::DELETION_BUDGET): budget}));
            let app = serde_json::json!({"metadata": {"annotations": annotations}});
            let keys: Vec<Key> = kinds.iter().map(|kind| Key { kind: (*kind).into(), ..Key::default() }).collect();
            over_budget(&app, &keys.iter().collect::<Vec<_>>(), 10)
        };
        let three = ["ConfigMap"; 3];
        for (budget, over) in [
            (None, false),
            (Some("3"), false),
            (Some("2"), true),
            (Some("30%"), false),
            (Some("29%"), true),
            (Some("few"), true),
        ] {
            assert_eq!(said(budget, &three).is_some(), over, "{budget:?}");
        }
        assert!(said(Some("0"), &[]).is_none());
        assert!(said(Some("100%"), &["ConfigMap", "PersistentVolumeClaim"]).unwrap().contains("protected"));
        assert!(said(None, &["PersistentVolumeClaim"]).is_none());
    }
    use crate::plan::problem::Cause;
    use serde_json::json;

    #[test]
    fn gaps_and_emptiness_keep_everything() {
        let broken = Problem::new(Cause::Unreadable, "a.yaml:3", "bad");
        let repeated = Problem::new(Cause::Repeated, "a.yaml:9", "twice");
        assert!(keep(&[repeated.clone(), broken], 5, true).unwrap().contains("a.yaml:3"));
        assert_eq!(keep(&[repeated], 5, false), None);
        assert!(keep(&[], 0, false).unwrap().contains("allowEmpty"));
        assert_eq!(keep(&[], 0, true), None);
    }

    #[test]
    fn deletion_spares_definitions_and_what_asks() {
        let key = |kind: &str| Key { kind: kind.into(), name: "a".into(), ..Key::default() };
        let plain = json!({});
        let kept = json!({"metadata": {"annotations": {"argocd.argoproj.io/sync-options": "Delete=false"}}});
        assert!(survives_deletion(&key("CustomResourceDefinition"), &plain, &Owner::default()));
        assert!(survives_deletion(&key("ConfigMap"), &kept, &Owner::default()));
        assert!(!survives_deletion(&key("ConfigMap"), &plain, &Owner::default()));
    }
}
