//! Who may do what: certificates, tokens, roles, bindings, impersonation.

use std::net::TcpListener;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ListParams};
use mainstay_apiserver::tls::{self, Certified, LocalCa};
use mainstay_apiserver::{ApiServer, Controller, Identity, SigningKey};
use mainstay_controller_runtime::{CancellationToken, Clock};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{raw, server, server_with};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const TOKENS: &str = "/api/v1/namespaces/default/serviceaccounts/robot/token";

/// A server with an administrator's client, and a service account `robot` that may read ConfigMaps.
async fn with_robot() -> (ApiServer, kube::Client) {
    let server = server().await;
    let admin = server.client("dev", Identity::admin());
    let account = json!({"metadata": {"name": "robot"}});
    assert_eq!(raw(&admin, "POST", "/api/v1/namespaces/default/serviceaccounts", account).await.0, 201);
    let role = json!({"metadata": {"name": "read"}, "rules": [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]},
    ]});
    assert_eq!(raw(&admin, "POST", &format!("{RBAC}/namespaces/default/roles"), role).await.0, 201);
    let binding = json!({"metadata": {"name": "read"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "read"},
        "subjects": [{"kind": "ServiceAccount", "name": "robot", "namespace": "default"}]});
    assert_eq!(raw(&admin, "POST", &format!("{RBAC}/namespaces/default/rolebindings"), binding).await.0, 201);
    (server, admin)
}

async fn token(client: &kube::Client, spec: Value) -> String {
    let (code, answer) = raw(client, "POST", TOKENS, json!({"spec": spec})).await;
    assert_eq!(code, 201, "{answer}");
    answer["status"]["token"].as_str().unwrap().to_owned()
}

/// What a bearer of a token is answered, over HTTP.
async fn get(server: &ApiServer, token: &str, path: &str) -> (u16, Value) {
    let request = Request::get(path).header("authorization", format!("Bearer {token}"));
    let reply = server.router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let code = reply.status().as_u16();
    let bytes = reply.into_body().collect().await.unwrap().to_bytes();
    (code, serde_json::from_slice(&bytes).unwrap_or_default())
}

const CONFIG_MAPS: &str = "/clusters/dev/api/v1/namespaces/default/configmaps";

#[tokio::test(start_paused = true)]
async fn a_token_is_good_for_its_cluster_its_time_and_its_objects() {
    let (server, admin) = with_robot().await;
    server.create_cluster("production").await.unwrap();
    let plain = token(&admin, json!({})).await;
    assert_eq!(get(&server, &plain, CONFIG_MAPS).await.0, 200);
    let elsewhere = CONFIG_MAPS.replace("dev", "production");
    assert_eq!(get(&server, &plain, &elsewhere).await.0, 401);
    assert_eq!(get(&server, &plain, &CONFIG_MAPS.replace("dev", "nowhere")).await.0, 401);
    let other = token(&admin, json!({"audiences": ["other"]})).await;
    assert_eq!(get(&server, &other, CONFIG_MAPS).await.0, 401);

    let secret = json!({"metadata": {"name": "key"}});
    assert_eq!(raw(&admin, "POST", "/api/v1/namespaces/default/secrets", secret).await.0, 201);
    let reference = json!({"kind": "Secret", "apiVersion": "v1", "name": "key"});
    let bound = token(&admin, json!({"boundObjectRef": reference})).await;
    assert_eq!(get(&server, &bound, CONFIG_MAPS).await.0, 200);
    assert_eq!(raw(&admin, "DELETE", "/api/v1/namespaces/default/secrets/key", Value::Null).await.0, 200);
    assert_eq!(get(&server, &bound, CONFIG_MAPS).await.0, 401);

    server.clock().sleep(Duration::from_secs(3600 + 59)).await;
    assert_eq!(get(&server, &plain, CONFIG_MAPS).await.0, 200);
    server.clock().sleep(Duration::from_secs(3)).await;
    assert_eq!(get(&server, &plain, CONFIG_MAPS).await.0, 401);
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_with_its_service_account_even_if_another_of_its_name_comes() {
    let (server, admin) = with_robot().await;
    let first = token(&admin, json!({})).await;
    assert_eq!(get(&server, &first, CONFIG_MAPS).await.0, 200);
    let path = "/api/v1/namespaces/default/serviceaccounts/robot";
    assert_eq!(raw(&admin, "DELETE", path, Value::Null).await.0, 200);
    assert_eq!(get(&server, &first, CONFIG_MAPS).await.0, 401);
    let account = json!({"metadata": {"name": "robot"}});
    assert_eq!(raw(&admin, "POST", "/api/v1/namespaces/default/serviceaccounts", account).await.0, 201);
    assert_eq!(get(&server, &first, CONFIG_MAPS).await.0, 401);
    let review = json!({"spec": {"token": first}});
    let (_, review) = raw(&admin, "POST", "/apis/authentication.k8s.io/v1/tokenreviews", review).await;
    let why = review["status"]["error"].as_str().unwrap();
    assert!(why.starts_with("[invalid bearer token, service account UID ("), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_kept_keeps_tokens_good() {
    let key = SigningKey::generate().unwrap();
    let kept = key.pem().to_owned();
    let store = mainstay_store::Store::ephemeral(mainstay_store::Options::default());
    let clock = Clock::starting_at("2030-01-01T00:00:00Z".parse().unwrap());
    let start = |pem: String, store: mainstay_store::Store| {
        let options = mainstay_apiserver::Options::new(clock.clone(), mainstay_controller_runtime::Ids::seeded(1));
        options.signing_keys.insert("dev", SigningKey::from_pem(&pem).unwrap());
        ApiServer::new(store, options).unwrap()
    };
    let first = start(kept.clone(), store.clone());
    first.create_cluster("dev").await.unwrap();
    let admin = first.client("dev", Identity::admin());
    let account = json!({"metadata": {"name": "robot"}});
    assert_eq!(raw(&admin, "POST", "/api/v1/namespaces/default/serviceaccounts", account).await.0, 201);
    let token = token(&admin, json!({})).await;
    let again = start(kept, store.clone());
    assert_eq!(get(&again, &token, CONFIG_MAPS).await.0, 403);
    let another = start(SigningKey::generate().unwrap().pem().to_owned(), store);
    assert_eq!(get(&another, &token, CONFIG_MAPS).await.0, 401);
}

#[tokio::test(start_paused = true)]
async fn anyone_can_check_tokens_with_the_published_key() {
    let (server, admin) = with_robot().await;
    let token = token(&admin, json!({})).await;
    let (code, found) = get(&server, &token, "/clusters/dev/.well-known/openid-configuration").await;
    assert_eq!((code, &found["issuer"]), (200, &json!("https://kubernetes.default.svc")));
    let (_, keys) = get(&server, &token, "/clusters/dev/openid/v1/jwks").await;
    let header = token.split('.').next().unwrap();
    let header = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, header).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    let key = &keys["keys"][0];
    assert_eq!((&key["kid"], &key["alg"]), (&header["kid"], &header["alg"]));
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("EC"), &json!("P-256"), &json!("ES256")));
}

#[tokio::test(start_paused = true)]
async fn rules_follow_changes_at_once() {
    let (server, admin) = with_robot().await;
    let robot = server.client("dev", Identity::service_account("default", "robot"));
    let list = "/api/v1/namespaces/default/configmaps";
    assert_eq!(raw(&robot, "GET", list, Value::Null).await.0, 200);
    let binding = format!("{RBAC}/namespaces/default/rolebindings/read");
    assert_eq!(raw(&admin, "DELETE", &binding, Value::Null).await.0, 200);
    assert_eq!(raw(&robot, "GET", list, Value::Null).await.0, 403);
    let fork = server.fork();
    let everything = json!({"metadata": {"name": "robots"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:serviceaccounts:default"}]});
    assert_eq!(raw(&admin, "POST", &format!("{RBAC}/clusterrolebindings"), everything).await.0, 201);
    assert_eq!(raw(&robot, "GET", list, Value::Null).await.0, 200);
    let on_fork = fork.client("dev", Identity::service_account("default", "robot"));
    assert_eq!(raw(&on_fork, "GET", list, Value::Null).await.0, 403);
}

#[tokio::test(start_paused = true)]
async fn a_role_that_gathers_has_new_rules_with_the_write_that_brings_them() {
    let server = server().await;
    let admin = server.client("dev", Identity::admin());
    let role = json!({"metadata": {"name": "sky", "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
        "rules": [{"apiGroups": ["sky.example.com"], "resources": ["stars"], "verbs": ["get"]}]});
    assert_eq!(raw(&admin, "POST", &format!("{RBAC}/clusterroles"), role).await.0, 201);
    for name in ["view", "edit", "admin"] {
        let (_, role) = raw(&admin, "GET", &format!("{RBAC}/clusterroles/{name}"), Value::Null).await;
        let rules = role["rules"].as_array().unwrap();
        let stars = |rules: &[Value]| rules.iter().any(|rule| rule["resources"] == json!(["stars"]));
        assert!(stars(rules), "{name}: {role}");
        assert!(rules.len() > 5, "{name}");
    }
    assert_eq!(raw(&admin, "DELETE", &format!("{RBAC}/clusterroles/sky"), Value::Null).await.0, 200);
    let (_, role) = raw(&admin, "GET", &format!("{RBAC}/clusterroles/admin"), Value::Null).await;
    assert!(!role["rules"].to_string().contains("stars"));
}

#[tokio::test(start_paused = true)]
async fn defaults_are_mended_at_a_start_unless_told_otherwise() {
    let server = server().await;
    let admin = server.client("dev", Identity::admin());
    let path = |name: &str| format!("{RBAC}/clusterroles/{name}");
    for name in ["system:basic-user", "system:discovery"] {
        let (_, mut role) = raw(&admin, "GET", &path(name), Value::Null).await;
        role["rules"] = json!([]);
        if name == "system:discovery" {
            role["metadata"]["annotations"]["rbac.authorization.kubernetes.io/autoupdate"] = json!("false");
        }
        assert_eq!(raw(&admin, "PUT", &path(name), role).await.0, 200);
    }
    assert_eq!(raw(&admin, "DELETE", &path("edit"), Value::Null).await.0, 200);
    let before = server.snapshot().revision();
    server.create_cluster("dev").await.unwrap();
    let rules = async |name: &str| {
        let (_, role) = raw(&admin, "GET", &path(name), Value::Null).await;
        role["rules"].as_array().map_or(0, Vec::len)
    };
    assert_eq!((rules("system:basic-user").await, rules("system:discovery").await), (2, 0));
    assert!(rules("edit").await > 10);
    let mended = server.snapshot().revision();
    assert_eq!(mended, before + 1);
    server.create_cluster("dev").await.unwrap();
    assert_eq!(server.snapshot().revision(), mended);
}

#[tokio::test(start_paused = true)]
async fn a_controller_may_do_what_its_rules_say() {
    let rules = json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}]);
    let server = server_with(|options| options.controllers.push(Controller { name: "reader", rules })).await;
    let reader = server.client("dev", Identity::controller("reader"));
    assert_eq!(raw(&reader, "GET", "/api/v1/configmaps", Value::Null).await.0, 200);
    assert_eq!(raw(&reader, "GET", "/api/v1/secrets", Value::Null).await.0, 403);
    assert_eq!(
        raw(&server.client("dev", Identity::controller("other")), "GET", "/api/v1/pods", Value::Null).await.0,
        403
    );
}

/// What the holder of a certificate is answered when listing ConfigMaps over TLS.
async fn with_certificate(url: &str, authority: &str, client: &Certified) -> Result<usize, u16> {
    let mut config = kube::Config::new(format!("{url}/clusters/dev").parse().unwrap());
    config.root_cert = Some(pems(authority));
    let encode = |text: &str| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
    config.auth_info.client_certificate_data = Some(encode(&client.certificate));
    config.auth_info.client_key_data = Some(encode(&client.key).into());
    let api: Api<ConfigMap> = Api::namespaced(kube::Client::try_from(config).unwrap(), "default");
    match api.list(&ListParams::default()).await {
        Ok(list) => Ok(list.items.len()),
        Err(kube::Error::Api(status)) => Err(status.code),
        Err(other) => panic!("{other}"),
    }
}

fn pems(text: &str) -> Vec<Vec<u8>> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    CertificateDer::pem_slice_iter(text.as_bytes()).map(|der| der.unwrap().to_vec()).collect()
}

#[tokio::test]
async fn a_client_certificate_is_its_holder() {
    let server = server().await;
    let day = Duration::from_hours(24);
    let (authority, stranger) =
        (LocalCa::generate(&Clock::system()).unwrap(), LocalCa::generate(&Clock::system()).unwrap());
    let certified = authority.issue("apiserver", &["127.0.0.1"], day).unwrap();
    let pem = &authority.pem().certificate;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let (stop, handshakes) = (CancellationToken::new(), tls::acceptor_for_clients(&certified, pem).unwrap());
    let serving = tokio::spawn({
        let (server, stop) = (server.clone(), stop.clone());
        async move { server.serve_tls(listener, handshakes, stop).await }
    });
    let root = authority.issue_client("root", &["system:masters"], day).unwrap();
    assert_eq!(with_certificate(&url, pem, &root).await, Ok(0));
    let ann = authority.issue_client("ann", &["devs"], day).unwrap();
    assert_eq!(with_certificate(&url, pem, &ann).await, Err(403));
    let forged = stranger.issue_client("root", &["system:masters"], day).unwrap();
    assert_eq!(with_certificate(&url, pem, &forged).await, Err(401));
    // A server's certificate names no client.
    assert_eq!(with_certificate(&url, pem, &certified).await, Err(401));
    stop.cancel();
    serving.await.unwrap().unwrap();
}
