//! Tests of the defaults of built-in kinds.

use super::*;
use serde_json::json;

fn defaulted(group: &str, version: &str, kind: &str, mut object: Value) -> Value {
    let gvk = GroupVersionKind::new(group, version, kind);
    defaults(&gvk, &mut object);
    let once = object.clone();
    defaults(&gvk, &mut object);
    assert_eq!(object, once, "defaulting twice changes nothing");
    object
}

#[test]
fn a_small_pod() {
    let pod = defaulted(
        "",
        "v1",
        "Pod",
        json!({"spec": {
            "containers": [{
                "name": "web", "image": "shop/web:2", "ports": [{"containerPort": 8080}],
                "readinessProbe": {"httpGet": {"port": 8080}}, "resources": {"limits": {"memory": "2048Mi", "cpu": 1.5}},
                "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
            }],
            "volumes": [{"name": "tmp"}, {"name": "cfg", "configMap": {"name": "cfg"}}], "nodeSelector": null
        }}),
    );
    let amounts = json!({"cpu": "1500m", "memory": "2Gi"});
    let container = json!({
        "name": "web", "image": "shop/web:2", "imagePullPolicy": "IfNotPresent",
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "readinessProbe": {
            "httpGet": {"port": 8080, "path": "/", "scheme": "HTTP"},
            "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3
        },
        "resources": {"limits": amounts, "requests": amounts},
        "env": [{"name": "IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}}],
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"
    });
    let expected = json!({
        "spec": {
            "containers": [container], "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst", "securityContext": {}, "schedulerName": "default-scheduler",
            "enableServiceLinks": true,
            "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "cfg", "configMap": {"name": "cfg", "defaultMode": 420}}]
        },
        "status": {"phase": "Pending", "qosClass": "Guaranteed"}
    });
    assert_eq!(pod, expected);
}

#[test]
fn deployments_roll_unless_told_otherwise() {
    let deployment = defaulted(
        "apps",
        "v1",
        "Deployment",
        json!({"spec": {"template": {"spec": {"containers": [
            {"name": "a", "image": "a", "resources": {"limits": {"cpu": "1"}}}
        ]}}}}),
    );
    let spec = &deployment["spec"];
    assert_eq!(
        spec["strategy"],
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}})
    );
    assert_eq!((&spec["replicas"], &spec["progressDeadlineSeconds"]), (&json!(1), &json!(600)));
    let template = &spec["template"];
    assert_eq!((&template["metadata"], &deployment["status"]), (&json!({}), &json!({})));
    assert_eq!(template["spec"]["containers"][0]["imagePullPolicy"], "Always");
    assert_eq!(
        template["spec"]["containers"][0]["resources"],
        json!({"limits": {"cpu": "1"}}),
        "requests follow limits only in pods"
    );
    assert_eq!(template["spec"].get("enableServiceLinks"), None);
    let recreate = defaulted("apps", "v1", "Deployment", json!({"spec": {"strategy": {"type": "Recreate"}}}));
    assert_eq!(recreate["spec"]["strategy"], json!({"type": "Recreate"}));
}

#[test]
fn other_workloads() {
    let stateful_set = defaulted(
        "apps",
        "v1",
        "StatefulSet",
        json!({"spec": {"volumeClaimTemplates": [{"metadata": {"name": "d"}}]}}),
    );
    let spec = &stateful_set["spec"];
    assert_eq!(spec["updateStrategy"], json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}));
    assert_eq!(spec["volumeClaimTemplates"][0]["kind"], "PersistentVolumeClaim");
    let daemon_set = defaulted("apps", "v1", "DaemonSet", json!({"spec": {}}));
    assert_eq!(daemon_set["spec"]["updateStrategy"]["rollingUpdate"], json!({"maxSurge": 0, "maxUnavailable": 1}));
    let job = defaulted("batch", "v1", "Job", json!({"spec": {"parallelism": 3}}));
    assert_eq!((&job["spec"]["completions"], &job["spec"]["parallelism"]), (&Value::Null, &json!(3)));
    let cron_job = defaulted("batch", "v1", "CronJob", json!({"spec": {"schedule": "@daily"}}));
    assert_eq!(cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["restartPolicy"], "Always");
    assert_eq!(cron_job["spec"]["jobTemplate"]["spec"].get("backoffLimit"), None);
}

#[test]
fn services_by_type() {
    let spec = |spec: Value| defaulted("", "v1", "Service", json!({"spec": spec}))["spec"].clone();
    let internal = json!({
        "type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
        "ports": [{"port": 80, "targetPort": 80, "protocol": "TCP"}]
    });
    assert_eq!(spec(json!({"ports": [{"port": 80}]})), internal);
    assert_eq!(
        spec(json!({"type": "ExternalName", "externalName": "db.example.com"})),
        json!({"type": "ExternalName", "externalName": "db.example.com", "sessionAffinity": "None"})
    );
    let balanced = spec(json!({"type": "LoadBalancer", "sessionAffinity": "ClientIP"}));
    assert_eq!(balanced["allocateLoadBalancerNodePorts"], true);
    assert_eq!(balanced["externalTrafficPolicy"], "Cluster");
    assert_eq!(balanced["sessionAffinityConfig"], json!({"clientIP": {"timeoutSeconds": 10800}}));
    let families = |spec: Value| {
        let mut service = defaulted("", "v1", "Service", json!({"spec": spec}));
        service_families(&mut service);
        service["spec"].clone()
    };
    let headless = families(json!({"clusterIP": "None"}));
    assert_eq!((&headless["clusterIPs"], &headless["ipFamilies"]), (&json!(["None"]), &json!(["IPv4", "IPv6"])));
    assert_eq!(families(json!({"clusterIP": "None", "selector": {"a": "b"}}))["ipFamilies"], json!(["IPv4"]));
    assert_eq!(families(json!({"ports": [{"port": 80}]}))["ipFamilyPolicy"], "SingleStack");
    assert_eq!(families(json!({"type": "ExternalName"})).get("ipFamilies"), None);
}

#[test]
fn the_rest() {
    let secret = defaulted("", "v1", "Secret", json!({"stringData": {"a": "b"}, "data": {"c": "ZA=="}}));
    assert_eq!(secret, json!({"data": {"a": "Yg==", "c": "ZA=="}, "type": "Opaque"}));
    let autoscaler =
        defaulted("autoscaling", "v2", "HorizontalPodAutoscaler", json!({"spec": {"behavior": {"scaleDown": {}}}}));
    assert_eq!(autoscaler["spec"]["minReplicas"], 1);
    assert_eq!(autoscaler["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 80);
    assert_eq!(autoscaler["spec"]["behavior"]["scaleUp"]["policies"].as_array().unwrap().len(), 2);
    let policy = defaulted(
        "networking.k8s.io",
        "v1",
        "NetworkPolicy",
        json!({"spec": {"podSelector": {}, "egress": [{"ports": [{"port": 53}]}]}}),
    );
    assert_eq!(policy["spec"]["policyTypes"], json!(["Ingress", "Egress"]));
    assert_eq!(policy["spec"]["egress"][0]["ports"][0]["protocol"], "TCP");
    let binding = defaulted(
        "rbac.authorization.k8s.io",
        "v1",
        "RoleBinding",
        json!({"roleRef": {"kind": "Role", "name": "r"}, "subjects": [{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "s"}]}),
    );
    assert_eq!(binding["roleRef"]["apiGroup"], "rbac.authorization.k8s.io");
    assert_eq!((binding["subjects"][0]["apiGroup"].is_string(), binding["subjects"][1].get("apiGroup")), (true, None));
    let namespace = defaulted("", "v1", "Namespace", json!({"metadata": {"name": "shop"}}));
    assert_eq!(namespace["metadata"]["labels"], json!({"kubernetes.io/metadata.name": "shop"}));
    let map = json!({"metadata": {"name": "m", "labels": {}, "finalizers": []}, "data": {}});
    assert_eq!(defaulted("", "v1", "ConfigMap", map), json!({"metadata": {"name": "m"}}));
    let role = json!({"metadata": {"name": "r"}, "rules": []});
    assert_eq!(defaulted("rbac.authorization.k8s.io", "v1", "Role", role.clone()), role);
    let unknown = defaulted("example.com", "v1", "Toy", json!({"a": null}));
    assert_eq!(unknown, json!({"a": null}));
}
