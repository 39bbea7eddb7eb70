//! What a person reads with the real kubectl. Where it is not installed the tests say so and pass.

use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use mainstay_apiserver::tls::LocalCa;
use mainstay_apiserver::{Identity, Kubeconfig};
use mainstay_controller_runtime::Clock;
use mainstay_testkit::{CLUSTER, TestCluster, build};
use serde_json::{Value, json};

use crate::{DEPLOYMENTS, PODS, number, shop, text};

#[allow(clippy::disallowed_methods, reason = "the point of these tests is the real kubectl")]
fn process() -> tokio::process::Command {
    let mut command = tokio::process::Command::new("kubectl");
    command.kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// kubectl with a configuration that reaches a cluster.
struct Kubectl {
    directory: PathBuf,
}

impl Kubectl {
    /// `None` where kubectl is not installed.
    async fn of(cluster: &TestCluster) -> Option<Self> {
        if process().args(["version", "--client"]).output().await.is_err() {
            eprintln!("skipped: kubectl is not installed");
            return None;
        }
        let server = cluster.server().clone();
        server.tokens().insert("secret", Identity::admin());
        let authority = LocalCa::generate(&Clock::system()).unwrap();
        let certified = authority.issue("apiserver", &["127.0.0.1"], Duration::from_hours(24)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let config = Kubeconfig {
            url: &url,
            authority: Some(authority.pem().certificate.as_str()),
            user: "admin",
            token: "secret",
            clusters: &[CLUSTER.to_owned()],
            current: CLUSTER,
        };
        let port = listener.local_addr().unwrap().port();
        let kubectl = Self { directory: PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("kubectl-{port}")) };
        std::fs::create_dir_all(&kubectl.directory).unwrap();
        let mut file = std::fs::File::create(kubectl.directory.join("kubeconfig")).unwrap();
        file.write_all(config.to_yaml().as_bytes()).unwrap();
        let stop = cluster.seams().shutdown.clone();
        tokio::spawn(async move { server.serve_https(listener, &certified, stop).await });
        Some(kubectl)
    }

    /// What a command prints.
    async fn run(&self, line: &str) -> String {
        let mut command = process();
        command.current_dir(&self.directory).env("HOME", &self.directory);
        command.args(["--kubeconfig", "kubeconfig", "--namespace", "shop"]).args(line.split_whitespace());
        let output = command.output().await.unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The Events at the end of a description, without their ages and the parts of names that hashes make.
fn events(description: &str) -> Vec<String> {
    let (_, events) = description.split_once("Events:\n").unwrap();
    let row = |line: &str| {
        let columns: Vec<&str> = line.split("  ").map(str::trim).filter(|column| !column.is_empty()).collect();
        assert_eq!(columns.len(), 5, "{line}");
        format!("{} {} {}: {}", columns[0], columns[1], columns[3], columns[4])
    };
    let mut rows: Vec<String> = events.lines().skip(2).filter(|line| !line.trim().is_empty()).map(row).collect();
    rows.sort();
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_events_of_a_pod_and_of_its_controllers() {
    let cluster = shop().await;
    let Some(kubectl) = Kubectl::of(&cluster).await else { return };
    cluster.apply(&build::deployment("shop", "web", 1, "registry.example/web:1")).await;
    let ready = |web: &Value| number(web, "/status/availableReplicas") == 1;
    cluster.eventually(DEPLOYMENTS, ("shop", "web"), ready).await;
    cluster.settle().await;
    let pod = cluster.list(PODS, "shop").await.remove(0);
    let (name, node) = (text(&pod, "/metadata/name"), text(&pod, "/spec/nodeName"));
    let set = text(&pod, "/metadata/ownerReferences/0/name");
    let expected = [
        "Normal Created kubelet: Created container: main".to_owned(),
        "Normal Pulled kubelet: Successfully pulled image \"registry.example/web:1\" (simulated)".to_owned(),
        "Normal Pulling kubelet: Pulling image \"registry.example/web:1\"".to_owned(),
        format!("Normal Scheduled default-scheduler: Successfully assigned shop/{name} to {node}"),
        "Normal Started kubelet: Started container main".to_owned(),
    ];
    assert_eq!(events(&kubectl.run(&format!("describe pod {name}")).await), expected);
    let created = format!("Normal SuccessfulCreate replicaset-controller: Created pod: {name}");
    assert_eq!(events(&kubectl.run(&format!("describe replicaset {set}")).await), [created]);
    let scaled = format!("Normal ScalingReplicaSet deployment-controller: Scaled up replica set {set} from 0 to 1");
    assert_eq!(events(&kubectl.run("describe deployment web").await), [scaled]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stateful_set_goes_back_and_a_node_is_drained() {
    let cluster = shop().await;
    let Some(kubectl) = Kubectl::of(&cluster).await else { return };
    let sets = ("apps/v1", "StatefulSet");
    for image in ["db:1", "db:2"] {
        cluster
            .apply(&json!({
                "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "shop"},
                "spec": {"replicas": 1, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}},
                    "template": {"metadata": {"labels": {"app": "db"}},
                                 "spec": {"containers": [{"name": "main", "image": image}]}}},
            }))
            .await;
        cluster.settle().await;
    }
    let history = kubectl.run("rollout history statefulset db").await;
    let numbers: Vec<&str> = history.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(numbers[2..], ["1", "2"], "{history}");
    kubectl.run("rollout undo statefulset db --to-revision=1").await;
    cluster.settle().await;
    let pod = cluster.get(PODS, "shop", "db-0").await.unwrap();
    assert_eq!(text(&pod, "/spec/containers/0/image"), "db:1");
    let set = cluster.get(sets, "shop", "db").await.unwrap();
    assert_eq!(text(&set, "/status/currentRevision"), text(&set, "/status/updateRevision"));
    let node = text(&pod, "/spec/nodeName");
    kubectl.run(&format!("drain {node} --ignore-daemonsets --force --timeout=60s")).await;
    cluster.settle().await;
    let moved = cluster.get(PODS, "shop", "db-0").await.unwrap();
    assert_ne!(text(&moved, "/spec/nodeName"), node);
    let description = kubectl.run(&format!("describe node {node}")).await;
    let told = "Normal NodeNotSchedulable kubelet: Node ".to_owned() + node + " status is now: NodeNotSchedulable";
    assert!(events(&description).contains(&told), "{description}");
}
