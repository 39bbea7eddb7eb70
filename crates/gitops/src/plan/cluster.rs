//! What a Secret of type `cluster` says of a cluster to deploy to, as a kubeconfig. As Argo CD's `SecretToCluster`.
//! It must not know clients.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mainstay_api::argoproj;
use mainstay_apimachinery::object;
use serde::Deserialize;
use serde_json::{Value, json};

/// A cluster to deploy to.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// URL of its API server.
    pub server: String,
    /// The project that it is for; empty for all.
    pub project: String,
    /// How it is reached; holds credentials.
    pub kubeconfig: Value,
}

/// `ClusterConfig` as it is written.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Config {
    username: String,
    password: String,
    bearer_token: String,
    tls_client_config: Tls,
    aws_auth_config: Option<Value>,
    exec_provider_config: Option<Exec>,
    proxy_url: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Tls {
    insecure: bool,
    server_name: String,
    ca_data: String,
    cert_data: String,
    key_data: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Exec {
    command: String,
    args: Vec<String>,
    env: std::collections::BTreeMap<String, String>,
    api_version: String,
    install_hint: String,
}

/// Whether an object is such a Secret.
#[must_use]
pub fn is_cluster(secret: &Value) -> bool {
    object::label(secret, argoproj::SECRET_TYPE) == Some("cluster")
}

/// The name and the URL of a Secret's cluster, either of which a destination may give.
#[must_use]
pub fn names(secret: &Value) -> Vec<String> {
    if !is_cluster(secret) {
        return Vec::new();
    }
    let server = field(secret, "server").map(|server| canonical(&server).to_owned());
    field(secret, "name").into_iter().chain(server).collect()
}

/// A server's URL as it is compared.
#[must_use]
pub fn canonical(server: &str) -> &str {
    server.trim_end_matches('/')
}

/// Reads a Secret.
///
/// # Errors
/// When it says too little, or something that is not supported; in words, without what is secret.
pub fn read(secret: &Value) -> Result<Cluster, String> {
    let server = field(secret, "server").filter(|server| !server.is_empty()).ok_or("it has no server")?;
    let name = field(secret, "name").filter(|name| !name.is_empty()).unwrap_or_else(|| server.clone());
    let text = field(secret, "config").unwrap_or_else(|| "{}".to_owned());
    // What is wrong is not repeated: it may be a password.
    let config: Config = serde_json::from_str(&text)
        .map_err(|error| format!("its config is not readable at line {}, column {}", error.line(), error.column()))?;
    if config.aws_auth_config.is_some() {
        return Err("awsAuthConfig is not supported; use execProviderConfig with aws eks get-token".to_owned());
    }
    let kubeconfig = kubeconfig(&server, config);
    Ok(Cluster { project: field(secret, "project").unwrap_or_default(), name, server, kubeconfig })
}

fn kubeconfig(server: &str, config: Config) -> Value {
    let Config { username, password, bearer_token, tls_client_config: tls, exec_provider_config, proxy_url, .. } =
        config;
    let given = |text: String| (!text.is_empty()).then_some(text);
    let cluster = json!({
        "server": server, "certificate-authority-data": given(tls.ca_data), "proxy-url": given(proxy_url),
        "insecure-skip-tls-verify": tls.insecure, "tls-server-name": given(tls.server_name),
    });
    let exec = exec_provider_config.map(|exec| {
        let env: Vec<Value> = exec.env.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        json!({"command": exec.command, "args": exec.args, "env": env, "apiVersion": given(exec.api_version),
            "installHint": given(exec.install_hint), "interactiveMode": "Never"})
    });
    let user = json!({
        "username": given(username), "password": given(password), "token": given(bearer_token), "exec": exec,
        "client-certificate-data": given(tls.cert_data), "client-key-data": given(tls.key_data),
    });
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{"name": "it", "cluster": cluster}], "users": [{"name": "it", "user": user}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    })
}

fn field(secret: &Value, key: &str) -> Option<String> {
    let bytes = BASE64_STANDARD.decode(secret.get("data")?.get(key)?.as_str()?).ok()?;
    String::from_utf8(bytes).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(fields: &[(&str, &str)]) -> Value {
        let data: serde_json::Map<String, Value> =
            fields.iter().map(|(key, value)| ((*key).to_owned(), BASE64_STANDARD.encode(value).into())).collect();
        json!({"metadata": {"labels": {"argocd.argoproj.io/secret-type": "cluster"}}, "data": data})
    }

    #[test]
    fn a_secret_becomes_a_kubeconfig() {
        let config = r#"{"bearerToken": "t", "tlsClientConfig": {"caData": "Y2E=", "serverName": "api"}}"#;
        let cluster = read(&secret(&[
            ("name", "east"),
            ("server", "https://east:6443/"),
            ("config", config),
            ("project", "shop"),
        ]))
        .unwrap();
        assert_eq!((cluster.name.as_str(), cluster.project.as_str()), ("east", "shop"));
        let at = |pointer: &str| cluster.kubeconfig.pointer(pointer).cloned().unwrap_or_default();
        assert_eq!(at("/users/0/user/token"), "t");
        assert_eq!(at("/clusters/0/cluster/certificate-authority-data"), "Y2E=");
        assert_eq!(at("/clusters/0/cluster/tls-server-name"), "api");
        assert_eq!(
            names(&secret(&[("name", "east"), ("server", "https://east:6443/")])),
            ["east", "https://east:6443"]
        );
        let plugin = r#"{"execProviderConfig": {"command": "kubelogin", "args": ["get-token"], "env": {"A": "b"}, "apiVersion": "client.authentication.k8s.io/v1"}}"#;
        let cluster = read(&secret(&[("server", "https://x"), ("config", plugin)])).unwrap();
        assert_eq!(cluster.kubeconfig["users"][0]["user"]["exec"]["env"], json!([{"name": "A", "value": "b"}]));
    }

    #[test]
    fn mistakes_are_told_without_what_is_secret() {
        let said = |fields: &[(&str, &str)]| read(&secret(fields)).unwrap_err();
        assert_eq!(said(&[("name", "east")]), "it has no server");
        let error = said(&[("server", "https://x"), ("config", r#"{"bearerToken": ["hunter2"]}"#)]);
        assert!(error.starts_with("its config is not readable at line 1") && !error.contains("hunter2"), "{error}");
        let aws = said(&[("server", "https://x"), ("config", r#"{"awsAuthConfig": {}}"#)]);
        assert!(aws.contains("execProviderConfig"));
    }
}
