//! The kubeconfig file: one context for each cluster.
//! It must not know the server's state.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mainstay_apimachinery::yaml;
use serde_json::{Value, json};

/// What a kubeconfig says.
#[derive(Clone, Debug)]
pub struct Kubeconfig<'a> {
    /// Where the server is, such as `https://127.0.0.1:6443`.
    pub url: &'a str,
    /// Certificate of the authority to trust, in PEM; `None` for plain HTTP.
    pub authority: Option<&'a str>,
    /// User name.
    pub user: &'a str,
    /// The user's bearer token.
    pub token: &'a str,
    /// The clusters; each gets a context of its name.
    pub clusters: &'a [String],
    /// The context that is used when none is named.
    pub current: &'a str,
}

impl Kubeconfig<'_> {
    /// The file.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let clusters: Vec<Value> = self.clusters.iter().map(|name| self.cluster(name)).collect();
        let context = |name: &String| json!({"name": name, "context": {"cluster": name, "user": self.user}});
        yaml::to_string(&json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": clusters,
            "contexts": self.clusters.iter().map(context).collect::<Vec<_>>(),
            "current-context": self.current,
            "users": [{"name": self.user, "user": {"token": self.token}}],
        }))
    }

    fn cluster(&self, name: &str) -> Value {
        let mut cluster = json!({"server": format!("{}/clusters/{name}", self.url)});
        if let Some(authority) = self.authority {
            cluster["certificate-authority-data"] = Value::from(STANDARD.encode(authority));
        }
        json!({"name": name, "cluster": cluster})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cluster_has_a_context() {
        let clusters = ["dev".to_owned(), "prod".to_owned()];
        let file = Kubeconfig {
            url: "https://127.0.0.1:1",
            authority: Some("pem"),
            user: "admin",
            token: "t",
            clusters: &clusters,
            current: "dev",
        };
        let parsed = yaml::parse_one(&file.to_yaml()).unwrap().value;
        assert_eq!(parsed["clusters"][1]["cluster"]["server"], "https://127.0.0.1:1/clusters/prod");
        assert_eq!(parsed["contexts"][0], json!({"name": "dev", "context": {"cluster": "dev", "user": "admin"}}));
    }
}
