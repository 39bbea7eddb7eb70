//! A plugin behind a real socket, so on the machine's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::lab::{Lab, SET, condition, is_up_to_date, template};

async fn answer(
    State(broken): State<Arc<AtomicBool>>,
    headers: HeaderMap,
    Json(asked): Json<Value>,
) -> (StatusCode, Json<Value>) {
    if broken.load(Ordering::Relaxed) {
        return (StatusCode::BAD_REQUEST, Json(json!({})));
    }
    assert_eq!(headers["authorization"], "Bearer secret");
    let team = &asked["input"]["parameters"]["team"];
    let sets =
        json!([{"name": format!("{}-{}", asked["applicationSetName"].as_str().unwrap(), team.as_str().unwrap())}]);
    (StatusCode::OK, Json(json!({"output": {"parameters": sets}})))
}

#[tokio::test]
async fn what_a_plugin_answers_becomes_applications_and_its_failure_deletes_none() {
    let broken = Arc::new(AtomicBool::new(false));
    let router = Router::new().route("/api/v1/getparams.execute", post(answer)).with_state(Arc::clone(&broken));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });

    let lab = Lab::start().await;
    let object = |kind: &str, data: (&str, Value)| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "p", "namespace": "argocd"}, (data.0): data.1});
    lab.cluster.apply(&object("Secret", ("stringData", json!({"token": "secret"})))).await;
    let config = json!({"baseUrl": format!("http://{address}"), "token": "$p:token"});
    lab.cluster.apply(&object("ConfigMap", ("data", config))).await;
    let generator = json!({"plugin": {"configMapRef": {"name": "p"}, "input": {"parameters": {"team": "shop"}}}});
    lab.set("s", json!({"generators": [generator], "template": template("{{name}}", "p", json!({}))})).await;
    lab.until("s", is_up_to_date).await;
    assert_eq!(lab.names().await, ["s-shop"]);

    broken.store(true, Ordering::Relaxed);
    lab.patch(SET, "s", json!({"spec": {"template": {"spec": {"source": {"path": "q"}}}}})).await;
    let set = lab.until("s", |set| condition(set, "ErrorOccurred").is_some_and(|it| it.0 == "True")).await;
    let message = set["status"]["conditions"][0]["message"].as_str().unwrap();
    assert!(message.contains("it answered 400"), "{message}");
    assert_eq!(lab.names().await, ["s-shop"]);
    assert!(lab.application("s-shop").await["metadata"]["deletionTimestamp"].is_null());
    serving.abort();
}
