//! The server's handle: clusters, clients, forks.
//! It must not know how a request is answered.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mainstay_controller_runtime::{Clock, Ids};
use mainstay_store::{KindKey, Snapshot, Store};
use serde_json::{Value, json};

use crate::Error;
use crate::admission::{Chain, Configurations, Exemptions, WebhookClient};
use crate::audit::Audit;
use crate::authn::Anonymous;
use crate::authn::keys::SigningKeys;
use crate::authn::service_account::ServiceAccounts;
use crate::authn::tokens::Tokens;
use crate::authz::Authorization;
use crate::client::InProcess;
use crate::handler;
use crate::identity::Identity;
use crate::limits::{Guard, Limits};
use crate::rbac::{self, Rbac};
use crate::registry::Registry;

/// The cluster that paths without `/clusters/<name>` belong to: the control plane.
pub const DEFAULT_CLUSTER: &str = "baseline-cluster1";

/// What a server needs from outside.
#[derive(Clone)]
pub struct Options {
    /// Time.
    pub clock: Clock,
    /// Uids, name suffixes and tokens.
    pub ids: Ids,
    /// Admission functions, in the order they run.
    pub admission: Chain,
    /// Who is not held to the Pod Security Standards.
    pub pod_security_exemptions: Exemptions,
    /// Whether pods must name an account that exists and get its token: the plugin `ServiceAccount`.
    pub service_account_admission: bool,
    /// How admission webhooks are called.
    pub webhook_client: WebhookClient,
    /// Who decides who may do what.
    pub authorization: Authorization,
    /// Controllers that every cluster gets a role for, as service accounts of [`Identity::controller`].
    pub controllers: Vec<Controller>,
    /// What becomes of those who show no credential.
    pub anonymous: Anonymous,
    /// Bearer tokens of those who come over the network.
    pub tokens: Tokens,
    /// What those who come over the network may ask for at a time.
    pub limits: Limits,
    /// What signs the tokens of service accounts.
    pub signing_keys: SigningKeys,
    /// Records who asks for what; `None` records nothing.
    pub audit: Option<Audit>,
    /// Where the server is reached, such as `https://127.0.0.1:7443`, where that is known.
    pub external_url: Option<String>,
}

/// A controller of the product and what it may do.
#[derive(Clone, Debug)]
pub struct Controller {
    /// Name of its service account.
    pub name: &'static str,
    /// The rules of its ClusterRole.
    pub rules: Value,
}

impl Options {
    /// A server on this clock with these ids, without admission, under role-based access control.
    #[must_use]
    pub fn new(clock: Clock, ids: Ids) -> Self {
        Self {
            clock,
            ids,
            admission: Vec::new(),
            pod_security_exemptions: Exemptions::default(),
            service_account_admission: false,
            webhook_client: WebhookClient::default(),
            authorization: Authorization::default(),
            controllers: vec![Controller { name: "apiserver", rules: crate::lifecycle::rules() }],
            anonymous: Anonymous::default(),
            tokens: Tokens::default(),
            signing_keys: SigningKeys::default(),
            audit: None,
            external_url: None,
            limits: Limits::default(),
        }
    }
}

/// Runs on the machine's clock.
impl Default for Options {
    fn default() -> Self {
        Self::new(Clock::system(), Ids::system())
    }
}

/// A Kubernetes API server for many logical clusters. Clones share it.
#[derive(Clone)]
pub struct ApiServer {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    registry: Registry,
    guard: Guard,
    options: Options,
    rbac: Rbac,
    service_accounts: ServiceAccounts,
    configurations: Configurations,
    calls: AtomicU64,
}

impl Inner {
    fn new(store: Store, registry: Registry, options: Options) -> Arc<Self> {
        let (rbac, service_accounts) = (Rbac::default(), ServiceAccounts::default());
        let (guard, configurations) = (Guard::new(options.limits.clone()), Configurations::default());
        let calls = AtomicU64::new(0);
        Arc::new(Self { store, registry, guard, options, rbac, service_accounts, configurations, calls })
    }
}

/// Namespaces that every cluster has from its start.
const INITIAL_NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// Priority classes that every cluster has from its start, as `scheduling.SystemPriorityClasses`.
const SYSTEM_PRIORITY_CLASSES: [(&str, i64, &str); 2] = [
    (
        "system-cluster-critical",
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
    (
        "system-node-critical",
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
];

impl ApiServer {
    /// A server over what the store holds.
    ///
    /// # Errors
    /// When what the store holds cannot be served.
    pub fn new(store: Store, options: Options) -> Result<Self, Error> {
        let server = Self { inner: Inner::new(store, Registry::new(), options) };
        for cluster in server.clusters() {
            let kind = KindKey::new(cluster.as_str(), "apiextensions.k8s.io", "customresourcedefinitions");
            for record in server.snapshot().list(&kind, None) {
                let definition: Value = serde_json::from_slice(&record.bytes).map_err(Error::internal)?;
                server.registry().publish(&cluster, &definition);
            }
        }
        Ok(server)
    }

    /// Makes a logical cluster with its initial namespaces, priority classes, roles and bindings; of one that exists,
    /// writes what is missing.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub async fn create_cluster(&self, name: &str) -> Result<(), Error> {
        for namespace in INITIAL_NAMESPACES {
            if !self.has_namespace(name, namespace) {
                let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
                self.create_as_system(name, "/api/v1/namespaces", &object).await?;
            }
        }
        for (class, value, description) in SYSTEM_PRIORITY_CLASSES {
            let key = KindKey::new(name, "scheduling.k8s.io", "priorityclasses").object("", class);
            if self.snapshot().get(&key).is_none() {
                let object = json!({
                    "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": class},
                    "value": value, "description": description,
                });
                self.create_as_system(name, "/apis/scheduling.k8s.io/v1/priorityclasses", &object).await?;
            }
        }
        let written = self.store().transact(|tx| {
            rbac::bootstrap::defaults(self, tx, name)?;
            let controllers = &self.options().controllers;
            controllers.iter().try_for_each(|controller| rbac::bootstrap::controller(self, tx, name, controller))
        });
        written.await
    }

    /// Gives a controller its role in a cluster.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub async fn grant(&self, cluster: &str, controller: &Controller) -> Result<(), Error> {
        self.store().transact(|tx| rbac::bootstrap::controller(self, tx, cluster, controller)).await
    }

    async fn create_as_system(&self, cluster: &str, path: &str, object: &Value) -> Result<(), Error> {
        let request = http::Request::post(path).body(axum::body::Body::from(object.to_string()));
        let request = request.map_err(Error::internal)?;
        let reply = handler::serve(self, cluster.into(), Arc::new(Identity::admin()), request).await;
        match reply.status().as_u16() {
            // Another call made it at the same time.
            201 | 409 => Ok(()),
            code => Err(Error::internal(format!("creating {} of cluster {cluster} answered {code}", object["kind"]))),
        }
    }

    /// The clusters there are, by name.
    #[must_use]
    pub fn clusters(&self) -> Vec<String> {
        let snapshot = self.snapshot();
        let namespaces = snapshot.kinds().filter(|kind| kind.group.is_empty() && &*kind.resource == "namespaces");
        namespaces.map(|kind| kind.cluster.to_string()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whether there is such a cluster.
    #[must_use]
    pub fn has_cluster(&self, name: &str) -> bool {
        self.has_namespace(name, INITIAL_NAMESPACES[0])
    }

    fn has_namespace(&self, cluster: &str, namespace: &str) -> bool {
        let key = KindKey::new(cluster, "", "namespaces").object("", namespace);
        self.snapshot().get(&key).is_some()
    }

    /// A client of a cluster, in process and without a socket. Must be called within a tokio runtime.
    #[must_use]
    pub fn client(&self, cluster: &str, identity: Identity) -> kube::Client {
        kube::Client::new(InProcess::new(self.clone(), cluster, identity), "default")
    }

    /// An independent server over a fork of the store, with the same definitions, admission and clock. Its ids are
    /// seeded by the revision, so that the same fork does the same. Nothing runs in the background of it.
    #[must_use]
    pub fn fork(&self) -> Self {
        let store = self.inner.store.fork();
        let mut options = self.inner.options.clone();
        options.ids = Ids::seeded(store.snapshot().revision());
        let registry = self.inner.registry.fork();
        Self { inner: Inner::new(store, registry, options) }
    }

    /// The same server's objects seen at one moment.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.inner.store.snapshot()
    }

    /// The store below.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// What is served.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.options.clock
    }

    /// How many calls were answered, of all clients together; a watch is one call.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.inner.calls.load(Ordering::Relaxed)
    }

    pub(crate) fn count_call(&self) {
        self.inner.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until the audit log holds everything so far; does nothing without one.
    pub async fn flush_audit(&self) {
        if let Some(audit) = &self.inner.options.audit {
            audit.flush().await;
        }
    }

    /// The bearer tokens.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        &self.inner.options.tokens
    }

    pub(crate) fn rbac(&self) -> &Rbac {
        &self.inner.rbac
    }

    pub(crate) fn service_accounts(&self) -> &ServiceAccounts {
        &self.inner.service_accounts
    }

    pub(crate) fn guard(&self) -> &Guard {
        &self.inner.guard
    }

    pub(crate) fn configurations(&self) -> &Configurations {
        &self.inner.configurations
    }

    pub(crate) fn options(&self) -> &Options {
        &self.inner.options
    }
}
