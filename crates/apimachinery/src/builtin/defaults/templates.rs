//! Defaults that are constants, as templates by kind. It must not know how templates are filled in.
//!
//! Beside upstream's defaults they hold the empty structs that Go prints where a field has no `omitempty`.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::GroupVersionKind;

/// The template of a kind. A key starting with `?` fills only what is there; a list's entry fills every item.
pub(super) fn of(gvk: &GroupVersionKind) -> Option<&'static Map<String, Value>> {
    static TEMPLATES: LazyLock<Vec<Row>> =
        LazyLock::new(|| core().into_iter().chain(workloads()).chain(policies()).chain(extension()).collect());
    let wanted = (gvk.group.as_str(), gvk.version.as_str(), gvk.kind.as_str());
    TEMPLATES.iter().find(|(kind, _)| *kind == wanted)?.1.as_object()
}

type Row = ((&'static str, &'static str, &'static str), Value);

fn core() -> Vec<Row> {
    let containers =
        json!([{"ready": false, "restartCount": 0, "image": "", "imageID": "", "state": {}, "lastState": {}}]);
    let pod = json!({"spec": pod_spec(), "status": {
        "conditions": [{"lastProbeTime": null, "lastTransitionTime": null}],
        "containerStatuses": containers, "initContainerStatuses": containers, "ephemeralContainerStatuses": containers,
    }});
    let claim = json!({"spec": {"volumeMode": "Filesystem", "resources": {}}, "status": {"phase": "Pending"}});
    let volume = json!({
        "spec": merged(volume_source(), json!({"persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem"})),
        "status": {"phase": "Pending"}
    });
    let service = json!({
        "spec": {"ports": [{"protocol": "TCP"}]}, "status": {"loadBalancer": {"ingress": [{"ipMode": "VIP"}]}}
    });
    let event = json!({
        "metadata": {}, "involvedObject": {}, "source": {}, "firstTimestamp": null, "lastTimestamp": null,
        "eventTime": null, "reportingComponent": "", "reportingInstance": ""
    });
    let controller = json!({
        "spec": {"replicas": 1, "?template": template()},
        "status": {"replicas": 0, "conditions": [{"lastTransitionTime": null}]}
    });
    let endpoints = json!({"subsets": [{"ports": [{"protocol": "TCP"}]}]});
    vec![
        (("", "v1", "Pod"), pod),
        (("", "v1", "PodTemplate"), json!({"template": template()})),
        (("", "v1", "ReplicationController"), controller),
        (("", "v1", "Service"), service),
        (("", "v1", "Endpoints"), endpoints),
        (("", "v1", "Secret"), json!({"type": "Opaque"})),
        (
            ("", "v1", "Namespace"),
            json!({"spec": {}, "status": {"phase": "Active", "conditions": [{"lastTransitionTime": null}]}}),
        ),
        (("", "v1", "PersistentVolumeClaim"), claim),
        (("", "v1", "PersistentVolume"), volume),
        (("", "v1", "ResourceQuota"), json!({"spec": {}, "status": {}})),
        (("", "v1", "LimitRange"), json!({"spec": {"limits": []}})),
        (("", "v1", "Event"), event),
        (("", "v1", "Node"), json!({"spec": {}, "status": node_status()})),
    ]
}

fn workloads() -> Vec<Row> {
    let deployment = json!({
        "spec": {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600, "template": template()},
        "status": {"conditions": [{"lastUpdateTime": null, "lastTransitionTime": null}]}
    });
    let daemon_set = json!({
        "spec": {"revisionHistoryLimit": 10, "template": template()},
        "status": {
            "currentNumberScheduled": 0, "numberMisscheduled": 0, "desiredNumberScheduled": 0, "numberReady": 0,
            "conditions": [{"lastTransitionTime": null}]
        }
    });
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {},
        "spec": {"volumeMode": "Filesystem", "resources": {}}, "status": {"phase": "Pending"}
    });
    let stateful_set = json!({
        "spec": {
            "replicas": 1, "revisionHistoryLimit": 10, "podManagementPolicy": "OrderedReady", "serviceName": "",
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            "template": template(), "volumeClaimTemplates": [claim]
        },
        "status": {"replicas": 0, "availableReplicas": 0, "conditions": [{"lastTransitionTime": null}]}
    });
    let job = json!({
        "spec": {"completionMode": "NonIndexed", "suspend": false, "manualSelector": false, "template": template()},
        "status": {"conditions": [{"lastProbeTime": null, "lastTransitionTime": null}]}
    });
    let cron_job = json!({
        "spec": {
            "concurrencyPolicy": "Allow", "suspend": false, "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1,
            "jobTemplate": {"metadata": {}, "spec": {"template": template()}}
        },
        "status": {}
    });
    vec![
        (("apps", "v1", "Deployment"), deployment),
        (
            ("apps", "v1", "ReplicaSet"),
            json!({
                "spec": {"replicas": 1, "template": template()},
                "status": {"replicas": 0, "conditions": [{"lastTransitionTime": null}]}
            }),
        ),
        (("apps", "v1", "DaemonSet"), daemon_set),
        (("apps", "v1", "StatefulSet"), stateful_set),
        (("batch", "v1", "Job"), job),
        (("batch", "v1", "CronJob"), cron_job),
    ]
}

fn policies() -> Vec<Row> {
    let budget = json!({
        "spec": {}, "status": {"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0}
    });
    let rule = json!({"ports": [{"protocol": "TCP"}]});
    let group = json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io"}});
    let slice = json!({"endpoints": [{"conditions": {}}], "ports": [{"name": "", "protocol": "TCP"}]});
    let autoscaler = json!({"spec": {"minReplicas": 1}, "status": {
        "desiredReplicas": 0, "currentMetrics": null, "conditions": [{"lastTransitionTime": null}]
    }});
    let old_autoscaler = json!({"spec": {"minReplicas": 1}, "status": {"currentReplicas": 0, "desiredReplicas": 0}});
    vec![
        (("policy", "v1", "PodDisruptionBudget"), budget),
        (("autoscaling", "v2", "HorizontalPodAutoscaler"), autoscaler),
        (("autoscaling", "v1", "HorizontalPodAutoscaler"), old_autoscaler),
        (
            ("networking.k8s.io", "v1", "NetworkPolicy"),
            json!({"spec": {"podSelector": {}, "ingress": [rule], "egress": [rule]}}),
        ),
        (("networking.k8s.io", "v1", "Ingress"), json!({"spec": {}, "status": {"loadBalancer": {}}})),
        (("networking.k8s.io", "v1", "IngressClass"), json!({"?spec": {"?parameters": {"scope": "Cluster"}}})),
        (("rbac.authorization.k8s.io", "v1", "RoleBinding"), group.clone()),
        (("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding"), group),
        (("discovery.k8s.io", "v1", "EndpointSlice"), slice),
        (("coordination.k8s.io", "v1", "Lease"), json!({"spec": {}})),
        (("scheduling.k8s.io", "v1", "PriorityClass"), json!({"preemptionPolicy": "PreemptLowerPriority"})),
        (
            ("storage.k8s.io", "v1", "StorageClass"),
            json!({"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"}),
        ),
        (("storage.k8s.io", "v1", "CSIDriver"), csi_driver()),
        (
            ("flowcontrol.apiserver.k8s.io", "v1", "FlowSchema"),
            json!({"spec": {"matchingPrecedence": 1000}, "status": {}}),
        ),
        (("events.k8s.io", "v1", "Event"), json!({"eventTime": null, "deprecatedSource": {}})),
    ]
}

fn extension() -> Vec<Row> {
    let webhook = |more: Value| {
        let common = json!({
            "failurePolicy": "Fail", "matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {},
            "timeoutSeconds": 10, "rules": [{"scope": "*"}], "?clientConfig": {"?service": {"port": 443}}
        });
        json!({"webhooks": [merged(common, more)]})
    };
    let constraints = json!({
        "matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {},
        "resourceRules": [{"scope": "*"}], "excludeResourceRules": [{"scope": "*"}]
    });
    let policy = json!({"spec": {"failurePolicy": "Fail", "?matchConstraints": constraints}, "status": {}});
    let mutating = json!({"spec": {"failurePolicy": "Fail", "?matchConstraints": constraints}});
    let binding = json!({"spec": {"?matchResources": constraints}});
    let definition = json!({
        "spec": {"conversion": {"strategy": "None", "?webhook": {"?clientConfig": {"?service": {"port": 443}}}}}
    });
    let group = "admissionregistration.k8s.io";
    vec![
        ((group, "v1", "ValidatingWebhookConfiguration"), webhook(json!({}))),
        ((group, "v1", "MutatingWebhookConfiguration"), webhook(json!({"reinvocationPolicy": "Never"}))),
        ((group, "v1", "ValidatingAdmissionPolicy"), policy),
        ((group, "v1", "MutatingAdmissionPolicy"), mutating),
        ((group, "v1", "ValidatingAdmissionPolicyBinding"), binding.clone()),
        ((group, "v1", "MutatingAdmissionPolicyBinding"), binding),
        (("apiextensions.k8s.io", "v1", "CustomResourceDefinition"), definition),
        (("apiregistration.k8s.io", "v1", "APIService"), json!({"spec": {"?service": {"port": 443}}, "status": {}})),
    ]
}

/// What Go prints of a node that says nothing of itself.
fn node_status() -> Value {
    json!({
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}},
        "nodeInfo": {
            "machineID": "", "systemUUID": "", "bootID": "", "kernelVersion": "", "osImage": "",
            "containerRuntimeVersion": "", "kubeletVersion": "", "kubeProxyVersion": "", "operatingSystem": "",
            "architecture": ""
        },
        "conditions": [{"lastHeartbeatTime": null, "lastTransitionTime": null}]
    })
}

fn csi_driver() -> Value {
    json!({"spec": {
        "attachRequired": true, "podInfoOnMount": false, "storageCapacity": false, "requiresRepublish": false,
        "seLinuxMount": false, "fsGroupPolicy": "ReadWriteOnceWithFSType", "volumeLifecycleModes": ["Persistent"]
    }})
}

fn template() -> Value {
    json!({"metadata": {}, "spec": pod_spec()})
}

fn pod_spec() -> Value {
    json!({
        "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
        "securityContext": {}, "schedulerName": "default-scheduler",
        "containers": [container()], "initContainers": [container()], "ephemeralContainers": [container()],
        "volumes": [merged(volume_source(), projections())]
    })
}

fn container() -> Value {
    let http = json!({"path": "/", "scheme": "HTTP"});
    let probe = json!({
        "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3,
        "?httpGet": http, "?grpc": {"service": ""}
    });
    json!({
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File", "resources": {},
        "ports": [{"protocol": "TCP"}],
        "env": [{"?valueFrom": {"?fieldRef": {"apiVersion": "v1"}, "?resourceFieldRef": {"divisor": "0"}}}],
        "?livenessProbe": probe, "?readinessProbe": probe, "?startupProbe": probe,
        "?lifecycle": {"?postStart": {"?httpGet": http}, "?preStop": {"?httpGet": http}}
    })
}

/// Sources that pods' volumes and persistent volumes share.
fn volume_source() -> Value {
    let disk = json!({"cachingMode": "ReadWrite", "kind": "Shared", "fsType": "ext4", "readOnly": false});
    json!({
        "?hostPath": {"type": ""}, "?iscsi": {"iscsiInterface": "default"}, "?azureDisk": disk,
        "?rbd": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
        "?scaleIO": {"storageMode": "ThinProvisioned", "fsType": "xfs"}
    })
}

fn projections() -> Value {
    // 420 is 0644.
    let files = json!([{"?fieldRef": {"apiVersion": "v1"}, "?resourceFieldRef": {"divisor": "0"}}]);
    let claim = json!({"?volumeClaimTemplate": {"spec": {"volumeMode": "Filesystem", "resources": {}}}});
    let sources = json!([{"?serviceAccountToken": {"expirationSeconds": 3600}, "?downwardAPI": {"items": files}}]);
    json!({
        "?secret": {"defaultMode": 420}, "?configMap": {"defaultMode": 420},
        "?downwardAPI": {"defaultMode": 420, "items": files},
        "?projected": {"defaultMode": 420, "sources": sources}, "?ephemeral": claim
    })
}

fn merged(mut left: Value, right: Value) -> Value {
    if let (Value::Object(left), Value::Object(right)) = (&mut left, right) {
        left.extend(right);
    }
    left
}
