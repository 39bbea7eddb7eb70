//! Tests of the levels and their checks.

use serde_json::json;

use super::*;

fn found(level: Level, minor: Option<u32>, spec: Value) -> String {
    let version = minor.map_or(level::Version::Latest, level::Version::Minor);
    let pod = json!({"metadata": {"annotations": spec["annotations"]}, "spec": spec});
    details(&check::run(LevelVersion { level, version }, &Pod::of(&pod)))
}

fn container(context: Value) -> Value {
    json!({"containers": [{"name": "c", "securityContext": context}]})
}

#[test]
fn the_baseline_forbids_what_reaches_out_of_the_container() {
    let cases = [
        (json!({"hostPID": true, "hostIPC": true}), "host namespaces (hostPID=true, hostIPC=true)"),
        (
            json!({"volumes": [{"name": "a", "hostPath": {}}, {"name": "b", "hostPath": {}}]}),
            "hostPath volumes (volumes \"a\", \"b\")",
        ),
        (
            json!({"containers": [{"name": "c", "ports": [{"hostPort": 80}, {"hostPort": 443}]}]}),
            "hostPort (container \"c\" uses hostPorts 443, 80)",
        ),
        (
            container(json!({"capabilities": {"add": ["NET_RAW", "CHOWN"]}})),
            "non-default capabilities (container \"c\" must not include \"NET_RAW\" in securityContext.capabilities.add)",
        ),
        (
            container(json!({"procMount": "Unmasked"})),
            "procMount (container \"c\" must not set securityContext.procMount to \"Unmasked\")",
        ),
        (
            json!({"securityContext": {"seLinuxOptions": {"type": "spc_t", "user": "u"}}}),
            "seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type \"spc_t\"; user may not be set)",
        ),
        (
            json!({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}),
            "seccompProfile (pod must not set securityContext.seccompProfile.type to \"Unconfined\")",
        ),
        (json!({"securityContext": {"sysctls": [{"name": "kernel.msgmax"}]}}), "forbidden sysctls (kernel.msgmax)"),
        (
            json!({"securityContext": {"windowsOptions": {"hostProcess": true}}}),
            "hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)",
        ),
        (
            container(json!({"appArmorProfile": {"type": "Unconfined"}})),
            "forbidden AppArmor profile (container \"c\" must not set AppArmor profile type to \"Unconfined\")",
        ),
        (
            json!({"containers": [{"name": "c", "livenessProbe": {"httpGet": {"host": "10.0.0.1"}}}]}),
            "probe or lifecycle host (container \"c\" uses probe or lifecycle host \"10.0.0.1\")",
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(found(Level::Baseline, None, spec), expected);
    }
}

#[test]
fn the_restricted_level_asks_for_more_and_forgives_windows() {
    let good = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": true,
        "seccompProfile": {"type": "RuntimeDefault"}});
    assert_eq!(found(Level::Restricted, None, container(good.clone())), "");
    let mut root = container(good);
    root["containers"][0]["securityContext"]["runAsUser"] = json!(0);
    assert_eq!(found(Level::Restricted, None, root.clone()), "runAsUser=0 (container \"c\" must not set runAsUser=0)");
    root["hostUsers"] = json!(false);
    assert_eq!(found(Level::Restricted, None, root.clone()), "");
    assert_eq!(found(Level::Restricted, Some(22), root), "");
    let windows =
        json!({"os": {"name": "windows"}, "securityContext": {"runAsNonRoot": true}, "containers": [{"name": "c"}]});
    assert_eq!(found(Level::Restricted, None, windows.clone()), "");
    assert!(found(Level::Restricted, Some(24), windows).starts_with("allowPrivilegeEscalation != false"));
}

#[test]
fn checks_came_with_their_releases() {
    let probe = json!({"containers": [{"name": "c", "livenessProbe": {"tcpSocket": {"host": "x"}}}]});
    assert_eq!(found(Level::Baseline, Some(33), probe), "");
    let sysctl = |name: &str| json!({"securityContext": {"sysctls": [{"name": name}]}});
    assert_eq!(found(Level::Baseline, Some(32), sysctl("net.ipv4.tcp_rmem")), "");
    assert_ne!(found(Level::Baseline, Some(31), sysctl("net.ipv4.tcp_rmem")), "");
    let annotated = json!({"annotations": {"seccomp.security.alpha.kubernetes.io/pod": "unconfined"}});
    assert_ne!(found(Level::Baseline, Some(18), annotated.clone()), "");
    assert_eq!(found(Level::Baseline, Some(19), annotated), "");
}

#[test]
fn labels_make_a_policy() {
    let policy = |labels: Value| Policy::of(labels.as_object().unwrap());
    let (enforced, errors) = policy(json!({
        "pod-security.kubernetes.io/enforce": "baseline", "pod-security.kubernetes.io/enforce-version": "v1.30"}));
    assert_eq!(
        (enforced.enforce.to_string(), enforced.warn.to_string()),
        ("baseline:v1.30".into(), "baseline:v1.30".into())
    );
    assert!(errors.is_empty());
    let (wrong, errors) = policy(json!({
        "pod-security.kubernetes.io/enforce": "odd", "pod-security.kubernetes.io/warn-version": "v1.01"}));
    assert_eq!((wrong.enforce.level, wrong.warn.level, errors.len()), (Level::Restricted, Level::Privileged, 2));
}
