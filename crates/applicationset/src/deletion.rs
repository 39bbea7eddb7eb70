//! Deletes a set's Applications before the set, step by step in reverse, or lets them go where the policy forbids
//! deletion. Without the finalizer the garbage collector does what owner references say.
//! It must not know how Applications were generated.

use mainstay_api::argoproj::{self, ApplicationSetSpec};
use mainstay_apimachinery::object;
use mainstay_controller_runtime::{Class, Classify, Context};
use serde_json::{Value, json};

use crate::plan::changes::Policy;
use crate::plan::rolling::step_of;
use crate::{apply, report};

/// Deleting failed; it is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// An Application could not be written.
    #[error(transparent)]
    Apply(#[from] apply::Error),
    /// The finalizer could not be removed.
    #[error(transparent)]
    Finalizer(#[from] report::Error),
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Apply(error) => error.class(),
            Self::Finalizer(error) => error.class(),
        }
    }
}

/// Whether a set wants its Applications deleted in reverse order of its steps.
pub(crate) fn is_reverse(spec: &ApplicationSetSpec) -> bool {
    spec.strategy
        .as_ref()
        .is_some_and(|strategy| strategy.kind == "RollingSync" && strategy.deletion_order == "Reverse")
}

/// Whether a set has the finalizer.
pub(crate) fn is_held(set: &Value) -> bool {
    object::finalizers(set).any(|finalizer| finalizer == argoproj::RESOURCES_FINALIZER)
}

/// Adds the finalizer.
pub(crate) async fn hold(control: &Context, set: &Value) -> Result<(), report::Error> {
    let mut finalizers: Vec<&str> = object::finalizers(set).collect();
    finalizers.push(argoproj::RESOURCES_FINALIZER);
    report::patch_metadata(control, set, json!({"finalizers": finalizers})).await
}

/// Takes deletion as far as it goes; what disappears wakes the set again.
pub(crate) async fn advance(control: &Context, set: &Value, owned: &[Value]) -> Result<(), Error> {
    if !is_held(set) {
        return Ok(());
    }
    // A set that cannot be read deletes nothing in any order of its own: the garbage collector does.
    let spec: ApplicationSetSpec =
        set.get("spec").and_then(|spec| serde_json::from_value(spec.clone()).ok()).unwrap_or_default();
    let applications = apply::Applications::new(control, object::namespace(set).unwrap_or_default());
    if !Policy::of(&spec).delete {
        for application in owned {
            applications.disown(application, set).await?;
        }
    } else if is_reverse(&spec) && !owned.is_empty() {
        for application in last_step(&spec, owned) {
            if !object::is_deleting(application) {
                applications.delete(application).await?;
            }
        }
        return Ok(());
    }
    let rest: Vec<&str> =
        object::finalizers(set).filter(|finalizer| *finalizer != argoproj::RESOURCES_FINALIZER).collect();
    Ok(report::patch_metadata(control, set, json!({"finalizers": rest})).await?)
}

/// The Applications of the last step that has any; those of no step go first.
fn last_step<'a>(spec: &ApplicationSetSpec, owned: &'a [Value]) -> Vec<&'a Value> {
    let rolling = spec.strategy.as_ref().and_then(|strategy| strategy.rolling_sync.as_ref());
    let steps = rolling.map_or(&[][..], |rolling| rolling.steps.as_slice());
    let place = |application: &Value| step_of(steps, object::labels(application)).unwrap_or(steps.len());
    let last = owned.iter().map(place).max();
    owned.iter().filter(|application| Some(place(application)) == last).collect()
}
