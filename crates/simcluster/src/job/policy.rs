//! What a failed pod means for its Job, by the Job's pod failure policy. It must not know what follows from it.
//! Upstream: `pkg/controller/job/pod_failure_policy.go`.

use mainstay_apimachinery::object;
use serde_json::Value;

use crate::read;

/// What a failure means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It counts towards the backoff limit.
    Count,
    /// It does not.
    Ignore,
    /// Its index has failed for good.
    FailIndex,
    /// The Job has failed, for this reason.
    FailJob(String),
}

/// Judges a failed pod by the first rule that fits.
pub(super) fn judge(job: &Value, pod: &Value) -> Verdict {
    for (index, rule) in read::items(job, "/spec/podFailurePolicy/rules").enumerate() {
        let action = read::text(rule, "/action").unwrap_or_default();
        let Some(why) = by_exit_code(rule, pod).or_else(|| by_condition(rule, pod)) else { continue };
        return match action {
            "Ignore" => Verdict::Ignore,
            "FailIndex" => Verdict::FailIndex,
            "FailJob" => Verdict::FailJob(format!("{why} matching {action} rule at index {index}")),
            _ => Verdict::Count,
        };
    }
    Verdict::Count
}

fn by_exit_code(rule: &Value, pod: &Value) -> Option<String> {
    let codes = rule.get("onExitCodes")?;
    let only = read::text(codes, "/containerName");
    let statuses =
        read::items(pod, "/status/containerStatuses").chain(read::items(pod, "/status/initContainerStatuses"));
    for status in statuses {
        let name = read::text(status, "/name").unwrap_or_default();
        let Some(code) = read::int(status, "/state/terminated/exitCode").filter(|code| *code != 0) else { continue };
        let listed = read::items(codes, "/values").any(|value| value.as_i64() == Some(code));
        let wanted = read::text(codes, "/operator") == Some("In");
        if only.is_none_or(|only| only == name) && listed == wanted {
            let pod = place(pod);
            return Some(format!("Container {name} for pod {pod} failed with exit code {code}"));
        }
    }
    None
}

fn by_condition(rule: &Value, pod: &Value) -> Option<String> {
    read::items(rule, "/onPodConditions").find_map(|pattern| {
        let kind = read::text(pattern, "/type")?;
        let status = read::text(pattern, "/status").unwrap_or("True");
        let condition = crate::condition::find(pod, kind)?;
        let fits = read::text(condition, "/status") == Some(status);
        fits.then(|| format!("Pod {} has condition {kind}", place(pod)))
    })
}

fn place(pod: &Value) -> String {
    format!("{}/{}", object::namespace(pod).unwrap_or_default(), object::name(pod))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_rule_that_fits_decides() {
        let job = json!({"spec": {"podFailurePolicy": {"rules": [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            {"action": "FailJob", "onExitCodes": {"containerName": "main", "operator": "In", "values": [42]}},
            {"action": "FailIndex", "onExitCodes": {"operator": "NotIn", "values": [1, 2]}},
        ]}}});
        let pod = |code: i64, condition: &str| {
            json!({"metadata": {"name": "p", "namespace": "n"}, "status": {
                "conditions": [{"type": condition, "status": "True"}],
                "containerStatuses": [{"name": "main", "state": {"terminated": {"exitCode": code}}}]}})
        };
        assert_eq!(judge(&job, &pod(42, "DisruptionTarget")), Verdict::Ignore);
        let message = "Container main for pod n/p failed with exit code 42 matching FailJob rule at index 1";
        assert_eq!(judge(&job, &pod(42, "Ready")), Verdict::FailJob(message.to_owned()));
        assert_eq!(judge(&job, &pod(3, "Ready")), Verdict::FailIndex);
        assert_eq!(judge(&job, &pod(1, "Ready")), Verdict::Count);
        assert_eq!(judge(&json!({}), &pod(1, "Ready")), Verdict::Count);
    }
}
