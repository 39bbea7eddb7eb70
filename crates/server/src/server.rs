//! Starts everything in its order, and holds it while it runs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use kube::Client;
use mainstay_apiserver::limits::ConnectionLimits;
use mainstay_apiserver::listen::{self, Services};
use mainstay_apiserver::tls::{self, Certified, LocalCa};
use mainstay_apiserver::{ApiServer, DEFAULT_CLUSTER, Identity, KeyError, Kubeconfig, SigningKey};
use mainstay_controller_runtime::context::Seams;
use mainstay_controller_runtime::{Clock, Context};
use mainstay_git::{GitHost, HostOptions, Repositories};
use mainstay_portal::PortalContext;
use mainstay_simcluster::LocalAuthority;
use mainstay_store::Store;
use tokio::net::TcpListener;

use crate::audit::AuditLog;
use crate::data_dir::DataDir;
use crate::engines::Engines;
use crate::hosts::{Hosts, hostname};
use crate::seed::IN_CLUSTER_URL;
use crate::webhooks::Webhooks;
use crate::{Error, access, plain, recovery, seed};

/// The member clusters of an embedded fleet: one per environment.
pub const MEMBERS: [&str; 3] = ["dev", "staging", "production"];
/// How long the port's certificate is valid; a new one is made at every start.
const CERTIFICATE_LIFETIME: Duration = Duration::from_hours(365 * 24);

/// A store that is locked is tried again this often and this many times: for 2 s. The kernel frees the memory of a
/// killed server, some hundred MiB, before its locks.
const LOCK_WAIT: Duration = Duration::from_millis(50);
const LOCK_WAITS: u32 = 40;

/// How a server runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where state is kept; `None` is a temporary directory.
    pub data_dir: Option<PathBuf>,
    /// Keep objects in memory only.
    pub ephemeral: bool,
    /// Address to listen on; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Time, ids, idleness and the end of it all.
    pub seams: Seams,
    /// Latencies of the simulated nodes.
    pub simulation: mainstay_simcluster::Timings,
    /// Records who asks the API for what.
    pub audit: Option<AuditLog>,
    /// Serve the Kubernetes API alone: no git host, no engines, no simulated nodes, no portal.
    pub only_api: bool,
}

impl Options {
    /// A server that keeps nothing, on any free loopback port.
    #[must_use]
    pub fn ephemeral(seams: Seams) -> Self {
        Self {
            data_dir: None,
            ephemeral: true,
            listen: ([127, 0, 0, 1], 0).into(),
            seams,
            simulation: mainstay_simcluster::Timings::default(),
            audit: None,
            only_api: false,
        }
    }
}

/// A running server.
pub struct Server {
    /// Where it is reached from this machine.
    address: SocketAddr,
    hosts: Hosts,
    directory: DataDir,
    api: ApiServer,
    /// `None` where the API is served alone.
    git: Option<GitHost>,
    seams: Seams,
}

impl Server {
    /// Starts everything; returns once the port answers and the engines run.
    ///
    /// # Errors
    /// When the data directory, the port or the `git` program cannot be used.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let directory = match &options.data_dir {
            Some(path) => DataDir::open(path)?,
            None => DataDir::temporary()?,
        };
        let listening = |source| Error::Listen { address: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(listening)?;
        let hosts = Hosts::new(listener.local_addr().map_err(listening)?, hostname());
        let address = hosts.address();
        let api = start_api(&directory, &options, format!("https://{address}")).await?;
        let git = match options.only_api {
            true => None,
            false => Some(start_git(&directory, address, &options.seams).await?),
        };
        let server = Self { address, hosts, directory, api, git, seams: options.seams };
        server.run(listener, options.simulation).await?;
        Ok(server)
    }

    async fn run(&self, listener: TcpListener, timings: mainstay_simcluster::Timings) -> Result<(), Error> {
        let authority = self.authority()?;
        self.write_kubeconfig(&authority)?;
        let control = self.api.client(DEFAULT_CLUSTER, Identity::controller("server"));
        let webhooks = Webhooks::new(Context::new(DEFAULT_CLUSTER, control, self.seams.clone()));
        let services = self.services(&authority, &webhooks)?;
        tokio::spawn(listen::serve(listener, services, self.seams.shutdown.clone()));
        self.api.start_background_with(self.seams.probe.clone(), self.seams.shutdown.clone());
        match &self.git {
            Some(git) => self.start_engines((git, webhooks), &authority, timings).await,
            None => Ok(()),
        }
    }

    async fn start_engines(
        &self,
        (git, webhooks): (&GitHost, Webhooks),
        authority: &LocalCa,
        timings: mainstay_simcluster::Timings,
    ) -> Result<(), Error> {
        seed::repositories(git, self.seams.clock.now()).await?;
        let mirrors = mainstay_git::Options::new(self.directory.mirrors());
        let issuer = LocalAuthority::from_pem(&authority.pem().certificate, &authority.pem().key)
            .map_err(|error| Error::Tls(mainstay_telemetry::chain(&error)))?;
        let simulation =
            mainstay_simcluster::Options { timings, ..mainstay_simcluster::Options::new(Arc::new(issuer)) };
        let engines = Engines {
            api: &self.api,
            git,
            webhooks,
            repositories: Repositories::new(mirrors.with_host(git.clone())),
            seams: &self.seams,
            simulation,
            info: self.info(),
        };
        engines.start().await
    }

    /// The certificate authority of this data directory, made on its first start.
    fn authority(&self) -> Result<LocalCa, Error> {
        let folder = self.directory.certificate_authority();
        let (certificate, key) = (folder.join("ca.crt"), folder.join("ca.key"));
        let failed = |error: tls::Error| Error::Tls(mainstay_telemetry::chain(&error));
        if let (Some(certificate), Some(key)) = (DataDir::read(&certificate)?, DataDir::read(&key)?) {
            return LocalCa::load(Certified { certificate, key }, &self.seams.clock).map_err(failed);
        }
        let authority = LocalCa::generate(&self.seams.clock).map_err(failed)?;
        DataDir::write_secret(&key, &authority.pem().key)?;
        DataDir::write_secret(&certificate, &authority.pem().certificate)?;
        Ok(authority)
    }

    /// Writes the administrator's kubeconfig; the token stays the same over restarts.
    fn write_kubeconfig(&self, authority: &LocalCa) -> Result<(), Error> {
        let path = self.directory.admin_token();
        let token = match DataDir::read(&path)? {
            Some(token) => token.trim().to_owned(),
            None => {
                let token = self.seams.ids.token();
                DataDir::write_secret(&path, &token)?;
                token
            }
        };
        self.api.tokens().insert(&token, Identity::admin());
        let clusters = self.clusters();
        let kubeconfig = Kubeconfig {
            url: &self.api_url(),
            authority: Some(&authority.pem().certificate),
            user: "admin",
            token: &token,
            clusters: &clusters,
            current: DEFAULT_CLUSTER,
        };
        DataDir::write_secret(&self.kubeconfig(), &kubeconfig.to_yaml())
    }

    fn services(&self, authority: &LocalCa, webhooks: &Webhooks) -> Result<Services, Error> {
        let failed = |error: tls::Error| Error::Tls(mainstay_telemetry::chain(&error));
        let names = self.hosts.certified();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let certified = authority.issue("mainstay", &names, CERTIFICATE_LIFETIME).map_err(failed)?;
        let plain = |git: &GitHost| plain::router(self.portal(), git.router(), webhooks.router(), self.hosts.clone());
        Ok(Services {
            secure: self.api.router(),
            plain: self.git.as_ref().map(plain),
            tls: tls::acceptor_for_clients(&certified, &authority.pem().certificate).map_err(failed)?,
            connections: ConnectionLimits::default(),
        })
    }

    fn portal(&self) -> Router {
        let as_portal = |cluster: &str| self.api.client(cluster, Identity::controller("portal"));
        let members = MEMBERS.iter().map(|name| ((*name).to_owned(), as_portal(name))).collect();
        let context = PortalContext::new(DEFAULT_CLUSTER, as_portal(DEFAULT_CLUSTER), members)
            .with_clock(self.seams.clock.clone())
            .with_shutdown(self.seams.shutdown.clone());
        mainstay_portal::router(context)
    }

    fn info(&self) -> Vec<(&'static str, String)> {
        vec![
            ("portalURL", self.portal_url()),
            ("gitURL", self.git_url()),
            ("inClusterGitURL", IN_CLUSTER_URL.to_owned()),
            ("apiURL", self.api_url()),
        ]
    }

    /// The control plane and its members.
    #[must_use]
    pub fn clusters(&self) -> Vec<String> {
        std::iter::once(DEFAULT_CLUSTER).chain(MEMBERS).map(str::to_owned).collect()
    }

    /// Where the portal is.
    #[must_use]
    pub fn portal_url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Where the git host is; a repository is at `<url>/<name>.git`.
    #[must_use]
    pub fn git_url(&self) -> String {
        format!("http://{}/git", self.address)
    }

    /// The URL that manifests name a repository of the git host by.
    #[must_use]
    pub fn in_cluster_git_url(&self, repository: &str) -> String {
        format!("{IN_CLUSTER_URL}/{repository}.git")
    }

    /// Where the API server is; a cluster is at `<url>/clusters/<name>`.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The administrator's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.directory.kubeconfig()
    }

    /// An administrator's client of a cluster, in process.
    #[must_use]
    pub fn client(&self, cluster: &str) -> Client {
        self.api.client(cluster, Identity::admin())
    }

    /// How many objects there are, over all clusters.
    #[must_use]
    pub fn objects(&self) -> usize {
        let snapshot = self.api.snapshot();
        snapshot.kinds().map(|kind| snapshot.count(kind)).sum()
    }

    /// How many calls the API server has answered since its start.
    #[must_use]
    pub fn api_calls(&self) -> u64 {
        self.api.calls()
    }

    /// Ends every task; returns once all that was acknowledged is on disk and the data directory is free again.
    pub async fn stop(self) {
        self.seams.shutdown.cancel();
        self.api.flush_audit().await;
        let store = self.api.store().clone();
        if let Err(error) = tokio::task::spawn_blocking(move || store.close()).await {
            tracing::error!(%error, "failed to close the store");
        }
    }
}

async fn start_api(directory: &DataDir, options: &Options, url: String) -> Result<ApiServer, Error> {
    let store = if options.ephemeral {
        Store::ephemeral(mainstay_store::Options::default())
    } else {
        open_store(&directory.store(), &options.seams.clock).await?
    };
    let seams = &options.seams;
    tokio::spawn(recovery::run(store.clone(), seams.clock.clone(), seams.shutdown.clone()));
    let mut api_options = mainstay_apiserver::Options::new(seams.clock.clone(), seams.ids.clone());
    api_options.controllers.extend(access::controllers());
    api_options.external_url = Some(url);
    api_options.audit = options.audit.as_ref().map(AuditLog::start).transpose()?;
    let clusters = || std::iter::once(DEFAULT_CLUSTER).chain(MEMBERS);
    for cluster in clusters() {
        api_options.signing_keys.insert(cluster, signing_key(&directory.signing_key(cluster))?);
    }
    let api = ApiServer::new(store, api_options).map_err(Error::ApiServer)?;
    // Together, so that a few commits make them all durable.
    futures::future::try_join_all(clusters().map(|cluster| api.create_cluster(cluster)))
        .await
        .map_err(Error::ApiServer)?;
    Ok(api)
}

/// The key of a cluster's service accounts, made on the first start, so that their tokens outlive the process.
fn signing_key(path: &Path) -> Result<SigningKey, Error> {
    let failed = |error: KeyError| Error::Tls(format!("{error}: {}", path.display()));
    if let Some(pem) = DataDir::read(path)? {
        return SigningKey::from_pem(&pem).map_err(failed);
    }
    let key = SigningKey::generate().map_err(failed)?;
    DataDir::write_secret(path, key.pem())?;
    Ok(key)
}

/// Opens the store. A server that was just killed may hold the file a little longer than its port.
async fn open_store(path: &Path, clock: &Clock) -> Result<Store, Error> {
    let mut waits = LOCK_WAITS;
    loop {
        let path = path.to_owned();
        let opened = tokio::task::spawn_blocking(move || Store::open(&path, mainstay_store::Options::default())).await;
        match opened.map_err(|error| Error::Stopped(error.to_string()))? {
            Err(mainstay_store::Error::Locked { .. }) if waits > 0 => {
                waits -= 1;
                clock.sleep(LOCK_WAIT).await;
            }
            opened => return opened.map_err(Error::Store),
        }
    }
}

async fn start_git(directory: &DataDir, address: SocketAddr, seams: &Seams) -> Result<GitHost, Error> {
    let clock = seams.clock.clone();
    let host = GitHost::open(directory.repositories(), HostOptions::new(move || clock.now())).await;
    let host = host.map_err(Error::Git)?;
    // The first is the one that manifests use; the second is for people.
    host.add_base_url(IN_CLUSTER_URL);
    host.add_base_url(&format!("http://{address}/git"));
    Ok(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_locked_store_is_waited_for() {
        let directory = DataDir::temporary().unwrap();
        let (path, clock) = (directory.store(), Clock::system());
        let held = Store::open(&path, mainstay_store::Options::default()).unwrap();
        let refused = open_store(&path, &clock).await.err().unwrap();
        assert!(matches!(refused, Error::Store(mainstay_store::Error::Locked { .. })), "{refused:?}");

        let release = async {
            clock.sleep(LOCK_WAIT * LOCK_WAITS / 2).await;
            held.close();
        };
        let (opened, ()) = tokio::join!(open_store(&path, &clock), release);
        assert!(opened.is_ok());
    }
}
