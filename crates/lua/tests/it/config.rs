//! The ConfigMap `argocd-cm`.

use mainstay_lua::{CompareOptions, Customizations, StatusField, Tracking};
use serde_json::json;

use crate::{customizations, data, now};

#[test]
fn the_single_key_is_read_and_split_keys_win() {
    let old = r#"
cert-manager.io/Certificate:
  health.lua: |
    return {status = "Degraded"}
admissionregistration.k8s.io/MutatingWebhookConfiguration:
  ignoreDifferences: |
    jsonPointers:
    - /webhooks/0/clientConfig/caBundle
    jqPathExpressions:
    - .webhooks[0].clientConfig.caBundle
    managedFieldsManagers: [cert-injector]
x.io/Thing:
  health.lua.useOpenLibs: true
  health.lua: |
    return {status = string.format("%s", "Healthy")}
  knownTypeFields:
  - field: spec.template
    type: core/v1/PodSpec
"#;
    let customizations = customizations(&[
        ("resource.customizations", old),
        ("resource.customizations.health.cert-manager.io_Certificate", "return {status = 'Healthy'}"),
        ("resource.customizations.ignoreDifferences.all", "managedFieldsManagers: [kube-controller-manager]"),
        ("resource.customizations.ignoreDifferences.Secret", "jsonPointers: [/data/token]"),
        ("resource.customizations.ignoreResourceUpdates.apps_Deployment", "jsonPointers: [/status]"),
    ]);
    for (api_version, kind) in [("cert-manager.io/v1", "Certificate"), ("x.io/v1", "Thing")] {
        let health = customizations.health(&json!({"apiVersion": api_version, "kind": kind}), now()).unwrap().unwrap();
        assert_eq!(health.unwrap().status.as_str(), "Healthy");
    }
    let rules = customizations.ignore_differences();
    let kinds: Vec<_> = rules.iter().map(|rule| (rule.group.as_str(), rule.kind.as_str())).collect();
    assert_eq!(kinds, [("*", "*"), ("", "Secret"), ("admissionregistration.k8s.io", "MutatingWebhookConfiguration")]);
    assert_eq!(rules[2].ignore.json_pointers, ["/webhooks/0/clientConfig/caBundle"]);
    assert_eq!(rules[2].ignore.managed_fields_managers, ["cert-injector"]);
    assert_eq!(customizations.ignore_resource_updates()[0].ignore.json_pointers, ["/status"]);
    assert_eq!(customizations.known_type_fields("x.io", "Thing")[0].type_name, "core/v1/PodSpec");
}

#[test]
fn mistakes_are_reported_one_by_one_and_leave_the_rest() {
    let (customizations, errors) = Customizations::from_config(&data(&[
        ("resource.customizations", "x.io/Old:\n  health.lua: return {status = 'Healthy'}\n  speed: 5\n  actions: 5\n"),
        ("resource.customizations.health.a_b_c", "x"),
        ("resource.customizations.health.", "x"),
        ("resource.customizations.mood.x.io_Thing", "x"),
        ("resource.customizations.useOpenLibs.x.io_Thing", "perhaps"),
        ("resource.customizations.actions.x.io_Thing", "definitions: [{name: a}]"),
        ("resource.customizations.ignoreDifferences.x.io_Thing", "jsonPointers: {"),
        ("resource.customizations.health.x.io_Good", "return {status = 'Healthy'}"),
        ("resource.exclusions", "- apiGroups: [a.io]\n- kinds: 5\n- kind: [Pod]\n"),
        ("resource.inclusions", "all"),
        ("resource.compareoptions", "ignoreResourceStatusField: sometimes"),
        ("application.resourceTrackingMethod", "stars"),
        ("url", "not ours to judge"),
    ]));
    let keys: Vec<_> = errors.iter().map(|error| error.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "resource.customizations, x.io/Old, actions",
            "resource.customizations, x.io/Old, speed",
            "resource.customizations.actions.x.io_Thing",
            "resource.customizations.health.",
            "resource.customizations.health.a_b_c",
            "resource.customizations.ignoreDifferences.x.io_Thing",
            "resource.customizations.mood.x.io_Thing",
            "resource.customizations.useOpenLibs.x.io_Thing",
            "resource.exclusions[1]",
            "resource.exclusions[2]",
            "resource.inclusions",
            "resource.compareoptions",
            "application.resourceTrackingMethod",
        ]
    );
    assert!(errors[5].to_string().starts_with(
        "failed to read resource.customizations.ignoreDifferences.x.io_Thing of ConfigMap argocd-cm: failed to read YAML"
    ));
    assert!(customizations.judges("x.io", "Good") && customizations.judges("x.io", "Old"));
    assert!(
        customizations.filter().excludes("a.io", "X", &["c"]) && !customizations.filter().excludes("", "Pod", &["c"])
    );
    assert_eq!(customizations.compare_options(), &CompareOptions::default());
}

#[test]
fn kinds_are_left_out() {
    let with = |exclusions: &str, inclusions: &str| {
        customizations(&[("resource.exclusions", exclusions), ("resource.inclusions", inclusions)]).filter().clone()
    };
    let none = with("", "");
    assert!(none.excludes("", "Event", &["c"]) && none.excludes("metrics.k8s.io", "PodMetrics", &["c"]));
    assert!(none.excludes("coordination.k8s.io", "Lease", &["c"]) && !none.excludes("", "Pod", &["c"]));

    let some = with(
        "- apiGroups: ['*.cilium.io', repositories.stash.*]\n  kinds: ['*']\n- kinds: [Pod*, Endpoints]\n  clusters: ['https://192.168.*']\n",
        "",
    );
    assert!(
        some.excludes("x.cilium.io", "Any", &["c"])
            && some.excludes("repositories.stash.appscode.com", "Snapshot", &["c"])
    );
    assert!(some.excludes("", "Endpoints", &["member", "https://192.168.0.1"]));
    assert!(!some.excludes("", "Endpoints", &["member"]));
    assert!(!some.excludes("", "Pods", &["https://192.168.0.1"]), "kinds are no patterns");

    let only = with("- kinds: [Secret]\n", "- apiGroups: ['']\n  kinds: [Secret, ConfigMap]\n  clusters: [dev]\n");
    let excluded = |kind: &str, cluster: &str| only.excludes("", kind, &[cluster]);
    assert!(!excluded("ConfigMap", "dev") && excluded("Secret", "dev") && excluded("Service", "dev"));
    assert!(!excluded("Service", "prod"), "inclusions count where they are for");
}

#[test]
fn options_have_upstreams_defaults() {
    let none = Customizations::default();
    assert_eq!((none.tracking(), none.instance_label()), (Tracking::Annotation, None));
    assert_eq!(none.compare_options().ignore_resource_status_field, StatusField::All);
    assert!(none.compare_options().ignore_differences_on_resource_updates);
    let options =
        "ignoreAggregatedRoles: true\nignoreResourceStatusField: off\nignoreDifferencesOnResourceUpdates: false\n";
    let some = customizations(&[
        ("resource.compareoptions", options),
        ("application.resourceTrackingMethod", "annotation+label"),
        ("application.instanceLabelKey", "example.com/app"),
    ]);
    assert_eq!(some.compare_options().ignore_resource_status_field, StatusField::None);
    assert!(some.compare_options().ignore_aggregated_roles);
    assert!(!some.compare_options().ignore_differences_on_resource_updates);
    assert_eq!((some.tracking(), some.instance_label()), (Tracking::AnnotationAndLabel, Some("example.com/app")));
}
