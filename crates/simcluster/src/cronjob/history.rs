//! Which finished Jobs of a CronJob are more than its history keeps. It must not know schedules.

use mainstay_apimachinery::object;
use serde_json::Value;

use crate::{condition, read};

/// The names of the Jobs to delete, oldest first. Upstream: `cleanupFinishedJobs`.
pub(super) fn surplus(cron_job: &Value, jobs: &[Value]) -> Vec<String> {
    let failed = beyond(cron_job, "/spec/failedJobsHistoryLimit", jobs, "Failed");
    failed.into_iter().chain(beyond(cron_job, "/spec/successfulJobsHistoryLimit", jobs, "Complete")).collect()
}

fn beyond(cron_job: &Value, limit: &str, jobs: &[Value], outcome: &str) -> Vec<String> {
    let Some(limit) = read::int(cron_job, limit) else { return Vec::new() };
    let mut ended: Vec<&Value> =
        jobs.iter().filter(|job| condition::is_true(job, outcome) && !object::is_deleting(job)).collect();
    ended.sort_by_key(|job| (read::time(job, "/status/startTime"), object::name(job)));
    let surplus = ended.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
    ended.into_iter().take(surplus).map(|job| object::name(job).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_oldest_of_each_outcome_go() {
        let job = |name: &str, outcome: &str, second: i64| {
            json!({"metadata": {"name": name}, "status": {
                "startTime": format!("2030-01-01T00:00:0{second}Z"),
                "conditions": [{"type": outcome, "status": "True"}]}})
        };
        let jobs = [job("c", "Complete", 3), job("a", "Complete", 1), job("f", "Failed", 2), job("b", "Complete", 2)];
        let spec = |successful: i64, failed: i64| json!({"spec": {"successfulJobsHistoryLimit": successful, "failedJobsHistoryLimit": failed}});
        assert_eq!(surplus(&spec(1, 1), &jobs), ["a", "b"]);
        assert_eq!(surplus(&spec(3, 0), &jobs), ["f"]);
    }
}
