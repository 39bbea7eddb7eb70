//! A rollout whose syncs GitOps does: the two meet on the API alone.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use mainstay_apiserver::Identity;
use mainstay_controller_runtime::Context;
use mainstay_gitops::{GitopsContext, Told};
use mainstay_testkit::CLUSTER;
use serde_json::{Value, json};

use crate::lab::{Lab, condition};

struct Only(Context);

impl mainstay_gitops::Clusters for Only {
    fn get(&self, _: &str) -> Option<Context> {
        Some(self.0.clone())
    }
}

impl Lab {
    fn run_gitops(&self) {
        let context = self.cluster.context(CLUSTER, &Identity::controller("gitops"));
        let (repositories, pushes) = self.repositories();
        let pushes = pushes.map(Told::Pushed).boxed();
        let given = GitopsContext::new(context.clone(), Arc::new(Only(context)), repositories).told(pushes);
        tokio::spawn(mainstay_gitops::run(given));
    }

    /// Commits this value for both environments.
    async fn release(&self, value: &str) -> String {
        let file = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\ndata: {{value: \"{value}\"}}\n");
        self.commit(&[("apps/dev/x.yaml", Some(&file)), ("apps/prod/x.yaml", Some(&file))]).await
    }

    async fn value(&self, namespace: &str) -> Value {
        self.cluster.get(("v1", "ConfigMap"), namespace, "x").await.unwrap()["data"]["value"].clone()
    }
}

fn spec(url: &str, recurse: bool) -> Value {
    let step = |env: &str| json!({"matchExpressions": [{"key": "env", "operator": "In", "values": [env]}]});
    json!({
        "generators": [{"git": {"repoURL": url, "revision": "main", "directories": [{"path": "apps/*"}]}}],
        "template": {
            "metadata": {"name": "{{path.basename}}", "labels": {"env": "{{path.basename}}"}},
            "spec": {
                "project": "default",
                "source": {
                    "repoURL": url, "path": "{{path}}", "targetRevision": "main", "directory": {"recurse": recurse},
                },
                "destination": {"name": "in-cluster", "namespace": "{{path.basename}}"},
                "syncPolicy": {"automated": {"prune": true}, "syncOptions": ["CreateNamespace=true"]},
            },
        },
        "strategy": {"type": "RollingSync", "rollingSync": {"steps": [step("dev"), step("prod")]}},
    })
}

#[tokio::test(start_paused = true)]
async fn gitops_does_the_syncs_that_a_rollout_asks_for() {
    let lab = Lab::start().await;
    lab.cluster.grant("gitops", mainstay_gitops::rules()).await;
    let first = lab.release("1").await;
    lab.run_gitops();
    lab.set("s", spec(&lab.url, false)).await;
    let is_done = |set: &Value, sha: &str| {
        let standings = set["status"]["applicationStatus"].as_array();
        condition(set, "RolloutProgressing").is_some_and(|it| it.0 == "False")
            && standings.is_some_and(|all| all.iter().all(|one| one["targetRevisions"][0] == sha))
    };
    lab.until("s", |set| is_done(set, &first)).await;
    assert_eq!((lab.value("dev").await, lab.value("prod").await), (json!("1"), json!("1")));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let second = lab.release("2").await;
    lab.until("s", |set| is_done(set, &second)).await;
    assert_eq!((lab.value("dev").await, lab.value("prod").await), (json!("2"), json!("2")));
    tokio::time::sleep(Duration::from_secs(60)).await;
    // A change of the template that changes no manifest does not get stuck.
    lab.set("s", spec(&lab.url, true)).await;
    lab.cluster.settle().await;
    lab.until("s", |set| is_done(set, &second)).await;
    assert_eq!(lab.application("prod").await["spec"]["source"]["directory"]["recurse"], true);
}
