//! `RollingSync`: which Applications are synced now, step by step, as upstream's progressive syncs.
//! It must not know how a sync is started.

use std::collections::BTreeSet;

use jiff::Timestamp;
use mainstay_api::argoproj::{ApplicationSetApplicationStatus as Standing, RollingStep};
use mainstay_apimachinery::object;
use serde_json::{Map, Value};

use super::Error;

const WAITING: &str = "Waiting";
const PENDING: &str = "Pending";
const PROGRESSING: &str = "Progressing";
const HEALTHY: &str = "Healthy";

/// One Application of the set.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// As it should be.
    pub desired: &'a Value,
    /// As it is; `None` before it is created.
    pub live: Option<&'a Value>,
    /// Whether its `spec` was changed in this round.
    pub changed: bool,
}

/// Where a rollout is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rollout {
    /// Where each Application is.
    pub standings: Vec<Standing>,
    /// Names of those whose sync is to be started, if it has not been.
    pub start: Vec<String>,
    /// The step that it is in, counted from 1; `None` when all is done.
    pub step: Option<usize>,
    /// Whether one waits for a second to pass: a sync of it began in this one, and times have no more than seconds to
    /// tell that sync from the one to come.
    pub soon: bool,
}

/// Takes a rollout as far as it goes now.
#[must_use]
pub fn advance(steps: &[RollingStep], members: &[Member<'_>], before: &[Standing], now: &str) -> Rollout {
    let mut standings: Vec<(Option<usize>, Standing)> = members
        .iter()
        .map(|member| {
            let step = step_of(steps, object::labels(member.desired));
            let name = object::name(member.desired);
            let known = before.iter().find(|standing| standing.application == name);
            (step, standing(member, step, known, now))
        })
        .collect();
    let step = current(steps.len(), members, &standings);
    let open = step.unwrap_or(steps.len());
    let live = || members.iter().filter_map(|member| member.live);
    let blurred: BTreeSet<&str> = live().filter(|live| has_begun(live, now)).map(object::name).collect();
    for (index, step) in steps.iter().enumerate().take(open + 1) {
        release(step, &mut of_step(&mut standings, index), &blurred, now);
    }
    let is_held = |(step, it): &(Option<usize>, Standing)| {
        step.is_some_and(|step| step <= open) && it.status == WAITING && blurred.contains(it.application.as_str())
    };
    let soon = standings.iter().any(is_held);
    let mut standings: Vec<Standing> = standings.into_iter().map(|(_, standing)| standing).collect();
    standings.sort_by(|a, b| a.application.cmp(&b.application));
    let pending: BTreeSet<&str> =
        standings.iter().filter(|s| s.status == PENDING).map(|s| s.application.as_str()).collect();
    let idle = live().filter(|live| !is_busy(live));
    let start = idle.map(object::name).filter(|name| pending.contains(name)).map(str::to_owned).collect();
    Rollout { start, standings, step: step.map(|step| step + 1), soon }
}

/// The step that selects these labels: the first whose expressions all match.
#[must_use]
pub fn step_of(steps: &[RollingStep], labels: &Map<String, Value>) -> Option<usize> {
    steps.iter().position(|step| {
        step.match_expressions.iter().all(|expression| {
            let value = labels.get(&expression.key).and_then(Value::as_str);
            let listed = value.is_some_and(|value| expression.values.iter().any(|one| one == value));
            match expression.operator.as_str() {
                "In" => listed,
                "NotIn" => !listed,
                _ => false,
            }
        })
    })
}

/// Where one Application is, by how it was and how it is.
fn standing(member: &Member<'_>, step: Option<usize>, known: Option<&Standing>, now: &str) -> Standing {
    let label = step.map_or("-1".to_owned(), |step| (step + 1).to_string());
    let name = object::name(member.desired);
    let mut standing = known.cloned().unwrap_or_else(|| Standing {
        application: name.to_owned(),
        status: WAITING.to_owned(),
        message: "No Application status found, defaulting status to Waiting".to_owned(),
        last_transition_time: now.to_owned(),
        ..Standing::default()
    });
    standing.step = label;
    let Some(live) = member.live else { return standing };
    let revisions = revisions(live);
    let moved = known.is_some() && !revisions.is_empty() && standing.target_revisions != revisions;
    let drifted = standing.status == HEALTHY && sync(live) == "OutOfSync";
    if !revisions.is_empty() {
        standing.target_revisions = revisions;
    }
    if (moved && standing.status != WAITING && standing.status != PENDING) || member.changed || drifted {
        go(&mut standing, WAITING, "Application has pending changes, setting status to Waiting", now);
    }
    if member.changed {
        return standing;
    }
    let settled = is_settled(live);
    if standing.status == WAITING && settled {
        go(
            &mut standing,
            HEALTHY,
            "Application resource is already Healthy, updating status from Waiting to Healthy",
            now,
        );
    }
    if standing.status == PENDING && has_started(live, &standing.last_transition_time) {
        go(
            &mut standing,
            PROGRESSING,
            "Application resource became Progressing, updating status from Pending to Progressing",
            now,
        );
    }
    if standing.status == PROGRESSING && settled {
        go(
            &mut standing,
            HEALTHY,
            "Application resource became Healthy, updating status from Progressing to Healthy",
            now,
        );
    }
    standing
}

fn go(standing: &mut Standing, status: &str, message: &str, now: &str) {
    if standing.status != status {
        standing.last_transition_time = now.to_owned();
    }
    status.clone_into(&mut standing.status);
    message.clone_into(&mut standing.message);
}

/// The first step that is not done: all its Applications must be there and healthy.
fn current(steps: usize, members: &[Member<'_>], standings: &[(Option<usize>, Standing)]) -> Option<usize> {
    (0..steps).find(|index| {
        let mut of_step = standings.iter().zip(members).filter(|((step, _), _)| *step == Some(*index));
        of_step.any(|((_, standing), member)| standing.status != HEALTHY || member.live.is_none())
    })
}

/// The standings of a step, by name.
fn of_step(standings: &mut [(Option<usize>, Standing)], index: usize) -> Vec<&mut Standing> {
    let of_step = standings.iter_mut().filter(|(step, _)| *step == Some(index));
    let mut found: Vec<&mut Standing> = of_step.map(|(_, standing)| standing).collect();
    found.sort_by(|a, b| a.application.cmp(&b.application));
    found
}

/// Lets waiting Applications of a step go, as many as may be on their way at a time.
fn release(step: &RollingStep, standings: &mut [&mut Standing], blurred: &BTreeSet<&str>, now: &str) {
    let limit = limit(step.max_update.as_ref(), standings.len());
    let mut busy = standings.iter().filter(|it| it.status == PENDING || it.status == PROGRESSING).count();
    for standing in standings {
        if busy >= limit {
            break;
        }
        if standing.status == WAITING && !blurred.contains(standing.application.as_str()) {
            go(
                standing,
                PENDING,
                "Application moved to Pending status, watching for the Application resource to start Progressing",
                now,
            );
            busy += 1;
        }
    }
}

/// Refuses a `maxUpdate` that is neither a number nor a percentage.
///
/// # Errors
/// Saying what was written.
pub fn check_limit(max_update: Option<&Value>) -> Result<(), Error> {
    let Some(value) = max_update else { return Ok(()) };
    let text = value.as_str().map(|text| text.strip_suffix('%').unwrap_or(text).trim());
    let reads = value.as_u64().is_some() || text.is_some_and(|text| text.parse::<usize>().is_ok());
    if reads {
        return Ok(());
    }
    Err(Error::invalid(format!("maxUpdate {value} of a rollout step is neither a number nor a percentage such as 20%")))
}

/// `maxUpdate`: a number or a percentage of the step, which is one at least unless it is 0 %.
fn limit(max_update: Option<&Value>, total: usize) -> usize {
    let number = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok());
    let Some(value) = max_update else { return total };
    if let Some(percent) = value.as_str().and_then(|text| text.strip_suffix('%')) {
        let percent = percent.trim().parse::<usize>().unwrap_or(0);
        return if percent == 0 { 0 } else { (total.saturating_mul(percent) / 100).max(1) };
    }
    number(value).or_else(|| value.as_str().and_then(|text| text.parse().ok())).unwrap_or(0)
}

fn text<'a>(live: &'a Value, pointer: &str) -> &'a str {
    live.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn sync(live: &Value) -> &str {
    text(live, "/status/sync/status")
}

fn revisions(live: &Value) -> Vec<String> {
    let many = live.pointer("/status/sync/revisions").and_then(Value::as_array);
    let many: Vec<String> = many.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let one = text(live, "/status/sync/revision");
    if many.is_empty() && !one.is_empty() { vec![one.to_owned()] } else { many }
}

/// Whether an operation is asked for or runs.
fn is_busy(live: &Value) -> bool {
    live.get("operation").is_some_and(|operation| !operation.is_null())
        || matches!(text(live, "/status/operationState/phase"), "Running" | "Terminating")
}

/// Whether it is healthy and synced, by a status that is of its present source.
fn is_settled(live: &Value) -> bool {
    let fields = ["repoURL", "path", "targetRevision", "helm", "kustomize"];
    let compared = live.pointer("/status/sync/comparedTo/source");
    // A status leaves out what is empty.
    let given = |source: &Value, field: &str| {
        source.get(field).filter(|value| !value.is_null() && value.as_str() != Some("")).cloned()
    };
    let same = |compared: &Value| {
        let present = live.pointer("/spec/source").unwrap_or(&Value::Null);
        fields.iter().all(|field| given(compared, field) == given(present, field))
    };
    text(live, "/status/health/status") == HEALTHY
        && sync(live) == "Synced"
        && !is_busy(live)
        && compared.is_none_or(same)
}

/// Whether the last sync began at a time or later.
fn has_begun(live: &Value, since: &str) -> bool {
    let time = |text: &str| text.parse::<Timestamp>().ok();
    let begun = time(text(live, "/status/operationState/startedAt"));
    begun.zip(time(since)).is_some_and(|(at, since)| at >= since)
}

/// Whether a sync has begun since a time, or something else shows that it will not wait.
fn has_started(live: &Value, since: &str) -> bool {
    let phase = text(live, "/status/operationState/phase");
    let conditions = live.pointer("/status/conditions").and_then(Value::as_array);
    let failed = conditions.into_iter().flatten().any(|condition| text(condition, "/type").ends_with("Error"));
    (has_begun(live, since) && matches!(phase, "Running" | "Succeeded" | "Failed" | "Error"))
        || text(live, "/status/health/status") == PROGRESSING
        || failed
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const T0: &str = "2030-01-01T00:00:00Z";

    #[test]
    fn a_percentage_is_one_at_least_unless_it_is_none() {
        for (value, expected) in [(json!("0%"), 0), (json!("1%"), 1), (json!("50%"), 5), (json!(3), 3), (json!(0), 0)] {
            assert_eq!(limit(Some(&value), 10), expected, "{value}");
        }
        assert_eq!(limit(None, 10), 10);
    }

    fn steps() -> Vec<RollingStep> {
        let step = |env: &str| json!({"matchExpressions": [{"key": "env", "operator": "In", "values": [env]}], "maxUpdate": 1});
        serde_json::from_value(json!([step("dev"), step("prod")])).unwrap()
    }

    fn application(name: &str, env: &str, sync: &str) -> Value {
        json!({
            "metadata": {"name": name, "labels": {"env": env}},
            "status": {"sync": {"status": sync, "revision": "r"}, "health": {"status": "Healthy"}},
        })
    }

    fn states(rollout: &Rollout) -> Vec<&str> {
        rollout.standings.iter().map(|standing| standing.status.as_str()).collect()
    }

    #[test]
    fn a_step_begins_when_those_before_are_healthy_and_max_update_bounds_it() {
        let mut live = [
            application("a", "dev", "OutOfSync"),
            application("b", "dev", "OutOfSync"),
            application("c", "prod", "OutOfSync"),
        ];
        let round = |live: &[Value], before: &[Standing]| {
            let members: Vec<_> =
                live.iter().map(|live| Member { desired: live, live: Some(live), changed: false }).collect();
            advance(&steps(), &members, before, T0)
        };
        let mut rollout = round(&live, &[]);
        assert_eq!((states(&rollout), rollout.step), (vec!["Pending", "Waiting", "Waiting"], Some(1)));
        assert_eq!(rollout.start, ["a"]);
        for (index, expected, step) in [
            (0, ["Healthy", "Pending", "Waiting"], Some(1)),
            (1, ["Healthy", "Healthy", "Pending"], Some(2)),
            (2, ["Healthy", "Healthy", "Healthy"], None),
        ] {
            live[index]["status"]["sync"]["status"] = json!("Synced");
            live[index]["status"]["operationState"] = json!({"phase": "Succeeded", "startedAt": T0});
            rollout = round(&live, &rollout.standings);
            assert_eq!((states(&rollout), rollout.step), (expected.to_vec(), step));
        }
    }

    #[test]
    fn an_application_of_no_step_never_syncs() {
        let live = application("x", "qa", "OutOfSync");
        let member = Member { desired: &live, live: Some(&live), changed: false };
        let rollout = advance(&steps(), &[member], &[], T0);
        assert_eq!((states(&rollout), rollout.standings[0].step.as_str()), (vec!["Waiting"], "-1"));
        assert!(rollout.start.is_empty());
    }
}
