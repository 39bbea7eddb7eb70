//! Defaults of pods and pod templates that depend on other fields.
//! It must not know which kinds carry pod templates.

use serde_json::{Value, json};

use super::{Object, child, items, made, set, text};

const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// `SetDefaults_PodSpec` and `SetDefaults_Container`.
pub(super) fn pod_spec(spec: &mut Object) {
    for list in CONTAINERS {
        items(spec, list).for_each(container);
    }
    for volume in items(spec, "volumes") {
        // A volume is its name and one source.
        if volume.len() == 1 && volume.contains_key("name") {
            volume.insert("emptyDir".to_owned(), json!({}));
        }
    }
}

fn container(container: &mut Object) {
    let policy = if is_latest(text(container, "image")) { "Always" } else { "IfNotPresent" };
    set(container, "imagePullPolicy", policy);
}

/// Whether an image has the tag `latest`, or neither tag nor digest.
fn is_latest(image: &str) -> bool {
    let (name, digest) = image.split_once('@').map_or((image, false), |(name, _)| (name, true));
    let last = name.rsplit('/').next().unwrap_or(name);
    match last.split_once(':') {
        Some((_, tag)) => tag == "latest",
        None => !digest,
    }
}

/// `SetDefaults_Pod`, and the status a new pod starts with.
pub(super) fn pod(pod: &mut Object) {
    let Some(spec) = made(pod, "spec") else { return };
    set(spec, "enableServiceLinks", true);
    let host_network = spec.get("hostNetwork") == Some(&Value::Bool(true));
    for list in CONTAINERS {
        for container in items(spec, list) {
            requests_from_limits(container);
            if host_network {
                items(container, "ports").for_each(host_port);
            }
        }
    }
    let class = quality_of_service(spec);
    let Some(status) = made(pod, "status") else { return };
    set(status, "phase", "Pending");
    set(status, "qosClass", class);
    addresses(status);
}

/// `podIP` is the first of `podIPs`; clients may set either.
fn addresses(status: &mut Object) {
    let first = status.get("podIPs").and_then(|list| list.pointer("/0/ip")).and_then(Value::as_str).map(str::to_owned);
    match (text(status, "podIP"), first) {
        ("", Some(first)) => drop(status.insert("podIP".to_owned(), first.into())),
        (address, first) if !address.is_empty() && first.as_deref() != Some(address) => {
            let list = json!([{"ip": address}]);
            status.insert("podIPs".to_owned(), list);
        }
        _ => {}
    }
}

fn host_port(port: &mut Object) {
    if let Some(number) = port.get("containerPort").cloned() {
        set(port, "hostPort", number);
    }
}

fn requests_from_limits(container: &mut Object) {
    let Some(resources) = child(container, "resources") else { return };
    let Some(limits) = resources.get("limits").and_then(Value::as_object).filter(|limits| !limits.is_empty()).cloned()
    else {
        return;
    };
    let Some(requests) = made(resources, "requests") else { return };
    for (name, amount) in limits {
        set(requests, &name, amount);
    }
}

/// `Guaranteed`, `Burstable` or `BestEffort`, from the cpu and memory of all containers.
pub(in super::super) fn quality_of_service(spec: &Object) -> &'static str {
    let containers = || {
        ["initContainers", "containers"]
            .into_iter()
            .filter_map(|list| spec.get(list)?.as_array())
            .flatten()
            .filter_map(|container| container.get("resources"))
    };
    let amount = |resources: &Value, side: &str, name: &str| {
        resources.get(side).and_then(|side| side.get(name)).filter(|amount| **amount != json!("0")).cloned()
    };
    let names = ["cpu", "memory"];
    let any = |resources: &Value| {
        names.iter().any(|name| ["limits", "requests"].iter().any(|side| amount(resources, side, name).is_some()))
    };
    let equal = |resources: &Value| {
        names.iter().all(|name| {
            let limit = amount(resources, "limits", name);
            limit.is_some() && limit == amount(resources, "requests", name)
        })
    };
    if !containers().any(any) {
        "BestEffort"
    } else if containers().all(equal) {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latest_images() {
        let latest = ["nginx", "nginx:latest", "reg:5000/nginx", "a/b/c"];
        assert!(latest.iter().all(|image| is_latest(image)));
        let fixed = ["nginx:1", "reg:5000/nginx:1", "nginx@sha256:0", "nginx:1@sha256:0"];
        assert!(!fixed.iter().any(|image| is_latest(image)));
    }

    #[test]
    fn qualities_of_service() {
        let class = |resources: Value| {
            quality_of_service(json!({"containers": [{"resources": resources}]}).as_object().unwrap())
        };
        let both = json!({"cpu": "1", "memory": "1Gi"});
        assert_eq!(class(json!({})), "BestEffort");
        assert_eq!(class(json!({"limits": both, "requests": both})), "Guaranteed");
        assert_eq!(class(json!({"requests": {"cpu": "1"}})), "Burstable");
    }
}
