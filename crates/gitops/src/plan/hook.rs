//! Hooks: manifests that a sync or a deletion runs in a phase, instead of keeping them. As gitops-engine's `sync/hook`
//! and `sync/hook/helm`.
//! It must not know when a phase comes, nor how a hook is run.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use mainstay_api::argoproj;
use mainstay_apimachinery::object;
use serde_json::Value;

use super::key::Key;
use super::target::Target;

/// What a sync or a deletion goes through, in order. Resources that are no hooks belong to `Sync`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Before anything is applied.
    PreSync,
    /// While everything is applied.
    #[default]
    Sync,
    /// When everything is applied and healthy.
    PostSync,
    /// When a sync has failed.
    SyncFail,
    /// Before an application's resources are deleted.
    PreDelete,
    /// When they are gone.
    PostDelete,
}

impl Phase {
    const ALL: [Self; 6] =
        [Self::PreSync, Self::Sync, Self::PostSync, Self::SyncFail, Self::PreDelete, Self::PostDelete];

    /// The name upstream uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PreSync => "PreSync",
            Self::Sync => "Sync",
            Self::PostSync => "PostSync",
            Self::SyncFail => "SyncFail",
            Self::PreDelete => "PreDelete",
            Self::PostDelete => "PostDelete",
        }
    }

    /// The phase of one of helm's hooks. Those without one, such as `test`, never run.
    fn of_helm(hook: &str) -> Option<Self> {
        match hook {
            "pre-install" | "pre-upgrade" => Some(Self::PreSync),
            "post-install" | "post-upgrade" => Some(Self::PostSync),
            "pre-delete" => Some(Self::PreDelete),
            "post-delete" => Some(Self::PostDelete),
            _ => None,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a phase; use PreSync, Sync, PostSync, SyncFail, PreDelete or PostDelete")]
pub struct UnknownPhase;

impl FromStr for Phase {
    type Err = UnknownPhase;

    fn from_str(text: &str) -> Result<Self, UnknownPhase> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == text).ok_or(UnknownPhase)
    }
}

/// What a manifest is to an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// A resource to be kept as the manifest says.
    Resource,
    /// Nothing: it asks to be left out.
    Skipped,
    /// A hook with its phases, in order. One without any never runs.
    Hook(Vec<Phase>),
}

/// What a manifest or a live object is. Helm's annotation counts only without Argo's; `Skip` alone leaves a manifest
/// out, and helm's `crd-install` is no hook.
#[must_use]
pub fn role(object: &Value) -> Role {
    let own = object::annotation(object, argoproj::HOOK);
    let helm = object::annotation(object, argoproj::HELM_HOOK);
    match (own, helm) {
        (Some(own), _) if own.trim() == "Skip" => Role::Skipped,
        (Some(own), helm) => {
            let phases: BTreeSet<Phase> = words(own).filter_map(|word| word.parse().ok()).collect();
            Role::Hook(if phases.is_empty() { of_helm(helm.unwrap_or_default()) } else { phases.into_iter().collect() })
        }
        (None, Some(helm)) if helm.trim() != "crd-install" => Role::Hook(of_helm(helm)),
        (None, _) => Role::Resource,
    }
}

fn of_helm(text: &str) -> Vec<Phase> {
    words(text).filter_map(Phase::of_helm).collect::<BTreeSet<_>>().into_iter().collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty())
}

/// Whether a manifest or a live object is a hook.
#[must_use]
pub fn is_hook(object: &Value) -> bool {
    matches!(role(object), Role::Hook(_))
}

/// When a hook's object is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deletion {
    /// Once it has succeeded.
    pub succeeded: bool,
    /// Once it has failed.
    pub failed: bool,
    /// Before it is made anew; so it is for a hook that says nothing.
    pub before_creation: bool,
}

/// When the object of a hook is deleted, as its annotations say: helm's count only without Argo's.
#[must_use]
pub fn deletion(object: &Value) -> Deletion {
    let own = object::annotation(object, argoproj::HOOK_DELETE_POLICY).unwrap_or_default();
    let helm = object::annotation(object, argoproj::HELM_HOOK_DELETE_POLICY).unwrap_or_default();
    let of = |text: &str, [succeeded, failed, before]: [&str; 3]| {
        let has = |policy: &str| words(text).any(|word| word == policy);
        Deletion { succeeded: has(succeeded), failed: has(failed), before_creation: has(before) }
    };
    let own = of(own, ["HookSucceeded", "HookFailed", "BeforeHookCreation"]);
    let said = |deletion: &Deletion| *deletion != Deletion::default();
    let helm = of(helm, ["hook-succeeded", "hook-failed", "before-hook-creation"]);
    [own, helm].into_iter().find(said).unwrap_or(Deletion { before_creation: true, ..Deletion::default() })
}

/// A desired hook. `target.key` has an empty name where the manifest has only `generateName`.
#[derive(Clone, Debug, PartialEq)]
pub struct Hook {
    /// When it runs.
    pub phases: Vec<Phase>,
    /// What it makes.
    pub target: Target,
}

/// What makes one attempt at a sync differ from all others; a hook's object carries it, so that it is known whose it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    /// The revision that the operation asks for; empty if it follows the application's.
    pub revision: String,
    /// When the operation began, in RFC 3339.
    pub started_at: String,
    /// Retries before.
    pub retries: i64,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.short(), self.started_at, self.retries)
    }
}

impl Attempt {
    fn short(&self) -> &str {
        match self.revision.get(..7) {
            Some(short) => short,
            None if self.revision.is_empty() => "sync",
            None => &self.revision,
        }
    }

    /// Whether an object was made for this attempt, in a phase.
    #[must_use]
    pub fn made(&self, object: &Value, phase: Phase) -> bool {
        object::annotation(object, argoproj::HOOK_ATTEMPT) == Some(self.to_string().as_str())
            && object::annotation(object, argoproj::HOOK_PHASE) == Some(phase.as_str())
    }
}

impl Hook {
    /// What the hook makes in a phase of an attempt. One with only a `generateName` is named
    /// `<generateName><revision>-<phase>-<seconds>`, as upstream, so that it has the same name after a restart.
    #[must_use]
    pub fn instance(&self, phase: Phase, attempt: &Attempt) -> Target {
        let mut target = self.target.clone();
        if target.key.name.is_empty() {
            let prefix = target.object.pointer("/metadata/generateName").and_then(Value::as_str);
            let seconds = attempt.started_at.parse::<Timestamp>().map_or(0, Timestamp::as_second);
            let name = format!("{}{}-{phase}-{seconds}", prefix.unwrap_or_default(), attempt.short()).to_lowercase();
            object::metadata_mut(&mut target.object).insert("name".to_owned(), name.as_str().into());
            if let Some(id) = object::annotation(&target.object, argoproj::TRACKING_ID).map(|id| format!("{id}{name}"))
            {
                object::set_annotation(&mut target.object, argoproj::TRACKING_ID, &id);
            }
            target.key = Key { name, ..target.key };
        }
        object::set_annotation(&mut target.object, argoproj::HOOK_ATTEMPT, &attempt.to_string());
        object::set_annotation(&mut target.object, argoproj::HOOK_PHASE, phase.as_str());
        object::add_finalizer(&mut target.object, argoproj::HOOK_FINALIZER);
        target
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn annotated(annotations: Value) -> Value {
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a", "annotations": annotations}})
    }

    #[test]
    fn roles_are_those_of_upstream() {
        let own = |text: &str| role(&annotated(json!({"argocd.argoproj.io/hook": text})));
        let helm = |text: &str| role(&annotated(json!({"helm.sh/hook": text})));
        assert_eq!(role(&annotated(json!({}))), Role::Resource);
        assert_eq!(own("PostSync, PreSync"), Role::Hook(vec![Phase::PreSync, Phase::PostSync]));
        assert_eq!(own("Skip"), Role::Skipped);
        assert_eq!(own("Skip,PreSync"), Role::Hook(vec![Phase::PreSync]));
        assert_eq!(own("Garbage"), Role::Hook(vec![]));
        assert_eq!(helm("pre-install,pre-upgrade"), Role::Hook(vec![Phase::PreSync]));
        assert_eq!(helm("post-delete"), Role::Hook(vec![Phase::PostDelete]));
        assert_eq!(helm("test"), Role::Hook(vec![]));
        assert_eq!(helm("crd-install"), Role::Resource);
        let both = annotated(json!({"argocd.argoproj.io/hook": "SyncFail", "helm.sh/hook": "pre-install"}));
        assert_eq!(role(&both), Role::Hook(vec![Phase::SyncFail]));
    }

    #[test]
    fn policies_default_to_before_creation() {
        let of = |annotations: Value| {
            let Deletion { succeeded, failed, before_creation } = deletion(&annotated(annotations));
            (succeeded, failed, before_creation)
        };
        assert_eq!(of(json!({})), (false, false, true));
        assert_eq!(
            of(json!({"argocd.argoproj.io/hook-delete-policy": "HookSucceeded, HookFailed"})),
            (true, true, false)
        );
        assert_eq!(of(json!({"helm.sh/hook-delete-policy": "hook-succeeded"})), (true, false, false));
    }
}
