//! What an application consists of: the Application, what it deploys, and what grew out of that.
//! It must not know where on a picture a node goes; `layout` does.

use std::collections::{BTreeMap, HashMap, HashSet};

use mainstay_api::kro;
use mainstay_apimachinery::object;
use serde::Serialize;
use serde_json::Value;

use super::health::{self, Health, Verdict, text};
use super::world::is_simulated;
use super::{ObjectRef, World};

/// Kinds in the order in which they are told; all others follow by name.
const ORDER: [&str; 14] = [
    "Namespace",
    "Application",
    "Tenant",
    "ToolPlatform",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Pod",
    "Job",
    "Service",
    "Ingress",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
];

/// An object in the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Which object.
    pub object: ObjectRef,
    /// Position of the node it belongs to; `None` for the root.
    pub parent: Option<usize>,
    /// Distance from the root.
    pub depth: usize,
    /// How well it is; `None` for kinds that cannot be unwell.
    pub verdict: Option<Verdict>,
    /// `Synced` or `OutOfSync` for what comes from git; `None` for what grew out of it.
    pub sync: Option<String>,
    /// The most telling thing about it in a few words, such as `2/2 ready`.
    pub detail: String,
    /// The commit it was last written for, `<repository>@<sha>`.
    pub thread: Option<String>,
    /// When it was made, RFC 3339.
    pub created: String,
    /// Whether it says that it is simulated.
    pub simulated: bool,
    /// Whether it is there; what git wants and the cluster lacks is in the tree too.
    pub live: bool,
}

impl Node {
    /// Its health, where it has one.
    #[must_use]
    pub fn health(&self) -> Option<Health> {
        self.verdict.as_ref().map(|verdict| verdict.health)
    }
}

/// An application's objects, parents before children.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tree {
    /// The nodes; the first is the Application.
    pub nodes: Vec<Node>,
}

impl Tree {
    /// Positions of a node's children.
    pub fn children(&self, parent: usize) -> impl Iterator<Item = usize> + '_ {
        self.nodes.iter().enumerate().filter(move |(_, node)| node.parent == Some(parent)).map(|(i, _)| i)
    }

    /// The positions from the root to a node, both included.
    #[must_use]
    pub fn path_to(&self, node: usize) -> Vec<usize> {
        let parent = |at: &usize| self.nodes.get(*at).and_then(|node| node.parent);
        let mut path: Vec<usize> = std::iter::successors(Some(node), parent).collect();
        path.reverse();
        path
    }
}

/// Builds the tree of an application: `status.resources` under the root, then owner references, then kro's labels.
#[must_use]
pub fn tree(world: &World) -> Tree {
    let builder = Builder::new(world);
    let mut tree = Tree { nodes: vec![builder.root()] };
    let mut seen = HashSet::new();
    for (wanted, sync) in builder.wanted() {
        let position = builder.position(&wanted);
        builder.grow(&mut tree, &mut seen, Growth { object: wanted, position, parent: 0, sync: Some(sync) });
    }
    tree
}

/// A node to be added, with all below it.
struct Growth {
    object: ObjectRef,
    /// Among the world's objects; `None` if it is not there.
    position: Option<usize>,
    parent: usize,
    sync: Option<String>,
}

struct Builder<'a> {
    world: &'a World,
    references: Vec<ObjectRef>,
    /// Positions of objects by their text form, which leaves the version out.
    positions: HashMap<String, usize>,
    /// Positions of objects by the position of what they belong to.
    children: HashMap<usize, Vec<usize>>,
    roots: HashSet<usize>,
}

impl<'a> Builder<'a> {
    fn new(world: &'a World) -> Self {
        let references: Vec<ObjectRef> = world.objects.iter().map(super::Located::reference).collect();
        let positions = references.iter().enumerate().map(|(position, of)| (of.to_string(), position)).collect();
        let mut builder = Self { world, references, positions, children: HashMap::new(), roots: HashSet::new() };
        builder.roots = builder.wanted().iter().filter_map(|(wanted, _)| builder.position(wanted)).collect();
        let by_uid = world.by_uid();
        for (position, located) in world.objects.iter().enumerate() {
            if let Some(parent) = parent_uid(&located.object).and_then(|uid| by_uid.get(uid))
                && !builder.roots.contains(&position)
            {
                builder.children.entry(*parent).or_default().push(position);
            }
        }
        for children in builder.children.values_mut() {
            children.sort_by_key(|position| order(&builder.references[*position]));
        }
        builder
    }

    fn root(&self) -> Node {
        let application = &self.world.application;
        let object = ObjectRef::of(&self.world.control, application);
        Node {
            sync: Some(text(&application["status"]["sync"]["status"]).to_owned()),
            ..node(object, None, application)
        }
    }

    /// What the Application says it manages, in telling order.
    fn wanted(&self) -> Vec<(ObjectRef, String)> {
        let cluster = self.world.destination();
        let resources = self.world.application["status"]["resources"].as_array().into_iter().flatten();
        let mut wanted: Vec<(ObjectRef, String)> = resources
            .map(|resource| (ObjectRef::named_by(&cluster, resource), text(&resource["status"]).to_owned()))
            .collect();
        wanted.sort_by_key(|(reference, _)| order(reference));
        wanted
    }

    fn position(&self, wanted: &ObjectRef) -> Option<usize> {
        self.positions.get(&wanted.to_string()).copied()
    }

    fn grow(&self, tree: &mut Tree, seen: &mut HashSet<usize>, growth: Growth) {
        if growth.position.is_some_and(|position| !seen.insert(position)) {
            return;
        }
        let depth = tree.nodes[growth.parent].depth + 1;
        let mut added = match growth.position {
            Some(position) => node(growth.object, Some(growth.parent), &self.world.objects[position].object),
            None => missing(growth.object, growth.parent),
        };
        added.depth = depth;
        added.sync = growth.sync;
        tree.nodes.push(added);
        let parent = tree.nodes.len() - 1;
        let children = growth.position.and_then(|position| self.children.get(&position));
        for child in children.into_iter().flatten().filter(|child| !self.is_past(**child)) {
            let object = self.references[*child].clone();
            self.grow(tree, seen, Growth { object, position: Some(*child), parent, sync: None });
        }
    }

    /// Whether it is only kept for rollbacks: a ReplicaSet that shall have no pods and has none.
    fn is_past(&self, position: usize) -> bool {
        let object = &self.world.objects[position].object;
        object["kind"] == "ReplicaSet" && object["spec"]["replicas"] == 0 && !self.children.contains_key(&position)
    }
}

/// The uid of what an object belongs to: its controller, any owner, or the kro instance it was made for.
fn parent_uid(value: &Value) -> Option<&str> {
    let owner = object::controller_of(value).or_else(|| object::owner_references(value).next());
    owner.and_then(|owner| owner["uid"].as_str()).or_else(|| object::label(value, kro::INSTANCE_ID))
}

fn order(reference: &ObjectRef) -> (usize, String, String, String) {
    let rank = ORDER.iter().position(|kind| *kind == reference.kind).unwrap_or(ORDER.len());
    (rank, reference.kind.clone(), reference.namespace.clone(), reference.name.clone())
}

fn node(object: ObjectRef, parent: Option<usize>, value: &Value) -> Node {
    Node {
        object,
        parent,
        depth: 0,
        verdict: health::of(value),
        sync: None,
        detail: detail(value),
        thread: object::annotation(value, mainstay_telemetry::thread::ANNOTATION).map(str::to_owned),
        created: text(&value["metadata"]["creationTimestamp"]).to_owned(),
        simulated: is_simulated(value),
        live: true,
    }
}

fn missing(object: ObjectRef, parent: usize) -> Node {
    let verdict = Verdict { health: Health::Missing, message: "is in git but not in the cluster".to_owned() };
    Node {
        verdict: Some(verdict),
        live: false,
        detail: "not there yet".to_owned(),
        ..node(object, Some(parent), &Value::Null)
    }
}

/// The most telling thing about an object.
fn detail(value: &Value) -> String {
    let (spec, status) = (&value["spec"], &value["status"]);
    match text(&value["kind"]) {
        "Deployment" | "ReplicaSet" | "StatefulSet" => {
            format!("{}/{} ready", number(&status["readyReplicas"]), spec["replicas"].as_i64().unwrap_or(1))
        }
        "Pod" => pod_detail(value),
        "Service" => ports(spec),
        "Ingress" => spec["rules"]
            .as_array()
            .and_then(|rules| rules.first())
            .map(|rule| text(&rule["host"]).to_owned())
            .unwrap_or_default(),
        "HorizontalPodAutoscaler" => {
            format!("{}–{} replicas", number(&spec["minReplicas"]), number(&spec["maxReplicas"]))
        }
        "PodDisruptionBudget" => format!("{} may be down", number(&status["disruptionsAllowed"])),
        "Secret" => text(&value["type"]).to_owned(),
        "Application" => spec["image"].as_str().map(short_image).unwrap_or_default().to_owned(),
        _ => String::new(),
    }
}

fn pod_detail(pod: &Value) -> String {
    let restarts: i64 = statuses(pod).map(|container| number(&container["restartCount"])).sum();
    let state = match health::waiting(pod) {
        Some((reason, _)) => reason,
        None => text(&pod["status"]["phase"]),
    };
    let node = text(&pod["spec"]["nodeName"]);
    let mut parts = vec![state.to_owned()];
    if restarts > 0 {
        parts.push(format!("{restarts} restarts"));
    } else if !node.is_empty() {
        parts.push(format!("on {node}"));
    }
    parts.join(", ")
}

fn statuses(pod: &Value) -> impl Iterator<Item = &Value> {
    pod["status"]["containerStatuses"].as_array().into_iter().flatten()
}

fn ports(spec: &Value) -> String {
    let ports = spec["ports"].as_array().into_iter().flatten();
    let ports: BTreeMap<i64, ()> = ports.map(|port| (number(&port["port"]), ())).collect();
    let ports: Vec<String> = ports.keys().map(|port| format!(":{port}")).collect();
    ports.join(" ")
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

/// `ghcr.io/org/app:1.2` → `app:1.2`.
pub(crate) fn short_image(image: &str) -> &str {
    image.rsplit('/').next().unwrap_or(image)
}
