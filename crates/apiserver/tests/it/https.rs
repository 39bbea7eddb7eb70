//! The server over HTTPS, through a kubeconfig of its own making.

use std::net::TcpListener;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ListParams};
use kube::config::{KubeConfigOptions, Kubeconfig as File};
use mainstay_apiserver::tls::LocalCa;
use mainstay_apiserver::{Identity, Kubeconfig};
use mainstay_controller_runtime::{CancellationToken, Clock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{create_config_map, server};

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn a_client_with_the_kubeconfig_is_let_in_and_one_without_a_token_is_not() {
    let server = server().await;
    create_config_map(&server.client("dev", Identity::admin()), "a").await;
    server.tokens().insert("secret", Identity::admin());
    let authority = LocalCa::generate(&Clock::system()).unwrap();
    let certified = authority.issue("apiserver", &["127.0.0.1", "localhost"], DAY).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let serving = tokio::spawn(async move { server.serve_https(listener, &certified, stop).await });

    for (token, code) in [("secret", 200), ("wrong", 401)] {
        let clusters = ["dev".to_owned()];
        let authority = Some(authority.pem().certificate.as_str());
        let file = Kubeconfig { url: &url, authority, user: "admin", token, clusters: &clusters, current: "dev" };
        let file = File::from_yaml(&file.to_yaml()).unwrap();
        let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
        let api: Api<ConfigMap> = Api::default_namespaced(kube::Client::try_from(config).unwrap());
        match api.list(&ListParams::default()).await {
            Ok(list) => assert_eq!((code, list.items.len()), (200, 1)),
            Err(kube::Error::Api(status)) => assert_eq!((code, &*status.reason), (status.code, "Unauthorized")),
            Err(other) => panic!("{other}"),
        }
    }
    let said = plain_request(url.trim_start_matches("https://")).await;
    assert!(said.starts_with("HTTP/1.1 400 "), "{said}");
    assert!(said.ends_with("Client sent an HTTP request to an HTTPS server.\n"), "{said}");
    shutdown.cancel();
    serving.await.unwrap().unwrap();
}

/// What somebody hears who forgets TLS.
async fn plain_request(address: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    said
}
