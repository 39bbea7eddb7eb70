//! A rollout in three steps, with a test in the role of GitOps.

use crate::lab::{APPLICATION, Lab, SET, condition, template};
use serde_json::{Value, json};

fn spec(path: &str) -> Value {
    let step = |env: &str| json!({"matchExpressions": [{"key": "env", "operator": "In", "values": [env]}]});
    let mut template = template("{{name}}", path, json!({"env": "{{env}}"}));
    template["spec"]["syncPolicy"] = json!({"automated": {"prune": true}, "retry": {"limit": 3}});
    json!({
        "generators": [{"list": {"elements": [
            {"name": "dev", "env": "dev"}, {"name": "qa-1", "env": "qa"}, {"name": "qa-2", "env": "qa"}, {"name": "prod", "env": "prod"},
        ]}}],
        "template": template,
        "strategy": {
            "type": "RollingSync", "deletionOrder": "Reverse",
            "rollingSync": {"steps": [step("dev"), step("qa"), step("prod")]},
        },
    })
}

/// States of the Applications by name.
fn states(set: &Value) -> Vec<(&str, &str)> {
    let standings = set["status"]["applicationStatus"].as_array().unwrap();
    standings.iter().map(|it| (it["application"].as_str().unwrap(), it["status"].as_str().unwrap())).collect()
}

impl Lab {
    /// Takes up the operation of an Application and finishes it.
    async fn sync(&self, name: &str) {
        let application = self.cluster.eventually(APPLICATION, ("argocd", name), |it| !it["operation"].is_null()).await;
        assert_eq!(application["operation"]["sync"]["prune"], true);
        assert_eq!(application["operation"]["retry"]["limit"], 3);
        let now = self.cluster.seams().clock.now_rfc3339();
        let state = |phase: &str| json!({"phase": phase, "startedAt": now, "operation": application["operation"]});
        let running = json!({"operation": null, "status": {
            "sync": {"status": "OutOfSync", "revision": "r"}, "health": {"status": "Missing"}, "operationState": state("Running"),
        }});
        self.patch(APPLICATION, name, running).await;
        let spec = &application["spec"];
        let compared = json!({"source": spec["source"], "destination": spec["destination"]});
        let done = json!({"status": {
            "sync": {"status": "Synced", "revision": "r", "comparedTo": compared}, "health": {"status": "Healthy"}, "operationState": state("Succeeded"),
        }});
        self.patch(APPLICATION, name, done).await;
    }
}

#[tokio::test(start_paused = true)]
async fn each_of_three_steps_waits_for_the_one_before() {
    let lab = Lab::start().await;
    lab.set("s", spec("p1")).await;
    let pending = |set: &Value, name: &str| states(set).contains(&(name, "Pending"));
    let set = lab.until("s", |set| set["status"]["applicationStatus"].is_array() && pending(set, "dev")).await;
    assert_eq!(states(&set), [("dev", "Pending"), ("prod", "Waiting"), ("qa-1", "Waiting"), ("qa-2", "Waiting")]);
    assert_eq!(condition(&set, "RolloutProgressing"), Some(("True", "ApplicationSetModified")));
    assert_eq!(set["status"]["health"]["status"], "Progressing");
    assert!(lab.application("dev").await["spec"]["syncPolicy"]["automated"].is_null(), "the set syncs, not GitOps");
    lab.sync("dev").await;
    let set = lab.until("s", |set| pending(set, "qa-1") && pending(set, "qa-2")).await;
    assert_eq!(states(&set)[..2], [("dev", "Healthy"), ("prod", "Waiting")]);
    lab.sync("qa-1").await;
    lab.cluster.settle().await;
    assert!(lab.application("prod").await["operation"].is_null(), "qa-2 is not healthy yet");
    lab.sync("qa-2").await;
    lab.sync("prod").await;
    let set = lab.until("s", |set| condition(set, "RolloutProgressing").is_some_and(|it| it.0 == "False")).await;
    assert!(states(&set).iter().all(|(_, state)| *state == "Healthy"));
    assert_eq!(condition(&set, "RolloutProgressing"), Some(("False", "ApplicationSetRolloutComplete")));

    lab.set("s", spec("p2")).await;
    let set = lab.until("s", |set| pending(set, "dev")).await;
    assert_eq!(states(&set)[1..], [("prod", "Waiting"), ("qa-1", "Waiting"), ("qa-2", "Waiting")]);
    assert_eq!(set["status"]["applicationStatus"][1]["step"], "3");
}

#[tokio::test(start_paused = true)]
async fn reverse_deletes_the_last_step_first() {
    let lab = Lab::start().await;
    lab.set("s", spec("p1")).await;
    lab.until("s", |set| set["status"]["resourcesCount"] == 4).await;
    lab.cluster.delete(SET, "argocd", "s").await;
    for (step, left) in [(vec!["prod"], 3), (vec!["qa-1", "qa-2"], 1), (vec!["dev"], 0)] {
        lab.cluster.settle().await;
        let applications = lab.cluster.list(APPLICATION, "argocd").await;
        let deleting: Vec<&str> = applications
            .iter()
            .filter(|it| !it["metadata"]["deletionTimestamp"].is_null())
            .map(|it| it["metadata"]["name"].as_str().unwrap())
            .collect();
        assert_eq!(deleting, step);
        for name in step {
            lab.let_go(name).await;
        }
        assert_eq!(lab.names().await.len(), left);
    }
    lab.cluster.settle().await;
    assert!(lab.cluster.get(SET, "argocd", "s").await.is_none());
}
