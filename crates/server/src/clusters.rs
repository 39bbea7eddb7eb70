//! The clusters that GitOps may deploy to: the logical ones of the embedded API server.

use std::collections::BTreeMap;

use mainstay_controller_runtime::Context;

use crate::bootstrap::MEMBER_SERVER;

/// Clusters by name, with the URL and the name Argo CD knows the control plane by.
pub(crate) struct Embedded {
    control: String,
    contexts: BTreeMap<String, Context>,
}

/// How Argo CD calls the cluster it runs in.
const IN_CLUSTER: [&str; 2] = ["in-cluster", "https://kubernetes.default.svc"];

impl Embedded {
    pub(crate) fn new(control: &str, contexts: BTreeMap<String, Context>) -> Self {
        Self { control: control.to_owned(), contexts }
    }
}

impl mainstay_gitops::Clusters for Embedded {
    fn get(&self, name_or_server: &str) -> Option<Context> {
        let member = name_or_server.strip_prefix(MEMBER_SERVER).unwrap_or(name_or_server);
        let name = if IN_CLUSTER.contains(&name_or_server) { &self.control } else { member };
        self.contexts.get(name).cloned()
    }
}

/// Names of the clusters that ApplicationSets may name as a destination.
pub(crate) struct Known(pub(crate) Vec<String>);

impl mainstay_applicationset::Clusters for Known {
    fn has(&self, name_or_server: &str) -> bool {
        let name = name_or_server.strip_prefix(MEMBER_SERVER).unwrap_or(name_or_server);
        self.0.iter().any(|known| known == name)
    }
}
