//! Objects that tests often need, each with the least that the API server takes.
//! It must not know what a test does with them.

use serde_json::{Value, json};

/// A Namespace.
#[must_use]
pub fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

/// A Deployment of one container that is ready as soon as it runs, its pods labelled `app: <name>`.
#[must_use]
pub fn deployment(namespace: &str, name: &str, replicas: u32, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{
                    "name": "main", "image": image, "ports": [{"name": "http", "containerPort": 8080}],
                }]},
            },
        },
    })
}

/// A Deployment whose pods fail in a way that the simulated kubelet knows: `image-pull`, `crash-loop`, `never-ready`.
#[must_use]
pub fn failing_deployment(namespace: &str, name: &str, failure: &str) -> Value {
    let mut deployment = deployment(namespace, name, 1, "registry.example/app:1");
    deployment["spec"]["template"]["metadata"]["annotations"] = json!({mainstay_simcluster::FAIL: failure});
    deployment
}

/// A Service on port 80 of the pods labelled `app: <name>`.
#[must_use]
pub fn service(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    })
}

/// An Ingress of a host to the Service of its own name, with TLS from the cluster issuer into `<name>-tls`.
#[must_use]
pub fn ingress(namespace: &str, name: &str, host: &str) -> Value {
    let backend = json!({"service": {"name": name, "port": {"name": "http"}}});
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {
            "name": name, "namespace": namespace,
            "annotations": {"cert-manager.io/cluster-issuer": "local"},
        },
        "spec": {
            "tls": [{"hosts": [host], "secretName": format!("{name}-tls")}],
            "rules": [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}],
        },
    })
}

/// A Job that runs its pod to completion this often.
#[must_use]
pub fn job(namespace: &str, name: &str, completions: u32) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "completions": completions, "parallelism": 2,
            "template": {"spec": {
                "restartPolicy": "Never",
                "containers": [{"name": "main", "image": "registry.example/job:1"}],
            }},
        },
    })
}
