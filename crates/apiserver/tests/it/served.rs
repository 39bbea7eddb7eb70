//! A durable server over HTTPS on a port of its own, with a kubeconfig, that can be stopped and started again: what real
//! clients are held against. It must not know the clients.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mainstay_apiserver::tls::{Certified, LocalCa};
use mainstay_apiserver::{ApiServer, Identity, Kubeconfig, Options};
use mainstay_controller_runtime::{CancellationToken, Clock, Ids};
use mainstay_store::Store;
use tempfile::TempDir;
use tokio::task::JoinHandle;

const TOKEN: &str = "secret";
const CLUSTER: &str = "dev";

/// The server and what it leaves on disk.
pub(crate) struct Served {
    directory: TempDir,
    address: SocketAddr,
    certified: Certified,
    running: Option<Running>,
}

struct Running {
    server: ApiServer,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.shutdown.cancel();
        }
    }
}

impl Served {
    /// Starts with an empty cluster `dev`.
    pub(crate) async fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let authority = LocalCa::generate(&Clock::system()).unwrap();
        let certified = authority.issue("apiserver", &["127.0.0.1"], Duration::from_hours(24)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut served = Self { directory, address, certified, running: None };
        let clusters = [CLUSTER.to_owned()];
        let config = Kubeconfig {
            url: &format!("https://{address}"),
            authority: Some(authority.pem().certificate.as_str()),
            user: "admin",
            token: TOKEN,
            clusters: &clusters,
            current: CLUSTER,
        };
        served.write("kubeconfig", &config.to_yaml());
        served.run(listener).await;
        served
    }

    async fn run(&mut self, listener: TcpListener) {
        let store = Store::open(&self.path("store"), mainstay_store::Options::default()).unwrap();
        let server = ApiServer::new(store, Options::new(Clock::system(), Ids::seeded(7))).unwrap();
        server.create_cluster(CLUSTER).await.unwrap();
        server.tokens().insert(TOKEN, Identity::admin());
        let shutdown = CancellationToken::new();
        server.start_background(shutdown.clone());
        let (serving, certified, stop) = (server.clone(), self.certified.clone(), shutdown.clone());
        let serving = tokio::spawn(async move { serving.serve_https(listener, &certified, stop).await.unwrap() });
        self.running = Some(Running { server, shutdown, serving });
    }

    /// Stops the server, as a process's end would, and starts another one on what it stored, at the same port.
    pub(crate) async fn restart(&mut self) {
        let Running { server, shutdown, serving } = self.running.take().unwrap();
        shutdown.cancel();
        serving.await.unwrap();
        server.store().close();
        drop(server);
        self.run(TcpListener::bind(self.address).unwrap()).await;
    }

    /// A client over the port.
    pub(crate) async fn client(&self) -> kube::Client {
        let file = kube::config::Kubeconfig::read_from(self.kubeconfig()).unwrap();
        let config = kube::Config::from_custom_kubeconfig(file, &kube::config::KubeConfigOptions::default()).await;
        kube::Client::try_from(config.unwrap()).unwrap()
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.path("kubeconfig")
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file next to the kubeconfig.
    #[allow(clippy::disallowed_methods, reason = "a file for a real client")]
    pub(crate) fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }
}
