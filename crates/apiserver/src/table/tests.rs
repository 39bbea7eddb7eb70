//! Tests of tables and their columns.

use mainstay_apimachinery::GroupVersionKind;
use serde_json::{Value, json};

use super::{IncludeObject, TableRenderer};
use crate::registry::Registry;

fn cells(object: &Value) -> Vec<Value> {
    let registry = Registry::new();
    let resource = registry.by_kind("dev", &GroupVersionKind::of(object).unwrap()).unwrap();
    let renderer = TableRenderer::new(resource, IncludeObject::None);
    let now = "2026-01-01T00:10:00Z".parse().unwrap();
    let row = renderer.row(object, now);
    let (cells, columns) = (row["cells"].as_array().unwrap().clone(), renderer.columns());
    assert_eq!(cells.len(), columns.as_array().unwrap().len(), "{columns}");
    cells
}

fn meta(name: &str) -> Value {
    json!({"name": name, "namespace": "ns", "creationTimestamp": "2026-01-01T00:00:00Z"})
}

#[test]
fn a_pod_shows_what_its_containers_do() {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": meta("p"),
        "spec": {"containers": [{"name": "a"}, {"name": "b"}], "nodeName": "n1"},
        "status": {"phase": "Running", "podIP": "10.0.0.1", "containerStatuses": [
            {"name": "a", "ready": true, "restartCount": 0, "state": {"running": {}}},
            {"name": "b", "ready": false, "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
             "lastState": {"terminated": {"finishedAt": "2026-01-01T00:09:00Z"}}}]},
    });
    assert_eq!(
        cells(&pod),
        ["p", "1/2", "CrashLoopBackOff", "3 (60s ago)", "10m", "10.0.0.1", "n1", "<none>", "<none>"].map(Value::from)
    );
    pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:09:00Z");
    assert_eq!(cells(&pod)[2], "Terminating");
}

#[test]
fn an_initialising_pod_counts_its_init_containers() {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": meta("p"),
        "spec": {"initContainers": [{"name": "i"}, {"name": "j"}], "containers": [{"name": "a"}]},
        "status": {"phase": "Pending", "initContainerStatuses": [
            {"name": "i", "state": {"terminated": {"exitCode": 0}}},
            {"name": "j", "state": {"waiting": {"reason": "PodInitializing"}}}]},
    });
    assert_eq!(cells(&pod)[1..3], ["0/1", "Init:1/2"].map(Value::from));
}

#[test]
fn workloads_show_replicas_images_and_selectors() {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta("d"),
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "d"}},
            "template": {"spec": {"containers": [{"name": "c", "image": "nginx:1"}]}}},
        "status": {"readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1},
    });
    let expected =
        [json!("d"), json!("1/2"), json!(2), json!(1), json!("10m"), json!("c"), json!("nginx:1"), json!("app=d")];
    assert_eq!(cells(&deployment), expected);
}

#[test]
fn a_service_shows_addresses_and_ports() {
    let mut service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": meta("s"),
        "spec": {"type": "ClusterIP", "clusterIP": "10.96.0.9", "selector": {"a": "b"},
            "ports": [{"port": 80, "protocol": "TCP"}, {"port": 53, "protocol": "UDP", "nodePort": 30053}]},
    });
    assert_eq!(
        cells(&service),
        ["s", "ClusterIP", "10.96.0.9", "<none>", "80/TCP,53:30053/UDP", "10m", "a=b"].map(Value::from)
    );
    service["spec"]["type"] = json!("LoadBalancer");
    assert_eq!(cells(&service)[3], "<pending>");
}

#[test]
fn an_autoscaler_shows_its_targets() {
    let autoscaler = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": meta("h"),
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "d"}, "minReplicas": 2, "maxReplicas": 5, "metrics": [
            {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]},
        "status": {"currentReplicas": 2},
    });
    assert_eq!(cells(&autoscaler)[1..4], ["Deployment/d", "cpu: <unknown>/80%", "2"].map(Value::from));
}

#[test]
fn every_built_in_kind_renders_an_empty_object() {
    let registry = Registry::new();
    for resource in registry.resources("dev") {
        let object = json!({"apiVersion": resource.api_version(), "kind": &*resource.kind, "metadata": {"name": "x"}});
        assert!(!cells(&object).is_empty(), "{}", resource.kind);
    }
}

#[test]
fn a_definition_names_its_columns() {
    let registry = Registry::new();
    registry.publish(
        "dev",
        &json!({
            "metadata": {"name": "foos.ex.io"},
            "spec": {"group": "ex.io", "names": {"plural": "foos", "kind": "Foo"}, "scope": "Namespaced", "versions": [{
                "name": "v1", "served": true, "storage": true, "additionalPrinterColumns": [
                    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                    {"name": "When", "type": "date", "jsonPath": ".spec.when", "priority": 1},
                    {"name": "L", "type": "string", "jsonPath": ".spec.list"},
                    {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"}]}]},
            "status": {"conditions": [{"type": "Established", "status": "True"}]},
        }),
    );
    let resource = registry.resolve("dev", "ex.io", "v1", "foos").unwrap();
    let renderer = TableRenderer::new(resource, IncludeObject::Metadata);
    assert_eq!(renderer.columns()[2]["priority"], 1);
    let object = json!({"metadata": meta("f"), "spec": {"size": 3, "when": "2026-01-01T00:00:00Z", "list": ["a", "b"]},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    let row = renderer.row(&object, "2026-01-01T00:10:00Z".parse().unwrap());
    assert_eq!(row["cells"], json!(["f", 3, "10m", "[\"a\",\"b\"]", "True"]));
    assert_eq!(row["object"]["kind"], "PartialObjectMetadata");
    let empty = renderer.row(&json!({"metadata": {"name": "g"}}), "2026-01-01T00:10:00Z".parse().unwrap());
    assert_eq!(empty["cells"], json!(["g", null, null, null, null]));
}
