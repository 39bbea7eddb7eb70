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
