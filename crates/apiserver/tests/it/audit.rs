//! What the audit log says of requests.

use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use mainstay_apiserver::{ApiServer, Audit, AuditPolicy, Identity};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::server_with;

/// A sink that can be read.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Log {
    server: ApiServer,
    audit: Audit,
    sink: Sink,
}

impl Log {
    async fn new(policy: AuditPolicy) -> Self {
        let sink = Sink::default();
        let audit = Audit::start(policy, Box::new(sink.clone())).unwrap();
        let server = server_with(|options| options.audit = Some(audit.clone())).await;
        server.tokens().insert("root", Identity::admin());
        audit.flush().await;
        sink.0.lock().unwrap().clear();
        Self { server, audit, sink }
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> u16 {
        let mut request = Request::builder().method(method).uri(format!("/clusters/dev{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = request.header("content-type", "application/json").body(Body::from(body)).unwrap();
        let reply = self.server.router().oneshot(request).await.unwrap();
        let code = reply.status().as_u16();
        reply.into_body().collect().await.unwrap();
        code
    }

    async fn events(&self) -> Vec<Value> {
        self.audit.flush().await;
        let text = String::from_utf8(self.sink.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

const ROOT: (&str, &str) = ("authorization", "Bearer root");

#[tokio::test(start_paused = true)]
async fn a_line_says_who_did_what_and_no_more() {
    let log = Log::new(AuditPolicy::metadata()).await;
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"p": "hunter2"}});
    let secrets = "/api/v1/namespaces/default/secrets";
    assert_eq!(log.send("POST", secrets, &[ROOT, ("user-agent", "t/1")], secret).await, 201);
    assert_eq!(log.send("GET", secrets, &[ROOT, ("impersonate-user", "eve")], Value::Null).await, 403);
    assert_eq!(log.send("GET", secrets, &[], Value::Null).await, 401);
    let events = log.events().await;
    assert_eq!(events.len(), 3, "{events:#?}");
    let made = &events[0];
    assert_eq!(
        (&made["level"], &made["stage"], &made["verb"]),
        (&json!("Metadata"), &json!("ResponseComplete"), &json!("create"))
    );
    assert_eq!(made["user"]["username"], "admin");
    assert_eq!(made["userAgent"], "t/1");
    assert_eq!(made["objectRef"], json!({"resource": "secrets", "namespace": "default", "apiVersion": "v1"}));
    assert_eq!(made["responseStatus"]["code"], 201);
    assert_eq!(made["annotations"]["authorization.k8s.io/decision"], "allow");
    let refused = &events[1];
    assert_eq!(
        (&refused["impersonatedUser"]["username"], &refused["responseStatus"]["code"]),
        (&json!("eve"), &json!(403))
    );
    assert_eq!(refused["annotations"]["authorization.k8s.io/decision"], "forbid");
    assert_eq!((&events[2]["responseStatus"]["code"], &events[2]["user"]["username"]), (&json!(401), &json!("")));
    assert!(!json!(events).to_string().contains("hunter2"));
}

#[tokio::test(start_paused = true)]
async fn a_policy_asks_for_bodies_and_stages() {
    let policy = "
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- {level: None, verbs: [get, list]}
- {level: RequestResponse, resources: [{group: \"\", resources: [configmaps]}], omitManagedFields: true}
- {level: Request, omitStages: [RequestReceived]}
";
    let log = Log::new(AuditPolicy::parse(policy).unwrap()).await;
    let namespaced = |plural: &str| format!("/api/v1/namespaces/default/{plural}");
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "b"}});
    assert_eq!(log.send("POST", &namespaced("configmaps"), &[ROOT], config.clone()).await, 201);
    assert_eq!(log.send("GET", &namespaced("configmaps"), &[ROOT], Value::Null).await, 200);
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"}});
    assert_eq!(log.send("POST", &namespaced("serviceaccounts"), &[ROOT], account.clone()).await, 201);
    assert_eq!(
        log.send("GET", &format!("{}?watch=1&timeoutSeconds=1", namespaced("pods")), &[ROOT], Value::Null).await,
        200
    );
    tokio::task::yield_now().await;
    let events = log.events().await;
    let stages: Vec<(&str, &str)> =
        events.iter().map(|e| (e["verb"].as_str().unwrap(), e["stage"].as_str().unwrap())).collect();
    let wanted = [
        ("create", "RequestReceived"),
        ("create", "ResponseComplete"),
        ("create", "ResponseComplete"),
        ("watch", "ResponseStarted"),
        ("watch", "ResponseComplete"),
    ];
    assert_eq!(stages, wanted);
    assert_eq!(events[0]["auditID"], events[1]["auditID"]);
    assert_eq!(events[1]["requestObject"], config);
    let answered = &events[1]["responseObject"];
    assert_eq!((&answered["data"], answered["metadata"].get("managedFields")), (&json!({"a": "b"}), None));
    assert_eq!((&events[2]["requestObject"], events[2].get("responseObject")), (&account, None));
}
