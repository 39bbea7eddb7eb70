//! The server as the real kubectl sees it, over HTTPS. Where kubectl is not installed the tests say so and pass.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::clients::installed;
use crate::served::Served;

/// How long a command may take. The slowest, `apply` of several objects, takes under a second.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server, and a kubectl that talks to it.
struct World {
    served: Served,
    kubectl: PathBuf,
}

/// A test for each behaviour; it runs once for each kubectl there is: those that `cargo xtask clients` installs, the
/// oldest and the newest that are supported, and the machine's own.
macro_rules! with_each_kubectl {
    ($($behaviour:ident)*) => {
        $(
            #[tokio::test]
            async fn $behaviour() {
                for world in World::all().await {
                    super::$behaviour(&world).await;
                }
            }
        )*
    };
}

mod each {
    use super::World;

    with_each_kubectl! {
        apply_diff_and_get_of_a_built_in_kind
        server_side_apply_has_managers_conflicts_and_force
        server_side_apply_takes_over_from_client_side_apply
        a_custom_resource_from_definition_to_deletion
        built_in_kinds_are_explained
        waiting_and_watching_see_what_happens
        a_namespace_is_emptied_and_goes
        protobuf_bodies_are_understood
    }
}

#[allow(clippy::disallowed_methods, reason = "the point of these tests is the real kubectl")]
fn process(kubectl: &Path) -> Command {
    let mut command = Command::new(kubectl);
    command.kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl World {
    /// A served cluster `dev` with namespace `shop` for each kubectl; none where none is installed.
    async fn all() -> Vec<Self> {
        let mut worlds = Vec::new();
        let pinned = ["kubectl-1.29", "kubectl-1.36"].map(|name| installed().join(name));
        for kubectl in pinned.into_iter().chain([PathBuf::from("kubectl")]) {
            if process(&kubectl).args(["version", "--client"]).output().await.is_err() {
                eprintln!("skipped: {} is not installed", kubectl.display());
                continue;
            }
            let world = Self { served: Served::start().await, kubectl };
            world.apply("ns.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n").await;
            worlds.push(world);
        }
        worlds
    }

    fn write(&self, name: &str, content: &str) {
        self.served.write(name, content);
    }

    fn command(&self, line: &str) -> Command {
        let mut command = process(&self.kubectl);
        let directory = self.served.directory();
        command.current_dir(directory).env("HOME", directory).env_remove("KUBECACHEDIR");
        command.args(["--kubeconfig", "kubeconfig", "--namespace", "shop"]).args(line.split_whitespace());
        command
    }

    async fn run(&self, line: &str) -> Output {
        tokio::time::timeout(PATIENCE, self.command(line).output()).await.expect(line).unwrap()
    }

    /// Output of a command that must succeed.
    async fn ok(&self, line: &str) -> String {
        let output = self.run(line).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} {line}: {errors}", self.kubectl.display());
        String::from_utf8(output.stdout).unwrap()
    }

    /// Everything a command prints that must fail.
    async fn refused(&self, line: &str) -> String {
        let output = self.run(line).await;
        assert!(!output.status.success(), "{} {line} succeeded", self.kubectl.display());
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    }

    async fn apply(&self, name: &str, yaml: &str) -> String {
        self.write(name, yaml);
        self.ok(&format!("apply -f {name}")).await
    }
}

fn deployment(image: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, labels: {{app: web}}}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: c, image: '{image}'}}]}}
"
    )
}

const DEFINITION: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.ex.io}
spec:
  group: ex.io
  scope: Namespaced
  names: {plural: widgets, kind: Widget, shortNames: [wd]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.size, statusReplicasPath: .status.size}}
    additionalPrinterColumns: [{name: Size, type: integer, jsonPath: .spec.size}]
    schema:
      openAPIV3Schema:
        description: A widget.
        type: object
        properties:
          spec:
            description: What is wanted.
            type: object
            properties:
              size: {type: integer, description: How big it is., default: 1, maximum: 9}
              color: {type: string}
";

fn widget(spec: &str) -> String {
    format!("apiVersion: ex.io/v1\nkind: Widget\nmetadata: {{name: w}}\nspec: {{{spec}}}\n")
}

async fn apply_diff_and_get_of_a_built_in_kind(world: &World) {
    assert_eq!(world.apply("web.yaml", &deployment("nginx:1")).await, "deployment.apps/web created\n");
    assert_eq!(world.ok("apply -f web.yaml").await, "deployment.apps/web unchanged\n");
    let table = world.ok("get deployments -o wide").await;
    assert!(
        table.starts_with("NAME   READY   UP-TO-DATE   AVAILABLE   AGE   CONTAINERS   IMAGES    SELECTOR"),
        "{table}"
    );
    assert!(table.contains("web    0/2     0            0"), "{table}");
    world.write("web.yaml", &deployment("nginx:2"));
    let changes = world.refused("diff -f web.yaml").await;
    assert!(changes.contains("-      - image: nginx:1\n+      - image: nginx:2"), "{changes}");
    assert_eq!(world.ok("apply -f web.yaml").await, "deployment.apps/web configured\n");
    world.ok("diff -f web.yaml").await;
    world.ok("scale deployment web --replicas=3").await;
    world.ok("label deployment web tier=front").await;
    assert_eq!(world.ok("get deployment web -o jsonpath={.spec.replicas}/{.metadata.labels.tier}").await, "3/front");
    assert!(world.ok("describe deployment web").await.contains("Replicas:               3 desired"));
    assert!(world.ok("delete deployment web").await.starts_with("deployment.apps \"web\" deleted"));
    assert!(world.refused("get deployment web").await.contains("(NotFound): deployments.apps \"web\" not found"));
}

async fn server_side_apply_has_managers_conflicts_and_force(world: &World) {
    world.write("web.yaml", &deployment("nginx:1"));
    world.ok("apply --server-side -f web.yaml").await;
    world.write("web.yaml", &deployment("nginx:2"));
    let conflict = world.refused("apply --server-side --field-manager=other -f web.yaml").await;
    let text =
        "Apply failed with 1 conflict: conflict with \"kubectl\": .spec.template.spec.containers[name=\"c\"].image";
    assert!(conflict.contains(text), "{conflict}");
    world.ok("apply --server-side --field-manager=other --force-conflicts -f web.yaml").await;
    let managers =
        world.ok("get deployment web --show-managed-fields -o jsonpath={.metadata.managedFields[*].manager}");
    assert_eq!(managers.await, "kubectl other");
    world.ok("diff --server-side --field-manager=other -f web.yaml").await;
}

async fn server_side_apply_takes_over_from_client_side_apply(world: &World) {
    world.apply("web.yaml", &deployment("nginx:1")).await;
    world.write("web.yaml", &deployment("nginx:2"));
    world.ok("apply --server-side -f web.yaml").await;
    assert_eq!(world.ok("get deployment web -o jsonpath={.spec.template.spec.containers[0].image}").await, "nginx:2");
}

async fn a_custom_resource_from_definition_to_deletion(world: &World) {
    world.apply("crd.yaml", DEFINITION).await;
    world.ok("wait --for=condition=Established crd/widgets.ex.io --timeout=5s").await;
    assert!(world.ok("api-resources --api-group=ex.io").await.contains("widgets   wd           ex.io/v1     true"));
    assert!(world.ok("explain widget.spec.size").await.contains("How big it is."));
    assert_eq!(world.apply("w.yaml", &widget("size: 2, color: red")).await, "widget.ex.io/w created\n");
    assert_eq!(world.ok("apply -f w.yaml").await, "widget.ex.io/w unchanged\n");
    let table = world.ok("get wd").await;
    assert!(table.starts_with("NAME   SIZE\nw      2"), "{table}");
    world.write("w.yaml", &widget("size: 20"));
    let refused = world.refused("apply -f w.yaml").await;
    assert!(refused.contains("spec.size in body should be less than or equal to 9"), "{refused}");
    world.write("w.yaml", &widget("bogus: 1"));
    assert!(world.refused("apply -f w.yaml").await.contains("unknown field \"spec.bogus\""));
    world.write("w.yaml", &widget("size: 3"));
    assert!(world.refused("diff -f w.yaml").await.contains("-  size: 2\n+  size: 3"));
    assert_eq!(
        world.ok("apply --server-side --force-conflicts -f w.yaml").await,
        "widget.ex.io/w serverside-applied\n"
    );
    world.ok("scale widget w --replicas=4").await;
    assert_eq!(world.ok("get widget w -o jsonpath={.spec}").await, "{\"size\":4}");
    world.ok("delete crd widgets.ex.io").await;
    assert!(world.refused("get widget w").await.contains("could not find the requested resource"));
}

async fn built_in_kinds_are_explained(world: &World) {
    let kind = world.ok("explain pod").await;
    assert!(kind.contains("Pod is a collection of containers that can run on a host."), "{kind}");
    let field = world.ok("explain deployment.spec.template.spec.containers.image").await;
    assert!(field.contains("Container image name."), "{field}");
}

async fn waiting_and_watching_see_what_happens(world: &World) {
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: v}\n";
    world.apply("a.yaml", map).await;
    let mut watch = world.command("get configmaps --watch").spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = async || tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    assert!(next().await.starts_with("NAME"));
    assert!(next().await.starts_with("a      1"));
    world.apply("b.yaml", &map.replace("name: a", "name: b").replace("k: v", "k: v, l: w")).await;
    assert!(next().await.starts_with("b      2"));
    let wait = world.command("wait --for=delete configmap/a --timeout=20s").spawn().unwrap();
    world.ok("delete configmap a").await;
    assert!(tokio::time::timeout(PATIENCE, wait.wait_with_output()).await.unwrap().unwrap().status.success());
    assert!(next().await.starts_with("a      1"));
}

async fn a_namespace_is_emptied_and_goes(world: &World) {
    world.apply("web.yaml", &deployment("nginx:1")).await;
    assert!(world.ok("get all").await.contains("deployment.apps/web"));
    assert_eq!(world.ok("delete namespace shop").await, "namespace \"shop\" deleted\n");
    assert!(!world.ok("get namespaces").await.contains("shop"));
    assert_eq!(world.ok("get deployments -A").await, "");
}

async fn protobuf_bodies_are_understood(world: &World) {
    assert_eq!(world.ok("create namespace made").await, "namespace/made created\n");
    world.ok("create configmap c --from-literal=k=v").await;
    assert_eq!(world.ok("get configmap c -o jsonpath={.data}").await, "{\"k\":\"v\"}");
    world.ok("create secret generic s --from-literal=k=v").await;
    assert_eq!(world.ok("get secret s -o jsonpath={.data.k}").await, "dg==");
    world.ok("create deployment web --image=nginx:1 --replicas=0 --port=80").await;
    let path = "{.spec.replicas}/{.spec.template.spec.containers[0].ports[0].containerPort}";
    assert_eq!(world.ok(&format!("get deployment web -o jsonpath={path}")).await, "0/80");
    world.ok("create service clusterip web --tcp=80:8080").await;
    assert_eq!(world.ok("get service web -o jsonpath={.spec.ports[0].targetPort}").await, "8080");
    world.ok("create ingress i --rule=shop.example/*=web:80").await;
    world.ok("create role r --verb=get --resource=pods").await;
    world.ok("create quota q --hard=cpu=1").await;
    assert_eq!(world.ok("auth can-i create pods").await, "yes\n");
    assert!(world.ok("auth whoami").await.contains("admin"));
}
