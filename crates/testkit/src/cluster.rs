//! The cluster of a test: how it is set up, who talks to it, what is written to it.
//! It must not know how anything is waited for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use mainstay_apimachinery::{GroupVersionKind, object, yaml};
use mainstay_apiserver::{ApiServer, Controller, Identity, Options};
use mainstay_controller_runtime::context::Seams;
use mainstay_controller_runtime::{Api, ApiResource, ApplyOptions, CancellationToken, Context, IdleProbe, Ids};
use mainstay_simcluster::{CertificateAuthority, LocalAuthority};
use mainstay_store::Store;
use serde_json::Value;

use crate::{CLUSTER, World};

/// When the virtual clock starts: not on a whole second, so that nothing relies on the seconds that objects keep.
const START: &str = "2030-01-01T00:00:00.7Z";
/// Seed of uids and suffixes.
const SEED: u64 = 1;
/// Name of the service account that simulates.
const SIMCLUSTER: &str = "simcluster";
/// Field manager of what a test writes itself.
const MANAGER: &str = "testkit";

/// What a cluster is to be like.
#[derive(Clone, Debug)]
pub struct Setup {
    clusters: Vec<String>,
    simulated: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self { clusters: vec![CLUSTER.to_owned()], simulated: false }
    }
}

impl Setup {
    /// With these logical clusters, of which the first is the default one.
    #[must_use]
    pub fn clusters(mut self, names: &[&str]) -> Self {
        self.clusters = names.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// With nodes, scheduler, kubelets and controllers, simulated in every logical cluster.
    #[must_use]
    pub fn simulated(mut self) -> Self {
        self.simulated = true;
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start(self) -> TestCluster {
        let start: Timestamp = START.parse().expect("a constant timestamp");
        let seams = Seams::deterministic(start, SEED);
        let mut options = Options::new(seams.clock.clone(), seams.ids.clone());
        options.controllers.push(Controller { name: SIMCLUSTER, rules: mainstay_simcluster::rules() });
        let server = ApiServer::new(Store::ephemeral(mainstay_store::Options::default()), options)
            .expect("an empty store can be served");
        for name in &self.clusters {
            server.create_cluster(name).await.expect("a cluster can be created");
        }
        let authority = LocalAuthority::generate("testkit", start).expect("a key can be made");
        let cluster = TestCluster::new(self, server, seams, Arc::new(authority));
        cluster.start_background();
        cluster
    }
}

/// A running API server with everything around it. Dropping it ends its tasks.
pub struct TestCluster {
    setup: Setup,
    server: ApiServer,
    seams: Seams,
    authority: Arc<dyn CertificateAuthority>,
    /// The administrator's contexts by cluster, so that waiting shares informers.
    admin: Mutex<HashMap<String, Context>>,
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        self.seams.shutdown.cancel();
    }
}

impl TestCluster {
    fn new(setup: Setup, server: ApiServer, seams: Seams, authority: Arc<dyn CertificateAuthority>) -> Self {
        Self { setup, server, seams, authority, admin: Mutex::default() }
    }

    /// One logical cluster, [`CLUSTER`], on which nothing runs.
    pub async fn start() -> Self {
        Setup::default().start().await
    }

    /// One logical cluster, [`CLUSTER`], simulated: its pods become Ready.
    pub async fn simulated() -> Self {
        Setup::default().simulated().start().await
    }

    fn start_background(&self) {
        drop(self.server.start_background_with(self.seams.probe.clone(), self.seams.shutdown.clone()));
        if self.setup.simulated {
            for name in &self.setup.clusters {
                let options = mainstay_simcluster::Options::new(Arc::clone(&self.authority));
                mainstay_simcluster::run(self.context(name, &Identity::controller(SIMCLUSTER)), options);
            }
        }
    }

    /// The same world once more, on the same clock: what is done to it does not touch this one. The same controllers
    /// run on it; a test that started others starts them there as well.
    #[must_use]
    pub fn fork(&self) -> Self {
        let server = self.server.fork();
        let seams = Seams {
            clock: self.seams.clock.clone(),
            ids: Ids::seeded(server.snapshot().revision()),
            probe: IdleProbe::new(),
            shutdown: CancellationToken::new(),
        };
        let fork = Self::new(self.setup.clone(), server, seams, Arc::clone(&self.authority));
        fork.start_background();
        fork
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &ApiServer {
        &self.server
    }

    /// Clock, ids, probe and shutdown, to start more controllers with.
    #[must_use]
    pub fn seams(&self) -> &Seams {
        &self.seams
    }

    /// Everything there is at this moment.
    #[must_use]
    pub fn world(&self) -> World {
        World::of(&self.server.snapshot())
    }

    /// The administrator's client of the default cluster.
    #[must_use]
    pub fn client(&self) -> kube::Client {
        self.server.client(self.default_name(), Identity::admin())
    }

    pub(crate) fn default_name(&self) -> &str {
        self.setup.clusters.first().map_or(CLUSTER, String::as_str)
    }

    /// Lets a controller do what its rules say, in all clusters; see [`Identity::controller`].
    ///
    /// # Panics
    /// If its role cannot be stored.
    pub async fn grant(&self, name: &'static str, rules: Value) {
        let controller = Controller { name, rules };
        for cluster in &self.setup.clusters {
            self.server.grant(cluster, &controller).await.expect("a role can be stored");
        }
    }

    /// A new context of a cluster for a controller with this identity.
    #[must_use]
    pub fn context(&self, cluster: &str, who: &Identity) -> Context {
        Context::new(cluster, self.server.client(cluster, who.clone()), self.seams.clone())
    }

    /// The administrator's context of a cluster.
    #[must_use]
    pub fn admin(&self, cluster: &str) -> Context {
        let mut contexts = self.admin.lock().unwrap_or_else(PoisonError::into_inner);
        let context = contexts.entry(cluster.to_owned());
        context.or_insert_with(|| self.context(cluster, &Identity::admin())).clone()
    }

    /// The resource of a kind in the default cluster, such as `("apps/v1", "Deployment")`.
    ///
    /// # Panics
    /// If it is not served.
    pub async fn resource(&self, (api_version, kind): (&str, &str)) -> ApiResource {
        let (group, version) = mainstay_apimachinery::gvk::split_api_version(api_version);
        let gvk = GroupVersionKind::new(group, version, kind);
        let found = self.admin(self.default_name()).mapper.resolve(&gvk).await.expect("discovery answers");
        found.unwrap_or_else(|| panic!("{gvk} is not served")).resource
    }

    /// The administrator's API of a kind in a namespace of the default cluster.
    ///
    /// # Panics
    /// If the kind is not served.
    pub async fn api(&self, kind: (&str, &str), namespace: &str) -> Api {
        let resource = self.resource(kind).await;
        self.admin(self.default_name()).api(&resource, Some(namespace))
    }

    /// Server-side-applies an object in the default cluster and answers it as stored.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn apply(&self, object: &Value) -> Value {
        let kind = (object::api_version(object), object::kind(object));
        let api = self.api(kind, object::namespace(object).unwrap_or_default()).await;
        let applied = api.apply(object, &ApplyOptions::forced(MANAGER)).await;
        applied.unwrap_or_else(|error| panic!("{} is refused: {}", object::describe(object), error.message()))
    }

    /// Server-side-applies all objects of a YAML text, in order.
    ///
    /// # Panics
    /// If it is no YAML, or an object is refused.
    pub async fn apply_yaml(&self, text: &str) -> Vec<Value> {
        let documents = yaml::parse_documents(text).unwrap_or_else(|error| panic!("{error}"));
        let mut applied = Vec::new();
        for document in documents {
            applied.push(self.apply(&document.value).await);
        }
        applied
    }

    /// An object of the default cluster; the namespace is empty for cluster-scoped kinds.
    ///
    /// # Panics
    /// If the call fails, other than by there being none.
    pub async fn get(&self, kind: (&str, &str), namespace: &str, name: &str) -> Option<Value> {
        self.api(kind, namespace).await.get(name).await.expect("the server answers")
    }

    /// The objects of a kind in a namespace of the default cluster.
    ///
    /// # Panics
    /// If the call fails.
    pub async fn list(&self, kind: (&str, &str), namespace: &str) -> Vec<Value> {
        self.api(kind, namespace).await.list("").await.expect("the server answers")
    }

    /// Deletes an object of the default cluster.
    ///
    /// # Panics
    /// If the call fails.
    pub async fn delete(&self, kind: (&str, &str), namespace: &str, name: &str) {
        let options = mainstay_controller_runtime::DeleteOptions::default();
        self.api(kind, namespace).await.delete(name, &options).await.expect("the server answers");
    }
}
