//! Connections to the clusters of a running server, through its kubeconfig.

use std::collections::BTreeMap;
use std::path::PathBuf;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::ApiResource;
use kube::{Client, Config};
use mainstay_controller_runtime::context::resource;
use mainstay_controller_runtime::{Api, ObjectKey};
use serde_json::Value;

use crate::arguments::Common;
use crate::error::Error;

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
        let wrap = |source| Error::Kubeconfig { path: path.clone(), source: Box::new(source) };
        let kubeconfig = Kubeconfig::read_from(&path).map_err(wrap)?;
        let mut clients = BTreeMap::new();
        for context in kubeconfig.contexts.clone() {
            let options = KubeConfigOptions { context: Some(context.name.clone()), ..KubeConfigOptions::default() };
            let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await.map_err(wrap)?;
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

    /// One Argo CD Application.
    ///
    /// # Errors
    /// When there is none, or the call fails.
    pub(crate) async fn application(&self, name: &str) -> Result<Value, Error> {
        self.applications()?.get(name).await?.ok_or_else(|| Error::NoApplication(name.to_owned()))
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

fn kubeconfig_path(common: &Common) -> PathBuf {
    common.kubeconfig.clone().unwrap_or_else(|| common.data_dir.join("kubeconfig"))
}
