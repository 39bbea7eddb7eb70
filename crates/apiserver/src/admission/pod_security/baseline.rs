//! The checks of the level `baseline`, as `k8s.io/pod-security-admission/policy/check_*.go`.
//! It must not know namespaces.

use serde_json::Value;

use super::check::{Check, Pod, Violation, containers, distinct, plural, quoted, setters, violation};

/// In the order of their names.
pub(super) const CHECKS: &[Check] = &[
    Check { id: "appArmorProfile", versions: &[(0, app_armor)], overrides: "" },
    Check { id: "capabilities_baseline", versions: &[(0, capabilities)], overrides: "" },
    Check { id: "hostNamespaces", versions: &[(0, host_namespaces)], overrides: "" },
    Check { id: "hostPathVolumes", versions: &[(0, host_path_volumes)], overrides: "" },
    Check { id: "hostPorts", versions: &[(0, host_ports)], overrides: "" },
    Check { id: "hostProbesAndHostLifecycle", versions: &[(34, host_probes)], overrides: "" },
    Check { id: "privileged", versions: &[(0, privileged)], overrides: "" },
    Check { id: "procMount", versions: &[(0, proc_mount), (35, relaxed_proc_mount)], overrides: "" },
    Check {
        id: "seLinuxOptions",
        versions: &[(0, |pod| se_linux(pod, false)), (31, |pod| se_linux(pod, true))],
        overrides: "",
    },
    Check { id: "seccompProfile_baseline", versions: &[(0, seccomp_annotations), (19, seccomp)], overrides: "" },
    Check {
        id: "sysctls",
        versions: &[
            (0, |pod| sysctls(pod, 0)),
            (27, |pod| sysctls(pod, 27)),
            (29, |pod| sysctls(pod, 29)),
            (32, |pod| sysctls(pod, 32)),
        ],
        overrides: "",
    },
    Check { id: "windowsHostProcess", versions: &[(0, host_process)], overrides: "" },
];

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

fn is_true(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer) == Some(&Value::Bool(true))
}

fn app_armor(pod: &Pod<'_>) -> Option<Violation> {
    const ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";
    let bad = |context: &'_ Value| -> Option<String> {
        let kind = text(context, "/appArmorProfile/type")?;
        (!matches!(kind, "RuntimeDefault" | "Localhost")).then(|| kind.to_owned())
    };
    let names = pod.names_of(|container| bad(container.context).is_some());
    let of_containers: Vec<String> = pod.containers().filter_map(|container| bad(container.context)).collect();
    let of_pod = bad(pod.context());
    let annotations = pod.annotations.iter().filter_map(|(key, value)| {
        let value = value.as_str().unwrap_or_default();
        let allowed = value.is_empty() || value == "runtime/default" || value.starts_with("localhost/");
        (key.starts_with(ANNOTATION) && !allowed).then(|| format!("{key}=\"{value}\""))
    });
    let annotations: Vec<String> = annotations.collect();
    let mut who: Vec<String> = setters(of_pod.is_some(), &names).into_iter().collect();
    if !annotations.is_empty() {
        who.push(plural("annotation", "annotations", annotations.len()).to_owned());
    }
    if who.is_empty() {
        return None;
    }
    let mut values = distinct(of_pod.iter().chain(&of_containers).map(String::as_str));
    values.extend(annotations.iter().map(String::as_str));
    let reason = plural("forbidden AppArmor profile", "forbidden AppArmor profiles", values.len());
    violation(reason, format!("{} must not set AppArmor profile type to {}", who.join(" and "), quoted(&values)))
}

/// What containers may add.
const CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// The capabilities a container adds.
pub(super) fn added(context: &Value) -> impl Iterator<Item = &str> {
    let added = context.pointer("/capabilities/add").and_then(Value::as_array);
    added.into_iter().flatten().filter_map(Value::as_str)
}

fn capabilities(pod: &Pod<'_>) -> Option<Violation> {
    let forbidden = |name: &&str| !CAPABILITIES.contains(name);
    let names = pod.names_of(|container| added(container.context).any(|name| forbidden(&name)));
    let given = distinct(pod.containers().flat_map(|container| added(container.context).filter(forbidden)));
    let detail =
        || format!("{} must not include {} in securityContext.capabilities.add", containers(&names), quoted(&given));
    if names.is_empty() { None } else { violation("non-default capabilities", detail()) }
}

fn host_namespaces(pod: &Pod<'_>) -> Option<Violation> {
    let used = ["hostNetwork", "hostPID", "hostIPC"].into_iter().filter(|name| is_true(pod.spec, &format!("/{name}")));
    let used: Vec<String> = used.map(|name| format!("{name}=true")).collect();
    if used.is_empty() { None } else { violation("host namespaces", used.join(", ")) }
}

/// The volumes of a pod.
pub(super) fn volumes<'a>(pod: &Pod<'a>) -> impl Iterator<Item = &'a Value> + use<'a> {
    pod.spec.get("volumes").and_then(Value::as_array).into_iter().flatten()
}

fn host_path_volumes(pod: &Pod<'_>) -> Option<Violation> {
    let names: Vec<&str> = volumes(pod)
        .filter(|volume| volume.get("hostPath").is_some())
        .filter_map(|volume| text(volume, "/name"))
        .collect();
    let detail = || format!("{} {}", plural("volume", "volumes", names.len()), quoted(&names));
    if names.is_empty() { None } else { violation("hostPath volumes", detail()) }
}

fn host_ports(pod: &Pod<'_>) -> Option<Violation> {
    let of = |container: &Value| -> Vec<String> {
        let ports = container.get("ports").and_then(Value::as_array).into_iter().flatten();
        let ports = ports.filter_map(|port| port.get("hostPort")?.as_i64()).filter(|port| *port != 0);
        ports.map(|port| port.to_string()).collect()
    };
    let names = pod.names_of(|container| !of(container.value).is_empty());
    let all: Vec<String> = pod.containers().flat_map(|container| of(container.value)).collect();
    let ports = distinct(all.iter().map(String::as_str));
    if names.is_empty() {
        return None;
    }
    let (uses, word) = (plural("uses", "use", names.len()), plural("hostPort", "hostPorts", ports.len()));
    violation("hostPort", format!("{} {uses} {word} {}", containers(&names), ports.join(", ")))
}

fn host_probes(pod: &Pod<'_>) -> Option<Violation> {
    const HANDLERS: [&str; 5] =
        ["/livenessProbe", "/readinessProbe", "/startupProbe", "/lifecycle/postStart", "/lifecycle/preStop"];
    fn of(container: &Value) -> Vec<&str> {
        let hosts = HANDLERS.iter().filter_map(|handler| container.pointer(handler)).flat_map(|handler| {
            ["/httpGet/host", "/tcpSocket/host"].into_iter().filter_map(move |host| text(handler, host))
        });
        hosts.filter(|host| !host.is_empty()).collect()
    }
    let names = distinct(pod.names_of(|container| !of(container.value).is_empty()).into_iter());
    let hosts = distinct(pod.containers().flat_map(|container| of(container.value)));
    if names.is_empty() {
        return None;
    }
    let word = plural("probe or lifecycle host", "probe or lifecycle hosts", hosts.len());
    let uses = plural("uses", "use", names.len());
    violation("probe or lifecycle host", format!("{} {uses} {word} {}", containers(&names), quoted(&hosts)))
}

fn privileged(pod: &Pod<'_>) -> Option<Violation> {
    let names = pod.names_of(|container| is_true(container.context, "/privileged"));
    let detail = || format!("{} must not set securityContext.privileged=true", containers(&names));
    if names.is_empty() { None } else { violation("privileged", detail()) }
}

fn relaxed_proc_mount(pod: &Pod<'_>) -> Option<Violation> {
    if pod.has_user_namespace() { None } else { proc_mount(pod) }
}

fn proc_mount(pod: &Pod<'_>) -> Option<Violation> {
    fn bad(context: &Value) -> Option<&str> {
        text(context, "/procMount").filter(|kind| *kind != "Default")
    }
    let names = pod.names_of(|container| bad(container.context).is_some());
    let kinds = distinct(pod.containers().filter_map(|container| bad(container.context)));
    let detail = || format!("{} must not set securityContext.procMount to {}", containers(&names), quoted(&kinds));
    if names.is_empty() { None } else { violation("procMount", detail()) }
}

fn se_linux(pod: &Pod<'_>, engine: bool) -> Option<Violation> {
    let allowed = |kind: &str| {
        matches!(kind, "" | "container_t" | "container_init_t" | "container_kvm_t")
            || (engine && kind == "container_engine_t")
    };
    let set = |context: &Value, field: &str| {
        text(context, &format!("/seLinuxOptions/{field}")).is_some_and(|value| !value.is_empty())
    };
    let bad_type = |context: &Value| text(context, "/seLinuxOptions/type").is_some_and(|kind| !allowed(kind));
    let bad = |context: &Value| bad_type(context) || set(context, "user") || set(context, "role");
    let names = pod.names_of(|container| bad(container.context));
    let who = setters(bad(pod.context()), &names)?;
    let contexts: Vec<&Value> =
        std::iter::once(pod.context()).chain(pod.containers().map(|container| container.context)).collect();
    let kinds = contexts.iter().filter(|context| bad_type(context));
    let kinds = distinct(kinds.filter_map(|context| text(context, "/seLinuxOptions/type")));
    let mut what = Vec::new();
    if !kinds.is_empty() {
        what.push(format!("{} {}", plural("type", "types", kinds.len()), quoted(&kinds)));
    }
    for field in ["user", "role"] {
        if contexts.iter().any(|context| set(context, field)) {
            what.push(format!("{field} may not be set"));
        }
    }
    violation("seLinuxOptions", format!("{who} set forbidden securityContext.seLinuxOptions: {}", what.join("; ")))
}

fn seccomp_annotations(pod: &Pod<'_>) -> Option<Violation> {
    let allowed =
        |value: &str| matches!(value, "runtime/default" | "docker/default") || value.starts_with("localhost/");
    let own = "seccomp.security.alpha.kubernetes.io/pod".to_owned();
    let of_containers =
        pod.containers().map(|container| format!("container.seccomp.security.alpha.kubernetes.io/{}", container.name));
    let keys: Vec<String> = std::iter::once(own).chain(of_containers).collect();
    let bad = keys.iter().filter_map(|key| {
        let value = pod.annotations.get(key)?.as_str()?;
        (!allowed(value)).then(|| format!("{key}=\"{value}\""))
    });
    let bad: Vec<String> = bad.collect();
    let bad = distinct(bad.iter().map(String::as_str));
    let word = plural("annotation", "annotations", bad.len());
    if bad.is_empty() { None } else { violation("seccompProfile", format!("forbidden {word} {}", bad.join(", "))) }
}

/// The type of a seccomp profile, and whether it may be used.
pub(super) fn profile(context: &Value) -> Option<(&str, bool)> {
    let kind = context.get("seccompProfile")?.get("type").and_then(Value::as_str).unwrap_or_default();
    Some((kind, matches!(kind, "RuntimeDefault" | "Localhost")))
}

/// Profiles that are set and may not be used.
pub(super) fn seccomp(pod: &Pod<'_>) -> Option<Violation> {
    let bad = |context: &Value| profile(context).is_some_and(|(_, allowed)| !allowed);
    let names = pod.names_of(|container| bad(container.context));
    let who = setters(bad(pod.context()), &names)?;
    let contexts = std::iter::once(pod.context()).chain(pod.containers().map(|container| container.context));
    let kinds = distinct(contexts.filter_map(profile).filter(|(_, allowed)| !allowed).map(|(kind, _)| kind));
    violation("seccompProfile", format!("{who} must not set securityContext.seccompProfile.type to {}", quoted(&kinds)))
}

/// Safe kernel parameters, with the release in which they became so.
const SYSCTLS: [(&str, u32); 12] = [
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_port_range", 0),
    ("net.ipv4.ip_unprivileged_port_start", 0),
    ("net.ipv4.tcp_syncookies", 0),
    ("net.ipv4.ping_group_range", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_wmem", 32),
];

fn sysctls(pod: &Pod<'_>, minor: u32) -> Option<Violation> {
    let safe = |name: &str| SYSCTLS.iter().any(|(known, since)| *known == name && *since <= minor);
    let given = pod.context().get("sysctls").and_then(Value::as_array).into_iter().flatten();
    let bad: Vec<&str> = given.filter_map(|sysctl| text(sysctl, "/name")).filter(|name| !safe(name)).collect();
    if bad.is_empty() { None } else { violation("forbidden sysctls", bad.join(", ")) }
}

fn host_process(pod: &Pod<'_>) -> Option<Violation> {
    let bad = |context: &Value| is_true(context, "/windowsOptions/hostProcess");
    let who = setters(bad(pod.context()), &pod.names_of(|container| bad(container.context)))?;
    violation("hostProcess", format!("{who} must not set securityContext.windowsOptions.hostProcess=true"))
}
