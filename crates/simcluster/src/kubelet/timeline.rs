//! When each thing happens in a simulated pod's life, computed from its spec and the moment its node took it up.
//! It must not know objects' statuses. Readiness follows the probes as kubelet does, with every probe succeeding.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mainstay_apimachinery::object;
use serde_json::Value;

use crate::options::Timings;
use crate::pod::{self, Failure};
use crate::{hash, read};

/// A crash-looping container runs this long before it exits.
const CRASH_AFTER: SignedDuration = SignedDuration::from_secs(1);
/// First pause after a crash, doubled each time; kubelet's `initialBackOffPeriod`.
const BACKOFF_SECONDS: i64 = 10;
/// Longest pause; kubelet's `MaxContainerBackOff`.
const MAX_BACKOFF_SECONDS: i64 = 300;
/// After so many restarts a simulated crash loop rests in its back-off, so that the world can come to rest.
pub(crate) const MAX_RESTARTS: i64 = 5;
/// When a failed pull is shown as `ImagePullBackOff` rather than `ErrImagePull`.
const PULL_BACKOFF: SignedDuration = SignedDuration::from_secs(10);

/// Where a pod is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The image is being pulled or the containers are being made.
    Creating,
    /// The image could not be pulled.
    PullFailed {
        /// Whether kubelet is waiting before the next try.
        backing_off: bool,
        /// Since when.
        since: Timestamp,
    },
    /// The containers run.
    Running {
        /// When they were started last.
        since: Timestamp,
        /// When the readiness probes succeeded, if they have.
        ready: Option<Timestamp>,
        /// How often they were started again.
        restarts: i64,
    },
    /// The containers crashed and wait to be started again.
    CrashBackOff {
        /// When they crashed.
        since: Timestamp,
        /// When the run that crashed began.
        started: Timestamp,
        /// How often they have been started again by now.
        restarts: i64,
        /// How long the pause is.
        pause: SignedDuration,
    },
    /// All containers have ended for good.
    Finished {
        /// When.
        at: Timestamp,
        /// When they were started.
        started: Timestamp,
        /// Whether with exit code 0.
        succeeded: bool,
    },
}

/// A stage and when the next one begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The present stage.
    pub stage: Stage,
    /// When it ends; `None` if it lasts.
    pub next: Option<Timestamp>,
}

/// The pod's stage at `now`, if its node took it up at `taken`.
pub(crate) fn at(pod: &Value, taken: Timestamp, now: Timestamp, timings: &Timings) -> Moment {
    let pulled = taken + jittered(pod, timings.image_pull);
    let failure = pod::requested_failure(pod);
    if failure == Some(Failure::ImagePull) {
        return pull_failure(pulled, now);
    }
    let started = pulled + init_time(pod, timings) + jittered(pod, timings.start);
    if now < started {
        return Moment { stage: Stage::Creating, next: Some(started) };
    }
    let restarts_on_failure = read::text(pod, "/spec/restartPolicy") != Some("Never");
    match failure {
        Some(Failure::CrashLoop | Failure::Exit(_)) if restarts_on_failure => crash_loop(started, now),
        Some(Failure::CrashLoop | Failure::Exit(_)) => finishing(started, started + CRASH_AFTER, now, false),
        _ if runs_to_completion(pod) => finishing(started, started + span(timings.run_to_completion), now, true),
        _ => running(pod, started, now),
    }
}

/// Whether the pod is meant to end, as a Job's are.
pub(crate) fn runs_to_completion(pod: &Value) -> bool {
    matches!(read::text(pod, "/spec/restartPolicy"), Some("Never" | "OnFailure"))
}

/// A latency of up to a quarter more, the same for the same pod: pods of one ReplicaSet differ, runs do not.
fn jittered(pod: &Value, latency: Duration) -> SignedDuration {
    let quarter = u32::try_from(latency.as_millis() / 4).unwrap_or(u32::MAX - 1) + 1;
    span(latency) + SignedDuration::from_millis(i64::from(hash::below(object::name(pod), quarter)))
}

fn span(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

fn init_time(pod: &Value, timings: &Timings) -> SignedDuration {
    let count = read::items(pod, "/spec/initContainers").filter(|container| !is_sidecar(container)).count();
    span(timings.start) * i32::try_from(count).unwrap_or(i32::MAX)
}

/// Whether an init container keeps running beside the others.
pub(crate) fn is_sidecar(container: &Value) -> bool {
    read::text(container, "/restartPolicy") == Some("Always")
}

fn pull_failure(pulled: Timestamp, now: Timestamp) -> Moment {
    if now < pulled {
        return Moment { stage: Stage::Creating, next: Some(pulled) };
    }
    let backing_off_at = pulled + PULL_BACKOFF;
    let backing_off = now >= backing_off_at;
    let since = if backing_off { backing_off_at } else { pulled };
    Moment { stage: Stage::PullFailed { backing_off, since }, next: (!backing_off).then_some(backing_off_at) }
}

fn finishing(started: Timestamp, end: Timestamp, now: Timestamp, succeeded: bool) -> Moment {
    if now < end {
        let stage = Stage::Running { since: started, ready: Some(started), restarts: 0 };
        return Moment { stage, next: Some(end) };
    }
    Moment { stage: Stage::Finished { at: end, started, succeeded }, next: None }
}

fn running(pod: &Value, started: Timestamp, now: Timestamp) -> Moment {
    let ready_at = ready_delay(pod).map(|delay| started + delay);
    let ready = ready_at.filter(|at| *at <= now);
    let stage = Stage::Running { since: started, ready, restarts: 0 };
    Moment { stage, next: ready_at.filter(|at| *at > now) }
}

/// How long after its start the pod becomes ready; `None` if never.
fn ready_delay(pod: &Value) -> Option<SignedDuration> {
    if pod::requested_failure(pod) == Some(Failure::NeverReady) {
        return None;
    }
    let seconds = read::items(pod, "/spec/containers")
        .map(|container| probe_seconds(container, "startupProbe") + probe_seconds(container, "readinessProbe"))
        .max();
    Some(SignedDuration::from_secs(seconds.unwrap_or(0)))
}

/// How long a probe that always succeeds takes to be believed.
fn probe_seconds(container: &Value, probe: &str) -> i64 {
    let Some(probe) = container.get(probe) else { return 0 };
    let successes = read::int(probe, "/successThreshold").unwrap_or(1);
    let period = read::int(probe, "/periodSeconds").unwrap_or(10);
    read::count(probe, "/initialDelaySeconds") + (successes - 1).max(0) * period
}

fn crash_loop(first_start: Timestamp, now: Timestamp) -> Moment {
    let mut started = first_start;
    for restarts in 0..=MAX_RESTARTS {
        let crashed = started + CRASH_AFTER;
        if now < crashed {
            let stage = Stage::Running { since: started, ready: None, restarts };
            return Moment { stage, next: Some(crashed) };
        }
        let pause = SignedDuration::from_secs((BACKOFF_SECONDS << restarts).min(MAX_BACKOFF_SECONDS));
        let again = crashed + pause;
        let last = restarts == MAX_RESTARTS;
        if now < again || last {
            let stage = Stage::CrashBackOff { since: crashed, started, restarts, pause };
            return Moment { stage, next: (!last).then_some(again) };
        }
        started = again;
    }
    Moment { stage: Stage::Creating, next: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TIMINGS: Timings = Timings {
        image_pull: Duration::from_millis(400),
        start: Duration::from_millis(100),
        run_to_completion: Duration::from_secs(2),
        terminate: Duration::from_millis(100),
    };

    fn ms(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    /// The stages a pod goes through, with the time each begins.
    fn life(pod: &Value) -> Vec<(Timestamp, Stage)> {
        let mut life = Vec::new();
        let mut now = ms(0);
        loop {
            let moment = at(pod, ms(0), now, &TIMINGS);
            life.push((now, moment.stage));
            match moment.next {
                Some(next) => now = next,
                None => return life,
            }
        }
    }

    fn pod(fail: &str) -> Value {
        json!({"metadata": {"name": "p", "annotations": {crate::FAIL: fail}},
               "spec": {"containers": [{"name": "c", "readinessProbe": {"initialDelaySeconds": 5, "successThreshold": 2,
                                                                         "periodSeconds": 3}}]}})
    }

    #[test]
    fn a_pod_is_ready_when_its_probe_has_succeeded_often_enough() {
        let life = life(&pod(""));
        assert_eq!(life.len(), 3);
        assert_eq!(life[2].0 - life[1].0, jiff::Span::new().seconds(8).fieldwise());
        let started = life[1].0;
        assert!(started >= ms(500) && started < ms(630), "{started}");
    }

    #[test]
    fn a_crash_loop_comes_to_rest() {
        let life = life(&pod("crash-loop"));
        let crashes = life.iter().filter(|(_, stage)| matches!(stage, Stage::CrashBackOff { .. })).count();
        assert_eq!(crashes, 6);
        assert!(matches!(life.last(), Some((_, Stage::CrashBackOff { restarts: MAX_RESTARTS, .. }))));
    }

    #[test]
    fn an_image_that_cannot_be_pulled_backs_off() {
        let life = life(&pod("image-pull"));
        assert!(matches!(life[1].1, Stage::PullFailed { backing_off: false, .. }));
        assert!(matches!(life[2].1, Stage::PullFailed { backing_off: true, .. }));
        assert_eq!(life.len(), 3);
    }

    #[test]
    fn never_ready_runs_on() {
        assert!(matches!(life(&pod("never-ready")).last(), Some((_, Stage::Running { ready: None, .. }))));
    }

    #[test]
    fn a_job_pod_ends() {
        let mut pod = pod("");
        pod["spec"]["restartPolicy"] = json!("Never");
        assert!(matches!(life(&pod).last(), Some((_, Stage::Finished { succeeded: true, .. }))));
        object::set_annotation(&mut pod, crate::FAIL, "crash-loop");
        assert!(matches!(life(&pod).last(), Some((_, Stage::Finished { succeeded: false, .. }))));
    }
}
