//! Admission webhooks, called over TLS as a cluster would call them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use mainstay_apiserver::tls::LocalCa;
use mainstay_apiserver::{ApiServer, Identity, Options, Resolve};
use mainstay_controller_runtime::{Clock, Ids};
use mainstay_store::Store;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::{client, raw, send};

/// A webhook that listens, and what it was sent.
struct Hook {
    address: SocketAddr,
    bundle: String,
    seen: Arc<Mutex<Vec<Value>>>,
    connections: Arc<AtomicUsize>,
}

impl Hook {
    /// Starts one that answers with the `response` that `answer` makes of a request; it gets its uid here.
    async fn start(answer: fn(&Value) -> Value) -> Self {
        let authority = LocalCa::generate(&Clock::system()).unwrap();
        let names = ["127.0.0.1", "hook.tools.svc"];
        let certified = authority.issue("hook", &names, Duration::from_hours(1)).unwrap();
        let chain = CertificateDer::pem_slice_iter(certified.certificate.as_bytes()).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(certified.key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hook = Self {
            address: listener.local_addr().unwrap(),
            bundle: STANDARD.encode(&authority.pem().certificate),
            seen: Arc::default(),
            connections: Arc::default(),
        };
        let (seen, connections) = (hook.seen.clone(), hook.connections.clone());
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, seen, connections) = (acceptor.clone(), seen.clone(), connections.clone());
                tokio::spawn(async move {
                    // A client that does not trust the certificate goes away here.
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    connections.fetch_add(1, Ordering::SeqCst);
                    let service = service_fn(move |request| reply(request, seen.clone(), answer));
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        hook
    }

    fn client(&self, path: &str) -> Value {
        json!({"url": format!("https://{}{path}", self.address), "caBundle": self.bundle})
    }

    fn seen(&self) -> Vec<Value> {
        self.seen.lock().unwrap().clone()
    }
}

async fn reply(
    request: http::Request<hyper::body::Incoming>,
    seen: Arc<Mutex<Vec<Value>>>,
    answer: fn(&Value) -> Value,
) -> Result<http::Response<Full<Bytes>>, hyper::Error> {
    let (path, query) = (request.uri().path().to_owned(), request.uri().query().unwrap_or_default().to_owned());
    let body = request.into_body().collect().await?.to_bytes();
    let mut review: Value = serde_json::from_slice(&body).unwrap();
    let mut response = answer(&review["request"]);
    if response.get("uid").is_none() {
        response["uid"] = review["request"]["uid"].clone();
    }
    review["query"] = Value::from(query);
    seen.lock().unwrap().push(review);
    if path == "/hang" {
        std::future::pending::<()>().await;
    }
    let status = if path == "/fail" { 500 } else { 200 };
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response});
    Ok(http::Response::builder().status(status).body(Full::from(review.to_string())).unwrap())
}

/// Configures one webhook about ConfigMaps.
async fn configure(client: &kube::Client, kind: &str, name: &str, hook: Value) {
    let mut webhook = json!({
        "name": format!("{name}.hook.example"), "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}],
    });
    webhook.as_object_mut().unwrap().extend(hook.as_object().unwrap().clone());
    let object = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": name}, "webhooks": [webhook],
    });
    let path = format!("/apis/admissionregistration.k8s.io/v1/{}s", kind.to_lowercase());
    let (code, answer) = raw(client, "POST", &path, object).await;
    assert_eq!(code, 201, "{answer}");
}

const VALIDATING: &str = "ValidatingWebhookConfiguration";
const MUTATING: &str = "MutatingWebhookConfiguration";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"own": "yes"}}})
}

#[tokio::test]
async fn a_webhook_judges_writes_over_one_connection() {
    let hook = Hook::start(|request| match request["name"].as_str() {
        Some("bad") => {
            json!({"allowed": false, "status": {"code": 409, "reason": "Conflict", "message": "not this one"}})
        }
        Some("mute") => json!({"allowed": false}),
        _ => json!({"allowed": true, "warnings": ["look \"here\""]}),
    })
    .await;
    let client = client().await;
    configure(&client, VALIDATING, "judge", json!({"clientConfig": hook.client("/v?a=b")})).await;
    let (code, answer) = raw(&client, "POST", MAPS, config_map("bad")).await;
    assert_eq!((code, &answer["reason"]), (409, &json!("Conflict")));
    assert_eq!(answer["message"], "admission webhook \"judge.hook.example\" denied the request: not this one");
    let (code, answer) = raw(&client, "POST", MAPS, config_map("mute")).await;
    let denied = "admission webhook \"judge.hook.example\" denied the request without explanation";
    assert_eq!((code, answer["message"].as_str()), (400, Some(denied)));
    let request = http::Request::post(MAPS).header("content-type", "application/json");
    let request = request.body(kube::client::Body::from(config_map("good").to_string().into_bytes())).unwrap();
    let reply = kube::Client::send(&client, request).await.unwrap();
    assert_eq!(reply.status(), 201);
    assert_eq!(reply.headers()["warning"], "299 - \"look \\\"here\\\"\"");
    let (code, _) = raw(&client, "DELETE", &format!("{MAPS}/good?dryRun=All"), Value::Null).await;
    assert_eq!(code, 200);

    let seen = hook.seen();
    let created = &seen[2]["request"];
    assert_eq!(seen[2]["query"], "a=b&timeout=10s");
    assert_eq!(created["object"]["metadata"]["name"], "good");
    assert_eq!((&created["oldObject"], &created["operation"]), (&Value::Null, &json!("CREATE")));
    assert_eq!(created["userInfo"]["username"], "admin");
    assert_eq!(created["resource"], json!({"group": "", "version": "v1", "resource": "configmaps"}));
    let deleted = &seen[3]["request"];
    assert_eq!((&deleted["object"], &deleted["dryRun"]), (&Value::Null, &json!(true)));
    assert_eq!(deleted["oldObject"]["metadata"]["name"], "good");
    assert_eq!(hook.connections.load(Ordering::SeqCst), 1);
}

fn label(name: &str, value: &str) -> Value {
    let patch = json!([{"op": "add", "path": format!("/metadata/labels/{name}"), "value": value}]);
    json!({"allowed": true, "patchType": "JSONPatch", "patch": STANDARD.encode(patch.to_string())})
}

#[tokio::test]
async fn webhooks_change_an_object_one_after_the_other_and_again_if_asked() {
    let first = Hook::start(|request| {
        label("labels", &request["object"]["metadata"]["labels"].as_object().unwrap().len().to_string())
    })
    .await;
    let second = Hook::start(|_| label("second", "was-here")).await;
    let client = client().await;
    let again = json!({"clientConfig": first.client("/"), "reinvocationPolicy": "IfNeeded"});
    configure(&client, MUTATING, "a", again).await;
    configure(&client, MUTATING, "b", json!({"clientConfig": second.client("/")})).await;
    let (code, made) = raw(&client, "POST", MAPS, config_map("changed")).await;
    assert_eq!(code, 201);
    // The first counted one label, then, called again, three.
    assert_eq!(made["metadata"]["labels"], json!({"own": "yes", "labels": "3", "second": "was-here"}));
    assert_eq!((first.seen().len(), second.seen().len()), (2, 1));
    let (_, stored) = raw(&client, "GET", &format!("{MAPS}/changed"), Value::Null).await;
    assert_eq!(stored["metadata"]["labels"], made["metadata"]["labels"]);
}

#[tokio::test]
async fn a_webhook_is_asked_only_about_what_it_is_for() {
    let hook = Hook::start(|_| json!({"allowed": true})).await;
    let client = client().await;
    let about = json!({
        "clientConfig": hook.client("/"),
        "objectSelector": {"matchLabels": {"own": "yes"}},
        "namespaceSelector": {"matchExpressions": [
            {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]}]},
        "matchConditions": [{"name": "not-kept", "expression": "object.metadata.name != 'kept'"}],
    });
    configure(&client, VALIDATING, "choosy", about).await;
    let plain = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "plain"}});
    raw(&client, "POST", MAPS, plain).await;
    raw(&client, "POST", MAPS, config_map("kept")).await;
    raw(&client, "POST", "/api/v1/namespaces/kube-system/configmaps", config_map("system")).await;
    raw(&client, "POST", "/api/v1/namespaces/default/serviceaccounts", json!({"metadata": {"name": "x"}})).await;
    assert_eq!(hook.seen().len(), 0);
    let (code, _) = raw(&client, "POST", MAPS, config_map("asked")).await;
    assert_eq!((code, hook.seen().len()), (201, 1));
}

#[tokio::test]
async fn a_webhook_that_fails_is_told_apart() {
    let hook = Hook::start(|request| match request["name"].as_str() {
        Some("stranger") => json!({"allowed": true, "uid": "other"}),
        _ => json!({"allowed": true, "patch": "W10=", "patchType": "Odd"}),
    })
    .await;
    let server = crate::server().await;
    let client = server.client("dev", Identity::admin());
    let failing = |name: &str, config: Value| {
        let (client, name) = (client.clone(), name.to_owned());
        async move {
            configure(&client, VALIDATING, &name, json!({"clientConfig": config, "timeoutSeconds": 1})).await;
            let (code, answer) = raw(&client, "POST", MAPS, config_map(&name)).await;
            assert_eq!((code, &answer["reason"]), (500, &json!("InternalError")));
            let path = format!("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{name}");
            raw(&client, "DELETE", &path, Value::Null).await;
            let prefix = format!("Internal error occurred: failed calling webhook \"{name}.hook.example\": ");
            answer["message"].as_str().unwrap().strip_prefix(&prefix).unwrap().to_owned()
        }
    };
    let invalid = "received invalid webhook response: expected response.uid=";
    assert!(failing("stranger", hook.client("/")).await.starts_with(invalid));
    let invalid = "received invalid webhook response: webhook returned invalid response.patchType of \"Odd\"";
    assert_eq!(failing("odd", hook.client("/")).await, invalid);
    assert!(
        failing("fail", hook.client("/fail")).await.starts_with("failed to call webhook: an error on the server (")
    );
    let url = format!("https://{}", hook.address);
    let hang = format!("failed to call webhook: Post \"{url}/hang?timeout=1s\": context deadline exceeded");
    assert_eq!(failing("hang", hook.client("/hang")).await, hang);
    let distrust = format!(
        "failed to call webhook: Post \"{url}/?timeout=1s\": tls: failed to verify certificate: x509: certificate signed by unknown authority"
    );
    assert_eq!(failing("distrust", json!({"url": url})).await, distrust);
    let service = json!({"service": {"namespace": "tools", "name": "gone", "path": "x"}});
    let gone = "failed to call webhook: Post \"https://gone.tools.svc:443/x?timeout=1s\": service \"gone\" not found";
    assert_eq!(failing("gone", service).await, gone);
}

struct Here(SocketAddr);

impl Resolve for Here {
    fn address(&self, cluster: &str, service: (&str, &str), port: u16) -> Option<SocketAddr> {
        (cluster == "dev" && service == ("tools", "hook") && port == 8443).then_some(self.0)
    }
}

#[tokio::test]
async fn a_service_may_be_somewhere_else_and_a_retried_write_asks_again() {
    let hook = Hook::start(|_| json!({"allowed": true})).await;
    let mut options = Options::new(Clock::starting_at("2030-01-01T00:00:00Z".parse().unwrap()), Ids::seeded(7));
    options.webhook_client.resolve = Some(Arc::new(Here(hook.address)));
    let server = ApiServer::new(Store::ephemeral(mainstay_store::Options::default()), options).unwrap();
    server.create_cluster("dev").await.unwrap();
    let client = server.client("dev", Identity::admin());
    let service = json!({"namespace": "tools", "name": "hook", "port": 8443, "path": "/x"});
    let config = json!({"service": service, "caBundle": hook.bundle});
    configure(&client, VALIDATING, "service", json!({"clientConfig": config})).await;
    let (code, answer) = raw(&client, "POST", MAPS, config_map("counter")).await;
    assert_eq!(code, 201, "{answer}");
    let path = format!("{MAPS}/counter");
    let writes = (0..8).map(|index| {
        let patch = json!({"data": {format!("k{index}"): "v"}});
        send(&client, ("PATCH", path.as_str(), "application/merge-patch+json"), patch)
    });
    let codes: Vec<u16> = futures::future::join_all(writes).await.into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, [200; 8]);
    let (_, last) = raw(&client, "GET", &path, Value::Null).await;
    assert_eq!(last["data"].as_object().unwrap().len(), 8);
    // The last review of all was about the state that was stored.
    let objects: Vec<usize> = hook
        .seen()
        .iter()
        .filter_map(|review| review["request"]["object"]["data"].as_object())
        .map(serde_json::Map::len)
        .collect();
    assert!(objects.contains(&8) && objects.len() >= 8, "{objects:?}");
}
