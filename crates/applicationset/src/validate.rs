//! Parses a set and refuses what cannot be done; checks the Applications it comes to.
//! It must not know a client.

use mainstay_api::argoproj::{self, ApplicationSetSpec};
use mainstay_apimachinery::object;
use serde_json::Value;

use crate::plan::{Error, rolling};

/// Reads the spec of a set.
///
/// # Errors
/// When it cannot be read, or asks for what Mainstay does not do.
pub fn set(set: &Value) -> Result<ApplicationSetSpec, Error> {
    let spec = set.get("spec").cloned().unwrap_or_default();
    let spec: ApplicationSetSpec =
        serde_json::from_value(spec).map_err(|error| Error::invalid(format!("failed to read spec: {error}")))?;
    if spec.ignore_application_differences.iter().any(|rule| !rule.jq_path_expressions.is_empty()) {
        return Err(Error::invalid(
            "ignoreApplicationDifferences with jqPathExpressions is not supported; write jsonPointers",
        ));
    }
    strategy(&spec)?;
    Ok(spec)
}

fn strategy(spec: &ApplicationSetSpec) -> Result<(), Error> {
    let Some(strategy) = &spec.strategy else { return Ok(()) };
    match strategy.kind.as_str() {
        "" | "AllAtOnce" => return Ok(()),
        "RollingSync" => {}
        other => return Err(Error::invalid(format!("strategy {other:?} is unknown; write AllAtOnce or RollingSync"))),
    }
    let steps = strategy.rolling_sync.as_ref().map_or(&[][..], |rolling| rolling.steps.as_slice());
    if steps.is_empty() {
        return Err(Error::invalid("strategy RollingSync has no steps; add strategy.rollingSync.steps"));
    }
    let expressions = steps.iter().flat_map(|step| &step.match_expressions);
    match expressions
        .map(|expression| &expression.operator)
        .find(|operator| !matches!(operator.as_str(), "In" | "NotIn"))
    {
        Some(operator) => {
            Err(Error::invalid(format!("operator {operator:?} of a rollout step is unknown; write In or NotIn")))
        }
        None => steps.iter().try_for_each(|step| rolling::check_limit(step.max_update.as_ref())),
    }
}

/// What is wrong with a generated Application, if anything is: its project must exist and its destination be known.
#[must_use]
pub fn application(
    application: &Value,
    has_project: impl Fn(&str) -> bool,
    has_cluster: impl Fn(&str) -> bool,
) -> Option<String> {
    let name = object::name(application);
    let text = |pointer| application.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let project = Some(text("/spec/project")).filter(|project| !project.is_empty()).unwrap_or("default");
    if !has_project(project) {
        return Some(format!("application {name} references project {project} which does not exist"));
    }
    let (server, cluster) = (text("/spec/destination/server"), text("/spec/destination/name"));
    let destination = match (server.is_empty(), cluster.is_empty()) {
        (false, false) => {
            return Some(format!(
                "application destination of {name} can't have both name and server defined: {cluster} {server}"
            ));
        }
        (true, true) => {
            return Some(format!("application {name} has no destination; set destination.server or destination.name"));
        }
        (false, true) => server,
        (true, false) => cluster,
    };
    let known = [argoproj::IN_CLUSTER, argoproj::IN_CLUSTER_SERVER].contains(&destination) || has_cluster(destination);
    (!known).then(|| {
        format!("application destination of {name} is invalid: there are no clusters with this name or server: {destination}")
    })
}
