//! Tests of the validation of built-in kinds.

use super::*;
use serde_json::json;

/// The messages for an object, after defaulting, in one line each.
fn check(object: Value) -> Vec<String> {
    check_update(object, None)
}

fn check_update(mut new: Value, old: Option<Value>) -> Vec<String> {
    let gvk = GroupVersionKind::of(&new).unwrap();
    crate::builtin::defaults(&gvk, &mut new);
    let old = old.map(|mut old| {
        crate::builtin::defaults(&gvk, &mut old);
        old
    });
    validate(&gvk, &new, old.as_ref()).iter().map(ToString::to_string).collect()
}

fn deployment(spec: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec})
}

fn web() -> Value {
    json!({
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    })
}

fn with(mut spec: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    spec.pointer_mut(parent).unwrap()[name] = value;
    spec
}

#[test]
fn sound_objects_have_no_errors() {
    let objects = [
        deployment(web()),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "p-"}, "spec": {"containers": [
            {"name": "c", "image": "i", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}], "volumes": [{"name": "v"}]}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": [
            {"name": "http", "port": 80, "targetPort": "http"}, {"name": "dns", "port": 80, "protocol": "UDP"}]}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"}, "spec": {"rules": [
            {"host": "*.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix",
                "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]}}),
        json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
            "spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}}),
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"},
            "spec": {"minAvailable": "50%", "selector": {"matchLabels": {"app": "web"}}}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "web"},
            "spec": {"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": "http"}]}]}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "system:x"},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}),
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "x"}, "addressType": "IPv4"}),
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "x.1"}, "involvedObject": {}}),
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "x"}}),
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "x"}, "spec": {"schedule": "0 3 * * *",
            "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never",
                "containers": [{"name": "c", "image": "i"}]}}}}}}),
    ];
    for object in objects {
        assert_eq!(check(object.clone()), Vec::<String>::new(), "{object}");
    }
}

#[test]
fn metadata_of_every_kind() {
    let map = |metadata: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
    assert_eq!(check(map(json!({}))), ["metadata.name: Required value: name or generateName is required"]);
    let bad = check(map(json!({"name": "a", "labels": {"a b": "x", "c": "y z"}, "annotations": {"a/b/c": ""}})));
    assert!(bad[0].starts_with("metadata.labels: Invalid value: \"a b\": name part must consist of"));
    assert!(bad[1].starts_with("metadata.labels: Invalid value: \"y z\": a valid label must be"));
    assert!(bad[2].starts_with("metadata.annotations: Invalid value: \"a/b/c\": a valid label key must consist of"));
    let owner = json!({"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": ""});
    assert_eq!(
        check(map(json!({"name": "a", "finalizers": ["mine", "example.com/x"], "ownerReferences": [owner]}))),
        [
            "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty",
            "metadata.finalizers[0]: Invalid value: \"mine\": name is neither a standard finalizer name nor is it fully \
             qualified"
        ]
    );
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a.b"}});
    assert_eq!(check(namespace), ["metadata.name: Invalid value: \"a.b\": must not contain dots"]);
    let (new, old) = (map(json!({"name": "a", "uid": "2"})), map(json!({"name": "a", "uid": "1"})));
    assert_eq!(check_update(new, Some(old)), ["metadata.uid: Invalid value: \"2\": field is immutable"]);
}

#[test]
fn deployments() {
    assert_eq!(
        check(deployment(json!({}))),
        [
            "spec.selector: Required value",
            "spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`",
            "spec.template.spec.containers: Required value"
        ]
    );
    assert_eq!(
        check(deployment(with(web(), "/replicas", json!(-1)))),
        ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]
    );
    let moved = with(web(), "/selector/matchLabels", json!({"app": "other"}));
    assert_eq!(
        check_update(deployment(moved), Some(deployment(web()))),
        [
            "spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`",
            "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"other\"}}: field is immutable"
        ]
    );
    let containers = json!([
        {"name": "A", "image": ""}, {"name": "b", "image": "b", "imagePullPolicy": "Later"}, {"name": "b", "image": "b"}
    ]);
    let errors = check(deployment(with(web(), "/template/spec/containers", containers)));
    assert!(
        errors[0]
            .starts_with("spec.template.spec.containers[0].name: Invalid value: \"A\": a lowercase RFC 1123 label")
    );
    assert_eq!(
        errors[1..],
        [
            "spec.template.spec.containers[0].image: Required value",
            "spec.template.spec.containers[1].imagePullPolicy: Unsupported value: \"Later\": supported values: \
             \"Always\", \"IfNotPresent\", \"Never\"",
            "spec.template.spec.containers[2].name: Duplicate value: \"b\""
        ]
    );
    assert_eq!(
        check(deployment(with(web(), "/strategy", json!({"type": "Sideways"})))),
        ["spec.strategy.type: Unsupported value: \"Sideways\": supported values: \"Recreate\", \"RollingUpdate\""]
    );
}

#[test]
fn pods() {
    let pod = |container: Value| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [container]}});
    let resources = json!({"requests": {"cpu": "3"}, "limits": {"cpu": "2"}});
    assert_eq!(
        check(pod(json!({"name": "c", "image": "i", "resources": resources}))),
        ["spec.containers[0].resources.requests: Invalid value: \"3\": must be less than or equal to cpu limit of 2"]
    );
    let mounts = json!([{"name": "none", "mountPath": "/a"}]);
    assert_eq!(
        check(pod(json!({"name": "c", "image": "i", "volumeMounts": mounts, "ports": [{"containerPort": 0}]}))),
        [
            "spec.containers[0].ports[0].containerPort: Invalid value: 0: must be between 1 and 65535, inclusive",
            "spec.containers[0].volumeMounts[0].name: Not found: \"none\""
        ]
    );
    let old = pod(json!({"name": "c", "image": "i:1"}));
    assert!(
        check_update(pod(json!({"name": "c", "image": "i:2", "imagePullPolicy": "IfNotPresent"})), Some(old.clone()))
            .is_empty()
    );
    let changed = with(old.clone(), "/spec/restartPolicy", json!("Never"));
    assert!(check_update(changed, Some(old))[0].starts_with("spec: Forbidden: pod updates may not change fields"));
}

#[test]
fn services_and_ingresses() {
    let service = |spec: Value| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": spec});
    assert_eq!(check(service(json!({}))), ["spec.ports: Required value"]);
    assert_eq!(
        check(service(json!({"type": "Odd", "ports": [{"port": 70000}, {"name": "b", "port": 80}]}))),
        [
            "spec.ports[0].name: Required value",
            "spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive",
            "spec.ports[0].targetPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
            "spec.type: Unsupported value: \"Odd\": supported values: \"ClusterIP\", \"ExternalName\", \
             \"LoadBalancer\", \"NodePort\""
        ]
    );
    let at = |address: &str| service(json!({"clusterIP": address, "ports": [{"port": 80}]}));
    assert_eq!(
        check_update(at("10.0.0.2"), Some(at("10.0.0.1"))),
        ["spec.clusterIPs[0]: Invalid value: [\"10.0.0.2\"]: may not change once set"]
    );
    let ingress = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "i"}, "spec": {
        "rules": [{"http": {"paths": [{"path": "x", "pathType": "Prefix", "backend": {"service": {"name": "s"}}}]}}]
    }});
    assert_eq!(
        check(ingress),
        [
            "spec.rules[0].http.paths[0].path: Invalid value: \"x\": must be an absolute path",
            "spec.rules[0].http.paths[0].backend.service.port: Required value: port name or number is required"
        ]
    );
}

#[test]
fn configs() {
    let map = |more: Value| {
        let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}});
        object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        object
    };
    assert!(
        check(map(json!({"data": {"a/b": ""}})))[0]
            .starts_with("data[a/b]: Invalid value: \"a/b\": a valid config key")
    );
    assert_eq!(
        check_update(map(json!({"data": {"a": "2"}})), Some(map(json!({"data": {"a": "1"}, "immutable": true})))),
        [
            "immutable: Forbidden: field is immutable when `immutable` is set",
            "data: Forbidden: field is immutable when `immutable` is set"
        ]
    );
    let tls = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "t"}, "type": "kubernetes.io/tls"});
    assert_eq!(check(tls.clone()), ["data[tls.crt]: Required value", "data[tls.key]: Required value"]);
    let opaque = with(tls.clone(), "/type", json!("Opaque"));
    assert_eq!(check_update(opaque, Some(tls)), ["type: Invalid value: \"Opaque\": field is immutable"]);
}

#[test]
fn jobs_and_stateful_sets() {
    let spec = json!({"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}});
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": spec});
    assert_eq!(
        check(job),
        ["spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\""]
    );
    let set = |service: &str| {
        let spec = with(web(), "/serviceName", json!(service));
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "s"}, "spec": spec})
    };
    assert!(check_update(set("a"), Some(set("a"))).is_empty());
    assert!(check_update(set("b"), Some(set("a")))[0].starts_with("spec: Forbidden: updates to statefulset spec for"));
    let cron = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c"}, "spec": {"schedule": "often",
        "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}}}});
    assert_eq!(check(cron), ["spec.schedule: Invalid value: \"often\": expected exactly 5 fields, found 1: [often]"]);
}

#[test]
fn bindings_and_autoscalers() {
    let binding = |role: &str| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "b"},
            "roleRef": {"kind": "Role", "name": role}})
    };
    let errors = check_update(binding("b"), Some(binding("a")));
    assert!(errors[0].ends_with("cannot change roleRef"), "{errors:?}");
    let autoscaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"},
        "spec": {"minReplicas": 3, "maxReplicas": 2, "scaleTargetRef": {"kind": "Deployment", "name": "d"}}});
    assert_eq!(
        check(autoscaler),
        ["spec.maxReplicas: Invalid value: 2: must be greater than or equal to `minReplicas`"]
    );
}

#[test]
fn custom_resource_definitions() {
    let schema = json!({"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object"}}}});
    let version = json!({"name": "v1", "served": true, "storage": true, "schema": schema});
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "toys.example.com"}, "spec": {
        "group": "example.com", "scope": "Namespaced", "names": {"plural": "toys", "kind": "Toy"}, "versions": [version]
    }});
    assert_eq!(check(definition.clone()), Vec::<String>::new());
    let renamed = with(definition.clone(), "/metadata/name", json!("toys"));
    assert_eq!(check(renamed), ["metadata.name: Invalid value: \"toys\": must be spec.names.plural+\".\"+spec.group"]);
    let shapeless = with(definition.clone(), "/spec/versions/0/schema/openAPIV3Schema", json!({"type": "string"}));
    assert_eq!(
        check(shapeless),
        ["spec.validation.openAPIV3Schema.type: Invalid value: \"string\": must be object at the root"]
    );
    let unstored = with(definition, "/spec/versions/0/storage", json!(false));
    assert!(check(unstored)[0].ends_with("must have exactly one version marked as storage version"));
}
