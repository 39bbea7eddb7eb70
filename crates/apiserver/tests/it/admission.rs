//! Policies and plugins, where more than the answer's body counts.

use mainstay_apiserver::{ApiServer, Identity, Options};
use mainstay_controller_runtime::{Clock, Ids};
use mainstay_store::Store;
use serde_json::{Value, json};

use crate::{client, raw, send};

const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
}

#[tokio::test(start_paused = true)]
async fn policies_warn_and_are_heard_as_soon_as_they_are_written() {
    let client = client().await;
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "p"},
        "spec": {"matchConstraints": {"resourceRules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}]},
            "validations": [{"expression": "has(object.data)", "message": "no data"}]},
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "b"}, "spec": {"policyName": "p", "validationActions": ["Warn"]},
    });
    let group = "/apis/admissionregistration.k8s.io/v1";
    raw(&client, "POST", &format!("{group}/validatingadmissionpolicies"), policy).await;
    raw(&client, "POST", &format!("{group}/validatingadmissionpolicybindings"), binding).await;
    let request = http::Request::post(CONFIG_MAPS).header("content-type", "application/json");
    let request = request.body(kube::client::Body::from(config_map("warned").to_string().into_bytes())).unwrap();
    let reply = kube::Client::send(&client, request).await.unwrap();
    let warning = "299 - \"Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': no data\"";
    assert_eq!((reply.status().as_u16(), &reply.headers()["warning"]), (201, &http::HeaderValue::from_static(warning)));
    let path = format!("{group}/validatingadmissionpolicybindings/b");
    let deny = json!({"spec": {"validationActions": ["Deny"]}});
    send(&client, ("PATCH", path.as_str(), "application/merge-patch+json"), deny).await;
    assert_eq!(raw(&client, "POST", CONFIG_MAPS, config_map("denied")).await.0, 422);
    raw(&client, "DELETE", &path, Value::Null).await;
    assert_eq!(raw(&client, "POST", CONFIG_MAPS, config_map("free")).await.0, 201);
}

#[tokio::test(start_paused = true)]
async fn a_pod_runs_as_an_account_that_exists_where_that_is_asked_for() {
    let mut options = Options::new(Clock::starting_at("2030-01-01T00:00:00Z".parse().unwrap()), Ids::seeded(7));
    options.service_account_admission = true;
    let server = ApiServer::new(Store::ephemeral(mainstay_store::Options::default()), options).unwrap();
    server.create_cluster("dev").await.unwrap();
    let client = server.client("dev", Identity::admin());
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "i:1"}]}});
    let (code, answer) = raw(&client, "POST", "/api/v1/namespaces/default/pods", pod.clone()).await;
    let why = "pods \"p\" is forbidden: error looking up service account default/default: serviceaccount \"default\" not found";
    assert_eq!((code, answer["message"].as_str()), (403, Some(why)));
    let account = json!({"metadata": {"name": "default"}, "imagePullSecrets": [{"name": "registry"}]});
    raw(&client, "POST", "/api/v1/namespaces/default/serviceaccounts", account).await;
    let (code, made) = raw(&client, "POST", "/api/v1/namespaces/default/pods", pod).await;
    assert_eq!((code, &made["spec"]["serviceAccountName"]), (201, &json!("default")));
    assert_eq!(made["spec"]["imagePullSecrets"], json!([{"name": "registry"}]));
    assert_eq!(made["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"], 3607);
}
