//! All that is known of one application at one moment.
//! It must not know how it was read.

use std::collections::{BTreeSet, HashMap};

use mainstay_api::argoproj::{IN_CLUSTER, IN_CLUSTER_SERVER};
use mainstay_apimachinery::object;
use serde_json::Value;

use super::ObjectRef;

/// An object and the cluster it is in.
#[derive(Clone, Debug, PartialEq)]
pub struct Located {
    /// Name of the cluster.
    pub cluster: String,
    /// The object.
    pub object: Value,
}

impl Located {
    /// The reference to it.
    #[must_use]
    pub fn reference(&self) -> ObjectRef {
        ObjectRef::of(&self.cluster, &self.object)
    }
}

/// An argoproj.io Application and everything around it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    /// Name of the cluster the Application is in.
    pub control: String,
    /// The argoproj.io Application.
    pub application: Value,
    /// Objects that may belong to it, from the namespaces it deploys to.
    pub objects: Vec<Located>,
    /// Events of those namespaces and about the Application.
    pub events: Vec<Located>,
    /// Clusters whose nodes say that they are simulated.
    pub simulated: BTreeSet<String>,
    /// What could not be read, in words: a view that leaves something out says so.
    pub gaps: Vec<String>,
}

impl World {
    /// Name of the cluster the application is deployed to.
    #[must_use]
    pub fn destination(&self) -> String {
        destination(&self.application, &self.control)
    }

    /// The reference to the Application.
    #[must_use]
    pub fn root(&self) -> ObjectRef {
        ObjectRef::of(&self.control, &self.application)
    }

    /// Finds an object by its text form, the Application too.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Located> {
        if self.root().to_string() == id {
            return Some(Located { cluster: self.control.clone(), object: self.application.clone() });
        }
        self.objects.iter().find(|located| located.reference().to_string() == id).cloned()
    }

    /// Whether it runs on a simulated cluster, or any of its objects says that it is simulated.
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        self.simulated.contains(&self.destination()) || self.objects.iter().any(|located| is_simulated(&located.object))
    }

    /// Positions of the objects by uid.
    pub(crate) fn by_uid(&self) -> HashMap<&str, usize> {
        let uids = self.objects.iter().enumerate().map(|(i, located)| (object::uid(&located.object), i));
        uids.filter(|(uid, _)| !uid.is_empty()).collect()
    }
}

/// The cluster an argoproj.io Application is deployed to; the control plane's own under each of its names.
pub(crate) fn destination(application: &Value, control: &str) -> String {
    let field = |name: &str| application["spec"]["destination"][name].as_str().unwrap_or_default();
    let (name, server) = (field("name"), field("server"));
    match (name, server) {
        (IN_CLUSTER, _) | ("", IN_CLUSTER_SERVER | "") => control.to_owned(),
        ("", server) => server.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned(),
        (name, _) => name.to_owned(),
    }
}

/// Whether an object, or the node it is, says that it is simulated.
pub(crate) fn is_simulated(value: &Value) -> bool {
    const MARK: &str = "mainstay.dev/simulated";
    object::annotation(value, MARK).or_else(|| object::label(value, MARK)) == Some("true")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn destinations_by_name_and_server() {
        let of = |destination: Value| super::destination(&json!({"spec": {"destination": destination}}), "control");
        assert_eq!(of(json!({"name": "dev"})), "dev");
        assert_eq!(of(json!({"name": "in-cluster"})), "control");
        assert_eq!(of(json!({"server": "https://kubernetes.default.svc"})), "control");
        assert_eq!(of(json!({"server": "https://127.0.0.1:7443/clusters/staging/"})), "staging");
    }
}
