//! Clusters that Secrets tell of, reached over HTTPS: here one of the server's own, by its port.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mainstay_apimachinery::yaml;
use mainstay_controller_runtime::DeleteOptions;
use mainstay_controller_runtime::context::resource;
use mainstay_git::Change;
use serde_json::{Value, json};

use crate::platform::{CONTROL, Platform, applications};

/// What the kubeconfig says of the user and the authority.
fn credentials(platform: &Platform) -> (String, String) {
    let text = std::fs::read_to_string(platform.server.kubeconfig()).unwrap();
    let config = yaml::parse_one(&text).unwrap().value;
    let text = |pointer: &str| config.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    (text("/users/0/user/token"), text("/clusters/0/cluster/certificate-authority-data"))
}

fn secret(platform: &Platform, token: &str, authority: &str) -> Value {
    let config = json!({"bearerToken": token, "tlsClientConfig": {"caData": authority}}).to_string();
    let server = format!("{}/clusters/staging", platform.server.api_url());
    let data = [("name", "far-away"), ("server", server.as_str()), ("config", config.as_str())];
    let data: serde_json::Map<String, Value> =
        data.iter().map(|(key, value)| ((*key).to_owned(), STANDARD.encode(value).into())).collect();
    json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": data, "metadata": {
        "name": "far-away", "namespace": "argocd", "labels": {"argocd.argoproj.io/secret-type": "cluster"}}})
}

fn application() -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": "far", "namespace": "argocd", "finalizers": ["resources-finalizer.argocd.argoproj.io"]},
        "spec": {
            "project": "default", "destination": {"name": "far-away", "namespace": "far"},
            "source": {"repoURL": "http://git.mainstay-system.svc/apps.git", "targetRevision": "main", "path": "far"},
            "syncPolicy": {"automated": {"selfHeal": true}, "syncOptions": ["CreateNamespace=true"]},
        },
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_of_a_secret_is_deployed_to_healed_and_left() {
    let platform = Platform::start().await;
    let manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {value: '1'}\n";
    let sha = platform.push("apps", vec![Change::write("far/a.yaml", manifest)], "Far away\n").await;
    let control = platform.cluster(CONTROL);
    control.api(&applications(), Some("argocd")).create("test", &application()).await.unwrap();
    let says = |said: &'static str| {
        move |app: &Value| {
            let conditions = app["status"]["conditions"].as_array().cloned().unwrap_or_default();
            conditions.iter().any(|condition| condition["message"].as_str().unwrap_or_default().contains(said))
        }
    };
    let app = ("argocd", "far");
    platform.eventually(CONTROL, &applications(), app, says("no clusters with this name or server: far-away")).await;

    let (token, authority) = credentials(&platform);
    let secrets = control.api(&resource("", "v1", "Secret", "secrets"), Some("argocd"));
    secrets.create("test", &secret(&platform, "wrong", &authority)).await.unwrap();
    platform.eventually(CONTROL, &applications(), app, says("failed to discover the kinds of cluster")).await;
    let data = json!({"data": secret(&platform, &token, &authority)["data"]});
    secrets.merge_patch("test", "far-away", None, &data).await.unwrap();
    platform.live("far", &sha).await;

    let config_maps = resource("", "v1", "ConfigMap", "configmaps");
    let there = platform.cluster("staging").api(&config_maps, Some("far"));
    there.merge_patch("somebody", "a", None, &json!({"data": {"value": "drift"}})).await.unwrap();
    platform.eventually("staging", &config_maps, ("far", "a"), |map| map["data"]["value"] == "1").await;

    control.api(&applications(), Some("argocd")).delete("far", &DeleteOptions::default()).await.unwrap();
    platform.gone("staging", &config_maps, ("far", "a")).await;
}
