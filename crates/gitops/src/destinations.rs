//! The clusters to deploy to: those that are given, and those that Secrets of type `cluster` tell of.
//! It must not know what is deployed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use mainstay_apimachinery::object;
use mainstay_controller_runtime::context::Seams;
use mainstay_controller_runtime::{CancellationToken, Context, Event, Informer, ObjectKey, context};
use mainstay_telemetry::chain;
use serde_json::Value;

use crate::Clusters;
use crate::plan::cluster::{self, Cluster};

/// Index of the Secrets: by name and URL of their cluster.
const BY_CLUSTER: &str = "gitops/cluster";
/// How long a cluster has to answer.
const CONNECT: Duration = Duration::from_secs(10);

/// Why there is no cluster to deploy to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Nobody knows it.
    #[error("there are no clusters with this name or server: {0}; fix spec.destination")]
    Unknown(String),
    /// More than one.
    #[error("there are {1} clusters with this name or server: {0}; give each a name of its own")]
    Ambiguous(String, usize),
    /// It is for others.
    #[error("cluster {0} is of project {1}; project '{2}' cannot deploy to it")]
    OtherProject(String, String, String),
    /// It is for everybody, and the project takes only its own.
    #[error("project '{1}' permits only clusters of its own, and {0} is not")]
    NotScoped(String, String),
    /// The Secret cannot be used.
    #[error("Secret {0} of cluster {1} cannot be used: {2}")]
    Secret(String, String, String),
}

/// Who asks for a cluster.
pub(crate) struct Asking<'a> {
    /// Name or URL of the cluster.
    pub(crate) cluster: &'a str,
    /// The project of who asks.
    pub(crate) project: &'a str,
    /// Whether the project takes only clusters of its own.
    pub(crate) only_own: bool,
}

/// Finds clusters.
pub(crate) struct Destinations {
    given: Arc<dyn Clusters>,
    secrets: Informer,
    namespace: String,
    control: Context,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    by_secret: HashMap<ObjectKey, Reached>,
    /// How many were made in all: each has a name of its own, since caches are kept by it.
    made: usize,
}

/// A cluster that was asked for.
struct Reached {
    version: String,
    context: Context,
    end: CancellationToken,
}

impl Destinations {
    pub(crate) fn new(given: Arc<dyn Clusters>, control: &Context, namespace: &str) -> Self {
        let secrets = control.informers.informer(&context::resource("", "v1", "Secret", "secrets"));
        secrets.add_index(BY_CLUSTER, cluster::names);
        Self { given, secrets, namespace: namespace.to_owned(), control: control.clone(), known: Mutex::default() }
    }

    /// Whether an event is about a Secret of a cluster; a client that was made from it is not used any more.
    pub(crate) fn changed(&self, event: &Event<'_>) -> bool {
        let secret = event.object();
        if object::namespace(secret) != Some(&self.namespace) {
            return false;
        }
        let version = object::resource_version(secret).unwrap_or_default();
        let key = ObjectKey::of(secret);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let stays = matches!(event, Event::Applied { .. })
            && known.by_secret.get(&key).is_none_or(|reached| reached.version == version);
        if !stays && let Some(reached) = known.by_secret.remove(&key) {
            reached.end.cancel();
        }
        cluster::is_cluster(secret)
    }

    /// The cluster that an application deploys to.
    pub(crate) async fn find(&self, asking: &Asking<'_>) -> Result<Context, Error> {
        let (wanted, project) = (asking.cluster, asking.project);
        let secrets = self.of(wanted);
        if let Some(context) = self.given.get(wanted) {
            if asking.only_own && !secrets.iter().any(|secret| is_of(secret, project)) {
                return Err(Error::NotScoped(wanted.to_owned(), project.to_owned()));
            }
            return Ok(context);
        }
        let secret = match secrets.as_slice() {
            [] => return Err(Error::Unknown(wanted.to_owned())),
            [secret] => secret,
            // Of several with one URL, upstream takes that of the project.
            several => match several.iter().find(|secret| is_of(secret, project)) {
                Some(own) => own,
                None => return Err(Error::Ambiguous(wanted.to_owned(), several.len())),
            },
        };
        let unusable = |why: String| Error::Secret(object::name(secret).to_owned(), wanted.to_owned(), why);
        let cluster = cluster::read(secret).map_err(unusable)?;
        if !cluster.project.is_empty() && cluster.project != project {
            return Err(Error::OtherProject(wanted.to_owned(), cluster.project, project.to_owned()));
        }
        if asking.only_own && cluster.project.is_empty() {
            return Err(Error::NotScoped(wanted.to_owned(), project.to_owned()));
        }
        self.reach(secret, cluster).await.map_err(unusable)
    }

    fn of(&self, wanted: &str) -> Vec<Value> {
        let mut secrets = self.secrets.by_index(BY_CLUSTER, cluster::canonical(wanted));
        secrets.retain(|secret| object::namespace(secret) == Some(&self.namespace));
        secrets
    }

    async fn reach(&self, secret: &Value, cluster: Cluster) -> Result<Context, String> {
        let key = ObjectKey::of(secret);
        let version = object::resource_version(secret).unwrap_or_default().to_owned();
        if let Some(reached) = self.known().by_secret.get(&key).filter(|reached| reached.version == version) {
            return Ok(reached.context.clone());
        }
        let client = client(cluster.kubeconfig).await?;
        let mut known = self.known();
        if let Some(reached) = known.by_secret.get(&key).filter(|reached| reached.version == version) {
            return Ok(reached.context.clone());
        }
        known.made += 1;
        let name = match known.made {
            1 => cluster.server,
            number => format!("{} ({number})", cluster.server),
        };
        let end = self.control.shutdown.child_token();
        let Context { clock, ids, probe, .. } = self.control.clone();
        let context = Context::new(&name, client, Seams { clock, ids, probe, shutdown: end.clone() });
        let reached = Reached { version, context: context.clone(), end };
        if let Some(before) = known.by_secret.insert(key, reached) {
            before.end.cancel();
        }
        Ok(context)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_of(secret: &Value, project: &str) -> bool {
    cluster::read(secret).is_ok_and(|cluster| cluster.project == project)
}

async fn client(kubeconfig: Value) -> Result<Client, String> {
    let kubeconfig: Kubeconfig = serde_json::from_value(kubeconfig).map_err(|_| "its config is not readable")?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    let mut config = config.map_err(|error| chain(&error).to_string())?;
    config.connect_timeout = Some(CONNECT);
    Client::try_from(config).map_err(|error| chain(&error).to_string())
}
