//! `mainstay new application`: files, a commit, a push; and what it refuses, with nothing pushed.

use crate::platform::{Platform, complaint, printed};

const IMAGE: &str = "ghcr.io/acme/shop:1.0.0";

#[tokio::test]
async fn a_new_application_becomes_healthy_everywhere() {
    let platform = Platform::start().await;
    let made = platform.json(&["new", "application", "shop", "--image", IMAGE, "--hostname", "shop.example.com"]).await;
    let sha = made["commit"].as_str().unwrap();
    let files: Vec<_> = made["files"].as_array().unwrap().iter().filter_map(|file| file.as_str()).collect();
    assert_eq!(
        files,
        [
            "shop/catalog-info.yaml",
            "shop/argocd.yaml",
            "shop/dev/application.yaml",
            "shop/staging/application.yaml",
            "shop/production/application.yaml"
        ]
    );
    let clone = platform.clone_of("apps").await;
    assert_eq!(clone.git(&["rev-parse", "HEAD"]).await, sha);
    assert!(clone.read("shop/dev/application.yaml").contains("hostname: dev.shop.example.com"));

    for environment in ["dev", "staging", "production"] {
        let name = format!("shop-{environment}");
        printed(&platform.run(&["app", "wait", &name, "--timeout", "170"]).await);
        platform.live(&name, sha).await;
    }
    let text = printed(&platform.run(&["get", "shop"]).await);
    assert_eq!(text.matches("Healthy").count(), 3, "the environments of an application: {text}");
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_nothing_is_pushed() {
    let platform = Platform::start().await;
    platform.healthy("sample-dev").await;
    let clone = platform.clone_of("apps").await;
    let before = clone.git(&["rev-parse", "HEAD"]).await;
    let new = ["new", "application"];
    let cases: [(&[&str], &[&str]); 8] = [
        (&["Shop", "--image", IMAGE], &["\"Shop\"", "lower case"]),
        (&["1shop", "--image", IMAGE], &["\"1shop\""]),
        (&["kube-system", "--image", IMAGE], &["kube-system", "namespace"]),
        (&["shop", "--image", IMAGE, "--environments", "dev,prod"], &["no environment prod", "production", "dev"]),
        (&["shop", "--image", IMAGE, "--environments", "baseline-cluster1"], &["no environment baseline-cluster1"]),
        (&["sample", "--image", IMAGE], &["sample", "already"]),
        (&["shop", "--image", "not an image"], &["\"not an image\"", "image"]),
        (&["shop", "--image", IMAGE, "--hostname", "Shop_1"], &["\"Shop_1\"", "host"]),
    ];
    for (arguments, parts) in cases {
        let said = complaint(&platform.run(&[&new, arguments].concat()).await);
        for part in parts {
            assert!(said.contains(part), "{said:?} says {part:?}");
        }
    }
    let dry = printed(&platform.run(&["new", "application", "shop", "--image", IMAGE, "--dry-run"]).await);
    assert!(dry.contains("shop/dev/application.yaml") && dry.contains(IMAGE), "{dry}");
    clone.git(&["fetch", "--quiet"]).await;
    assert_eq!(clone.git(&["rev-parse", "origin/main"]).await, before, "nothing was pushed");
}
