//! The engine: generators to parameters, templates to Applications, Applications to changes.
//! It must not know a client or a clock; what it needs from outside comes through [`Sources`].

pub mod budget;
pub mod changes;
pub mod dialect;
mod generators;
pub mod glob;
pub mod gotemplate;
pub mod params;
pub mod rolling;
pub mod sources;
pub mod template;

use std::time::Duration;

use mainstay_api::argoproj::ApplicationSetSpec;
use mainstay_webhook::PullRequest;
use serde_json::Value;

use generators::pull_request;

pub use dialect::{Dialect, FastTemplate};
pub use gotemplate::GoTemplate;
pub use params::Params;
pub use sources::{Cluster, SourceError, Sources};

/// A set cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The set itself is at fault.
    #[error("{0}")]
    Invalid(String),
    /// Something outside could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
}

impl Error {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    /// Whether trying again may help without the set being changed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Source(SourceError { transient: true, .. }))
    }
}

/// How many parameter sets one ApplicationSet may come to; a matrix of files grows fast.
const MAX_SETS: usize = 20_000;
/// How deep matrix and merge generators may nest: upstream's schema has two levels.
const MAX_NESTING: usize = 4;
/// How often repositories and placement decisions are read anew; upstream's default.
const READ_AGAIN: Duration = Duration::from_secs(180);
/// How often services are asked anew; upstream's default.
const ASK_AGAIN: Duration = Duration::from_secs(1800);

/// What generating is done with.
#[derive(Clone, Copy)]
pub struct Engine<'a> {
    /// What is read from outside.
    pub sources: &'a dyn Sources,
    /// The dialect of the set's templates.
    pub dialect: &'a dyn Dialect,
}

impl Engine<'_> {
    /// The desired Applications of a set, in the order of its generators.
    ///
    /// # Errors
    /// When a generator or a template fails: then nothing is known of the rest.
    pub async fn applications(&self, spec: &ApplicationSetSpec) -> Result<Vec<Value>, Error> {
        let mut applications = Vec::new();
        for generator in &spec.generators {
            let own = generators::body(generator)?.get("template").cloned().unwrap_or_default();
            let merged = template::merge(&own, &spec.template);
            for params in generators::params(self, generator, 0).await? {
                let application = template::render(self.dialect, &merged, &params)?;
                applications.push(template::patched(self.dialect, application, &spec.template_patch, &params)?);
            }
            if applications.len() > MAX_SETS {
                return Err(Error::invalid(format!(
                    "the generators come to more than {MAX_SETS} Applications; narrow them"
                )));
            }
        }
        Ok(applications)
    }
}

/// After how long to generate again though nothing is known to have changed: the shortest that a generator asks for,
/// with upstream's defaults. Lists and clusters never ask.
#[must_use]
pub fn requeue_after(generators: &[Value]) -> Option<Duration> {
    generators.iter().filter_map(|generator| interval(generator, 0)).min()
}

fn interval(generator: &Value, depth: usize) -> Option<Duration> {
    if depth > MAX_NESTING {
        return None;
    }
    let (kind, body) = generator.as_object()?.iter().find(|(kind, _)| *kind != "selector")?;
    let default = match kind.as_str() {
        "git" | "clusterDecisionResource" => READ_AGAIN,
        "scmProvider" | "pullRequest" | "plugin" => ASK_AGAIN,
        "matrix" | "merge" => {
            let children = body.get("generators").and_then(Value::as_array);
            return children.into_iter().flatten().filter_map(|child| interval(child, depth + 1)).min();
        }
        _ => return None,
    };
    let asked = body.get("requeueAfterSeconds").and_then(Value::as_u64).filter(|seconds| *seconds > 0);
    Some(asked.map_or(default, Duration::from_secs))
}

/// The repositories that the git generators of a set read.
#[must_use]
pub fn repositories(generators: &[Value]) -> Vec<String> {
    let mut found = Vec::new();
    walk(generators, 0, &mut |generator| {
        found.extend(generator.pointer("/git/repoURL").and_then(Value::as_str).map(str::to_owned));
    });
    found.sort();
    found.dedup();
    found
}

/// Whether a generator of a set makes something of the repository whose pull request changed.
#[must_use]
pub fn asks_for(generators: &[Value], pull: &PullRequest) -> bool {
    let mut asks = false;
    walk(generators, 0, &mut |generator| {
        asks = asks || generator.get("pullRequest").is_some_and(|body| pull_request::asks_for(body, pull));
    });
    asks && pull.refreshes
}

/// Shows every generator of a set, those within others too.
fn walk<'a>(generators: &'a [Value], depth: usize, seen: &mut impl FnMut(&'a Value)) {
    if depth > MAX_NESTING {
        return;
    }
    for generator in generators {
        seen(generator);
        for kind in ["matrix", "merge"] {
            let children = generator.get(kind).and_then(|body| body.get("generators")).and_then(Value::as_array);
            children.into_iter().for_each(|children| walk(children, depth + 1, seen));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_shortest_interval_counts() {
        let list = json!({"list": {"elements": []}});
        assert_eq!(requeue_after(&[list.clone(), json!({"clusters": {}})]), None);
        let matrix = json!({"matrix": {"generators": [list, {"git": {"repoURL": "x"}}]}});
        assert_eq!(requeue_after(&[json!({"plugin": {}}), matrix.clone()]), Some(READ_AGAIN));
        assert_eq!(requeue_after(&[json!({"plugin": {"requeueAfterSeconds": 7}})]), Some(Duration::from_secs(7)));
        assert_eq!(repositories(&[matrix]), ["x"]);
    }
}
