//! Connections to the clusters of a running server, through its kubeconfig. It must not know what a command does with
//! what it reads.

use std::collections::BTreeMap;
use std::path::PathBuf;

use futures::StreamExt;
use futures::stream::BoxStream;
use kube::api::DynamicObject;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::ApiResource;
use kube::runtime::watcher;
use kube::{Client, Config};
use mainstay_apimachinery::object;
use mainstay_controller_runtime::context::resource;
use mainstay_controller_runtime::{Api, ObjectKey};
use serde_json::Value;
use tokio::net::TcpStream;

use crate::arguments::Common;
use crate::error::Error;
use crate::suggest;

/// Cluster that holds the argoproj.io objects.
pub(crate) const CONTROL: &str = "baseline-cluster1";
/// Namespace that holds the argoproj.io objects.
pub(crate) const ARGOCD: &str = "argocd";

/// A server's clusters.
pub(crate) struct Connection {
    clients: BTreeMap<String, Client>,
}

impl Connection {
    /// Connects to every context of the kubeconfig.
    ///
    /// # Errors
    /// When the kubeconfig cannot be read or names no usable cluster.
    pub(crate) async fn open(common: &Common) -> Result<Self, Error> {
        let path = kubeconfig_path(common);
        if !path.exists() {
            return Err(Error::NoKubeconfig { path });
        }
        let wrap = |source| Error::Kubeconfig { path: path.clone(), source: Box::new(source) };
        let kubeconfig = Kubeconfig::read_from(&path).map_err(wrap)?;
        let mut clients = BTreeMap::new();
        for context in kubeconfig.contexts.clone() {
            let options = KubeConfigOptions { context: Some(context.name.clone()), ..KubeConfigOptions::default() };
            let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await.map_err(wrap)?;
            if context.name == CONTROL {
                reach(&config).await?;
            }
            let client = Client::try_from(config)
                .map_err(|source| Error::Connect { cluster: context.name.clone(), source: Box::new(source) })?;
            clients.insert(context.name, client);
        }
        Ok(Self { clients })
    }

    /// All clusters by name.
    pub(crate) fn clients(&self) -> &BTreeMap<String, Client> {
        &self.clients
    }

    /// The control plane's client.
    ///
    /// # Errors
    /// When the kubeconfig has no context of that name.
    pub(crate) fn control(&self) -> Result<&Client, Error> {
        self.clients.get(CONTROL).ok_or_else(|| Error::Refused(format!("the kubeconfig has no context {CONTROL}")))
    }

    /// Argo CD Applications in the control plane.
    ///
    /// # Errors
    /// When there is no control plane.
    pub(crate) fn applications(&self) -> Result<Api, Error> {
        Ok(Api::new(self.control()?.clone(), applications(), Some(ARGOCD)))
    }

    /// All Argo CD Applications, sorted by name.
    ///
    /// # Errors
    /// When the call fails.
    pub(crate) async fn all_applications(&self) -> Result<Vec<Value>, Error> {
        let mut applications = self.applications()?.list("").await?;
        applications.sort_by(|a, b| object::name(a).cmp(object::name(b)));
        Ok(applications)
    }

    /// One Argo CD Application.
    ///
    /// # Errors
    /// When there is none, or the call fails.
    pub(crate) async fn application(&self, name: &str) -> Result<Value, Error> {
        match self.applications()?.get(name).await? {
            Some(application) => Ok(application),
            None => Err(no_application(name, &self.all_applications().await?)),
        }
    }

    /// Changes of Argo CD Applications, or of the one of a name: first what is there, then as it happens.
    ///
    /// # Errors
    /// When there is no control plane.
    pub(crate) fn watch(&self, name: Option<&str>) -> Result<BoxStream<'static, watcher::Event<Value>>, Error> {
        let api: kube::Api<DynamicObject> =
            kube::Api::namespaced_with(self.control()?.clone(), ARGOCD, &applications());
        let config = match name {
            Some(name) => watcher::Config::default().fields(&format!("metadata.name={name}")),
            None => watcher::Config::default(),
        };
        // The watcher starts again by itself after an error.
        let events = watcher(api, config).filter_map(async |event| event.ok().map(untyped));
        Ok(events.boxed())
    }

    /// Where the server's git host and portal are, by key, from the ConfigMap that the server writes.
    ///
    /// # Errors
    /// When the call fails or the server has not written it.
    pub(crate) async fn server_info(&self, key: &str) -> Result<String, Error> {
        let ObjectKey { namespace, name } = mainstay_server::info_key();
        let api = Api::new(self.control()?.clone(), resource("", "v1", "ConfigMap", "configmaps"), Some(&namespace));
        let info = api.get(&name).await?;
        let value = info.as_ref().and_then(|info| info.get("data")?.get(key)?.as_str());
        value.map(str::to_owned).ok_or_else(|| Error::Refused(format!("the server does not say its {key}")))
    }
}

/// The argoproj.io Application resource.
pub(crate) fn applications() -> ApiResource {
    resource("argoproj.io", "v1alpha1", "Application", "applications")
}

/// There is no application of a name, but there may be similar ones.
pub(crate) fn no_application(name: &str, known: &[Value]) -> Error {
    let near = suggest::near(name, known.iter().map(object::name));
    Error::NoApplication { name: name.to_owned(), near: near.into_iter().map(str::to_owned).collect() }
}

/// Whether anybody listens: a plain answer before the first call, which would tell it in a chain of six errors.
async fn reach(config: &Config) -> Result<(), Error> {
    let (url, proxied) = (&config.cluster_url, config.proxy_url.is_some());
    let (Some(host), false) = (url.host(), proxied) else { return Ok(()) };
    let port = url.port_u16().unwrap_or(443);
    let reached = TcpStream::connect((host.trim_matches(['[', ']']), port)).await;
    let there = || format!("{}://{host}:{port}", url.scheme_str().unwrap_or("https"));
    reached.map(drop).map_err(|source| Error::Unreachable { url: there(), source })
}

fn untyped(event: watcher::Event<DynamicObject>) -> watcher::Event<Value> {
    let value = |object: DynamicObject| serde_json::to_value(object).unwrap_or_default();
    match event {
        watcher::Event::Apply(object) => watcher::Event::Apply(value(object)),
        watcher::Event::Delete(object) => watcher::Event::Delete(value(object)),
        watcher::Event::Init => watcher::Event::Init,
        watcher::Event::InitApply(object) => watcher::Event::InitApply(value(object)),
        watcher::Event::InitDone => watcher::Event::InitDone,
    }
}

fn kubeconfig_path(common: &Common) -> PathBuf {
    common.kubeconfig.clone().unwrap_or_else(|| common.data_dir.join("kubeconfig"))
}
